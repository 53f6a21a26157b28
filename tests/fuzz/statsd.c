// SPDX-License-Identifier: Apache-2.0
/* statsd's datagrams, two intervals of them: whatever comes, memory stays bounded and what goes to
 * the intake is finite, well labelled and of the tenant. */
#include "kit.h"

#include "ingest/ingest.h"
#include "statsd/table.h"

#include <errno.h>
#include <math.h>

static void check(const struct ax_batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct ax_labels l = b->v[i].labels;
        struct ax_err err;
        AX_ASSERT(ax_labels_valid(l.bytes));
        AX_ASSERT(ax_str_eq(ax_labels_get(l, AX_STR(AX_TENANT_LABEL)), AX_STR("t")));
        AX_ASSERT(ax_labels_get(l, AX_STR("hostname")).n > 0);
        AX_ASSERT(ax_monasca_check_name(ax_labels_get(l, AX_STR("__name__")), &err) == 0);
        AX_ASSERT(b->v[i].n == 1 && isfinite(b->v[i].samples[0].v));
    }
}

static void interval(struct ax_statsd_table *t, struct ax_str text)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a};
    struct ax_str line;
    while (ax_str_cut(&text, '\n', &line)) {
        struct ax_err err = {0};
        int rc = ax_statsd_add(t, line, &err);
        AX_ASSERT(rc == 0 || (err.code == rc && err.text[0]));
        AX_ASSERT(rc == 0 || rc == -EINVAL || rc == -ENOTSUP || rc == -ENOSPC);
    }
    ax_statsd_flush(t, 1795314600000, &b);
    check(&b);
    ax_arena_free(&a);
}

FUZZ_TARGET(p, n)
{
    struct ax_str text = fuzz_str(p, n);
    struct ax_statsd_table t = {.tenant = AX_STR("t"),
                                .hostname = AX_STR("here"),
                                .deltas = n && p[n - 1] & 1,
                                .random = 1};
    interval(&t, text);
    interval(&t, text);
    ax_statsd_table_free(&t);
    return 0;
}
