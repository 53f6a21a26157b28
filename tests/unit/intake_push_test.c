// SPDX-License-Identifier: Apache-2.0
/* The intake gives ids, refuses what is out of bounds sample by sample, and hands on the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "intake/intake.h"

#include <errno.h>
#include <pthread.h>

#define NOW 1795314600000

struct sink {
    size_t batches, samples;
    uint32_t last_id;
    uint64_t committed;
    int fail;
};

static int sink_append(void *self, const struct ax_batch *b, uint64_t *ticket, struct ax_err *err)
{
    struct sink *s = self;
    if (s->fail)
        return ax_fail(err, s->fail, "disk full");
    s->batches++;
    s->samples += b->samples;
    s->last_id = b->v[b->n - 1].id;
    *ticket = s->batches;
    return 0;
}

static int sink_commit(void *self, uint64_t ticket, struct ax_err *err)
{
    ((struct sink *)self)->committed = ticket;
    return 0;
}

static struct ax_labels labels(struct ax_arena *a, const char *name, const char *host)
{
    struct ax_labels_builder b = {.n = 0};
    struct ax_labels out;
    ax_labels_add(&b, AX_STR("host"), ax_str(host));
    ax_labels_add(&b, AX_STR("__name__"), ax_str(name));
    assert_int_equal(ax_intake_labels(&b, AX_STR("default"), a, &out, NULL), 0);
    return out;
}

static struct ax_intake *make(struct sink *s, uint32_t max_series)
{
    struct ax_intake_options o = {.max_age_ms = 3600000, .max_series = max_series};
    struct ax_intake *in = ax_intake_new(&o);
    struct ax_subscriber sub = {
        .name = "sink", .self = s, .append = sink_append, .commit = sink_commit};
    ax_intake_subscribe(in, &sub);
    return in;
}

static void same_labels_get_the_same_id(void **state)
{
    struct sink s = {0};
    struct ax_intake *in = make(&s, 0);
    struct ax_arena a = AX_ARENA_INIT;
    for (int round = 0; round < 3; round++) {
        struct ax_batch b = {.arena = &a};
        struct ax_sample sample = {NOW, 1};
        ax_batch_add(&b, labels(&a, "up", "h1"), &sample, 1);
        ax_batch_add(&b, labels(&a, "up", "h2"), &sample, 1);
        struct ax_intake_result r;
        assert_int_equal(ax_intake_push(in, &b, NOW, &r, NULL), 0);
        assert_int_equal(b.v[0].id, 0);
        assert_int_equal(b.v[1].id, 1);
        assert_int_equal(r.accepted, 2);
    }
    assert_int_equal(s.committed, 3);
    assert_int_equal(ax_intake_count(in), 2);
    assert_true(
        ax_str_eq(ax_labels_get(ax_intake_series(in, 1, &a), AX_STR("host")), AX_STR("h2")));
    ax_intake_free(in);
    ax_arena_free(&a);
}

static void bad_times_are_refused_and_their_neighbours_kept(void **state)
{
    struct sink s = {0};
    struct ax_intake *in = make(&s, 0);
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a};
    struct ax_sample v[] = {{NOW - 7200000, 1}, {NOW - 1000, 2}, {NOW, 3}, {NOW + 3600000, 4}};
    ax_batch_add(&b, labels(&a, "up", "h1"), v, 4);
    struct ax_intake_result r;
    assert_int_equal(ax_intake_push(in, &b, NOW, &r, NULL), 0);
    assert_int_equal(r.accepted, 2);
    assert_int_equal(r.rejected, 2);
    assert_non_null(strstr(r.reason, "older than the retention of 1h"));
    assert_non_null(strstr(r.reason, "up{host=\"h1\"}"));
    assert_int_equal(s.samples, 2);
    ax_intake_free(in);
    ax_arena_free(&a);
}

static void a_subscriber_that_cannot_store_fails_the_push(void **state)
{
    struct sink s = {.fail = -ENOSPC};
    struct ax_intake *in = make(&s, 0);
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a};
    struct ax_sample sample = {NOW, 1};
    ax_batch_add(&b, labels(&a, "up", "h1"), &sample, 1);
    struct ax_intake_result r;
    struct ax_err err;
    assert_int_equal(ax_intake_push(in, &b, NOW, &r, &err), -ENOSPC);
    assert_string_equal(err.text, "disk full");
    struct ax_intake_stats stats;
    ax_intake_stats(in, &stats);
    assert_int_equal(stats.samples, 0);
    ax_intake_free(in);
    ax_arena_free(&a);
}

static void series_beyond_the_limit_are_refused(void **state)
{
    struct sink s = {0};
    struct ax_intake *in = make(&s, 1);
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a};
    struct ax_sample sample = {NOW, 1};
    ax_batch_add(&b, labels(&a, "up", "h1"), &sample, 1);
    ax_batch_add(&b, labels(&a, "up", "h2"), &sample, 1);
    struct ax_intake_result r;
    assert_int_equal(ax_intake_push(in, &b, NOW, &r, NULL), 0);
    assert_int_equal(r.accepted, 1);
    assert_int_equal(r.rejected, 1);
    struct ax_batch only_new = {.arena = &a};
    ax_batch_add(&only_new, labels(&a, "up", "h3"), &sample, 1);
    struct ax_err err;
    assert_int_equal(ax_intake_push(in, &only_new, NOW, &r, &err), -ENOBUFS);
    ax_intake_free(in);
    ax_arena_free(&a);
}

static void the_tenant_label_cannot_be_forged(void **state)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_labels_builder b = {.n = 0};
    struct ax_labels out;
    struct ax_err err;
    ax_labels_add(&b, AX_STR("__name__"), AX_STR("up"));
    ax_labels_add(&b, AX_STR(AX_TENANT_LABEL), AX_STR("other"));
    assert_int_equal(ax_intake_labels(&b, AX_STR("default"), &a, &out, &err), -EINVAL);
    struct ax_labels_builder nameless = {.n = 0};
    ax_labels_add(&nameless, AX_STR("a"), AX_STR("b"));
    assert_int_equal(ax_intake_labels(&nameless, AX_STR("default"), &a, &out, &err), -EINVAL);
    assert_false(ax_tenant_ok(AX_STR("a/b")));
    assert_false(ax_tenant_ok(AX_STR("")));
    ax_arena_free(&a);
}

static int push_one(struct ax_intake *in, const char *tenant, const char *host,
                    struct ax_intake_result *r, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_labels_builder b = {.n = 0};
    struct ax_batch batch = {.arena = &a};
    struct ax_sample sample = {NOW, 1};
    struct ax_labels l;
    ax_labels_add(&b, AX_STR("__name__"), AX_STR("up"));
    ax_labels_add(&b, AX_STR("host"), ax_str(host));
    assert_int_equal(ax_intake_labels(&b, ax_str(tenant), &a, &l, NULL), 0);
    ax_batch_add(&batch, l, &sample, 1);
    int rc = ax_intake_push(in, &batch, NOW, r, err);
    ax_arena_free(&a);
    return rc;
}

/* The limit is the tenant's own, it names itself, and what is known goes on. */
static void each_tenant_has_its_limit(void **state)
{
    struct ax_intake *in = ax_intake_new(&(struct ax_intake_options){.max_tenant_series = 2});
    struct ax_intake_result r;
    struct ax_err err;
    assert_int_equal(push_one(in, "greedy", "a", &r, NULL), 0);
    assert_int_equal(push_one(in, "greedy", "b", &r, NULL), 0);
    assert_int_equal(push_one(in, "greedy", "c", &r, &err), -ENOBUFS);
    assert_non_null(strstr(err.text, "tenant greedy has reached its limit of 2 series"));
    assert_int_equal(push_one(in, "modest", "c", &r, NULL), 0);
    assert_int_equal(push_one(in, "greedy", "b", &r, NULL), 0);
    assert_int_equal(r.accepted, 1);
    ax_intake_hold(in);
    ax_intake_retire(in, 0);
    ax_intake_forget(in, 0);
    ax_intake_release(in);
    assert_int_equal(push_one(in, "greedy", "c", &r, NULL), 0); /* one is over: room for one */
    assert_int_equal(push_one(in, "greedy", "a", &r, NULL), -ENOBUFS);
    ax_intake_free(in);
}

