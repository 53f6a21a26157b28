// SPDX-License-Identifier: Apache-2.0
/* What others send is decoded exactly, refused with its place, and never trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/ingest.h"
#include "ingest_kit.h"

#include <errno.h>
#include <math.h>
#include <snappy-c.h>
#include <stdlib.h>

static struct ax_arena arena;
static struct ax_intake *in;

static int make_intake(void **state)
{
    in = ax_intake_new(&(struct ax_intake_options){0});
    return 0;
}

static int free_intake(void **state)
{
    ax_intake_free(in);
    return 0;
}

static int reset(void **state)
{
    ax_arena_free(&arena);
    return 0;
}

static void put_series(struct ax_buf *request, const char *name, const char *label,
                       const char *value, int64_t t, double v)
{
    struct ax_buf s = AX_BUF_INIT;
    if (name)
        put_label(&s, "__name__", name);
    put_label(&s, label, value);
    put_sample(&s, t, v);
    put_bytes(request, 1, ax_buf_view(&s));
    ax_buf_free(&s);
}

static struct ax_str pack(struct ax_buf *request)
{
    size_t n = snappy_max_compressed_length(request->n);
    char *p = ax_arena_alloc(&arena, n);
    assert_int_equal(snappy_compress(request->p, request->n, p, &n), SNAPPY_OK);
    return (struct ax_str){p, n};
}

static struct ax_str two_series(void)
{
    struct ax_buf request = AX_BUF_INIT;
    put_series(&request, "up", "host", "h1", 1795314600000, 1);
    put_series(&request, "temp", "host", "h2", -5, -0.0);
    struct ax_str body = pack(&request);
    ax_buf_free(&request);
    return body;
}

static int decode(struct ax_str body, const char *tenant, struct ax_batch *b, uint64_t *bad,
                  struct ax_err *err)
{
    struct ax_walk walk;
    struct ax_decoding d = {.tenant = ax_str(tenant), .walk = &walk, .out = b};
    ax_walk_begin(&walk, in, ax_str(tenant));
    int rc = ax_unpack(body, AX_PACKED_SNAPPY, &arena, &body, err);
    if (rc == 0)
        rc = ax_remote_write_decode(&d, body, err);
    ax_walk_end(&walk);
    *bad = d.bad;
    return rc;
}

static void a_request_is_decoded_bit_by_bit(void **state)
{
    struct ax_batch b = {.arena = &arena};
    uint64_t bad;
    assert_int_equal(decode(two_series(), "t1", &b, &bad, NULL), 0);
    assert_int_equal(bad, 0);
    assert_int_equal(b.n, 2);
    assert_int_equal(b.samples, 2);
    assert_true(ax_str_eq(ax_labels_get(b.v[0].labels, AX_STR("host")), AX_STR("h1")));
    assert_true(ax_str_eq(ax_labels_get(b.v[0].labels, AX_STR(AX_TENANT_LABEL)), AX_STR("t1")));
    assert_int_equal(b.v[0].samples[0].t, 1795314600000);
    assert_int_equal(b.v[1].samples[0].t, -5);
    assert_true(signbit(b.v[1].samples[0].v));
}

static void a_bad_series_does_not_spoil_its_neighbours(void **state)
{
    struct ax_buf request = AX_BUF_INIT;
    put_series(&request, "up", "host", "h1", 1, 1);
    put_series(&request, "up", "ho-st", "h1", 1, 1);
    put_series(&request, NULL, "host", "h1", 1, 1);
    put_series(&request, "up", "host", "h2", 1, 1);
    struct ax_batch b = {.arena = &arena};
    struct ax_err err = {0};
    uint64_t bad;
    assert_int_equal(decode(pack(&request), "t", &b, &bad, &err), 0);
    assert_int_equal(b.n, 2);
    assert_int_equal(bad, 2);
    assert_non_null(strstr(err.text, "ho-st"));
    ax_buf_free(&request);
}

static void every_truncation_is_refused_or_whole(void **state)
{
    struct ax_buf request = AX_BUF_INIT;
    put_series(&request, "up", "host", "h1", 1795314600000, 1);
    for (size_t n = 1; n < request.n; n++) {
        struct ax_buf cut = AX_BUF_INIT;
        ax_buf_add(&cut, request.p, n);
        struct ax_batch b = {.arena = &arena};
        uint64_t bad;
        struct ax_err err;
        assert_int_equal(decode(pack(&cut), "t", &b, &bad, &err), -EBADMSG);
        ax_buf_free(&cut);
    }
    ax_buf_free(&request);
}

/* Two bytes for each: 33 MB of them are 1.5 MB as sent and would take 800 MB. */
static void samples_are_counted_even_when_empty(void **state)
{
    struct ax_buf series = AX_BUF_INIT, request = AX_BUF_INIT;
    struct ax_batch b = {.arena = &arena};
    struct ax_err err;
    uint64_t bad;
    for (size_t i = 0; i <= AX_INGEST_MAX_SAMPLES; i++)
        put_bytes(&series, 2, AX_STR(""));
    put_bytes(&request, 1, ax_buf_view(&series));
    assert_int_equal(decode(pack(&request), "t", &b, &bad, &err), -EFBIG);
    assert_non_null(strstr(err.text, "more than 4194304 samples"));
    ax_buf_free(&series);
    ax_buf_free(&request);
}

