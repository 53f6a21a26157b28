// SPDX-License-Identifier: Apache-2.0
/* Everything at once: writers with new and known series, flush, merge and retention (of one tenant,
 * too), queries of all kinds and stats. Clean under ASan and TSan, and afterwards every sample
 * within the retention is there. */
#include "store_kit.h"

#include "base/leap.h"

#include <pthread.h>
#include <stdatomic.h>

enum { WRITERS = 3, READERS = 2, PUSHES = 1500, SERIES = 40 };
#define RETENTION (3 * DAY)
#define GUEST     "guest" /* a tenant that keeps less */
#define STEP      60000ll /* between the pushes of one writer: a day and more in all */

static _Atomic int64_t busy_now, kept; /* kept: as the store has seen it */
static _Atomic bool stop;
static _Atomic uint64_t seen, queries;

static int64_t read_busy(void)
{
    return busy_now;
}

struct writer {
    struct kit *k;
    unsigned number;
};

static double value_of(unsigned writer, unsigned push)
{
    return writer * 1000000.0 + push;
}

static unsigned series_of(unsigned push)
{
    return push % 7 ? push % 5 : push % SERIES; /* new ones come all the time, too */
}

static void label_of(unsigned writer, unsigned push, char out[24])
{
    snprintf(out, 24, "w%u-%u", writer, series_of(push));
}

static void push_one(struct kit *k, unsigned writer, unsigned push)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a};
    struct ax_intake_result r = {0};
    struct ax_err err = {0};
    char vm[24];
    label_of(writer, push, vm);
    struct ax_sample s = {T0 + push * STEP, value_of(writer, push)};
    ax_batch_add(&b, kit_labels(&a, TENANT, "m", vm), &s, 1);
    ax_batch_add(&b, kit_labels(&a, GUEST, "m", vm), &s, 1);
    b.v[0].id = b.v[1].id = AX_SERIES_NONE;
    if (ax_intake_push(k->intake, &b, busy_now, &r, &err) < 0 || r.rejected)
        fail_msg("%s%s", err.text, r.reason);
    ax_arena_free(&a);
}

static void *write_all(void *arg)
{
    struct writer *w = arg;
    for (unsigned i = 0; i < PUSHES; i++) {
        int64_t now = T0 + i * STEP, before = busy_now;
        while (now - kept > AX_LEAP_MS / 2) /* or the store takes it for a clock that was set */
            usleep(100);
        while (before < now && !atomic_compare_exchange_weak(&busy_now, &before, now))
            ;
        push_one(w->k, w->number, i);
    }
    return NULL;
}

static void *keep(void *arg)
{
    struct kit *k = arg;
    while (!stop) {
        struct ax_err err = {0};
        int64_t now = busy_now;
        if (ax_store_tick(k->store, &err) < 0)
            fail_msg("%s", err.text);
        kept = now;
        usleep(300);
    }
    return NULL;
}

