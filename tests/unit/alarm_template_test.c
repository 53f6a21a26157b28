// SPDX-License-Identifier: Apache-2.0
/* Templates: what they give, and what is refused. The texts are what Prometheus 2.42 gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alarm/template.h"

static int fruit(void *ctx, struct ax_str expression, struct ax_arena *a,
                 struct ax_query_result *out, struct ax_err *err)
{
    static const char *const names[] = {"pear", "apple"};
    if (ax_str_eq(expression, AX_STR("bad")))
        return ax_fail(err, -22, "no such thing");
    *out = (struct ax_query_result){.type = AX_VECTOR};
    if (!ax_str_eq(expression, AX_STR("fruit")))
        return 0;
    out->n = 2;
    out->series = AX_NEWS(a, struct ax_result_series, 2);
    for (int i = 0; i < 2; i++) {
        struct ax_labels_builder b = {0};
        ax_labels_add(&b, AX_STR("name"), ax_str(names[i]));
        assert_int_equal(ax_labels_finish(&b, a, &out->series[i].labels, NULL), 0);
        out->series[i].v = AX_NEW(a, struct ax_point);
        out->series[i].v->v = i + 1.5;
        out->series[i].n = 1;
    }
    return 0;
}

static void gives(const char *text, double value, const char *want)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_labels_builder b = {0};
    struct ax_labels labels;
    struct ax_template *t;
    struct ax_err err;
    size_t at;
    ax_labels_add(&b, AX_STR("job"), AX_STR("node"));
    ax_labels_add(&b, AX_STR("instance"), AX_STR("web1.example:9100"));
    assert_int_equal(ax_labels_finish(&b, &a, &labels, NULL), 0);
    if (ax_template_parse(ax_str(text), &a, &t, &at, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    struct ax_template_world w = {
        .labels = labels, .value = value, .url = AX_STR("http://x/y"), .query = fruit};
    struct ax_str got = ax_template_render(t, &w, &a);
    if (!ax_str_eq(got, ax_str(want)))
        fail_msg("%s: wanted %s, got %.*s", text, want, AX_STR_ARG(got));
    ax_arena_free(&a);
}

static void values_and_labels(void **state)
{
    gives("plain", 1, "plain");
    gives("", 1, "");
    gives("{{ $value }} {{ .Value }} {{ $labels.job }}{{ $labels.none }}", 1e6, "1e+06 1e+06 node");
    gives("{{$value}}", 123456, "123456");
    gives("{{$value}}", 0.00001, "1e-05");
    gives("{{$value}}", 1234567.25, "1.23456725e+06");
    gives("{{$value}} {{ humanize $value }}", 0.0 / 0.0, "NaN NaN");
    gives("{{ $labels }}", 1, "map[instance:web1.example:9100 job:node]");
    gives("{{ \"a\\tb\\u00e9\" }} {{ `r\\t` }} {{ 1e3 }} {{ 0x10 }} {{ true }}", 1,
          "a\tb\xc3\xa9 r\\t 1000 16 true");
}

static void conditions_ranges_and_variables(void **state)
{
    gives("{{ if gt $value 10.0 }}a{{ else if gt $value 5.0 }}b{{ else }}c{{ end }}", 7, "b");
    gives("{{ range query \"fruit\" }}{{ .Labels.name }}={{ .Value }} {{ end }}", 1,
          "pear=1.5 apple=2.5 ");
    gives("{{ range query \"none\" }}x{{ else }}none{{ end }}", 1, "none");
    gives("{{ range $i, $v := query \"fruit\" | sortByLabel \"name\" }}{{ $i }}{{ $v | label "
          "\"name\" }}{{ end }}",
          1, "0apple1pear");
    gives("{{ with query \"fruit\" }}{{ . | first | value | humanize }}{{ end }}{{ $value }}", 2,
          "1.52");
    gives("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $y := 3 }}{{ $y }}{{ end }}{{ $x }}", 1, "32");
    gives("{{ and 0 (query \"bad\") }}{{ or \"x\" (query \"bad\") }}", 1, "0x");
    gives("a {{- /* not seen */ -}} b {{- 1 -}} c {{ \"}}\" }}", 1, "ab1c }}");
    gives(
        "{{ (query \"fruit\" | first).Labels.name }} {{ index $labels \"job\" }} {{ len \"abc\" }}",
        1, "pear node 3");
}

