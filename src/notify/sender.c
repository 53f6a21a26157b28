// SPDX-License-Identifier: Apache-2.0
/* The thread that empties the outbox:
 *
 *     take in new rows -> begin what is due -> wait for sockets, scripts, the clock or a wake-up
 *          ^                                                  |
 *          +------- write the outcomes <- settle what ended <-+
 *
 * A LATER outcome whose item ended since then writes to a row that is no more, which does no
 * harm. */
#include "notify/sender.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define READ_AT_ONCE   1000
#define SETTLE_AT_ONCE 512
#define WAIT_MAX_MS    1000
#define GOODBYE_MS     1000
#define FDS_MAX        64

void ax_sender_count(struct ax_sender *s, enum ax_notify_type type, size_t which, uint64_t n)
{
    pthread_mutex_lock(&s->lock);
    *(uint64_t *)((char *)&s->stats.by_type[type] + which) += n;
    pthread_mutex_unlock(&s->lock);
}

/* ---- methods ---- */

static struct ax_target *target(struct ax_sender *s, struct ax_str id)
{
    uint64_t at;
    if (ax_map_get(&s->by_id, id, &at))
        return s->targets[at];
    struct ax_target *t = ax_calloc(1, sizeof *t);
    AX_ASSERT(id.n < sizeof t->id);
    memcpy(t->id, id.p, id.n);
    t->gone = true; /* until it was read */
    s->targets = ax_realloc(s->targets, (s->ntargets + 1) * sizeof(struct ax_target *));
    s->targets[s->ntargets] = t;
    ax_map_put(&s->by_id, ax_str(t->id), s->ntargets++);
    return t;
}

static void read_target(struct ax_sender *s, struct ax_stmt *q, struct ax_target *t)
{
    struct ax_str address = ax_stmt_col(q, 1);
    enum ax_notify_type type;
    AX_ASSERT(ax_notify_type_parse(ax_stmt_col(q, 0), &type));
    bool other = !t->address || t->type != type || !ax_str_eq(ax_str(t->address), address);
    t->period_ms = ax_stmt_col_int(q, 2) * 1000;
    t->gone = false;
    if (!other)
        return;
    free(t->address);
    t->address = ax_malloc(address.n + 1);
    memcpy(t->address, address.p, address.n);
    t->address[address.n] = 0;
    t->type = type;
    t->proven = false; /* it is another one now: what failed may go through */
    t->fails = 0;
    t->cool_until = 0;
    int64_t now = ax_notify_now(s->n);
    for (size_t i = 0; i < t->n; i++) /* all the same: still a heap */
        if (t->heap[i]->repeat == 0 && t->heap[i]->due > now)
            t->heap[i]->due = now;
}

static int look_up(struct ax_sender *s, struct ax_target *t, struct ax_err *err)
{
    struct ax_stmt q;
    ax_sql_lock(s->n->sql);
    ax_stmt_begin(&q, s->n->sql, "SELECT type, address, period FROM method WHERE id = ?");
    ax_stmt_str(&q, ax_str(t->id));
    t->gone = true;
    if (ax_stmt_row(&q))
        read_target(s, &q, t);
    int rc = ax_stmt_end(&q, "reading", err);
    ax_sql_unlock(s->n->sql);
    return rc;
}

static int look_up_all(struct ax_sender *s, struct ax_err *err)
{
    int rc = 0;
    for (size_t k = 0; rc == 0 && k < s->ntargets; k++) {
        rc = look_up(s, s->targets[k], err);
        if (rc == 0 && s->targets[k]->gone)
            ax_items_drop(&s->items, s->targets[k]);
    }
    return rc;
}

/* ---- taking in ---- */

