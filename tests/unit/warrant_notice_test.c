// SPDX-License-Identifier: Apache-2.0
/* Whom a look into a VM is told, when, how often, and that nothing skips it. */
#include "warrant_kit.h"

#include "base/clock.h"

#include <signal.h>

static struct ax_str add_method(struct kit *k, const char *tenant, const char *name)
{
    struct ax_notify_method m;
    struct ax_notify_fields f = {
        .name = ax_str(name), .type = AX_STR("WEBHOOK"), .address = AX_STR("http://127.0.0.1:9/x")};
    must(ax_notify_create(k->notify, ax_str(tenant), &f, &k->a, &m, &k->err), &k->err);
    return m.id;
}

#define QUEUED "SELECT count(*) FROM outbox WHERE state = 'NOTICE'"

static void test_a_use_is_told_at_once_with_its_entry(void **state)
{
    struct kit *k = *state;
    struct ax_inspection_notice *v;
    struct ax_ledger_entry *e;
    struct ax_grant g;
    must(consent(k, VM, AX_SCOPE_PROCESSES, 0), &k->err);
    struct ax_inspection x = by_provider(VM, AX_SCOPE_PROCESSES);
    x.reason = AX_STR("it hangs");
    must(use(k, x, &g), &k->err);
    assert_int_equal(notices(k, &v), 1);
    entries(k, &e);
    assert_int_equal(e[1].kind, AX_LEDGER_USE);
    assert_true(ax_str_eq(e[1].detail, AX_STR("by consent")));
    assert_string_equal(e[1].grant.p, g.id);
    assert_int_equal(v->sequence, 2);
    assert_true(ax_str_eq(v->hash, e[1].hash));
    assert_non_null(strstr(v->text.p, "web (vm:1): root (provider) has looked into its memory "
                                      "(processes), by consent; reason: it hangs"));
    assert_true(verify(k, v->hash.p).intact);
    struct ax_notice_filter f = {.tenant = AX_STR("other")};
    size_t n;
    must(ax_warrants_notices(k->w, &f, &k->a, &v, &n, &k->err), &k->err);
    assert_int_equal(n, 0);
}

static void test_it_goes_to_all_methods_once(void **state)
{
    struct kit *k = *state;
    struct ax_ledger_entry *e;
    struct ax_inspection_notice *v;
    struct ax_grant g;
    add_method(k, "acme", "one");
    add_method(k, "acme", "two");
    add_method(k, "other", "not theirs");
    must(consent(k, VM, AX_SCOPE_PROCESSES, 0), &k->err);
    must(use(k, by_provider(VM, AX_SCOPE_PROCESSES), &g), &k->err);
    assert_int_equal(number(k, QUEUED), 0);
    tick(k, 1000);
    assert_int_equal(number(k, QUEUED), 2);
    assert_int_equal(number(k, QUEUED " AND ended = 1"), 2); /* not told again and again */
    tick(k, 1000);
    restart(k);
    tick(k, 1000);
    assert_int_equal(number(k, QUEUED), 2);
    assert_int_equal(entries(k, &e), 3);
    assert_int_equal(e[2].kind, AX_LEDGER_NOTICE_SENT);
    assert_non_null(strstr(e[2].detail.p, "of entry 2, by 2 methods"));
    notices(k, &v);
    assert_true(v->sent == T0 + 1000);
}

static void test_a_tenant_chooses_its_methods(void **state)
{
    struct kit *k = *state;
    struct ax_warrant x;
    struct ax_notice_methods m = {.n = 1}, got;
    struct ax_str one = add_method(k, "acme", "one"), foreign = add_method(k, "other", "theirs");
    add_method(k, "acme", "two");
    m.ids = &foreign;
    assert_int_equal(ax_warrants_set_methods(k->w, ACME, &m, &k->err), -EINVAL);
    must(ax_warrants_methods(k->w, ACME, &k->a, &got, &k->err), &k->err);
    assert_true(got.all);
    m.ids = &one;
    must(ax_warrants_set_methods(k->w, ACME, &m, &k->err), &k->err);
    must(open_warrant(k, VM, AX_SCOPE_PROCESSES, 0, 0, &x), &k->err);
    tick(k, 1000);
    assert_int_equal(number(k, QUEUED), 1);
    must(ax_notify_delete(k->notify, ACME, one, &k->err), &k->err);
    assert_int_equal(number(k, QUEUED), 0);
    must(open_warrant(k, VM, AX_SCOPE_PROCESSES, 0, 0, &x), &k->err);
    tick(k, 1000);
    assert_int_equal(number(k, QUEUED), 1); /* by the other one: what was chosen is gone */
    m.n = 0;
    must(ax_warrants_set_methods(k->w, ACME, &m, &k->err), &k->err);
    must(open_warrant(k, VM, AX_SCOPE_PROCESSES, 0, 0, &x), &k->err);
    tick(k, 1000);
    assert_int_equal(number(k, QUEUED), 1); /* none: they are in the API alone */
    struct ax_inspection_notice *v;
    assert_int_equal(notices(k, &v), 3);
    assert_true(v->sent > 0);
}

