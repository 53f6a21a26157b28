// SPDX-License-Identifier: Apache-2.0
/* The live view: what fits, what is sorted where, and that nothing of a guest breaks the screen. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <cmocka.h>

#include "base/num.h"
#include "cli/top.h"

static int64_t now;

static struct ax_top *fleet(int n)
{
    struct ax_answer hosts = {0}, vms = {0}, predictions = {0};
    hosts.json = json_pack("{s:[{s:s,s:s,s:s}]}", "resources", "handle", "host:1", "name", "node1",
                           "state", "up");
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        char handle[32], name[32];
        snprintf(handle, sizeof handle, "vm:%d", i);
        snprintf(name, sizeof name, i == 3 ? "xy\033[2J\u202e\u00e4%d" : "web%d", i);
        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s}", "handle", handle, "name", name,
                                              "state", "running", "host", "host:1"));
    }
    vms.json = json_pack("{s:o}", "resources", list);
    predictions.json = json_pack("{s:[{s:s,s:s,s:{s:s}}]}", "predictions", "handle", "vm:2",
                                 "resource", "memory", "at", "0.5", "2026-11-22T03:10:00.000Z");
    return ax_top_of(hosts, vms, predictions, now);
}

static struct ax_top_frame drawn(const struct ax_top *t, struct ax_top_view *view,
                                 struct ax_arena *a)
{
    struct ax_top_frame frame = {0};
    ax_top_draw(t, view, a, &frame);
    return frame;
}

static size_t columns_of(const char *text)
{
    wchar_t wide[1024];
    size_t n = mbstowcs(wide, text, AX_ARRAY_LEN(wide));
    assert_true(n < AX_ARRAY_LEN(wide));
    assert_null(wcschr(wide, 0x202e)); /* turns the line around */
    int w = wcswidth(wide, n);
    assert_true(w >= 0); /* negative: a control character */
    return (size_t)w;
}

static void five_hundred_machines_fit_80_by_24(void **state)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_top *t = fleet(500);
    for (int details = 0; details < 2; details++) {
        struct ax_top_view view = {.width = 80, .height = 24, .keys = true, .details = details};
        struct ax_top_frame f = drawn(t, &view, &a);
        assert_int_equal(f.n, 24);
        for (size_t i = 0; i < f.n; i++)
            assert_true(columns_of(f.v[i].text) <= 80);
    }
    assert_int_equal(t->hosts[0].vms, 500);
    ax_top_free(t);
    ax_arena_free(&a);
}

static void the_selected_row_is_always_on_the_screen(void **state)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_top *t = fleet(500);
    struct ax_top_view view = {.width = 80, .height = 24, .keys = true};
    const size_t places[] = {0, 19, 20, 499, 250, 10000};
    for (size_t i = 0; i < AX_ARRAY_LEN(places); i++) {
        view.selected = places[i];
        struct ax_top_frame f = drawn(t, &view, &a);
        size_t lit = 0;
        for (size_t k = 0; k < f.n; k++)
            lit += f.v[k].style == AX_TOP_SELECTED;
        assert_int_equal(lit, 1);
        assert_true(view.selected < 500);
    }
    ax_top_free(t);
    ax_arena_free(&a);
}

static void tiny_screens_and_empty_fleets_are_no_trouble(void **state)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_top *none = fleet(0), *some = fleet(3);
    for (int h = 1; h < 8; h++) {
        struct ax_top_view view = {.width = 5, .height = h, .keys = true, .details = true};
        drawn(none, &view, &a);
        drawn(some, &view, &a);
    }
    ax_top_free(none);
    ax_top_free(some);
    ax_arena_free(&a);
}

static const char *name_at(const struct ax_top *t, size_t i)
{
    return ax_j_str(t->vms[i].resource, "name");
}

static void what_is_at_risk_comes_first_then_the_busy(void **state)
{
    struct ax_top *t = fleet(12);
    t->vms[7].cpu = 1.5;
    t->vms[5].cpu = 0.5;
    ax_top_sort(t, AX_TOP_RISK);
    assert_string_equal(name_at(t, 0), "web2");
    assert_true(fabs(t->vms[0].risk - 600) < 0.001);
    assert_string_equal(name_at(t, 1), "web7");
    assert_string_equal(name_at(t, 2), "web5");
    ax_top_sort(t, AX_TOP_NAME); /* as people count */
    assert_string_equal(name_at(t, 10), "web11");
    assert_string_equal(name_at(t, 9), "web10");
    ax_top_free(t);
}

static void unknown_figures_sort_last_and_show_as_a_dash(void **state)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_top *t = fleet(3);
    t->vms[1].used = 0;
    ax_top_sort(t, AX_TOP_MEMORY);
    assert_string_equal(name_at(t, 0), "web1");
    struct ax_top_view view = {.width = 100};
    struct ax_top_frame f = drawn(t, &view, &a);
    assert_non_null(strstr(f.v[f.n - 1].text, " - "));
    ax_top_free(t);
    ax_arena_free(&a);
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    ax_time_parse(AX_STR("2026-11-22T03:00:00Z"), &now, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_hundred_machines_fit_80_by_24),
        cmocka_unit_test(the_selected_row_is_always_on_the_screen),
        cmocka_unit_test(tiny_screens_and_empty_fleets_are_no_trouble),
        cmocka_unit_test(what_is_at_risk_comes_first_then_the_busy),
        cmocka_unit_test(unknown_figures_sort_last_and_show_as_a_dash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
