// SPDX-License-Identifier: Apache-2.0
#include "statsd/table.h"

#include "ingest/ingest.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define GAUGE_INTERVALS 360 /* for so long a gauge that can be changed is remembered */

struct ax_statsd_metric {
    struct ax_str key; /* canonical labels, with the tenant */
    enum ax_statsd_kind kind;
    uint32_t idle;  /* intervals since it had a line; 0 = it had one in this */
    uint32_t id;    /* within the interval, for the members of sets */
    double value;   /* counter, gauge: what it is; timer: the sum */
    double max;     /* timer */
    double count;   /* timer: times, by the rates; set: members */
    double *kept;   /* timer: values */
    size_t n, room; /* of kept */
    uint64_t seen;  /* timer: values, kept or not */
};

static const char *const parts[] = {".avg", ".max", ".count", ".median", ".95percentile"};
#define LONGEST_PART ".95percentile"

/* ---- finding the metric of a line ---- */

static int check_words(const struct ax_statsd_line *l, struct ax_arena *a, struct ax_err *err)
{
    struct ax_str name = l->name;
    if (l->kind == AX_STATSD_TIMER && name.n && name.n < 1024)
        name = ax_arena_printf(a, "%.*s" LONGEST_PART, AX_STR_ARG(name));
    int rc = ax_monasca_check_name(name, err);
    for (size_t i = 0; rc == 0 && i < l->n; i++)
        rc = ax_monasca_check_dimension(l->dimensions[i].name, l->dimensions[i].value, err);
    return rc;
}

static int labels_of(struct ax_statsd_table *t, const struct ax_statsd_line *l,
                     struct ax_labels *out, struct ax_err *err)
{
    struct ax_labels_builder b = {0};
    bool hostname = !t->hostname.n;
    ax_labels_add(&b, AX_STR("__name__"), l->name);
    for (size_t i = 0; i < l->n; i++) {
        hostname = hostname || ax_str_eq(l->dimensions[i].name, AX_STR("hostname"));
        ax_labels_add(&b, l->dimensions[i].name, l->dimensions[i].value);
    }
    if (!hostname)
        ax_labels_add(&b, AX_STR("hostname"), t->hostname);
    return ax_intake_labels(&b, t->tenant, &t->scratch, out, err);
}

static int full(struct ax_err *err)
{
    return ax_fail(err, -ENOSPC, "there are too many metrics and values in this interval");
}

static struct ax_statsd_metric *add_metric(struct ax_statsd_table *t, struct ax_str key)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 64;
        t->metrics = ax_realloc(t->metrics, t->cap * sizeof *t->metrics);
    }
    struct ax_statsd_metric *m = &t->metrics[t->n];
    *m = (struct ax_statsd_metric){
        .key = ax_arena_str(&t->arena, key), .id = (uint32_t)t->n, .idle = 1};
    ax_map_put(&t->by_labels, m->key, t->n++);
    return m;
}

static int metric_of(struct ax_statsd_table *t, const struct ax_statsd_line *l,
                     struct ax_statsd_metric **out, struct ax_err *err)
{
    struct ax_labels labels;
    uint64_t at;
    int rc = labels_of(t, l, &labels, err);
    if (rc < 0)
        return rc;
    if (ax_map_get(&t->by_labels, labels.bytes, &at)) {
        *out = &t->metrics[at];
        return (*out)->kind == l->kind
                   ? 0
                   : ax_fail(err, -EINVAL, "it is of another type than the lines before");
    }
    rc = check_words(l, &t->scratch, err); /* what is known was checked then */
    if (rc < 0)
        return rc;
    if (t->n == AX_STATSD_METRICS || t->arena.used > AX_STATSD_BYTES)
        return full(err);
    *out = add_metric(t, labels.bytes);
    (*out)->kind = l->kind;
    return 0;
}

/* ---- what a line does to its metric ---- */

static int sum(double *to, double v, struct ax_err *err)
{
    if (!isfinite(*to + v))
        return ax_fail(err, -EINVAL, "the sum of the values is too large a number");
    *to += v;
    return 0;
}

static uint64_t below(struct ax_statsd_table *t, uint64_t n)
{
    t->random ^= t->random << 13;
    t->random ^= t->random >> 7;
    t->random ^= t->random << 17;
    return t->random % n;
}

/* Each value seen is among those kept with equal chance. */
static void keep(struct ax_statsd_table *t, struct ax_statsd_metric *m, double v)
{
    if (m->n == m->room && m->room < AX_STATSD_KEPT &&
        (m->room == 0 || t->arena.used <= AX_STATSD_BYTES)) {
        size_t room = m->room ? m->room * 4 : 16;
        m->kept =
            ax_arena_grow(&t->arena, m->kept, m->room * sizeof *m->kept, room * sizeof *m->kept);
        m->room = room;
    }
    m->seen++;
    if (m->n < m->room) {
        m->kept[m->n++] = v;
        return;
    }
    uint64_t at = below(t, m->seen);
    if (at < m->n)
        m->kept[at] = v;
}

static int add_time(struct ax_statsd_table *t, struct ax_statsd_metric *m,
                    const struct ax_statsd_line *l, struct ax_err *err)
{
    double count = m->count;
    int rc = sum(&count, 1 / l->rate, err);
    if (rc == 0)
        rc = sum(&m->value, l->value, err);
    if (rc < 0)
        return rc;
    m->count = count;
    m->max = m->seen && m->max > l->value ? m->max : l->value;
    keep(t, m, l->value);
    return 0;
}

