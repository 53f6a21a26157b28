// SPDX-License-Identifier: Apache-2.0
/* Bodies of POST /v2.0/logs: what is taken, and what is refused with which reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingest/ingest.h"

#include <errno.h>
#include <stdio.h>

static struct ax_arena arena;
static struct ax_logs_body body;
static struct ax_log_text one;
static struct ax_err err;

static int end(void **state)
{
    ax_arena_free(&arena);
    return 0;
}

static int decode(struct ax_str text)
{
    ax_arena_reset(&arena);
    err = (struct ax_err){0};
    return ax_logs_decode(text, &arena, &body, &err);
}

/* All of a body: 0, or why not. */
static int read_all(struct ax_str text)
{
    int rc = decode(text);
    while (rc == 0)
        if ((rc = ax_logs_next(&body, &one, &err)) == 0)
            return 0;
        else if (rc > 0)
            rc = 0;
    assert_int_equal(err.code, rc);
    return rc;
}

static void next(void)
{
    if (ax_logs_next(&body, &one, &err) != 1)
        fail_msg("%s", err.text);
}

static void is(struct ax_str got, const char *wanted)
{
    if (!ax_str_eq(got, ax_str(wanted)))
        fail_msg("\"%.*s\" instead of \"%s\"", AX_STR_ARG(got), wanted);
}

static void refuses(const char *text, int code, const char *why)
{
    assert_int_equal(read_all(ax_str(text)), code);
    if (!strstr(err.text, why))
        fail_msg("%s: \"%s\" does not say \"%s\"", text, err.text, why);
}

static void logs_are_read_one_by_one(void **state)
{
    assert_int_equal(
        decode(AX_STR(" {\"logs\": [ {\"message\":\"a\\n\\u0000\\\"b\"} , {\"dimensions\":{\"k\":"
                      "\"v{}\"},\"message\":\"\"}],\"x\":[1,{}],\n\"dimensions\":{\"g\":\"1\"}} ")),
        0);
    assert_int_equal(body.dimensions.n, 1);
    is(body.dimensions.v[0].name, "g");
    is(body.dimensions.v[0].value, "1");
    next();
    assert_true(ax_str_eq(one.message, AX_STR("a\n\0\"b")));
    assert_int_equal(one.dimensions.n, 0);
    next();
    is(one.message, "");
    assert_int_equal(one.dimensions.n, 1);
    is(one.dimensions.v[0].value, "v{}");
    assert_int_equal(ax_logs_next(&body, &one, &err), 0);
    assert_int_equal(ax_logs_next(&body, &one, &err), 0);
    assert_int_equal(body.n, 2);
    assert_int_equal(read_all(AX_STR("{\"logs\":[]}")), 0);
    assert_int_equal(
        read_all(AX_STR("{\"dimensions\":null,\"logs\":[{\"message\":\"\",\"dimensions\":null}]}")),
        0);
}

static void other_members_are_handed_on_in_one_line(void **state)
{
    assert_int_equal(decode(AX_STR("{\"logs\":[{\"message\":\"m\",\"path\":\"/v x\\\"\\n "
                                   "N\",\"deep\":{ \"a\" :\n[1,\r\n\ttrue ,null]},"
                                   "\"n\": -1e5 }]}")),
                     0);
    next();
    assert_int_equal(one.nothers, 3);
    is(one.others[0].key, "path");
    is(one.others[0].json, "\"/v x\\\"\\n N\"");
    is(one.others[1].json, "{\"a\":[1,true,null]}");
    is(one.others[2].json, "-1e5");
}

static void what_is_no_json_is_told_apart_from_what_is_no_log(void **state)
{
    static const char *const broken[] = {"",
                                         " ",
                                         "{",
                                         "{\"logs\":[}",
                                         "{\"logs\":[]}x",
                                         "nothing",
                                         "{\"logs\":[{\"message\":\"a\nb\"}]}",
                                         "{\"logs\":[{\"message\":\"\\ud800\"}]}",
                                         "{\"logs\":[{\"message\":\"\xff\"}]}",
                                         "{'logs':[]}",
                                         "{\"logs\":[{\"message\":\"a\"},]}",
                                         "{\"a\":1,\"logs\":[{\"message\":01}]}"};
    for (size_t i = 0; i < AX_ARRAY_LEN(broken); i++)
        if (read_all(ax_str(broken[i])) != -EBADMSG)
            fail_msg("%s: %s", broken[i], err.text);
    refuses("[]", -EINVAL, "an object with logs");
    refuses("null", -EINVAL, "an object with logs");
    refuses("{}", -EINVAL, "logs is missing");
    refuses("{\"logs\":{}}", -EINVAL, "logs is not a list");
    refuses("{\"logs\":null}", -EINVAL, "logs is not a list");
    refuses("{\"logs\":[],\"logs\":[]}", -EINVAL, "two of member \"logs\"");
    refuses("{\"logs\":[1]}", -EINVAL, "log 1 of the list: expected a log");
    refuses("{\"logs\":[{\"message\":\"a\"},[]]}", -EINVAL, "log 2 of the list: expected a log");
    refuses("{\"logs\":[{}]}", -EINVAL, "message is missing");
    refuses("{\"logs\":[{\"message\":null}]}", -EINVAL, "expected a string");
    refuses("{\"logs\":[{\"message\":\"a\",\"message\":\"b\"}]}", -EINVAL,
            "two of member \"message\"");
    refuses("{\"logs\":[{\"message\":\"a\",\"x\":1,\"x\":2}]}", -EINVAL, "two of member \"x\"");
    refuses("{\"logs\":[{\"message\":\"a\",\"x\":[NaN]}]}", -EINVAL, "not a value of JSON");
    refuses("{\"logs\":[{\"message\":\"a\",\"x\":-Infinity}]}", -EINVAL, "not a value of JSON");
}