static void test_many_uses_are_told_by_the_hour(void **state)
{
    struct kit *k = *state;
    struct ax_inspection_notice *v;
    struct ax_ledger_entry *e;
    struct ax_grant g;
    must(consent(k, AX_STR(""), AX_SCOPE_DIAGNOSIS, 0), &k->err);
    for (int i = 0; i < 10; i++) {
        must(use(k, by_provider(VM, AX_SCOPE_STATISTICS), &g), &k->err);
        tick(k, MINUTE);
    }
    assert_int_equal(notices(k, &v), 1);
    must(use(k, by_provider(VM2, AX_SCOPE_STATISTICS), &g), &k->err); /* another VM */
    assert_int_equal(notices(k, &v), 2);
    must(use(k, by_provider(VM, AX_SCOPE_PROCESSES), &g), &k->err); /* further than was told */
    assert_int_equal(notices(k, &v), 4); /* and what was not told yet of before */
    assert_true(ax_str_eq(v[0].kind, AX_STR("use")) || ax_str_eq(v[0].kind, AX_STR("uses")));
    must(use(k, by_provider(VM, AX_SCOPE_PROCESSES), &g), &k->err);
    must(use(k, by_provider(VM, AX_SCOPE_STATISTICS), &g), &k->err);
    assert_int_equal(notices(k, &v), 4);
    tick(k, HOUR);
    assert_int_equal(notices(k, &v), 5);
    assert_true(ax_str_eq(v[0].kind, AX_STR("uses")));
    assert_int_equal(v[0].uses, 2);
    tick(k, HOUR);
    tick(k, HOUR);
    assert_int_equal(notices(k, &v), 5);
    must(use(k, by_provider(VM, AX_SCOPE_STATISTICS), &g), &k->err);
    assert_int_equal(notices(k, &v), 6);
    int64_t told = 0, used = 0;
    for (size_t i = 0; i < 6; i++)
        told += v[i].uses;
    size_t n = entries(k, &e);
    for (size_t i = 0; i < n; i++)
        used += e[i].kind == AX_LEDGER_USE;
    assert_int_equal(told, used); /* each is in one of them */
    assert_int_equal(used, 15);
}

static void test_uses_that_go_on_are_summed_each_hour(void **state)
{
    struct kit *k = *state;
    struct ax_inspection_notice *v;
    struct ax_grant g;
    must(consent(k, VM, AX_SCOPE_STATISTICS, 0), &k->err);
    for (int i = 0; i < 5 * 60; i++) {
        must(use(k, by_provider(VM, AX_SCOPE_STATISTICS), &g), &k->err);
        tick(k, MINUTE);
    }
    size_t n = notices(k, &v);
    assert_in_range(n, 5, 6);
}

