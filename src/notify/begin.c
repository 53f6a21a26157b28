// SPDX-License-Identifier: Apache-2.0
/* Who is sent now: picked from the targets in turn, read in one go, begun. */
#include "notify/sender.h"

#include <stdlib.h>

#define PICK_AT_ONCE   64
#define SLACK_TOGETHER 20   /* attachments of one message */
#define UNREAD_MS      1000 /* until what could not be read is tried again */

static bool is_suspect(const struct ax_outlet *t)
{
    return !t->proven || t->fails > 0;
}

/* Half of the transfers are kept for targets that work: those that hang, be they ever so many,
 * hold up each other. */
static bool has_room(const struct ax_sender *s, const struct ax_outlet *t)
{
    const struct ax_notify_options *o = &s->n->o;
    int most = t->type == AX_NOTIFY_EMAIL    ? o->mails
               : t->type == AX_NOTIFY_SCRIPT ? o->scripts
                                             : o->transfers;
    return s->nflights < o->transfers && s->by_type[t->type] < most &&
           (!is_suspect(t) || s->suspects < (o->transfers + 1) / 2);
}

/* An Alertmanager takes alerts by the dozen; people get several in one message when there are more
 * than they would read one by one. Programs get each on its own. */
static size_t together(const struct ax_sender *s, const struct ax_outlet *t)
{
    bool many = t->n > (size_t)s->n->o.burst;
    switch (t->type) {
    case AX_NOTIFY_ALERTMANAGER: return AX_SENDER_TOGETHER;
    case AX_NOTIFY_EMAIL: return many ? AX_SENDER_TOGETHER : 1;
    case AX_NOTIFY_SLACK: return many ? SLACK_TOGETHER : 1;
    default: return 1;
    }
}

static struct ax_flight *pick(struct ax_sender *s, struct ax_outlet *t, int64_t now)
{
    struct ax_flight *f = ax_calloc(1, sizeof *f);
    f->target = t;
    f->type = t->type;
    f->suspect = is_suspect(t);
    size_t most = together(s, t);
    f->items[f->n++] = ax_outlet_pop(t);
    while (f->n < most && t->n > 0 && t->heap[0]->due <= now && !t->heap[0]->alone &&
           !f->items[0]->alone)
        f->items[f->n++] = ax_outlet_pop(t);
    ax_outlet_began(t);
    s->nflights++;
    s->by_type[f->type]++;
    s->suspects += f->suspect;
    f->next = s->flights;
    s->flights = f;
    return f;
}

static size_t pick_due(struct ax_sender *s, struct ax_flight **picked, int64_t *wait)
{
    int64_t now = ax_notify_now(s->n);
    size_t n = 0, from = s->first;
    for (size_t k = 0; k < s->ntargets; k++) {
        struct ax_outlet *t = s->targets[(from + k) % s->ntargets];
        int64_t at = INT64_MAX;
        while (n < PICK_AT_ONCE && has_room(s, t) && (at = ax_outlet_next(t, &s->n->o, now)) <= now)
            picked[n++] = pick(s, t, now);
        if (at > now && at - now < *wait)
            *wait = at - now;
    }
    s->first = s->ntargets ? (from + 1) % s->ntargets : 0;
    if (n == PICK_AT_ONCE)
        *wait = 0; /* there may be more */
    return n;
}

static bool is_quiet(const struct ax_sender *s, const struct ax_flight *f,
                     const struct ax_letter *l)
{
    const struct ax_notify_options *o = &s->n->o;
    return l->repeat > 0 && o->quiet && f->type != AX_NOTIFY_ALERTMANAGER &&
           o->quiet(o->quiet_ctx, l->x.tenant, l->x.alarm);
}

static void note_state(struct ax_item *i, struct ax_str state)
{
    i->ok = ax_str_eq(state, AX_STR("OK"));
    i->plain = ax_str_eq(state, AX_STR(AX_NOTIFY_PLAIN));
}

/* Reads what the items say; those without a row, and repeats that nobody wants, are left out. */
static int read_letters(struct ax_sender *s, struct ax_flight *f, struct ax_arena *a,
                        struct ax_err *err)
{
    size_t n = 0;
    int rc = 0;
    f->letters = AX_NEWS(a, struct ax_letter, f->n);
    for (size_t k = 0; k < f->n; k++) {
        struct ax_item *i = f->items[k];
        int there = rc < 0 ? rc : ax_outbox_letter(s->n->sql, i->id, a, &f->letters[n], err);
        if (there == 0) {
            ax_settle_gone(s, i);
            continue;
        }
        if (there > 0 && is_quiet(s, f, &f->letters[n])) {
            ax_settle_quiet(s, i);
            continue;
        }
        if (there < 0)
            rc = there;
        else
            note_state(i, f->letters[n].x.state);
        f->letters[n].now = ax_notify_now(s->n);
        f->items[n++] = i;
    }
    f->n = n;
    return rc;
}

static void put_back(struct ax_sender *s, struct ax_flight *f)
{
    for (size_t k = 0; k < f->n; k++) {
        f->items[k]->due = ax_notify_now(s->n) + UNREAD_MS;
        ax_outlet_push(f->target, f->items[k]);
    }
    f->n = 0;
}

/* True when it is over already: there is room for another. */
static bool start(struct ax_sender *s, struct ax_flight *f)
{
    struct ax_outlet *t = f->target;
    if (f->n > 0)
        ax_try_begin(&f->try, s->n, f->type, ax_str(t->address), f->letters, f->n);
    if (f->n > 0 && f->try.easy && !f->try.done) {
        curl_easy_setopt(f->try.easy, CURLOPT_PRIVATE, f);
        f->adding = curl_multi_add_handle(s->multi, f->try.easy) == CURLM_OK;
        if (!f->adding)
            ax_try_finish(&f->try, AX_AGAIN, "no memory for a transfer");
    }
    if (f->n > 0 && f->try.done)
        ax_settle_flight(s, f);
    bool over = f->n == 0 || f->try.done;
    if (over)
        ax_sender_end(s, f);
    return over;
}

/* The lock is taken once, and only when there is something to read: behind it others commit. */
int64_t ax_sender_begin(struct ax_sender *s, int64_t wait, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_flight *picked[PICK_AT_ONCE];
    bool news = atomic_load(&s->woken) || atomic_load(&s->n->methods_changed);
    int rc = 0;
    if (news) {
        ax_sql_lock(s->n->sql);
        rc = ax_sender_hear(s, err);
    }
    size_t n = pick_due(s, picked, &wait);
    if (n > 0 && !news)
        ax_sql_lock(s->n->sql);
    for (size_t k = 0; k < n; k++) {
        int one = read_letters(s, picked[k], &a, err);
        if (one < 0)
            put_back(s, picked[k]);
        rc = rc < 0 ? rc : one;
    }
    if (n > 0 || news)
        ax_sql_unlock(s->n->sql);
    for (size_t k = 0; k < n; k++)
        if (start(s, picked[k]))
            wait = 0;
    ax_arena_free(&a);
    return rc < 0 ? rc : wait;
}
