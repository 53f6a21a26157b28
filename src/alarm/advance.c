// SPDX-License-Identifier: Apache-2.0
/* The life of an alarm:
 *
 *             condition holds            `for` is over               keep_firing_for is over
 *   (nothing) ----------------> pending ----------------> firing ------------------------>
 * (nothing) |                        ^ | | condition ends         | | condition ends: cleared_at v
 * +-+ condition again: cleared_at = 0 (nothing)
 */
#include "alarm/inner.h"

#include <stdlib.h>
#include <string.h>

#define REWORD_MS 30000 /* an Alertmanager hears of it each minute */

void ax_watch_note(struct ax_watch *w, enum ax_change_kind kind, const struct ax_alarm *al,
                   int64_t now, bool gone)
{
    struct ax_changes *out = &w->owed;
    struct ax_arena *a = &out->arena;
    if (out->n == out->cap) {
        size_t cap = out->cap ? out->cap * 2 : 8;
        out->v = ax_arena_grow(a, out->v, out->cap * sizeof *out->v, cap * sizeof *out->v);
        out->cap = cap;
    }
    out->v[out->n++] = (struct ax_change){.kind = kind,
                                          .labels = {ax_arena_str(a, al->labels.bytes)},
                                          .summary = ax_arena_str(a, ax_str(al->summary)),
                                          .annotations = ax_arena_str(a, ax_str(al->annotations)),
                                          .time = now,
                                          .fired_at = al->fired_at,
                                          .gone = gone};
}

static char *copy(struct ax_str s)
{
    char *p = ax_malloc(s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

static void free_alarm(struct ax_alarm *al)
{
    free(al->annotations);
    free(al->summary);
    ax_free_ptr(&al->labels.bytes.p);
}

struct ax_alarm *ax_watch_find(struct ax_watch *w, struct ax_labels labels)
{
    for (size_t i = 0; i < w->n; i++)
        if (ax_str_eq(w->alarms[i].labels.bytes, labels.bytes))
            return &w->alarms[i];
    return NULL;
}

struct ax_alarm *ax_watch_add(struct ax_watch *w, struct ax_labels labels,
                              struct ax_str annotations, struct ax_str summary)
{
    if (w->n == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 8;
        w->alarms = ax_realloc(w->alarms, w->cap * sizeof *w->alarms);
    }
    struct ax_alarm *al = &w->alarms[w->n++];
    *al = (struct ax_alarm){.labels = {{copy(labels.bytes), labels.bytes.n}},
                            .annotations = copy(annotations),
                            .summary = copy(summary)};
    return al;
}

/* The condition holds. */
static void holds(struct ax_watch *w, const struct ax_found *f, struct ax_alarm *al, int64_t now)
{
    bool fresh = !al, other = al && !ax_str_eq(ax_str(al->annotations), f->annotations);
    if (fresh) {
        al = ax_watch_add(w, f->labels, f->annotations, f->summary);
        al->active_at = now;
    } else {
        free(al->annotations);
        free(al->summary);
        al->annotations = copy(f->annotations);
        al->summary = copy(f->summary);
    }
    bool again = al->cleared_at != 0;
    al->unsaid |= other;
    al->cleared_at = 0;
    al->value = f->value;
    al->seen = true;
    if (al->state == AX_ALARM_PENDING && now - al->active_at >= w->rule->for_ms) {
        al->state = AX_ALARM_FIRING;
        al->fired_at = al->told_at = now;
        al->unsaid = false;
        ax_watch_note(w, AX_CHANGE_FIRING, al, now, false);
    } else if (al->state == AX_ALARM_FIRING && al->unsaid && now - al->told_at >= REWORD_MS) {
        al->told_at = now;
        al->unsaid = false;
        ax_watch_note(w, AX_CHANGE_WORDED, al, now, false);
    } else if (fresh || again) {
        ax_watch_note(w, AX_CHANGE_KEPT, al, now, false);
    }
}

/* The condition does not hold; true when the alarm ends with it. */
static bool ends(struct ax_watch *w, struct ax_alarm *al, int64_t now)
{
    bool firing = al->state == AX_ALARM_FIRING;
    if (firing && w->rule->keep_firing_ms > 0) {
        if (al->cleared_at == 0) {
            al->cleared_at = now;
            ax_watch_note(w, AX_CHANGE_KEPT, al, now, false);
        }
        if (now - al->cleared_at < w->rule->keep_firing_ms)
            return false;
    }
    ax_watch_note(w, firing ? AX_CHANGE_RESOLVED : AX_CHANGE_KEPT, al, now, true);
    return true;
}

void ax_watch_advance(struct ax_watch *w, const struct ax_found *found, size_t n, int64_t now)
{
    struct ax_map known = AX_MAP_INIT;
    for (size_t i = 0; i < w->n; i++) {
        w->alarms[i].seen = false;
        ax_map_put(&known, w->alarms[i].labels.bytes, i);
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t at;
        bool there = ax_map_get(&known, found[i].labels.bytes, &at);
        holds(w, &found[i], there ? &w->alarms[at] : NULL, now);
    }
    ax_map_free(&known);
    size_t kept = 0;
    for (size_t i = 0; i < w->n; i++) {
        if (!w->alarms[i].seen && ends(w, &w->alarms[i], now))
            free_alarm(&w->alarms[i]);
        else
            w->alarms[kept++] = w->alarms[i];
    }
    w->n = kept;
}

void ax_watch_end(struct ax_watch *w, int64_t now)
{
    for (size_t i = 0; i < w->n; i++) {
        bool fires = w->alarms[i].state == AX_ALARM_FIRING;
        ax_watch_note(w, fires ? AX_CHANGE_RESOLVED : AX_CHANGE_KEPT, &w->alarms[i], now, true);
        free_alarm(&w->alarms[i]);
    }
    w->n = 0;
}

void ax_watch_free(struct ax_watch *w)
{
    for (size_t i = 0; i < w->n; i++)
        free_alarm(&w->alarms[i]);
    free(w->alarms);
    free(w->error);
    ax_arena_free(&w->owed.arena);
    ax_condition_end(w->condition);
    ax_map_free(&w->published);
    ax_arena_free(&w->published_bytes);
}
