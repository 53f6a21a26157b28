// SPDX-License-Identifier: Apache-2.0
/* What the tests of holding stand on: the rooms in a directory of their own, a clock that the test
 * moves, and the outbox as a text. The methods are mails that wait for a mail server, so that
 * nothing leaves. */
#ifndef DISPATCH_KIT_H
#define DISPATCH_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "dispatch/inner.h"

#include <errno.h>
#include <unistd.h>

#define TENANT AX_STR("t1")
#define T0     1790000000000ll
#define MIN    60000ll
#define OPS    kit_methods[0]
#define TEAM   kit_methods[1]

static char kit_dir[64];
static struct ax_sql *sql;
static struct ax_registry *registry;
static struct ax_notify *notify;
static struct ax_dispatch *dispatch;
static struct ax_arena arena;
static int64_t kit_now;
static char kit_ids[2][AX_UUID_TEXT + 1];
static struct ax_str kit_methods[2];
static struct ax_dispatch_options kit_options;

static inline int64_t kit_clock(void)
{
    return kit_now;
}

static inline void kit_ok(int rc, const struct ax_err *err)
{
    if (rc < 0)
        fail_msg("%s", err->text);
}

static inline void kit_open(void)
{
    struct ax_err err = {0};
    char path[96];
    snprintf(path, sizeof path, "%s/registry.db", kit_dir);
    kit_ok(ax_sql_open(&sql, path, &err), &err);
    kit_ok(ax_registry_open(&registry, sql, &err), &err);
    kit_options.sql = sql;
    kit_options.registry = registry;
    kit_options.now = kit_clock;
    kit_ok(ax_dispatch_open(&dispatch, &kit_options, &err), &err);
    kit_ok(ax_notify_open(&notify, sql, &(struct ax_notify_options){0}, &err), &err);
    ax_dispatch_use(dispatch, notify);
}

static inline void kit_close(void)
{
    ax_notify_close(notify);
    ax_dispatch_close(dispatch);
    ax_registry_close(registry);
    ax_sql_close(sql);
}

/* Nothing is written at the end, so this is what a kill would leave. */
static inline void kit_restart(void)
{
    kit_close();
    kit_open();
}

static inline int kit_begin(void **state)
{
    struct ax_err err = {0};
    kit_now = T0;
    kit_options = (struct ax_dispatch_options){0};
    snprintf(kit_dir, sizeof kit_dir, "/tmp/auspex-dispatch-XXXXXX");
    AX_ASSERT(mkdtemp(kit_dir));
    kit_open();
    for (int i = 0; i < 2; i++) {
        struct ax_notify_method m;
        struct ax_notify_fields f = {i ? AX_STR("team") : AX_STR("ops"), AX_STR("EMAIL"),
                                     AX_STR("somebody@example.org"), 0};
        kit_ok(ax_notify_create(notify, TENANT, &f, &arena, &m, &err), &err);
        snprintf(kit_ids[i], sizeof kit_ids[i], "%s", m.id.p);
        kit_methods[i] = ax_str(kit_ids[i]);
    }
    return 0;
}

static inline int kit_end(void **state)
{
    kit_close();
    ax_arena_free(&arena);
    arena = (struct ax_arena)AX_ARENA_INIT;
    return ax_remove_tree(kit_dir, NULL);
}

/* ---- alarms ---- */

static inline int kit_transition_rc(const char *alarm, const char *old, const char *state,
                                    const char *handle, const struct ax_str *methods, size_t n,
                                    struct ax_err *err)
{
    char metrics[200];
    snprintf(metrics, sizeof metrics,
             "[{\"name\":\"cpu\",\"dimensions\":{\"hostname\":\"%s\",\"disk\":\"sda\"}}]", alarm);
    struct ax_notice x = {.tenant = TENANT,
                          .alarm = ax_str(alarm),
                          .definition = AX_STR("def"),
                          .name = AX_STR("cpu high"),
                          .severity = AX_STR("HIGH"),
                          .state = ax_str(state),
                          .old_state = ax_str(old),
                          .reason = AX_STR("why"),
                          .time = kit_now,
                          .since = T0,
                          .metrics = ax_str(metrics)};
    return ax_dispatch_transition(dispatch, &x, methods, n, ax_str(handle), err);
}

/* In a transaction of its own. */
static inline void kit_transition(const char *alarm, const char *old, const char *state,
                                  const char *handle, const struct ax_str *methods, size_t n)
{
    struct ax_err err = {0};
    kit_ok(ax_sql_begin(sql, &err), &err);
    int rc = kit_transition_rc(alarm, old, state, handle, methods, n, &err);
    kit_ok(ax_sql_end(sql, rc, &err), &err);
}

/* Of no resource, for OPS. */
static inline void kit_goes(const char *alarm, const char *old, const char *state)
{
    kit_transition(alarm, old, state, "", &OPS, 1);
}

