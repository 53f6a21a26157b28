// SPDX-License-Identifier: Apache-2.0
/* statsd's lines: values, types, rates, and both ways to write dimensions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "statsd/line.h"

#include <errno.h>

static struct ax_arena arena;

static int end(void **state)
{
    ax_arena_free(&arena);
    return 0;
}

/* name, kind, value, rate and dimensions in one text: "name|kind|value|rate|a=b,c=d" */
static void reads(const char *text, const char *wanted)
{
    struct ax_statsd_line l;
    struct ax_err err;
    struct ax_buf b = AX_BUF_INIT;
    if (ax_statsd_parse(ax_str(text), &arena, &l, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    ax_buf_printf(&b, "%.*s|%c|%g|%g|", AX_STR_ARG(l.name), "cgts"[l.kind], l.value, l.rate);
    for (size_t i = 0; i < l.n; i++)
        ax_buf_printf(&b, "%s%.*s=%.*s", i ? "," : "", AX_STR_ARG(l.dimensions[i].name),
                      AX_STR_ARG(l.dimensions[i].value));
    ax_buf_byte(&b, 0);
    assert_string_equal(b.p, wanted);
    ax_buf_free(&b);
}

static void refuses(const char *text, int code, const char *why)
{
    struct ax_statsd_line l;
    struct ax_err err;
    assert_int_equal(ax_statsd_parse(ax_str(text), &arena, &l, &err), code);
    if (!strstr(err.text, why))
        fail_msg("%s: \"%s\" does not say \"%s\"", text, err.text, why);
}

static void plain_lines_are_read(void **state)
{
    reads("page.views:1|c", "page.views|c|1|1|");
    reads("page.views:-3|c|@0.1", "page.views|c|-3|0.1|");
    reads("load:1.5e2|g", "load|g|150|1|");
    reads("took:320|ms", "took|t|320|1|");
    reads("size:7|h|@0.5", "size|t|7|0.5|");
    reads("size:7|d", "size|t|7|1|");
    reads("who:ann|s", "who|s|0|1|");
    reads("new:1|c|T1656581400|c:ci-1234|@0.5", "new|c|1|0.5|");
}

static void monascas_dimensions_are_pythons(void **state)
{
    reads("m:1|c|#{'env': 'test'}", "m|c|1|1|env=test");
    reads("m:1|g|@0.5|#{'a': 'b', 'c': \"it's\"}", "m|g|1|0.5|a=b,c=it's");
    reads("m:1|g|#{u'a':u'b'}|@0.5", "m|g|1|0.5|a=b");
    reads("m:1|g|#{'n': 5, 't': True, 'f': -1.5}", "m|g|1|1|n=5,t=True,f=-1.5");
    reads("m:1|g|#{'a': 'x|y, z: {}'}", "m|g|1|1|a=x|y, z: {}");
    reads("m:1|g|#{'a': 'it\\'s \"so\"'}", "m|g|1|1|a=it's \"so\"");
    reads("m:1|g|#{'a': '\\xe9\\u20ac\\U0001f600\\t\\\\'}", "m|g|1|1|a=é€😀\t\\");
    reads("m:1|g|#{'a': '1', 'a': '2'}", "m|g|1|1|a=2");
    reads("m:1|g|#{}", "m|g|1|1|");
}

static void dogstatsds_tags_are_dimensions(void **state)
{
    reads("m:1|c|#env:prod,role:db", "m|c|1|1|env=prod,role=db");
    reads("m:1|c|@0.2|#url:http://x:1", "m|c|1|0.2|url=http://x:1");
    reads("m:1|c|#alone, b:2 ,", "m|c|1|1|alone=True,b=2");
    reads("m:1|c|#none:", "m|c|1|1|none=?");
    reads("m:1|c|#", "m|c|1|1|");
}

static void wrong_lines_are_refused(void **state)
{
    refuses("", -EINVAL, "name:value|type");
    refuses("m", -EINVAL, "name:value|type");
    refuses("m:1", -EINVAL, "name:value|type");
    refuses("m:|c", -EINVAL, "no number");
    refuses("m:one|c", -EINVAL, "no number");
    refuses("m:nan|g", -EINVAL, "no number");
    refuses("m:inf|g", -EINVAL, "no number");
    refuses("m:1e999|g", -EINVAL, "no number");
    refuses("m:|s", -EINVAL, "missing");
    refuses("m:1|c|@0", -EINVAL, "rate");
    refuses("m:1|c|@1.1", -EINVAL, "rate");
    refuses("m:1|c|@nan", -EINVAL, "rate");
    refuses("m:1|c|@", -EINVAL, "rate");
    refuses("m:1|x", -ENOTSUP, "type");
    refuses("_e{5,4}:title|text", -ENOTSUP, "events");
    refuses("_sc|name|0", -ENOTSUP, "service checks");
}

static void wrong_dimensions_are_refused(void **state)
{
    refuses("m:1|c|#{", -EINVAL, "{'name': 'value', ...}");
    refuses("m:1|c|#{'a'}", -EINVAL, "lack a :");
    refuses("m:1|c|#{'a': }", -EINVAL, "{'name': 'value', ...}");
    refuses("m:1|c|#{'a': 'b'", -EINVAL, "lack a }");
    refuses("m:1|c|#{'a': 'b", -EINVAL, "quote");
    refuses("m:1|c|#{'a': 'b\\", -EINVAL, "\\");
    refuses("m:1|c|#{'a': '\\q'}", -EINVAL, "\\");
    refuses("m:1|c|#{'a': '\\ud800'}", -EINVAL, "\\");
    refuses("m:1|c|#{'a': '\\x1'}", -EINVAL, "\\");
    refuses("m:1|c|#{'a': ['b']}", -EINVAL, "{'name': 'value', ...}");
    refuses("m:1|c|#{'a': 'b'} more", -EINVAL, "behind the dimensions");
    refuses("m:1|c|#{'a': ''}", -EINVAL, "empty");
    refuses("m:1|c|#:x", -EINVAL, "empty");
}

static void dimensions_have_a_limit(void **state)
{
    struct ax_buf b = AX_BUF_INIT;
    ax_buf_printf(&b, "m:1|c|#");
    for (int i = 0; i <= AX_STATSD_DIMENSIONS; i++)
        ax_buf_printf(&b, "d%d:1,", i);
    ax_buf_byte(&b, 0);
    refuses(b.p, -EINVAL, "dimensions");
    ax_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_lines_are_read),
        cmocka_unit_test(monascas_dimensions_are_pythons),
        cmocka_unit_test(dogstatsds_tags_are_dimensions),
        cmocka_unit_test(wrong_lines_are_refused),
        cmocka_unit_test(wrong_dimensions_are_refused),
        cmocka_unit_test(dimensions_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
