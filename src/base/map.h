// SPDX-License-Identifier: Apache-2.0
/* Hash map from byte strings to 64-bit values (numbers or pointers): open addressing, linear
 * probing, XXH3. Keys are not copied: their bytes must outlive the map. No removal of single keys;
 * a room that needs it keeps its own structure. Not thread-safe. */
#ifndef AX_BASE_MAP_H
#define AX_BASE_MAP_H

#include "base/str.h"

struct ax_map_slot;
struct ax_map {
    struct ax_map_slot *slots;
    size_t n, cap;
    uint64_t secret; /* seeds the hashes; for keys of an adversary, set before the first */
};

#define AX_MAP_INIT                                                                                \
    {                                                                                              \
        0                                                                                          \
    }

uint64_t ax_hash(const void *p, size_t n);                         /* XXH3, 64 bits */
uint64_t ax_hash_secret(const void *p, size_t n, uint64_t secret); /* the same, seeded */

/* One that nobody outside of this process knows, without a system call. */
uint64_t ax_map_secret(void);

bool ax_map_get(const struct ax_map *m, struct ax_str key, uint64_t *out); /* out may be NULL */
/* Sets key to value; returns false when the key was new. */
bool ax_map_put(struct ax_map *m, struct ax_str key, uint64_t value);
/* Iteration in no order: start with *pos = 0, ends with false. */
bool ax_map_next(const struct ax_map *m, size_t *pos, struct ax_str *key, uint64_t *value);
void ax_map_clear(struct ax_map *m);
void ax_map_free(struct ax_map *m);

#endif
