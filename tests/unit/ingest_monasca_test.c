// SPDX-License-Identifier: Apache-2.0
/* Monasca's metrics: what is taken, what is refused and why, and that a list is all or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/ingest.h"

#include <errno.h>

#define MS "1795314600000"

static struct ax_intake *intake;
static struct ax_arena arena;
static struct ax_batch batch;
static struct ax_monasca monasca;

static int begin(void **state)
{
    intake = ax_intake_new(&(struct ax_intake_options){0});
    return 0;
}

static int end(void **state)
{
    ax_intake_free(intake);
    ax_arena_free(&arena);
    return 0;
}

static int decode_text(struct ax_str body, struct ax_err *err)
{
    struct ax_walk walk;
    struct ax_decoding d = {.tenant = AX_STR("t"), .walk = &walk, .out = &batch};
    struct ax_intake_result result;
    batch = (struct ax_batch){.arena = &arena};
    ax_walk_begin(&walk, intake, d.tenant);
    int rc = ax_monasca_decode(&d, body, &monasca, err);
    if (rc == 0)
        rc = ax_intake_push(intake, &batch, 1795314600000, &result, err);
    ax_walk_end(&walk);
    return rc;
}

/* What of the series with these labels is in the batch; NULL: nothing. */
static const struct ax_batch_series *find(const char *text)
{
    for (size_t i = 0; i < batch.n; i++) {
        struct ax_buf b = AX_BUF_INIT;
        ax_labels_print(ax_intake_visible(intake, batch.v[i].id, &arena), &b);
        ax_buf_byte(&b, 0);
        bool same = strcmp(b.p, text) == 0;
        ax_buf_free(&b);
        if (same)
            return &batch.v[i];
    }
    return NULL;
}

static void takes(const char *body, const char *series, double value)
{
    struct ax_err err = {0};
    if (decode_text(ax_str(body), &err) < 0)
        fail_msg("%s: %s", body, err.text);
    const struct ax_batch_series *s = find(series);
    if (!s)
        fail_msg("%s: no series %s", body, series);
    assert_int_equal(s->n, 1);
    assert_int_equal(s->samples[0].t, 1795314600000);
    assert_true(s->samples[0].v == value);
}

static void refuses(const char *body, const char *why)
{
    struct ax_err err = {0};
    if (decode_text(ax_str(body), &err) == 0)
        fail_msg("taken: %s", body);
    if (!strstr(err.text, why))
        fail_msg("%s: \"%s\", not \"%s\"", body, err.text, why);
}

static void one_or_a_list(void **state)
{
    takes("{\"name\":\"up\",\"timestamp\":" MS ",\"value\":1}", "up", 1);
    takes(" [ { \"value\" : -0.5e1 , \"timestamp\" : " MS
          ".75 ,\n\"name\" : \"a\",\"other\":[{}] } , "
          "{\"name\":\"b\",\"value\":2,\"timestamp\":" MS "} ] ",
          "a", -5);
    assert_int_equal(batch.n, 2);
    takes("{\"name\":\"up\",\"timestamp\":" MS ",\"value\":1,\"dimensions\":null}", "up", 1);
    struct ax_err err;
    assert_int_equal(decode_text(AX_STR("[]"), &err), 0);
    assert_int_equal(batch.n, 0);
}

static void names_are_kept_as_they_are(void **state)
{
    for (int again = 0; again < 2; again++) /* a new series, and a known one */
        takes("{\"name\":\"cpu.idle_perc\",\"dimensions\":{\"host name\":\"a "
              "b\",\"zone\":\"\xc3\xa9\","
              "\"x.y\":\"\\u00e9\\/\"},\"timestamp\":" MS ",\"value\":97.25}",
              "{\"cpu.idle_perc\",\"host name\"=\"a b\",\"x.y\"=\"\xc3\xa9/\",zone=\"\xc3\xa9\"}",
              97.25);
}

static void dimensions_in_another_order_are_the_same_series(void **state)
{
    takes("{\"name\":\"m\",\"dimensions\":{\"a\":\"1\",\"b\":\"2\"},\"timestamp\":" MS
          ",\"value\":1}",
          "m{a=\"1\",b=\"2\"}", 1);
    uint32_t id = batch.v[0].id;
    takes("{\"name\":\"m\",\"dimensions\":{\"b\":\"2\",\"a\":\"1\"},\"timestamp\":" MS
          ",\"value\":2}",
          "m{a=\"1\",b=\"2\"}", 2);
    assert_int_equal(batch.v[0].id, id);
}

