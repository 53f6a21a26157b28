// SPDX-License-Identifier: Apache-2.0
/* From the outbox to a receiver: what arrives, what is tried again, in which order, how fast. */
#include "notify_kit.h"

#include "base/log.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>

#define T0        1795314600250
#define SLOW_NAME "slow.example"
#define SLOW_S    2

/* libcurl's resolver finds this one first: a name server that takes its time. */
static atomic_int slow_calls;
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (node && strcmp(node, SLOW_NAME) == 0) {
        slow_calls++;
        sleep(SLOW_S);
        return EAI_AGAIN;
    }
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node, service, hints, out);
}

static void a_webhook_gets_monascas_ten_keys_and_ours(void **state)
{
    static const char *const monascas[] = {
        "alarm_id", "alarm_definition_id", "alarm_name", "alarm_description", "alarm_timestamp",
        "state",    "old_state",           "message",    "tenant_id",         "metrics"};
    struct receiver *r = receiver_new(204);
    kit_open(&(struct ax_notify_options){0});
    kit_queue(kit_webhook(r, 0), "a1", "ALARM", T0);
    assert_true(receiver_waits(r, 1, 5000));
    json_t *o = receiver_json(r, 0);
    for (size_t i = 0; i < AX_ARRAY_LEN(monascas); i++)
        if (!json_object_get(o, monascas[i]))
            fail_msg("no %s", monascas[i]);
    assert_string_equal(json_string_value(json_object_get(o, "alarm_id")), "a1");
    assert_true(json_number_value(json_object_get(o, "alarm_timestamp")) == 1795314600.25);
    assert_string_equal(json_string_value(json_object_get(o, "old_state")), "OK");
    assert_string_equal(json_string_value(json_object_get(o, "severity")), "HIGH");
    assert_string_equal(json_string_value(json_object_get(o, "link")), "http://runbook/1");
    assert_string_equal(json_string_value(json_object_get(o, "lifecycle_state")), "OPEN");
    assert_string_equal(json_string_value(json_object_get(o, "idempotency_key")), r->got[0].key);
    assert_int_equal(strlen(r->got[0].key), 32);
    assert_non_null(strstr(r->got[0].head, "POST /hook HTTP/1.1"));
    assert_non_null(strstr(r->got[0].head, "Content-Type: application/json"));
    json_decref(o);
    assert_true(kit_rows_become(0, 2000));
    receiver_free(r);
}

static struct ax_notify_stats stats(void)
{
    struct ax_notify_stats s;
    ax_notify_stats(notify, &s);
    return s;
}

static struct ax_notify_count webhooks(void)
{
    return stats().by_type[AX_NOTIFY_WEBHOOK];
}

#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        for (int64_t until_ = ax_mono_ns() + 5000000000ll; !(condition);) {                        \
            if (ax_mono_ns() > until_)                                                             \
                fail_msg("waited 5 s for %s", #condition);                                         \
            ax_sleep_ms(2);                                                                        \
        }                                                                                          \
    } while (0)

static void failures_are_tried_again_after_pauses_that_grow(void **state)
{
    struct receiver *r = receiver_new(200);
    struct ax_notify_options o = kit_clock();
    r->bad_first = 4;
    kit_open(&o);
    kit_queue(kit_webhook(r, 0), "a1", "ALARM", T0);
    static const int64_t most[] = {1000, 2000, 4000, 8000};
    for (int i = 0; i < 4; i++) {
        WAIT_UNTIL(webhooks().retried == (uint64_t)i + 1);
        kit_pass(most[i] / 2 - 1); /* not before half of it */
        ax_sleep_ms(30);
        assert_int_equal(webhooks().retried, i + 1);
        kit_pass(most[i] / 2 + 1);
    }
    assert_true(receiver_waits(r, 1, 5000));
    assert_int_equal(r->asked, 5);
    assert_true(kit_rows_become(0, 2000));
    assert_int_equal(webhooks().sent, 1);
    assert_int_equal(webhooks().queued, 1);
    receiver_free(r);
}

