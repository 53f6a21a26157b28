// SPDX-License-Identifier: Apache-2.0
/* Label sets have one canonical form, and what cannot be a label set is refused with its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "labels_kit.h"
#include "model/matcher.h"

#include <stdlib.h>

static int build(struct ax_arena *a, struct ax_labels *out, struct ax_err *err, ...)
{
    struct ax_labels_builder b = {.n = 0};
    va_list ap;
    va_start(ap, err);
    for (const char *name; (name = va_arg(ap, const char *));)
        ax_labels_add(&b, ax_str(name), ax_str(va_arg(ap, const char *)));
    va_end(ap);
    return ax_labels_finish(&b, a, out, err);
}

static void order_and_empty_values_do_not_matter(void **state)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_labels x, y;
    assert_int_equal(build(&a, &x, NULL, "b", "2", "a", "1", "c", "", NULL), 0);
    assert_int_equal(build(&a, &y, NULL, "a", "1", "b", "2", NULL), 0);
    assert_true(ax_str_eq(x.bytes, y.bytes));
    assert_int_equal(count_labels(x), 2);
    assert_int_equal(ax_labels_cmp(x, y), 0);
    assert_true(ax_str_eq(ax_labels_get(x, AX_STR("b")), AX_STR("2")));
    assert_int_equal(ax_labels_get(x, AX_STR("c")).n, 0);
    ax_arena_free(&a);
}

static void refuses(const char *name, const char *value, const char *why)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_labels out;
    struct ax_err err = {0};
    assert_true(build(&a, &out, &err, "x", "1", name, value, NULL) < 0);
    assert_non_null(strstr(err.text, why));
    ax_arena_free(&a);
}

static void bad_labels_are_refused_with_their_name(void **state)
{
    refuses("", "v", "name is empty");
    refuses("a\xff", "v", "name is not UTF-8");
    refuses("x", "2", "x is given twice");
    refuses("bytes", "\xff\xfe", "bytes is not UTF-8");
    char *huge = calloc(1, AX_LABEL_VALUE_MAX + 2);
    memset(huge, 'v', AX_LABEL_VALUE_MAX + 1);
    refuses("long", huge, "long is 65537 bytes long");
    free(huge);
}

static void plain(const char *name, const char *value, const char *why)
{
    struct ax_err err = {0};
    struct ax_label l = {ax_str(name), ax_str(value)};
    int rc = ax_label_check_plain(&l, &err);
    assert_int_equal(rc < 0, why != NULL);
    if (why)
        assert_non_null(strstr(err.text, why));
}

static void plain_names_are_those_of_prometheus(void **state)
{
    plain("a_9", "v", NULL);
    plain("__name__", "a:b", NULL);
    plain("9a", "v", "\"9a\" is invalid");
    plain("a-b", "v", "\"a-b\" is invalid");
    plain("a:b", "v", "\"a:b\" is invalid");
    plain("__name__", "a.b", "metric name \"a.b\" is invalid");
    plain("x", "\xff", "x is not UTF-8");
}

static void long_values_keep_their_length(void **state)
{
    struct ax_arena a = AX_ARENA_INIT;
    for (size_t n = 120; n < 20000; n = n * 2 + 7) {
        char *v = calloc(1, n + 1);
        memset(v, 'v', n);
        struct ax_labels out;
        assert_int_equal(build(&a, &out, NULL, "a", v, "z", "end", NULL), 0);
        assert_int_equal(ax_labels_get(out, AX_STR("a")).n, n);
        assert_true(ax_labels_valid(out.bytes));
        free(v);
    }
    ax_arena_free(&a);
}

static void random_bytes_are_never_read_beyond_their_end(void **state)
{
    unsigned seed = 1;
    for (int i = 0; i < 100000; i++) {
        size_t n = (size_t)rand_r(&seed) % 40;
        char *p = malloc(n ? n : 1);
        for (size_t k = 0; k < n; k++)
            p[k] = (char)(rand_r(&seed) % (i % 2 ? 256 : 6));
        if (ax_labels_valid((struct ax_str){p, n}))
            count_labels((struct ax_labels){{p, n}});
        ax_labels_get((struct ax_labels){{p, n}}, AX_STR("a"));
        free(p);
    }
}

/* What the disk gives back counts only when it is what the builder would have made. */
static void only_canonical_bytes_are_valid(void **state)
{
    const struct ax_str good[] = {AX_STR(""), AX_STR("\1a\1x\1b\1y"), AX_STR("\10__name__\2up"),
                                  AX_STR("\3a.b\1x")};
    const struct ax_str bad[] = {
        AX_STR("\1b\1x\1a\1y"),
        AX_STR("\1a\1x\1a\1y"),
        AX_STR("\1a\0"),
        AX_STR("\0\1x"),
        AX_STR("\1\xff\1x"),
        AX_STR("\1a\1\xff"),
        AX_STR("\1a\2x"),
        AX_STR("\x81\x00"
               "a\1x"),
    };
    for (size_t i = 0; i < AX_ARRAY_LEN(good); i++)
        assert_true(ax_labels_valid(good[i]));
    for (size_t i = 0; i < AX_ARRAY_LEN(bad); i++)
        if (ax_labels_valid(bad[i]))
            fail_msg("bad[%zu] counts as valid", i);
}

