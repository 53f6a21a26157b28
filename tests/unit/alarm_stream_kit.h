// SPDX-License-Identifier: Apache-2.0
/* What the tests of streaming alarms share: an intake, a database and, when asked for, a store in a
 * directory of their own, and a clock that the test sets. */
#ifndef AX_TESTS_ALARM_STREAM_KIT_H
#define AX_TESTS_ALARM_STREAM_KIT_H

#include "alarm/alarm.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define T0  1790000040000ll /* where a period of 60 s begins */
#define SEC 1000ll

static _Atomic int64_t kit_now; /* the writer reads it, too */
static inline int64_t kit_clock(void)
{
    return kit_now;
}

struct kit {
    char dir[64];
    struct ax_sql *sql;
    struct ax_registry *registry;
    struct ax_intake *intake;
    struct ax_store *store;
    struct ax_stream *stream;
    struct ax_arena arena; /* for results */
    bool stored;
    int64_t (*clock)(void); /* NULL: kit_now */
    struct ax_stream_options o;
    char log[8192]; /* transitions: TENANT/NAME STATE, ... */
    unsigned transitions, commits;
    void (*look)(struct kit *k, const struct ax_transition *t);
    unsigned looked;
    int fail; /* the next transitions' callback fails with this */
};

static inline int kit_transition(void *ctx, const struct ax_transition *t, struct ax_err *err)
{
    struct kit *k = ctx;
    size_t n = strlen(k->log);
    if (k->fail)
        return ax_fail(err, k->fail, "no room");
    k->transitions++;
    if (k->look)
        k->look(k, t);
    snprintf(k->log + n, sizeof k->log - n, "%s%.*s/%.*s %s@%lld", n ? ", " : "",
             AX_STR_ARG(t->tenant), AX_STR_ARG(t->name), ax_state_name(t->state),
             (long long)(t->at - T0) / 1000);
    return 0;
}

static inline void kit_committed(void *ctx)
{
    ((struct kit *)ctx)->commits++;
}

static inline void kit_open(struct kit *k)
{
    struct ax_err err = {0};
    char path[96];
    snprintf(path, sizeof path, "%s/registry.db", k->dir);
    k->intake = ax_intake_new(&(struct ax_intake_options){.max_age_ms = 100ll * 365 * 86400000});
    if (k->stored) {
        struct ax_store_options so = {.dir = k->dir,
                                      .retention_ms = 100ll * 365 * 86400000,
                                      .commit_us = 100,
                                      .now_ms = k->clock ? k->clock : kit_clock};
        if (ax_store_open(&k->store, &so, k->intake, &err) < 0)
            fail_msg("%s", err.text);
        struct ax_subscriber sub = ax_store_subscriber(k->store);
        ax_intake_subscribe(k->intake, &sub);
    }
    if (ax_sql_open(&k->sql, path, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(ax_sql_exec(k->sql, "PRAGMA synchronous=OFF", &err), 0);
    if (ax_registry_open(&k->registry, k->sql, &err) < 0)
        fail_msg("%s", err.text);
    k->o.sql = k->sql;
    k->o.registry = k->registry;
    k->o.intake = k->intake;
    k->o.store = k->store;
    k->o.now_ms = k->clock ? k->clock : kit_clock;
    k->o.transition = kit_transition;
    k->o.committed = kit_committed;
    k->o.ctx = k;
    if (ax_stream_open(&k->stream, &k->o, &err) < 0)
        fail_msg("%s", err.text);
    struct ax_subscriber sub = ax_stream_subscriber(k->stream);
    ax_intake_subscribe(k->intake, &sub);
}

static inline void kit_close(struct kit *k)
{
    ax_stream_close(k->stream);
    ax_store_close(k->store);
    ax_registry_close(k->registry);
    ax_sql_close(k->sql);
    ax_intake_free(k->intake);
    k->store = NULL;
}

static inline int kit_make(void **state, bool stored)
{
    struct kit *k = calloc(1, sizeof *k);
    snprintf(k->dir, sizeof k->dir, "/tmp/auspex-stream-XXXXXX");
    assert_non_null(mkdtemp(k->dir));
    kit_now = T0;
    k->stored = stored;
    k->o.manual = true;
    kit_open(k);
    /* Beyond the hold after a start, which has tests of its own. */
    kit_now = T0 + 6 * SEC;
    ax_stream_tick(k->stream, kit_now);
    *state = k;
    return 0;
}

static inline int kit_new(void **state)
{
    return kit_make(state, false);
}

static inline int kit_new_stored(void **state)
{
    return kit_make(state, true);
}

static inline int kit_end(void **state)
{
    struct kit *k = *state;
    char command[128];
    kit_close(k);
    ax_arena_free(&k->arena);
    snprintf(command, sizeof command, "rm -rf '%s'", k->dir);
    assert_int_equal(system(command), 0);
    free(k);
    return 0;
}

/* Time goes on to T0 + s, by ticks of a second. */
static inline void kit_go(struct kit *k, int64_t s)
{
    while (kit_now < T0 + s * SEC) {
        kit_now += SEC;
        ax_stream_tick(k->stream, kit_now);
    }
}

/* Adds NAME{k="v",...} to a batch; dims "k=v,k=v". */
static inline void kit_add(struct ax_batch *b, const char *tenant, const char *name,
                           const char *dims, int64_t t, double v)
{
    struct ax_labels_builder build = {0};
    struct ax_labels labels;
    struct ax_sample s = {t, v};
    struct ax_str rest = ax_str(dims), part, key;
    ax_labels_add(&build, AX_STR("__name__"), ax_str(name));
    while (rest.n && ax_str_cut(&rest, ',', &part)) {
        ax_str_cut(&part, '=', &key);
        ax_labels_add(&build, key, part);
    }
    assert_int_equal(ax_intake_labels(&build, ax_str(tenant), b->arena, &labels, NULL), 0);
    ax_batch_add(b, labels, &s, 1);
}

static inline void kit_send_of(struct kit *k, const char *tenant, const char *name,
                               const char *dims, int64_t t, double v)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a};
    struct ax_intake_result r;
    struct ax_err err = {0};
    kit_add(&b, tenant, name, dims, t, v);
    if (ax_intake_push(k->intake, &b, kit_now, &r, &err) < 0 || r.rejected)
        fail_msg("%s%s", err.text, r.reason);
    ax_arena_free(&a);
}