static int add_member(struct ax_statsd_table *t, struct ax_statsd_metric *m, struct ax_str value,
                      struct ax_err *err)
{
    size_t n = sizeof m->id + value.n;
    char *key = ax_arena_room(&t->scratch, n);
    memcpy(key, &m->id, sizeof m->id);
    memcpy(key + sizeof m->id, value.p, value.n);
    if (ax_map_get(&t->members, (struct ax_str){key, n}, NULL))
        return 0;
    if (t->members.n == AX_STATSD_MEMBERS || t->arena.used > AX_STATSD_BYTES)
        return full(err);
    ax_map_put(&t->members, ax_arena_str(&t->arena, (struct ax_str){key, n}), 1);
    m->count++;
    return 0;
}

static int add_gauge(struct ax_statsd_table *t, struct ax_statsd_metric *m,
                     const struct ax_statsd_line *l, struct ax_err *err)
{
    if (t->deltas && (l->text.p[0] == '+' || l->text.p[0] == '-'))
        return sum(&m->value, l->value, err);
    m->value = l->value;
    return 0;
}

static int add_line(struct ax_statsd_table *t, const struct ax_statsd_line *l, struct ax_err *err)
{
    struct ax_statsd_metric *m;
    int rc = metric_of(t, l, &m, err);
    if (rc < 0)
        return rc;
    switch (l->kind) {
    case AX_STATSD_COUNTER: rc = sum(&m->value, l->value / l->rate, err); break;
    case AX_STATSD_GAUGE: rc = add_gauge(t, m, l, err); break;
    case AX_STATSD_TIMER: rc = add_time(t, m, l, err); break;
    case AX_STATSD_SET: rc = add_member(t, m, l->text, err); break;
    }
    if (rc == 0)
        m->idle = 0;
    return rc;
}

int ax_statsd_add(struct ax_statsd_table *t, struct ax_str line, struct ax_err *err)
{
    struct ax_statsd_line l;
    int rc = ax_statsd_parse(line, &t->scratch, &l, err);
    if (rc == 0)
        rc = add_line(t, &l, err);
    ax_arena_reset(&t->scratch);
    return rc;
}

/* ---- the end of an interval ---- */

static void put(struct ax_batch *out, struct ax_labels labels, int64_t now, double v)
{
    struct ax_sample s = {now, v};
    ax_batch_add(out, labels, &s, 1);
}

/* The metric's labels with something behind its name. */
static struct ax_labels part_of(const struct ax_statsd_metric *m, const char *part,
                                struct ax_arena *a)
{
    struct ax_labels_builder b = {0};
    struct ax_labels out;
    struct ax_label l;
    AX_LABELS_EACH ((struct ax_labels){m->key}, l) {
        bool name = ax_str_eq(l.name, AX_STR("__name__"));
        ax_labels_add(&b, l.name,
                      name ? ax_arena_printf(a, "%.*s%s", AX_STR_ARG(l.value), part) : l.value);
    }
    AX_ASSERT(ax_labels_finish(&b, a, &out, NULL) == 0);
    return out;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The smallest value that so many of all do not exceed. */
static double percentile(const struct ax_statsd_metric *m, double q)
{
    size_t rank = (size_t)ceil(q * (double)m->n);
    return m->kept[rank ? rank - 1 : 0];
}

static void put_timer(struct ax_batch *out, struct ax_statsd_metric *m, int64_t now)
{
    qsort(m->kept, m->n, sizeof *m->kept, rising);
    const double v[] = {m->value / (double)m->seen, m->max, m->count, percentile(m, 0.5),
                        percentile(m, 0.95)};
    for (size_t i = 0; i < AX_ARRAY_LEN(parts); i++)
        put(out, part_of(m, parts[i], out->arena), now, v[i]);
}

static void put_metric(struct ax_batch *out, struct ax_statsd_metric *m, int64_t now)
{
    if (m->kind == AX_STATSD_TIMER) {
        put_timer(out, m, now);
        return;
    }
    struct ax_labels labels = {ax_arena_str(out->arena, m->key)};
    put(out, labels, now, m->kind == AX_STATSD_SET ? m->count : m->value);
}

/* Gauges that lines may change go on into the next interval; all else begins anew. */
static void begin_anew(struct ax_statsd_table *t)
{
    struct ax_arena old = t->arena;
    struct ax_statsd_metric *was = t->metrics;
    size_t n = t->n;
    t->arena = (struct ax_arena)AX_ARENA_INIT;
    t->metrics = NULL;
    t->n = t->cap = 0;
    ax_map_clear(&t->by_labels);
    ax_map_clear(&t->members);
    for (size_t i = 0; i < n; i++) {
        if (!t->deltas || was[i].kind != AX_STATSD_GAUGE || was[i].idle >= GAUGE_INTERVALS)
            continue;
        struct ax_statsd_metric *m = add_metric(t, was[i].key);
        m->kind = AX_STATSD_GAUGE;
        m->value = was[i].value;
        m->idle = was[i].idle + 1;
    }
    free(was);
    ax_arena_free(&old);
}

void ax_statsd_flush(struct ax_statsd_table *t, int64_t now, struct ax_batch *out)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->metrics[i].idle == 0)
            put_metric(out, &t->metrics[i], now);
    begin_anew(t);
}

void ax_statsd_table_free(struct ax_statsd_table *t)
{
    ax_map_free(&t->by_labels);
    ax_map_free(&t->members);
    free(t->metrics);
    ax_arena_free(&t->arena);
    ax_arena_free(&t->scratch);
}
