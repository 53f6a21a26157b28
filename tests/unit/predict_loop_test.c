// SPDX-License-Identifier: Apache-2.0
/* The predictor from stored samples to published series: a leaking guest is foretold in time, and
 * taken back when the cause is gone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "intake/intake.h"
#include "predict/predict.h"

#define MiB    (1024.0 * 1024)
#define START  1795314600000ll
#define MOST   4096
#define LEAKS  600 /* seconds after START */
#define RATE   6e5 /* bytes per second */
#define TOTAL  (118 * MiB)
#define BEFORE (110 * MiB)

/* Stored samples: two guests, one of which leaks from LEAKS on until it is killed at `killed`. */
static struct {
    int64_t t[MOST];
    double left[2][MOST];
    size_t n;
    bool broken;
} world;

static void lives(double until_s, double killed_s)
{
    world.n = 0;
    uint64_t seed = 5;
    for (double s = 0; s <= until_s && world.n < MOST; s += 2 + (double)(world.n % 4)) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        double noise = ((double)(seed >> 40) / 16777216 - 0.5) * 4e5;
        double leaked = s > LEAKS && s < killed_s ? (s - LEAKS) * RATE : 0;
        world.t[world.n] = START + (int64_t)(s * 1000);
        world.left[0][world.n] = fmax(1e6, BEFORE - leaked + noise);
        world.left[1][world.n++] = BEFORE - noise;
    }
}

static void add_series(struct ax_series_set *out, const struct ax_store_select *sel,
                       const char *metric, int guest, struct ax_arena *a)
{
    struct ax_labels_builder b = {0};
    struct ax_labels labels;
    ax_labels_add(&b, AX_STR("__name__"), ax_str(metric));
    ax_labels_add(&b, AX_STR("handle"), guest ? AX_STR("vm:good") : AX_STR("vm:bad"));
    ax_labels_add(&b, AX_STR("vm"), guest ? AX_STR("good") : AX_STR("bad"));
    ax_labels_finish(&b, a, &labels, NULL);
    if (!ax_matcher_labels(sel->matchers, sel->nmatchers, labels))
        return;
    bool total = strstr(metric, "visible") != NULL;
    int64_t *t = AX_NEWS(a, int64_t, world.n);
    double *v = AX_NEWS(a, double, world.n);
    size_t n = 0;
    for (size_t i = 0; i < world.n; i++)
        if (world.t[i] >= sel->mint && world.t[i] <= sel->maxt) {
            t[n] = world.t[i];
            v[n++] = total ? TOTAL : world.left[guest][i];
        }
    if (n > 0)
        out->v[out->n++] = (struct ax_series){labels, t, v, n};
}

static int select_samples(void *self, const struct ax_store_select *sel, struct ax_arena *a,
                          struct ax_series_set *out, struct ax_err *err)
{
    if (world.broken)
        return ax_fail(err, -5, "the disk is on fire");
    *out = (struct ax_series_set){.v = AX_NEWS(a, struct ax_series, 4)};
    for (int guest = 0; guest < 2; guest++) {
        add_series(out, sel, "vm_memory_guest_available_bytes", guest, a);
        add_series(out, sel, "vm_memory_guest_visible_bytes", guest, a);
    }
    return 0;
}

static int select_last(void *self, const struct ax_store_select *sel, struct ax_arena *a,
                       struct ax_series_set *out, struct ax_err *err)
{
    int rc = select_samples(self, sel, a, out, err);
    for (size_t i = 0; rc == 0 && i < out->n; i++) {
        out->v[i].t += out->v[i].n - 1;
        out->v[i].v += out->v[i].n - 1;
        out->v[i].n = 1;
    }
    return rc;
}

static struct {
    struct ax_buf series;
    size_t samples, ends;
    double middle; /* the newest value of quantile 0.5 */
} written;

static int append(void *self, const struct ax_batch *b, uint64_t *ticket, struct ax_err *err)
{
    ax_buf_clear(&written.series);
    for (size_t i = 0; i < b->n; i++) {
        double v = b->v[i].samples[0].v;
        bool end = ax_is_stale(v);
        written.ends += end;
        written.samples += !end;
        if (!end && ax_str_eq(ax_labels_get(b->v[i].labels, AX_STR("quantile")), AX_STR("0.5")))
            written.middle = v;
        ax_labels_print(b->v[i].labels, &written.series);
        ax_buf_byte(&written.series, '\n');
    }
    return 0;
}

struct house {
    struct ax_intake *intake;
    struct ax_predictor *predictor;
};

