// SPDX-License-Identifier: Apache-2.0
/* Unavailability that is to come. A verdict counts when it was given several times in a row; what
 * was told of is kept in the registry, so that a restart tells nothing twice. */
#include "faults/faults.h"

#include "base/map.h"

#include <math.h>
#include <stdlib.h>

#define ROUNDS_UNTIL_EXPECTED 2
#define ROUNDS_UNTIL_AVERTED  6
#define SHORT_S               1800 /* within that long there is no time for plans */
#define PREFIX                "forecast/"

struct target {
    struct target *next;
    char *key; /* HANDLE RESOURCE, and PART behind a space where there is one */
    int64_t made_at;
    bool runs_out, seen;
    int rounds; /* for which that has been so */
    enum { NOTHING, WARNED, ALERTED } told;
};

struct ax_foretelling {
    struct ax_sql *sql;
    struct ax_registry *registry;
    struct ax_map by_key;
    struct target *all;
};

static struct target *find(struct ax_foretelling *x, struct ax_str key)
{
    uint64_t found;
    if (ax_map_get(&x->by_key, key, &found))
        return (struct target *)(uintptr_t)found;
    struct target *t = ax_calloc(1, sizeof *t);
    t->key = ax_calloc(1, key.n + 1);
    memcpy(t->key, key.p, key.n);
    t->next = x->all;
    x->all = t;
    ax_map_put(&x->by_key, ax_str(t->key), (uintptr_t)t);
    return t;
}

static void target_free(struct target *t)
{
    free(t->key);
    free(t);
}

/* ---- telling ---- */

static struct ax_str span(double seconds, struct ax_arena *a)
{
    static const struct {
        double from, size;
        const char *name;
    } units[] = {{172800, 86400, "days"}, {7200, 3600, "hours"}, {120, 60, "min"}, {0, 1, "s"}};
    size_t i = 0;
    while (seconds < units[i].from)
        i++;
    return ax_arena_printf(a, "%.0f %s", fmax(round(seconds / units[i].size), 0), units[i].name);
}

static struct ax_str expected_text(const struct ax_prediction *p, struct ax_str what,
                                   struct ax_arena *a)
{
    struct ax_str at_most = isfinite(p->seconds[2]) ? span(p->seconds[2], a) : AX_STR_NULL;
    return ax_arena_printf(a, "%.*s will probably run out of %.*s in %.*s (not before %.*s%s%.*s)",
                           AX_STR_ARG(p->name), AX_STR_ARG(what),
                           AX_STR_ARG(span(p->seconds[isfinite(p->seconds[1]) ? 1 : 0], a)),
                           AX_STR_ARG(span(p->seconds[0], a)), at_most.n ? ", at most " : "",
                           AX_STR_ARG(at_most));
}

/* The event, and that it was told: both or neither. told == NOTHING: it is averted. */
static int tell(struct ax_foretelling *x, struct ax_str tenant, struct target *t, int told,
                struct ax_event *e, struct ax_arena *a, struct ax_err *err)
{
    static const char *const severities[] = {NULL, "warning", "critical"};
    struct ax_str what = ax_str(t->key), key = ax_arena_printf(a, PREFIX "%s", t->key);
    ax_str_cut(&what, ' ', &e->handle);
    e->type = AX_STR("forecast");
    e->detail = what;
    e->severity = ax_str(severities[told != NOTHING ? told : (int)t->told]);
    int rc = ax_sql_begin(x->sql, err);
    if (rc < 0)
        return rc;
    rc = ax_registry_add_event_within(x->registry, tenant, e, err);
    if (rc == 0)
        rc = ax_registry_put_within(x->registry, key, ax_str(severities[told]), err);
    rc = ax_sql_end(x->sql, rc, err);
    if (rc == 0) {
        t->told = told;
        ax_registry_committed(x->registry);
    }
    return rc;
}