static void test_a_delayed_notice_comes_at_its_date(void **state)
{
    struct kit *k = *state;
    struct ax_inspection_notice *v;
    struct ax_ledger_entry *e;
    struct ax_warrant x, *seen;
    struct ax_grant g;
    size_t n;
    add_method(k, "acme", "one");
    must(open_warrant(k, VM, AX_SCOPE_FORENSIC, k->now + HOUR, k->now + 30 * DAY, &x), &k->err);
    must(use(k, by_provider(VM, AX_SCOPE_FORENSIC), &g), &k->err);
    must(ax_warrant_close(k->w, x.id, AX_STR("root"), k->now, &k->err), &k->err);
    assert_int_equal(use(k, by_provider(VM, AX_SCOPE_FORENSIC), &g), -EPERM); /* hidden as well */
    tick(k, 1000);
    tick(k, HOUR);
    restart(k);
    tick(k, 30 * DAY - HOUR - 2000);
    assert_int_equal(notices(k, &v), 0);
    assert_int_equal(number(k, QUEUED), 0);
    struct ax_ledger_filter f = {.tenant = ACME, .seen_at = k->now};
    must(ax_ledger_read(ax_warrants_ledger(k->w), &f, &k->a, &e, &n, &k->err), &k->err);
    assert_int_equal(n, 0);
    struct ax_warrant_filter wf = {.tenant = ACME, .ended = true, .seen_at = k->now};
    must(ax_warrant_list(k->w, &wf, k->now, &k->a, &seen, &n, &k->err), &k->err);
    assert_int_equal(n, 0);
    tick(k, 1000);
    assert_int_equal(notices(k, &v), 3);
    assert_int_equal(number(k, QUEUED), 3);
    f.seen_at = wf.seen_at = k->now;
    must(ax_ledger_read(ax_warrants_ledger(k->w), &f, &k->a, &e, &n, &k->err), &k->err);
    assert_int_equal(n, 7); /* opened, used, closed, refused, told three times */
    must(ax_warrant_list(k->w, &wf, k->now, &k->a, &seen, &n, &k->err), &k->err);
    assert_int_equal(n, 1);
    assert_true(verify(k, v[0].hash.p).intact);
}

static void test_no_change_of_the_tables_puts_a_notice_off(void **state)
{
    struct kit *k = *state;
    struct ax_inspection_notice *v;
    struct ax_warrant x;
    must(open_warrant(k, VM, AX_SCOPE_FORENSIC, 0, k->now + 10 * DAY, &x), &k->err);
    ax_sql_lock(k->sql);
    must(ax_sql_exec(k->sql,
                     "DELETE FROM inspection_notice; UPDATE inspection_warrant SET notice_at = 0",
                     &k->err),
         &k->err);
    ax_sql_unlock(k->sql);
    restart(k);
    tick(k, 10 * DAY - 1);
    assert_int_equal(notices(k, &v), 0);
    tick(k, 1000);
    assert_int_equal(notices(k, &v), 1);
    assert_true(ax_str_eq(v->kind, AX_STR("warrant-opened")));
    assert_true(v->sent > 0);
}

static void test_a_damaged_ledger_keeps_no_notice_back(void **state)
{
    struct kit *k = *state;
    struct ax_inspection_notice *v;
    struct ax_warrant x;
    add_method(k, "acme", "one");
    must(open_warrant(k, VM, AX_SCOPE_FORENSIC, 0, k->now + 10 * DAY, &x), &k->err);
    unlink(k->head);
    tick(k, 10 * DAY - 1000);
    assert_int_equal(number(k, QUEUED), 0);
    tick(k, 1000);
    assert_int_equal(number(k, QUEUED), 1);
    assert_int_equal(notices(k, &v), 1);
    assert_true(v->sent > 0);
    tick(k, 1000);
    assert_int_equal(number(k, QUEUED), 1);
    assert_int_equal(open_warrant(k, VM, AX_SCOPE_STATISTICS, 0, 0, &x), -EUCLEAN);
}

static void test_reading_a_notice_is_written_down(void **state)
{
    struct kit *k = *state;
    struct ax_inspection_notice *v;
    struct ax_ledger_entry *e;
    struct ax_warrant x;
    must(open_warrant(k, VM, AX_SCOPE_PROCESSES, 0, 0, &x), &k->err);
    assert_int_equal(notices(k, &v), 1);
    struct ax_str id = v->id, alice = AX_STR("alice (member)");
    assert_int_equal(ax_warrants_notice_read(k->w, AX_STR("other"), id, alice, k->now, &k->err),
                     -ENOENT);
    must(ax_warrants_notice_read(k->w, ACME, id, alice, k->now, &k->err), &k->err);
    must(ax_warrants_notice_read(k->w, ACME, id, alice, k->now + 1, &k->err), &k->err);
    notices(k, &v);
    assert_true(v->read == k->now);
    assert_int_equal(entries(k, &e), 2);
    assert_int_equal(e[1].kind, AX_LEDGER_NOTICE_DELIVERED);
    k->now++;
    must(open_warrant(k, VM, AX_SCOPE_FORENSIC, 0, k->now + DAY, &x), &k->err);
    struct ax_notice_filter f = {.tenant = ACME};
    size_t n;
    must(ax_warrants_notices(k->w, &f, &k->a, &v, &n, &k->err), &k->err);
    assert_int_equal(n, 2);
    assert_int_equal(ax_warrants_notice_read(k->w, ACME, v[0].id, alice, k->now, &k->err), -ENOENT);
}

