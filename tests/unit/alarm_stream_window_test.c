// SPDX-License-Identifier: Apache-2.0
/* Windows against a plain model that keeps every sample: at the end of each period the model looks
 * at all of them. */
#include "alarm/stream/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PERIOD 60000ll
#define DELAY  5000ll

static uint64_t seed;
static uint64_t chance(uint64_t n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (seed >> 33) % n;
}

struct model {
    struct {
        int64_t t;
        double v;
    } samples[4000];
    size_t n;
    enum ax_state state;
};

/* The value of a slot; false when it is empty. */
static bool slot_value(const struct model *m, enum ax_function f, int64_t k, double *out)
{
    double max = -1e300, min = 1e300, sum = 0;
    uint64_t n = 0;
    for (size_t i = 0; i < m->n; i++) {
        double v = m->samples[i].v;
        if (m->samples[i].t / PERIOD != k)
            continue;
        n++;
        sum += v;
        max = v > max ? v : max;
        min = v < min ? v : min;
    }
    const double values[] = {max, min, sum / (double)n, (double)n, sum};
    *out = values[f];
    return n > 0;
}

static enum ax_state look(const struct model *m, const struct ax_sub *s, int64_t last)
{
    bool all = true;
    for (int64_t k = last - s->times + 1; k <= last; k++) {
        double v;
        bool has = slot_value(m, s->function, k, &v);
        if (has && !ax_exceeds(s->op, v, s->threshold))
            return AX_OK;
        all &= has;
    }
    return all ? AX_ALARM : AX_NO_STATE;
}

/* As the engine does. */
static bool take(struct ax_window *w, int64_t t, double v, const struct ax_moment *m,
                 uint64_t *left_out)
{
    return !ax_window_quick(w, t, v) && ax_window_take(w, t, v, m, left_out);
}

/* Samples in order, judged once at each period's end: after that the outcomes are the same,
 * whichever of them the window knew before. */
static void compare(uint64_t which)
{
    struct ax_sub s = {.function = (enum ax_function)chance(5),
                       .op = (enum ax_operator)chance(4),
                       .period = 60,
                       .times = 1 + (uint32_t)chance(4),
                       .threshold = (double)chance(8)};
    struct model *m = calloc(1, sizeof *m);
    struct ax_window *w = malloc(ax_window_size(&s));
    uint64_t left_out = 0;
    int64_t last_end = 0;
    ax_window_init(w, &s);
    m->state = AX_NO_STATE;
    for (int64_t now = 1000 * PERIOD, k = 1000; k < 1200 && m->n < 3990; now += 1000) {
        struct ax_moment at = {now, now - DELAY, DELAY, AX_LONG_AGO, AX_LONG_AGO};
        while (ax_window_due(w, &at) <= now)
            ax_window_judge(w, &at);
        if (now == (k + 1) * PERIOD + DELAY) {
            enum ax_state v = look(m, &s, k);
            if (v != AX_NO_STATE && m->n && m->samples[m->n - 1].t / PERIOD >= k)
                m->state = v;
            k++;
        }
        int64_t heard = m->n ? m->samples[m->n - 1].t : AX_LONG_AGO;
        if (m->n && now >= heard + 2 * PERIOD * s.times)
            m->state = AX_UNDETERMINED;
        /* No samples while an ended period waits for its judgement, so that the model need not know
         * what is settled at once. */
        if (now % PERIOD == DELAY + 1000) {
            if (m->n && w->state != m->state)
                fail_msg("round %llu: %s after %lld s, expected %s (%s, operator %d, times %u)",
                         (unsigned long long)which, ax_state_name(w->state), (long long)now / 1000,
                         ax_state_name(m->state), ax_function_name(s.function), s.op, s.times);
            last_end = now;
        }
        bool quiet = now % (20 * PERIOD) > 10 * PERIOD && chance(4);
        if (now - last_end > 40000 && now % PERIOD > DELAY + 2000 && !quiet && chance(20) == 0) {
            m->samples[m->n].t = now;
            m->samples[m->n++].v = (double)chance(9);
            take(w, now, m->samples[m->n - 1].v, &at, &left_out);
        }
    }
    assert_int_equal(left_out, 0);
    free(w);
    free(m);
}

static void windows_are_as_a_plain_model_says(void **state)
{
    seed = 20260101;
    for (uint64_t i = 0; i < 400; i++)
        compare(i);
}

