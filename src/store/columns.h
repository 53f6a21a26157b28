// SPDX-License-Identifier: Apache-2.0
/* Samples of one series as two growing columns: the working memory of flush and merge. */
#ifndef AX_STORE_COLUMNS_H
#define AX_STORE_COLUMNS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct ax_columns {
    int64_t *t;
    double *v;
    size_t n, cap;
};

static inline void ax_columns_room(struct ax_columns *c, size_t n)
{
    if (c->cap - c->n >= n)
        return;
    c->cap = (c->n + n) * 2;
    c->t = ax_realloc(c->t, c->cap * sizeof *c->t);
    c->v = ax_realloc(c->v, c->cap * sizeof *c->v);
}

static inline void ax_columns_free(struct ax_columns *c)
{
    free(c->t);
    free(c->v);
}

#endif
