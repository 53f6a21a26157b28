// SPDX-License-Identifier: Apache-2.0
/* What is a fault, who sees it, and that streams and subscriptions miss none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "faults/faults.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define T0 1795314600000

struct kit {
    char dir[64], path[96];
    struct ax_sql *sql;
    struct ax_registry *registry;
    struct ax_notify *notify;
    struct ax_faults *faults;
    struct ax_faults_options o;
    struct ax_arena arena;
    int64_t clock;
};

static void must(int rc, const struct ax_err *err)
{
    if (rc < 0)
        fail_msg("%s", err->text);
}

static void open_rooms(struct kit *k)
{
    struct ax_err err = {0};
    struct ax_notify_options n = {.retry_min_ms = 3600000, .retry_max_ms = 3600000};
    must(ax_sql_open(&k->sql, k->path, &err), &err);
    must(ax_registry_open(&k->registry, k->sql, &err), &err);
    must(ax_notify_open(&k->notify, k->sql, &n, &err), &err);
    k->o.sql = k->sql;
    k->o.registry = k->registry;
    k->o.notify = k->notify;
    must(ax_faults_open(&k->faults, &k->o, &err), &err);
}

static void close_rooms(struct kit *k)
{
    ax_faults_end(k->faults);
    ax_faults_close(k->faults);
    ax_notify_close(k->notify);
    ax_registry_close(k->registry);
    ax_sql_close(k->sql);
}

static int set_up(void **state)
{
    struct kit *k = ax_calloc(1, sizeof *k);
    snprintf(k->dir, sizeof k->dir, "/tmp/auspex-faults-XXXXXX");
    assert_non_null(mkdtemp(k->dir));
    snprintf(k->path, sizeof k->path, "%s/registry.db", k->dir);
    k->clock = T0;
    k->o.beat_ms = 600000;
    open_rooms(k);
    *state = k;
    return 0;
}

static int tear_down(void **state)
{
    struct kit *k = *state;
    char victim[128];
    const char *const suffix[] = {"", "-wal", "-shm"};
    close_rooms(k);
    for (size_t i = 0; i < 3; i++) {
        snprintf(victim, sizeof victim, "%s%s", k->path, suffix[i]);
        unlink(victim);
    }
    rmdir(k->dir);
    ax_arena_free(&k->arena);
    free(k);
    return 0;
}

static void happen(struct kit *k, const char *tenant, const char *handle, const char *what,
                   const char *detail)
{
    struct ax_err err = {0};
    struct ax_event e = {.time = k->clock++,
                         .handle = ax_str(handle),
                         .type = AX_STR("lifecycle"),
                         .what = ax_str(what),
                         .detail = ax_str(detail),
                         .text = AX_STR("it happened")};
    struct ax_observation o = {
        .time = e.time, .host = AX_STR("host:h"), .events = &e, .nevents = 1};
    must(ax_registry_observe(k->registry, ax_str(tenant), &o, &err), &err);
}

/* ---- a client ---- */

struct client {
    struct ax_fault_stream *stream;
    struct ax_buf got;
    _Atomic bool parked, freed, may;
};

static void park(void *ctx)
{
    ((struct client *)ctx)->parked = true;
}

static void wake(void *ctx)
{
    ((struct client *)ctx)->parked = false;
}

static bool may(void *ctx)
{
    return ((struct client *)ctx)->may;
}

static void set_free(void *ctx)
{
    ((struct client *)ctx)->freed = true;
}

static int connect_as(struct kit *k, struct client *c, const char *tenant, int64_t since,
                      int64_t lasts_ms, struct ax_err *err)
{
    struct ax_fault_stream_options o = {.filter = {.tenant = ax_str(tenant)},
                                        .owner = ax_str(tenant),
                                        .since = since,
                                        .lasts_ms = lasts_ms,
                                        .park = park,
                                        .wake = wake,
                                        .may = may,
                                        .free = set_free,
                                        .ctx = c};
    *c = (struct client){.may = true};
    return ax_fault_stream_open(k->faults, &o, &c->stream, err);
}

static void connect_to(struct kit *k, struct client *c, const char *tenant, int64_t since,
                       int64_t lasts_ms)
{
    struct ax_err err = {0};
    must(connect_as(k, c, tenant, since, lasts_ms, &err), &err);
}

