// SPDX-License-Identifier: Apache-2.0
/* Series that were sent before are known by their bytes, and are the same series as the first time:
 * in any order of series and of labels, for each tenant its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/ingest.h"
#include "ingest_kit.h"
#include "labels_kit.h"

#include <stdlib.h>

#define NOW 1795314600000

static struct ax_arena arena;
static struct ax_intake *in;
static struct ax_buf request;

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
    size_t known = 0;
    struct ax_str body = ax_arena_str(&arena, ax_buf_view(&request));
    struct ax_intake_result r;
    struct ax_walk walk;
    *b = (struct ax_batch){.arena = &arena};
    struct ax_decoding d = {.tenant = tenant, .walk = &walk, .out = b};
    ax_walk_begin(&walk, in, tenant);
    assert_int_equal(ax_remote_write_decode(&d, body, NULL), 0);
    *bad = d.bad;
    for (size_t i = 0; i < b->n; i++)
        known += b->v[i].id != AX_SERIES_NONE;
    assert_int_equal(ax_intake_push(in, b, NOW, &r, NULL), 0);
    ax_walk_end(&walk);
    assert_int_equal(r.rejected, 0);
    ax_buf_clear(&request);
    return known;
}

static struct ax_str label_of(const struct ax_batch *b, size_t i, const char *name)
{
    return ax_labels_get(ax_intake_series(in, b->v[i].id, &arena), ax_str(name));
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
        assert_true(ax_str_eq(label_of(&b, 1, "host"), AX_STR("b")));
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
            assert_true(ax_str_eq(label_of(&b, 1, AX_TENANT_LABEL), tenants[k]));
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
            assert_true(ax_str_eq(label_of(&b, i, "host"), ax_str(host)));
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

/* A sender that keeps to an order that is not that of the names is recognised as fast, and its
 * labels come out sorted all the same. */
static void an_unsorted_sender_is_followed(void **state)
{
    struct ax_batch b;
    uint64_t bad;
    uint32_t id;
    struct ax_buf first = AX_BUF_INIT;
    for (int round = 0; round < 2; round++) {
        put("hns", "a", 1);
        put("hns", "b", 1);
        send_as(AX_STR("t"), &b, &bad);
    }
    put_label(&first, "host", "b");
    put_label(&first, "__name__", "up");
    put_sample(&first, NOW, 1);
    struct ax_walk walk;
    struct ax_label before[] = {{AX_STR("host"), AX_STR("a")}, {AX_STR("__name__"), AX_STR("up")}};
    ax_walk_begin(&walk, in, AX_STR("t"));
    assert_true(ax_walk_find(&walk, before, 2, &id));
    assert_true(ax_walk_follow(&walk, ax_buf_view(&first), 0x0a, &id) > 0);
    ax_walk_end(&walk);
    assert_int_equal(id, b.v[1].id);
    struct ax_labels labels = ax_intake_series(in, id, &arena);
    assert_true(ax_labels_valid(labels.bytes));
    assert_int_equal(count_labels(labels), 3);
    assert_int_equal(count_labels(ax_intake_visible(in, id, &arena)), 2);
    ax_buf_free(&first);
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
        cmocka_unit_test_setup_teardown(an_unsorted_sender_is_followed, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
