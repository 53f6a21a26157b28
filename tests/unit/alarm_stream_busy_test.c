// SPDX-License-Identifier: Apache-2.0
/* Many threads at once: pushes, ticks, the writer, changes of definitions and alarms. */
#include "alarm_stream_kit.h"

#include "base/clock.h"
#include "base/map.h"

#include <pthread.h>

#define PUSHERS 3
#define ROUNDS  150

static struct kit *kit;
static _Atomic int64_t clock_now;
static _Atomic bool over;

static int64_t busy_clock(void)
{
    return clock_now;
}

static void *keep_pushing(void *arg)
{
    int me = (int)(intptr_t)arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct ax_arena a = AX_ARENA_INIT;
        struct ax_batch b = {.arena = &a};
        struct ax_intake_result r;
        struct ax_err err = {0};
        int64_t now = clock_now += 100;
        for (int h = 0; h < 20; h++) {
            char dims[40];
            snprintf(dims, sizeof dims, "p=%d,h=%d,new=%d", me, h, h == 7 ? i : 0);
            kit_add(&b, "t", h & 1 ? "m" : "n", dims, now, (i + h) % 40 < 20 ? 1 : 20);
        }
        if (ax_intake_push(kit->intake, &b, now, &r, &err) < 0)
            fail_msg("%s", err.text);
        ax_arena_free(&a);
    }
    return NULL;
}

static void *keep_ticking(void *arg)
{
    while (!over) {
        ax_stream_tick(kit->stream, clock_now);
        ax_sleep_ms(1);
    }
    return NULL;
}

static void *keep_changing(void *arg)
{
    for (int i = 0; !over; i++) {
        struct ax_arena a = AX_ARENA_INIT;
        struct ax_definition d;
        struct ax_alarm_row *v, row;
        struct ax_err err;
        struct ax_str ok = AX_STR("OK");
        size_t n;
        char name[20], text[40];
        snprintf(name, sizeof name, "x%d", i);
        snprintf(text, sizeof text, "max(n) > %d", i % 30);
        struct ax_definition_edit e = {.set = AX_SET_NAME | AX_SET_EXPRESSION,
                                       .name = ax_str(name),
                                       .expression = ax_str(text)};
        assert_int_equal(
            ax_definition_create(kit->stream, AX_STR("t"), &e, clock_now, &a, &d, &err), 0);
        e = (struct ax_definition_edit){.set = AX_SET_EXPRESSION,
                                        .expression = AX_STR("avg(n,120) > 3 times 2")};
        assert_int_equal(
            ax_definition_update(kit->stream, AX_STR("t"), d.id, &e, clock_now, &a, &d, &err), 0);
        assert_int_equal(ax_alarm_list(kit->stream, AX_STR("t"),
                                       &(struct ax_alarm_filter){.limit = 5}, &a, &v, &n, &err),
                         0);
        for (size_t k = 0; k < n; k++) {
            int rc =
                ax_alarm_update(kit->stream, AX_STR("t"), v[k].id,
                                &(struct ax_alarm_edit){.state = &ok}, clock_now, &a, &row, &err);
            assert_true(rc == 0 || rc == -ENOENT);
        }
        if (n && i % 4 == 0)
            ax_alarm_delete(kit->stream, AX_STR("t"), v[0].id, &err);
        if (i % 2)
            assert_int_equal(ax_definition_delete(kit->stream, AX_STR("t"), d.id, &err), 0);
        ax_arena_free(&a);
        ax_sleep_ms(2);
    }
    return NULL;
}

/* Each alarm's history is a chain: an entry begins with the state in which the one before ended. */
static void check_chains(struct kit *k)
{
    struct ax_history_row *h;
    struct ax_err err;
    size_t n;
    assert_int_equal(ax_alarm_history(k->stream, AX_STR("t"), &(struct ax_history_filter){0},
                                      &k->arena, &h, &n, &err),
                     0);
    assert_true(n > 50);
    struct ax_map newest = AX_MAP_INIT;
    for (size_t i = 0; i < n; i++) {
        uint64_t state;
        if (ax_map_get(&newest, h[i].alarm, &state))
            assert_int_equal(h[i].old, state);
        assert_int_not_equal(h[i].old, h[i].state);
        ax_map_put(&newest, h[i].alarm, h[i].state);
    }
    ax_map_free(&newest);
}

