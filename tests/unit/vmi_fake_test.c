// SPDX-License-Identifier: Apache-2.0
/* The fake guest itself: its symbols, types and addresses are what the reader's lower half finds
 * in it, for every kernel, paging and layout that it can make. */
#include "fake_guest/fake.h"

#include "vmi/btf.h"
#include "vmi/guest.h"
#include "vmi/kallsyms.h"
#include "vmi/vmcoreinfo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

struct view { /* the lower half, as attaching sets it up */
    struct ax_guest guest;
    struct ax_vmcoreinfo info;
    struct ax_kallsyms kallsyms;
};

static uint64_t hex(const struct ax_vmcoreinfo *info, const char *key)
{
    uint64_t v = 0;
    assert_true(ax_vmcoreinfo_hex(info, ax_str(key), &v));
    return v;
}

static int64_t number(const struct ax_vmcoreinfo *info, const char *key)
{
    int64_t v = 0;
    assert_true(ax_vmcoreinfo_number(info, ax_str(key), &v));
    return v;
}

static void open_view(struct view *v, struct fake *g)
{
    uint64_t gpa = 0;
    memset(v, 0, sizeof *v);
    v->guest.ram = fake_ram(g);
    assert_true(ax_vmcoreinfo_next(v->guest.ram, &gpa, &v->info));
    assert_int_equal(v->info.gpa, fake_vmcoreinfo(g));
    v->guest.phys_base = (uint64_t)number(&v->info, "NUMBER(phys_base)");
    v->guest.levels = number(&v->info, "NUMBER(pgtable_l5_enabled)") ? 5 : 4;
    v->guest.encryption_mask = (uint64_t)number(&v->info, "NUMBER(sme_mask)");
    v->guest.root = hex(&v->info, "SYMBOL(swapper_pg_dir)") - AX_IMAGE_VA + v->guest.phys_base;
    ax_guest_begin(&v->guest, 100000000);
}

static void assert_walks(struct view *v, struct fake *g, const char *symbol)
{
    uint64_t va = fake_symbol(g, symbol), pa = 0, n;
    assert_true(ax_guest_physical(&v->guest, va, &pa, &n));
    assert_int_equal(pa, fake_pa(g, va));
}

static void assert_symbol(struct view *v, struct fake *g, const char *name)
{
    struct ax_symbol_wanted w = {.name = name};
    assert_int_equal(ax_kallsyms_look_up(&v->kallsyms, &w, 1), 1);
    if (w.address != fake_symbol(g, name))
        fail_msg("%s: %lx, not %lx", name, w.address, fake_symbol(g, name));
}

static void assert_offset(struct ax_btf *btf, struct fake *g, const char *type, const char *path)
{
    char whole[128];
    snprintf(whole, sizeof whole, "%s.%s", type, path);
    if (ax_btf_member(btf, type, path, NULL) != (int64_t)fake_offset(g, whole))
        fail_msg("%s: %ld, not %zu", whole, ax_btf_member(btf, type, path, NULL),
                 fake_offset(g, whole));
}

static void assert_types(struct view *v, struct fake *g)
{
    uint64_t from = fake_symbol(g, "__start_BTF"), n = fake_symbol(g, "__stop_BTF") - from;
    struct ax_btf *btf;
    struct ax_err err;
    int64_t value;
    const uint8_t *data = ax_guest_at(&v->guest, from, n);
    assert_non_null(data);
    if (ax_btf_open(&btf, data, n, &err) < 0)
        fail_msg("%s", err.text);
    assert_offset(btf, g, "task_struct", "comm");
    assert_offset(btf, g, "task_struct", "se.exec_start");
    assert_offset(btf, g, "task_struct", "inner");
    assert_offset(btf, g, "mm_struct", "rss_stat");
    assert_offset(btf, g, "psi_group", "avg");
    assert_int_equal(ax_btf_size(btf, "percpu_counter"), fake_size(g, "percpu_counter"));
    assert_int_equal(ax_btf_member(btf, "task_struct", "absent", NULL), -1);
    assert_true(ax_btf_enum(btf, "node_stat_item", "NR_SHMEM", &value));
    assert_int_equal(value, fake_constant(g, "NR_SHMEM"));
    assert_true(ax_btf_enum(btf, "vm_event_item", "OOM_KILL", &value));
    assert_int_equal(value, fake_constant(g, "OOM_KILL"));
    ax_btf_close(btf);
}

static void assert_found(struct view *v, struct fake *g)
{
    struct ax_err err = {0};
    v->guest.image_from = hex(&v->info, "SYMBOL(_stext)");
    v->guest.image_to = v->guest.image_from + (8 << 20);
    if (ax_kallsyms_find(&v->kallsyms, &v->guest, &v->info, &err) < 0)
        fail_msg("%s", err.text);
    assert_symbol(v, g, "init_task");
    assert_symbol(v, g, "jiffies_64");
    assert_symbol(v, g, "runqueues");
    assert_symbol(v, g, "linux_banner");
    assert_types(v, g);
}

static void check(struct fake_options o)
{
    print_message(
        "%s: addresses %d, new order %d, two-byte lengths %d, by name %d, keys %d, packed %d\n",
        o.release, o.addresses, o.new_sections, o.long_lengths, o.sorted, o.keys, o.packed);
    struct fake *g = fake_new(&o);
    struct view v;
    open_view(&v, g);
    assert_walks(&v, g, "_stext");
    assert_walks(&v, g, "init_task");
    assert_found(&v, g);
    ax_ram_close(v.guest.ram);
    fake_free(g);
}

static void every_kernel_with_either_paging_and_anywhere(void **state)
{
    for (enum fake_version version = 0; version < FAKE_VERSIONS; version++)
        for (uint64_t seed = 1; seed < 7; seed++)
            check(fake_kernel(version, seed));
}

/* Each way to say addresses, in both orders of sections, with and without what is optional, with
 * numbers of symbols and of markers that need and need no padding. */
static void every_form_of_kallsyms(void **state)
{
    for (unsigned form = 0; form < 4 * 128; form++) {
        struct fake_options o = fake_kernel(FAKE_6_1, form + 1);
        o.fillers = 2000 + (form & 128 ? 256 : 0) + (form & 256 ? 1 : 0);
        o.addresses = form % 4;
        o.new_sections = form & 4;
        o.long_lengths = form & 8;
        o.sorted = form & 16;
        o.keys = form & 32;
        o.packed = form & 64;
        /* What has come since 6.0 came after the keys, what is older than that went before. */
        bool place = o.addresses == FAKE_PLACE_RELATIVE;
        if (!o.keys && (place || o.new_sections || o.sorted))
            continue;
        if ((o.addresses == FAKE_ABSOLUTE && (o.new_sections || o.sorted)) ||
            (place && !o.new_sections) || (o.packed && !place))
            continue;
        check(o);
    }
}

static void memory_above_the_hole_and_encrypted_pages(void **state)
{
    struct fake_options o = fake_kernel(FAKE_6_12, 4);
    o.ram = UINT64_C(5) << 30;
    o.hole = 0x80000000;
    o.load = UINT64_C(0x140000000);
    o.five_levels = true;
    check(o);
    o = fake_kernel(FAKE_6_12, 5);
    o.sme_bit = 47;
    check(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_with_either_paging_and_anywhere),
        cmocka_unit_test(every_form_of_kallsyms),
        cmocka_unit_test(memory_above_the_hole_and_encrypted_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
