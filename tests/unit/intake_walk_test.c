// SPDX-License-Identifier: Apache-2.0
/* Threads that find series and make new ones at once agree on them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "intake/intake.h"

#include <pthread.h>

#define NOW    1795314600000
#define SERIES 400
#define ROUNDS 60

struct sender {
    struct ax_intake *in;
    const char *tenant;
    size_t known, followed;
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

/* One label as remote write has it; short lengths only. */
static void put(struct ax_buf *b, const char *name, struct ax_str value)
{
    size_t n = strlen(name);
    uint8_t head[] = {0x0a, (uint8_t)(4 + n + value.n), 0x0a, (uint8_t)n};
    uint8_t middle[] = {0x12, (uint8_t)value.n};
    ax_buf_add(b, head, sizeof head);
    ax_buf_add(b, name, n);
    ax_buf_add(b, middle, sizeof middle);
    ax_buf_str(b, value);
}

/* The id by what followed last time, or by all labels, checked to be the right one. */
static uint32_t look_up(struct sender *s, struct ax_walk *w, struct ax_arena *a, struct ax_str host)
{
    uint32_t id;
    AX_CLEANUP(ax_buf_free) struct ax_buf wire = AX_BUF_INIT;
    struct ax_label all[] = {{AX_STR("__name__"), AX_STR("up")}, {AX_STR("host"), host}};
    put(&wire, "__name__", AX_STR("up"));
    put(&wire, "host", host);
    size_t n = wire.n;
    ax_buf_byte(&wire, 0x12);
    size_t followed = ax_walk_follow(w, ax_buf_view(&wire), 0x0a, &id);
    assert_true(followed == 0 || followed == n);
    if (!followed && !ax_walk_find(w, all, 2, &id))
        return AX_SERIES_NONE;
    struct ax_labels found = ax_intake_series(s->in, id, a);
    assert_true(ax_str_eq(ax_labels_get(found, AX_STR("host")), host));
    assert_true(ax_str_eq(ax_labels_get(found, AX_STR(AX_TENANT_LABEL)), ax_str(s->tenant)));
    s->known++;
    s->followed += followed > 0;
    return id;
}

static void *send_rounds(void *arg)
{
    struct sender *s = arg;
    struct ax_arena a = AX_ARENA_INIT;
    static const struct ax_sample sample = {NOW, 1};
    for (int round = 0; round < ROUNDS; round++) {
        struct ax_batch b = {.arena = &a, .held = true};
        struct ax_walk w;
        struct ax_intake_result r;
        ax_walk_begin(&w, s->in, ax_str(s->tenant));
        for (int i = 0; i < SERIES; i++) {
            struct ax_str host = ax_arena_printf(&a, "h%d", i * (round % 7 ? 1 : 3));
            struct ax_batch_series x = {.samples = &sample, .n = 1};
            x.id = look_up(s, &w, &a, host);
            if (x.id == AX_SERIES_NONE)
                x.labels = labels(&a, s->tenant, host);
            ax_batch_take(&b, &x);
        }
        assert_int_equal(ax_intake_push(s->in, &b, NOW, &r, NULL), 0);
        ax_walk_end(&w);
        ax_arena_reset(&a);
    }
    ax_arena_free(&a);
    return NULL;
}

static void threads_agree_on_series(void **state)
{
    struct ax_intake *in = ax_intake_new(&(struct ax_intake_options){0});
    struct sender s[4];
    pthread_t t[4];
    for (int i = 0; i < 4; i++) {
        s[i] = (struct sender){in, i % 2 ? "t1" : "t2", 0, 0};
        assert_int_equal(pthread_create(&t[i], NULL, send_rounds, &s[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
        assert_true(s[i].known > SERIES * (ROUNDS - 10));
        assert_true(s[i].followed > s[i].known / 2);
    }
    ax_intake_free(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_agree_on_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