#define METRIC(members) "{\"timestamp\":" MS ",\"value\":1," members "}"
#define DIMENSIONS(d)   METRIC("\"name\":\"m\",\"dimensions\":{" d "}")

static void each_rule_has_its_reason(void **state)
{
    refuses("", "expected a metric, found the end of the body");
    refuses("{}", "name is missing");
    refuses("{\"name\":\"m\",\"value\":1}", "timestamp is missing");
    refuses("{\"name\":\"m\",\"timestamp\":1}", "value is missing");
    refuses(METRIC("\"name\":\"\""), "a metric's name is empty");
    refuses(METRIC("\"name\":7"), "expected a string");
    const char *forbidden = "<>={},;&() ";
    for (const char *c = forbidden; *c; c++) {
        char body[128];
        snprintf(body, sizeof body, METRIC("\"name\":\"m%cn\""), *c);
        refuses(body, "may be in a metric's name");
    }
    refuses(METRIC("\"name\":\"m\\\"\""), "may be in a metric's name");
    refuses(METRIC("\"name\":\"m\\\\\""), "may be in a metric's name");
    refuses(METRIC("\"name\":\"m\xff\""), "a metric's name is not UTF-8");
    refuses(DIMENSIONS("\"\":\"v\""), "a dimension's name is empty");
    refuses(DIMENSIONS("\"a\":\"\""), "a dimension's value is empty");
    refuses(DIMENSIONS("\"_a\":\"v\""), "must not begin with _");
    refuses(DIMENSIONS("\"a\":1"), "expected a string");
    refuses(DIMENSIONS("\"a\":\"x;y\""), "may be in a dimension's value");
    refuses(DIMENSIONS("\"a=b\":\"x\""), "may be in a dimension's name");
    refuses(DIMENSIONS("\"a\":\"1\",\"a\":\"2\""), "a is given twice");
    refuses("[" METRIC("\"name\":\"m\"") "," METRIC("\"name\":\"m n\"") "]",
            "metric 2 of the list");
    refuses(METRIC("\"name\":\"m\"") "x", "expected the end");
    refuses("[" METRIC("\"name\":\"m\""), "expected , or ]");
}

static void long_words_are_counted_in_characters(void **state)
{
    char word[520] = "", body[700];
    for (int i = 0; i < 255; i++)
        memcpy(word + 2 * i, "\xc3\xa9", 3);
    snprintf(body, sizeof body, METRIC("\"name\":\"%s\""), word);
    struct ax_err err = {0};
    assert_int_equal(decode_text(ax_str(body), &err), 0);
    snprintf(body, sizeof body, METRIC("\"name\":\"%sx\""), word);
    refuses(body, "a metric's name has 256 characters (limit 255)");
    snprintf(body, sizeof body, DIMENSIONS("\"a\":\"%sx\""), word);
    refuses(body, "a dimension's value has 256 characters (limit 255)");
}

static void values_are_numbers(void **state)
{
    const char *bad[] = {"true", "null", "\"1\"", "NaN", "Infinity", "-Infinity",
                         "0x10", "+1",   "1e400", "",    "[1]",      "--1"};
    for (size_t i = 0; i < AX_ARRAY_LEN(bad); i++) {
        char body[128];
        snprintf(body, sizeof body, "{\"name\":\"m\",\"timestamp\":" MS ",\"value\":%s}", bad[i]);
        refuses(body, strcmp(bad[i], "1e400") == 0 ? "too large a number" : "expected a number");
    }
    refuses("{\"name\":\"m\",\"timestamp\":\"" MS "\",\"value\":1}", "expected a number");
    refuses("{\"name\":\"m\",\"timestamp\":true,\"value\":1}", "expected a time in ms");
    refuses("{\"name\":\"m\",\"timestamp\":1e300,\"value\":1}", "is no time");
    takes("{\"name\":\"m\",\"timestamp\":1.7953146e12,\"value\":1E-3}", "m", 0.001);
}