static int expect(struct ax_foretelling *x, struct ax_str tenant, struct target *t,
                  const struct ax_prediction *p, struct ax_arena *a, struct ax_err *err)
{
    int told = p->seconds[1] <= SHORT_S ? ALERTED : WARNED;
    struct ax_str what = ax_str(t->key), handle;
    if (t->rounds < ROUNDS_UNTIL_EXPECTED || told <= (int)t->told)
        return 0;
    ax_str_cut(&what, ' ', &handle);
    struct ax_event e = {
        .time = p->made_at, .what = AX_STR("expected"), .text = expected_text(p, what, a)};
    return tell(x, tenant, t, told, &e, a, err);
}

static int avert(struct ax_foretelling *x, struct ax_str tenant, struct target *t, int64_t now,
                 struct ax_arena *a, struct ax_err *err)
{
    struct ax_str what = ax_str(t->key), handle;
    if (t->told == NOTHING || t->rounds < ROUNDS_UNTIL_AVERTED)
        return 0;
    ax_str_cut(&what, ' ', &handle);
    struct ax_event e = {
        .time = now,
        .what = AX_STR("averted"),
        .text =
            ax_arena_printf(a, "it is not expected any more to run out of %.*s", AX_STR_ARG(what))};
    return tell(x, tenant, t, NOTHING, &e, a, err);
}

static void count(struct target *t, bool runs_out)
{
    t->rounds = t->runs_out == runs_out ? t->rounds + 1 : 1;
    t->runs_out = runs_out;
}

static int judge(struct ax_foretelling *x, struct ax_str tenant, const struct ax_prediction *p,
                 struct ax_arena *a, struct ax_err *err)
{
    struct ax_str key =
        ax_arena_printf(a, "%.*s %.*s%s%.*s", AX_STR_ARG(p->handle), AX_STR_ARG(p->resource),
                        p->part.n ? " " : "", AX_STR_ARG(p->part));
    struct target *t = find(x, key);
    t->seen = true;
    if (t->made_at == p->made_at)
        return 0; /* of the same round */
    t->made_at = p->made_at;
    count(t, p->verdict == AX_PREDICT_EXHAUST);
    return t->runs_out ? expect(x, tenant, t, p, a, err) : avert(x, tenant, t, p->made_at, a, err);
}

/* What nobody judges any more is not expected any more, and forgotten when that is told. */
static int sweep(struct ax_foretelling *x, struct ax_str tenant, int64_t now, struct ax_arena *a,
                 struct ax_err *err)
{
    int rc = 0;
    ax_map_clear(&x->by_key);
    for (struct target **at = &x->all, *t; (t = *at);) {
        if (!t->seen && t->told != NOTHING && rc == 0) {
            count(t, false);
            rc = avert(x, tenant, t, now, a, err);
        }
        if (!t->seen && t->told == NOTHING) {
            *at = t->next;
            target_free(t);
            continue;
        }
        ax_map_put(&x->by_key, ax_str(t->key), (uintptr_t)t);
        t->seen = false;
        at = &t->next;
    }
    return rc;
}

int ax_foretell(struct ax_foretelling *x, struct ax_str tenant, const struct ax_prediction *v,
                size_t n, int64_t now, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = judge(x, tenant, &v[i], &a, err);
    if (rc == 0)
        rc = sweep(x, tenant, now, &a, err);
    ax_arena_free(&a);
    return rc;
}

/* ---- opening ---- */

int ax_foretelling_open(struct ax_foretelling **out, struct ax_sql *sql,
                        struct ax_registry *registry, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_kv *v;
    size_t n;
    int rc = ax_registry_scan(registry, AX_STR(PREFIX), &a, &v, &n, err);
    if (rc == 0) {
        struct ax_foretelling *x = ax_calloc(1, sizeof *x);
        x->sql = sql;
        x->registry = registry;
        for (size_t i = 0; i < n; i++) {
            size_t prefix = strlen(PREFIX);
            struct ax_str key = {v[i].key.p + prefix, v[i].key.n - prefix};
            find(x, key)->told = ax_str_eq(v[i].value, AX_STR("critical")) ? ALERTED : WARNED;
        }
        *out = x;
    }
    ax_arena_free(&a);
    return rc;
}

void ax_foretelling_close(struct ax_foretelling *x)
{
    if (!x)
        return;
    for (struct target *t = x->all, *next; t; t = next) {
        next = t->next;
        target_free(t);
    }
    ax_map_free(&x->by_key);
    free(x);
}