static void the_key_is_the_same_after_a_restart(void **state)
{
    struct receiver *r = receiver_new(500);
    struct ax_notify_options o = kit_clock();
    kit_open(&o);
    struct ax_str m = kit_webhook(r, 0);
    kit_queue(m, "a1", "ALARM", T0);
    WAIT_UNTIL(webhooks().retried == 1);
    struct ax_letter l;
    struct ax_arena a = AX_ARENA_INIT;
    ax_sql_lock(sql);
    assert_int_equal(ax_outbox_letter(sql, 1, &a, &l, NULL), 1);
    ax_sql_unlock(sql);
    r->status = 200;
    kit_reopen(&o);
    assert_int_equal(r->asked, 1); /* its pause outlives the restart, too */
    kit_pass(1000);
    assert_true(receiver_waits(r, 1, 5000));
    assert_true(ax_str_eq(l.key, ax_str(r->got[0].key)));
    ax_arena_free(&a);
    receiver_free(r);
}

static void what_is_refused_is_final_and_counted(void **state)
{
    struct receiver *r = receiver_new(404);
    kit_open(&(struct ax_notify_options){0});
    struct ax_str m = kit_webhook(r, 0);
    kit_queue(m, "a1", "ALARM", T0);
    assert_true(kit_rows_become(0, 5000));
    assert_int_equal(webhooks().failed, 1);
    assert_int_equal(webhooks().sent + webhooks().retried, 0);
    static const int again[] = {408, 425, 429, 500, 503, 301};
    for (size_t i = 0; i < AX_ARRAY_LEN(again); i++) {
        char alarm[8];
        snprintf(alarm, sizeof alarm, "b%zu", i);
        kit_reopen(&(struct ax_notify_options){0}); /* forgets the pauses of the method */
        r->status = again[i];
        kit_queue(m, alarm, "ALARM", T0);
        WAIT_UNTIL(webhooks().retried > 0);
        assert_int_equal(webhooks().failed, 0);
    }
    receiver_free(r);
}

static void retry_after_is_heeded(void **state)
{
    struct receiver *r = receiver_new(429);
    struct ax_notify_options o = kit_clock();
    r->extra = "Retry-After: 30\r\n";
    kit_open(&o);
    struct ax_str m = kit_webhook(r, 0);
    kit_queue(m, "a1", "ALARM", T0);
    WAIT_UNTIL(webhooks().retried == 1);
    r->status = 200;
    kit_queue(m, "a2", "ALARM", T0); /* for the method as a whole */
    kit_pass(29900);
    ax_sleep_ms(50);
    assert_int_equal(r->asked, 1);
    kit_pass(200);
    assert_true(receiver_waits(r, 2, 5000));
    receiver_free(r);
}

static void a_redirect_is_not_followed(void **state)
{
    struct receiver *r = receiver_new(302), *trap = receiver_new(200);
    char extra[80];
    snprintf(extra, sizeof extra, "Location: http://127.0.0.1:%d/\r\n", trap->port);
    r->extra = extra;
    kit_open(&(struct ax_notify_options){0});
    kit_queue(kit_webhook(r, 0), "a1", "ALARM", T0);
    WAIT_UNTIL(webhooks().retried == 1);
    assert_int_equal(trap->connections, 0);
    receiver_free(r);
    receiver_free(trap);
}

