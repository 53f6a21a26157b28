// SPDX-License-Identifier: Apache-2.0
/* The window of a sub-expression: aggregates of the last periods, and the outcome that follows.
 *
 *        judged        top
 *   | e-1  |  e   | e+1  | e+2  |     slots of one period, aligned to the epoch; times + 2 of them
 *   +------+------+------+------+     are kept. A slot is judged when its period is over and the
 *            <-- times -->            delay has passed: it and the times - 1 before it are its
 * view.
 *
 *   any slot of the view meets the condition not   OK
 *   all do, none is empty                          ALARM
 *   else                                           as it was
 *
 * An outcome that no later sample of the slot can change comes at once: ALARM for max and count
 * with > or >= and min with < or <=, OK for the opposite operators, both for last. When nothing was
 * heard for 2 x period x times: UNDETERMINED, or OK when the sub-expression is deterministic.
 * `last` knows neither periods nor silence. What comes too late for the view is left out, and so is
 * what is more than a period ahead.
 *
 * Pure: times are handed in, in ms. */
#ifndef AX_ALARM_STREAM_WINDOW_H
#define AX_ALARM_STREAM_WINDOW_H

#include "alarm/stream/expression.h"
#include "alarm/stream/stream.h"

#define AX_NEVER    INT64_MAX
#define AX_LONG_AGO (INT64_MIN / 4)

/* How time stands. */
struct ax_moment {
    int64_t now;
    int64_t over;   /* periods that end by then are over: mostly now - delay */
    int64_t delay;  /* a period that ends at t is judged at t + delay, */
    int64_t hold;   /* but not before this, which is long ago except after a start */
    int64_t listen; /* silence is not counted from before this */
};

struct ax_slot {
    double v; /* by function: the greatest, smallest, newest, or the sum */
    uint64_t n;
};

/* The rule is copied from the sub-expression: what most samples need is in one line of memory. */
struct ax_window {
    int64_t from;  /* where the newest slot begins, */
    uint32_t open; /* and for how many ms samples just go into it; 0: they need a closer look */
    uint8_t function : 4, op : 4;
    uint8_t state; /* enum ax_state */
    uint16_t line; /* where it is in its alarm, which sets it */
    double threshold;
    int64_t heard; /* time of the newest sample */
    struct ax_slot newest;
    /* ---- and what else there is ---- */
    int64_t top;     /* the newest slot with a sample: its number since the epoch */
    int64_t judged;  /* the newest slot that was judged */
    int64_t view;    /* the last slot of the view that decided last */
    uint32_t period; /* ms */
    uint16_t times;
    uint16_t head; /* where the slot before top is */
    bool deterministic;
    struct ax_slot older[];
};
#define AX_WINDOW_HOT offsetof(struct ax_window, top)

size_t ax_window_size(const struct ax_sub *s); /* bytes */
void ax_window_init(struct ax_window *w, const struct ax_sub *s);
/* Goes on as `from`, of the same function, period and times, with what else the rule says now. */
void ax_window_continue(struct ax_window *w, const struct ax_sub *s, const struct ax_window *from);

/* A sample. Returns whether the state changed. *left_out counts what was too early or too late. */
bool ax_window_take(struct ax_window *w, int64_t t, double v, const struct ax_moment *m,
                    uint64_t *left_out);
/* Before taking a sample of t: whether a slot had to be judged early to make room and that changed
 * the state; ask again until it is false. Only after a gap in ticks or from a clock that is ahead.
 */
bool ax_window_room(struct ax_window *w, int64_t t, const struct ax_moment *m);
/* When the window has to be looked at next; AX_NEVER. */
int64_t ax_window_due(const struct ax_window *w, const struct ax_moment *m);
/* When it will probably have to be looked at, if samples go on as they do; AX_NEVER. */
int64_t ax_window_poll(const struct ax_window *w, const struct ax_moment *m);
/* One step of what is due at m->now. Returns whether the state changed. */
bool ax_window_judge(struct ax_window *w, const struct ax_moment *m);

/* After a refill whose samples changed no state: slots up to `judged` are done with, and what is
 * settled is so. Returns whether the state changed. */
bool ax_window_settle(struct ax_window *w);

/* The values of the view that decided last, oldest first, empty slots left out; at most `most`. */
size_t ax_window_values(const struct ax_window *w, double *out, size_t most);

/* What take does with a sample of the newest slot that changes no outcome: with most of them.
 * False: it is for take, and nothing was done. */
static inline bool ax_window_quick(struct ax_window *w, int64_t t, double v)
{
    struct ax_slot *slot = &w->newest;
    enum ax_operator op = (enum ax_operator)w->op;
    double limit = w->threshold, n = (double)slot->n;
    bool beyond = false; /* the slot's value becomes v */
    if ((uint64_t)t - (uint64_t)w->from >= w->open)
        return false;
    switch ((enum ax_function)w->function) {
    case AX_AVG:
    case AX_SUM: slot->v += v; break;
    case AX_MAX: beyond = v > slot->v; break;
    case AX_MIN: beyond = v < slot->v; break;
    case AX_COUNT:
        if (ax_exceeds(op, n + 1, limit) != ax_exceeds(op, n, limit))
            return false;
        break;
    case AX_LAST:
        if (w->state != (ax_exceeds(op, v, limit) ? AX_ALARM : AX_OK))
            return false;
        w->from = t;
        *slot = (struct ax_slot){v, 0};
    }
    if (beyond) {
        if (ax_exceeds(op, v, limit) != ax_exceeds(op, slot->v, limit))
            return false;
        slot->v = v;
    }
    slot->n++;
    if (t > w->heard)
        w->heard = t;
    return true;
}

/* The slot that a time is in. */
static inline int64_t ax_slot_of(int64_t t, int64_t period)
{
    int64_t k = t / period;
    return k - (t % period < 0);
}

#endif
