// SPDX-License-Identifier: Apache-2.0
/* What a start finds: definitions, alarms and their states in the database, samples in the store.
 *
 *        mark - delay        mark          (the process died)       now      now + delay
 *   ----------+---------------+----------------------------------------+---------+-------->
 *     refill  |   evaluate, in the order of the samples' times         |  hold   |
 *
 * Before the mark all had been evaluated and written; the delay is how late samples may come. What
 * is older only refills windows; what is newer is evaluated as if it came now. An alarm that was
 * written later than the mark says itself up to which time (`seen`), so nothing is done twice. The
 * ends of periods after the mark are judged when the hold is over; silence while nobody listened
 * does not count. */
#include "alarm/stream/inner.h"

#include <stdlib.h>

/* ---- the database ---- */

static int read_mark(struct ax_stream *s, int64_t *mark, int64_t *listen, struct ax_err *err)
{
    struct ax_stmt q;
    *mark = *listen = 0;
    ax_stmt_begin(&q, s->o.sql, "SELECT mark, listen FROM alarm_engine");
    if (ax_stmt_row(&q)) {
        *mark = ax_stmt_col_int(&q, 0);
        *listen = ax_stmt_col_int(&q, 1);
    }
    return ax_stmt_end(&q, "reading the mark from", err);
}

static int read_definition(struct ax_stream *s, struct ax_stmt *q, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_def *def;
    struct ax_definition d = {
        .id = ax_arena_str(&a, ax_stmt_col(q, 0)),
        .name = ax_arena_str(&a, ax_stmt_col(q, 2)),
        .description = ax_arena_str(&a, ax_stmt_col(q, 3)),
        .expression = ax_arena_str(&a, ax_stmt_col(q, 4)),
        .match_by = ax_unlines(ax_arena_str(&a, ax_stmt_col(q, 5)), &a),
        .severity = (enum ax_severity)ax_stmt_col_int(q, 6),
        .actions_enabled = ax_stmt_col_int(q, 7) != 0,
        .created = ax_stmt_col_int(q, 11),
        .updated = ax_stmt_col_int(q, 12),
    };
    for (int i = 0; i < 3; i++)
        d.actions[i] = ax_unlines(ax_arena_str(&a, ax_stmt_col(q, 8 + i)), &a);
    struct ax_str tenant = ax_arena_str(&a, ax_stmt_col(q, 1));
    int rc = ax_def_make(s, tenant, &d, &def, err);
    if (rc == 0)
        ax_def_add(s, def);
    else
        ax_err_wrap(err, "alarm definition %.*s in the registry", AX_STR_ARG(d.id));
    ax_arena_free(&a);
    return rc;
}

static int read_definitions(struct ax_stream *s, struct ax_err *err)
{
    struct ax_stmt q;
    int rc = 0;
    ax_stmt_begin(&q, s->o.sql,
                  "SELECT id, tenant, name, description, expression, match_by, severity, "
                  "actions_enabled, ok_actions, undetermined_actions, alarm_actions, created, "
                  "updated FROM alarm_definition ORDER BY created, id");
    while (rc == 0 && ax_stmt_row(&q))
        rc = read_definition(s, &q, err);
    int end = ax_stmt_end(&q, "reading definitions from", rc < 0 ? NULL : err);
    return rc < 0 ? rc : end;
}

static void read_alarm(struct ax_stream *s, struct ax_stmt *q)
{
    struct ax_uuid id;
    uint64_t found;
    if (!ax_uuid_parse(ax_stmt_col(q, 0), &id) ||
        !ax_map_get(&s->defs, ax_stmt_col(q, 1), &found) || !found)
        return;
    struct ax_def *d = (struct ax_def *)(uintptr_t)found;
    struct ax_live *al = ax_live_new(s, d, (uint32_t)ax_stmt_col_int(q, 3), ax_stmt_col(q, 2));
    al->id = id;
    al->state = (uint8_t)(ax_stmt_col_int(q, 4) & 3);
    al->seen = ax_stmt_col_int(q, 6);
    al->until = ax_stmt_col_int(q, 7);
    al->complete = true;
    d->tenant->alarms++;
    ax_subs_read(al, ax_stmt_col(q, 5));
}

static int read_alarms(struct ax_stream *s, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, s->o.sql,
                  "SELECT id, definition, group_key, mask, state, subs, seen, until FROM alarm");
    while (ax_stmt_row(&q))
        read_alarm(s, &q);
    return ax_stmt_end(&q, "reading alarms from", err);
}

