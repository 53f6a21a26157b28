// SPDX-License-Identifier: Apache-2.0
/* The extracts of memory that are under way: how far each has come, and the hash of what was handed
 * out of it, in order. Each ends with an entry of the ledger: when all was handed out, when it was
 * broken off, when nobody asked for a minute, or with the server. Inside the API.
 *
 * Threads: any. One that was made or taken is its taker's until it is given back or ended. */
#ifndef AX_API_EXTRACTS_H
#define AX_API_EXTRACTS_H

#include "base/arena.h"
#include "relay/relay.h"
#include "vmi/vmi.h"
#include "warrant/warrant.h"

struct ax_extracts;

struct ax_extraction {
    char id[AX_WARRANT_ID]; /* empty: nothing of it is in the ledger yet */
    struct ax_arena arena;  /* of what follows */
    struct ax_str host;
    struct ax_inspection x; /* by the grant under which it began */
    struct ax_extract file;
    struct ax_digest *digest;
    uint64_t offset, data;  /* handed out: all, and without zeros */
    int64_t began, used_ns; /* ms since the epoch; monotonic */
    bool busy, known;       /* known: to the collector */
    struct ax_extraction *next;
};

struct ax_extracts *ax_extracts_new(struct ax_warrants *w, struct ax_relay *relay);
void ax_extracts_free(struct ax_extracts *e); /* ends them; nobody has one; NULL is fine */
void ax_extracts_tick(struct ax_extracts *e, int64_t now_ns); /* monotonic */

/* A new one, taken; texts are copied. -EAGAIN: there are too many. */
int ax_extracts_make(struct ax_extracts *e, const struct ax_inspection *x, struct ax_str host,
                     struct ax_extraction **out, struct ax_err *err);
/* -ENOENT there is none that this one began; -EALREADY a request of it is under way. */
int ax_extracts_take(struct ax_extracts *e, struct ax_str id, struct ax_str who,
                     struct ax_extraction **out, struct ax_err *err);
void ax_extracts_give(struct ax_extracts *e, struct ax_extraction *x);

/* Asks the collector for where the memory is (bytes 0), or for a piece of it; as ax_relay_ask. */
int ax_extracts_ask(struct ax_extracts *e, const struct ax_extraction *x, uint64_t from,
                    uint64_t bytes, struct ax_relay_request *q, struct ax_relay_wait *w,
                    struct ax_err *err);
/* Counts a piece that is handed out. -EINVAL: it is none. */
int ax_extraction_count(struct ax_extraction *x, struct ax_str piece, struct ax_err *err);
bool ax_extraction_is_complete(const struct ax_extraction *x);

/* Writes the entry, lets the collector know, and forgets it; unless that fails: then it is given
 * back, and ended later. */
struct ax_extraction_sum {
    struct ax_extract_end end;
    int64_t sequence, at;
};
int ax_extracts_end(struct ax_extracts *e, struct ax_extraction *x, struct ax_str why,
                    struct ax_extraction_sum *out, struct ax_err *err);

#endif