/* What the outbox tells of a notice, in its transaction. */
static void settle(struct kit *k, struct ax_str id, bool taken)
{
    struct ax_notice x = {.tenant = ACME, .alarm = id, .state = AX_STR(AX_NOTIFY_PLAIN)};
    must(ax_sql_begin(k->sql, &k->err), &k->err);
    int rc = ax_warrants_settled(k->sql, &x, AX_STR("some-method"), taken, &k->err);
    must(ax_sql_end(k->sql, rc, &k->err), &k->err);
}

static void test_what_became_of_a_notice_is_written_down_once(void **state)
{
    struct kit *k = *state;
    struct ax_inspection_notice *v;
    struct ax_ledger_entry *e;
    struct ax_warrant x;
    must(open_warrant(k, VM, AX_SCOPE_PROCESSES, 0, 0, &x), &k->err);
    tick(k, 1000);
    notices(k, &v);
    settle(k, v->id, true);
    settle(k, v->id, false);
    restart(k);
    tick(k, 1000);
    tick(k, 1000);
    assert_int_equal(entries(k, &e), 4);
    assert_int_equal(e[2].kind, AX_LEDGER_NOTICE_DELIVERED);
    assert_int_equal(e[3].kind, AX_LEDGER_NOTICE_FAILED);
    assert_true(ax_str_eq(e[2].tenant, ACME) && ax_str_eq(e[2].grant, x.id));
    assert_non_null(strstr(e[3].detail.p, "was not taken by method some-method"));
    assert_true(verify(k, "").intact);
}

/* ---- collections that go on ---- */

static void test_a_standing_collection_in_the_ledger(void **state)
{
    struct kit *k = *state;
    struct ax_inspection_notice *v;
    struct ax_ledger_entry *e;
    struct ax_grant g;
    char id[AX_WARRANT_ID], again[AX_WARRANT_ID];
    struct ax_inspection x = by_provider(VM, AX_SCOPE_STATISTICS);
    assert_int_equal(ax_standing_begin(k->w, &x, k->now, &k->a, id, &g, &k->err), -EPERM);
    k->now += 2 * MINUTE;
    must(consent(k, VM, AX_SCOPE_STATISTICS, 0), &k->err);
    must(ax_standing_begin(k->w, &x, k->now, &k->a, id, &g, &k->err), &k->err);
    must(ax_standing_begin(k->w, &x, k->now, &k->a, again, &g, &k->err), &k->err);
    assert_string_equal(id, again);
    for (int i = 0; i < 150; i++) {
        tick(k, MINUTE);
        must(ax_standing_count(k->w, ax_str(id), 60, k->now, &k->err), &k->err);
        if (i == 70)
            restart(k);
    }
    must(ax_standing_end(k->w, ax_str(id), AX_STR("stopped"), k->now, &k->err), &k->err);
    assert_int_equal(ax_standing_count(k->w, ax_str(id), 1, k->now, &k->err), -ENOENT);
    assert_int_equal(ax_standing_end(k->w, ax_str(id), AX_STR("x"), k->now, &k->err), -ENOENT);
    size_t n = entries(k, &e), sums = 0;
    for (size_t i = 0; i < n; i++)
        sums += e[i].kind == AX_LEDGER_STANDING_SUM;
    assert_int_equal(sums, 2);
    assert_int_equal(e[n - 1].kind, AX_LEDGER_STANDING_ENDED);
    assert_non_null(strstr(e[n - 1].detail.p, "stopped; 9000 readings"));
    tick(k, 1000);
    assert_int_equal(notices(k, &v), 2); /* that it began, and that it ended */
    assert_true(verify(k, "").intact);
}

