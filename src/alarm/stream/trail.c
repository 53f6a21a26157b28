// SPDX-License-Identifier: Apache-2.0
#include "alarm/stream/trail.h"

#include "base/err.h"

#include <stdlib.h>

#define FIRST_ROOM 2

static void move(struct ax_trail *tr, int64_t *t, double *v)
{
    if (tr->n) {
        memmove(t, tr->t + tr->first, tr->n * sizeof *t);
        memmove(v, tr->v + tr->first, tr->n * sizeof *v);
    }
    tr->t = t;
    tr->v = v;
    tr->first = 0;
}

/* Room for one more at the end: what was dropped at the front, when that is worth it. */
static void make_room(struct ax_trail *tr)
{
    if (tr->first + tr->n < tr->cap)
        return;
    if (tr->first > tr->cap / 4) {
        move(tr, tr->t, tr->v);
        return;
    }
    uint32_t cap = tr->cap ? tr->cap * 2 : FIRST_ROOM;
    int64_t *before = tr->t, *t = ax_malloc(cap * (sizeof *t + sizeof(double)));
    move(tr, t, (double *)(void *)(t + cap));
    tr->cap = cap;
    free(before);
}

/* How many are not behind the time; mostly all. */
static uint32_t place_of(const struct ax_trail *tr, int64_t t)
{
    const int64_t *v = tr->t + tr->first;
    uint32_t lo = 0, hi = tr->n;
    if (!hi || v[hi - 1] <= t)
        return hi;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (v[mid] <= t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void ax_trail_put(struct ax_trail *tr, const struct ax_sample *s, bool wins)
{
    uint32_t at = tr->cap ? place_of(tr, s->t) : 0;
    if (at && tr->t[tr->first + at - 1] == s->t) {
        if (wins)
            tr->v[tr->first + at - 1] = s->v;
        return;
    }
    make_room(tr);
    int64_t *t = tr->t + tr->first + at;
    double *v = tr->v + tr->first + at;
    memmove(t + 1, t, (tr->n - at) * sizeof *t);
    memmove(v + 1, v, (tr->n - at) * sizeof *v);
    *t = s->t;
    *v = s->v;
    tr->n++;
}

void ax_trail_trim(struct ax_trail *tr, int64_t now, int64_t range)
{
    while (tr->n > 1 && tr->t[tr->first + 1] <= now && tr->t[tr->first] <= now - range) {
        tr->first++;
        tr->n--;
    }
}

void ax_trail_end(struct ax_trail *tr)
{
    free(tr->t);
    *tr = (struct ax_trail){0};
}

size_t ax_trail_bytes(const struct ax_trail *tr)
{
    return tr->cap * (sizeof *tr->t + sizeof *tr->v);
}