static int read_known(struct ax_stream *s, struct ax_err *err)
{
    struct ax_stmt q;
    size_t cap = 0;
    ax_stmt_begin(&q, s->o.sql, "SELECT alarm, name, dimensions FROM alarm_metric");
    while (ax_stmt_row(&q)) {
        struct ax_uuid id;
        if (!ax_uuid_parse(ax_stmt_col(&q, 0), &id))
            continue;
        if (s->nknown == cap) {
            cap = cap ? cap * 2 : 1024;
            s->known = ax_realloc(s->known, cap * sizeof *s->known);
        }
        s->known[s->nknown++] = ax_metric_hash(&id, ax_stmt_col(&q, 1), ax_stmt_col(&q, 2));
    }
    ax_known_sort(s);
    return ax_stmt_end(&q, "reading metrics of alarms from", err);
}

/* ---- the store ---- */

/* A sample of a series of a sub-expression, to be put in. */
struct item {
    struct ax_sample sample;
    uint32_t series, sub;
};
struct items {
    struct item *v;
    size_t n, cap;
};

static void add_item(struct items *all, struct item x)
{
    if (all->n == all->cap) {
        all->cap = all->cap ? all->cap * 2 : 1024;
        all->v = ax_realloc(all->v, all->cap * sizeof *all->v);
    }
    all->v[all->n++] = x;
}

static int by_time(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->sample.t != y->sample.t)
        return x->sample.t < y->sample.t ? -1 : 1;
    return x->series != y->series ? (x->series < y->series ? -1 : 1)
                                  : (x->sub > y->sub) - (x->sub < y->sub);
}

static uint32_t define(struct ax_stream *s, const struct ax_def *d, struct ax_labels labels,
                       struct ax_arena *a)
{
    struct ax_labels_builder b = {0};
    struct ax_labels whole;
    ax_labels_add_all(&b, labels);
    if (ax_intake_labels(&b, ax_str(d->tenant->name), a, &whole, NULL) < 0)
        return AX_SERIES_NONE;
    return ax_intake_define(s->o.intake, whole);
}

/* The samples that can be in the window of a sub-expression. */
static int read_samples(struct ax_stream *s, struct ax_def *d, uint32_t sub, int64_t mark,
                        int64_t now, struct items *out, struct ax_err *err)
{
    const struct ax_sub *x = &d->expr.subs[sub];
    struct ax_matcher m[AX_LABELS_MAX + 1] = {
        {.op = AX_MATCH_EQ, .name = AX_STR("__name__"), .value = x->metric}};
    for (size_t i = 0; i < x->ndimensions; i++)
        m[i + 1] = (struct ax_matcher){
            .op = AX_MATCH_EQ, .name = x->dimensions[i].name, .value = x->dimensions[i].value};
    int64_t window = (int64_t)x->period * 1000 * x->times;
    struct ax_store_select sel = {.tenant = ax_str(d->tenant->name),
                                  .matchers = m,
                                  .nmatchers = x->ndimensions + 1,
                                  .mint = mark - s->o.delay_ms - 2 * window - x->period * 1000ll,
                                  .maxt = now + 86400000};
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_series_set set = {0};
    int rc = ax_store_select(s->o.store, &sel, &a, &set, err);
    for (size_t i = 0; rc == 0 && i < set.n; i++) {
        uint32_t id = define(s, d, set.v[i].labels, &a);
        if (id == AX_SERIES_NONE)
            continue;
        ax_join(s, id, now);
        for (size_t k = 0; k < set.v[i].n; k++)
            if (set.v[i].v[k] == set.v[i].v[k])
                add_item(out, (struct item){{set.v[i].t[k], set.v[i].v[k]}, id, sub});
    }
    ax_arena_free(&a);
    return rc;
}

/* Silence up to `until`, as far as somebody listened. */
static void fall_silent(struct ax_run *r, struct ax_live *al, int64_t until)
{
    struct ax_moment m = r->m;
    m.now = until;
    m.hold = AX_NEVER;
    for (size_t i = 0; i < al->def->expr.nsubs; i++) {
        int64_t at = ax_window_due(ax_window_of(al, i), &m);
        r->at = r->seen = at;
        if (at <= until && ax_window_judge(ax_window_of(al, i), &m))
            ax_live_decide(r, al);
    }
}

/* The refill of an alarm is over: what is settled by it is evaluated. */
static void settle(struct ax_run *r, struct ax_live *al, int64_t at)
{
    r->at = r->seen = at;
    for (size_t i = 0; i < al->def->expr.nsubs; i++)
        if (ax_window_settle(ax_window_of(al, i)))
            ax_live_decide(r, al);
}

static int64_t boundary_of(const struct ax_stream *s, const struct ax_live *al, int64_t mark)
{
    return al->seen > mark - s->o.delay_ms ? al->seen : mark - s->o.delay_ms;
}

