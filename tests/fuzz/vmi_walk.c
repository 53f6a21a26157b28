// SPDX-License-Identifier: Apache-2.0
/* Addresses through page tables that were damaged: the half of programs stays out of reach, no
 * walk takes more than its levels, and what is contiguous is never nothing. */
#include "guest_kit.h"

static bool is_kernel(const struct fake *g, uint64_t va)
{
    (void)g;
    return va >> 56 == 0xff;
}

static void ask(struct fake *g, struct ax_guest *guest, uint64_t va)
{
    uint64_t gpa, contiguous, before = guest->steps;
    uint8_t bytes[64];
    char text[33];
    if (ax_guest_physical(guest, va, &gpa, &contiguous)) {
        AX_ASSERT(is_kernel(g, va) && contiguous > 0);
        if (guest->levels == 4)
            AX_ASSERT(va >> 47 == 0x1ffff);
    }
    AX_ASSERT(guest->steps - before <= 5);
    (void)ax_guest_at(guest, va, 3);
    (void)ax_guest_read(guest, va, bytes, sizeof bytes);
    if (ax_guest_text(guest, va, text, 32))
        AX_ASSERT(strnlen(text, sizeof text) < sizeof text);
}

FUZZ_TARGET(p, n)
{
    static const char *const known[] = {"init_task", "prb", "page_offset_base"};
    struct ax_guest guest;
    struct ax_vmcoreinfo info;
    uint64_t va, table;
    if (n < 1)
        return 0;
    struct fake *g = fuzz_guest(p[0]);
    fuzz_guest_view(g, &guest, &info);
    guest.image_to = guest.image_from; /* no short cut */
    if (p[0] & 0x80)
        guest.encryption_mask = UINT64_C(1) << 47;
    fake_patch(g, FAKE_PAGE_TABLES, p + 1, n - 1);
    for (size_t i = 0; i < AX_ARRAY_LEN(known); i++) {
        ask(g, &guest, fake_symbol(g, known[i]));
        ask(g, &guest, fake_symbol(g, known[i]) + AX_PAGE - 1);
    }
    memcpy(&table, fake_at(g, fake_symbol(g, "modules")), 8);
    ask(g, &guest, table);
    for (size_t i = 1; i + 8 <= n && i < 800; i += 8) {
        memcpy(&va, p + i, 8);
        ask(g, &guest, va);
        ask(g, &guest, va | UINT64_C(0xffff800000000000));
    }
    ask(g, &guest, 0x400000);
    ask(g, &guest, UINT64_MAX);
    ax_ram_close(guest.ram);
    fake_undo(g);
    return 0;
}
