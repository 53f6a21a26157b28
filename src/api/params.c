// SPDX-License-Identifier: Apache-2.0
#include "api/inner.h"

#include "base/num.h"

#include <errno.h>

#define MAX_PARAMS 1000

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct ax_str ax_url_decode(struct ax_arena *a, struct ax_str s, bool plus_is_space)
{
    char *p = ax_arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        int hi = s.p[i] == '%' && i + 2 < s.n ? hex(s.p[i + 1]) : -1;
        int lo = hi >= 0 ? hex(s.p[i + 2]) : -1;
        if (lo >= 0) {
            p[n++] = (char)(hi * 16 + lo);
            i += 2;
        } else {
            p[n++] = plus_is_space && s.p[i] == '+' ? ' ' : s.p[i];
        }
    }
    return (struct ax_str){p, n};
}

void ax_params_parse(struct ax_request *q, struct ax_str text)
{
    struct ax_str rest = text, pair;
    while (q->nparams < MAX_PARAMS && ax_str_cut(&rest, '&', &pair)) {
        struct ax_str name;
        if (pair.n == 0 || !ax_str_cut(&pair, '=', &name))
            continue;
        q->params = ax_arena_grow(&q->arena, q->params, q->nparams * sizeof *q->params,
                                  (q->nparams + 1) * sizeof *q->params);
        q->params[q->nparams].name = ax_url_decode(&q->arena, name, true);
        q->params[q->nparams++].value = ax_url_decode(&q->arena, pair.p ? pair : AX_STR(""), true);
    }
}

bool ax_param_next(const struct ax_request *q, const char *name, size_t *pos, struct ax_str *out)
{
    while (*pos < q->nparams) {
        const struct ax_param *p = &q->params[(*pos)++];
        if (!ax_str_eq(p->name, ax_str(name)))
            continue;
        *out = p->value;
        return true;
    }
    return false;
}

struct ax_str ax_param(const struct ax_request *q, const char *name)
{
    struct ax_str v = AX_STR_NULL;
    size_t pos = 0;
    ax_param_next(q, name, &pos, &v);
    return v;
}

int ax_param_time(const struct ax_request *q, const char *name, int64_t otherwise, int64_t *out,
                  struct ax_err *err)
{
    struct ax_str v = ax_param(q, name);
    if (v.n == 0) {
        *out = otherwise;
        return 0;
    }
    int rc = ax_time_parse(v, out, err);
    return rc < 0 ? ax_err_wrap(err, "invalid parameter \"%s\"", name) : 0;
}

int ax_param_count(const struct ax_request *q, const char *name, uint32_t otherwise, uint32_t max,
                   uint32_t *out, struct ax_err *err)
{
    struct ax_str v = ax_param(q, name);
    uint64_t n = otherwise;
    if (v.n && (!ax_str_u64(v, &n) || n > max))
        return ax_fail(err, -EINVAL, "invalid parameter \"%s\": expected a whole number up to %u",
                       name, max);
    *out = (uint32_t)n;
    return 0;
}
