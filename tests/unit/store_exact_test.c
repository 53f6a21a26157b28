// SPDX-License-Identifier: Apache-2.0
/* Whatever comes, in whatever order: what is stored is bit by bit what was written last, through
 * flushes, merges and new starts at random points, held against a plain list.
 *
 * SEED=n runs another history; the one that fails is named. */
#include "store_kit.h"

#include "base/num.h"

enum { SERIES = 6, ROUNDS = 250, CHECK_EACH = 8 };

struct written {
    int64_t t;
    uint64_t bits, order;
};
struct truth {
    struct written *v;
    size_t n, cap;
};
static struct truth truths[SERIES];
static uint64_t writes, seed;
static int64_t newest;

static uint64_t chance(uint64_t below)
{
    uint64_t x = (seed += 0x9e3779b97f4a7c15u);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (x ^ (x >> 31)) % below;
}

static uint64_t bits_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static double from_bits(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static double some_value(const struct truth *before)
{
    uint64_t any = chance(UINT64_MAX), sign = chance(2) << 63;
    double last = before->n ? from_bits(before->v[before->n - 1].bits) : 0;
    switch (chance(14)) {
    case 0: return from_bits(any);
    case 1: return from_bits(sign | 0x7ff8000000000000u | any >> 13); /* quiet NaN, any payload */
    case 2: return from_bits(sign | 0x7ff0000000000001u | any >> 14); /* signalling */
    case 3: return from_bits(AX_STALE_BITS);
    case 4: return from_bits(sign | 0x7ff0000000000000u); /* infinity */
    case 5: return from_bits(sign);                       /* zero */
    case 6: return from_bits(sign | any >> 12);           /* denormal */
    case 7: return from_bits(sign | 0x7fefffffffffffffu); /* the largest */
    case 8: return (double)(int64_t)any;
    case 9: return (double)(any % 1000) / 10;
    case 10: return last + 1;
    case 11: return last * 1.0000001;
    default: return last;
    }
}

/* A run of times as senders have them. */
static size_t some_times(int64_t *t, size_t most)
{
    size_t n = 1 + chance(most);
    int64_t step = chance(3) ? 15000 : 1 + (int64_t)chance(100000);
    int64_t late[] = {0,
                      0,
                      0,
                      (int64_t)chance(600000),
                      (int64_t)chance(10 * HOUR),
                      (int64_t)chance(3 * DAY),
                      (int64_t)chance(90 * DAY)};
    int64_t from = kit_now - late[chance(7)] - step * (int64_t)n;
    for (size_t i = 0; i < n; i++)
        t[i] = from + step * (int64_t)i;
    unsigned kind = (unsigned)chance(6);
    for (size_t i = 0; kind == 0 && i < n; i++) { /* shuffled */
        size_t k = chance(n);
        int64_t swap = t[i];
        t[i] = t[k];
        t[k] = swap;
    }
    for (size_t i = 1; kind == 1 && i < n; i++) /* with times twice */
        t[i] = chance(3) ? t[i] : t[chance(i)];
    for (size_t i = 0; kind == 2 && i < n / 2; i++) { /* backwards */
        int64_t swap = t[i];
        t[i] = t[n - 1 - i];
        t[n - 1 - i] = swap;
    }
    return n;
}

/* Some times that are there already, to be written over. */
static size_t known_times(const struct truth *x, int64_t *t, size_t most)
{
    size_t n = x->n ? 1 + chance(most) : 0;
    for (size_t i = 0; i < n; i++)
        t[i] = x->v[chance(x->n)].t;
    return n;
}

static void remember(struct truth *x, const struct ax_sample *s)
{
    if (x->n == x->cap)
        x->v = ax_realloc(x->v, (x->cap = x->cap ? x->cap * 2 : 1024) * sizeof *x->v);
    x->v[x->n++] = (struct written){s->t, bits_of(s->v), writes++};
    newest = s->t > newest ? s->t : newest;
}

static void write_some(struct kit *k)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a};
    for (int i = 0; i < SERIES; i++) {
        int64_t t[700];
        struct ax_sample s[700];
        char vm[8];
        if (chance(2))
            continue;
        size_t most = chance(5) ? 6 : 700;
        size_t n = chance(6) ? some_times(t, most) : known_times(&truths[i], t, most);
        for (size_t j = 0; j < n; j++) {
            s[j] = (struct ax_sample){t[j], some_value(&truths[i])};
            remember(&truths[i], &s[j]);
        }
        snprintf(vm, sizeof vm, "%d", i);
        if (n)
            kit_add(k, &b, TENANT, "m", vm, s, n);
    }
    struct ax_err err = {0};
    if (b.n && kit_send(k, &b, &err) < 0)
        fail_msg("%s", err.text);
    ax_arena_free(&a);
}

