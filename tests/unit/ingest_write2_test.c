// SPDX-License-Identifier: Apache-2.0
/* Remote write 2.0: labels by number, known series by numbers alone, bad references refused one by
 * one, what cannot be kept counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/ingest.h"
#include "ingest_kit.h"

#include <errno.h>

#define NOW 1795314600000

static struct ax_arena arena;
static struct ax_intake *in;
static struct ax_buf request;
static struct ax_decoding d; /* of the last request */
static struct ax_err err;

static int begin(void **state)
{
    in = ax_intake_new(&(struct ax_intake_options){0});
    return 0;
}

static int end(void **state)
{
    ax_intake_free(in);
    ax_arena_free(&arena);
    ax_buf_free(&request);
    return 0;
}

static void symbols(const char *first, ...)
{
    va_list ap;
    va_start(ap, first);
    for (const char *s = first; s; s = va_arg(ap, const char *))
        put_bytes(&request, 4, ax_str(s));
    va_end(ap);
}

/* A series by its references, "1 2 3 4", with a sample of the value v unless that is negative. */
static void series(const char *refs, double v)
{
    struct ax_buf s = AX_BUF_INIT, packed = AX_BUF_INIT;
    struct ax_str rest = ax_str(refs), word;
    uint64_t n;
    while (ax_str_word(&rest, &word)) {
        assert_true(ax_str_u64(word, &n));
        ax_buf_varint(&packed, n);
    }
    put_bytes(&s, 1, ax_buf_view(&packed));
    if (v >= 0)
        put_sample(&s, NOW, v);
    else
        put_bytes(&s, 3, AX_STR("")); /* a histogram */
    put_bytes(&s, 4, AX_STR(""));     /* an exemplar */
    put_bytes(&request, 5, ax_buf_view(&s));
    ax_buf_free(&s);
    ax_buf_free(&packed);
}

static int decode(struct ax_batch *b, struct ax_walk *walk, struct ax_str tenant)
{
    *b = (struct ax_batch){.arena = &arena};
    d = (struct ax_decoding){.tenant = tenant, .walk = walk, .out = b};
    return ax_remote_write2_decode(&d, ax_arena_str(&arena, ax_buf_view(&request)), &err);
}

/* Decodes and stores; returns how many series were known. Begins a new request. */
static size_t send_as(struct ax_str tenant, struct ax_batch *b)
{
    struct ax_intake_result r;
    struct ax_walk walk;
    size_t known = 0;
    ax_walk_begin(&walk, in, tenant);
    assert_int_equal(decode(b, &walk, tenant), 0);
    for (size_t i = 0; i < b->n; i++)
        known += b->v[i].id != AX_SERIES_NONE;
    assert_int_equal(ax_intake_push(in, b, NOW, &r, NULL), 0);
    ax_walk_end(&walk);
    assert_int_equal(r.rejected, 0);
    ax_buf_clear(&request);
    return known;
}

static void check_label(const struct ax_batch *b, size_t i, const char *name, const char *value)
{
    struct ax_labels l = ax_intake_series(in, b->v[i].id, &arena);
    assert_true(ax_str_eq(ax_labels_get(l, ax_str(name)), ax_str(value)));
}

static void series_are_known_the_second_time_whatever_their_numbers(void **state)
{
    struct ax_batch b;
    symbols("", "__name__", "up", "host", "a", "b", NULL);
    series("1 2 3 4", 1);
    series("1 2 3 5", 2);
    assert_int_equal(send_as(AX_STR("t"), &b), 0);
    assert_int_equal(b.n, 2);
    check_label(&b, 0, "host", "a");
    check_label(&b, 1, "host", "b");
    check_label(&b, 1, "__name__", "up");
    check_label(&b, 1, AX_TENANT_LABEL, "t");
    uint32_t first = b.v[0].id;
    /* Other numbers, other order of series and of labels. */
    symbols("", "b", "a", "host", "up", "__name__", NULL);
    series("3 1 5 4", 4);
    series("5 4 3 2", 3);
    assert_int_equal(send_as(AX_STR("t"), &b), 2);
    assert_int_equal(b.v[1].id, first);
    assert_true(b.v[1].samples[0].v == 3 && b.v[0].samples[0].v == 4);
    assert_int_equal(b.v[1].samples[0].t, NOW);
}

static void tenants_do_not_share_series(void **state)
{
    struct ax_batch b;
    symbols("", "__name__", "up", "host", "a", NULL);
    series("1 2 3 4", 1);
    assert_int_equal(send_as(AX_STR("other"), &b), 0);
    check_label(&b, 0, AX_TENANT_LABEL, "other");
}