static void who_hangs_closes_or_is_away_delays_nobody(void **state)
{
    struct receiver *hangs = receiver_new(-1), *closes = receiver_new(0), *fine = receiver_new(200);
    struct receiver *away = receiver_new(200);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", away->port);
    receiver_free(away);
    kit_open(&(struct ax_notify_options){
        .timeout_ms = 30000, .transfers = 8, .rate = 1000, .burst = 1000});
    struct ax_str bad[3] = {kit_webhook(hangs, 0), kit_webhook(closes, 0),
                            kit_method("WEBHOOK", url, 0)};
    struct ax_str good = kit_webhook(fine, 0);
    for (int i = 0; i < 50; i++) {
        char alarm[8];
        struct ax_notice x;
        snprintf(alarm, sizeof alarm, "a%d", i);
        x = kit_notice(alarm, "ALARM", T0);
        assert_int_equal(kit_queue_rc(bad, 3, &x, NULL), 0);
    }
    for (int i = 0; i < 50; i++) {
        char alarm[8];
        snprintf(alarm, sizeof alarm, "g%d", i);
        kit_queue(good, alarm, "ALARM", T0);
    }
    assert_true(receiver_waits(fine, 50, 20000)); /* less than one time-out */
    assert_true(hangs->asked <= 2);               /* one at a time, while it has not answered */
    receiver_free(hangs);
    receiver_free(closes);
    receiver_free(fine);
}

static void many_that_hang_hold_up_each_other_alone(void **state)
{
    struct receiver *hangs = receiver_new(-1), *fine = receiver_new(200);
    struct ax_str bad[12];
    kit_open(&(struct ax_notify_options){.timeout_ms = 30000, .transfers = 8});
    struct ax_str good = kit_webhook(fine, 0);
    kit_queue(good, "first", "ALARM", T0); /* it works, as far as is known */
    assert_true(receiver_waits(fine, 1, 5000));
    for (size_t i = 0; i < AX_ARRAY_LEN(bad); i++)
        bad[i] = kit_webhook(hangs, 0);
    struct ax_notice x = kit_notice("a1", "ALARM", T0);
    assert_int_equal(kit_queue_rc(bad, AX_ARRAY_LEN(bad), &x, NULL), 0);
    WAIT_UNTIL(stats().busy >= 4);
    ax_sleep_ms(100);
    assert_int_equal(stats().busy, 4); /* half of them */
    kit_queue(good, "second", "ALARM", T0);
    assert_true(receiver_waits(fine, 2, 20000));
    receiver_free(hangs);
    receiver_free(fine);
}

static void a_name_that_does_not_resolve_in_time_delays_nobody(void **state)
{
    struct receiver *fine = receiver_new(200);
    kit_open(&(struct ax_notify_options){.timeout_ms = 300});
    struct ax_str bad = kit_method("WEBHOOK", "http://" SLOW_NAME "/", 0);
    struct ax_str good = kit_webhook(fine, 0);
    for (int i = 0; i < 10; i++) {
        char alarm[8];
        snprintf(alarm, sizeof alarm, "a%d", i);
        kit_queue(bad, alarm, "ALARM", T0);
        kit_queue(good, alarm, "ALARM", T0);
        int64_t start = ax_mono_ns();
        assert_true(receiver_waits(fine, i + 1, 5000));
        assert_true(ax_mono_ns() - start < SLOW_S * 900000000ll);
        ax_sleep_ms(50);
    }
    WAIT_UNTIL(webhooks().retried > 0);
    assert_true(slow_calls > 0);
    receiver_free(fine);
}

static void transitions_of_an_alarm_arrive_in_their_order(void **state)
{
    struct receiver *r = receiver_new(200);
    struct ax_notify_options o = kit_clock();
    r->bad_first = 1;
    o.rate = o.burst = 1000;
    kit_open(&o);
    struct ax_str m = kit_webhook(r, 0);
    kit_queue(m, "a1", "ALARM", T0);
    WAIT_UNTIL(webhooks().retried == 1);
    for (int i = 1; i < 20; i++)
        kit_queue(m, "a1", i % 2 ? "OK" : "ALARM", T0 + i);
    kit_queue(m, "other", "ALARM", T0);
    assert_true(receiver_waits(r, 1, 5000)); /* another alarm does not wait for it */
    ax_sleep_ms(100);
    assert_int_equal(receiver_count(r), 1);
    kit_pass(1000);
    assert_true(receiver_waits(r, 21, 10000));
    for (int i = 0; i < 20; i++) {
        json_t *got = receiver_json(r, i + 1);
        int64_t ms =
            (int64_t)(json_number_value(json_object_get(got, "alarm_timestamp")) * 1000 + 0.5);
        assert_int_equal(ms, T0 + i);
        json_decref(got);
    }
    receiver_free(r);
}

