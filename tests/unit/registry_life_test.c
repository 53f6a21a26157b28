// SPDX-License-Identifier: Apache-2.0
/* The registry remembers resources through their lives: discovery, changes, events, the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "registry/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define T0     1795314600000
#define TENANT AX_STR("default")

static char dir[64], path[96];
static struct ax_arena arena;

static int make_dir(void **state)
{
    snprintf(dir, sizeof dir, "/tmp/auspex-registry-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/registry.db", dir);
    return 0;
}

static struct ax_sql *sql;

static int remove_dir(void **state)
{
    char victim[128];
    const char *suffix[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(victim, sizeof victim, "%s%s", path, suffix[i]);
        unlink(victim);
    }
    ax_arena_free(&arena);
    return rmdir(dir);
}

static void close_registry(struct ax_registry *r)
{
    ax_registry_close(r);
    ax_sql_close(sql);
}

static struct ax_registry *open_registry(void)
{
    struct ax_registry *r;
    struct ax_err err = {0};
    if (ax_sql_open(&sql, path, &err) < 0 || ax_registry_open(&r, sql, &err) < 0)
        fail_msg("%s", err.text);
    return r;
}

static void observe_vm(struct ax_registry *r, int64_t time, const char *handle, const char *name,
                       const char *vm_state, const char *host)
{
    struct ax_resource vm = {.handle = ax_str(handle),
                             .kind = AX_KIND_VM,
                             .name = ax_str(name),
                             .state = ax_str(vm_state),
                             .reason = AX_STR("booted")};
    struct ax_observation o = {
        .time = time, .host = ax_str(host), .resources = &vm, .nresources = handle ? 1 : 0};
    o.complete[AX_KIND_VM] = true;
    struct ax_err err = {0};
    if (ax_registry_observe(r, TENANT, &o, &err) < 0)
        fail_msg("%s", err.text);
}

static struct ax_resource get(struct ax_registry *r, const char *handle)
{
    struct ax_resource x;
    struct ax_err err = {0};
    if (ax_registry_get(r, TENANT, ax_str(handle), &arena, &x, &err) < 0)
        fail_msg("%s", err.text);
    return x;
}

static size_t events_of(struct ax_registry *r, const char *handle, struct ax_event **out)
{
    size_t n;
    assert_int_equal(
        ax_registry_events(r, TENANT, ax_str(handle), 0, 0, 100, &arena, out, &n, NULL), 0);
    return n;
}

static void a_deleted_vm_answers_with_when_it_went(void **state)
{
    struct ax_registry *r = open_registry();
    observe_vm(r, T0, "vm:1", "web1", "running", "host:a");
    observe_vm(r, T0 + 5000, "vm:1", "web1", "running", "host:a");
    observe_vm(r, T0 + 10000, NULL, NULL, NULL, "host:a");
    close_registry(r);
    r = open_registry(); /* survives a restart */
    struct ax_resource x = get(r, "vm:1");
    assert_true(ax_str_eq(x.state, AX_STR("deleted")));
    assert_int_equal(x.gone, T0 + 10000);
    assert_int_equal(x.first_seen, T0);
    assert_int_equal(x.last_seen, T0 + 5000);
    struct ax_event *e;
    assert_int_equal(events_of(r, "vm:1", &e), 2);
    assert_true(ax_str_eq(e[0].what, AX_STR("deleted")));
    assert_true(ax_str_eq(e[1].what, AX_STR("discovered")));
    close_registry(r);
}

static void a_round_does_not_tell_again_what_an_event_told(void **state)
{
    struct ax_registry *r = open_registry();
    observe_vm(r, T0, "vm:1", "web1", "running", "host:a");
    struct ax_event crash = {.time = T0 + 1000,
                             .handle = AX_STR("vm:1"),
                             .type = AX_STR("lifecycle"),
                             .what = AX_STR("crashed"),
                             .detail = AX_STR("panicked"),
                             .text = AX_STR("web1 crashed")};
    struct ax_observation now = {
        .time = T0 + 1000, .host = AX_STR("host:a"), .events = &crash, .nevents = 1};
    assert_int_equal(ax_registry_observe(r, TENANT, &now, NULL), 0);
    struct ax_resource x = get(r, "vm:1");
    assert_true(ax_str_eq(x.state, AX_STR("crashed"))); /* at once, before the next round */
    assert_int_equal(x.since, T0 + 1000);
    observe_vm(r, T0 + 5000, "vm:1", "web1", "crashed", "host:a");
    assert_int_equal(ax_registry_observe(r, TENANT, &now, NULL), 0); /* sent twice: kept once */
    struct ax_event *e;
    assert_int_equal(events_of(r, "vm:1", &e), 2);
    assert_int_equal(get(r, "vm:1").since, T0 + 1000);
    close_registry(r);
}

