// SPDX-License-Identifier: Apache-2.0
/* GET /v2.0/metrics/statistics: what the samples of each period come to. Periods begin at whole
 * multiples since the epoch; those without samples are left out. */
#include "api/monasca.h"

#include "base/num.h"

#include <errno.h>
#include <math.h>
#include <strings.h>

#define DEFAULT_PERIOD_S 300
#define MAX_PERIOD_S     10000000000u

enum statistic { AVG, MIN, MAX, SUM, COUNT, STATISTICS };
static const char *const names[STATISTICS] = {"avg", "min", "max", "sum", "count"};

struct bucket {
    int64_t t;
    double min, max, sum;
    uint64_t count;
};

struct page {
    struct ax_monasca_query x;
    enum statistic columns[STATISTICS];
    size_t ncolumns;
    int64_t period; /* ms; 0: one for all */
    struct ax_json *j;
    const struct ax_monasca_group *group; /* the one at hand */
    bool open;                            /* its element is begun */
    struct bucket bucket;                 /* the one at hand, when its count > 0 */
    uint32_t all;                         /* buckets of all groups */
    const struct ax_monasca_group *last;  /* the bucket given last */
    int64_t last_t;
    bool more;
};

/* ---- parameters ---- */

static int add_column(struct page *p, struct ax_str name, struct ax_err *err)
{
    int s = 0;
    while (s < STATISTICS &&
           (strlen(names[s]) != name.n || strncasecmp(names[s], name.p, name.n) != 0))
        s++;
    if (s == STATISTICS)
        return ax_fail(err, -EINVAL,
                       "parameter statistics: \"%.*s\" is none of avg, min, max, sum, count",
                       (int)(name.n < 40 ? name.n : 40), name.p);
    for (size_t i = 0; i < p->ncolumns; i++)
        if ((int)p->columns[i] == s)
            return 0;
    p->columns[p->ncolumns++] = (enum statistic)s;
    return 0;
}

static int read_parameters(struct ax_request *q, struct page *p, struct ax_err *err)
{
    struct ax_str list, name, period = ax_param(q, "period");
    size_t pos = 0;
    uint64_t seconds = DEFAULT_PERIOD_S;
    int rc = 0;
    while (rc == 0 && ax_param_next(q, "statistics", &pos, &list))
        while (rc == 0 && list.n && ax_str_cut(&list, ',', &name))
            rc = add_column(p, ax_str_trim(name), err);
    if (rc == 0 && p->ncolumns == 0)
        rc = ax_fail(err, -EINVAL, "parameter statistics is missing: avg, min, max, sum, count");
    if (rc == 0 && period.n && (!ax_str_u64(period, &seconds) || seconds > MAX_PERIOD_S))
        rc = ax_fail(err, -EINVAL, "period \"%.*s\" is not a whole number of seconds",
                     (int)(period.n < 40 ? period.n : 40), period.p);
    p->period = (int64_t)seconds * 1000;
    return rc;
}

/* ---- buckets ---- */

static void open_element(struct page *p)
{
    struct ax_json *j = p->j;
    if (p->open)
        return;
    p->open = true;
    ax_json_obj(j);
    ax_monasca_put_group(j, &p->x, p->group);
    ax_json_key(j, "columns");
    ax_json_arr(j);
    ax_json_cstr(j, "timestamp");
    for (size_t i = 0; i < p->ncolumns; i++)
        ax_json_cstr(j, names[p->columns[i]]);
    ax_json_end(j);
    ax_json_key(j, "statistics");
    ax_json_arr(j);
}

/* Without the milliseconds. */
static struct ax_str print_second(int64_t t, char out[AX_NUM_TEXT])
{
    size_t n = ax_time_print(t, out);
    if (n > 5)
        out[n - 5] = 'Z';
    return (struct ax_str){out, n > 5 ? n - 4 : n};
}