/* A sample of now. */
static inline void kit_send(struct kit *k, const char *name, const char *dims, double v)
{
    kit_send_of(k, "t", name, dims, kit_now, v);
}

static inline struct ax_definition kit_define_of(struct kit *k, const char *tenant,
                                                 const char *name, const char *expression,
                                                 const char *match_by)
{
    struct ax_str v[8], rest = ax_str(match_by);
    size_t n = 0;
    while (rest.n && ax_str_cut(&rest, ',', &v[n]))
        n++;
    struct ax_definition_edit e = {.set = AX_SET_NAME | AX_SET_EXPRESSION | AX_SET_MATCH_BY,
                                   .name = ax_str(name),
                                   .expression = ax_str(expression),
                                   .match_by = {v, n}};
    struct ax_definition d;
    struct ax_err err = {0};
    if (ax_definition_create(k->stream, ax_str(tenant), &e, kit_now, &k->arena, &d, &err) < 0)
        fail_msg("%s: %s", expression, err.text);
    return d;
}

static inline struct ax_definition kit_define(struct kit *k, const char *expression)
{
    return kit_define_of(k, "t", "d", expression, "");
}

/* The transitions since the last time, "t/d ALARM@125, ..."; seconds after T0. */
static inline void kit_expect(struct kit *k, const char *want)
{
    struct ax_err err = {0};
    if (ax_stream_flush(k->stream, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(k->log, want);
    k->log[0] = 0;
}

static inline struct ax_alarm_row *kit_alarms(struct kit *k, const struct ax_alarm_filter *f,
                                              size_t *n)
{
    struct ax_alarm_row *v;
    struct ax_err err = {0};
    assert_int_equal(ax_stream_flush(k->stream, &err), 0);
    if (ax_alarm_list(k->stream, AX_STR("t"), f, &k->arena, &v, n, &err) < 0)
        fail_msg("%s", err.text);
    return v;
}

static inline const char *kit_text(struct kit *k, struct ax_str s)
{
    return ax_arena_cstr(&k->arena, s);
}

#endif