/* As it was on its way in, but nothing is decided. */
static void refill(struct ax_run *r, struct ax_live *al, struct ax_ref *ref,
                   const struct ax_sample *sample)
{
    uint8_t states[AX_SUBS_MAX];
    for (size_t i = 0; i < al->def->expr.nsubs; i++)
        states[i] = ax_window_of(al, i)->state;
    r->silent = true;
    ax_live_sample(r, ref, 1, sample);
    r->silent = false;
    for (size_t i = 0; i < al->def->expr.nsubs; i++)
        ax_window_of(al, i)->state = states[i];
}

struct replay {
    struct ax_stream *s;
    int64_t mark, now, heard_from; /* heard_from: when the last process began to listen */
};

static struct ax_run run_at(const struct replay *p, const struct ax_live *al, int64_t now)
{
    int64_t judged = al->until > p->mark ? al->until : p->mark;
    return (struct ax_run){.s = p->s,
                           .m = {.now = now,
                                 .over = judged - p->s->o.delay_ms,
                                 .delay = p->s->o.delay_ms,
                                 .hold = AX_NEVER,
                                 .listen = p->heard_from},
                           .at = now,
                           .past = true};
}

static void put_item(struct replay *p, struct ax_live *al, struct ax_ref *ref, const struct item *x)
{
    int64_t boundary = boundary_of(p->s, al, p->mark), t = x->sample.t;
    struct ax_run r = run_at(p, al, t > boundary ? t : boundary);
    if (r.m.now > p->now)
        r.m.now = p->now;
    if (t <= boundary) {
        refill(&r, al, ref, &x->sample);
        return;
    }
    if (!al->refilled) {
        al->refilled = true;
        settle(&r, al, boundary);
    }
    fall_silent(&r, al, t < p->mark ? t : p->mark);
    ax_live_sample(&r, ref, 1, &x->sample);
}

static void finish(struct replay *p, struct ax_live *al)
{
    struct ax_run r = run_at(p, al, p->mark);
    if (!al->refilled)
        settle(&r, al, boundary_of(p->s, al, p->mark));
    al->refilled = true;
    fall_silent(&r, al, p->mark);
}

static int replay(struct replay *p, struct ax_def *d, struct ax_err *err)
{
    struct items all = {0};
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < d->expr.nsubs; i++)
        rc = read_samples(p->s, d, i, p->mark, p->now, &all, err);
    if (all.n)
        qsort(all.v, all.n, sizeof *all.v, by_time);
    for (size_t i = 0; rc == 0 && i < all.n; i++) {
        union ax_watch_slot *slot = ax_slot_of_series(p->s, all.v[i].series, true);
        for (uint32_t k = 0; !(slot->number & 1) && k < slot->refs->n; k++) {
            struct ax_ref *ref = &slot->refs->v[k];
            struct ax_live *al = ax_live_of(ref->window);
            if (al->def == d && ref->window == ax_window_of(al, all.v[i].sub))
                put_item(p, al, ref, &all.v[i]);
        }
    }
    for (size_t i = 0; rc == 0 && i < d->n; i++)
        finish(p, d->alarms[i]);
    free(all.v);
    return rc;
}

/* The deadlines of all, once time is the present one. */
static void schedule(struct ax_stream *s, int64_t now)
{
    struct ax_run r = {.s = s, .m = ax_moment_at(s, now)};
    for (size_t i = 0; i < s->ndefs; i++)
        for (size_t k = 0; k < s->all[i]->n; k++)
            ax_live_schedule(&r, s->all[i]->alarms[k]);
}

static int read_all(struct ax_stream *s, struct replay *p, struct ax_err *err)
{
    ax_sql_lock(s->o.sql);
    int rc = read_mark(s, &p->mark, &p->heard_from, err);
    if (rc == 0)
        rc = read_definitions(s, err);
    if (rc == 0)
        rc = read_alarms(s, err);
    if (rc == 0)
        rc = read_known(s, err);
    ax_sql_unlock(s->o.sql);
    return rc;
}

int ax_stream_restore(struct ax_stream *s, struct ax_err *err)
{
    struct replay p = {.s = s, .now = ax_stream_now(s)};
    int rc = read_all(s, &p, err);
    if (rc < 0)
        return rc;
    if (!p.mark || p.mark > p.now)
        p.mark = p.now; /* the first start, or the clock was put back */
    for (size_t i = 0; rc == 0 && s->o.store && i < s->ndefs; i++)
        rc = replay(&p, s->all[i], err);
    s->hold = p.now + s->o.delay_ms;
    s->hold_over = p.mark - s->o.delay_ms;
    s->listen = p.now;
    s->ticked = p.mark;
    schedule(s, p.now);
    return rc;
}