static int take_in(struct ax_sender *s, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_row *rows = NULL;
    size_t n = READ_AT_ONCE;
    int rc = 0;
    while (rc == 0 && n == READ_AT_ONCE) {
        ax_arena_reset(&a);
        rc = ax_outbox_read(s->n->sql, s->last_id, READ_AT_ONCE, &a, &rows, &n, err);
        for (size_t k = 0; rc == 0 && k < n; k++) {
            struct ax_target *t = target(s, rows[k].method);
            if (t->gone)
                rc = look_up(s, t, err);
            if (rc < 0)
                break;
            s->last_id = rows[k].id;
            if (!t->gone)
                ax_items_add(&s->items, &rows[k], t);
            if (!t->gone && s->loaded)
                AX_COUNT(s, t->type, queued, 1);
        }
    }
    ax_arena_free(&a);
    s->loaded |= rc == 0;
    return rc;
}

static void hear(struct ax_sender *s)
{
    static struct ax_log_limit limit;
    struct ax_err err = {0};
    int rc = 0;
    if (atomic_exchange(&s->n->methods_changed, false) && (rc = look_up_all(s, &err)) < 0)
        atomic_store(&s->n->methods_changed, true);
    if (rc == 0 && atomic_exchange(&s->woken, false) && (rc = take_in(s, &err)) < 0)
        atomic_store(&s->woken, true);
    if (rc < 0)
        ax_log_limited(&limit, 60, AX_LOG_ERROR, "%s", err.text);
}

/* ---- beginning ---- */

static bool is_suspect(const struct ax_target *t)
{
    return !t->proven || t->fails > 0;
}

/* Half of the transfers are kept for targets that work: those that hang, be they ever so many,
 * hold up each other. */
static bool has_room(const struct ax_sender *s, const struct ax_target *t)
{
    const struct ax_notify_options *o = &s->n->o;
    int most = t->type == AX_NOTIFY_EMAIL    ? o->mails
               : t->type == AX_NOTIFY_SCRIPT ? o->scripts
                                             : o->transfers;
    return s->nflights < o->transfers && s->by_type[t->type] < most &&
           (!is_suspect(t) || s->suspects < (o->transfers + 1) / 2);
}

/* What goes in one transfer: one, but for alerts, which an Alertmanager takes by the dozen. */
static void pick(struct ax_flight *f, int64_t now)
{
    struct ax_target *t = f->target;
    f->items[f->n++] = ax_target_pop(t);
    while (t->type == AX_NOTIFY_ALERTMANAGER && f->n < AX_SENDER_TOGETHER && t->n > 0 &&
           t->heap[0]->due <= now && !t->heap[0]->alone && !f->items[0]->alone)
        f->items[f->n++] = ax_target_pop(t);
}

/* Reads what the items say; those without a row are left out. */
static int read_letters(struct ax_sender *s, struct ax_flight *f, struct ax_arena *a,
                        struct ax_letter *l, struct ax_err *err)
{
    size_t n = 0;
    int rc = 0;
    ax_sql_lock(s->n->sql);
    for (size_t k = 0; k < f->n; k++) {
        struct ax_item *i = f->items[k];
        int there = rc < 0 ? rc : ax_outbox_letter(s->n->sql, i->id, a, &l[n], err);
        if (there == 0) {
            ax_settle_gone(s, i);
            continue;
        }
        if (there < 0)
            rc = there;
        else
            i->ok = ax_str_eq(l[n].x.state, AX_STR("OK"));
        l[n].now = ax_notify_now(s->n);
        f->items[n++] = i;
    }
    ax_sql_unlock(s->n->sql);
    f->n = n;
    return rc;
}

static void end_flight(struct ax_sender *s, struct ax_flight *f)
{
    struct ax_flight **at = &s->flights;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    s->nflights--;
    s->by_type[f->try.type]--;
    s->suspects -= f->suspect;
    f->target->busy--;
    if (f->try.easy)
        curl_multi_remove_handle(s->multi, f->try.easy);
    ax_try_end(&f->try);
    free(f);
}

