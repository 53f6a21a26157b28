// SPDX-License-Identifier: Apache-2.0
/* What the sender hears of: changed methods, new rows. All with the SQL lock held. */
#include "notify/sender.h"

#include <stdlib.h>

#define READ_AT_ONCE 1000

static struct ax_outlet *target(struct ax_sender *s, struct ax_str id)
{
    uint64_t at;
    if (ax_map_get(&s->by_id, id, &at))
        return s->targets[at];
    struct ax_outlet *t = ax_calloc(1, sizeof *t);
    AX_ASSERT(id.n < sizeof t->id);
    memcpy(t->id, id.p, id.n);
    t->gone = true; /* until it was read */
    s->targets = ax_realloc(s->targets, (s->ntargets + 1) * sizeof(struct ax_outlet *));
    s->targets[s->ntargets] = t;
    ax_map_put(&s->by_id, ax_str(t->id), s->ntargets++);
    return t;
}

static void read_target(struct ax_sender *s, struct ax_stmt *q, struct ax_outlet *t)
{
    struct ax_str address = ax_stmt_col(q, 1);
    enum ax_notify_type type;
    AX_ASSERT(ax_notify_type_parse(ax_stmt_col(q, 0), &type));
    bool other = !t->address || t->type != type || !ax_str_eq(ax_str(t->address), address);
    t->period_ms = ax_stmt_col_int(q, 2) * 1000;
    t->gone = false;
    if (!other)
        return;
    free(t->address);
    t->address = ax_malloc(address.n + 1);
    memcpy(t->address, address.p, address.n);
    t->address[address.n] = 0;
    t->type = type;
    t->proven = false; /* it is another one now: what failed may go through */
    t->fails = 0;
    t->cool_until = 0;
    int64_t now = ax_notify_now(s->n);
    for (size_t i = 0; i < t->n; i++) /* all the same: still a heap */
        if (t->heap[i]->repeat == 0 && t->heap[i]->due > now)
            t->heap[i]->due = now;
}

static int look_up(struct ax_sender *s, struct ax_outlet *t, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, s->n->sql, "SELECT type, address, period FROM method WHERE id = ?");
    ax_stmt_str(&q, ax_str(t->id));
    t->gone = true;
    if (ax_stmt_row(&q))
        read_target(s, &q, t);
    return ax_stmt_end(&q, "reading", err);
}

static int look_up_all(struct ax_sender *s, struct ax_err *err)
{
    int rc = 0;
    for (size_t k = 0; rc == 0 && k < s->ntargets; k++) {
        rc = look_up(s, s->targets[k], err);
        if (rc == 0 && s->targets[k]->gone)
            ax_items_drop(&s->items, s->targets[k]);
    }
    return rc;
}

/* ---- taking in ---- */

static int take_row(struct ax_sender *s, const struct ax_row *r, struct ax_err *err)
{
    struct ax_outlet *t = target(s, r->method);
    int rc = t->gone ? look_up(s, t, err) : 0;
    if (rc < 0)
        return rc;
    s->last_id = r->id;
    if (!t->gone)
        ax_items_add(&s->items, r, t);
    if (!t->gone && s->loaded)
        AX_COUNT(s, t->type, queued, 1);
    return 0;
}

static int take_in(struct ax_sender *s, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_row *rows = NULL;
    size_t n = READ_AT_ONCE;
    int rc = 0;
    while (rc == 0 && n == READ_AT_ONCE) {
        ax_arena_reset(&a);
        rc = ax_outbox_read(s->n->sql, s->last_id, READ_AT_ONCE, &a, &rows, &n, err);
        for (size_t k = 0; rc == 0 && k < n; k++)
            rc = take_row(s, &rows[k], err);
    }
    ax_arena_free(&a);
    s->loaded |= rc == 0;
    return rc;
}

int ax_sender_hear(struct ax_sender *s, struct ax_err *err)
{
    int rc = 0;
    if (atomic_exchange(&s->n->methods_changed, false) && (rc = look_up_all(s, err)) < 0)
        atomic_store(&s->n->methods_changed, true);
    if (rc == 0 && atomic_exchange(&s->woken, false) && (rc = take_in(s, err)) < 0)
        atomic_store(&s->woken, true);
    return rc;
}