/* Takes for so long, or until the stream is over: true. */
static bool take(struct client *c, int64_t ms)
{
    int64_t until = ax_mono_ns() + ms * 1000000;
    while (ax_mono_ns() < until) {
        if (c->parked) {
            ax_sleep_ms(1);
            continue;
        }
        if (ax_fault_stream_take(c->stream, &c->got) == 0)
            return true;
    }
    return false;
}

static void hang_up(struct client *c)
{
    for (int i = 0; c->parked && i < 5000; i++)
        ax_sleep_ms(1);
    assert_false(c->parked); /* nobody closes a connection that sleeps */
    ax_fault_stream_close(c->stream);
    for (int i = 0; !c->freed && i < 5000; i++)
        ax_sleep_ms(1);
    assert_true(c->freed);
    ax_buf_free(&c->got);
}

static int count(struct client *c, const char *word)
{
    struct ax_str rest = ax_buf_view(&c->got);
    int n = 0;
    for (char *p; rest.n && (p = memmem(rest.p, rest.n, word, strlen(word))); n++)
        rest = (struct ax_str){p + 1, (size_t)(rest.p + rest.n - p - 1)};
    return n;
}

/* ---- tests ---- */

static void what_somebody_wanted_is_no_fault(void **state)
{
    static const struct {
        const char *type, *what, *detail;
        int severity, phase; /* -1: none */
    } rows[] = {
        {"lifecycle", "stopped", "shutdown", -1, -1},
        {"lifecycle", "stopped", "migrated", -1, -1},
        {"lifecycle", "stopped", "destroyed", AX_FAULT_CRITICAL, AX_FAULT_BEGINS},
        {"lifecycle", "suspended", "I/O error", AX_FAULT_CRITICAL, AX_FAULT_BEGINS},
        {"lifecycle", "suspended", "paused", AX_FAULT_WARNING, AX_FAULT_BEGINS},
        {"lifecycle", "started", "booted", AX_FAULT_CRITICAL, AX_FAULT_ENDS},
        {"lifecycle", "defined", "added", -1, -1},
        {"state", "down", "silent", AX_FAULT_CRITICAL, AX_FAULT_BEGINS},
        {"state", "discovered", "running", -1, -1},
        {"state", "paused", "saving", -1, -1},
        {"memory", "oom-suspected", "1% to 40%", AX_FAULT_WARNING, AX_FAULT_ONCE},
        {"alarm", "firing", "rule", AX_FAULT_WARNING, AX_FAULT_BEGINS},
        {"other", "down", "", -1, -1},
    };
    for (size_t i = 0; i < AX_ARRAY_LEN(rows); i++) {
        struct ax_event e = {.type = ax_str(rows[i].type),
                             .what = ax_str(rows[i].what),
                             .detail = ax_str(rows[i].detail)};
        const struct ax_fault_kind *k = ax_fault_of(&e);
        assert_int_equal(k ? (int)k->severity : -1, rows[i].severity);
        assert_int_equal(k ? (int)k->phase : -1, rows[i].phase);
    }
}

static void an_alarm_has_a_severity_of_its_own(void **state)
{
    struct ax_told t = {.event = {.type = AX_STR("alarm"),
                                  .what = AX_STR("resolved"),
                                  .severity = AX_STR("critical")}};
    const struct ax_fault_kind *k = ax_fault_of(&t.event);
    struct ax_fault_filter f = {.severity = AX_FAULT_CRITICAL};
    assert_true(ax_fault_matches(&f, &t, k));
    t.event.severity = AX_STR("info");
    assert_false(ax_fault_matches(&f, &t, k));
}

