// SPDX-License-Identifier: Apache-2.0
/* Whatever order samples were written in, and wherever they lie by now: all samples of a time range
 * and the newest in it are what a plain array of them says. */
#include <stdint.h>

#include "labels_kit.h"
#include "store_kit.h"

#define SERIES 6
#define TIMES  700 /* 30 s apart: six hours, more than a partition */

struct model {
    double v[TIMES];
    bool has[TIMES];
};

static uint64_t seed = 88172645463325252ull;

static uint64_t chance(uint64_t n)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return seed % n;
}

static const char *const vms[SERIES] = {"a", "b", "c", "d", "e", "f"};

static int64_t time_of(uint64_t i)
{
    return T0 + (int64_t)i * 30000;
}

/* A run of samples, mostly onwards; those of a time that is there already replace it. */
static void write_some(struct kit *k, struct model *m, int series)
{
    struct ax_sample s[300];
    size_t n = 1 + chance(AX_ARRAY_LEN(s)), at = chance(TIMES);
    for (size_t i = 0; i < n; i++) {
        at = chance(40) ? (at + 1) % TIMES : chance(TIMES);
        s[i] = (struct ax_sample){time_of(at), (double)chance(1000000) / 100};
        m->v[at] = s[i].v;
        m->has[at] = true;
    }
    kit_write(k, TENANT, "m", vms[series], s, n);
}

static size_t number_of(const struct ax_series *s)
{
    struct ax_str vm = ax_labels_get(s->labels, AX_STR("vm"));
    assert_int_equal(vm.n, 1);
    return (size_t)(vm.p[0] - 'a');
}

static void check(struct kit *k, const struct model *m)
{
    static const struct ax_str only[] = {AX_STR("vm"), AX_STR("none")};
    struct ax_matcher name = {.op = AX_MATCH_EQ, .name = AX_STR("__name__"), .value = AX_STR("m")};
    struct ax_store_select sel = kit_all(&name, 1);
    struct ax_series_set all, last;
    size_t from = chance(TIMES), to = from + chance(chance(4) ? 20 : TIMES), found = 0;
    to = to < TIMES ? to : TIMES - 1;
    sel.mint = time_of(from);
    sel.maxt = time_of(to) + (int64_t)chance(2);
    sel.only = chance(2) ? only : NULL;
    sel.nonly = AX_ARRAY_LEN(only);
    assert_int_equal(ax_store_select(k->store, &sel, &k->arena, &all, NULL), 0);
    assert_int_equal(ax_store_last(k->store, &sel, &k->arena, &last, NULL), 0);
    for (size_t i = 0; i < all.n; i++) {
        const struct model *want = &m[number_of(&all.v[i])];
        size_t n = 0;
        for (size_t t = from; t <= to; t++) {
            if (!want->has[t])
                continue;
            assert_true(n < all.v[i].n);
            assert_int_equal(all.v[i].t[n], time_of(t));
            assert_true(all.v[i].v[n++] == want->v[t]);
        }
        assert_int_equal(n, all.v[i].n);
        assert_int_equal(count_labels(all.v[i].labels), sel.only ? 1 : 2);
    }
    for (size_t i = 0; i < last.n; i++) {
        const struct model *want = &m[number_of(&last.v[i])];
        size_t t = to;
        while (t > from && !want->has[t])
            t--;
        assert_int_equal(last.v[i].n, 1);
        assert_int_equal(last.v[i].t[0], time_of(t));
        assert_true(last.v[i].v[0] == want->v[t]);
    }
    for (int s = 0; s < SERIES; s++) {
        bool any = false;
        for (size_t t = from; t <= to; t++)
            any |= m[s].has[t];
        found += any;
    }
    assert_int_equal(all.n, found);
    assert_int_equal(last.n, found);
    ax_arena_reset(&k->arena);
}

