// SPDX-License-Identifier: Apache-2.0
/* Who is at the same place reads the same page: it is read once for all of them. */
#include "faults/inner.h"

#define EVENTS 200

static void add(struct ax_fault_page *p, const struct ax_told *t, const struct ax_fault_kind *k)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf json = AX_BUF_INIT;
    ax_fault_json(t, k, &json);
    p->faults += k != NULL;
    p->v[p->n++] = (struct ax_fault){t, k, ax_arena_str(&p->arena, ax_buf_view(&json))};
}

int ax_fault_page_read(struct ax_registry *r, struct ax_fault_page *p, int64_t after,
                       struct ax_err *err)
{
    struct ax_told *told;
    size_t n;
    if (p->there && p->after == after)
        return 0;
    ax_arena_reset(&p->arena);
    p->there = false;
    int rc = ax_registry_events_after(r, after, EVENTS, &p->arena, &told, &n, err);
    if (rc < 0)
        return rc;
    p->v = AX_NEWS(&p->arena, struct ax_fault, n);
    p->n = p->faults = 0;
    for (size_t i = 0; i < n; i++)
        add(p, &told[i], ax_fault_of(&told[i].event));
    p->there = true;
    p->after = after;
    p->last = n ? told[n - 1].event.id : after;
    p->full = n == EVENTS;
    return 0;
}
