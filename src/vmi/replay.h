// SPDX-License-Identifier: Apache-2.0
/* The reads of a poll, remembered, so that the next poll gets them in one go.
 *
 *   poll n      find: miss   add: one fetch for each piece      [..] [.]   [...]   [.]
 *   next        neighbours become one span                      [......]   [.......]
 *   poll n+1    all spans were fetched by one call; find: hit
 *
 * Spans that a poll did not use are forgotten at its end. Addresses are the other process's. */
#ifndef AX_VMI_REPLAY_H
#define AX_VMI_REPLAY_H

#include "base/arena.h"

#define AX_REPLAY_GRAIN 512u /* a miss is rounded to this, so that the next one near it hits */
#define AX_REPLAY_BIG   (64u << 10)  /* more is not remembered */
#define AX_REPLAY_MAX   (256u << 20) /* bytes of one poll */

struct ax_span {
    uint64_t at;
    const uint8_t *p; /* its copy; NULL: it could not be fetched */
    uint32_t len;
    bool used;
};

struct ax_replay {
    struct ax_span *spans;
    size_t n, cap, settled; /* settled: came with ax_replay_next, in order of address */
    uint64_t bytes;         /* copied in this poll */
    uint8_t *copy;          /* of the settled spans, one behind the other */
    size_t copy_size;
    struct ax_arena fresh; /* copies of the others */
    size_t last;           /* span that was hit last */
    struct ax_replay_node {
        uint64_t page;
        uint32_t span, next; /* next: index of a node + 1 */
    } * nodes;               /* one for each page that a span touches */
    size_t n_nodes, cap_nodes;
    uint32_t *slots; /* by hash of the page: index of a node + 1 */
    size_t n_slots;  /* a power of two */
};

void ax_replay_free(struct ax_replay *r);

/* The copy of these bytes, NULL when there is none. */
const uint8_t *ax_replay_find(struct ax_replay *r, uint64_t at, size_t len);

/* Room for the bytes of a new span, which the caller fills at once; NULL past AX_REPLAY_MAX. */
uint8_t *ax_replay_add(struct ax_replay *r, uint64_t at, size_t len);
void ax_replay_drop_last(struct ax_replay *r); /* it could not be filled */

/* Begins a poll: `spans` (n of them) are to be fetched to `copy`, one behind the other. */
void ax_replay_next(struct ax_replay *r);

#endif