static void over_the_rate_they_wait_and_none_is_lost(void **state)
{
    struct receiver *r = receiver_new(200);
    struct ax_notify_options o = kit_clock();
    o.rate = 10;
    o.burst = 5;
    kit_open(&o);
    struct ax_str m = kit_webhook(r, 0);
    for (int i = 0; i < 30; i++) {
        char alarm[8];
        snprintf(alarm, sizeof alarm, "a%d", i);
        kit_queue(m, alarm, "ALARM", T0);
    }
    assert_true(receiver_waits(r, 5, 5000));
    ax_sleep_ms(100);
    assert_int_equal(receiver_count(r), 5);
    WAIT_UNTIL(stats().waiting == 25);
    kit_pass(300); /* 0.3 s at 10 a second */
    assert_true(receiver_waits(r, 8, 5000));
    ax_sleep_ms(100);
    assert_int_equal(receiver_count(r), 8);
    for (int i = 0; i < 30 && receiver_count(r) < 30; i++) {
        kit_pass(100);
        ax_sleep_ms(20);
    }
    assert_true(receiver_waits(r, 30, 5000));
    assert_true(kit_rows_become(0, 5000));
    assert_int_equal(webhooks().sent, 30);
    receiver_free(r);
}

static void a_period_repeats_until_the_next_transition(void **state)
{
    struct receiver *r = receiver_new(200);
    struct ax_notify_options o = kit_clock();
    kit_open(&o);
    struct ax_str m = kit_webhook(r, 60);
    kit_queue(m, "a1", "ALARM", T0);
    assert_true(receiver_waits(r, 1, 5000));
    for (int i = 1; i <= 2; i++) {
        char key[64];
        WAIT_UNTIL(stats().repeating == 1);
        kit_pass(59000);
        ax_sleep_ms(50);
        assert_int_equal(receiver_count(r), i);
        if (i == 2)
            kit_reopen(&o); /* they go on after a restart */
        kit_pass(1500);
        assert_true(receiver_waits(r, i + 1, 5000));
        snprintf(key, sizeof key, "%s-%d", r->got[0].key, i);
        assert_string_equal(r->got[i].key, key);
    }
    struct ax_notice ok = kit_notice("a1", "OK", T0 + 1); /* whose actions name no method */
    assert_int_equal(kit_queue_rc(NULL, 0, &ok, NULL), 0);
    kit_pass(61000);
    WAIT_UNTIL(stats().repeating == 0);
    assert_int_equal(receiver_count(r), 3);
    assert_int_equal(kit_rows(), 0);
    receiver_free(r);
}

static atomic_bool hush;

static bool is_hushed(void *ctx, struct ax_str tenant, struct ax_str alarm)
{
    return hush && ax_str_eq(tenant, TENANT) && ax_str_eq(alarm, AX_STR("a1"));
}

static void repeats_are_left_out_while_they_are_not_wanted(void **state)
{
    struct receiver *r = receiver_new(200), *manager = receiver_new(200);
    struct ax_notify_options o = kit_clock();
    char url[64];
    o.quiet = is_hushed;
    hush = true;
    kit_open(&o);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", manager->port);
    struct ax_notice x = kit_notice("a1", "ALARM", T0);
    const struct ax_str both[] = {kit_webhook(r, 60), kit_method("ALERTMANAGER", url, 0)};
    assert_int_equal(kit_queue_rc(both, 2, &x, NULL), 0);
    assert_true(receiver_waits(r, 1, 5000)); /* the first is no repeat */
    for (int i = 2; i <= 3; i++) {
        WAIT_UNTIL(stats().repeating == 2);
        kit_pass(61000);
        assert_true(receiver_waits(manager, i, 5000)); /* to which silence is the end */
    }
    WAIT_UNTIL(stats().repeating == 2);
    assert_int_equal(receiver_count(r), 1);
    hush = false;
    kit_pass(61000);
    assert_true(receiver_waits(r, 2, 5000));
    receiver_free(r);
    receiver_free(manager);
}