static double value_of(const struct bucket *b, enum statistic s)
{
    switch (s) {
    case AVG: return b->sum / (double)b->count;
    case MIN: return b->min;
    case MAX: return b->max;
    case SUM: return b->sum;
    default: return (double)b->count;
    }
}

static void close_bucket(struct page *p)
{
    char when[AX_NUM_TEXT];
    if (p->bucket.count == 0)
        return;
    open_element(p);
    ax_json_arr(p->j);
    ax_json_str(p->j, print_second(p->bucket.t, when));
    for (size_t i = 0; i < p->ncolumns; i++)
        ax_monasca_put_float(p->j, value_of(&p->bucket, p->columns[i]));
    ax_json_end(p->j);
    p->last = p->group;
    p->last_t = p->bucket.t;
    p->all++;
    p->bucket.count = 0;
}

static int64_t bucket_of(const struct page *p, int64_t t)
{
    if (p->period == 0)
        return p->x.filter.select.mint;
    int64_t rest = t % p->period;
    return t - rest - (rest < 0 ? p->period : 0);
}

static bool take(void *ctx, const struct ax_monasca_row *row)
{
    struct page *p = ctx;
    struct bucket *b = &p->bucket;
    if (isnan(row->v))
        return true; /* no number says nothing about the others */
    int64_t t = bucket_of(p, row->t);
    if (b->count && b->t != t)
        close_bucket(p);
    if (b->count == 0) {
        if (p->all == p->x.limit) {
            p->more = true;
            return false;
        }
        *b = (struct bucket){.t = t, .min = row->v, .max = row->v};
    }
    b->min = row->v < b->min ? row->v : b->min;
    b->max = row->v > b->max ? row->v : b->max;
    b->sum += row->v;
    b->count++;
    return true;
}

/* Where the group's reading begins: behind the last bucket that was given. */
static int64_t begin_group(struct page *p, const struct ax_monasca_group *g)
{
    const struct ax_monasca_offset *o = &p->x.offset;
    p->group = g;
    p->open = false;
    if (!o->given || (o->has_id && ax_monasca_id_cmp(g->id, o->id) != 0))
        return p->x.filter.select.mint;
    return p->period ? bucket_of(p, o->t) + p->period : INT64_MAX / 2;
}

static int put_groups(struct page *p, struct ax_err *err)
{
    struct ax_monasca_reading r;
    int rc = 0;
    ax_monasca_reading_begin(&r, &p->x);
    for (size_t i = 0; rc == 0 && !p->more && i < p->x.ngroups; i++) {
        const struct ax_monasca_group *g = &p->x.groups[i];
        rc = ax_monasca_read(&r, g, begin_group(p, g), take, p, err);
        close_bucket(p);
        if (p->open) {
            ax_json_end(p->j);
            ax_json_end(p->j);
        }
    }
    ax_monasca_reading_end(&r);
    return rc;
}

static struct ax_str next_offset(const struct page *p)
{
    char when[AX_NUM_TEXT];
    struct ax_str t = print_second(p->last_t, when);
    struct ax_arena *a = &p->x.q->arena;
    return ax_arena_printf(a, "%.*s_%.*s", AX_STR_ARG(ax_monasca_id_print(a, p->last->id)),
                           AX_STR_ARG(t));
}

void ax_monasca_statistics(struct ax_request *q, struct ax_reply *r)
{
    struct ax_json j;
    struct page p = {.j = &j};
    struct ax_err err;
    int rc = read_parameters(q, &p, &err);
    if (rc == 0)
        rc = ax_monasca_query_begin(q, &p.x, &err);
    ax_monasca_list_begin(&j, r);
    if (rc == 0)
        rc = put_groups(&p, &err);
    if (rc < 0)
        ax_monasca_failed(r, &err);
    else
        ax_monasca_list_end(&j, q, p.more && p.last ? next_offset(&p) : AX_STR_NULL);
    ax_monasca_query_end(&p.x);
}