static void a_stream_is_fed_at_once_with_its_tenants_faults(void **state)
{
    struct kit *k = *state;
    struct client a, all;
    connect_to(k, &a, "acme", -1, -1);
    connect_to(k, &all, "", -1, -1);
    take(&a, 50);
    take(&all, 50);
    assert_true(a.parked && all.parked);
    happen(k, "acme", "vm:1", "crashed", "panicked");
    happen(k, "other", "vm:2", "crashed", "panicked");
    happen(k, "acme", "vm:1", "defined", "added");
    take(&a, 300);
    take(&all, 300);
    assert_int_equal(count(&a, "event: fault"), 1);
    assert_int_equal(count(&a, "vm:2"), 0);
    assert_int_equal(count(&all, "event: fault"), 2);
    ax_faults_end(k->faults);
    assert_true(take(&a, 1000));
    assert_true(take(&all, 1000));
    hang_up(&a);
    hang_up(&all);
}

static void a_stream_of_all_has_what_is_no_fault(void **state)
{
    struct kit *k = *state;
    struct client c = {.may = true};
    struct ax_err err = {0};
    struct ax_fault_stream_options o = {.filter = {.tenant = AX_STR("acme"), .all = true},
                                        .owner = AX_STR("acme"),
                                        .lasts_ms = 0,
                                        .park = park,
                                        .wake = wake,
                                        .may = may,
                                        .free = set_free,
                                        .ctx = &c};
    happen(k, "acme", "vm:1", "defined", "added");
    happen(k, "acme", "vm:1", "crashed", "panicked");
    happen(k, "other", "vm:2", "defined", "added");
    must(ax_fault_stream_open(k->faults, &o, &c.stream, &err), &err);
    assert_true(take(&c, 5000));
    assert_int_equal(count(&c, "event: event"), 1);
    assert_int_equal(count(&c, "\"phase\":null"), 1);
    assert_int_equal(count(&c, "event: fault"), 1);
    assert_int_equal(count(&c, "vm:2"), 0);
    hang_up(&c);
}

/* More than a buffer holds, to a client that comes late and takes slowly. */
static void a_slow_client_waits_in_the_database(void **state)
{
    struct kit *k = *state;
    struct client c;
    for (int i = 0; i < 900; i++)
        happen(k, "acme", "vm:1", i % 2 ? "crashed" : "started", "x");
    connect_to(k, &c, "acme", 0, 0);
    ax_sleep_ms(100);
    assert_int_equal(ax_fault_stream_take(c.stream, &c.got), 1);
    assert_true(c.got.n < 300000); /* bounded, whatever there is */
    assert_true(take(&c, 20000));
    assert_int_equal(count(&c, "event: fault"), 900);
    hang_up(&c);
}

static void who_takes_nothing_is_cut_off(void **state)
{
    struct kit *k = *state;
    struct ax_faults_stats s;
    struct client c;
    close_rooms(k);
    k->o.stall_ms = 200;
    open_rooms(k);
    connect_to(k, &c, "acme", -1, -1); /* the greeting waits to be taken */
    ax_sleep_ms(1500);
    ax_faults_stats(k->faults, &s);
    assert_int_equal(s.streams_cut, 1);
    assert_true(take(&c, 1000));
    hang_up(&c);
}

static void a_stream_ends_with_its_credentials(void **state)
{
    struct kit *k = *state;
    struct client c;
    close_rooms(k);
    k->o.beat_ms = 100;
    open_rooms(k);
    connect_to(k, &c, "acme", -1, -1);
    assert_false(take(&c, 1500));
    assert_true(count(&c, ": alive") > 0);
    c.may = false;
    assert_true(take(&c, 3000));
    hang_up(&c);
}

static void there_are_so_many_streams_and_no_more(void **state)
{
    struct kit *k = *state;
    struct client c[4];
    struct ax_err err = {0};
    close_rooms(k);
    k->o.max_streams = 3;
    k->o.tenant_streams = 2;
    open_rooms(k);
    connect_to(k, &c[0], "acme", -1, -1);
    connect_to(k, &c[1], "acme", -1, -1);
    assert_int_equal(connect_as(k, &c[3], "acme", -1, -1, &err), -EAGAIN);
    assert_non_null(strstr(err.text, "2 fault streams of a tenant"));
    connect_to(k, &c[2], "other", -1, -1);
    assert_int_equal(connect_as(k, &c[3], "third", -1, -1, &err), -EAGAIN);
    assert_non_null(strstr(err.text, "server's limit of 3"));
    for (int i = 0; i < 3; i++)
        hang_up(&c[i]);
    connect_to(k, &c[3], "acme", -1, -1);
    hang_up(&c[3]);
}