static void an_alarm_that_is_no_more_is_not_repeated(void **state)
{
    struct receiver *r = receiver_new(200);
    struct ax_notify_options o = kit_clock();
    kit_open(&o);
    kit_queue(kit_webhook(r, 60), "a1", "ALARM", T0);
    WAIT_UNTIL(stats().repeating == 1);
    assert_int_equal(ax_sql_begin(sql, NULL), 0);
    assert_int_equal(ax_sql_end(sql, ax_notify_ended(notify, TENANT, AX_STR("a1"), NULL), NULL), 0);
    kit_pass(61000);
    WAIT_UNTIL(stats().repeating == 0);
    assert_int_equal(receiver_count(r), 1);
    receiver_free(r);
}

static void what_is_over_when_it_is_sent_is_not_repeated(void **state)
{
    struct receiver *r = receiver_new(200);
    struct ax_notify_options o = kit_clock();
    struct ax_notice ok = kit_notice("a1", "OK", T0 + 1);
    r->bad_first = 1;
    kit_open(&o);
    kit_queue(kit_webhook(r, 60), "a1", "ALARM", T0);
    WAIT_UNTIL(webhooks().retried == 1);
    assert_int_equal(kit_queue_rc(NULL, 0, &ok, NULL), 0);
    kit_pass(1000);
    assert_true(receiver_waits(r, 1, 5000)); /* once all the same: it was so */
    assert_true(kit_rows_become(0, 5000));
    receiver_free(r);
}

static void a_new_transition_overtakes_no_repeat_under_way(void **state)
{
    struct receiver *r = receiver_new(200);
    struct ax_notify_options o = kit_clock();
    kit_open(&o);
    struct ax_str m = kit_webhook(r, 60);
    kit_queue(m, "a1", "ALARM", T0);
    WAIT_UNTIL(stats().repeating == 1);
    r->status = 500; /* the repeat fails and waits for its next try */
    kit_pass(60000);
    WAIT_UNTIL(webhooks().retried == 1);
    r->status = 200;
    kit_queue(m, "a1", "OK", T0 + 1); /* it is no longer of interest */
    kit_pass(1);
    assert_true(receiver_waits(r, 2, 5000));
    json_t *o2 = receiver_json(r, 1);
    assert_string_equal(json_string_value(json_object_get(o2, "state")), "OK");
    json_decref(o2);
    WAIT_UNTIL(stats().repeating == 1); /* now OK repeats */
    kit_pass(10000);
    ax_sleep_ms(50);
    assert_int_equal(receiver_count(r), 2);
    receiver_free(r);
}

static void what_is_too_old_is_given_up_and_counted(void **state)
{
    struct receiver *r = receiver_new(500);
    struct ax_notify_options o = kit_clock();
    kit_open(&o);
    kit_queue(kit_webhook(r, 0), "a1", "ALARM", T0);
    WAIT_UNTIL(webhooks().retried == 1);
    assert_true(stats().oldest_ms < 1000);
    kit_pass(4 * 3600000 - 1000);
    WAIT_UNTIL(webhooks().retried == 2);
    assert_int_equal(stats().oldest_ms, 4 * 3600000 - 1000);
    kit_pass(301000);
    assert_true(kit_rows_become(0, 5000));
    assert_int_equal(webhooks().given_up, 1);
    receiver_free(r);
}

static void what_was_rolled_back_is_not_sent(void **state)
{
    struct receiver *r = receiver_new(200);
    kit_open(&(struct ax_notify_options){0});
    struct ax_str m = kit_webhook(r, 0);
    struct ax_notice x = kit_notice("gone", "ALARM", T0);
    assert_int_equal(ax_sql_begin(sql, NULL), 0);
    assert_int_equal(ax_notify_queue(notify, &m, 1, &x, NULL), 0);
    ax_notify_wake(notify);
    ax_sleep_ms(20);
    assert_int_equal(ax_sql_end(sql, -ECANCELED, NULL), -ECANCELED);
    kit_queue(m, "here", "ALARM", T0);
    assert_true(kit_rows_become(0, 5000));
    assert_int_equal(receiver_count(r), 1);
    json_t *o = receiver_json(r, 0);
    assert_string_equal(json_string_value(json_object_get(o, "alarm_id")), "here");
    json_decref(o);
    receiver_free(r);
}

