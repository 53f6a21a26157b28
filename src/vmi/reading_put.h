// SPDX-License-Identifier: Apache-2.0
/* Members of a reading's JSON, as its three files write them. What is unknown is left out. */
#ifndef AX_VMI_READING_PUT_H
#define AX_VMI_READING_PUT_H

#include "vmi/reading.h"

#include <math.h>

static inline void ax_put_int(struct ax_json *j, const char *key, int64_t v)
{
    if (v == AX_UNKNOWN)
        return;
    ax_json_key(j, key);
    ax_json_int(j, v);
}

static inline void ax_put_num(struct ax_json *j, const char *key, double v)
{
    if (!isfinite(v))
        return;
    ax_json_key(j, key);
    ax_json_num(j, v);
}

static inline void ax_put_us(struct ax_json *j, const char *key, int64_t us)
{
    if (us != AX_UNKNOWN)
        ax_put_num(j, key, (double)us / 1e6);
}

static inline void ax_put_str(struct ax_json *j, const char *key, struct ax_str s)
{
    ax_json_key(j, key);
    ax_json_str(j, s);
}

static inline void ax_put_bool(struct ax_json *j, const char *key, bool v)
{
    ax_json_key(j, key);
    ax_json_bool(j, v);
}

/* A name in a fixed field of the guest. */
static inline struct ax_str ax_name_in(const char *p, size_t max)
{
    return (struct ax_str){p, strnlen(p, max)};
}

void ax_put_system(struct ax_json *j, const struct ax_system *s);
void ax_put_memory(struct ax_json *j, const struct ax_memory *m);

/* The lists of a part; nothing for system and memory. */
void ax_put_lists(struct ax_json *j, const struct ax_reading *r, enum ax_part part);

#endif