static void fewer_or_more_labels_are_another_series(void **state)
{
    struct ax_batch b;
    symbols("", "__name__", "up", "host", "a", "x", NULL);
    series("1 2 3 4", 1); /* known */
    series("1 2", 1);
    series("1 2 3 4 5 4", 1);
    series("1 2 3 4 3 4", 1); /* twice the same label */
    assert_int_equal(send_as(AX_STR("t"), &b), 1);
    assert_int_equal(b.n, 3);
    assert_int_equal(d.bad, 1);
    assert_non_null(strstr(err.text, "host"));
}

static void bad_references_spoil_their_series_only(void **state)
{
    static const struct {
        const char *refs, *why;
    } cases[] = {{"1 2 3 6", "reference 4 of a series is none of the request's 6 symbols"},
                 {"1 2 3", "3 label references"},
                 {"3 4", "no metric name"},
                 {"", "no metric name"}};
    for (size_t i = 0; i < AX_ARRAY_LEN(cases); i++) {
        struct ax_batch b;
        err.text[0] = 0;
        symbols("", "__name__", "up", "host", "a", "b", NULL);
        series("1 2 3 4", 1);
        series(cases[i].refs, 1);
        series("1 2 3 5", 2);
        assert_int_equal(send_as(AX_STR("t"), &b), 2);
        assert_int_equal(d.bad, 1);
        assert_non_null(strstr(err.text, cases[i].why));
    }
}

static void histograms_and_exemplars_are_counted(void **state)
{
    struct ax_batch b;
    symbols("", "__name__", "up", NULL);
    series("1 2", -1);
    series("1 2", 1);
    send_as(AX_STR("t"), &b);
    assert_int_equal(b.n, 1);
    assert_int_equal(d.histograms, 1);
    assert_int_equal(d.exemplars, 2);
    assert_int_equal(d.bad, 0);
}

static void symbols_may_follow_and_references_need_not_be_packed(void **state)
{
    struct ax_batch b;
    struct ax_buf s = AX_BUF_INIT;
    for (uint8_t i = 1; i <= 4; i++) {
        ax_buf_byte(&s, 1 << 3);
        ax_buf_byte(&s, i);
    }
    put_sample(&s, NOW, 5);
    put_bytes(&request, 5, ax_buf_view(&s));
    symbols("", "__name__", "up", "host", "a", NULL);
    assert_int_equal(send_as(AX_STR("t"), &b), 1);
    check_label(&b, 0, "host", "a");
    ax_buf_free(&s);
}

static void every_truncation_is_refused_or_whole(void **state)
{
    struct ax_buf whole = AX_BUF_INIT;
    struct ax_batch b;
    struct ax_walk walk;
    symbols("", "__name__", "up", NULL);
    size_t table = request.n;
    series("1 2", 1);
    ax_buf_str(&whole, ax_buf_view(&request));
    ax_walk_begin(&walk, in, AX_STR("t"));
    for (size_t n = 1; n < whole.n; n++) {
        request.n = n;
        int rc = decode(&b, &walk, AX_STR("t"));
        if (n > table)
            assert_int_equal(rc, -EBADMSG);
        assert_int_equal(b.n, 0);
    }
    ax_walk_end(&walk);
    ax_buf_clear(&request);
    ax_buf_free(&whole);
}

static void too_many_symbols_are_refused(void **state)
{
    struct ax_batch b;
    struct ax_walk walk;
    for (size_t i = 0; i <= AX_INGEST_MAX_SYMBOLS; i++)
        put_bytes(&request, 4, AX_STR(""));
    ax_walk_begin(&walk, in, AX_STR("t"));
    assert_int_equal(decode(&b, &walk, AX_STR("t")), -EFBIG);
    ax_walk_end(&walk);
    ax_buf_clear(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series_are_known_the_second_time_whatever_their_numbers),
        cmocka_unit_test(tenants_do_not_share_series),
        cmocka_unit_test(fewer_or_more_labels_are_another_series),
        cmocka_unit_test(bad_references_spoil_their_series_only),
        cmocka_unit_test(histograms_and_exemplars_are_counted),
        cmocka_unit_test(symbols_may_follow_and_references_need_not_be_packed),
        cmocka_unit_test(every_truncation_is_refused_or_whole),
        cmocka_unit_test(too_many_symbols_are_refused),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