static void the_same_transition_queued_twice_is_one(void **state)
{
    struct receiver *r = receiver_new(200);
    struct ax_notify_options o = kit_clock();
    r->bad_first = 1;
    kit_open(&o);
    struct ax_str m = kit_webhook(r, 0);
    kit_queue(m, "a1", "ALARM", T0);
    WAIT_UNTIL(webhooks().retried == 1);
    kit_queue(m, "a1", "ALARM", T0);
    kit_pass(1000);
    assert_true(kit_rows_become(0, 5000));
    assert_int_equal(receiver_count(r), 1);
    receiver_free(r);
}

static void a_method_that_is_mended_gets_what_waits_for_it(void **state)
{
    struct receiver *dead = receiver_new(500), *r = receiver_new(200);
    struct ax_notify_options o = kit_clock();
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_notify_method m;
    char url[64];
    kit_open(&o);
    struct ax_str id = kit_webhook(dead, 0);
    kit_queue(id, "a1", "ALARM", T0);
    kit_queue(id, "a1", "OK", T0 + 1);
    WAIT_UNTIL(webhooks().retried == 1);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/new", r->port);
    struct ax_notify_fields f = {.address = ax_str(url), .period = -1};
    assert_int_equal(ax_notify_update(notify, TENANT, id, &f, &a, &m, NULL), 0);
    assert_true(receiver_waits(r, 2, 5000)); /* at once */
    ax_arena_free(&a);
    receiver_free(dead);
    receiver_free(r);
}

static void what_waits_for_a_deleted_method_is_voided_and_counted(void **state)
{
    struct receiver *r = receiver_new(500);
    struct ax_notify_options o = kit_clock();
    kit_open(&o);
    struct ax_str m = kit_webhook(r, 0);
    kit_queue(m, "a1", "ALARM", T0);
    kit_queue(m, "a1", "OK", T0 + 1);
    WAIT_UNTIL(webhooks().retried == 1);
    assert_int_equal(ax_notify_delete(notify, TENANT, m, NULL), 0);
    assert_int_equal(stats().voided, 2);
    assert_int_equal(kit_rows(), 0);
    WAIT_UNTIL(stats().waiting == 0);
    r->status = 200;
    kit_pass(10000);
    ax_sleep_ms(50);
    assert_int_equal(receiver_count(r), 0);
    kit_queue(m, "a2", "ALARM", T0); /* and one that comes too late is counted as well */
    assert_int_equal(stats().unknown, 1);
    receiver_free(r);
}

static void a_full_disk_fails_the_transition(void **state)
{
    struct receiver *r = receiver_new(500);
    struct ax_notify_options o = kit_clock();
    struct ax_err err = {0};
    kit_open(&o);
    struct ax_str m = kit_webhook(r, 0);
    assert_int_equal(ax_sql_exec(sql, "PRAGMA max_page_count = 40", NULL), 0);
    int rc = 0, queued = 0;
    for (; rc == 0 && queued < 1000; queued++) {
        char alarm[8];
        snprintf(alarm, sizeof alarm, "a%d", queued);
        struct ax_notice x = kit_notice(alarm, "ALARM", T0);
        rc = kit_queue_rc(&m, 1, &x, &err);
    }
    assert_int_equal(rc, -ENOSPC);
    assert_non_null(strstr(err.text, "full"));
    assert_int_equal(kit_rows(), queued - 1);
    r->status = 200; /* what was taken before that is sent, and makes room */
    for (int i = 0; i < 100 && kit_rows(); i++) {
        kit_pass(10000);
        ax_sleep_ms(20);
    }
    assert_int_equal(kit_rows(), 0);
    assert_int_equal(receiver_count(r), queued - 1);
    kit_queue(m, "later", "ALARM", T0);
    receiver_free(r);
}

