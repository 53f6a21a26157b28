// SPDX-License-Identifier: Apache-2.0
/* The other half of double-entry bookkeeping: what was sent and what of it was acknowledged, to be
 * held against what is stored.
 *
 * A value follows from its series and its time, so the ledger keeps times only. Each series belongs
 * to one writer (series % writers), which alone adds to it; checks run while no writer does. */
#ifndef AX_TESTS_LEDGER_H
#define AX_TESTS_LEDGER_H

#include "store/store.h"

#define LEDGER_SERIES 48
#define LEDGER_METRIC "crash_sample"

struct ledger_line {
    int64_t *v; /* time * 2 + (1 when acknowledged) */
    size_t n, cap;
};
struct ledger {
    struct ledger_line lines[LEDGER_SERIES];
};
struct ledger_verdict {
    uint64_t sent, acknowledged, stored;
    uint64_t retired;  /* acknowledged and not there, but old enough for that */
    uint64_t lost;     /* acknowledged, and not there or with another value */
    uint64_t invented; /* there, and never sent or with another value */
};

/* All classes of doubles, and bits that a sender may well have put into a NaN. */
double ledger_value(uint32_t series, int64_t t);
/* Canonical labels of a series, without a tenant when it is empty. */
struct ax_labels ledger_labels(uint32_t series, struct ax_str tenant, struct ax_arena *a);

/* About to be sent. The place is for ledger_ack, which says that everything from there on was. */
size_t ledger_place(const struct ledger *l, uint32_t series);
void ledger_send(struct ledger *l, uint32_t series, int64_t t);
void ledger_ack(struct ledger *l, uint32_t series, size_t from);
void ledger_free(struct ledger *l);

/* Reads all that the store has of the tenant. Acknowledged samples before keep_from may be gone
 * (retention). The first few differences are told on stderr. */
struct ledger_verdict ledger_check(struct ledger *l, struct ax_store *s, struct ax_str tenant,
                                   int64_t keep_from);

/* Chance that can be repeated: splitmix64. */
static inline uint64_t ledger_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}
static inline uint64_t ledger_chance(uint64_t *state, uint64_t below)
{
    return ledger_mix((*state)++) % below;
}

#endif
