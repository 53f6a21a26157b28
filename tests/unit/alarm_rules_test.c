// SPDX-License-Identifier: Apache-2.0
/* Rule files: what is right is read, what is wrong is named with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alarm/humanize.h"
#include "alarm/rules.h"
#include "base/file.h"

#include <fcntl.h>

static const char good[] =
    "groups:\n"
    "  - name: memory\n"
    "    interval: 10s\n"
    "    limit: 50\n"
    "    labels: {team: infra, severity: info}\n"
    "    rules:\n"
    "      - alert: Low\n"
    "        expr: left / total < 0.05\n"
    "        for: 1m30s\n"
    "        keep_firing_for: 5m\n"
    "        labels:\n"
    "          severity: critical\n"
    "        annotations:\n"
    "          summary: '{{ $labels.vm }} has {{ $value | humanize1024 }}B'\n"
    "      - record: total:sum\n"
    "        expr: sum(total)\n"
    "  - name: empty\n";

static void a_good_file_is_read_whole(void **state)
{
    struct ax_rules *r;
    struct ax_err err;
    if (ax_rules_parse(ax_str(good), "good.yml", &r, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(r->ngroups, 2);
    const struct ax_rule_group *g = r->groups[0];
    assert_int_equal(g->interval_ms, 10000);
    assert_int_equal(g->limit, 50);
    assert_int_equal(g->n, 2);
    assert_int_equal(g->rules[0].for_ms, 90000);
    assert_int_equal(g->rules[0].keep_firing_ms, 300000);
    assert_false(g->rules[0].records);
    assert_int_equal(g->rules[0].labels.n, 2);
    assert_string_equal(ax_template_text(g->rules[0].labels.v[1].value).p, "critical");
    assert_true(g->rules[1].records);
    assert_string_equal(g->rules[1].query.p, "sum(total)");
    assert_int_equal(r->groups[1]->n, 0);
    ax_rules_free(r);
}

static void nothing_is_a_file_without_rules(void **state)
{
    const char *empty[] = {"", "# a comment\n", "groups: []\n", "{}\n"};
    for (size_t i = 0; i < AX_ARRAY_LEN(empty); i++) {
        struct ax_rules *r;
        assert_int_equal(ax_rules_parse(ax_str(empty[i]), "f", &r, NULL), 0);
        assert_int_equal(r->ngroups, 0);
        ax_rules_free(r);
    }
}

/* One rule with these lines instead of, or besides, the good ones; lines begin at column 9. */
#define RULE(lines) "groups:\n  - name: g\n    rules:\n      - alert: A\n" lines

