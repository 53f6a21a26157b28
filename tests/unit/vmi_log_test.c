// SPDX-License-Identifier: Apache-2.0
/* The kernel's log in all the states that its rings can be in. */
#include "fake_guest/fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct view {
    struct fake *g;
    struct ax_vmi *v;
    struct ax_arena a;
    struct ax_reading r;
};

static void begin(struct view *w, struct fake_options o, size_t records)
{
    struct ax_vmi_options vo = {.scope = AX_SCOPE_DIAGNOSIS};
    memset(w, 0, sizeof *w);
    o.log_records = records;
    w->g = fake_new(&o);
    assert_int_equal(ax_vmi_attach(&w->v, fake_exact_ram(w->g), &vo, NULL), 0);
}

static void look(struct view *w)
{
    struct ax_err err = {0};
    if (ax_vmi_read(w->v, AX_PART_LOG, &w->a, &w->r, &err) < 0)
        fail_msg("%s", err.text);
}

static void end(struct view *w)
{
    ax_vmi_detach(w->v);
    ax_arena_free(&w->a);
    fake_free(w->g);
}

/* The last `n` that were told end with number `last`, without a gap, each with its own text. */
static void assert_ends_with(const struct view *w, size_t n, uint64_t last)
{
    assert_true(w->r.n_messages >= n);
    for (size_t i = 0; i < w->r.n_messages; i++) {
        const struct ax_message *m = &w->r.messages[i];
        char text[64];
        assert_int_equal(m->sequence, last + 1 - w->r.n_messages + i);
        snprintf(text, sizeof text, "message %lu", (unsigned long)m->sequence);
        assert_true(m->text.n >= strlen(text) && memcmp(m->text.p, text, strlen(text)) == 0);
    }
}

static void as_it_grows_through_many_laps(void **state)
{
    for (uint64_t seed = 0; seed < 3; seed++) {
        struct view w;
        struct fake_options o = fake_kernel(FAKE_6_12, seed + 3);
        static const uint64_t firsts[] = {0 - UINT64_C(65), 0, (UINT64_C(1) << 62) - 7};
        o.log_first = firsts[seed];
        begin(&w, o, 1);
        for (uint64_t i = 1; i < 400; i++) { /* of 64 places, and 4 KiB of text */
            char text[512];
            int n = snprintf(text, sizeof text, "message %lu%*s", (unsigned long)i,
                             (int)(i * 37 % 180), "");
            fake_log(w.g, i, 6, text, (size_t)n);
            look(&w);
            assert_ends_with(&w, i < 14 ? (size_t)i + 1 : 14, i);
        }
        end(&w);
    }
}

static void empty_ones(void **state)
{
    struct view w;
    begin(&w, fake_kernel(FAKE_5_10, 3), 0);
    look(&w);
    assert_int_equal(w.r.n_messages, 0);
    fake_log(w.g, 1, 6, "", 0); /* a record without a text */
    fake_log(w.g, 2, 6, "x", 1);
    look(&w);
    assert_int_equal(w.r.n_messages, 2);
    assert_int_equal(w.r.messages[0].text.n, 0);
    assert_int_equal(w.r.messages[1].text.n, 1);
    end(&w);
}

/* The CPU that writes it may have died over it. */
static void one_that_is_being_written(void **state)
{
    struct view w;
    begin(&w, fake_kernel(FAKE_6_1, 4), 3);
    fake_log_reserved(w.g);
    fake_log(w.g, 9, 2, "message 4: behind it", 20);
    look(&w);
    assert_int_equal(w.r.n_messages, 4);
    assert_int_equal(w.r.messages[3].sequence, 4);
    assert_int_equal(w.r.messages[3].level, 2);
    end(&w);
}

static void one_as_long_as_the_ring(void **state)
{
    struct view w;
    char *text = malloc(4000);
    memset(text, 'y', 4000);
    begin(&w, fake_kernel(FAKE_6_12, 5), 3);
    fake_log(w.g, 9, 2, text, 4000);
    look(&w);
    assert_int_equal(w.r.messages[w.r.n_messages - 1].text.n, 4000);
    free(text);
    end(&w);
}

/* Nothing of it is told, least of all what lies behind the ring. */
static void one_that_ends_before_it_begins(void **state)
{
    struct view w;
    begin(&w, fake_kernel(FAKE_6_1, 6), 3);
    fake_log_backwards(w.g);
    look(&w);
    assert_int_equal(w.r.n_messages, 3);
    assert_int_equal(w.r.messages[2].text.n, 0);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_it_grows_through_many_laps),  cmocka_unit_test(empty_ones),
        cmocka_unit_test(one_that_is_being_written),      cmocka_unit_test(one_as_long_as_the_ring),
        cmocka_unit_test(one_that_ends_before_it_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