static void start(struct ax_sender *s, struct ax_flight *f, const struct ax_letter *l)
{
    struct ax_target *t = f->target;
    ax_try_begin(&f->try, s->n, t->type, ax_str(t->address), l, f->n);
    f->suspect = is_suspect(t);
    f->next = s->flights;
    s->flights = f;
    s->nflights++;
    s->suspects += f->suspect;
    s->by_type[t->type]++;
    if (f->try.easy && !f->try.done) {
        curl_easy_setopt(f->try.easy, CURLOPT_PRIVATE, f);
        curl_multi_add_handle(s->multi, f->try.easy);
    }
    if (f->try.done) {
        ax_settle_flight(s, f);
        end_flight(s, f);
    }
}

static void begin_one(struct ax_sender *s, struct ax_target *t, int64_t now)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_flight *f = ax_calloc(1, sizeof *f);
    struct ax_letter *l = AX_NEWS(&a, struct ax_letter, AX_SENDER_TOGETHER);
    struct ax_err err = {0};
    f->target = t;
    pick(f, now);
    int rc = read_letters(s, f, &a, l, &err);
    if (rc == 0 && f->n > 0) {
        ax_target_began(t, now);
        start(s, f, l);
    } else {
        if (rc < 0)
            ax_log(AX_LOG_ERROR, "%s", err.text);
        for (size_t k = 0; k < f->n; k++) {
            f->items[k]->due = now + WAIT_MAX_MS;
            ax_target_push(t, f->items[k]);
        }
        free(f);
    }
    ax_arena_free(&a);
}

/* Begins what may begin, each target in its turn, and tells when there is more: in ms from now. */
static int64_t begin_due(struct ax_sender *s)
{
    int64_t now = ax_notify_now(s->n), wait = WAIT_MAX_MS;
    size_t from = s->first;
    for (size_t k = 0; k < s->ntargets; k++) {
        struct ax_target *t = s->targets[(from + k) % s->ntargets];
        int64_t at = INT64_MAX;
        while (has_room(s, t) && (at = ax_target_next(t, &s->n->o, now)) <= now)
            begin_one(s, t, now);
        if (at > now && at - now < wait)
            wait = at - now;
    }
    s->first = s->ntargets ? (from + 1) % s->ntargets : 0;
    return wait;
}

/* ---- ending ---- */

static void reap_transfers(struct ax_sender *s)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(s->multi, &left))) {
        struct ax_flight *f = NULL;
        CURLcode rc = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&f);
        ax_try_curl(&f->try, rc);
        ax_settle_flight(s, f);
        end_flight(s, f);
    }
}

static void reap_scripts(struct ax_sender *s)
{
    for (struct ax_flight *f = s->flights, *next; f; f = next) {
        next = f->next;
        if (f->try.pid <= 0)
            continue;
        ax_script_look(&f->try, s->n);
        if (f->try.done) {
            ax_settle_flight(s, f);
            end_flight(s, f);
        }
    }
}

static void settle(struct ax_sender *s)
{
    if (s->noutcomes >= SETTLE_AT_ONCE || (s->noutcomes && ax_mono_ns() >= s->settle_at_ns))
        ax_settle_write(s);
}

/* ---- the loop ---- */

static void publish(struct ax_sender *s)
{
    int64_t now = ax_mono_ns();
    uint64_t waiting = 0, repeating = 0;
    int64_t oldest = INT64_MAX;
    if (s->items.n > 1000 && now - s->published_ns < 1000000000ll)
        return;
    for (size_t b = 0; b < s->items.nbuckets; b++)
        for (struct ax_item *i = s->items.buckets[b]; i; i = i->next) {
            bool stands = i->repeat > 0 && i->tries == 0 && i->state == AX_ITEM_READY;
            repeating += stands;
            waiting += !stands;
            if (!stands && i->created < oldest)
                oldest = i->created;
        }
    s->published_ns = now;
    pthread_mutex_lock(&s->lock);
    s->stats.waiting = waiting;
    s->stats.repeating = repeating;
    s->stats.busy = (uint64_t)s->nflights;
    s->oldest_created = waiting ? oldest : INT64_MAX;
    pthread_mutex_unlock(&s->lock);
}

