// SPDX-License-Identifier: Apache-2.0
/* A disk with a cache that forgets, to be put in ax_disk's place.
 *
 * What is durable is kept in memory: the bytes of each file as of its last sync, the names in each
 * directory as of the directory's. At a given operation the power goes: all that is on the disk is
 * noted down, and nothing works any more. What a start after it finds is the durable state and, by
 * chance, any part of what came after it: each name as it was or as it is, of each file's unsynced
 * bytes a beginning, or (with holes) a beginning of which some sectors never came.
 *
 * Any thread may work on the disk; on and restore are for one, while no store is open. */
#ifndef AX_TESTS_POWER_H
#define AX_TESTS_POWER_H

#include <stdbool.h>
#include <stdint.h>

extern const struct ax_disk power_disk;

struct power_plan {
    const char *root; /* the store's directory */
    uint64_t cut_at;  /* the operation at which the power goes */
    bool rare;        /* count only those of flush, merge and the like, not what the log does */
    bool holes;
    uint64_t seed;
};

/* All that is there counts as durable. */
void power_on(const struct power_plan *plan);
bool power_is_off(void);
/* Puts into the directory what survived. Cuts the power if it is still on. */
void power_restore(void);

#endif
