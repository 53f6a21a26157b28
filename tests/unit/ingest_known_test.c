// SPDX-License-Identifier: Apache-2.0
/* Series that were sent before are known by their bytes, and are the same series as the first time:
 * in any order of series and of labels, for each tenant its own, in little memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/ingest.h"
#include "ingest_kit.h"

#include <snappy-c.h>
#include <stdlib.h>

#define NOW 1795314600000

static struct ax_arena arena;
static struct ax_intake *in;
static struct ax_buf request;

static int begin(void **state)
{
    in = ax_intake_new(&(struct ax_intake_options){.max_raw = 64 << 10});
    return 0;
}

static int end(void **state)
{
    ax_intake_free(in);
    ax_arena_free(&arena);
    ax_buf_free(&request);
    return 0;
}

/* A series written as the letters of `plan` say: n = name, h = host, x = a label that is none,
 * s = a sample, m = another. */
static void put(const char *plan, const char *host, double v)
{
    struct ax_buf s = AX_BUF_INIT;
    for (; *plan; plan++)
        switch (*plan) {
        case 'n': put_label(&s, "__name__", "up"); break;
        case 'h': put_label(&s, "host", host); break;
        case 'x': put_label(&s, "ho-st", host); break;
        case 's': put_sample(&s, NOW, v); break;
        case 'm': put_sample(&s, NOW + 1, v); break;
        }
    put_bytes(&request, 1, ax_buf_view(&s));
    ax_buf_free(&s);
}

/* Sends what was put, and begins anew. Returns how many series came out of the decoder known. */
static size_t send_as(struct ax_str tenant, struct ax_batch *b, uint64_t *bad)
{
    size_t n = snappy_max_compressed_length(request.n), known = 0;
    char *body = ax_arena_alloc(&arena, n);
    struct ax_intake_result r;
    *b = (struct ax_batch){.arena = &arena};
    assert_int_equal(snappy_compress(request.p, request.n, body, &n), SNAPPY_OK);
    assert_int_equal(ax_remote_write_decode((struct ax_str){body, n}, tenant, in, b, bad, NULL), 0);
    for (size_t i = 0; i < b->n; i++)
        known += b->v[i].id != AX_SERIES_NONE;
    assert_int_equal(ax_intake_push(in, b, NOW, &r, NULL), 0);
    assert_int_equal(r.rejected, 0);
    ax_buf_clear(&request);
    return known;
}

static void what_was_sent_before_is_known(void **state)
{
    struct ax_batch b;
    uint64_t bad;
    for (int round = 0; round < 3; round++) {
        put("nhs", "a", round);
        put("nhsm", "b", round + 1);
        assert_int_equal(send_as(AX_STR("t"), &b, &bad), round ? 2 : 0);
        assert_int_equal(b.n, 2);
        assert_int_equal(b.samples, 3);
        assert_int_equal(b.v[0].id, 0);
        assert_int_equal(b.v[1].id, 1);
        assert_int_equal(b.v[1].n, 2);
        assert_true(b.v[0].samples[0].v == round && b.v[1].samples[0].v == round + 1);
        assert_int_equal(b.v[1].samples[1].t, NOW + 1);
        assert_true(ax_str_eq(ax_labels_get(b.v[1].labels, AX_STR("host")), AX_STR("b")));
    }
    assert_int_equal(ax_intake_count(in), 2);
}

static void the_same_bytes_of_two_tenants_are_two_series(void **state)
{
    struct ax_batch b;
    uint64_t bad;
    struct ax_str tenants[] = {AX_STR("t1"), AX_STR("t2")};
    for (int round = 0; round < 3; round++)
        for (uint32_t k = 0; k < 2; k++) {
            put("nhs", "a", 1);
            put("nhs", "b", 1);
            send_as(tenants[k], &b, &bad);
            assert_int_equal(b.v[0].id, 2 * k);
            assert_int_equal(b.v[1].id, 2 * k + 1);
            assert_true(
                ax_str_eq(ax_labels_get(b.v[1].labels, AX_STR(AX_TENANT_LABEL)), tenants[k]));
        }
    assert_int_equal(ax_intake_count(in), 4);
}

static void labels_in_another_order_are_the_same_series(void **state)
{
    static const char *const plans[] = {"nhs", "hns", "shn", "nsh", "nhs", "nsh"};
    struct ax_batch b;
    uint64_t bad;
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < AX_ARRAY_LEN(plans); i++) {
            put(plans[i], "a", 1);
            send_as(AX_STR("t"), &b, &bad);
            assert_int_equal(b.n, 1);
            assert_int_equal(b.samples, 1);
            assert_int_equal(b.v[0].id, 0);
        }
    assert_int_equal(ax_intake_count(in), 1);
}

