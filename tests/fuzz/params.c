// SPDX-License-Identifier: Apache-2.0
/* Parameters of a URL, percent decoding, and who counts as this machine. */
#include "kit.h"

#include "api/listen.h"
#include "api/monasca.h"

/* "dimensions=k:v,k2,k3:a|b": names and values are in the text, each with something in it. */
static void check_dimensions(struct ax_request *q, size_t n)
{
    struct ax_dimensions d;
    struct ax_err err = {0};
    size_t bytes = 0;
    if (ax_monasca_dimensions(q, "dimensions", &d, &err) < 0) {
        AX_ASSERT(err.text[0]);
        return;
    }
    for (size_t i = 0; i < d.n; i++) {
        AX_ASSERT(d.v[i].name.n > 0);
        bytes += d.v[i].name.n;
        for (size_t k = 0; k < d.v[i].values.n; k++)
            bytes += d.v[i].values.v[k].n;
    }
    AX_ASSERT(bytes <= n);
}

static void check_page(struct ax_request *q)
{
    struct ax_monasca_page page = {.limit = 77};
    struct ax_err err = {0};
    int rc = ax_monasca_page(q, &page, &err);
    AX_ASSERT(rc == 0 ? page.limit <= AX_MONASCA_LIMIT && page.offset <= INT64_MAX : err.text[0]);
}

FUZZ_TARGET(p, n)
{
    struct ax_request q = {0};
    struct ax_err err = {0};
    struct ax_str text = fuzz_str(p, n), v;
    struct ax_str decoded = ax_url_decode(&q.arena, text, false);
    AX_ASSERT(decoded.n <= n);
    ax_host_is_loopback(text);
    ax_params_parse(&q, text);
    size_t bytes = 0, pos = 0;
    for (size_t i = 0; i < q.nparams; i++)
        bytes += q.params[i].name.n + q.params[i].value.n;
    AX_ASSERT(bytes <= n);
    int64_t t = 0;
    uint32_t count = 0;
    int rc = ax_param_time(&q, "time", 5, &t, &err);
    AX_ASSERT(rc == 0 || (t == 0 && err.text[0]));
    rc = ax_param_count(&q, "limit", 5, 100, &count, &err);
    AX_ASSERT(rc == 0 ? count <= 100 : count == 0);
    while (ax_param_next(&q, "match[]", &pos, &v))
        AX_ASSERT(pos <= q.nparams);
    check_dimensions(&q, n);
    check_page(&q);
    ax_arena_free(&q.arena);
    return 0;
}