/* With times 1: an outcome that came at once is the one that the end of the period gives. */
static void outcomes_at_once_are_those_at_the_end(void **state)
{
    unsigned settled = 0;
    seed = 7;
    for (int round = 0; round < 2000; round++) {
        struct ax_sub s = {.function = (enum ax_function)chance(5),
                           .op = (enum ax_operator)chance(4),
                           .period = 60,
                           .times = 1,
                           .threshold = (double)chance(6)};
        struct ax_window *w = malloc(ax_window_size(&s));
        uint64_t left_out = 0;
        ax_window_init(w, &s);
        for (int64_t i = 0; i < 5; i++) {
            int64_t now = 1000 * PERIOD + 10000 + i * 1000;
            struct ax_moment at = {now, now - DELAY, DELAY, AX_LONG_AGO, AX_LONG_AGO};
            ax_window_take(w, now, (double)chance(7), &at, &left_out);
        }
        uint8_t before = w->state;
        int64_t end = 1001 * PERIOD + DELAY;
        struct ax_moment at = {end, end - DELAY, DELAY, AX_LONG_AGO, AX_LONG_AGO};
        while (ax_window_due(w, &at) <= end)
            ax_window_judge(w, &at);
        assert_int_not_equal(w->state, AX_NO_STATE);
        if (before != AX_NO_STATE)
            assert_int_equal(w->state, before);
        settled += before != AX_NO_STATE;
        free(w);
    }
    assert_in_range(settled, 400, 1600); /* those that can be, and no others */
}

/* A clock that is ahead pushes a period out of the window before its end: it is judged first. */
static void room_is_made_by_judging_early(void **state)
{
    struct ax_sub s = {.function = AX_AVG, .op = AX_GT, .period = 60, .times = 1, .threshold = 5};
    struct ax_window *w = malloc(ax_window_size(&s));
    uint64_t left_out = 0;
    ax_window_init(w, &s);
    struct ax_moment m = {1000 * PERIOD, 1000 * PERIOD - DELAY, DELAY, AX_LONG_AGO, AX_LONG_AGO};
    ax_window_take(w, 1000 * PERIOD, 9, &m, &left_out);
    m.now += 3 * PERIOD; /* no tick came, and periods are held open */
    m.hold = AX_NEVER;
    assert_true(ax_window_room(w, m.now, &m));
    assert_int_equal(w->state, AX_ALARM);
    assert_false(ax_window_room(w, m.now, &m));
    ax_window_take(w, m.now, 1, &m, &left_out);
    assert_int_equal(w->top, 1003);
    assert_int_equal(left_out, 0);
    free(w);
}

/* Samples early and late, in any order: the quick way leaves a window as the long one does. */
static void the_quick_way_is_the_long_way(void **state)
{
    unsigned quick = 0, total = 0;
    seed = 11;
    for (int round = 0; round < 600; round++) {
        struct ax_sub s = {.function = (enum ax_function)(round % 6),
                           .op = (enum ax_operator)chance(4),
                           .period = 60,
                           .times = 1 + (uint32_t)chance(3),
                           .threshold = (double)chance(8)};
        size_t size = ax_window_size(&s);
        struct ax_window *a = malloc(size), *b = malloc(size);
        uint64_t left_a = 0, left_b = 0;
        ax_window_init(a, &s);
        ax_window_init(b, &s);
        for (int64_t now = 1000 * PERIOD; now < 1010 * PERIOD; now += (int64_t)chance(9000)) {
            struct ax_moment m = {now, now - DELAY, DELAY, AX_LONG_AGO, AX_LONG_AGO};
            int64_t t = now + 20000 - (int64_t)chance(chance(4) ? 30000 : 200000);
            double v = (double)chance(9);
            while (ax_window_due(a, &m) <= now)
                assert_int_equal(ax_window_judge(a, &m), ax_window_judge(b, &m));
            assert_false(ax_window_room(a, t, &m) != ax_window_room(b, t, &m));
            bool went = ax_window_quick(a, t, v);
            bool changed = !went && ax_window_take(a, t, v, &m, &left_a);
            assert_int_equal(changed, ax_window_take(b, t, v, &m, &left_b));
            assert_int_equal(left_a, left_b);
            assert_memory_equal(a, b, size);
            quick += went;
            total++;
        }
        free(a);
        free(b);
    }
    assert_in_range(quick, total / 4, total); /* it is tried */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_as_a_plain_model_says),
        cmocka_unit_test(outcomes_at_once_are_those_at_the_end),
        cmocka_unit_test(room_is_made_by_judging_early),
        cmocka_unit_test(the_quick_way_is_the_long_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