static void threads_do_not_disturb_each_other(void **state)
{
    pthread_t pushers[PUSHERS], ticker, changer;
    kit = *state;
    kit_close(kit);
    clock_now = kit_now;
    kit->clock = busy_clock;
    kit->o.manual = false;
    kit_open(kit);
    kit_define_of(kit, "t", "max", "max(m) > 10", "p,h");
    kit_define_of(kit, "t", "last", "last(m) > 10 and last(m) > 5", "h");
    kit_define_of(kit, "t", "all", "avg(n) > 10 or count(m) > 500", "");
    pthread_create(&ticker, NULL, keep_ticking, NULL);
    pthread_create(&changer, NULL, keep_changing, NULL);
    for (intptr_t i = 0; i < PUSHERS; i++)
        pthread_create(&pushers[i], NULL, keep_pushing, (void *)i);
    for (int i = 0; i < PUSHERS; i++)
        pthread_join(pushers[i], NULL);
    over = true;
    pthread_join(ticker, NULL);
    pthread_join(changer, NULL);
    struct ax_err err;
    assert_int_equal(ax_stream_flush(kit->stream, &err), 0);
    check_chains(kit);
}

static void offer(struct kit *k, double value, struct ax_arena *a,
                  struct ax_intake_pending *pending)
{
    struct ax_batch b = {.arena = a};
    struct ax_intake_result r;
    struct ax_err err = {0};
    kit_add(&b, "t", "m", "h=1", kit_now, value);
    if (ax_intake_offer(k->intake, &b, kit_now, &r, pending, &err) < 0)
        fail_msg("%s", err.text);
}

/* As a server does that has one thread for all that waits for the disk. */
static void one_thread_settles_all_without_waiting(void **state)
{
    struct kit *k = *state;
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_intake_pending first, second;
    kit_close(k);
    k->o.manual = false;
    kit_open(k);
    kit_define_of(k, "t", "last", "last(m) > 10", "h");
    kit_now += 60 * SEC;
    for (int i = 0; i < 6; i++) {
        kit_now += SEC;
        offer(k, i % 2 ? 1 : 20, &a, &first);
        offer(k, i % 2 ? 1 : 20, &a, &second);
        assert_int_not_equal(first.follows, 0);
        int64_t start = ax_mono_ns();
        assert_int_equal(ax_intake_settle(k->intake, &first, NULL), 0);
        assert_int_equal(ax_intake_settle(k->intake, &second, NULL), 0);
        ax_intake_follow(k->intake, &first);
        assert_true(ax_mono_ns() - start < 1500000000);
        assert_int_equal(k->transitions, i + 1); /* it is written */
    }
    ax_arena_free(&a);
}

static void a_database_that_takes_nothing_is_waited_for_once(void **state)
{
    struct kit *k = *state;
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_intake_pending p[3];
    struct ax_err err;
    kit_close(k);
    k->o.manual = false;
    kit_open(k);
    kit_define_of(k, "t", "last", "last(m) > 10", "h");
    kit_now += 60 * SEC;
    k->fail = -ENOSPC;
    for (int i = 0; i < 3; i++) {
        kit_now += SEC;
        offer(k, i % 2 ? 1 : 20, &a, &p[i]);
    }
    int64_t start = ax_mono_ns();
    for (int i = 0; i < 3; i++)
        assert_int_equal(ax_intake_settle(k->intake, &p[i], &err), 0);
    for (int i = 0; i < 3; i++)
        ax_intake_follow(k->intake, &p[i]);
    int64_t waited = ax_mono_ns() - start;
    assert_true(waited > 4000000000 && waited < 9000000000);
    k->fail = 0;
    assert_int_equal(ax_stream_flush(k->stream, &err), 0);
    assert_int_equal(k->transitions, 3);
    kit_now += SEC;
    offer(k, 1, &a, &p[0]);
    assert_int_equal(ax_intake_settle(k->intake, &p[0], &err), 0);
    ax_intake_follow(k->intake, &p[0]);
    assert_int_equal(k->transitions, 4); /* it is waited for again */
    ax_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(threads_do_not_disturb_each_other, kit_new_stored, kit_end),
        cmocka_unit_test_setup_teardown(one_thread_settles_all_without_waiting, kit_new_stored,
                                        kit_end),
        cmocka_unit_test_setup_teardown(a_database_that_takes_nothing_is_waited_for_once,
                                        kit_new_stored, kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