/* "n" and "nh" share their first bytes, and "ns" is followed by "nhs" in one round only. */
static void a_longer_series_is_not_its_beginning(void **state)
{
    struct ax_batch b;
    uint64_t bad;
    for (int round = 0; round < 4; round++) {
        put("nhs", "a", 1);
        put(round % 2 ? "ns" : "nhs", "b", 1);
        put(round % 2 ? "nsh" : "ns", "c", 1);
        send_as(AX_STR("t"), &b, &bad);
        assert_int_equal(b.n, 3);
        for (size_t i = 0; i < 3; i++) {
            const char *host = i == 0 ? "a" : round % 2 ? (i == 1 ? "" : "c") : (i == 1 ? "b" : "");
            assert_true(ax_str_eq(ax_labels_get(b.v[i].labels, AX_STR("host")), ax_str(host)));
            assert_true(ax_str_eq(ax_intake_series(in, b.v[i].id).bytes, b.v[i].labels.bytes));
        }
    }
    assert_int_equal(ax_intake_count(in), 4);
}

static void a_bad_series_is_refused_each_time(void **state)
{
    struct ax_batch b;
    uint64_t bad;
    for (int round = 0; round < 3; round++) {
        put("nhs", "a", 1);
        put("nxsm", "a", 1);
        put("hs", "a", 1);
        put("nhxs", "a", 1); /* begins as a good one does */
        put("nhsx", "a", 1);
        put("nhs", "b", 1);
        send_as(AX_STR("t"), &b, &bad);
        assert_int_equal(b.n, 2);
        assert_int_equal(bad, 5);
    }
    assert_int_equal(ax_intake_count(in), 2);
}

static void a_shuffled_sender_is_understood(void **state)
{
    struct ax_batch b;
    uint64_t bad;
    uint32_t ids[100];
    unsigned seed = 3;
    for (int round = 0; round < 20; round++) {
        int order[100];
        for (int i = 0; i < 100; i++) {
            int k = rand_r(&seed) % (i + 1);
            order[i] = order[k];
            order[k] = i;
        }
        for (int i = 0; i < 100; i++)
            put("nhs", ax_arena_printf(&arena, "host-%d", round ? order[i] : i).p, i);
        assert_int_equal(send_as(AX_STR("t"), &b, &bad), round ? 100 : 0);
        for (int i = 0; i < 100; i++) {
            if (!round)
                ids[i] = b.v[i].id;
            assert_int_equal(b.v[i].id, ids[round ? order[i] : i]);
            assert_true(b.v[i].samples[0].v == i);
        }
    }
}

/* 64 KiB are far too few for these; what is left out is decoded as if it were new. */
static void memory_is_bounded(void **state)
{
    struct ax_batch b;
    uint64_t bad;
    struct ax_intake_stats stats;
    size_t known = 0;
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < 5000; i++)
            put("nhs", ax_arena_printf(&arena, "host-with-a-long-name-%d", i).p, i);
        known += send_as(AX_STR("t"), &b, &bad);
        for (uint32_t i = 0; i < 5000; i++)
            assert_int_equal(b.v[i].id, i);
        ax_intake_stats(in, &stats);
        assert_true(stats.raw_bytes > 0 && stats.raw_bytes <= 64 << 10);
    }
    /* When others come instead, they take the place of the first. */
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 300; i++)
            put("nhs", ax_arena_printf(&arena, "other-%d", i).p, i);
        known = send_as(AX_STR("t"), &b, &bad);
    }
    assert_true(known > 0);
    assert_int_equal(ax_intake_count(in), 5300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_sent_before_is_known, begin, end),
        cmocka_unit_test_setup_teardown(the_same_bytes_of_two_tenants_are_two_series, begin, end),
        cmocka_unit_test_setup_teardown(labels_in_another_order_are_the_same_series, begin, end),
        cmocka_unit_test_setup_teardown(a_longer_series_is_not_its_beginning, begin, end),
        cmocka_unit_test_setup_teardown(a_bad_series_is_refused_each_time, begin, end),
        cmocka_unit_test_setup_teardown(a_shuffled_sender_is_understood, begin, end),
        cmocka_unit_test_setup_teardown(memory_is_bounded, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
