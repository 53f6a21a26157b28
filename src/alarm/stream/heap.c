// SPDX-License-Identifier: Apache-2.0
/* The alarms of a shard and their deadlines: a heap with four children to a node, which are one
 * cache line. Entries have numbers instead of addresses, so that moving them touches no alarm. */
#include "alarm/stream/inner.h"

#include <stdlib.h>

#define NOWHERE UINT32_MAX
#define FAN     4

/* ---- numbers ---- */

static void more_numbers(struct ax_shard *sh)
{
    sh->cap_numbers = sh->cap_numbers ? sh->cap_numbers * 2 : 16;
    sh->alarms = ax_realloc(sh->alarms, sh->cap_numbers * sizeof *sh->alarms);
    sh->places = ax_realloc(sh->places, sh->cap_numbers * sizeof *sh->places);
}

void ax_shard_enter(struct ax_shard *sh, struct ax_live *al)
{
    if (sh->free) {
        al->number = sh->free - 1;
        sh->free = sh->places[al->number];
    } else {
        if (sh->numbers == sh->cap_numbers)
            more_numbers(sh);
        al->number = sh->numbers++;
    }
    sh->alarms[al->number] = al;
    sh->places[al->number] = NOWHERE;
    al->due = AX_NEVER;
}

void ax_shard_leave(struct ax_shard *sh, struct ax_live *al)
{
    ax_heap_drop(sh, al);
    sh->alarms[al->number] = NULL;
    sh->places[al->number] = sh->free;
    sh->free = al->number + 1;
}

void ax_shard_end(struct ax_shard *sh)
{
    free(sh->heap);
    free(sh->alarms);
    free(sh->places);
}

uint64_t ax_shard_bytes(const struct ax_shard *sh)
{
    return sh->cap * sizeof *sh->heap + sh->cap_numbers * (sizeof *sh->alarms + sizeof *sh->places);
}

/* ---- the heap ---- */

static void place(struct ax_shard *sh, uint32_t i, struct ax_due d)
{
    sh->heap[i] = d;
    sh->places[d.who] = i;
}

static void rise(struct ax_shard *sh, uint32_t i, struct ax_due d)
{
    for (; i && sh->heap[(i - 1) / FAN].at > d.at; i = (i - 1) / FAN)
        place(sh, i, sh->heap[(i - 1) / FAN]);
    place(sh, i, d);
}

static void sink(struct ax_shard *sh, uint32_t i, struct ax_due d)
{
    for (uint32_t first; (first = FAN * i + 1) < sh->n;) {
        uint32_t child = first;
        for (uint32_t k = first + 1; k < first + FAN && k < sh->n; k++)
            child = sh->heap[k].at < sh->heap[child].at ? k : child;
        if (sh->heap[child].at >= d.at)
            break;
        place(sh, i, sh->heap[child]);
        i = child;
    }
    place(sh, i, d);
}

static void take_out(struct ax_shard *sh, uint32_t i)
{
    sh->places[sh->heap[i].who] = NOWHERE;
    struct ax_due last = sh->heap[--sh->n];
    if (i == sh->n)
        return;
    if (i && sh->heap[(i - 1) / FAN].at > last.at)
        rise(sh, i, last);
    else
        sink(sh, i, last);
}

void ax_heap_drop(struct ax_shard *sh, struct ax_live *al)
{
    uint32_t i = sh->places[al->number];
    al->due = AX_NEVER;
    if (i != NOWHERE)
        take_out(sh, i);
}

void ax_heap_put(struct ax_shard *sh, struct ax_live *al, int64_t at)
{
    uint32_t i = sh->places[al->number];
    struct ax_due d = {at, al->number};
    if (at == AX_NEVER) {
        ax_heap_drop(sh, al);
        return;
    }
    int64_t before = al->due;
    al->due = at;
    if (i == NOWHERE) {
        if (sh->n == sh->cap) {
            sh->cap = sh->cap ? sh->cap * 2 : 16;
            sh->heap = ax_realloc(sh->heap, sh->cap * sizeof *sh->heap);
        }
        rise(sh, sh->n++, d);
    } else if (at < before) {
        rise(sh, i, d);
    } else {
        sink(sh, i, d);
    }
}

size_t ax_heap_take(struct ax_shard *sh, int64_t now, struct ax_live **out, size_t most)
{
    size_t n = 0;
    for (; n < most && sh->n && sh->heap[0].at <= now; n++) {
        out[n] = sh->alarms[sh->heap[0].who];
        take_out(sh, 0);
    }
    return n;
}