static void functions(void **state)
{
    gives("{{ printf \"%.2f %5.1f|%-6s|%q %d%% %v\" $value $value \"ab\" \"c\" 7 $labels.job }}",
          1.005, "1.00   1.0|ab    |\"c\" 7% node");
    gives("{{ printf \"%d %s\" $value }} {{ printf \"x\" 1 }}", 2.5,
          "%!d(float64=2.5) %!s(MISSING) x%!(EXTRA int=1)");
    gives("{{ title \"big world\" }} {{ toUpper \"a\" }} {{ toLower \"A\" }}", 1, "Big World A a");
    gives("{{ reReplaceAll \"([a-z]+):([0-9]+)\" \"$2@$1\" \"h:80, o:443\" }}", 1, "80@h, 443@o");
    gives("{{ reReplaceAll \"b*\" \"-\" \"abc\" }} {{ match \"b.d\" \"abcde\" }}", 1, "-a-c- true");
    gives("{{ $labels.instance | stripPort }} {{ stripDomain $labels.instance }} {{ stripDomain "
          "\"10.0.0.1:80\" }}",
          1, "web1.example web1:9100 10.0.0.1:80");
    gives("{{ externalURL }} {{ pathPrefix }} {{ graphLink \"a == 0\" }}", 1,
          "http://x/y /y /graph?g0.expr=a+%3D%3D+0&g0.tab=0");
    gives("{{ 1435065584.128 | humanizeTimestamp }} {{ parseDuration \"1h30m\" }}", 1,
          "2015-06-23 13:19:44.128 +0000 UTC 5400");
    gives("{{ print \"a\" 1 2 \"b\" }} {{ html \"<b>\" }}", 1, "a1 2b &lt;b&gt;");
}

static void what_fails_says_why(void **state)
{
#define FAILS "<error expanding template: "
    gives("x{{ query \"none\" | first }}", 1,
          FAILS "error calling first: first() called on vector with no elements>");
    gives("{{ query \"bad\" }}", 1, FAILS "error calling query: no such thing>");
    gives("{{ if gt $value 1 }}x{{ end }}", 1,
          FAILS "error calling gt: incompatible types for comparison>");
    gives("{{ humanize \"abc\" }}", 1,
          FAILS "error calling humanize: strconv.ParseFloat: parsing \"abc\": invalid syntax>");
    gives("{{ $value.Foo }}", 1, FAILS "can't evaluate field Foo in type float64>");
    gives("{{ toUpper }}", 1, FAILS "wrong number of args for toUpper: want 1 got 0>");
}

static void runs_are_bounded(void **state)
{
    struct ax_buf b = AX_BUF_INIT;
    for (int i = 0; i < 20; i++)
        ax_buf_cstr(&b, "{{ range query \"fruit\" }}");
    for (int i = 0; i < 20; i++)
        ax_buf_cstr(&b, "{{ end }}");
    ax_buf_byte(&b, 0);
    gives(b.p, 1, FAILS "error calling query: more than 100 queries>");
    ax_buf_clear(&b);
    ax_buf_cstr(&b, "{{ $q := query \"fruit\" }}");
    for (int i = 0; i < 20; i++)
        ax_buf_cstr(&b, "{{ range $q }}");
    ax_buf_byte(&b, 'x');
    for (int i = 0; i < 20; i++)
        ax_buf_cstr(&b, "{{ end }}");
    ax_buf_byte(&b, 0);
    gives(b.p, 1, FAILS "more than 100000 steps>");
    ax_buf_free(&b);
}

static void refused(const char *text, size_t place, const char *says)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_template *t;
    struct ax_err err = {0};
    size_t at = 99;
    if (ax_template_parse(ax_str(text), &a, &t, &at, &err) == 0)
        fail_msg("taken: %s", text);
    if (at != place || !strstr(err.text, says))
        fail_msg("%s: at %zu: %s", text, at, err.text);
    ax_arena_free(&a);
}

static void faults_of_the_language_are_told(void **state)
{
    refused("a {{ $nope }}", 2, "there is no variable \"$nope\"");
    refused("a {{ nope 1 }}", 2, "there is no function \"nope\"");
    refused("{{ if true }}x", 0, "no {{ end }} to it");
    refused("x {{ end }}", 2, "nothing that it could belong to");
    refused("x{{ $value", 1, "found {{ without }}");
    refused("{{ \"a }}", 0, "a text that does not end");
    refused("{{ if }}x{{ end }}", 0, "nothing where a value is expected");
    refused("{{ (1 }}", 0, "( without )");
    refused("{{ template \"x\" }}", 0, "not offered here: \"template\"");
    refused("{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}", 35, "there is no variable \"$x\"");
    struct ax_buf b = AX_BUF_INIT;
    for (int i = 0; i < 100; i++)
        ax_buf_cstr(&b, "{{ if true }}");
    ax_buf_byte(&b, 0);
    refused(b.p, 49 * 13, "nested too deeply");
    ax_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_labels), cmocka_unit_test(conditions_ranges_and_variables),
        cmocka_unit_test(functions),         cmocka_unit_test(what_fails_says_why),
        cmocka_unit_test(runs_are_bounded),  cmocka_unit_test(faults_of_the_language_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