static void a_whole_batch_is_never_taken_in_part(void **state)
{
    struct sink s = {0};
    struct ax_intake *in = make(&s, 2);
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_intake_result r;
    struct ax_err err;
    const struct ax_sample good = {NOW, 1}, old = {NOW - 3600001, 1}, early = {NOW + 600001, 1};
    const struct ax_sample bad[] = {old, early};
    for (size_t i = 0; i < AX_ARRAY_LEN(bad); i++) {
        struct ax_batch b = {.arena = &a, .whole = true};
        ax_batch_add(&b, labels(&a, "up", "h1"), &good, 1);
        ax_batch_add(&b, labels(&a, "up", "h2"), &bad[i], 1);
        assert_int_equal(ax_intake_push(in, &b, NOW, &r, &err), -EINVAL);
        assert_non_null(strstr(err.text, i ? "more than 10m in the future" : "older than"));
        assert_non_null(strstr(err.text, "h2"));
    }
    struct ax_batch three = {.arena = &a, .whole = true};
    ax_batch_add(&three, labels(&a, "up", "h1"), &good, 1);
    ax_batch_add(&three, labels(&a, "up", "h2"), &good, 1);
    ax_batch_add(&three, labels(&a, "up", "h3"), &good, 1);
    assert_int_equal(ax_intake_push(in, &three, NOW, &r, &err), -ENOBUFS);
    assert_int_equal(s.samples, 0);
    struct ax_batch two = {.arena = &a, .whole = true};
    ax_batch_add(&two, labels(&a, "up", "h1"), &good, 1);
    ax_batch_add(&two, labels(&a, "up", "h2"), &good, 1);
    assert_int_equal(ax_intake_push(in, &two, NOW, &r, &err), 0);
    assert_int_equal(s.samples, 2);
    ax_arena_free(&a);
    ax_intake_free(in);
}

static void *define_many(void *arg)
{
    struct ax_intake *in = arg;
    struct ax_arena a = AX_ARENA_INIT;
    for (int i = 0; i < 20000; i++) {
        struct ax_str host = ax_arena_printf(&a, "h%d", i);
        uint32_t id = ax_intake_define(in, labels(&a, "up", host.p));
        assert_true(ax_str_eq(ax_labels_get(ax_intake_series(in, id, &a), AX_STR("host")), host));
    }
    ax_arena_free(&a);
    return NULL;
}

static void threads_agree_on_ids(void **state)
{
    struct sink s = {0};
    struct ax_intake *in = make(&s, 0);
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, define_many, in), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(ax_intake_count(in), 20000);
    ax_intake_free(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_labels_get_the_same_id),
        cmocka_unit_test(bad_times_are_refused_and_their_neighbours_kept),
        cmocka_unit_test(a_subscriber_that_cannot_store_fails_the_push),
        cmocka_unit_test(series_beyond_the_limit_are_refused),
        cmocka_unit_test(the_tenant_label_cannot_be_forged),
        cmocka_unit_test(threads_agree_on_ids),
        cmocka_unit_test(each_tenant_has_its_limit),
        cmocka_unit_test(a_whole_batch_is_never_taken_in_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