static int set_up(void **state)
{
    static struct house h;
    h.intake = ax_intake_new(&(struct ax_intake_options){0});
    ax_intake_subscribe(h.intake, &(struct ax_subscriber){.name = "test", .append = append});
    struct ax_predictor_options o = {
        .source = {.tenant = AX_STR("t"), .select = select_samples, .last = select_last},
        .intake = h.intake,
        .tenant = AX_STR("t"),
    };
    struct ax_err err;
    if (ax_predictor_new(&h.predictor, &o, &err) < 0)
        fail_msg("%s", err.text);
    memset(&written, 0, sizeof written);
    world.broken = false;
    *state = &h;
    return 0;
}

static int tear_down(void **state)
{
    struct house *h = *state;
    ax_predictor_free(h->predictor);
    ax_intake_free(h->intake);
    ax_buf_free(&written.series);
    return 0;
}

static void tick(struct house *h, double s, double killed_s)
{
    struct ax_err err;
    lives(s, killed_s);
    if (ax_predictor_tick(h->predictor, START + (int64_t)(s * 1000), &err) < 0)
        fail_msg("%s", err.text);
}

static size_t snapshot(struct house *h, bool all, const char *handle, struct ax_prediction *first)
{
    static struct ax_arena a;
    struct ax_prediction *v;
    size_t n;
    ax_arena_reset(&a);
    ax_predictor_snapshot(h->predictor, all, ax_str(handle), &a, &v, &n);
    if (n > 0)
        *first = v[0];
    return n;
}

static void a_leak_is_published_in_time_and_withdrawn_with_its_cause(void **state)
{
    struct house *h = *state;
    struct ax_prediction p = {0};
    double end = LEAKS + BEFORE / RATE, told = 0, s;
    for (s = 10; s < end - 10; s += 10) {
        tick(h, s, 1e9);
        if (written.samples > 0 && told == 0)
            told = s;
        if (s <= LEAKS)
            assert_int_equal(written.samples, 0);
    }
    assert_true(told > LEAKS && told <= LEAKS + 100);
    assert_true(end - told >= 60);
    assert_true(fabs(written.middle - (end - (s - 10))) < 15);
    ax_buf_byte(&written.series, 0);
    assert_non_null(strstr(written.series.p,
                           "auspex_exhaustion_seconds{handle=\"vm:bad\",quantile=\"0.05\","
                           "resource=\"memory\",vm=\"bad\"}\n"));
    assert_null(strstr(written.series.p, "vm:good"));
    assert_int_equal(snapshot(h, false, "", &p), 1);
    assert_true(ax_str_eq(p.handle, AX_STR("vm:bad")) && p.verdict == AX_PREDICT_EXHAUST);
    assert_true(ax_str_starts(p.query, AX_STR("vm_memory_guest_available_bytes{")));
    assert_int_equal(snapshot(h, true, "", &p), 2);
    assert_true(ax_str_eq(p.handle, AX_STR("vm:bad")));
    assert_int_equal(snapshot(h, true, "vm:good", &p), 1);
    assert_int_equal(p.verdict, AX_PREDICT_STEADY);

    size_t before = written.samples;
    /* Samples come every five seconds or oftener: one of them is later than the kill. */
    for (double killed = s - 6; s < killed + 120; s += 10)
        tick(h, s, killed);
    assert_int_equal(written.ends, AX_QUANTILES);
    assert_int_equal(written.samples, before);
    assert_int_equal(snapshot(h, false, "", &p), 0);
}

static void doubt_does_not_take_back_at_once(void **state)
{
    struct house *h = *state;
    struct ax_prediction p = {0};
    double s = LEAKS - 60;
    for (; s < LEAKS + 120; s += 10)
        tick(h, s, 1e9);
    assert_int_equal(snapshot(h, false, "", &p), 1);
    double was = p.seconds[1];
    struct ax_err err;
    world.n = 0; /* no samples at all */
    ax_predictor_tick(h->predictor, START + (int64_t)(s * 1000), &err);
    assert_int_equal(snapshot(h, false, "", &p), 1);
    assert_true(fabs(was - 10 - p.seconds[1]) < 1e-6);
    for (int i = 1; i < 4; i++)
        ax_predictor_tick(h->predictor, START + (int64_t)((s + 10 * i) * 1000), &err);
    assert_int_equal(snapshot(h, false, "", &p), 0);
    assert_int_equal(written.ends, AX_QUANTILES);
}

static void a_source_that_fails_is_reported_and_survived(void **state)
{
    struct house *h = *state;
    struct ax_prediction p = {0};
    struct ax_err err;
    tick(h, 100, 1e9);
    world.broken = true;
    assert_int_equal(ax_predictor_tick(h->predictor, START + 110000, &err), -5);
    world.broken = false;
    tick(h, 120, 1e9);
    assert_int_equal(snapshot(h, true, "", &p), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        T(a_leak_is_published_in_time_and_withdrawn_with_its_cause),
        T(doubt_does_not_take_back_at_once),
        T(a_source_that_fails_is_reported_and_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
