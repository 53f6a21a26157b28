// SPDX-License-Identifier: Apache-2.0
#include "guest_kit.h"

struct fake *fuzz_guest(unsigned n)
{
    static struct fake *made[FAKE_VERSIONS + 1];
    n %= FAKE_VERSIONS + 1;
    if (!made[n]) {
        struct fake_options o = fake_kernel(n % FAKE_VERSIONS, 3 * n + 1);
        o.ram = 32u << 20;
        o.load = 16u << 20;
        o.fillers = 260;
        o.processes = 6;
        o.log_records = 40;
        o.cpus = 2;
        o.btf = n < FAKE_VERSIONS;
        o.hidden_module = "hidden";
        o.hidden_process = "hidden";
        made[n] = fake_new(&o);
    }
    return made[n];
}

static uint64_t hex(const struct ax_vmcoreinfo *info, struct ax_str key)
{
    uint64_t v = 0;
    AX_ASSERT(ax_vmcoreinfo_hex(info, key, &v));
    return v;
}

void fuzz_guest_view(struct fake *g, struct ax_guest *guest, struct ax_vmcoreinfo *info)
{
    uint64_t gpa = fake_vmcoreinfo(g);
    int64_t base = 0, five = 0;
    memset(guest, 0, sizeof *guest);
    guest->ram = fake_exact_ram(g);
    AX_ASSERT(ax_vmcoreinfo_next(guest->ram, &gpa, info));
    AX_ASSERT(ax_vmcoreinfo_number(info, AX_STR("NUMBER(phys_base)"), &base) &&
              ax_vmcoreinfo_number(info, AX_STR("NUMBER(pgtable_l5_enabled)"), &five));
    guest->phys_base = (uint64_t)base;
    guest->levels = five ? 5 : 4;
    guest->root = hex(info, AX_STR("SYMBOL(swapper_pg_dir)")) - AX_IMAGE_VA + guest->phys_base;
    guest->image_from = hex(info, AX_STR("SYMBOL(_stext)"));
    guest->image_to = guest->image_from + (8u << 20);
    ax_guest_begin(guest, 1000000);
}
