// SPDX-License-Identifier: Apache-2.0
/* A binary heap of deadlines, one entry per alarm; an alarm knows where its entry is. */
#include "alarm/stream/inner.h"

#include <stdlib.h>

#define NOWHERE UINT32_MAX

static void place(struct ax_shard *sh, uint32_t i, struct ax_due d)
{
    sh->heap[i] = d;
    d.alarm->heap_at = i;
}

static void rise(struct ax_shard *sh, uint32_t i, struct ax_due d)
{
    for (; i && sh->heap[(i - 1) / 2].at > d.at; i = (i - 1) / 2)
        place(sh, i, sh->heap[(i - 1) / 2]);
    place(sh, i, d);
}

static void sink(struct ax_shard *sh, uint32_t i, struct ax_due d)
{
    for (uint32_t child; (child = 2 * i + 1) < sh->n; i = child) {
        if (child + 1 < sh->n && sh->heap[child + 1].at < sh->heap[child].at)
            child++;
        if (sh->heap[child].at >= d.at)
            break;
        place(sh, i, sh->heap[child]);
    }
    place(sh, i, d);
}

void ax_heap_drop(struct ax_shard *sh, struct ax_live *al)
{
    uint32_t i = al->heap_at;
    al->due = AX_NEVER;
    al->heap_at = NOWHERE;
    if (i == NOWHERE)
        return;
    struct ax_due last = sh->heap[--sh->n];
    if (i == sh->n)
        return;
    if (i && sh->heap[(i - 1) / 2].at > last.at)
        rise(sh, i, last);
    else
        sink(sh, i, last);
}

void ax_heap_put(struct ax_shard *sh, struct ax_live *al, int64_t at)
{
    uint32_t i = al->heap_at;
    if (at == AX_NEVER) {
        ax_heap_drop(sh, al);
        return;
    }
    int64_t before = al->due;
    al->due = at;
    if (i == NOWHERE) {
        if (sh->n == sh->cap) {
            sh->cap = sh->cap ? sh->cap * 2 : 64;
            sh->heap = ax_realloc(sh->heap, sh->cap * sizeof *sh->heap);
        }
        rise(sh, sh->n++, (struct ax_due){at, al});
    } else if (at < before) {
        rise(sh, i, (struct ax_due){at, al});
    } else {
        sink(sh, i, (struct ax_due){at, al});
    }
}
