// SPDX-License-Identifier: Apache-2.0
/* crash-cuts: simulated power cuts under load; counts what was acknowledged against what is there.
 *
 * In each round three writers, a reader and the background work (flush, merge, retention) share a
 * store on a disk that loses its power at a random operation. Every other start is cut, too. */
#include "ledger.h"
#include "options.h"
#include "power.h"
#include "store/disk.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRITERS    3
#define HOUR       3600000ll
#define DAY        (24 * HOUR)
#define SHORT_LIFE (5 * DAY)   /* retention at work */
#define LONG_LIFE  (300 * DAY) /* blocks of 32 days */
#define GUEST_LIFE (2 * DAY)   /* of one tenant, whose samples are taken out of blocks */
#define AGE_ROUNDS 15          /* rounds with one directory */

/* The guest has every eighth batch. */
enum { HOST, GUEST, TENANTS };
static const char *const tenants[] = {"default", "guest"};

struct house {
    char dir[128], tsdb[160];
    int64_t retention;
    bool holes; /* in what the cuts leave of unsynced bytes */
    struct ledger ledger[TENANTS];
    uint64_t seed;
    struct ax_intake *intake;
    struct ax_store *store;
};
static char warning[AX_ERR_TEXT]; /* the store's last */
struct sums {
    uint64_t acknowledged, sent, retired, lost, invented, cuts, cuts_in_starts, odd;
    uint64_t blocks, guests; /* samples of the guest that retention deleted */
};

static _Atomic int64_t now_ms;
static int64_t read_now(void)
{
    return now_ms;
}

static void warn(const char *text)
{
    snprintf(warning, sizeof warning, "%s", text);
}

static bool open_house(struct house *h)
{
    struct ax_intake_options in = {.max_age_ms = h->retention};
    static const struct ax_tenant_limit guest = {{"guest", 5}, GUEST_LIFE, 0};
    struct ax_store_options st = {.dir = h->tsdb,
                                  .retention_ms = h->retention,
                                  .limits = &guest,
                                  .nlimits = 1,
                                  .commit_us = 300,
                                  .now_ms = read_now,
                                  .warn = warn};
    struct ax_err err = {0};
    h->intake = ax_intake_new(&in);
    if (ax_store_open(&h->store, &st, h->intake, &err) < 0) {
        ax_intake_free(h->intake);
        h->store = NULL;
        if (!power_is_off())
            fprintf(stderr, "the store does not open: %s\n", err.text);
        return false;
    }
    struct ax_subscriber sub = ax_store_subscriber(h->store);
    ax_intake_subscribe(h->intake, &sub);
    return true;
}

static void close_house(struct house *h)
{
    ax_store_close(h->store);
    ax_intake_free(h->intake);
    h->store = NULL;
}

/* Mostly of now, some late, by up to almost the retention or 70 days. */
static int64_t some_time(const struct house *h, uint64_t *chance)
{
    int64_t most = h->retention < 70 * DAY ? h->retention - 3 * HOUR : 70 * DAY;
    int64_t late[] = {60000, 60000, 60000, 60000, 5 * HOUR, 30 * HOUR, most, most};
    return now_ms - (int64_t)ledger_chance(chance, (uint64_t)late[ledger_chance(chance, 8)]);
}

struct writer {
    struct house *h;
    uint32_t number;
    uint64_t chance, refused;
};

static void send_one(struct writer *w)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a};
    size_t places[LEDGER_SERIES];
    struct ax_sample s[12];
    uint64_t most = ledger_chance(&w->chance, 10) ? 3 : 12;
    int tenant = ledger_chance(&w->chance, 8) ? HOST : GUEST;
    struct ledger *l = &w->h->ledger[tenant];
    for (uint32_t i = w->number; i < LEDGER_SERIES; i += WRITERS) {
        places[i] = ledger_place(l, i);
        size_t n = ledger_chance(&w->chance, most);
        for (size_t k = 0; k < n; k++) {
            int64_t t = some_time(w->h, &w->chance);
            s[k] = (struct ax_sample){t, ledger_value(i, t)};
            ledger_send(l, i, t);
        }
        if (n)
            ax_batch_add(&b, ledger_labels(i, ax_str(tenants[tenant]), &a), s, n);
    }
    for (size_t i = 0; i < b.n; i++)
        b.v[i].id = AX_SERIES_NONE;
    struct ax_intake_result r = {0};
    int rc = ax_intake_push(w->h->intake, &b, now_ms, &r, NULL);
    w->refused += r.rejected;
    for (uint32_t i = w->number; rc == 0 && i < LEDGER_SERIES; i += WRITERS)
        ledger_ack(l, i, places[i]);
    ax_arena_free(&a);
}

