// SPDX-License-Identifier: Apache-2.0
/* A QEMU's command line (arguments parted by spaces, where it has NULs) and, behind the first empty
 * line, its mappings: each is taken for what has its size, and none twice. */
#include "kit.h"

#include "collect/vmi/backing.h"

static void check_slots(const struct ax_qemu_pieces *q)
{
    AX_ASSERT(q->n <= AX_RAM_BLOCKS);
    for (size_t i = 0; i < q->n; i++) {
        const struct ax_ram_slot *s = &q->v[i].slot;
        AX_ASSERT(s->size > 0 && s->size % AX_PAGE == 0 && s->low <= s->size);
        AX_ASSERT(s->low == s->size || s->high == UINT64_C(1) << 32);
    }
}

static void check_pieces(const struct ax_qemu_pieces *q, const struct ax_ram_pieces *p,
                         const struct ax_mapping *mapped)
{
    AX_ASSERT(p->n_found <= AX_RAM_BLOCKS && p->n_slots == q->n && p->n_fds == 0);
    for (uint32_t i = 0; i < p->n_found; i++) {
        AX_ASSERT(p->found[i].size == mapped[i].to - mapped[i].from && p->found[i].size > 0);
        for (uint32_t k = 0; k < i; k++)
            AX_ASSERT(mapped[i].to <= mapped[k].from || mapped[k].to <= mapped[i].from);
        for (size_t s = 0; s < AX_RAM_BLOCKS; s++)
            if (p->found[i].may_be >> s & 1)
                AX_ASSERT(s < q->n && p->found[i].size == q->v[s].slot.size);
    }
}

FUZZ_TARGET(p, n)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    static struct ax_qemu_pieces q;
    static struct ax_ram_pieces pieces;
    static struct ax_mapping mapped[AX_RAM_BLOCKS];
    const char *end = n ? memmem(p, n, "\n\n", 2) : NULL;
    size_t line = end ? (size_t)(end - (const char *)p) : n;
    char *cmdline = ax_arena_alloc(&a, line + 1);
    struct ax_str maps = {end, end ? n - line : 0};
    struct ax_qemu_args args;
    struct ax_err err;
    for (size_t i = 0; i < line; i++)
        cmdline[i] = p[i] == ' ' ? '\0' : (char)p[i];
    ax_qemu_args((struct ax_str){cmdline, line + 1}, &args);
    if (args.ram == 0 ||
        ax_qemu_pieces((struct ax_str){cmdline, line + 1}, &args, &a, &q, &err) < 0)
        return 0;
    check_slots(&q);
    if (q.n && ax_qemu_match(&q, maps, &a, &pieces, mapped, &err) == 0)
        check_pieces(&q, &pieces, mapped);
    return 0;
}
