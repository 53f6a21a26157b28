// SPDX-License-Identifier: Apache-2.0
/* Series end when they are no more given: with one staleness marker, and not before. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collect/emit.h"

static struct ax_emitter e;
static struct ax_emit_scope scope;
static struct ax_arena arena;
static struct ax_batch batch;

static void begin(int64_t now)
{
    ax_arena_reset(&arena);
    batch = (struct ax_batch){.arena = &arena};
    ax_emit_begin(&e, &batch, now);
}

static int setup(void **state)
{
    struct ax_label l = {AX_STR("instance"), AX_STR("h")};
    e = (struct ax_emitter){0};
    ax_scope_new(&e, &scope, &l, 1);
    return 0;
}

static int teardown(void **state)
{
    ax_emitter_free(&e);
    ax_arena_free(&arena);
    return 0;
}

static void a_series_that_is_gone_ends_once(void **state)
{
    begin(1);
    ax_emit1(&e, &scope, "m", "d", AX_STR("a"), 1);
    ax_emit1(&e, &scope, "m", "d", AX_STR("b"), 2);
    ax_emit_end(&e);
    assert_int_equal(batch.n, 2);
    begin(2);
    ax_emit1(&e, &scope, "m", "d", AX_STR("a"), 3);
    ax_emit1(&e, &scope, "m", "d", AX_STR("b"), NAN); /* unknown = not given */
    ax_emit_end(&e);
    assert_int_equal(batch.n, 2);
    assert_true(batch.v[0].samples[0].v == 3);
    assert_true(ax_is_stale(batch.v[1].samples[0].v));
    assert_true(batch.v[1].samples[0].t == 2);
    assert_true(ax_str_eq(ax_labels_get(batch.v[1].labels, AX_STR("d")), AX_STR("b")));
    begin(3);
    ax_emit1(&e, &scope, "m", "d", AX_STR("a"), 4);
    ax_emit_end(&e);
    assert_int_equal(batch.n, 1); /* the marker is not repeated */
}

static void a_series_given_twice_counts_once(void **state)
{
    begin(1);
    ax_emit(&e, &scope, "m", 1);
    ax_emit(&e, &scope, "m", 2);
    ax_emit_end(&e);
    assert_int_equal(batch.n, 1);
    assert_true(batch.v[0].samples[0].v == 1);
}

static void a_bad_label_costs_its_series_only(void **state)
{
    begin(1);
    ax_emit1(&e, &scope, "m", "d", AX_STR("\xff\xfe"), 1);
    ax_emit1(&e, &scope, "m", "d", AX_STR("good"), 1);
    ax_emit_end(&e);
    assert_int_equal(batch.n, 1);
    assert_int_equal(e.refused, 1);
    begin(2);
    ax_emit_end(&e);
    assert_int_equal(batch.n, 1); /* the good one's end; the bad one never began */
}

static void churn_does_not_grow_for_ever(void **state)
{
    for (int i = 0; i < 5000; i++) {
        char name[16];
        snprintf(name, sizeof name, "d%d", i);
        begin(i);
        ax_emit1(&e, &scope, "m", "d", ax_str(name), i);
        ax_emit(&e, &scope, "steady", i);
        ax_emit_end(&e);
        assert_int_equal(batch.n, i ? 3 : 2); /* new, steady, the end of the last one */
    }
    assert_true(e.n < 1100);
    assert_true(e.map.secret != 0); /* devices have names that a guest chooses */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_series_that_is_gone_ends_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_series_given_twice_counts_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_label_costs_its_series_only, setup, teardown),
        cmocka_unit_test_setup_teardown(churn_does_not_grow_for_ever, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
