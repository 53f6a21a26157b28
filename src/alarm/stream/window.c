// SPDX-License-Identifier: Apache-2.0
#include "alarm/stream/window.h"

size_t ax_window_size(const struct ax_sub *s)
{
    size_t older = s->function == AX_LAST ? 0 : s->times + 1;
    return sizeof(struct ax_window) + older * sizeof(struct ax_slot);
}

/* How many slots are kept, the newest included. */
static int64_t kept(const struct ax_window *w)
{
    return w->times + 2;
}

/* After a closer look: may samples of the newest slot just go in? Those of `last` have one slot,
 * from the newest sample on. */
static void reopen(struct ax_window *w)
{
    if (w->function == AX_LAST) {
        w->from = w->heard;
        w->open = w->newest.n ? UINT32_MAX : 0;
        return;
    }
    bool open = w->top > w->judged && w->newest.n;
    w->from = open ? w->top * w->period : 0;
    w->open = open ? w->period : 0;
}

static void set_rule(struct ax_window *w, const struct ax_sub *s)
{
    w->function = s->function & 15;
    w->op = s->op & 15;
    w->deterministic = s->deterministic;
    w->threshold = s->threshold;
    w->period = s->period * 1000;
    w->times = (uint16_t)s->times;
}

void ax_window_init(struct ax_window *w, const struct ax_sub *s)
{
    memset(w, 0, ax_window_size(s));
    w->top = w->judged = w->heard = w->view = AX_LONG_AGO;
    w->state = s->deterministic ? AX_OK : AX_NO_STATE;
    set_rule(w, s);
    reopen(w);
}

void ax_window_continue(struct ax_window *w, const struct ax_sub *s, const struct ax_window *from)
{
    memcpy(w, from, ax_window_size(s));
    set_rule(w, s);
    if (w->state == AX_UNDETERMINED && s->deterministic)
        w->state = AX_OK;
    reopen(w);
}

/* The slot of number k, of those that are kept; NULL for others, which are empty. */
static const struct ax_slot *slot_at(const struct ax_window *w, int64_t k)
{
    int64_t back = w->top - k, at = w->head + 1 - back;
    if (back < 0 || back >= kept(w))
        return NULL;
    return back == 0 ? &w->newest : &w->older[at < 0 ? at + w->times + 1 : at];
}

static double value_of(const struct ax_slot *slot, uint8_t function)
{
    switch (function) {
    case AX_AVG: return slot->v / (double)slot->n;
    case AX_COUNT: return (double)slot->n;
    default: return slot->v;
    }
}

static bool exceeds(const struct ax_window *w, const struct ax_slot *slot)
{
    return ax_exceeds((enum ax_operator)w->op, value_of(slot, w->function), w->threshold);
}

/* Can samples that are still to come only make it exceed (1), only make it not exceed (-1)? */
static int tends(const struct ax_window *w)
{
    bool above = w->op == AX_GT || w->op == AX_GTE;
    switch (w->function) {
    case AX_MAX:
    case AX_COUNT: return above ? 1 : -1;
    case AX_MIN: return above ? -1 : 1;
    default: return 0;
    }
}

static bool set(struct ax_window *w, enum ax_state state)
{
    bool changed = w->state != state;
    w->state = (uint8_t)state;
    return changed;
}

/* What the view that ends with slot e says; AX_NO_STATE: nothing. */
static enum ax_state verdict(const struct ax_window *w, int64_t e)
{
    bool all = true;
    for (int64_t k = e - w->times + 1; k <= e; k++) {
        const struct ax_slot *slot = slot_at(w, k);
        if (!slot || !slot->n)
            all = false;
        else if (!exceeds(w, slot))
            return AX_OK;
    }
    return all ? AX_ALARM : AX_NO_STATE;
}

static bool judge_next(struct ax_window *w)
{
    w->judged++;
    enum ax_state v = verdict(w, w->judged);
    if (v != AX_NO_STATE)
        w->view = w->judged;
    return v != AX_NO_STATE && set(w, v);
}

/* The first slot that is kept is where judging goes on after a gap. */
static void skip_gap(struct ax_window *w)
{
    if (w->judged < w->top - kept(w))
        w->judged = w->top - kept(w);
}

bool ax_window_room(struct ax_window *w, int64_t t, const struct ax_moment *m)
{
    int64_t period = w->period;
    bool changed = false;
    if (w->function == AX_LAST || (w->top != AX_LONG_AGO && t < (w->top + 1) * period))
        return false;
    int64_t k = ax_slot_of(t, period);
    if (k > ax_slot_of(m->now, period) + 1)
        return false;
    skip_gap(w);
    while (!changed && w->judged < w->top && w->judged + 1 < k - 2)
        changed = judge_next(w);
    reopen(w);
    return changed;
}

static void open_slot(struct ax_window *w, int64_t k)
{
    int64_t steps = k - w->top < kept(w) ? k - w->top : kept(w);
    for (int64_t i = 0; i < steps; i++) {
        w->head = (uint16_t)(w->head < w->times ? w->head + 1 : 0);
        w->older[w->head] = w->newest;
        w->newest = (struct ax_slot){0};
    }
    w->top = k;
}

/* The slot for a sample that is not in the newest one; NULL when it has no place. */
static struct ax_slot *place(struct ax_window *w, int64_t k, const struct ax_moment *m)
{
    int64_t over = ax_slot_of(m->over, w->period) - 1;
    if (w->judged < over && w->top <= w->judged)
        w->judged = over;
    if (k < w->judged + 2 - w->times || k > ax_slot_of(m->now, w->period) + 1)
        return NULL;
    if (k > w->top)
        open_slot(w, k);
    return (struct ax_slot *)(uintptr_t)slot_at(w, k);
}

