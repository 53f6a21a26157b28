// SPDX-License-Identifier: Apache-2.0
#include "alarm/stream/window.h"

static int64_t period_ms(const struct ax_sub *s)
{
    return (int64_t)s->period * 1000;
}

size_t ax_window_size(const struct ax_sub *s)
{
    size_t slots = s->function == AX_LAST ? 1 : s->times + 2;
    return sizeof(struct ax_window) + slots * sizeof(struct ax_slot);
}

void ax_window_init(struct ax_window *w, const struct ax_sub *s)
{
    *w = (struct ax_window){.top = AX_LONG_AGO,
                            .judged = AX_LONG_AGO,
                            .heard = AX_LONG_AGO,
                            .view = AX_LONG_AGO,
                            .cap = (uint16_t)(s->function == AX_LAST ? 1 : s->times + 2),
                            .state = s->deterministic ? AX_OK : AX_NO_STATE};
    memset(w->slots, 0, w->cap * sizeof *w->slots);
}

/* The slot of number k, of those that are kept; NULL for others, which are empty. */
static struct ax_slot *slot_at(struct ax_window *w, int64_t k)
{
    int64_t back = w->top - k;
    if (back < 0 || back >= w->cap)
        return NULL;
    return &w->slots[w->head >= back ? w->head - back : w->head - back + w->cap];
}

static double value_of(const struct ax_slot *slot, enum ax_function f)
{
    switch (f) {
    case AX_AVG: return slot->v / (double)slot->n;
    case AX_COUNT: return (double)slot->n;
    default: return slot->v;
    }
}

static bool exceeds(const struct ax_slot *slot, const struct ax_sub *s)
{
    return ax_exceeds(s->op, value_of(slot, s->function), s->threshold);
}

