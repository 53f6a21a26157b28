// SPDX-License-Identifier: Apache-2.0
/* Threads that walk and remember at once agree on what raw bytes mean, also while the table begins
 * anew because it is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "intake/intake.h"

#include <pthread.h>

#define NOW    1795314600000
#define SERIES 400
#define ROUNDS 60

struct sender {
    struct ax_intake *in;
    const char *tenant;
    size_t known;
};

static struct ax_labels labels(struct ax_arena *a, const char *tenant, struct ax_str host)
{
    struct ax_labels_builder b = {.n = 0};
    struct ax_labels out;
    ax_labels_add(&b, AX_STR("host"), host);
    ax_labels_add(&b, AX_STR("__name__"), AX_STR("up"));
    assert_int_equal(ax_intake_labels(&b, ax_str(tenant), a, &out, NULL), 0);
    return out;
}

/* The id by raw bytes, checked to be the right one; AX_SERIES_NONE when they are not known. */
static uint32_t look_up(struct sender *s, struct ax_raw_walk *w, struct ax_str raw,
                        struct ax_str host)
{
    uint32_t id;
    if (!ax_raw_follow(w, raw, 'L', &id) && !ax_raw_find(w, (struct ax_str){raw.p, raw.n - 1}, &id))
        return AX_SERIES_NONE;
    struct ax_labels found = ax_intake_series(s->in, id);
    assert_true(ax_str_eq(ax_labels_get(found, AX_STR("host")), host));
    assert_true(ax_str_eq(ax_labels_get(found, AX_STR(AX_TENANT_LABEL)), ax_str(s->tenant)));
    s->known++;
    return id;
}

static void *send_rounds(void *arg)
{
    struct sender *s = arg;
    struct ax_arena a = AX_ARENA_INIT;
    static const struct ax_sample sample = {NOW, 1};
    for (int round = 0; round < ROUNDS; round++) {
        struct ax_batch b = {.arena = &a};
        struct ax_raw_walk w;
        struct ax_intake_result r;
        ax_raw_begin(&w, s->in, ax_str(s->tenant));
        for (int i = 0; i < SERIES; i++) {
            struct ax_str host = ax_arena_printf(&a, "h%d", i * (round % 7 ? 1 : 3));
            struct ax_str raw = ax_arena_printf(&a, "raw-%.*s;", (int)host.n, host.p);
            uint32_t id = look_up(s, &w, raw, host);
            struct ax_batch_series x = {.samples = &sample, .n = 1, .id = id};
            x.labels = labels(&a, s->tenant, host);
            x.raw = id == AX_SERIES_NONE ? (struct ax_str){raw.p, raw.n - 1} : AX_STR_NULL;
            ax_batch_take(&b, &x);
        }
        ax_raw_end(&w);
        assert_int_equal(ax_intake_push(s->in, &b, NOW, &r, NULL), 0);
        ax_arena_reset(&a);
    }
    ax_arena_free(&a);
    return NULL;
}

static void run(size_t max_raw, bool all)
{
    struct ax_intake *in = ax_intake_new(&(struct ax_intake_options){.max_raw = max_raw});
    struct sender s[4];
    pthread_t t[4];
    for (int i = 0; i < 4; i++) {
        s[i] = (struct sender){in, i % 2 ? "t1" : "t2", 0};
        assert_int_equal(pthread_create(&t[i], NULL, send_rounds, &s[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
        assert_true(s[i].known > (all ? SERIES * (ROUNDS - 10) : 0));
    }
    struct ax_intake_stats stats;
    ax_intake_stats(in, &stats);
    assert_true(stats.raw_bytes <= max_raw);
    ax_intake_free(in);
}

static void threads_agree_on_raw_bytes(void **state)
{
    run(1 << 20, true);
}

static void threads_agree_while_it_begins_anew(void **state)
{
    run(40 << 10, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_agree_on_raw_bytes),
        cmocka_unit_test(threads_agree_while_it_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