static void wait_for(struct ax_sender *s, int64_t ms)
{
    struct curl_waitfd fds[FDS_MAX];
    unsigned n = 0;
    for (struct ax_flight *f = s->flights; f; f = f->next)
        if (f->try.pidfd >= 0 && n < FDS_MAX) {
            fds[n++] = (struct curl_waitfd){.fd = f->try.pidfd, .events = CURL_WAIT_POLLIN};
            ms = ms < 100 ? ms : 100; /* a script may run late */
        }
    if (s->noutcomes) {
        int64_t left = (s->settle_at_ns - ax_mono_ns()) / 1000000 + 1;
        ms = left < ms ? left : ms;
    }
    curl_multi_poll(s->multi, fds, n, ms > 0 ? (int)ms : 0, NULL);
}

static void turn(struct ax_sender *s, bool begins)
{
    int running;
    if (begins)
        hear(s);
    curl_multi_perform(s->multi, &running);
    reap_transfers(s);
    reap_scripts(s);
    settle(s);
    int64_t ms = begins ? begin_due(s) : WAIT_MAX_MS;
    publish(s);
    wait_for(s, ms);
}

static void *run(void *arg)
{
    struct ax_sender *s = arg;
    while (!atomic_load(&s->quit))
        turn(s, true);
    int64_t until = ax_mono_ns() + GOODBYE_MS * 1000000ll;
    while (s->flights && ax_mono_ns() < until)
        turn(s, false);
    while (s->flights) /* their rows stay */
        end_flight(s, s->flights);
    ax_settle_write(s);
    return NULL;
}

/* ---- beginning and end ---- */

void ax_sender_wake(struct ax_sender *s)
{
    atomic_store(&s->woken, true);
    curl_multi_wakeup(s->multi);
}

void ax_sender_stats(struct ax_sender *s, struct ax_notify_stats *out)
{
    pthread_mutex_lock(&s->lock);
    *out = s->stats;
    int64_t created = s->oldest_created, now = ax_notify_now(s->n);
    out->oldest_ms = created < now ? now - created : 0;
    pthread_mutex_unlock(&s->lock);
}

static void destroy(struct ax_sender *s)
{
    ax_items_free(&s->items);
    for (size_t k = 0; k < s->ntargets; k++)
        ax_target_free(s->targets[k]);
    free(s->targets);
    free(s->outcomes);
    ax_map_free(&s->by_id);
    curl_multi_cleanup(s->multi);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int ax_sender_start(struct ax_notify *n, struct ax_err *err)
{
    struct ax_sender *s = ax_calloc(1, sizeof *s);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    s->n = n;
    s->oldest_created = INT64_MAX;
    pthread_mutex_init(&s->lock, NULL);
    AX_ASSERT(getrandom(&s->chance, sizeof s->chance, 0) == sizeof s->chance);
    s->multi = curl_multi_init();
    int rc = take_in(s, err); /* what is there from before */
    if (rc == 0 && !s->multi)
        rc = ax_fail(err, -ENOMEM, "cannot set up the sender of notifications");
    if (rc == 0 && (rc = -pthread_create(&s->thread, NULL, run, s)) < 0)
        ax_fail(err, rc, "cannot start the sender of notifications: %s", strerror(-rc));
    if (rc < 0)
        destroy(s);
    else
        n->sender = s;
    return rc;
}

void ax_sender_stop(struct ax_sender *s)
{
    if (!s)
        return;
    atomic_store(&s->quit, true);
    curl_multi_wakeup(s->multi);
    pthread_join(s->thread, NULL);
    destroy(s);
}