static void an_outcome_that_cannot_be_written_is_kept_and_nothing_sent_twice(void **state)
{
    struct receiver *r = receiver_new(500);
    struct ax_notify_options o = kit_clock();
    kit_open(&o);
    kit_queue(kit_webhook(r, 0), "a1", "ALARM", T0);
    WAIT_UNTIL(webhooks().retried == 1);
    ax_sql_lock(sql);
    assert_int_equal(ax_sql_exec(sql, "PRAGMA query_only = 1", NULL), 0);
    ax_sql_unlock(sql);
    r->status = 200;
    kit_pass(1000);
    assert_true(receiver_waits(r, 1, 5000));
    ax_sleep_ms(300);
    kit_pass(600000);
    ax_sleep_ms(300);
    assert_int_equal(kit_rows(), 1);
    ax_sql_lock(sql);
    assert_int_equal(ax_sql_exec(sql, "PRAGMA query_only = 0", NULL), 0);
    ax_sql_unlock(sql);
    assert_true(kit_rows_become(0, 5000));
    assert_int_equal(receiver_count(r), 1);
    receiver_free(r);
}

static void loopback_can_be_refused(void **state)
{
    static const char *const hosts[] = {"127.0.0.1",          "localhost",  "[::1]", "0.0.0.0",
                                        "[::ffff:127.0.0.1]", "2130706433", "127.1"};
    struct receiver *r = receiver_new(200);
    kit_open(&(struct ax_notify_options){.refuse_local = true});
    for (size_t i = 0; i < AX_ARRAY_LEN(hosts); i++) {
        char url[64];
        struct ax_notify_said said;
        snprintf(url, sizeof url, "http://%s:%d/", hosts[i], r->port);
        struct ax_str m = kit_method("WEBHOOK", url, 0);
        assert_int_equal(ax_notify_test(notify, TENANT, m, &said, NULL), -EIO);
    }
    assert_int_equal(r->connections, 0);
    receiver_free(r);
}

static void a_test_tells_what_became_of_it(void **state)
{
    struct receiver *r = receiver_new(200);
    struct ax_notify_said said;
    struct ax_err err = {0};
    kit_open(&(struct ax_notify_options){0});
    struct ax_str m = kit_webhook(r, 0);
    assert_int_equal(ax_notify_test(notify, TENANT, m, &said, &err), 0);
    assert_string_equal(said.text, "it answered 200: no");
    json_t *o = receiver_json(r, 0);
    assert_true(json_is_true(json_object_get(o, "test")));
    json_decref(o);
    r->status = 403;
    assert_int_equal(ax_notify_test(notify, TENANT, m, &said, &err), -EIO);
    assert_non_null(strstr(err.text, "403"));
    assert_int_equal(ax_notify_test(notify, AX_STR("other"), m, &said, &err), -ENOENT);
    receiver_free(r);
}

static void secrets_of_an_address_are_not_logged(void **state)
{
    struct receiver *r = receiver_new(404);
    struct ax_buf log = AX_BUF_INIT;
    char url[96], path[128];
    snprintf(path, sizeof path, "%s/log", kit_dir);
    snprintf(url, sizeof url, "http://user:hunter2@127.0.0.1:%d/services/T0KEN", r->port);
    r->echo = true; /* as many do: "no such page: /services/T0KEN" */
    kit_open(&(struct ax_notify_options){0});
    struct ax_str m = kit_method("WEBHOOK", url, 0);
    fflush(stderr);
    int kept = dup(2), fd = open(path, O_CREAT | O_WRONLY, 0600);
    dup2(fd, 2);
    for (int i = 0; i < 3; i++) {
        static const int answers[] = {404, 500, 0};
        char alarm[8];
        snprintf(alarm, sizeof alarm, "s%d", i);
        r->status = answers[i];
        kit_reopen(&(struct ax_notify_options){.max_age_ms = i == 1 ? 1 : 0});
        kit_queue(m, alarm, "ALARM", T0);
        WAIT_UNTIL(webhooks().failed + webhooks().retried + webhooks().given_up > 0);
    }
    ax_log(AX_LOG_WARN, "here");
    dup2(kept, 2);
    close(kept);
    close(fd);
    assert_int_equal(ax_file_read(AT_FDCWD, path, 65536, &log, NULL), 0);
    ax_buf_byte(&log, 0);
    assert_non_null(strstr(log.p, "here"));
    assert_null(strstr(log.p, "hunter2"));
    assert_null(strstr(log.p, "T0KEN"));
    ax_buf_free(&log);
    receiver_free(r);
}

