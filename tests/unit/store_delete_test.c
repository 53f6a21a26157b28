// SPDX-License-Identifier: Apache-2.0
/* Deletion: what is deleted is gone from answers and from disk, all else stays, and whatever fails
 * on the way leaves all of it or nothing. */
#include "store_kit.h"

#include "store/disk.h"

#include <pthread.h>
#include <stdatomic.h>

enum { SERIES = 4, SAMPLES = 600 };
#define FOREVER (1ll << 60)

static int64_t time_of(int i)
{
    return T0 + i * 60000ll; /* ten hours */
}

static void write_part(struct kit *k, const char *tenant, int from, int to)
{
    struct ax_sample v[SAMPLES];
    for (int s = 0; s < SERIES; s++) {
        char vm[8];
        snprintf(vm, sizeof vm, "%d", s);
        for (int i = from; i < to; i++)
            v[i - from] = (struct ax_sample){time_of(i), s * 1000 + i};
        kit_write(k, tenant, "m", vm, v, (size_t)(to - from));
    }
}

/* Several blocks, and a part that is only in the log. */
static void fill(struct kit *k)
{
    for (int i = 0; i < 500; i += 100) {
        kit_now = time_of(i + 100) + HOUR / 2;
        write_part(k, TENANT, i, i + 100);
        write_part(k, "other", i, i + 100);
        kit_tick(k, 1);
    }
    write_part(k, TENANT, 500, SAMPLES);
    kit_now = time_of(SAMPLES);
    assert_true(kit_stats(k).blocks >= 2 && kit_stats(k).head_samples >= SERIES * 100);
}

static int delete_of(struct kit *k, const char *vm, int64_t mint, int64_t maxt, uint64_t *deleted)
{
    struct ax_matcher m = {.op = AX_MATCH_EQ, .name = AX_STR("vm"), .value = ax_str(vm)};
    struct ax_store_select sel = kit_all(&m, 1);
    struct ax_err err = {0};
    sel.mint = mint;
    sel.maxt = maxt;
    int rc = ax_store_delete(k->store, &sel, 1, deleted, &err);
    assert_true(rc == 0 || err.text[0]);
    return rc;
}

/* The series has exactly the samples outside [from, to). */
static void check_series(struct kit *k, int s, int from, int to)
{
    char vm[8];
    snprintf(vm, sizeof vm, "%d", s);
    struct ax_series x = kit_read(k, "m", vm);
    size_t n = 0;
    for (int i = 0; i < SAMPLES; i++) {
        if (i >= from && i < to)
            continue;
        assert_true(n < x.n && x.t[n] == time_of(i) && x.v[n] == s * 1000 + i);
        n++;
    }
    assert_int_equal(x.n, n);
}

static struct ax_sample last_of(struct kit *k, const char *vm)
{
    struct ax_matcher m = {.op = AX_MATCH_EQ, .name = AX_STR("vm"), .value = ax_str(vm)};
    struct ax_store_select sel = kit_all(&m, 1);
    struct ax_series_set set;
    assert_int_equal(ax_store_last(k->store, &sel, &k->arena, &set, NULL), 0);
    assert_true(set.n <= 1);
    return set.n ? (struct ax_sample){set.v[0].t[0], set.v[0].v[0]} : (struct ax_sample){0};
}

static void a_stretch_of_one_series_goes(void **state)
{
    struct kit *k = *state;
    uint64_t deleted = 0;
    fill(k);
    assert_int_equal(delete_of(k, "1", time_of(50), time_of(549), &deleted), 0);
    assert_int_equal(deleted, 500);
    for (int round = 0; round < 2; round++) {
        for (int s = 0; s < SERIES; s++)
            check_series(k, s, s == 1 ? 50 : SAMPLES, 550);
        kit_close(k);
        kit_open(k);
    }
    assert_int_equal(delete_of(k, "1", time_of(50), time_of(549), &deleted), 0);
    assert_int_equal(deleted, 0);
    assert_int_equal(delete_of(k, "none", -FOREVER, FOREVER, &deleted), 0);
    assert_int_equal(deleted, 0);
}