static void reading_is_what_was_written(void **state)
{
    struct kit *k = *state;
    struct model *m = calloc(SERIES, sizeof *m);
    for (int round = 0; round < 60; round++) {
        for (int i = 0; i < 4; i++) {
            int series = (int)chance(SERIES);
            write_some(k, &m[series], series);
        }
        if (round % 12 == 5) {
            kit_now += 3 * HOUR;
            kit_tick(k, 1 + (int)chance(3));
        }
        if (round % 20 == 13) {
            kit_close(k);
            kit_open(k);
        }
        for (int i = 0; i < 20; i++)
            check(k, m);
    }
    assert_true(kit_stats(k).blocks > 0);
    assert_true(kit_stats(k).head_samples > 0);
    free(m);
}

static void more_than_the_limit_is_refused(void **state)
{
    struct kit *k = *state;
    struct ax_sample s[3000];
    for (size_t i = 0; i < AX_ARRAY_LEN(s); i++)
        s[i] = (struct ax_sample){T0 + (int64_t)i * 1000, (double)i};
    kit_write(k, TENANT, "m", "a", s, AX_ARRAY_LEN(s));
    struct ax_matcher name = {.op = AX_MATCH_EQ, .name = AX_STR("__name__"), .value = AX_STR("m")};
    struct ax_store_select sel = kit_all(&name, 1);
    struct ax_series_set set;
    struct ax_err err;
    sel.max_samples = AX_ARRAY_LEN(s);
    assert_int_equal(ax_store_select(k->store, &sel, &k->arena, &set, &err), 0);
    assert_int_equal(set.v[0].n, AX_ARRAY_LEN(s));
    sel.max_samples--;
    assert_int_equal(ax_store_select(k->store, &sel, &k->arena, &set, &err), -E2BIG);
}

/* Series that are stamped together have one array of times between them; those that are not have
 * their own, also when only one time differs. */
static void check_times(struct kit *k, const char *metric, size_t n)
{
    static const int64_t late[] = {0, 0, 0, 5, 0, 0};
    struct ax_matcher name = {
        .op = AX_MATCH_EQ, .name = AX_STR("__name__"), .value = ax_str(metric)};
    struct ax_store_select sel = kit_all(&name, 1);
    struct ax_series_set set;
    assert_int_equal(ax_store_select(k->store, &sel, &k->arena, &set, NULL), 0);
    assert_int_equal(set.n, SERIES);
    for (size_t i = 0; i < set.n; i++) {
        assert_int_equal(set.v[i].n, n);
        for (size_t j = 0; j < n; j++) {
            assert_int_equal(set.v[i].t[j], T0 + (int64_t)j * 1000 + (j == n / 2 ? late[i] : 0));
            assert_true(set.v[i].v[j] == (double)(j * 10 + i));
        }
        if (i)
            assert_int_equal(set.v[i].t == set.v[i - 1].t, late[i] == late[i - 1]);
    }
}

static void write_times(struct kit *k, const char *metric, size_t n)
{
    static struct ax_sample s[3000];
    for (size_t i = 0; i < SERIES; i++) {
        for (size_t j = 0; j < n; j++)
            s[j] = (struct ax_sample){T0 + (int64_t)j * 1000 + (i == 3 && j == n / 2 ? 5 : 0),
                                      (double)(j * 10 + i)};
        kit_write(k, TENANT, metric, vms[i], s, n);
    }
}

static void series_stamped_together_share_their_times(void **state)
{
    struct kit *k = *state;
    struct ax_err err;
    write_times(k, "few", 100);
    write_times(k, "many", 3000); /* decoded where they stay */
    for (int compacted = 0; compacted < 2; compacted++) {
        check_times(k, "few", 100);
        check_times(k, "many", 3000);
        assert_int_equal(ax_store_compact(k->store, NULL, &err), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reading_is_what_was_written, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(more_than_the_limit_is_refused, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(series_stamped_together_share_their_times, kit_new,
                                        kit_end),
    };
    return cmocka_run_group_tests_name("store: reading", tests, NULL, NULL);
}