static void each_fault_is_told_with_its_place(void **state)
{
    static const struct {
        const char *text, *place, *says;
    } bad[] = {
        {"groups: 5\n", "f.yml:1:9: ", "found \"5\", expected a list of groups"},
        {"- a\n", "f.yml:1:1: ", "found a list, expected a mapping with groups"},
        {"rules: []\n", "f.yml:1:1: ", "found \"rules\", expected groups"},
        {"groups: []\ngroups: []\n", "f.yml:2:1: ", "twice"},
        {"groups:\n  - rules: []\n", "f.yml:2:5: ", "found a group without a name"},
        {"groups:\n  - name: a\n  - name: a\n", "f.yml:3:11: ", "found a second group \"a\""},
        {"groups:\n  - name: a\n    intervall: 5s\n",
         "f.yml:3:5: ", "found \"intervall\", expected name, interval, query_offset, limit"},
        {"groups:\n  - name: a\n    interval: 5 s\n",
         "f.yml:3:15: ", "found \"5 s\", expected a duration"},
        {"groups:\n  - name: a\n    limit: -1\n", "f.yml:3:12: ", "expected a number"},
        {"groups:\n  - name: a\n    rules: {}\n", "f.yml:3:12: ", "expected a list of rules"},
        {RULE("        exp: up\n"), "f.yml:5:9: ", "found \"exp\", expected alert, record, expr"},
        {RULE("        for: 5m\n"), "f.yml:4:9: ", "without expr"},
        {RULE("        expr: up ==\n"), "f.yml:5:15: ", "found a bad expression (1:"},
        {RULE("        expr: up[5m]\n"), "f.yml:5:15: ", "a range vector"},
        {RULE("        expr: [up]\n"), "f.yml:5:15: ", "found a list, expected a PromQL"},
        {RULE("        expr:\n"), "f.yml:5:14: ", "found nothing, expected a PromQL"},
        {RULE("        expr: up\n        for: soon\n"),
         "f.yml:6:14: ", "found \"soon\", expected a duration"},
        {RULE("        expr: up\n        labels: {a-b: c}\n"),
         "f.yml:6:18: ", "found \"a-b\", expected a name"},
        {RULE("        expr: up\n        labels: {__name__: c}\n"),
         "f.yml:6:18: ", "expected a name"},
        {RULE("        expr: up\n        labels: {a: [1]}\n"), "f.yml:6:21: ", "expected a text"},
        {RULE("        expr: up\n        labels: {a: b, a: c}\n"), "f.yml:6:24: ", "twice"},
        {RULE("        expr: up\n        labels: x\n"), "f.yml:6:17: ", "expected a mapping"},
        {RULE("        expr: up\n        annotations:\n          s: 'is {{ $val }}'\n"),
         "f.yml:7:18: ", "found {{ $val }}: there is no variable \"$val\""},
        {RULE("        expr: up\n        annotations:\n          s: '{{ $value | upper }}'\n"),
         "f.yml:7:15: ", "there is no function \"upper\""},
        {RULE("        expr: up\n        annotations:\n          s: 'is {{ $value }'\n"),
         "f.yml:7:18: ", "without }}"},
        {RULE("        expr: up\n        record: b\n"), "f.yml:6:17: ", "alert and record"},
        {"groups:\n  - name: g\n    rules:\n      - expr: up\n", "f.yml:4:9: ", "without a name"},
        {"groups:\n  - name: g\n    rules:\n      - record: a b\n        expr: up\n",
         "f.yml:4:17: ", "expected a metric name"},
        {"groups:\n  - name: g\n    rules:\n      - record: a\n        expr: up\n        for: 5m\n",
         "f.yml:6:14: ", "recording rule"},
        {"groups:\n  - name: \"x\n", "f.yml:", "found broken YAML"},
        {"groups: []\n---\ngroups: []\n", "f.yml:3:1: ", "second document"},
        {"groups: \xff\n", "f.yml:", "found broken YAML"},
    };
    for (size_t i = 0; i < AX_ARRAY_LEN(bad); i++) {
        struct ax_rules *r = NULL;
        struct ax_err err = {0};
        if (ax_rules_parse(ax_str(bad[i].text), "f.yml", &r, &err) == 0)
            fail_msg("taken: %s", bad[i].text);
        if (strncmp(err.text, bad[i].place, strlen(bad[i].place)) || !strstr(err.text, bad[i].says))
            fail_msg("for\n%s\ngot  %s\nwant %s...%s", bad[i].text, err.text, bad[i].place,
                     bad[i].says);
        assert_null(r);
    }
}

static void size_is_bounded(void **state)
{
    struct ax_rules *r = NULL;
    struct ax_err err;
    struct ax_buf b = AX_BUF_INIT;
    while (b.n <= AX_RULES_BYTES)
        ax_buf_cstr(&b, "# a comment of some length, over and over again\n");
    assert_true(ax_rules_parse(ax_buf_view(&b), "f", &r, &err) < 0);
    assert_non_null(strstr(err.text, "bytes of rules"));
    ax_buf_clear(&b);
    ax_buf_cstr(&b, "groups:\n- name: g0\n  rules: &all\n");
    for (int i = 0; i < 200; i++)
        ax_buf_cstr(&b, "  - {alert: A, expr: up}\n");
    for (int i = 1; i < 100; i++)
        ax_buf_printf(&b, "- {name: g%d, rules: *all}\n", i);
    assert_true(ax_rules_parse(ax_buf_view(&b), "f", &r, &err) < 0);
    assert_non_null(strstr(err.text, "more than 10000 rules"));
    ax_buf_free(&b);
}