static void add(struct ax_slot *slot, uint8_t function, double v)
{
    switch (function) {
    case AX_MAX: slot->v = slot->n && slot->v > v ? slot->v : v; break;
    case AX_MIN: slot->v = slot->n && slot->v < v ? slot->v : v; break;
    case AX_AVG:
    case AX_SUM: slot->v += v; break;
    }
    slot->n++;
}

/* Slot k has begun to exceed: the newest view with it that says ALARM, if there is one. */
static bool alarm_at_once(struct ax_window *w, int64_t k)
{
    int64_t e = k + w->times - 1 < w->top ? k + w->times - 1 : w->top;
    for (; e >= k && (e == w->top || e > w->judged); e--)
        if (verdict(w, e) == AX_ALARM) {
            w->judged = w->judged > e - 1 ? w->judged : e - 1;
            w->view = e;
            return set(w, AX_ALARM);
        }
    return false;
}

static bool ok_at_once(struct ax_window *w, int64_t k)
{
    if (k <= w->judged && k <= w->top - w->times)
        return false;
    w->judged = w->judged > k - 1 ? w->judged : k - 1;
    w->view = k;
    return set(w, AX_OK);
}

static bool take_last(struct ax_window *w, int64_t t, double v)
{
    if (t < w->heard)
        return false;
    w->heard = t;
    w->newest = (struct ax_slot){v, 1};
    return set(w, exceeds(w, &w->newest) ? AX_ALARM : AX_OK);
}

static bool take(struct ax_window *w, int64_t t, double v, const struct ax_moment *m,
                 uint64_t *left_out)
{
    int64_t period = w->period, k = w->top;
    struct ax_slot *slot = &w->newest;
    if (k < w->judged + 2 - w->times || k == AX_LONG_AGO ||
        (uint64_t)(t - k * period) >= (uint64_t)period) {
        k = ax_slot_of(t, period);
        slot = place(w, k, m);
        if (!slot) {
            ++*left_out;
            return false;
        }
    }
    int tendency = tends(w);
    bool had = slot->n > 0, before = had && tendency && exceeds(w, slot);
    add(slot, w->function, v);
    if (t > w->heard)
        w->heard = t;
    if (!tendency)
        return false;
    bool after = exceeds(w, slot);
    if (tendency > 0)
        return after && !before && alarm_at_once(w, k);
    return !after && (before || !had) && ok_at_once(w, k);
}

bool ax_window_take(struct ax_window *w, int64_t t, double v, const struct ax_moment *m,
                    uint64_t *left_out)
{
    bool changed = w->function == AX_LAST ? take_last(w, t, v) : take(w, t, v, m, left_out);
    reopen(w);
    return changed;
}

static enum ax_state silent_state(const struct ax_window *w)
{
    return w->deterministic ? AX_OK : AX_UNDETERMINED;
}

static int64_t silence_at(const struct ax_window *w, const struct ax_moment *m)
{
    if (w->state == silent_state(w) || (w->state == AX_NO_STATE && w->heard == AX_LONG_AGO))
        return AX_NEVER;
    return (w->heard > m->listen ? w->heard : m->listen) + 2ll * w->period * w->times;
}

static int64_t end_at(const struct ax_window *w, const struct ax_moment *m)
{
    if (w->judged >= w->top)
        return AX_NEVER;
    int64_t first = w->top - kept(w) + 1, next = w->judged + 1 > first ? w->judged + 1 : first;
    int64_t at = (next + 1) * w->period + m->delay;
    return at > m->hold ? at : m->hold;
}

int64_t ax_window_due(const struct ax_window *w, const struct ax_moment *m)
{
    if (w->function == AX_LAST)
        return AX_NEVER;
    int64_t end = end_at(w, m), silence = silence_at(w, m);
    return end < silence ? end : silence;
}

int64_t ax_window_poll(const struct ax_window *w, const struct ax_moment *m)
{
    if (w->function == AX_LAST || w->top == AX_LONG_AGO)
        return AX_NEVER;
    int64_t next = (w->judged > w->top ? w->judged : w->top) + 1;
    int64_t at = (next + 1) * w->period + m->delay;
    return at > m->now ? at : AX_NEVER;
}

bool ax_window_judge(struct ax_window *w, const struct ax_moment *m)
{
    if (w->function == AX_LAST)
        return false;
    int64_t end = end_at(w, m), silence = silence_at(w, m);
    if (end > silence || end > m->now)
        return silence <= m->now && set(w, silent_state(w));
    skip_gap(w);
    bool changed = judge_next(w);
    reopen(w);
    return changed;
}

static bool settle(struct ax_window *w)
{
    if (!w->newest.n)
        return false;
    bool exceeding = exceeds(w, &w->newest);
    if (w->function == AX_LAST)
        return set(w, exceeding ? AX_ALARM : AX_OK);
    int tendency = tends(w);
    if (tendency > 0 && exceeding && w->state != AX_ALARM)
        return alarm_at_once(w, w->top);
    if (tendency < 0 && !exceeding && w->state != AX_OK && w->top > w->judged)
        return ok_at_once(w, w->top);
    return false;
}

bool ax_window_settle(struct ax_window *w)
{
    bool changed = settle(w);
    reopen(w);
    return changed;
}

size_t ax_window_values(const struct ax_window *w, double *out, size_t most)
{
    size_t n = 0;
    if (w->function == AX_LAST) {
        if (most && w->newest.n)
            out[n++] = w->newest.v;
        return n;
    }
    for (int64_t k = w->view - w->times + 1; k <= w->view && n < most; k++) {
        const struct ax_slot *slot = slot_at(w, k);
        if (slot && slot->n)
            out[n++] = value_of(slot, w->function);
    }
    return n;
}