static void an_answer_without_end_is_cut_off(void **state)
{
    struct receiver *r = receiver_new(200);
    kit_open(&(struct ax_notify_options){.timeout_ms = 300});
    r->extra = "X: y\r\nTransfer-Encoding: chunked\r\n"; /* and nothing of the kind comes */
    kit_queue(kit_webhook(r, 0), "a1", "ALARM", T0);
    assert_true(kit_rows_become(0, 3000)); /* it said 200: it has it */
    assert_int_equal(receiver_count(r), 1);
    receiver_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_webhook_gets_monascas_ten_keys_and_ours, kit_begin,
                                        kit_end),
        cmocka_unit_test_setup_teardown(failures_are_tried_again_after_pauses_that_grow, kit_begin,
                                        kit_end),
        cmocka_unit_test_setup_teardown(the_key_is_the_same_after_a_restart, kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(what_is_refused_is_final_and_counted, kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(retry_after_is_heeded, kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(a_redirect_is_not_followed, kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(who_hangs_closes_or_is_away_delays_nobody, kit_begin,
                                        kit_end),
        cmocka_unit_test_setup_teardown(many_that_hang_hold_up_each_other_alone, kit_begin,
                                        kit_end),
        cmocka_unit_test_setup_teardown(a_name_that_does_not_resolve_in_time_delays_nobody,
                                        kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(transitions_of_an_alarm_arrive_in_their_order, kit_begin,
                                        kit_end),
        cmocka_unit_test_setup_teardown(over_the_rate_they_wait_and_none_is_lost, kit_begin,
                                        kit_end),
        cmocka_unit_test_setup_teardown(a_period_repeats_until_the_next_transition, kit_begin,
                                        kit_end),
        cmocka_unit_test_setup_teardown(repeats_are_left_out_while_they_are_not_wanted, kit_begin,
                                        kit_end),
        cmocka_unit_test_setup_teardown(an_alarm_that_is_no_more_is_not_repeated, kit_begin,
                                        kit_end),
        cmocka_unit_test_setup_teardown(what_is_over_when_it_is_sent_is_not_repeated, kit_begin,
                                        kit_end),
        cmocka_unit_test_setup_teardown(a_new_transition_overtakes_no_repeat_under_way, kit_begin,
                                        kit_end),
        cmocka_unit_test_setup_teardown(what_is_too_old_is_given_up_and_counted, kit_begin,
                                        kit_end),
        cmocka_unit_test_setup_teardown(what_was_rolled_back_is_not_sent, kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(the_same_transition_queued_twice_is_one, kit_begin,
                                        kit_end),
        cmocka_unit_test_setup_teardown(a_method_that_is_mended_gets_what_waits_for_it, kit_begin,
                                        kit_end),
        cmocka_unit_test_setup_teardown(what_waits_for_a_deleted_method_is_voided_and_counted,
                                        kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(a_full_disk_fails_the_transition, kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(
            an_outcome_that_cannot_be_written_is_kept_and_nothing_sent_twice, kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(loopback_can_be_refused, kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(a_test_tells_what_became_of_it, kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(secrets_of_an_address_are_not_logged, kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(an_answer_without_end_is_cut_off, kit_begin, kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
