// SPDX-License-Identifier: Apache-2.0
/* Text from outside is cut, parsed and written again without ever breaking its form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "base/log.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

static void lines_and_words_are_cut_without_copying(void **state)
{
    struct ax_str rest = AX_STR("a,,b"), part;
    const char *want[] = {"a", "", "b"};
    size_t n = 0;
    while (ax_str_cut(&rest, ',', &part))
        assert_true(ax_str_eq(part, ax_str(want[n++])));
    assert_int_equal(n, 3);
    rest = AX_STR("  cpu0 \t 12  ");
    assert_true(ax_str_word(&rest, &part) && ax_str_eq(part, AX_STR("cpu0")));
    assert_true(ax_str_word(&rest, &part) && ax_str_eq(part, AX_STR("12")));
    assert_false(ax_str_word(&rest, &part));
    assert_true(ax_str_eq(ax_str_trim(AX_STR("\n x y\t")), AX_STR("x y")));
    assert_true(ax_str_cmp(AX_STR("ab"), AX_STR("abc")) < 0);
}

static void numbers_are_taken_whole_or_not_at_all(void **state)
{
    uint64_t u = 5;
    int64_t i = 5;
    double d = 5;
    assert_true(ax_str_u64(AX_STR("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_false(ax_str_u64(AX_STR("18446744073709551616"), &u));
    assert_false(ax_str_u64(AX_STR("-1"), &u));
    assert_false(ax_str_u64(AX_STR(""), &u));
    assert_true(ax_str_i64(AX_STR("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_false(ax_str_i64(AX_STR("9223372036854775808"), &i));
    assert_true(ax_str_double(AX_STR("-1.5e3"), &d) && d == -1500);
    assert_true(ax_str_double(AX_STR("+Inf"), &d) && isinf(d));
    d = 5;
    assert_false(ax_str_double(AX_STR("1.5x"), &d));
    assert_false(ax_str_double(AX_STR(" 1"), &d));
    assert_true(d == 5); /* untouched on failure */
}

static void only_well_formed_utf8_passes(void **state)
{
    assert_true(ax_str_utf8(AX_STR("gr\xc3\xb6\xc3\x9f"
                                   "er \xf0\x9f\x98\x80")));
    const char *bad[] = {"\x80",         "\xc0\x80",         "\xe0\x9f\xbf",
                         "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3"};
    for (size_t i = 0; i < AX_ARRAY_LEN(bad); i++)
        assert_false(ax_str_utf8(ax_str(bad[i])));
}

static void a_guests_name_does_not_steer_who_reads_the_log(void **state)
{
    char got[256];
    int to[2], kept = dup(STDERR_FILENO);
    assert_int_equal(pipe(to), 0);
    dup2(to[1], STDERR_FILENO);
    ax_log(AX_LOG_WARN, "%s is here", "a\033[2J\nb\xc2\x9b\xff\xc3\xb6");
    dup2(kept, STDERR_FILENO);
    ssize_t n = read(to[0], got, sizeof got - 1);
    assert_true(n > 0);
    got[n] = '\0';
    assert_non_null(strstr(got, "warning: a?[2J?b??\xc3\xb6 is here\n"));
    close(to[0]);
    close(to[1]);
    close(kept);
}

static void text_is_cut_between_characters(void **state)
{
    struct ax_str s = AX_STR("a\xc3\xb6\xe2\x82\xac\xf0\x9f\x90\xa7z"); /* of 1 to 4 bytes, and 1 */
    const size_t whole[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t max = 0; max < AX_ARRAY_LEN(whole); max++) {
        struct ax_str cut = ax_str_within(s, max);
        assert_int_equal(cut.n, whole[max]);
        assert_true(ax_str_utf8(cut));
    }
    assert_int_equal(ax_str_within(AX_STR("\x80\x80\x80\x80\x80\x80\x80\x80"), 6).n, 6);
    assert_int_equal(ax_str_character(AX_STR("\xe2\x82")), 0);
    assert_int_equal(ax_str_character(AX_STR("\xe2\x82\xac")), 3);
}

/* A name that its writer cut keeps what is whole of it. */
static void json_replaces_only_what_is_no_character(void **state)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf out = AX_BUF_INIT;
    ax_json_str(&(struct ax_json){.out = &out}, AX_STR("gr\xc3\xb6\xc3\x9f\xff\"e\xc3"));
    ax_buf_byte(&out, '\0');
    assert_string_equal(out.p, "\"gr\xc3\xb6\xc3\x9f\xef\xbf\xbd\\\"e\xef\xbf\xbd\"");
}

static void json_is_valid_whatever_goes_in(void **state)
{
    struct ax_buf out = AX_BUF_INIT;
    struct ax_json j = {.out = &out};
    ax_json_obj(&j);
    ax_json_key(&j, "text");
    ax_json_str(&j, (struct ax_str){"a\"b\\c\n\0\x01"
                                    "d\xff",
                                    10});
    ax_json_key(&j, "list");
    ax_json_arr(&j);
    ax_json_int(&j, -3);
    ax_json_num(&j, 0.5);
    ax_json_num(&j, NAN);
    ax_json_bool(&j, true);
    ax_json_obj(&j);
    ax_json_end(&j);
    ax_json_end(&j);
    ax_json_key(&j, "at");
    ax_json_time(&j, 1795314600123);
    ax_json_key(&j, "never");
    ax_json_time(&j, 0);
    ax_json_end(&j);
    ax_buf_byte(&out, 0);
    assert_string_equal(out.p, "{\"text\":\"a\\\"b\\\\c\\n\\u0000\\u0001d\xef\xbf\xbd\","
                               "\"list\":[-3,0.5,null,true,{}],"
                               "\"at\":\"2026-11-22T02:30:00.123Z\",\"never\":null}");
    ax_buf_free(&out);
}

static void errors_carry_their_place_outwards(void **state)
{
    struct ax_err err = {0};
    assert_int_equal(ax_fail(&err, -EINVAL, "line %d", 3), -EINVAL);
    assert_int_equal(ax_err_wrap(&err, "file %s", "x"), -EINVAL);
    assert_string_equal(err.text, "file x: line 3");
    errno = ENOENT;
    assert_int_equal(ax_fail_errno(&err, "opening"), -ENOENT);
    assert_string_equal(err.text, "opening: No such file or directory");
    assert_int_equal(ax_fail(NULL, -EIO, "nobody listens"), -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_and_words_are_cut_without_copying),
        cmocka_unit_test(numbers_are_taken_whole_or_not_at_all),
        cmocka_unit_test(only_well_formed_utf8_passes),
        cmocka_unit_test(a_guests_name_does_not_steer_who_reads_the_log),
        cmocka_unit_test(text_is_cut_between_characters),
        cmocka_unit_test(json_replaces_only_what_is_no_character),
        cmocka_unit_test(json_is_valid_whatever_goes_in),
        cmocka_unit_test(errors_carry_their_place_outwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
