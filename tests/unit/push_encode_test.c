// SPDX-License-Identifier: Apache-2.0
/* What remote write and observations look like on the wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <snappy-c.h>

#include "push/observation.h"
#include "push/push.h"

static struct ax_labels labels(struct ax_arena *a, const char *name, const char *value)
{
    struct ax_labels_builder b = {.n = 0};
    struct ax_labels out;
    ax_labels_add(&b, AX_STR("__name__"), ax_str(name));
    ax_labels_add(&b, AX_STR("z"), ax_str(value));
    assert_int_equal(ax_labels_finish(&b, a, &out, NULL), 0);
    return out;
}

static struct ax_str unpack(struct ax_buf *b)
{
    size_t n;
    assert_int_equal(snappy_uncompressed_length(b->p, b->n, &n), SNAPPY_OK);
    char *plain = malloc(n + 1);
    assert_int_equal(snappy_uncompress(b->p, b->n, plain, &n), SNAPPY_OK);
    return (struct ax_str){plain, n};
}

/* Worked out by hand from the protobuf encoding. */
static void one_series_has_these_bytes(void **state)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a};
    struct ax_sample s = {300, 1.5}; /* 300 = varint ac 02; 1.5 = 3ff8000000000000 */
    ax_batch_add(&b, labels(&a, "up", "x"), &s, 1);
    static const unsigned char want[] = {
        0x0a, 39,                                                       /* timeseries */
        0x0a, 14, 0x0a, 8,   '_', '_',  'n', 'a', 'm', 'e',  '_',  '_', /* label */
        0x12, 2,  'u',  'p',                                            /* its value */
        0x0a, 6,  0x0a, 1,   'z', 0x12, 1,   'x',                       /* label */
        0x12, 12, 0x09, 0,   0,   0,    0,   0,   0,   0xf8, 0x3f, 0x10, 0xac, 0x02, /* sample */
    };
    struct ax_buf out = AX_BUF_INIT;
    assert_int_equal(ax_remote_write_encode(&b, &out, NULL), 0);
    struct ax_str plain = unpack(&out);
    /* 16 + 8 + 14 bytes behind the two of the series */
    assert_int_equal(plain.n, sizeof want - 0);
    assert_memory_equal(plain.p + 2, want + 2, sizeof want - 2);
    assert_int_equal((unsigned char)plain.p[0], 0x0a);
    assert_int_equal((unsigned char)plain.p[1], sizeof want - 2);
    free((void *)(uintptr_t)plain.p);
    ax_buf_free(&out);
    ax_arena_free(&a);
}

static uint64_t take_varint(struct ax_str *s)
{
    uint64_t v = 0;
    for (unsigned shift = 0;; shift += 7) {
        assert_true(s->n > 0 && shift < 64);
        uint8_t c = (uint8_t)*s->p++;
        s->n--;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80))
            return v;
    }
}

static struct ax_str take_message(struct ax_str *s, uint8_t tag)
{
    assert_int_equal(take_varint(s), tag);
    uint64_t n = take_varint(s);
    assert_true(n <= s->n);
    struct ax_str m = {s->p, n};
    s->p += n;
    s->n -= n;
    return m;
}

static void a_large_batch_decodes_to_what_went_in(void **state)
{
    enum { N = 3000 };
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a};
    for (int i = 0; i < N; i++) {
        struct ax_sample s[] = {{1795314600000 + i, i}, {-5, ax_stale()}};
        char value[200];
        memset(value, 'v', sizeof value);
        value[1 + i % 199] = '\0';
        ax_batch_add(&b, labels(&a, "m", value), s, 2);
    }
    struct ax_buf out = AX_BUF_INIT;
    assert_int_equal(ax_remote_write_encode(&b, &out, NULL), 0);
    struct ax_str plain = unpack(&out), rest = plain;
    for (int i = 0; i < N; i++) {
        struct ax_str series = take_message(&rest, 0x0a);
        take_message(&series, 0x0a);
        struct ax_str label = take_message(&series, 0x0a);
        take_message(&label, 0x0a);
        assert_int_equal(take_message(&label, 0x12).n, 1 + i % 199);
        for (int k = 0; k < 2; k++) {
            struct ax_str sample = take_message(&series, 0x12);
            double v;
            assert_int_equal(take_varint(&sample), 0x09);
            memcpy(&v, sample.p, 8);
            sample = (struct ax_str){sample.p + 8, sample.n - 8};
            assert_int_equal(take_varint(&sample), 0x10);
            int64_t t = (int64_t)take_varint(&sample);
            assert_int_equal(sample.n, 0);
            assert_true(k ? t == -5 && ax_is_stale(v) : t == 1795314600000 + i && v == i);
        }
        assert_int_equal(series.n, 0);
    }
    assert_int_equal(rest.n, 0);
    free((void *)(uintptr_t)plain.p);
    ax_buf_free(&out);
    ax_arena_free(&a);
}

static void an_observation_is_this_document(void **state)
{
    struct ax_resource r = {.handle = AX_STR("vm:1"),
                            .kind = AX_KIND_VM,
                            .name = AX_STR("we\"b"),
                            .state = AX_STR("running"),
                            .reason = AX_STR("booted"),
                            .since = 7,
                            .attributes = AX_STR("{\"a\":1}")};
    struct ax_event e = {.time = 8,
                         .handle = AX_STR("vm:1"),
                         .type = AX_STR("lifecycle"),
                         .what = AX_STR("started"),
                         .text = AX_STR("started")};
    struct ax_observation o = {.time = 9,
                               .host = AX_STR("host:h"),
                               .complete = {[AX_KIND_VM] = true, [AX_KIND_NETWORK] = true},
                               .resources = &r,
                               .nresources = 1,
                               .events = &e,
                               .nevents = 1};
    struct ax_buf out = AX_BUF_INIT;
    ax_observation_json(&o, &out);
    ax_buf_byte(&out, '\0');
    assert_string_equal(out.p,
                        "{\"time\":9,\"host\":\"host:h\",\"complete\":[\"vm\",\"network\"],"
                        "\"resources\":[{\"handle\":\"vm:1\",\"kind\":\"vm\",\"name\":\"we\\\"b\","
                        "\"state\":\"running\",\"reason\":\"booted\",\"since\":7,"
                        "\"attributes\":{\"a\":1}}],"
                        "\"events\":[{\"time\":8,\"handle\":\"vm:1\",\"type\":\"lifecycle\","
                        "\"what\":\"started\",\"text\":\"started\"}]}");
    ax_buf_free(&out);
}

/* The receiver refuses a document without them, and with it all that is good in it. */
static void required_fields_are_there_even_when_empty(void **state)
{
    struct ax_resource r = {.handle = AX_STR("vm:1"), .kind = AX_KIND_VM, .state = AX_STR("up")};
    struct ax_event e = {.handle = AX_STR("vm:1")};
    struct ax_observation o = {
        .host = AX_STR("host:h"), .resources = &r, .nresources = 1, .events = &e, .nevents = 1};
    struct ax_buf out = AX_BUF_INIT;
    ax_observation_json(&o, &out);
    ax_buf_byte(&out, '\0');
    assert_non_null(strstr(out.p, "\"name\":\"\",\"state\":\"up\""));
    assert_non_null(strstr(out.p, "{\"time\":0,\"handle\":\"vm:1\",\"type\":\"\",\"what\":\"\"}"));
    ax_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_series_has_these_bytes),
        cmocka_unit_test(a_large_batch_decodes_to_what_went_in),
        cmocka_unit_test(an_observation_is_this_document),
        cmocka_unit_test(required_fields_are_there_even_when_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