static void ask(struct kit *k, unsigned what, struct ax_arena *a)
{
    struct ax_matcher m = {.op = AX_MATCH_EQ, .name = AX_STR("vm"), .value = AX_STR("w1-1")};
    struct ax_store_select sel = kit_all(&m, what % 2);
    struct ax_series_set set = {0};
    struct ax_store_stats stats;
    struct ax_tenant_bytes *tenants;
    struct ax_str *words;
    size_t n = 0;
    int rc = 0;
    sel.mint = what % 3 ? sel.mint : busy_now - 4 * HOUR;
    switch (what % 5) {
    case 0: rc = ax_store_select(k->store, &sel, a, &set, NULL); break;
    case 1: rc = ax_store_last(k->store, &sel, a, &set, NULL); break;
    case 2: rc = ax_store_label_names(k->store, &sel, a, &words, &n, NULL); break;
    case 3: rc = ax_store_label_values(k->store, &sel, AX_STR("vm"), a, &words, &n, NULL); break;
    default: ax_store_stats(k->store, &stats); ax_store_tenants(k->store, a, &tenants, &n);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(set.warning.n, 0);
    for (size_t i = 0; i < set.n; i++)
        for (size_t j = 0; j < set.v[i].n; j++)
            seen += set.v[i].v[j] >= 0;
    queries++;
}

static void *read_all(void *arg)
{
    struct kit *k = arg;
    for (unsigned i = 0; !stop; i++) {
        struct ax_arena a = AX_ARENA_INIT;
        ask(k, i, &a);
        ax_arena_free(&a);
    }
    return NULL;
}

static void open_busy(struct kit *k)
{
    struct ax_intake_options io = {.max_age_ms = 100 * DAY, .max_future_ms = DAY};
    static const struct ax_tenant_limit guest = {{GUEST, sizeof GUEST - 1}, 6 * HOUR, 0};
    struct ax_store_options o = {.dir = k->dir,
                                 .retention_ms = RETENTION,
                                 .limits = &guest,
                                 .nlimits = 1,
                                 .commit_us = 100,
                                 .now_ms = read_busy,
                                 .warn = kit_warn};
    struct ax_err err = {0};
    k->intake = ax_intake_new(&io);
    if (ax_store_open(&k->store, &o, k->intake, &err) < 0)
        fail_msg("%s", err.text);
    k->sub = ax_store_subscriber(k->store);
    ax_intake_subscribe(k->intake, &k->sub);
}

static void check_all(struct kit *k)
{
    unsigned found = 0;
    for (unsigned w = 0; w < WRITERS; w++)
        for (unsigned s = 0; s < SERIES; s++) {
            char vm[24];
            snprintf(vm, sizeof vm, "w%u-%u", w, s);
            struct ax_series x = kit_read(k, "m", vm);
            for (size_t i = 0; i < x.n; i++) {
                unsigned push = (unsigned)((x.t[i] - T0) / STEP);
                assert_true(series_of(push) == s && x.v[i] == value_of(w, push));
            }
            found += (unsigned)x.n;
        }
    assert_int_equal(found, WRITERS * PUSHES);
    struct ax_store_select sel = kit_all(NULL, 0);
    struct ax_series_set set;
    sel.tenant = AX_STR(GUEST);
    sel.maxt = T0 + 4 * HOUR; /* of 25 */
    assert_int_equal(ax_store_select(k->store, &sel, &k->arena, &set, NULL), 0);
    assert_int_equal(set.n, 0);
    sel.mint = busy_now - 6 * HOUR;
    sel.maxt = busy_now;
    assert_int_equal(ax_store_select(k->store, &sel, &k->arena, &set, NULL), 0);
    found = 0;
    for (size_t i = 0; i < set.n; i++)
        found += (unsigned)set.v[i].n;
    assert_int_equal(found, WRITERS * (6 * HOUR / STEP + 1));
    assert_int_equal(kit_stats(k).damaged, 0);
}

static void all_at_once(void **state)
{
    struct kit *k = *state;
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS + READERS + 1];
    kit_close(k);
    busy_now = kept = T0;
    open_busy(k);
    for (int64_t i = 1; i < 40; i++) /* what retention takes while the others run */
        kit_write1(k, "old", "a", T0 - RETENTION + i * HOUR / 2, 1);
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){k, i};
        assert_int_equal(pthread_create(&threads[i], NULL, write_all, &writers[i]), 0);
    }
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[WRITERS + i], NULL, read_all, k), 0);
    assert_int_equal(pthread_create(&threads[WRITERS + READERS], NULL, keep, k), 0);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    stop = true;
    for (int i = WRITERS; i <= WRITERS + READERS; i++)
        pthread_join(threads[i], NULL);
    busy_now = T0 + (PUSHES - 1) * STEP;
    kit_tick(k, 40);
    assert_true(kit_stats(k).blocks > 2 && queries > 50 && seen > 0);
    assert_int_equal(kit_read(k, "old", "a").n, 0);
    check_all(k);
    kit_close(k);
    open_busy(k);
    check_all(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_at_once, kit_new, kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