static void a_whole_series_is_gone_and_may_come_back(void **state)
{
    struct kit *k = *state;
    uint64_t deleted = 0;
    struct ax_str *values;
    size_t n;
    fill(k);
    assert_int_equal(delete_of(k, "2", -FOREVER, FOREVER, &deleted), 0);
    assert_int_equal(deleted, SAMPLES);
    assert_int_equal(kit_read(k, "m", "2").n, 0);
    assert_int_equal(last_of(k, "2").t, 0);
    struct ax_store_select sel = kit_all(NULL, 0);
    assert_int_equal(
        ax_store_label_values(k->store, &sel, AX_STR("vm"), &k->arena, &values, &n, NULL), 0);
    assert_int_equal(n, SERIES - 1);
    sel.tenant = AX_STR("other"); /* nobody else's */
    struct ax_series_set set;
    assert_int_equal(ax_store_select(k->store, &sel, &k->arena, &set, NULL), 0);
    assert_int_equal(set.n, SERIES);
    assert_int_equal(set.v[0].n, 500);
    kit_write1(k, "m", "2", time_of(7), 7);
    assert_int_equal(kit_read(k, "m", "2").n, 1);
    assert_true(last_of(k, "2").t == time_of(7) && last_of(k, "2").v == 7);
}

/* Prepared answers of instant queries must not bring back what is deleted. */
static void the_newest_sample_is_the_newest_left(void **state)
{
    struct kit *k = *state;
    uint64_t deleted;
    fill(k);
    assert_true(last_of(k, "3").v == 3000 + SAMPLES - 1);
    assert_int_equal(delete_of(k, "3", time_of(400), FOREVER, &deleted), 0);
    assert_true(last_of(k, "3").t == time_of(399) && last_of(k, "3").v == 3399);
    assert_true(last_of(k, "1").v == 1000 + SAMPLES - 1);
    kit_write1(k, "m", "3", time_of(200) + 1, -1); /* late, and not the newest */
    assert_true(last_of(k, "3").t == time_of(399) && last_of(k, "3").v == 3399);
    kit_write1(k, "m", "3", time_of(399), -2);
    assert_true(last_of(k, "3").v == -2);
    kit_write1(k, "m", "3", time_of(700), -3);
    assert_true(last_of(k, "3").t == time_of(700));
}

static void several_selectors_and_no_left_block(void **state)
{
    struct kit *k = *state;
    struct ax_matcher a = {.op = AX_MATCH_EQ, .name = AX_STR("vm"), .value = AX_STR("0")},
                      b = {.op = AX_MATCH_NE, .name = AX_STR("vm"), .value = AX_STR("0")};
    struct ax_store_select sel[] = {kit_all(&a, 1), kit_all(&b, 1), kit_all(&a, 1), kit_all(&b, 1)};
    uint64_t deleted;
    fill(k);
    sel[2].tenant = sel[3].tenant = AX_STR("other");
    assert_int_equal(ax_store_delete(k->store, sel, 4, &deleted, NULL), 0);
    assert_int_equal(deleted, SERIES * (SAMPLES + 500));
    assert_int_equal(kit_stats(k).blocks, 0);
    assert_int_equal(kit_stats(k).head_samples, 0);
    sel[0].tenant = AX_STR_NULL;
    assert_int_equal(ax_store_delete(k->store, sel, 1, &deleted, NULL), -EINVAL);
}

/* Overwritten values keep their order: the block written anew is as old as the one before. */
static void what_was_written_last_still_wins(void **state)
{
    struct kit *k = *state;
    uint64_t deleted;
    fill(k);
    kit_write1(k, "m", "0", time_of(10), -10);
    assert_int_equal(delete_of(k, "1", time_of(0), time_of(300), &deleted), 0);
    assert_true(kit_read(k, "m", "0").v[10] == -10);
    kit_now += 5 * HOUR;
    kit_tick(k, 4);
    assert_true(kit_read(k, "m", "0").v[10] == -10);
}

/* 0 or 500: how many samples series 1 lacks; all else is there. */
static size_t lacking(struct kit *k)
{
    size_t n = kit_read(k, "m", "1").n;
    assert_true(n == SAMPLES || n == SAMPLES - 500);
    check_series(k, 0, SAMPLES, SAMPLES);
    check_series(k, 1, n == SAMPLES ? SAMPLES : 50, 550);
    check_series(k, 3, SAMPLES, SAMPLES);
    return SAMPLES - n;
}

