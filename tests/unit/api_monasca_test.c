// SPDX-License-Identifier: Apache-2.0
/* What Monasca's endpoints share: times, limits, ids that stay the same, links that lead on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/monasca.h"

#include <errno.h>

static struct ax_arena arena;

static int free_arena(void **state)
{
    ax_arena_free(&arena);
    return 0;
}

static void times_are_iso_8601(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"2026-11-22T02:30:00Z", 1795314600000},      {"2026-11-22T02:30:00.250Z", 1795314600250},
        {"2026-11-22T02:30:00", 1795314600000},       {"2026-11-22 02:30:00", 1795314600000},
        {"2026-11-22T04:30:00+02:00", 1795314600000}, {"2026-11-22", 1795305600000}};
    static const char *const bad[] = {"",
                                      "1795314600",
                                      "-60",
                                      "yesterday",
                                      "2026-11-22T25:00:00Z",
                                      "2026-11-22T02:30Z",
                                      "2026-11-22T02:30:00.Zx"};
    struct ax_err err;
    for (size_t i = 0; i < AX_ARRAY_LEN(good); i++) {
        int64_t t = 0;
        if (ax_monasca_time(ax_str(good[i].text), &t, &err) < 0 || t != good[i].ms)
            fail_msg("%s: %lld", good[i].text, (long long)t);
    }
    for (size_t i = 0; i < AX_ARRAY_LEN(bad); i++) {
        int64_t t = 7;
        assert_int_equal(ax_monasca_time(ax_str(bad[i]), &t, &err), -EINVAL);
        assert_int_equal(t, 7);
    }
}

static void limits_are_digits_and_have_a_limit(void **state)
{
    static const struct {
        const char *query;
        int limit; /* -1: refused */
    } table[] = {{"", 10000},      {"limit=", 10000},      {"limit=1", 1},
                 {"limit=0", 0},   {"limit=10001", 10000}, {"limit=99999999999999999999", 10000},
                 {"limit=-1", -1}, {"limit=1.5", -1},      {"limit=ten", -1},
                 {"limit=+1", -1}};
    for (size_t i = 0; i < AX_ARRAY_LEN(table); i++) {
        struct ax_request q = {0};
        uint32_t n = 0;
        struct ax_err err;
        ax_params_parse(&q, ax_str(table[i].query));
        int rc = ax_monasca_limit(&q, &n, &err);
        if (table[i].limit < 0 ? rc != -EINVAL : rc != 0 || (int)n != table[i].limit)
            fail_msg("%s: %d, %u", table[i].query, rc, n);
        ax_arena_free(&q.arena);
    }
}

static struct ax_labels cpu_of(const char *host)
{
    struct ax_labels_builder b = {.n = 0};
    struct ax_labels out;
    ax_labels_add(&b, AX_STR("__name__"), AX_STR("cpu"));
    ax_labels_add(&b, AX_STR("host"), ax_str(host));
    assert_int_equal(ax_labels_finish(&b, &arena, &out, NULL), 0);
    return out;
}

static void ids_are_the_same_for_ever(void **state)
{
    struct ax_monasca_id id = ax_monasca_id(AX_STR("t"), cpu_of("a")), back;
    struct ax_str text = ax_monasca_id_print(&arena, id);
    assert_true(ax_str_eq(text, AX_STR("114599160770140954866544122930744705651")));
    assert_true(ax_monasca_id_parse(text, &back));
    assert_int_equal(ax_monasca_id_cmp(id, back), 0);
    assert_int_not_equal(ax_monasca_id_cmp(id, ax_monasca_id(AX_STR("u"), cpu_of("a"))), 0);
    assert_int_not_equal(ax_monasca_id_cmp(id, ax_monasca_id(AX_STR("t"), cpu_of("b"))), 0);
}

static void ids_are_numbers_in_order(void **state)
{
    struct ax_monasca_id small, large;
    assert_true(ax_monasca_id_parse(AX_STR("7"), &small));
    assert_true(ax_monasca_id_parse(AX_STR("340282366920938463463374607431768211455"), &large));
    assert_true(large.high == UINT64_MAX && large.low == UINT64_MAX);
    assert_true(ax_monasca_id_cmp(small, large) < 0 && ax_monasca_id_cmp(large, small) > 0);
    static const char *const bad[] = {"", "x", "-1", "340282366920938463463374607431768211456",
                                      "0000000000000000000000000000000000000000"};
    for (size_t i = 0; i < AX_ARRAY_LEN(bad); i++)
        assert_false(ax_monasca_id_parse(ax_str(bad[i]), &small));
}

static void links_are_encoded_once(void **state)
{
    struct ax_request q = {.uri = AX_STR("/v2.0/metrics?dimensions=a%3Ab%20c&offset=old&limit=2"),
                           .host = AX_STR("h:80")};
    struct ax_reply r = {.status = 200};
    struct ax_json j;
    ax_params_parse(&q, AX_STR("dimensions=a%3Ab%20c&offset=old&limit=2"));
    ax_monasca_list_begin(&j, &r);
    ax_monasca_list_end(&j, &q, AX_STR("1_2026-11-22T02:30:00Z"));
    ax_buf_byte(&r.body, 0);
    assert_string_equal(
        r.body.p,
        "{\"elements\":[],\"links\":["
        "{\"rel\":\"self\",\"href\":\"http://h:80/v2.0/"
        "metrics?dimensions=a%3Ab%20c&offset=old&limit=2\"},"
        "{\"rel\":\"next\",\"href\":\"http://h:80/v2.0/metrics?dimensions=a%3Ab%20c&limit=2"
        "&offset=1_2026-11-22T02%3A30%3A00Z\"}]}");
    ax_buf_free(&r.body);
    ax_arena_free(&q.arena);
}

static void floats_look_like_floats(void **state)
{
    struct ax_buf out = AX_BUF_INIT;
    struct ax_json j = {.out = &out};
    ax_json_arr(&j);
    const double v[] = {5, -0.25, 1e30, 0, -3, __builtin_nan(""), __builtin_inf()};
    for (size_t i = 0; i < AX_ARRAY_LEN(v); i++)
        ax_monasca_put_float(&j, v[i]);
    ax_json_end(&j);
    ax_buf_byte(&out, 0);
    assert_string_equal(out.p, "[5.0,-0.25,1e+30,0.0,-3.0,null,null]");
    ax_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_iso_8601),
        cmocka_unit_test(limits_are_digits_and_have_a_limit),
        cmocka_unit_test(ids_are_the_same_for_ever),
        cmocka_unit_test(ids_are_numbers_in_order),
        cmocka_unit_test(links_are_encoded_once),
        cmocka_unit_test(floats_look_like_floats),
    };
    return cmocka_run_group_tests(tests, NULL, free_arena);
}
