// SPDX-License-Identifier: Apache-2.0
/* Pieces of RAM and QEMU's mappings: which may be which. By what backs them and by their size; QEMU
 * gives neither anonymous memory nor memfds a name that tells them apart. */
#include "collect/vmi/backing.h"

#include <errno.h>

#define PLUGGED_MIN (UINT64_C(128) << 20) /* Linux takes no less */
#define ZEROES      AX_STR("/dev/zero")
#define MEMFD       AX_STR("/memfd:")

struct matching {
    const struct ax_qemu_pieces *q;
    struct ax_ram_pieces *out;
    struct ax_mapping *mapped;
    bool full;
};

static uint64_t length(const struct ax_mapping *m)
{
    return m->to - m->from;
}

static bool is_anonymous(const struct ax_mapping *m)
{
    return m->path.n == 0 || (m->shared && ax_str_starts(m->path, ZEROES));
}

static bool fits(const struct ax_qemu_piece *p, const struct ax_mapping *m)
{
    bool memfd = ax_str_starts(m->path, MEMFD);
    if (length(m) != p->slot.size || ax_str_starts(m->path, AX_STR("[")))
        return false;
    switch (p->backend) {
    case AX_BACKEND_RAM: return is_anonymous(m);
    case AX_BACKEND_MEMFD: return memfd;
    case AX_BACKEND_FILE: return !memfd && m->path.n && ax_str_starts(m->path, p->path);
    case AX_BACKEND_ANY: break;
    }
    return true;
}

/* The same memory, or a part of it. */
static bool is_found(const struct matching *w, const struct ax_mapping *m)
{
    for (uint32_t i = 0; i < w->out->n_found; i++)
        if (m->from < w->mapped[i].to && w->mapped[i].from < m->to)
            return true;
    return false;
}

static void take(struct matching *w, const struct ax_mapping *m, uint64_t may_be)
{
    if (w->out->n_found == AX_RAM_BLOCKS) {
        w->full = true;
        return;
    }
    w->mapped[w->out->n_found] = *m;
    w->out->found[w->out->n_found++] =
        (struct ax_ram_found){.at = m->from, .size = length(m), .file = -1, .may_be = may_be};
}

static uint64_t slots_of(const struct ax_qemu_pieces *q, const struct ax_mapping *m)
{
    uint64_t may_be = 0;
    for (size_t i = 0; i < q->n; i++)
        may_be |= (uint64_t)fits(&q->v[i], m) << i;
    return may_be;
}

static void find_pieces(struct matching *w, const struct ax_mapping *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t may_be = slots_of(w->q, &v[i]);
        if (may_be && !is_found(w, &v[i]))
            take(w, &v[i], may_be);
    }
}

/* What could be a DIMM that came later. Most that looks like one is none, and will not say that it
 * is the guest's. */
static void find_plugged(struct matching *w, const struct ax_mapping *v, size_t n)
{
    for (size_t i = 0; i < n && !w->full; i++) {
        const struct ax_mapping *m = &v[i];
        bool may = is_anonymous(m) || (m->shared && !ax_str_starts(m->path, AX_STR("[")));
        if (may && length(m) >= PLUGGED_MIN && length(m) % AX_PAGE == 0 && !is_found(w, m))
            take(w, m, 0);
    }
}

static int check(const struct matching *w, struct ax_err *err)
{
    for (size_t i = 0; i < w->q->n; i++) {
        bool found = w->q->v[i].slot.plugged && w->q->hotplug; /* it may have been taken out */
        for (uint32_t k = 0; k < w->out->n_found; k++)
            found |= w->out->found[k].may_be >> i & 1;
        if (!found)
            return ax_fail(err, -ENOENT,
                           "the VM's RAM is in pieces, and QEMU has no mapping of the size of one "
                           "of them (%llu MiB)",
                           (unsigned long long)(w->q->v[i].slot.size >> 20));
    }
    return w->full ? ax_fail(err, -ENOTUNIQ,
                             "the VM's RAM is in pieces, and QEMU has more than %d mappings that "
                             "may be one",
                             AX_RAM_BLOCKS)
                   : 0;
}

/* Parts of a piece that were given different advice are mappings of their own; but what is joined
 * may have a neighbour too much. So both are looked at. */
int ax_qemu_match(const struct ax_qemu_pieces *q, struct ax_str maps, struct ax_arena *a,
                  struct ax_ram_pieces *out, struct ax_mapping mapped[AX_RAM_BLOCKS],
                  struct ax_err *err)
{
    struct matching w = {.q = q, .out = out, .mapped = mapped};
    struct ax_mapping *v[2];
    size_t n[2];
    *out = (struct ax_ram_pieces){.hotplug = q->hotplug, .n_slots = (uint32_t)q->n};
    for (size_t i = 0; i < q->n; i++)
        out->slots[i] = q->v[i].slot;
    for (int join = 0; join < 2; join++) {
        n[join] = ax_qemu_mappings(maps, join, a, &v[join]);
        find_pieces(&w, v[join], n[join]);
    }
    int rc = check(&w, err);
    if (rc == 0 && q->hotplug)
        find_plugged(&w, v[1], n[1]);
    w.full = false; /* what was plugged in beyond that is left out */
    return rc;
}