static void damaged_and_oversized_bodies_are_refused(void **state)
{
    struct ax_batch b = {.arena = &arena};
    struct ax_err err;
    uint64_t bad;
    assert_int_equal(decode(AX_STR("\x05garbage"), "t", &b, &bad, &err), -EBADMSG);
    assert_int_equal(decode(AX_STR("\xff\xff\xff\xff\x0f"), "t", &b, &bad, &err), -EFBIG);
    assert_non_null(strstr(err.text, "limit"));
    struct ax_str good = two_series();
    unsigned seed = 7;
    for (int i = 0; i < 20000; i++) {
        char *copy = malloc(good.n);
        memcpy(copy, good.p, good.n);
        copy[(size_t)rand_r(&seed) % good.n] ^= (char)(1 << rand_r(&seed) % 8);
        struct ax_batch out = {.arena = &arena};
        decode((struct ax_str){copy, good.n}, "t", &out, &bad, &err);
        free(copy);
        if (i % 1000 == 0) {
            ax_arena_free(&arena);
            good = two_series();
        }
    }
}

static int observe(const char *text, struct ax_observation *o, struct ax_err *err)
{
    return ax_observation_decode(ax_str(text), &arena, o, err);
}

static void an_observation_is_read_whole(void **state)
{
    struct ax_observation o;
    struct ax_err err = {0};
    int rc = observe("{\"time\":1795314600123,\"host\":\"host:a\",\"complete\":[\"vm\"],"
                     "\"resources\":[{\"handle\":\"vm:1\",\"kind\":\"vm\",\"name\":\"web1\","
                     "\"state\":\"running\",\"attributes\":{\"vcpus\":2}}],"
                     "\"events\":[{\"time\":5,\"handle\":\"vm:1\",\"type\":\"lifecycle\","
                     "\"what\":\"started\"}]}",
                     &o, &err);
    assert_int_equal(rc, 0);
    assert_int_equal(o.time, 1795314600123);
    assert_true(o.complete[AX_KIND_VM]);
    assert_false(o.complete[AX_KIND_NETWORK]);
    assert_int_equal(o.nresources, 1);
    assert_true(ax_str_eq(o.resources[0].attributes, AX_STR("{\"vcpus\":2}")));
    assert_int_equal(o.events[0].time, 5);
}

static void a_bad_observation_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "line 1"},
        {"[]", "expected a JSON object"},
        {"{\"time\":1}", "host: expected a string"},
        {"{\"time\":-1,\"host\":\"host:a\"}", "time: expected milliseconds"},
        {"{\"time\":1,\"host\":\"a\"}", "host: \"a\" is not a handle"},
        {"{\"time\":1,\"host\":\"host:a\",\"complete\":[\"cat\"]}", "complete[0]"},
        {"{\"time\":1,\"host\":\"host:a\",\"resources\":[{\"handle\":\"vm:1\",\"kind\":\"host\"}]}",
         "resources[0].kind"},
        {"{\"time\":1,\"host\":\"host:a\",\"resources\":[{\"handle\":\"vm:1\",\"kind\":\"vm\","
         "\"name\":\"x\",\"state\":\"dancing\"}]}",
         "resources[0].state"},
        {"{\"time\":1,\"host\":\"host:a\",\"events\":[1]}", "events[0].handle"},
    };
    for (size_t i = 0; i < AX_ARRAY_LEN(cases); i++) {
        struct ax_observation o;
        struct ax_err err = {0};
        assert_int_equal(observe(cases[i].text, &o, &err), -EINVAL);
        if (!strstr(err.text, cases[i].why))
            fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].text, err.text, cases[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_request_is_decoded_bit_by_bit, reset),
        cmocka_unit_test_teardown(a_bad_series_does_not_spoil_its_neighbours, reset),
        cmocka_unit_test_teardown(every_truncation_is_refused_or_whole, reset),
        cmocka_unit_test_teardown(samples_are_counted_even_when_empty, reset),
        cmocka_unit_test_teardown(damaged_and_oversized_bodies_are_refused, reset),
        cmocka_unit_test_teardown(an_observation_is_read_whole, reset),
        cmocka_unit_test_teardown(a_bad_observation_is_refused_with_its_place, reset),
    };
    return cmocka_run_group_tests(tests, make_intake, free_intake);
}