static void test_a_standing_collection_ends_with_its_grant(void **state)
{
    struct kit *k = *state;
    struct ax_ledger_entry *e;
    struct ax_grant g;
    char id[AX_WARRANT_ID];
    struct ax_inspection x = by_provider(VM, AX_SCOPE_STATISTICS);
    must(consent(k, VM, AX_SCOPE_STATISTICS, 0), &k->err);
    must(ax_standing_begin(k->w, &x, k->now, &k->a, id, &g, &k->err), &k->err);
    must(ax_consent_revoke(k->w, ACME, VM, AX_STR("bob"), k->now, &k->err), &k->err);
    assert_int_equal(ax_standing_count(k->w, ax_str(id), 5, k->now, &k->err), -EPERM);
    size_t n = entries(k, &e);
    assert_int_equal(e[n - 1].kind, AX_LEDGER_STANDING_ENDED);
    assert_non_null(strstr(e[n - 1].detail.p, "5 readings")); /* what was read before counts */
    assert_int_equal(ax_standing_count(k->w, ax_str(id), 5, k->now, &k->err), -ENOENT);
    /* Nobody counts: the server ends it by itself. */
    struct ax_warrant w;
    must(open_warrant(k, VM, AX_SCOPE_STATISTICS, k->now + HOUR / 2, 0, &w), &k->err);
    must(ax_standing_begin(k->w, &x, k->now, &k->a, id, &g, &k->err), &k->err);
    tick(k, HOUR / 2);
    assert_int_equal(number(k, "SELECT count(*) FROM inspection_standing"), 0);
    must(consent(k, VM, AX_SCOPE_STATISTICS, 0), &k->err);
    must(ax_standing_begin(k->w, &x, k->now, &k->a, id, &g, &k->err), &k->err);
    for (int i = 0; i < 3; i++)
        tick(k, HOUR);
    assert_int_equal(number(k, "SELECT count(*) FROM inspection_standing"), 0);
}

/* ---- a kill between ---- */

/* In a process of its own: looks, and sends notices, until it is killed. */
static void look_on(struct kit *k)
{
    struct ax_grant g;
    open_rooms(k);
    for (int64_t i = 0;; i++) {
        k->now = T0 + number(k, "SELECT count(*) FROM ledger") * 1000;
        if (use(k, by_provider(i % 2 ? VM : VM2, AX_SCOPE_STATISTICS), &g) < 0 ||
            (i % 3 == 0 && ax_warrants_tick(k->w, k->now, &k->err) < 0))
            _exit(1);
    }
}

static void test_killed_anywhere_every_use_is_told(void **state)
{
    struct kit *k = *state;
    struct ax_inspection_notice *v;
    struct ax_ledger_entry *e;
    int64_t told = 0, used = 0, sent = 0;
    int status;
    add_method(k, "acme", "one");
    must(consent(k, AX_STR(""), AX_SCOPE_STATISTICS, 0), &k->err);
    close_rooms(k);
    for (int round = 0; round < 12; round++) {
        pid_t pid = fork();
        if (pid == 0)
            look_on(k);
        ax_sleep_ms(150 + round * 7);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
    }
    open_rooms(k);
    k->now = T0 + number(k, "SELECT count(*) FROM ledger") * 1000;
    assert_true(verify(k, "").intact);
    tick(k, 3 * HOUR);
    tick(k, 1000);
    size_t n = entries(k, &e), count = notices(k, &v);
    for (size_t i = 0; i < n; i++) {
        used += e[i].kind == AX_LEDGER_USE;
        sent += e[i].kind == AX_LEDGER_NOTICE_SENT;
    }
    for (size_t i = 0; i < count; i++) {
        told += v[i].uses;
        assert_true(v[i].sent > 0);
    }
    assert_true(used > 12);
    assert_int_equal(told, used);
    assert_int_equal(sent, count);
    assert_int_equal(number(k, QUEUED), count);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_use_is_told_at_once_with_its_entry),
        T(test_it_goes_to_all_methods_once),
        T(test_a_tenant_chooses_its_methods),
        T(test_many_uses_are_told_by_the_hour),
        T(test_uses_that_go_on_are_summed_each_hour),
        T(test_a_delayed_notice_comes_at_its_date),
        T(test_no_change_of_the_tables_puts_a_notice_off),
        T(test_a_damaged_ledger_keeps_no_notice_back),
        T(test_reading_a_notice_is_written_down),
        T(test_what_became_of_a_notice_is_written_down_once),
        T(test_a_standing_collection_in_the_ledger),
        T(test_a_standing_collection_ends_with_its_grant),
        T(test_killed_anywhere_every_use_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