static int by_time_then_order(const void *a, const void *b)
{
    const struct written *x = a, *y = b;
    if (x->t != y->t)
        return x->t < y->t ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static void tidy(struct truth *x)
{
    size_t kept = 0;
    if (x->n)
        qsort(x->v, x->n, sizeof *x->v, by_time_then_order);
    for (size_t i = 0; i < x->n; i++)
        if (i + 1 == x->n || x->v[i + 1].t != x->v[i].t)
            x->v[kept++] = x->v[i];
    x->n = kept;
}

static struct ax_series select_one(struct kit *k, int series, int64_t mint, int64_t maxt, bool last)
{
    char vm[8];
    snprintf(vm, sizeof vm, "%d", series);
    struct ax_matcher m = {.op = AX_MATCH_EQ, .name = AX_STR("vm"), .value = ax_str(vm)};
    struct ax_store_select sel = kit_all(&m, 1);
    struct ax_series_set set;
    sel.mint = mint;
    sel.maxt = maxt;
    assert_int_equal(
        (last ? ax_store_last : ax_store_select)(k->store, &sel, &k->arena, &set, NULL), 0);
    assert_true(set.n <= 1);
    assert_int_equal(set.warning.n, 0);
    return set.n ? set.v[0] : (struct ax_series){0};
}

static void check_range(struct kit *k, int series, int64_t mint, int64_t maxt)
{
    const struct truth *x = &truths[series];
    size_t from = 0, to;
    while (from < x->n && x->v[from].t < mint)
        from++;
    for (to = from; to < x->n && x->v[to].t <= maxt;)
        to++;
    struct ax_series got = select_one(k, series, mint, maxt, false);
    assert_int_equal(got.n, to - from);
    for (size_t i = 0; i < got.n; i++) {
        assert_int_equal(got.t[i], x->v[from + i].t);
        assert_int_equal(bits_of(got.v[i]), x->v[from + i].bits);
    }
    got = select_one(k, series, mint, maxt, true);
    assert_int_equal(got.n, to > from);
    if (got.n) {
        assert_int_equal(got.t[0], x->v[to - 1].t);
        assert_int_equal(bits_of(got.v[0]), x->v[to - 1].bits);
    }
}

static void check_all(struct kit *k)
{
    for (int i = 0; i < SERIES; i++) {
        tidy(&truths[i]);
        check_range(k, i, -(1ll << 60), 1ll << 60);
        for (int n = 0; n < 4; n++) {
            int64_t from = newest - (int64_t)chance(n % 2 ? 100 * DAY : 2 * DAY);
            check_range(k, i, from, from + (int64_t)chance(n < 2 ? HOUR : 40 * DAY));
        }
    }
    assert_int_equal(kit_stats(k).damaged, 0);
    ax_arena_reset(&k->arena);
}

static void forget(void)
{
    for (int i = 0; i < SERIES; i++) {
        free(truths[i].v);
        truths[i] = (struct truth){0};
    }
    newest = 0;
}

static void live(struct kit *k, int64_t jump)
{
    for (int round = 1; round <= ROUNDS; round++) {
        write_some(k);
        kit_now += (int64_t)chance(chance(4) ? HOUR / 4 : 8 * HOUR);
        if (jump && chance(10) == 0)
            kit_now += (int64_t)chance((uint64_t)(2 * jump)) - jump;
        if (chance(3) == 0)
            kit_tick(k, 1 + (int)chance(3));
        if (chance(40) == 0) {
            kit_close(k);
            kit_open(k);
        }
        if (round % CHECK_EACH == 0)
            check_all(k);
    }
}

static void begin(void)
{
    static uint64_t history;
    uint64_t n = 1;
    ax_str_u64(ax_str(getenv("SEED")), &n);
    seed = n * 1000 + history++;
    print_message("# SEED=%llu, history %llu\n", (unsigned long long)n,
                  (unsigned long long)(seed % 1000));
}

static void what_is_read_is_what_was_written_last(void **state)
{
    begin();
    live(*state, 0);
    struct kit *k = *state;
    assert_true(kit_stats(k).blocks > 2);
    forget();
}

static void so_it_is_when_the_clock_jumps(void **state)
{
    begin();
    live(*state, 40 * DAY);
    forget();
}

/* The head does not wait for the clock to be again where it has been. */
static void flushing_goes_on_when_the_clock_went_back(void **state)
{
    struct kit *k = *state;
    kit_now += 400 * DAY;
    kit_close(k);
    kit_open(k);
    kit_now -= 400 * DAY;
    kit_write1(k, "m", "a", kit_now, 1);
    kit_now += 5 * HOUR;
    kit_tick(k, 2);
    assert_int_equal(kit_stats(k).blocks, 1);
    assert_int_equal(kit_stats(k).head_samples, 0);
    assert_int_equal(kit_read(k, "m", "a").n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_read_is_what_was_written_last, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(so_it_is_when_the_clock_jumps, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(flushing_goes_on_when_the_clock_went_back, kit_new,
                                        kit_end),
    };
    ax_disk = kit_hasty_disk();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