static void a_state_that_changes_untold_becomes_an_event(void **state)
{
    struct ax_registry *r = open_registry();
    observe_vm(r, T0, "vm:1", "web1", "running", "host:a");
    observe_vm(r, T0 + 5000, "vm:1", "web1", "paused", "host:a");
    struct ax_event *e;
    assert_int_equal(events_of(r, "vm:1", &e), 2);
    assert_true(ax_str_eq(e[0].what, AX_STR("paused")));
    assert_int_equal(get(r, "vm:1").since, T0 + 5000);
    close_registry(r);
}

static void a_vm_that_moved_is_not_buried_by_its_old_host(void **state)
{
    struct ax_registry *r = open_registry();
    observe_vm(r, T0, "vm:1", "web1", "running", "host:a");
    observe_vm(r, T0 + 2000, "vm:1", "web1", "running", "host:b");
    observe_vm(r, T0 + 5000, NULL, NULL, NULL, "host:a");
    struct ax_resource x = get(r, "vm:1");
    assert_int_equal(x.gone, 0);
    assert_true(ax_str_eq(x.host, AX_STR("host:b")));
    assert_int_equal(x.since, T0);
    close_registry(r);
}

static void late_news_does_not_undo_newer_ones(void **state)
{
    struct ax_registry *r = open_registry();
    observe_vm(r, T0 + 5000, "vm:1", "web1", "paused", "host:a");
    observe_vm(r, T0, "vm:1", "web1", "running", "host:a");
    assert_true(ax_str_eq(get(r, "vm:1").state, AX_STR("paused")));
    close_registry(r);
}

static void tenants_do_not_see_each_other(void **state)
{
    struct ax_registry *r = open_registry();
    observe_vm(r, T0, "vm:1", "web1", "running", "host:a");
    struct ax_resource x;
    struct ax_err err;
    assert_int_equal(ax_registry_get(r, AX_STR("other"), AX_STR("vm:1"), &arena, &x, &err),
                     -ENOENT);
    struct ax_resource_filter f = {.tenant = AX_STR("other"), .gone = true};
    struct ax_resource *v;
    size_t n;
    uint64_t total;
    assert_int_equal(ax_registry_list(r, &f, &arena, &v, &n, &total, NULL), 0);
    assert_int_equal(n, 0);
    f.tenant = TENANT;
    f.kind = AX_STR("vm");
    assert_int_equal(ax_registry_list(r, &f, &arena, &v, &n, &total, NULL), 0);
    assert_int_equal(total, 1);
    close_registry(r);
}

static void a_handle_stays_with_the_tenant_that_told_of_it(void **state)
{
    struct ax_registry *r = open_registry();
    struct ax_err err;
    observe_vm(r, T0, "vm:1", "web1", "running", "host:a");
    struct ax_resource vm = {.handle = AX_STR("vm:1"),
                             .kind = AX_KIND_VM,
                             .name = AX_STR("mine"),
                             .state = AX_STR("shutoff")};
    struct ax_event stop = {.time = T0 + 2000,
                            .handle = vm.handle,
                            .type = AX_STR("lifecycle"),
                            .what = AX_STR("stopped")};
    struct ax_observation theirs[] = {
        {.time = T0 + 1000, .host = AX_STR("host:a"), .resources = &vm, .nresources = 1},
        {.time = T0 + 2000, .host = AX_STR("host:a"), .events = &stop, .nevents = 1},
        {.time = T0 + 3000, .host = AX_STR("host:a")}};
    theirs[2].complete[AX_KIND_VM] = true;
    assert_int_equal(ax_registry_observe(r, AX_STR("other"), &theirs[0], &err), -EPERM);
    assert_string_equal(err.text, "vm:1 is another tenant's");
    assert_int_equal(ax_registry_observe(r, AX_STR("other"), &theirs[1], &err), -EPERM);
    assert_int_equal(ax_registry_observe(r, AX_STR("other"), &theirs[2], &err), 0);
    struct ax_resource known = get(r, "vm:1");
    assert_true(ax_str_eq(known.state, AX_STR("running")));
    assert_true(ax_str_eq(known.name, AX_STR("web1")));
    assert_int_equal(known.gone, 0);
    close_registry(r);
}

