// SPDX-License-Identifier: Apache-2.0
/* Monasca's POST of logs. What is taken is UTF-8 within its bounds, and what is handed on as it
 * came is one line that a strict reader of JSON takes. */
#include "kit.h"

#include "ingest/ingest.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

/* Jansson is stricter in three things that JSON leaves open: names of members that have a NUL,
 * numbers that are too large, and depth. */
static bool is_json(struct ax_str s)
{
    json_error_t why;
    json_t *v =
        json_loadb(s.p, s.n, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &why);
    enum json_error_code code = json_error_code(&why);
    bool open = !v && (code == json_error_null_byte_in_key || code == json_error_numeric_overflow);
    json_decref(v);
    return v || open;
}

static void check_dimensions(const struct ax_log_dimensions *d)
{
    AX_ASSERT(d->n <= AX_LOG_DIMENSIONS);
    for (size_t i = 0; i < d->n; i++) {
        AX_ASSERT(d->v[i].name.n && d->v[i].value.n && d->v[i].name.p[0] != '_');
        AX_ASSERT(ax_str_utf8(d->v[i].name) && ax_str_utf8(d->v[i].value));
    }
}

static void check(const struct ax_log_text *l)
{
    AX_ASSERT(ax_str_utf8(l->message) && l->nothers <= AX_LOG_OTHERS);
    check_dimensions(&l->dimensions);
    for (size_t i = 0; i < l->nothers; i++) {
        AX_ASSERT(!memchr(l->others[i].json.p, '\n', l->others[i].json.n));
        AX_ASSERT(ax_str_utf8(l->others[i].key) && is_json(l->others[i].json));
    }
}

FUZZ_TARGET(p, n)
{
    static struct ax_logs_body body;
    static struct ax_log_text one;
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_err err = {0};
    int rc = ax_logs_decode(fuzz_str(p, n), &a, &body, &err);
    if (rc == 0)
        check_dimensions(&body.dimensions);
    for (rc = rc == 0 ? 1 : rc; rc > 0;)
        if ((rc = ax_logs_next(&body, &one, &err)) > 0)
            check(&one);
    if (rc < 0)
        AX_ASSERT(err.text[0] && err.code == rc &&
                  (rc == -EINVAL || rc == -EBADMSG || rc == -EFBIG));
    ax_arena_free(&a);
    return 0;
}