static bool matches(const char *re, const char *s)
{
    struct ax_regex *r;
    assert_int_equal(ax_regex_new(ax_str(re), &r, NULL), 0);
    bool yes = ax_regex_match(r, ax_str(s));
    ax_regex_free(r);
    return yes;
}

static void regexes_are_anchored_and_as_re2_has_them(void **state)
{
    assert_true(matches("a|bc", "bc"));
    assert_false(matches("a|bc", "abc"));
    assert_true(matches("a.*", "a\nb"));
    assert_false(matches("a", "a\n"));
    assert_true(matches("", ""));
    assert_true(matches("\\Q(?=a)[\\E(?P<x>b)(?-i)c", "(?=a)[bc"));
    const char *foreign[] = {"(?=a)",          "(?<!a)b",        "(a)\\1",   "a++",
                             "(?>a)",          "(*UTF8)a",       "a(",       "[z-a]",
                             "(?P<x>a)(?P=x)", "(?P<x>a)(?P>x)", "(a)(?-1)", "\\Q[\\E(?=a)a"};
    struct ax_regex *r;
    struct ax_err err;
    for (size_t i = 0; i < AX_ARRAY_LEN(foreign); i++)
        assert_true(ax_regex_new(ax_str(foreign[i]), &r, &err) < 0);
}

static void expansion_follows_go(void **state)
{
    struct ax_regex *r;
    struct ax_buf out = AX_BUF_INIT;
    assert_int_equal(ax_regex_new(AX_STR("(?P<host>[^:]+):(\\d+)"), &r, NULL), 0);
    assert_true(ax_regex_expand(r, AX_STR("h1:80"), AX_STR("${host}-$2-$1x-$$-$"), &out));
    assert_int_equal(out.n, strlen("h1-80--$-$"));
    assert_memory_equal(out.p, "h1-80--$-$", out.n);
    assert_false(ax_regex_expand(r, AX_STR("nothing"), AX_STR("$1"), &out));
    ax_buf_free(&out);
    ax_regex_free(r);
}

/* Label by label, as the order is defined. */
static int order(struct ax_labels a, struct ax_labels b)
{
    struct ax_str ra = a.bytes, rb = b.bytes;
    for (;;) {
        struct ax_label la, lb;
        bool ha = ax_labels_next_any(&ra, &la), hb = ax_labels_next_any(&rb, &lb);
        if (!ha || !hb)
            return (int)ha - (int)hb;
        int c = ax_str_cmp(la.name, lb.name);
        c = c ? c : ax_str_cmp(la.value, lb.value);
        if (c)
            return c;
    }
}

static void sets_are_ordered_label_by_label(void **state)
{
    static const char *const names[] = {"a", "ab", "b", "a_long_name_of_a_label", "B", "z"};
    char text[300];
    memset(text, 'x', sizeof text);
    uint64_t x = 88172645463325252ull;
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_labels sets[150];
    for (size_t i = 0; i < AX_ARRAY_LEN(sets); i++) {
        struct ax_labels_builder b = {.n = 0};
        for (size_t k = 0; k < AX_ARRAY_LEN(names); k++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            size_t n = x % 8 < 3 ? 1 + x / 8 % 3 : x % 8 == 3 ? 126 + x / 8 % 4 : 0;
            char *v = ax_arena_cstr(&a, (struct ax_str){text, n});
            if (n && x % 5 == 0)
                v[n - 1] = 'w';
            ax_labels_add(&b, ax_str(names[k]), (struct ax_str){v, n});
        }
        assert_int_equal(ax_labels_finish(&b, &a, &sets[i], NULL), 0);
    }
    for (size_t i = 0; i < AX_ARRAY_LEN(sets); i++)
        for (size_t k = 0; k < AX_ARRAY_LEN(sets); k++) {
            int want = order(sets[i], sets[k]), got = ax_labels_cmp(sets[i], sets[k]);
            assert_int_equal((got > 0) - (got < 0), (want > 0) - (want < 0));
        }
    ax_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_and_empty_values_do_not_matter),
        cmocka_unit_test(bad_labels_are_refused_with_their_name),
        cmocka_unit_test(plain_names_are_those_of_prometheus),
        cmocka_unit_test(long_values_keep_their_length),
        cmocka_unit_test(random_bytes_are_never_read_beyond_their_end),
        cmocka_unit_test(only_canonical_bytes_are_valid),
        cmocka_unit_test(sets_are_ordered_label_by_label),
        cmocka_unit_test(regexes_are_anchored_and_as_re2_has_them),
        cmocka_unit_test(expansion_follows_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