static void *write_on(void *arg)
{
    struct writer *w = arg;
    while (!power_is_off()) {
        now_ms += (int64_t)ledger_chance(&w->chance, 60000);
        send_one(w);
    }
    return NULL;
}

static void *keep_on(void *arg)
{
    struct house *h = arg;
    for (unsigned i = 1; !power_is_off(); i++) {
        ax_store_tick(h->store, NULL);
        if (i % 64 == 0) /* as the keeper's command does, and as deletions begin */
            ax_store_compact(h->store, NULL, NULL);
        usleep(500);
    }
    return NULL;
}

static void *read_on(void *arg)
{
    struct house *h = arg;
    while (!power_is_off()) {
        struct ax_arena a = AX_ARENA_INIT;
        struct ax_store_select sel = {
            .tenant = AX_STR("default"), .mint = now_ms - 6 * HOUR, .maxt = now_ms};
        struct ax_series_set set;
        ax_store_select(h->store, &sel, &a, &set, NULL);
        ax_arena_free(&a);
        usleep(2000);
    }
    return NULL;
}

/* Until the power goes. */
static void live(struct house *h, struct sums *sums)
{
    pthread_t threads[WRITERS + 2];
    struct writer writers[WRITERS];
    for (uint32_t i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){h, i, ledger_mix(h->seed + i), 0};
        AX_ASSERT(pthread_create(&threads[i], NULL, write_on, &writers[i]) == 0);
    }
    AX_ASSERT(pthread_create(&threads[WRITERS], NULL, keep_on, h) == 0);
    AX_ASSERT(pthread_create(&threads[WRITERS + 1], NULL, read_on, h) == 0);
    for (int i = 0; i < WRITERS + 2; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < WRITERS; i++)
        sums->odd += writers[i].refused;
}

/* The log does most of what is done: a third of the cuts are for the rest. */
static void plan_cut(struct house *h, uint64_t operations)
{
    struct power_plan p = {.root = h->tsdb, .holes = h->holes, .seed = ledger_mix(h->seed)};
    p.rare = ledger_chance(&h->seed, 3) == 0;
    p.cut_at = 1 + ledger_chance(&h->seed, p.rare ? operations / 50 + 2 : operations);
    power_on(&p);
}

/* Starts after the cut, of which some are cut themselves before they are done. */
static void recover(struct house *h, struct sums *sums)
{
    while (ledger_chance(&h->seed, 2)) {
        plan_cut(h, 12);
        ax_disk = &power_disk;
        if (open_house(h)) {
            for (int i = 0; i < 4 && !power_is_off(); i++)
                ax_store_tick(h->store, NULL);
            close_house(h);
        }
        ax_disk = &ax_disk_real;
        power_restore();
        sums->cuts_in_starts++;
    }
}

static bool check_all(struct house *h, struct sums *sums)
{
    if (!open_house(h))
        return false;
    struct ax_store_stats st;
    ax_store_stats(h->store, &st);
    sums->sent = sums->acknowledged = sums->retired = sums->guests = 0;
    for (int i = 0; i < TENANTS; i++) {
        int64_t life = i == GUEST ? GUEST_LIFE : h->retention;
        struct ledger_verdict v =
            ledger_check(&h->ledger[i], h->store, ax_str(tenants[i]), now_ms - life);
        sums->lost += v.lost;
        sums->invented += v.invented;
        sums->acknowledged += v.acknowledged;
        sums->sent += v.sent;
        sums->retired += v.retired;
        sums->guests += i == GUEST ? v.retired : 0;
    }
    sums->blocks = st.blocks;
    close_house(h);
    /* Sectors that never came look like damage; an end that is missing does not. */
    bool damaged = st.damaged && !h->holes;
    if (damaged)
        fprintf(stderr, "damage, where there were only cuts: %s\n", warning);
    return sums->lost + sums->invented == 0 && !damaged;
}