static void dimensions_have_monascas_rules(void **state)
{
    static const char *const bad[] = {"[]",
                                      "1",
                                      "\"a\"",
                                      "{\"a\":1}",
                                      "{\"a\":null}",
                                      "{\"\":\"v\"}",
                                      "{\"a\":\"\"}",
                                      "{\"_a\":\"v\"}",
                                      "{\"a\":\"1\",\"a\":\"2\"}"};
    char text[1600], word[257];
    for (size_t i = 0; i < AX_ARRAY_LEN(bad); i++) {
        snprintf(text, sizeof text, "{\"logs\":[],\"dimensions\":%s}", bad[i]);
        refuses(text, -EINVAL, "");
        snprintf(text, sizeof text, "{\"logs\":[{\"message\":\"\",\"dimensions\":%s}]}", bad[i]);
        refuses(text, -EINVAL, "log 1 of the list");
    }
    for (const char *c = "<>={}(), ';&"; *c; c++) {
        snprintf(text, sizeof text, "{\"logs\":[],\"dimensions\":{\"a%c\":\"v\"}}", *c);
        refuses(text, -EINVAL, "may be in a dimension's name");
        snprintf(text, sizeof text, "{\"logs\":[],\"dimensions\":{\"a\":\"v%c\"}}", *c);
        assert_int_equal(read_all(ax_str(text)), 0);
    }
    refuses("{\"logs\":[],\"dimensions\":{\"a\\\"\":\"v\"}}", -EINVAL,
            "may be in a dimension's name");
    memset(word, 'x', sizeof word);
    for (int n = 255; n <= 256; n++) {
        snprintf(text, sizeof text, "{\"logs\":[],\"dimensions\":{\"%.*s\":\"%.*s\"}}", n, word, n,
                 word);
        assert_int_equal(read_all(ax_str(text)), n == 255 ? 0 : -EINVAL);
    }
}

static void repeat(struct ax_buf *b, const char *item, int n)
{
    for (int i = 0; i < n; i++)
        ax_buf_printf(b, "%s\"k%d\":%s", i ? "," : "", i, item);
}

static void there_are_limits(void **state)
{
    struct ax_buf b = AX_BUF_INIT;
    for (int n = AX_LOG_DIMENSIONS; n <= AX_LOG_DIMENSIONS + 1; n++) {
        ax_buf_clear(&b);
        ax_buf_cstr(&b, "{\"logs\":[],\"dimensions\":{");
        repeat(&b, "\"v\"", n);
        ax_buf_cstr(&b, "}}");
        assert_int_equal(read_all(ax_buf_view(&b)), n == AX_LOG_DIMENSIONS ? 0 : -EINVAL);
    }
    for (int n = AX_LOG_OTHERS; n <= AX_LOG_OTHERS + 1; n++) {
        ax_buf_clear(&b);
        ax_buf_cstr(&b, "{\"logs\":[{\"message\":\"\",");
        repeat(&b, "0", n);
        ax_buf_cstr(&b, "}]}");
        assert_int_equal(read_all(ax_buf_view(&b)), n == AX_LOG_OTHERS ? 0 : -EINVAL);
    }
    for (int n = AX_LOG_MAX_BYTES - 14; n <= AX_LOG_MAX_BYTES - 13; n++) { /* {"message":""} */
        ax_buf_clear(&b);
        ax_buf_cstr(&b, "{\"logs\":[{\"message\":\"\"},{\"message\":\"");
        for (int i = 0; i < n; i++)
            ax_buf_byte(&b, 'x');
        ax_buf_cstr(&b, "\"}]}");
        assert_int_equal(read_all(ax_buf_view(&b)), n == AX_LOG_MAX_BYTES - 14 ? 0 : -EFBIG);
    }
    assert_non_null(strstr(err.text, "log 2 of the list: it has 1048577 bytes (limit 1048576)"));
    ax_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(logs_are_read_one_by_one, end),
        cmocka_unit_test_teardown(other_members_are_handed_on_in_one_line, end),
        cmocka_unit_test_teardown(what_is_no_json_is_told_apart_from_what_is_no_log, end),
        cmocka_unit_test_teardown(dimensions_have_monascas_rules, end),
        cmocka_unit_test_teardown(there_are_limits, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