static uint64_t outbox(struct kit *k)
{
    struct ax_stmt q;
    ax_sql_lock(k->sql);
    ax_stmt_begin(&q, k->sql, "SELECT count(*) FROM outbox");
    uint64_t n = ax_stmt_row(&q) ? (uint64_t)ax_stmt_col_int(&q, 0) : 0;
    ax_stmt_end(&q, "reading", NULL);
    ax_sql_unlock(k->sql);
    return n;
}

static void wait_for_outbox(struct kit *k, uint64_t n)
{
    for (int i = 0; outbox(k) != n && i < 3000; i++)
        ax_sleep_ms(1);
    assert_int_equal(outbox(k), n);
}

static struct ax_subscription subscribe(struct kit *k, const char *owner, const char *resource)
{
    struct ax_err err = {0};
    struct ax_subscription s = {.owner = ax_str(owner),
                                .url = AX_STR("http://127.0.0.1:9/none"),
                                .filter = {.tenant = ax_str(owner), .resource = ax_str(resource)}};
    must(ax_subscription_add(k->faults, &s, &k->arena, &err), &err);
    return s;
}

/* Faults that came while nobody told of them are queued by the next start; what was queued before
 * is not queued again. */
static void a_start_goes_on_where_the_last_one_was(void **state)
{
    struct kit *k = *state;
    struct ax_err err = {0};
    happen(k, "acme", "vm:1", "crashed", "before the subscription");
    struct ax_subscription s = subscribe(k, "acme", "");
    subscribe(k, "acme", "vm:9");
    subscribe(k, "other", "");
    happen(k, "acme", "vm:1", "crashed", "x");
    wait_for_outbox(k, 1);
    ax_faults_close(k->faults);
    happen(k, "acme", "vm:1", "started", "x");
    happen(k, "acme", "vm:9", "crashed", "x");
    must(ax_faults_open(&k->faults, &k->o, &err), &err);
    wait_for_outbox(k, 4);
    ax_faults_close(k->faults);
    must(ax_faults_open(&k->faults, &k->o, &err), &err);
    ax_sleep_ms(100);
    wait_for_outbox(k, 4);
    assert_int_equal(ax_subscription_remove(k->faults, AX_STR("other"), s.id, &err), -ENOENT);
    must(ax_subscription_remove(k->faults, AX_STR("acme"), s.id, &err), &err);
    wait_for_outbox(k, 1); /* what waited for it is gone */
}

static void addresses_are_no_methods_that_anybody_sees(void **state)
{
    struct kit *k = *state;
    struct ax_err err = {0};
    struct ax_notify_method *v, m;
    size_t n;
    struct ax_subscription s = subscribe(k, "acme", "");
    must(ax_notify_list(k->notify, AX_STR("acme"), AX_STR(""), 0, 0, &k->arena, &v, &n, &err),
         &err);
    assert_int_equal(n, 0);
    assert_int_equal(ax_notify_get(k->notify, AX_STR("acme"), s.id, &k->arena, &m, &err), -ENOENT);
    must(ax_notify_alertmanagers(k->notify, NULL, 0, &err), &err); /* forgets the operator's own */
    happen(k, "acme", "vm:1", "crashed", "x");
    wait_for_outbox(k, 1);
    s.url = AX_STR("file:///etc/passwd");
    assert_int_equal(ax_subscription_add(k->faults, &s, &k->arena, &err), -EINVAL);
}

int main(void)
{
#define WITH_KIT(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_somebody_wanted_is_no_fault),
        cmocka_unit_test(an_alarm_has_a_severity_of_its_own),
        WITH_KIT(a_stream_is_fed_at_once_with_its_tenants_faults),
        WITH_KIT(a_stream_of_all_has_what_is_no_fault),
        WITH_KIT(a_slow_client_waits_in_the_database),
        WITH_KIT(who_takes_nothing_is_cut_off),
        WITH_KIT(a_stream_ends_with_its_credentials),
        WITH_KIT(there_are_so_many_streams_and_no_more),
        WITH_KIT(a_start_goes_on_where_the_last_one_was),
        WITH_KIT(addresses_are_no_methods_that_anybody_sees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
