// SPDX-License-Identifier: Apache-2.0
/* Series that are over leave the memory, and their samples stay: VMs that come and go do not add
 * up.
 */
#include "store_kit.h"

#include <pthread.h>

static struct ax_intake_stats intake_stats(struct kit *k)
{
    struct ax_intake_stats st;
    ax_intake_stats(k->intake, &st);
    return st;
}

/* One life of `n` VMs: samples for an hour, then time goes on until all of it is in a block. */
static void live(struct kit *k, int generation, int n)
{
    char vm[32];
    for (int i = 0; i < n; i++) {
        snprintf(vm, sizeof vm, "vm-%d-%d", generation, i);
        for (int s = 0; s < 4; s++)
            kit_write1(k, "m", vm, kit_now - HOUR + s * 15 * 60000, generation * 1000 + i);
    }
    kit_write1(k, "m", "stays", kit_now, generation);
    kit_now += 3 * HOUR;
    kit_tick(k, 4);
}

static void churn_does_not_add_up(void **state)
{
    struct kit *k = *state;
    const int n = 50, generations = 12;
    uint64_t most = 0, bytes = 0;
    for (int g = 0; g < generations; g++) {
        live(k, g, n);
        struct ax_intake_stats st = intake_stats(k);
        most = st.series > most ? st.series : most;
        if (g == 3)
            bytes = st.bytes;
        assert_true(g < 4 || st.bytes <= bytes * 5 / 4);
    }
    assert_true(most <= 3u * n + 1);
    assert_true(ax_intake_count(k->intake) <= 4u * n + 1); /* ids are given anew */
    for (int g = 0; g < generations; g++) {
        char vm[32];
        snprintf(vm, sizeof vm, "vm-%d-7", g);
        struct ax_series got = kit_read(k, "m", vm);
        assert_int_equal(got.n, 4);
        assert_true(got.v[3] == g * 1000 + 7);
    }
    assert_int_equal(kit_read(k, "m", "stays").n, generations);
}

/* Who comes back is one series with who it was. */
static void who_comes_back_is_the_same_series(void **state)
{
    struct kit *k = *state;
    kit_write1(k, "m", "a", kit_now, 1);
    int64_t first = kit_now;
    for (int g = 0; g < 3; g++)
        live(k, g, 2);
    assert_int_equal(kit_read(k, "m", "a").n, 1);
    kit_write1(k, "m", "a", kit_now, 2);
    struct ax_series got = kit_read(k, "m", "a");
    assert_int_equal(got.n, 2);
    assert_true(got.t[0] == first && got.v[0] == 1 && got.v[1] == 2);
    kit_write1(k, "m", "a", first - 1000, 0); /* older than what a block has */
    struct ax_matcher m = {.op = AX_MATCH_EQ, .name = AX_STR("vm"), .value = AX_STR("a")};
    struct ax_store_select sel = kit_all(&m, 1);
    struct ax_series_set set;
    sel.maxt = kit_now - 1;
    assert_int_equal(ax_store_last(k->store, &sel, &k->arena, &set, NULL), 0);
    assert_int_equal(set.n, 1);
    assert_true(set.v[0].t[0] == first && set.v[0].v[0] == 1);
    sel.maxt = kit_now;
    assert_int_equal(ax_store_last(k->store, &sel, &k->arena, &set, NULL), 0);
    assert_true(set.n == 1 && set.v[0].v[0] == 2);
    kit_close(k);
    kit_open(k);
    assert_int_equal(kit_read(k, "m", "a").n, 3);
}

/* After a restart a late sample of a series that only a block has is not taken for its newest. */
static void a_late_sample_is_not_the_newest(void **state)
{
    struct kit *k = *state;
    kit_write1(k, "m", "a", kit_now, 7);
    kit_now += 3 * HOUR;
    kit_tick(k, 2);
    kit_close(k);
    kit_open(k);
    kit_write1(k, "m", "a", T0, 3);
    struct ax_store_select sel = kit_all(NULL, 0);
    struct ax_series_set set;
    assert_int_equal(ax_store_last(k->store, &sel, &k->arena, &set, NULL), 0);
    assert_int_equal(set.n, 1);
    assert_true(set.v[0].v[0] == 7);
}

struct asking {
    struct kit *k;
    bool stop;        /* atomic */
    uint64_t answers; /* atomic */
};

static bool has_answered(struct asking *q)
{
    return __atomic_load_n(&q->answers, __ATOMIC_RELAXED) > 0;
}

static void *ask(void *arg)
{
    struct asking *q = arg;
    struct ax_arena a = AX_ARENA_INIT;
    while (!__atomic_load_n(&q->stop, __ATOMIC_ACQUIRE)) {
        struct ax_store_select sel = kit_all(NULL, 0);
        struct ax_series_set set;
        struct ax_str *names;
        size_t n;
        assert_int_equal(ax_store_select(q->k->store, &sel, &a, &set, NULL), 0);
        for (size_t i = 0; i < set.n; i++)
            assert_true(ax_labels_valid(set.v[i].labels.bytes));
        assert_int_equal(ax_store_last(q->k->store, &sel, &a, &set, NULL), 0);
        assert_int_equal(ax_store_label_names(q->k->store, &sel, &a, &names, &n, NULL), 0);
        ax_arena_reset(&a);
        __atomic_add_fetch(&q->answers, 1, __ATOMIC_RELAXED);
    }
    ax_arena_free(&a);
    return NULL;
}

/* Series come and go under queries that read them. */
static void queries_go_on_meanwhile(void **state)
{
    struct kit *k = *state;
    struct asking q[2] = {{k, false, 0}, {k, false, 0}};
    pthread_t t[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&t[i], NULL, ask, &q[i]), 0);
    for (int g = 0; g < 30 || !has_answered(&q[0]) || !has_answered(&q[1]); g++)
        live(k, g % 3 ? g : 0, 8);
    for (int i = 0; i < 2; i++) {
        __atomic_store_n(&q[i].stop, true, __ATOMIC_RELEASE);
        pthread_join(t[i], NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(churn_does_not_add_up, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(who_comes_back_is_the_same_series, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(a_late_sample_is_not_the_newest, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(queries_go_on_meanwhile, kit_new, kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