static bool one_round(struct house *h, struct sums *sums)
{
    plan_cut(h, 2500);
    ax_disk = &power_disk;
    if (open_house(h)) {
        live(h, sums);
        close_house(h);
    }
    ax_disk = &ax_disk_real;
    power_restore();
    sums->cuts++;
    recover(h, sums);
    return check_all(h, sums);
}

static void remove_house(struct house *h)
{
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", h->dir);
    AX_ASSERT(system(command) == 0);
}

static void add(struct sums *to, const struct sums *x)
{
    to->acknowledged += x->acknowledged;
    to->sent += x->sent;
    to->retired += x->retired;
    to->lost += x->lost;
    to->invented += x->invented;
    to->cuts += x->cuts;
    to->cuts_in_starts += x->cuts_in_starts;
    to->odd += x->odd;
    to->blocks += x->blocks;
    to->guests += x->guests;
}

static void report(const struct crash_options *o, const struct sums *x)
{
    printf("%" PRIu64 " power cuts under load, %" PRIu64 " more in starts (seed %" PRIu64 ")\n",
           x->cuts, x->cuts_in_starts, o->seed);
    printf("  %" PRIu64 " samples sent, %" PRIu64 " acknowledged, %" PRIu64
           " deleted by retention, %" PRIu64 " of them one tenant's; %" PRIu64 " refused, %" PRIu64
           " blocks left\n",
           x->sent, x->acknowledged, x->retired, x->guests, x->odd, x->blocks);
    printf("  %" PRIu64 " lost, %" PRIu64 " invented\n", x->lost, x->invented);
}

/* A directory's whole life. On failure it stays, for whoever wants to look. */
static bool age(const struct crash_options *o, unsigned first, unsigned rounds, struct sums *total)
{
    struct house h = {.seed = ledger_mix(o->seed + first),
                      .retention = first / AGE_ROUNDS % 2 ? SHORT_LIFE : LONG_LIFE,
                      .holes = first / AGE_ROUNDS / 2 % 2};
    struct sums sums = {0};
    now_ms = 1790000000000 + (int64_t)ledger_chance(&h.seed, 64 * DAY);
    snprintf(h.dir, sizeof h.dir, "/tmp/auspex-cuts-XXXXXX");
    AX_ASSERT(mkdtemp(h.dir) != NULL);
    snprintf(h.tsdb, sizeof h.tsdb, "%s/tsdb", h.dir);
    bool good = open_house(&h);
    if (good)
        close_house(&h);
    for (unsigned i = 0; i < rounds && good; i++) {
        good = one_round(&h, &sums);
        if (!good)
            fprintf(stderr, "round %u of seed %" PRIu64 ": the directory is in %s\n", first + i,
                    o->seed, h.dir);
    }
    add(total, &sums);
    if (good)
        remove_house(&h);
    for (int i = 0; i < TENANTS; i++)
        ledger_free(&h.ledger[i]);
    return good;
}

int main(int argc, char **argv)
{
    struct crash_options o = {.seed = 1, .rounds = 100};
    if (!crash_options(argc, argv, &o))
        return 2;
    struct sums sums = {0};
    bool good = true;
    for (unsigned i = 0; i < o.rounds && good; i += AGE_ROUNDS)
        good = age(&o, i, o.rounds - i < AGE_ROUNDS ? o.rounds - i : AGE_ROUNDS, &sums);
    good = good && !sums.odd;
    report(&o, &sums);
    printf("%d passed, %d failed\n", good, !good);
    return good ? 0 : 1;
}