static inline void kit_tick(void)
{
    struct ax_err err = {0};
    int rc;
    while ((rc = ax_dispatch_tick(dispatch, &err)) > 0)
        ;
    kit_ok(rc, &err);
}

static inline void kit_pass(int64_t ms)
{
    kit_now += ms;
    kit_tick();
}

/* ---- what was told ---- */

/* All that is in the outbox as "ALARM STATE TO, ...", and empties it. */
static inline const char *kit_told(void)
{
    static char text[4096];
    struct ax_stmt q;
    struct ax_err err = {0};
    size_t n = 0;
    text[0] = 0;
    kit_ok(ax_sql_begin(sql, &err), &err);
    ax_stmt_begin(&q, sql,
                  "SELECT o.alarm, o.state, m.name FROM outbox o JOIN method m ON m.id = o.method "
                  "ORDER BY o.time, o.alarm, m.name, o.id");
    while (ax_stmt_row(&q) && n < sizeof text - 100)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s %s %s", n ? ", " : "",
                              ax_stmt_col(&q, 0).p, ax_stmt_col(&q, 1).p, ax_stmt_col(&q, 2).p);
    int rc = ax_stmt_end(&q, "reading", &err);
    if (rc == 0)
        rc = ax_sql_exec(sql, "DELETE FROM outbox", &err);
    kit_ok(ax_sql_end(sql, rc, &err), &err);
    return text;
}

/* The reason in the newest row of the outbox. */
static inline struct ax_str kit_reason(void)
{
    struct ax_stmt q;
    ax_sql_lock(sql);
    ax_stmt_begin(&q, sql, "SELECT reason FROM outbox ORDER BY id DESC LIMIT 1");
    struct ax_str s = ax_stmt_row(&q) ? ax_arena_str(&arena, ax_stmt_col(&q, 0)) : AX_STR("");
    ax_stmt_end(&q, "reading", NULL);
    ax_sql_unlock(sql);
    return s;
}

static inline uint64_t kit_held(enum ax_hold why)
{
    struct ax_dispatch_stats s;
    struct ax_err err = {0};
    kit_ok(ax_dispatch_stats(dispatch, &s, &err), &err);
    return s.held[why];
}

/* ---- resources ---- */

static inline void kit_resource(const char *kind, const char *name, const char *state)
{
    char handle[64];
    struct ax_err err = {0};
    enum ax_kind k;
    AX_ASSERT(ax_kind_parse(ax_str(kind), &k));
    snprintf(handle, sizeof handle, "%s:%s", kind, name);
    struct ax_resource x = {
        .handle = ax_str(handle), .kind = k, .name = ax_str(name), .state = ax_str(state)};
    struct ax_observation o = {
        .time = kit_now, .host = AX_STR("host:h1"), .resources = &x, .nresources = 1};
    kit_ok(ax_registry_observe(registry, TENANT, &o, &err), &err);
}

/* A host h1 with so many VMs, vm0... */
static inline void kit_host(int vms)
{
    kit_resource("host", "h1", "up");
    for (int i = 0; i < vms; i++) {
        char name[16];
        snprintf(name, sizeof name, "vm%d", i);
        kit_resource("vm", name, "running");
    }
}

/* The alarm "aI" of the VM "vmI", for OPS. */
static inline void kit_vm(int i, const char *old, const char *state)
{
    char alarm[16], handle[16];
    snprintf(alarm, sizeof alarm, "a%d", i);
    snprintf(handle, sizeof handle, "vm:vm%d", i);
    kit_transition(alarm, old, state, handle, &OPS, 1);
}

/* ---- silences ---- */

static inline int kit_silence_rc(const char *id, const char *const *matchers, int64_t from,
                                 int64_t to, char out[AX_UUID_TEXT + 1], struct ax_err *err)
{
    struct ax_matcher v[8];
    size_t n = 0;
    for (; matchers[n]; n++) {
        int rc = ax_matcher_parse(ax_str(matchers[n]), &arena, &v[n], err);
        if (rc < 0)
            return rc;
    }
    struct ax_silence s = {.id = ax_str(id),
                           .matchers = v,
                           .nmatchers = n,
                           .starts = from,
                           .ends = to,
                           .created_by = AX_STR("me"),
                           .comment = AX_STR("because")};
    return ax_silence_set(dispatch, TENANT, &s, out, err);
}

/* From now on for so long; the id lives until the next. */
static inline const char *kit_silence(const char *matcher, int64_t ms)
{
    static char id[AX_UUID_TEXT + 1];
    struct ax_err err = {0};
    const char *const all[] = {matcher, NULL};
    kit_ok(kit_silence_rc("", all, kit_now, kit_now + ms, id, &err), &err);
    return id;
}

#endif