static void silent_hosts_go_down_once(void **state)
{
    struct ax_registry *r = open_registry();
    struct ax_resource h = {.handle = AX_STR("host:a"),
                            .kind = AX_KIND_HOST,
                            .name = AX_STR("hv1"),
                            .state = AX_STR("up")};
    struct ax_observation o = {.time = T0, .host = h.handle, .resources = &h, .nresources = 1};
    assert_int_equal(ax_registry_observe(r, TENANT, &o, NULL), 0);
    assert_int_equal(ax_registry_expire(r, T0 + 10000, T0 - 5000, NULL), 0);
    assert_true(ax_str_eq(get(r, "host:a").state, AX_STR("up")));
    assert_int_equal(ax_registry_expire(r, T0 + 20000, T0 + 5000, NULL), 0);
    assert_int_equal(ax_registry_expire(r, T0 + 30000, T0 + 15000, NULL), 0);
    assert_true(ax_str_eq(get(r, "host:a").state, AX_STR("down")));
    assert_int_equal(get(r, "host:a").since, T0 + 20000);
    o.time = T0 + 40000;
    assert_int_equal(ax_registry_observe(r, TENANT, &o, NULL), 0);
    assert_true(ax_str_eq(get(r, "host:a").state, AX_STR("up")));
    struct ax_event *e;
    assert_int_equal(events_of(r, "host:a", &e), 3); /* discovered, down, up */
    close_registry(r);
}

static void observe_host(struct ax_registry *r, int64_t time, const char *vm_state)
{
    struct ax_resource both[] = {{.handle = AX_STR("host:a"),
                                  .kind = AX_KIND_HOST,
                                  .name = AX_STR("hv1"),
                                  .state = AX_STR("up")},
                                 {.handle = AX_STR("vm:1"),
                                  .kind = AX_KIND_VM,
                                  .name = AX_STR("web1"),
                                  .state = ax_str(vm_state)}};
    struct ax_event e = {.time = time,
                         .handle = AX_STR("vm:1"),
                         .type = AX_STR("lifecycle"),
                         .what = AX_STR("started")};
    struct ax_observation o = {.time = time,
                               .host = AX_STR("host:a"),
                               .resources = both,
                               .nresources = 2,
                               .events = &e,
                               .nevents = time == T0};
    assert_int_equal(ax_registry_observe(r, TENANT, &o, NULL), 0);
}

/* Also when the last thing heard of it was a lifecycle event. */
static void guests_of_a_silent_host_are_in_an_unknown_state(void **state)
{
    struct ax_registry *r = open_registry();
    struct ax_event *e;
    observe_host(r, T0, "running");
    size_t before = events_of(r, "vm:1", &e);
    assert_int_equal(ax_registry_expire(r, T0 + 20000, T0 + 5000, NULL), 0);
    assert_int_equal(ax_registry_expire(r, T0 + 30000, T0 + 15000, NULL), 0);
    assert_true(ax_str_eq(get(r, "vm:1").state, AX_STR("unknown")));
    assert_int_equal(events_of(r, "vm:1", &e), before + 1);
    assert_true(ax_str_eq(e[0].detail, AX_STR("host-silent")));
    observe_host(r, T0 + 40000, "running");
    assert_true(ax_str_eq(get(r, "vm:1").state, AX_STR("running")));
    assert_int_equal(events_of(r, "vm:1", &e), before + 2);
    observe_host(r, T0 + 45000, "shutoff");
    assert_int_equal(ax_registry_expire(r, T0 + 90000, T0 + 80000, NULL), 0);
    assert_true(ax_str_eq(get(r, "vm:1").state, AX_STR("shutoff"))); /* it did not run */
    close_registry(r);
}

static void count_call(void *ctx)
{
    ++*(int *)ctx;
}

static void who_follows_is_called_after_commits_that_bring_events(void **state)
{
    struct ax_registry *r = open_registry();
    struct ax_told *told;
    size_t n;
    int calls = 0;
    ax_registry_on_events(r, count_call, &calls);
    observe_vm(r, T0, "vm:1", "web1", "running", "host:a");
    assert_int_equal(calls, 1);
    observe_vm(r, T0 + 1000, "vm:1", "web1", "running", "host:a");
    assert_int_equal(calls, 1); /* nothing happened */
    struct ax_event e = {.time = T0,
                         .handle = AX_STR("vm:9"),
                         .type = AX_STR("alarm"),
                         .what = AX_STR("firing"),
                         .severity = AX_STR("critical")};
    assert_int_equal(ax_sql_begin(sql, NULL), 0);
    assert_int_equal(ax_registry_add_event_within(r, TENANT, &e, NULL), 0);
    assert_int_equal(ax_sql_end(sql, 0, NULL), 0);
    assert_int_equal(calls, 1);
    ax_registry_committed(r);
    ax_registry_committed(r);
    assert_int_equal(calls, 2);
    assert_int_equal(ax_registry_events_after(r, 0, 10, &arena, &told, &n, NULL), 0);
    assert_int_equal(n, 2);
    assert_true(ax_str_eq(told[0].name, AX_STR("web1")));
    assert_true(ax_str_eq(told[0].host, AX_STR("host:a")));
    assert_true(ax_str_eq(told[1].event.severity, AX_STR("critical")));
    assert_int_equal(told[1].name.n, 0);
    int64_t last;
    assert_int_equal(ax_registry_last_event(r, &last, NULL), 0);
    assert_int_equal(last, told[1].event.id);
    close_registry(r);
}