static void value_meta_comes_beside_the_batch(void **state)
{
    takes("[" METRIC("\"name\":\"a\"") "," METRIC(
              "\"name\":\"b\",\"value_meta\": {\"msg\": \"x, \\\"y\\\"\", \"rc\":\"2\"} ") "]",
          "b", 1);
    assert_int_equal(monasca.nmetas, 1);
    assert_int_equal(monasca.metas[0].series, 1);
    assert_true(
        ax_str_eq(monasca.metas[0].json, AX_STR("{\"msg\": \"x, \\\"y\\\"\", \"rc\":\"2\"}")));
    takes(METRIC("\"name\":\"a\",\"value_meta\":{}"), "a", 1);
    assert_int_equal(monasca.nmetas, 0);
    refuses(METRIC("\"name\":\"a\",\"value_meta\":{\"rc\":2}"), "expected a string");
    refuses(METRIC("\"name\":\"a\",\"value_meta\":{\"\":\"x\"}"), "a name in value_meta is empty");
    char body[4000] = "{\"name\":\"a\",\"timestamp\":1,\"value\":1,\"value_meta\":{\"0\":\"\"", *at;
    at = body + strlen(body);
    for (int i = 1; i < 17; i++)
        at += snprintf(at, 20, ",\"%d\":\"\"", i);
    snprintf(at, 3, "}}");
    refuses(body, "value_meta has 17 entries (limit 16)");
    snprintf(body, sizeof body,
             "{\"name\":\"a\",\"timestamp\":1,\"value\":1,\"value_meta\":{\"k\":\"%02041d\"}}", 7);
    refuses(body, "value_meta has 2049 characters (limit 2048)");
}

static void broken(const char *body, int code)
{
    struct ax_err err = {0};
    int rc = decode_text(ax_str(body), &err);
    if (rc != code || err.code != code || !err.text[0])
        fail_msg("%s: %d, %s", body, rc, err.text);
}

static void what_is_no_json_is_another_fault(void **state)
{
    broken("", -EBADMSG);
    broken("[", -EBADMSG);
    broken("{\"name\":\"m\"", -EBADMSG);
    broken(METRIC("\"name\":\"m\"") " x", -EBADMSG);
    broken(METRIC("\"name\":\"m\",\"x\":[1 2]"), -EBADMSG);
    broken(METRIC("\"name\":\"m\",\"x\":01"), -EBADMSG);
    broken(METRIC("\"name\":\"m\",\"x\":tru"), -EBADMSG);
    broken(METRIC("\"name\":\"a\tb\""), -EBADMSG); /* a tab as it is */
    broken(METRIC("\"name\":\"m\",\"value_meta\":{\"k\":\"a\nb\"}"), -EBADMSG);
    broken(METRIC("\"name\":\"m\",\"value_meta\":{\"k\":\"\xff\"}"), -EINVAL);
    broken("7", -EINVAL);
    broken("{\"name\":\"m\",\"timestamp\":1,\"value\":NaN}", -EINVAL);
    broken("{\"name\":\"m\",\"timestamp\":1,\"value\":-Infinity}", -EINVAL);
    broken("{\"name\":\"m\",\"timestamp\":1,\"value\":true}", -EINVAL);
    broken("{\"name\":\"m\",\"x\":{\"a\":[1.5e-3,null,{}]}}", -EINVAL);
    takes(METRIC("\"name\":\"m\",\"x\":{\"a\":[-1.5e-3,null,{},[],\"\\n\"]}"), "m", 1);
}

/* Strings are looked through in words of eight bytes: ends and escapes at every place in them. */
static void strings_of_every_length(void **state)
{
    char body[200], series[80], word[40] = "";
    for (int n = 1; n < 30; n++) {
        memset(word, 'a', (size_t)n);
        snprintf(body, sizeof body, METRIC("\"name\":\"%s\",\"dimensions\":{\"d\":\"%s\\u0021z\"}"),
                 word, word);
        snprintf(series, sizeof series, "%s{d=\"%s!z\"}", word, word);
        takes(body, series, 1);
    }
}

/* Every prefix of a body is refused, and nothing is read beyond its end (under ASan). */
static void cut_anywhere(void **state)
{
    static const char whole[] =
        "[{\"name\":\"m\\n\",\"dimensions\":{\"a\":\"\\u00e9\"},\"timestamp\":" MS
        ",\"value\":-1.5e3,\"value_meta\":{\"k\":\"v\"},\"x\":[1,{\"y\":null}]}]";
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        char *cut = malloc(n ? n : 1);
        memcpy(cut, whole, n);
        struct ax_err err = {0};
        assert_true(decode_text((struct ax_str){cut, n}, &err) < 0);
        assert_true(err.text[0] != '\0');
        free(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_or_a_list),
        cmocka_unit_test(names_are_kept_as_they_are),
        cmocka_unit_test(dimensions_in_another_order_are_the_same_series),
        cmocka_unit_test(each_rule_has_its_reason),
        cmocka_unit_test(long_words_are_counted_in_characters),
        cmocka_unit_test(values_are_numbers),
        cmocka_unit_test(value_meta_comes_beside_the_batch),
        cmocka_unit_test(what_is_no_json_is_another_fault),
        cmocka_unit_test(strings_of_every_length),
        cmocka_unit_test(cut_anywhere),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