static void wherever_it_stops_it_is_all_or_nothing(void **state)
{
    struct kit *k = *state;
    fill(k);
    kit_close(k);
    unsigned outcomes[2] = {0};
    bool through = false;
    for (int at = 0; !through && at < 300; at++) {
        char saved[128], command[512];
        uint64_t deleted;
        snprintf(saved, sizeof saved, "%s-saved", k->dir);
        snprintf(command, sizeof command, "cp -a '%s' '%s'", k->dir, saved);
        assert_int_equal(system(command), 0);
        kit_open(k);
        kit_operations_left = at;
        ax_disk = kit_stopping_disk();
        int rc = delete_of(k, "1", time_of(50), time_of(549), &deleted);
        through = kit_operations_left > 0;
        size_t here = lacking(k);
        assert_true(rc < 0 ? here == 0 : here == 500);
        kit_close(k);
        ax_disk = &ax_disk_real;
        kit_open(k);
        size_t there = lacking(k);
        assert_true(rc == 0 ? there == 500 : true);
        outcomes[there > 0]++;
        assert_int_equal(kit_stats(k).damaged, 0);
        kit_close(k);
        kit_remove(k->dir);
        assert_int_equal(rename(saved, k->dir), 0);
        ax_arena_reset(&k->arena);
    }
    assert_true(through && outcomes[0] > 10 && outcomes[1] > 2);
    kit_open(k);
}

static _Atomic bool stop;
static _Atomic unsigned seen[2];

static void *watch(void *arg)
{
    struct kit *k = arg;
    while (!stop) {
        struct ax_arena a = AX_ARENA_INIT;
        struct ax_matcher m = {.op = AX_MATCH_EQ, .name = AX_STR("vm"), .value = AX_STR("1")};
        struct ax_store_select sel = kit_all(&m, 1);
        struct ax_series_set set;
        assert_int_equal(ax_store_select(k->store, &sel, &a, &set, NULL), 0);
        assert_true(set.n == 1 && (set.v[0].n == SAMPLES || set.v[0].n == SAMPLES - 500));
        seen[set.v[0].n != SAMPLES]++;
        assert_int_equal(ax_store_last(k->store, &sel, &a, &set, NULL), 0);
        assert_true(set.n == 1 && set.v[0].t[0] == time_of(SAMPLES - 1));
        ax_arena_free(&a);
    }
    return NULL;
}

static void *keep(void *arg)
{
    struct kit *k = arg;
    while (!stop) {
        ax_store_tick(k->store, NULL);
        usleep(100);
    }
    return NULL;
}

static void queries_see_all_or_nothing(void **state)
{
    struct kit *k = *state;
    pthread_t threads[3];
    uint64_t deleted;
    fill(k);
    assert_int_equal(pthread_create(&threads[0], NULL, keep, k), 0);
    for (int i = 1; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, watch, k), 0);
    while (seen[0] < 20)
        usleep(100);
    for (int i = 0; i < 500; i += 125) { /* another's: the block is written anew each time */
        int64_t from = time_of(i);
        assert_int_equal(delete_of(k, "2", from, from + 600000, &deleted), 0);
    }
    assert_int_equal(delete_of(k, "1", time_of(50), time_of(549), &deleted), 0);
    while (seen[1] < 20)
        usleep(100);
    stop = true;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

/* In what is to be deleted damage does no harm; elsewhere it does. */
static void damage_is_not_written_anew(void **state)
{
    struct kit *k = *state;
    struct ax_err err = {0};
    uint64_t deleted;
    fill(k);
    assert_int_equal(ax_store_compact(k->store, NULL, &err), 0);
    char command[256];
    snprintf(command, sizeof command,
             "printf xxxx | dd of=$(ls %s/blocks/*) bs=1 seek=4 conv=notrunc status=none", k->dir);
    assert_int_equal(system(command), 0); /* in the chunks of the first series */
    assert_int_equal(delete_of(k, "3", -FOREVER, FOREVER, &deleted), -EIO);
    check_series(k, 3, SAMPLES, SAMPLES);
    assert_int_equal(delete_of(k, "0", -FOREVER, FOREVER, &deleted), 0);
    assert_int_equal(kit_read(k, "m", "0").n, 0);
    check_series(k, 3, SAMPLES, SAMPLES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_new, kit_end)
        TEST(a_stretch_of_one_series_goes),         TEST(a_whole_series_is_gone_and_may_come_back),
        TEST(the_newest_sample_is_the_newest_left), TEST(several_selectors_and_no_left_block),
        TEST(what_was_written_last_still_wins),     TEST(wherever_it_stops_it_is_all_or_nothing),
        TEST(queries_see_all_or_nothing),           TEST(damage_is_not_written_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