static void small_state_is_kept_and_pruning_forgets_the_old(void **state)
{
    struct ax_registry *r = open_registry();
    assert_int_equal(ax_registry_put(r, AX_STR("alarm/b"), AX_STR("2"), NULL), 0);
    assert_int_equal(ax_registry_put(r, AX_STR("alarm/a"), AX_STR("1"), NULL), 0);
    assert_int_equal(ax_registry_put(r, AX_STR("other"), AX_STR("x"), NULL), 0);
    assert_int_equal(ax_registry_put(r, AX_STR("alarm/b"), AX_STR_NULL, NULL), 0);
    struct ax_kv *kv;
    size_t n;
    assert_int_equal(ax_registry_scan(r, AX_STR("alarm/"), &arena, &kv, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_true(ax_str_eq(kv[0].value, AX_STR("1")));
    observe_vm(r, T0, "vm:1", "web1", "running", "host:a");
    observe_vm(r, T0 + 1000, NULL, NULL, NULL, "host:a");
    assert_int_equal(ax_registry_prune(r, T0 + 5000, NULL), 0);
    struct ax_resource x;
    assert_int_equal(ax_registry_get(r, TENANT, AX_STR("vm:1"), &arena, &x, NULL), -ENOENT);
    close_registry(r);
}

static struct ax_value_meta *metas_of(struct ax_registry *r, const char *tenant, const char *metric,
                                      int64_t from, int64_t to, size_t *n)
{
    struct ax_value_meta *v;
    assert_int_equal(
        ax_registry_value_meta(r, ax_str(tenant), ax_str(metric), from, to, &arena, &v, n, NULL),
        0);
    return v;
}

static void what_came_beside_values_is_kept_by_metric_and_time(void **state)
{
    struct ax_registry *r = open_registry();
    const struct ax_value_meta sent[] = {{AX_STR("1"), T0 + 2, AX_STR("{\"k\":\"b\"}")},
                                         {AX_STR("1"), T0, AX_STR("{\"k\":\"a\"}")},
                                         {AX_STR("2"), T0, AX_STR("{\"k\":\"other\"}")},
                                         {AX_STR("1"), T0 + 2, AX_STR("{\"k\":\"c\"}")}};
    size_t n;
    assert_int_equal(ax_registry_add_value_meta(r, TENANT, sent, AX_ARRAY_LEN(sent), NULL), 0);
    close_registry(r);
    r = open_registry();
    struct ax_value_meta *v = metas_of(r, "default", "1", T0, T0 + 2, &n);
    assert_int_equal(n, 2);
    assert_true(v[0].time == T0 && ax_str_eq(v[0].json, AX_STR("{\"k\":\"a\"}")));
    assert_true(v[1].time == T0 + 2 && ax_str_eq(v[1].json, AX_STR("{\"k\":\"c\"}")));
    metas_of(r, "default", "1", T0 + 1, T0 + 1, &n);
    assert_int_equal(n, 0);
    metas_of(r, "another", "1", T0, T0 + 2, &n);
    assert_int_equal(n, 0);
    assert_int_equal(ax_registry_prune(r, T0 + 1, NULL), 0);
    v = metas_of(r, "default", "1", T0, T0 + 2, &n);
    assert_true(n == 1 && v[0].time == T0 + 2);
    close_registry(r);
}

static void another_schema_is_refused_untouched(void **state)
{
    FILE *f = fopen(path, "w");
    fputs("this is no database, but 100 bytes or so of something else that a person put here....",
          f);
    fclose(f);
    struct ax_err err;
    assert_true(ax_sql_open(&sql, path, &err) < 0);
    assert_non_null(strstr(err.text, "not a database"));
}

#define LIFE(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIFE(a_deleted_vm_answers_with_when_it_went),
        LIFE(a_round_does_not_tell_again_what_an_event_told),
        LIFE(a_state_that_changes_untold_becomes_an_event),
        LIFE(a_vm_that_moved_is_not_buried_by_its_old_host),
        LIFE(late_news_does_not_undo_newer_ones),
        LIFE(tenants_do_not_see_each_other),
        LIFE(a_handle_stays_with_the_tenant_that_told_of_it),
        LIFE(silent_hosts_go_down_once),
        LIFE(guests_of_a_silent_host_are_in_an_unknown_state),
        LIFE(who_follows_is_called_after_commits_that_bring_events),
        LIFE(small_state_is_kept_and_pruning_forgets_the_old),
        LIFE(what_came_beside_values_is_kept_by_metric_and_time),
        LIFE(another_schema_is_refused_untouched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
