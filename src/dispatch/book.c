// SPDX-License-Identifier: Apache-2.0
/* What a tenant has asked for, read from the database once and kept until it changes: so each of
 * ten thousand alarms that fire at once costs no more than a comparison with each silence. */
#include "dispatch/inner.h"

#include <stdlib.h>

static void empty(struct ax_book *b)
{
    for (size_t i = 0; i < b->nsilences; i++)
        ax_matchers_end(&b->silences[i].matchers);
    for (size_t i = 0; i < b->nrules; i++) {
        ax_matchers_end(&b->rules[i].source);
        ax_matchers_end(&b->rules[i].target);
    }
    b->nsilences = b->nrules = b->nworks = 0;
    ax_arena_reset(&b->arena);
    b->fresh = false;
}

/* One that does not compile any more (it did when it was made) matches nothing. */
static int read_silences(struct ax_dispatch *d, struct ax_book *b, struct ax_err *err)
{
    struct ax_stmt q;
    size_t cap = 0;
    b->silences = NULL;
    ax_stmt_begin(&q, d->o.sql,
                  "SELECT id, matchers, starts, ends FROM silence WHERE tenant = ? AND ends > ? "
                  "ORDER BY starts, id LIMIT ?");
    ax_stmt_str(&q, ax_str(b->tenant));
    ax_stmt_int(&q, ax_dispatch_now(d));
    ax_stmt_int(&q, AX_SILENCES_MAX);
    while (b->nsilences < AX_SILENCES_MAX && ax_stmt_row(&q)) {
        struct ax_book_silence s = {.id = ax_arena_str(&b->arena, ax_stmt_col(&q, 0)),
                                    .matchers = ax_matchers_read(ax_stmt_col(&q, 1), &b->arena),
                                    .starts = ax_stmt_col_int(&q, 2),
                                    .ends = ax_stmt_col_int(&q, 3)};
        if (ax_matchers_begin(&s.matchers, NULL) < 0)
            continue;
        if (b->nsilences == cap) {
            b->silences =
                ax_arena_grow(&b->arena, b->silences, cap * sizeof s, (2 * cap + 8) * sizeof s);
            cap = 2 * cap + 8;
        }
        b->silences[b->nsilences++] = s;
    }
    return ax_stmt_end(&q, "reading silences in", err);
}

static struct ax_book *find(struct ax_dispatch *d, struct ax_str tenant)
{
    uint64_t at;
    return ax_map_get(&d->books, tenant, &at) ? (struct ax_book *)(uintptr_t)at : NULL;
}

int ax_book_of(struct ax_dispatch *d, struct ax_str tenant, struct ax_book **out,
               struct ax_err *err)
{
    struct ax_book *b = find(d, tenant);
    if (!b) {
        b = ax_calloc(1, sizeof *b);
        b->tenant = ax_calloc(1, tenant.n + 1);
        if (tenant.n)
            memcpy(b->tenant, tenant.p, tenant.n);
        ax_map_put(&d->books, ax_str(b->tenant), (uintptr_t)b);
    }
    if (!b->fresh) {
        empty(b);
        int rc = read_silences(d, b, err);
        if (rc == 0)
            rc = ax_book_read_maintenances(d, b, err);
        if (rc == 0)
            rc = ax_book_read_rules(d, b, err);
        if (rc < 0)
            return rc;
        b->fresh = true;
    }
    *out = b;
    return 0;
}

void ax_book_changed(struct ax_dispatch *d, struct ax_str tenant)
{
    struct ax_book *b = find(d, tenant);
    if (b)
        b->fresh = false;
}

void ax_books_free(struct ax_dispatch *d)
{
    size_t pos = 0;
    uint64_t at;
    while (ax_map_next(&d->books, &pos, &(struct ax_str){0}, &at)) {
        struct ax_book *b = (struct ax_book *)(uintptr_t)at;
        empty(b);
        ax_arena_free(&b->arena);
        free(b->tenant);
        free(b);
    }
    ax_map_free(&d->books);
}
