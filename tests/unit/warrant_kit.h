// SPDX-License-Identifier: Apache-2.0
/* What the tests of warrants stand on: the rooms on a database of their own, two tenants with VMs,
 * short words for what they do. */
#ifndef WARRANT_KIT_H
#define WARRANT_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "warrant/warrant.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define T0     1795314600000
#define MINUTE 60000
#define HOUR   3600000
#define DAY    (24 * 3600000ll)
#define VM     AX_STR("vm:1")
#define VM2    AX_STR("vm:2")
#define THEIRS AX_STR("vm:theirs")
#define ACME   AX_STR("acme")

struct kit {
    char dir[64], path[96], head[96];
    struct ax_sql *sql;
    struct ax_registry *registry;
    struct ax_notify *notify;
    struct ax_warrants *w;
    struct ax_arena a;
    int64_t now;
    struct ax_err err;
};

static void must(int rc, const struct ax_err *err)
{
    if (rc < 0)
        fail_msg("%d: %s", rc, err->text);
}

static void open_rooms(struct kit *k)
{
    struct ax_err err = {0};
    struct ax_notify_options n = {.retry_min_ms = 3600000, .retry_max_ms = 3600000};
    must(ax_sql_open(&k->sql, k->path, &err), &err);
    must(ax_registry_open(&k->registry, k->sql, &err), &err);
    must(ax_notify_open(&k->notify, k->sql, &n, &err), &err);
    struct ax_warrants_options o = {
        .sql = k->sql, .registry = k->registry, .notify = k->notify, .head = k->head};
    must(ax_warrants_open(&k->w, &o, &err), &err);
}

static void close_rooms(struct kit *k)
{
    ax_warrants_close(k->w);
    ax_notify_close(k->notify);
    ax_registry_close(k->registry);
    ax_sql_close(k->sql);
}

static void see(struct kit *k, const char *tenant, const char *handle)
{
    struct ax_resource x = {.handle = ax_str(handle),
                            .kind = AX_KIND_VM,
                            .name = AX_STR("web"),
                            .state = AX_STR("running")};
    struct ax_observation o = {
        .time = k->now, .host = AX_STR("host:h"), .resources = &x, .nresources = 1};
    must(ax_registry_observe(k->registry, ax_str(tenant), &o, &k->err), &k->err);
}

static int set_up(void **state)
{
    struct kit *k = ax_calloc(1, sizeof *k);
    snprintf(k->dir, sizeof k->dir, "/tmp/auspex-warrant-XXXXXX");
    assert_non_null(mkdtemp(k->dir));
    snprintf(k->path, sizeof k->path, "%s/registry.db", k->dir);
    snprintf(k->head, sizeof k->head, "%s/ledger.head", k->dir);
    k->now = T0;
    open_rooms(k);
    see(k, "acme", "vm:1");
    see(k, "acme", "vm:2");
    see(k, "other", "vm:theirs");
    *state = k;
    return 0;
}

static int tear_down(void **state)
{
    struct kit *k = *state;
    close_rooms(k);
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", k->dir);
    assert_int_equal(system(command), 0);
    ax_arena_free(&k->a);
    free(k);
    return 0;
}

/* ---- what they do ---- */

static inline int consent(struct kit *k, struct ax_str handle, enum ax_scope scope, int64_t expires)
{
    struct ax_consent c = {.tenant = ACME,
                           .handle = handle,
                           .scope = scope,
                           .who = AX_STR("alice (member)"),
                           .expires = expires};
    return ax_consent_set(k->w, &c, k->now, &k->err);
}

static inline int open_warrant(struct kit *k, struct ax_str handle, enum ax_scope scope,
                               int64_t expires, int64_t notice_at, struct ax_warrant *out)
{
    *out = (struct ax_warrant){.handle = handle,
                               .scope = scope,
                               .reason = AX_STR("ticket 17"),
                               .who = AX_STR("root (provider)"),
                               .expires = expires,
                               .notice_at = notice_at};
    return ax_warrant_open(k->w, out, k->now, &k->a, &k->err);
}

static inline struct ax_inspection by_provider(struct ax_str handle, enum ax_scope scope)
{
    return (struct ax_inspection){
        .handle = handle, .scope = scope, .who = AX_STR("root (provider)"), .provider = true};
}

static inline struct ax_inspection by_owner(struct ax_str handle, enum ax_scope scope)
{
    return (struct ax_inspection){
        .tenant = ACME, .handle = handle, .scope = scope, .who = AX_STR("alice (member)")};
}

static inline int use(struct kit *k, struct ax_inspection x, struct ax_grant *g)
{
    return ax_warrants_use(k->w, &x, k->now, &k->a, g, &k->err);
}

static inline int allow(struct kit *k, struct ax_inspection x, struct ax_grant *g)
{
    return ax_warrants_allow(k->w, &x, k->now, &k->a, g, &k->err);
}

static inline size_t entries(struct kit *k, struct ax_ledger_entry **out)
{
    struct ax_ledger_filter f = {0};
    size_t n;
    must(ax_ledger_read(ax_warrants_ledger(k->w), &f, &k->a, out, &n, &k->err), &k->err);
    return n;
}

/* As the tenant sees them, the newest first. */
static inline size_t notices(struct kit *k, struct ax_inspection_notice **out)
{
    struct ax_notice_filter f = {.tenant = ACME, .seen_at = k->now};
    size_t n;
    must(ax_warrants_notices(k->w, &f, &k->a, out, &n, &k->err), &k->err);
    return n;
}

/* As an auditor does, beside a server. */
static inline struct ax_ledger_report verify_from_outside(struct kit *k, const char *wanted)
{
    struct ax_ledger_report r;
    struct ax_ledger *l;
    must(ax_ledger_look(&l, k->path, k->head, &k->err), &k->err);
    must(ax_ledger_verify(l, ax_str(wanted), &r, &k->err), &k->err);
    ax_ledger_close(l);
    return r;
}

static inline struct ax_ledger_report verify(struct kit *k, const char *wanted)
{
    struct ax_ledger_report r, file = verify_from_outside(k, wanted);
    must(ax_ledger_verify(ax_warrants_ledger(k->w), ax_str(wanted), &r, &k->err), &k->err);
    assert_int_equal(r.intact, file.intact);
    assert_int_equal(r.bad, file.bad);
    assert_string_equal(r.head, file.head);
    return r;
}

static inline void tick(struct kit *k, int64_t ms)
{
    k->now += ms;
    must(ax_warrants_tick(k->w, k->now, &k->err), &k->err);
}

static inline void restart(struct kit *k)
{
    close_rooms(k);
    open_rooms(k);
}

static inline int64_t number(struct kit *k, const char *query)
{
    struct ax_stmt q;
    ax_sql_lock(k->sql);
    ax_stmt_begin(&q, k->sql, query);
    int64_t v = ax_stmt_row(&q) ? ax_stmt_col_int(&q, 0) : -1;
    must(ax_stmt_end(&q, "reading", &k->err), &k->err);
    ax_sql_unlock(k->sql);
    return v;
}

#endif