/* Can samples that are still to come only make it exceed (1), only make it not exceed (-1)? */
static int tends(const struct ax_sub *s)
{
    bool above = s->op == AX_GT || s->op == AX_GTE;
    switch (s->function) {
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
static enum ax_state verdict(struct ax_window *w, const struct ax_sub *s, int64_t e)
{
    bool all = true;
    for (int64_t k = e - s->times + 1; k <= e; k++) {
        const struct ax_slot *slot = slot_at(w, k);
        if (!slot || !slot->n)
            all = false;
        else if (!exceeds(slot, s))
            return AX_OK;
    }
    return all ? AX_ALARM : AX_NO_STATE;
}

static bool judge_next(struct ax_window *w, const struct ax_sub *s)
{
    w->judged++;
    enum ax_state v = verdict(w, s, w->judged);
    if (v != AX_NO_STATE)
        w->view = w->judged;
    return v != AX_NO_STATE && set(w, v);
}

/* The first slot that is kept is where judging goes on after a gap. */
static void skip_gap(struct ax_window *w)
{
    if (w->judged < w->top - w->cap)
        w->judged = w->top - w->cap;
}

bool ax_window_room(struct ax_window *w, const struct ax_sub *s, int64_t t,
                    const struct ax_moment *m)
{
    int64_t period = period_ms(s);
    if (s->function == AX_LAST || (w->top != AX_LONG_AGO && t < (w->top + 1) * period))
        return false;
    int64_t k = ax_slot_of(t, period);
    if (k > ax_slot_of(m->now, period) + 1)
        return false;
    skip_gap(w);
    while (w->judged < w->top && w->judged + 1 < k - 2)
        if (judge_next(w, s))
            return true;
    return false;
}

/* The slot for a sample that is not in the newest one; NULL when it has no place. */
static struct ax_slot *place(struct ax_window *w, const struct ax_sub *s, int64_t k, int64_t period,
                             const struct ax_moment *m)
{
    int64_t over = ax_slot_of(m->over, period) - 1;
    if (w->judged < over && w->top <= w->judged)
        w->judged = over;
    if (k < w->judged + 2 - (int64_t)s->times || k > ax_slot_of(m->now, period) + 1)
        return NULL;
    if (k <= w->top)
        return slot_at(w, k);
    int64_t steps = k - w->top < w->cap ? k - w->top : w->cap;
    for (int64_t i = 0; i < steps; i++) {
        w->head = (uint16_t)(w->head + 1 < w->cap ? w->head + 1 : 0);
        w->slots[w->head] = (struct ax_slot){0};
    }
    w->top = k;
    return &w->slots[w->head];
}

static void add(struct ax_slot *slot, enum ax_function f, double v)
{
    switch (f) {
    case AX_MAX: slot->v = slot->n && slot->v > v ? slot->v : v; break;
    case AX_MIN: slot->v = slot->n && slot->v < v ? slot->v : v; break;
    case AX_AVG:
    case AX_SUM: slot->v += v; break;
    case AX_COUNT:
    case AX_LAST: slot->v = v; break;
    }
    slot->n++;
}

/* Slot k has begun to exceed: the newest view with it that says ALARM, if there is one. */
static bool alarm_at_once(struct ax_window *w, const struct ax_sub *s, int64_t k)
{
    int64_t e = k + s->times - 1 < w->top ? k + s->times - 1 : w->top;
    for (; e >= k && (e == w->top || e > w->judged); e--)
        if (verdict(w, s, e) == AX_ALARM) {
            w->judged = w->judged > e - 1 ? w->judged : e - 1;
            w->view = e;
            return set(w, AX_ALARM);
        }
    return false;
}

static bool ok_at_once(struct ax_window *w, const struct ax_sub *s, int64_t k)
{
    if (k <= w->judged && k <= w->top - s->times)
        return false;
    w->judged = w->judged > k - 1 ? w->judged : k - 1;
    w->view = k;
    return set(w, AX_OK);
}

static bool take_last(struct ax_window *w, const struct ax_sub *s, int64_t t, double v)
{
    if (t < w->heard)
        return false;
    w->heard = t;
    w->slots[0] = (struct ax_slot){v, 1};
    return set(w, ax_exceeds(s->op, v, s->threshold) ? AX_ALARM : AX_OK);
}

bool ax_window_take(struct ax_window *w, const struct ax_sub *s, int64_t t, double v,
                    const struct ax_moment *m, uint64_t *left_out)
{
    if (s->function == AX_LAST)
        return take_last(w, s, t, v);
    int64_t period = period_ms(s), k = w->top;
    struct ax_slot *slot = &w->slots[w->head];
    if (k < w->judged + 2 - (int64_t)s->times || k == AX_LONG_AGO ||
        (uint64_t)(t - k * period) >= (uint64_t)period) {
        k = ax_slot_of(t, period);
        slot = place(w, s, k, period, m);
        if (!slot) {
            ++*left_out;
            return false;
        }
    }
    int tendency = tends(s);
    bool had = slot->n > 0, before = had && tendency && exceeds(slot, s);
    add(slot, s->function, v);
    if (t > w->heard)
        w->heard = t;
    if (!tendency)
        return false;
    bool after = exceeds(slot, s);
    if (tendency > 0)
        return after && !before && alarm_at_once(w, s, k);
    return !after && (before || !had) && ok_at_once(w, s, k);
}

static enum ax_state silent_state(const struct ax_sub *s)
{
    return s->deterministic ? AX_OK : AX_UNDETERMINED;
}

static int64_t silence_at(const struct ax_window *w, const struct ax_sub *s,
                          const struct ax_moment *m)
{
    if (w->state == silent_state(s) || (w->state == AX_NO_STATE && w->heard == AX_LONG_AGO))
        return AX_NEVER;
    return (w->heard > m->listen ? w->heard : m->listen) + 2 * period_ms(s) * s->times;
}

static int64_t end_at(const struct ax_window *w, const struct ax_sub *s, const struct ax_moment *m)
{
    if (w->judged >= w->top)
        return AX_NEVER;
    int64_t first = w->top - w->cap + 1, next = w->judged + 1 > first ? w->judged + 1 : first;
    int64_t at = (next + 1) * period_ms(s) + m->delay;
    return at > m->hold ? at : m->hold;
}

int64_t ax_window_due(const struct ax_window *w, const struct ax_sub *s, const struct ax_moment *m)
{
    if (s->function == AX_LAST)
        return AX_NEVER;
    int64_t end = end_at(w, s, m), silence = silence_at(w, s, m);
    return end < silence ? end : silence;
}

int64_t ax_window_poll(const struct ax_window *w, const struct ax_sub *s, const struct ax_moment *m)
{
    if (s->function == AX_LAST || w->top == AX_LONG_AGO)
        return AX_NEVER;
    int64_t next = (w->judged > w->top ? w->judged : w->top) + 1;
    int64_t at = (next + 1) * period_ms(s) + m->delay;
    return at > m->now ? at : AX_NEVER;
}

bool ax_window_judge(struct ax_window *w, const struct ax_sub *s, const struct ax_moment *m)
{
    if (s->function == AX_LAST)
        return false;
    int64_t end = end_at(w, s, m), silence = silence_at(w, s, m);
    if (end <= silence && end <= m->now) {
        skip_gap(w);
        return judge_next(w, s);
    }
    return silence <= m->now && set(w, silent_state(s));
}

bool ax_window_settle(struct ax_window *w, const struct ax_sub *s)
{
    const struct ax_slot *slot = s->function == AX_LAST ? &w->slots[0] : slot_at(w, w->top);
    if (!slot || !slot->n)
        return false;
    if (s->function == AX_LAST)
        return set(w, exceeds(slot, s) ? AX_ALARM : AX_OK);
    int tendency = tends(s);
    bool exceeding = exceeds(slot, s);
    if (tendency > 0 && exceeding && w->state != AX_ALARM)
        return alarm_at_once(w, s, w->top);
    if (tendency < 0 && !exceeding && w->state != AX_OK && w->top > w->judged)
        return ok_at_once(w, s, w->top);
    return false;
}

size_t ax_window_values(struct ax_window *w, const struct ax_sub *s, double *out, size_t most)
{
    size_t n = 0;
    if (s->function == AX_LAST) {
        if (most && w->slots[0].n)
            out[n++] = w->slots[0].v;
        return n;
    }
    for (int64_t k = w->view - s->times + 1; k <= w->view && n < most; k++) {
        const struct ax_slot *slot = slot_at(w, k);
        if (slot && slot->n)
            out[n++] = value_of(slot, s->function);
    }
    return n;
}