/* What is wrong is told of each rule, and only its group is left out. */
static void a_fault_costs_its_group_and_no_other(void **state)
{
    static const char text[] = "groups:\n"
                               "  - {name: a, rules: [{alert: A, expr: up}]}\n"
                               "  - name: b\n"
                               "    rules:\n"
                               "      - {alert: B, expr: up ==}\n"
                               "      - {alert: C, expr: up, for: soon}\n"
                               "  - {name: c, intervall: 5s}\n"
                               "  - {name: d, query_offset: 1m}\n"
                               "  - {name: e}\n"
                               "  - {name: e, rules: [{alert: E, expr: up}]}\n";
    struct ax_rules *r = ax_rules_read(ax_str(text), AX_STR("t"), "f.yml");
    assert_false(ax_rules_are_broken(r));
    assert_int_equal(r->ngroups, 2);
    assert_string_equal(r->groups[0]->name.p, "a");
    assert_string_equal(r->groups[1]->name.p, "d");
    assert_int_equal(r->groups[1]->offset_ms, 60000);
    assert_int_equal(ax_rules_faults(r), 4);
    const char *const at[] = {"f.yml:5:", "f.yml:6:", "f.yml:7:", "f.yml:10:"};
    for (size_t i = 0; i < AX_ARRAY_LEN(at); i++)
        assert_memory_equal(ax_rules_fault(r, i), at[i], strlen(at[i]));
    ax_rules_free(r);
    r = ax_rules_read(AX_STR("groups: [\n"), AX_STR("t"), "f.yml");
    assert_true(ax_rules_are_broken(r));
    ax_rules_free(r);
}

static void humanized(ax_humanize *as, double v, const char *want)
{
    struct ax_buf b = AX_BUF_INIT;
    as(v, &b);
    ax_buf_byte(&b, 0);
    assert_string_equal(b.p, want);
    ax_buf_free(&b);
}

static void numbers_read_as_in_prometheus(void **state)
{
    humanized(ax_humanize_1000, 0, "0");
    humanized(ax_humanize_1000, 1234567, "1.235M");
    humanized(ax_humanize_1000, -0.0123, "-12.3m");
    humanized(ax_humanize_1024, 1048576, "1Mi");
    humanized(ax_humanize_1024, 12, "12");
    humanized(ax_humanize_duration, 0, "0s");
    humanized(ax_humanize_duration, 59.9, "59.9s");
    humanized(ax_humanize_duration, 3725, "1h 2m 5s");
    humanized(ax_humanize_duration, 90061, "1d 1h 1m 1s");
    humanized(ax_humanize_duration, 0.25, "250ms");
    humanized(ax_humanize_percentage, 0.1234, "12.34%");
    humanized(ax_humanize_percentage, 1.0 / 0.0, "+Inf%");
    humanized(ax_humanize_1000, 0.0 / 0.0, "NaN");
    humanized(ax_humanize_timestamp, 1435065584.128, "2015-06-23 13:19:44.128 +0000 UTC");
    humanized(ax_humanize_timestamp, 0, "1970-01-01 00:00:00 +0000 UTC");
}

static void the_shipped_rules_are_good(void **state)
{
    struct ax_buf path = AX_BUF_INIT, text = AX_BUF_INIT;
    ax_buf_printf(&path, "%s/../../../rules/default.yml%c", getenv("FIXTURES"), 0);
    struct ax_err err;
    struct ax_rules *r;
    if (ax_file_read(AT_FDCWD, path.p, AX_RULES_BYTES, &text, &err) < 0 ||
        ax_rules_parse(ax_buf_view(&text), "default.yml", &r, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(r->ngroups >= 3);
    for (size_t g = 0; g < r->ngroups; g++)
        for (size_t i = 0; i < r->groups[g]->n; i++) {
            const struct ax_pairs *notes = &r->groups[g]->rules[i].annotations;
            assert_int_equal(notes->n, 3);
            assert_true(ax_str_eq(notes->v[0].name, AX_STR("summary")));
        }
    ax_rules_free(r);
    ax_buf_free(&path);
    ax_buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_is_read_whole),
        cmocka_unit_test(nothing_is_a_file_without_rules),
        cmocka_unit_test(each_fault_is_told_with_its_place),
        cmocka_unit_test(a_fault_costs_its_group_and_no_other),
        cmocka_unit_test(size_is_bounded),
        cmocka_unit_test(numbers_read_as_in_prometheus),
        cmocka_unit_test(the_shipped_rules_are_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
