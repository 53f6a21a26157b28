// SPDX-License-Identifier: Apache-2.0
/* From a block of RAM to a kernel that is understood:
 *
 *   VMCOREINFO page -> is the kernel that it describes there? -> kallsyms -> BTF -> plan
 *
 * A guest that was restarted may still hold its former kernel, complete but dead. Each kernel's
 * clock tells them apart: the first one that shows the present is taken at once, else all of the
 * memory is searched and the latest wins. */
#include "vmi/kernel.h"

#include "base/clock.h"
#include "base/map.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* For all kernels that the guest pretends to have: the true one takes less than a million. */
#define STEPS_TO_ATTACH UINT64_C(10000000)
#define MAX_CANDIDATES  64
#define PRESENT_MS      5000
#define GIB_4           (UINT64_C(1) << 32)

/* --- Is the kernel that VMCOREINFO describes there? ----------------------------------------- */

static void place_image(struct ax_guest *g, uint64_t stext)
{
    uint64_t size = UINT64_C(128) << 20, end = AX_IMAGE_VA + AX_IMAGE_MAX;
    g->image_from = stext & ~((UINT64_C(2) << 20) - 1);
    g->image_to = end - g->image_from < size ? end : g->image_from + size;
}

static bool describes_itself(struct ax_vmi *v)
{
    struct ax_str release;
    int64_t name;
    char sysname[66], found[66];
    if (!ax_vmcoreinfo_text(&v->info, AX_STR("OSRELEASE"), &release) || release.n > 64 ||
        !ax_vmcoreinfo_hex(&v->info, AX_STR("SYMBOL(init_uts_ns)"), &v->uts_name))
        return false;
    if (!ax_vmcoreinfo_number(&v->info, AX_STR("OFFSET(uts_namespace.name)"), &name))
        name = 4; /* behind a counter, before 5.11 */
    v->uts_name += (uint64_t)name;
    if (!ax_guest_text(&v->guest, v->uts_name, sysname, 65) ||
        !ax_guest_text(&v->guest, v->uts_name + 130, found, 65))
        return false;
    memcpy(v->release, release.p, release.n);
    v->release[release.n] = '\0';
    return strcmp(sysname, "Linux") == 0 && strcmp(found, v->release) == 0;
}

/* The page tables must lead where the formula leads. */
static bool tables_agree(struct ax_guest *g, uint64_t stext)
{
    uint64_t to, from, end, contiguous, formula = stext - AX_IMAGE_VA + g->phys_base;
    from = g->image_from;
    end = g->image_to;
    g->image_from = g->image_to = 0; /* no formula: walk */
    bool ok = ax_guest_physical(g, stext, &to, &contiguous) && to == formula;
    g->image_from = from;
    g->image_to = end;
    return ok;
}

static bool is_kernel(struct ax_vmi *v)
{
    struct ax_guest *g = &v->guest;
    uint64_t stext, pgd;
    int64_t phys_base, five = 0, mask = 0;
    struct ax_str id;
    if (!ax_vmcoreinfo_hex(&v->info, AX_STR("SYMBOL(_stext)"), &stext) ||
        !ax_vmcoreinfo_hex(&v->info, AX_STR("SYMBOL(swapper_pg_dir)"), &pgd) ||
        !ax_vmcoreinfo_number(&v->info, AX_STR("NUMBER(phys_base)"), &phys_base) ||
        !ax_vmcoreinfo_hex(&v->info, AX_STR("KERNELOFFSET"), &v->moved) || stext < AX_IMAGE_VA ||
        pgd < AX_IMAGE_VA)
        return false;
    (void)ax_vmcoreinfo_number(&v->info, AX_STR("NUMBER(pgtable_l5_enabled)"), &five);
    (void)ax_vmcoreinfo_number(&v->info, AX_STR("NUMBER(sme_mask)"), &mask);
    uint64_t limit = g->step_limit; /* what is left */
    *g = (struct ax_guest){.ram = g->ram,
                           .phys_base = (uint64_t)phys_base,
                           .root = pgd - AX_IMAGE_VA + (uint64_t)phys_base,
                           .levels = five ? 5 : 4,
                           .encryption_mask = (uint64_t)mask};
    ax_guest_begin(g, limit);
    place_image(g, stext);
    v->build_id[0] = '\0';
    if (ax_vmcoreinfo_text(&v->info, AX_STR("BUILD-ID"), &id) && id.n < sizeof v->build_id) {
        memcpy(v->build_id, id.p, id.n);
        v->build_id[id.n] = '\0';
    }
    return describes_itself(v) && tables_agree(g, stext);
}

/* --- Types, symbols, plan ------------------------------------------------------------------- */

/* The bytes that a plan follows from, as a name for it. */
static bool plan_key(struct ax_vmi *v, uint64_t btf, uint64_t btf_size, char key[33])
{
    struct ax_kallsyms *k = &v->kallsyms;
    uint64_t from = k->names, to = k->offsets + 4 * (uint64_t)k->count;
    if (to < from) { /* before 6.4 the offsets come first */
        from = k->offsets;
        to = k->token_index + 512;
    }
    if (to <= from || to - from > AX_RAM_SPAN)
        return false;
    const uint8_t *symbols = ax_guest_at(&v->guest, from, to - from);
    const uint8_t *types = ax_guest_at(&v->guest, btf, btf_size);
    if (!symbols || !types)
        return false;
    snprintf(key, 33, "%016" PRIx64 "%016" PRIx64,
             ax_hash_secret(symbols, to - from, v->options.plans->secret),
             ax_hash_secret(types, btf_size, v->options.plans->secret));
    return true;
}

static bool stored_plan(struct ax_vmi *v, const char *key)
{
    struct ax_buf text = AX_BUF_INIT;
    const struct ax_plan_store *s = v->options.plans;
    bool ok = s->get(s->self, key, &text) &&
              ax_plan_load(&v->plan, v->moved, ax_buf_view(&text), NULL) == 0;
    ax_buf_free(&text);
    return ok;
}

static void store_plan(struct ax_vmi *v, const char *key)
{
    struct ax_buf text = AX_BUF_INIT;
    ax_plan_save(&v->plan, v->moved, &text);
    v->options.plans->put(v->options.plans->self, key, ax_buf_view(&text));
    ax_buf_free(&text);
}

static void plan_without_types(struct ax_vmi *v, const char *why)
{
    snprintf(v->types_missing, sizeof v->types_missing,
             "kernel %s does not describe its types (BTF): %s", v->release, why);
    ax_plan_make(&v->plan, &v->kallsyms, NULL);
}

static void make_plan(struct ax_vmi *v)
{
    struct ax_symbol_wanted ends[] = {{.name = "__start_BTF"}, {.name = "__stop_BTF"}};
    char key[33] = "";
    struct ax_btf *btf;
    struct ax_err why;
    ax_kallsyms_look_up(&v->kallsyms, ends, 2);
    uint64_t size = ends[1].address - ends[0].address;
    if (!ends[0].address || !ends[1].address || size > AX_RAM_SPAN) {
        plan_without_types(v, "it was built without");
        return;
    }
    if (v->options.plans && plan_key(v, ends[0].address, size, key) && stored_plan(v, key)) {
        v->has_types = true;
        return;
    }
    const uint8_t *data = ax_guest_at(&v->guest, ends[0].address, size);
    if (!data || ax_btf_open(&btf, data, size, &why) < 0) {
        plan_without_types(v, data ? why.text : "its memory cannot be read");
        return;
    }
    ax_plan_make(&v->plan, &v->kallsyms, btf);
    ax_btf_close(btf);
    v->has_types = true;
    if (key[0])
        store_plan(v, key);
}

static void find_direct_map(struct ax_vmi *v)
{
    struct ax_guest *g = &v->guest;
    uint64_t base, gpa, contiguous;
    const struct ax_ram_block *blocks;
    size_t n = ax_ram_blocks(g->ram, &blocks);
    if (!ax_sym(v, AX_SYM_page_offset_base) ||
        !ax_guest_u64(g, ax_sym(v, AX_SYM_page_offset_base), &base))
        base = g->levels == 5 ? UINT64_C(0xff11000000000000) : UINT64_C(0xffff888000000000);
    if (!ax_guest_physical(g, base + (1 << 20), &gpa, &contiguous) || gpa != 1 << 20)
        return; /* then each address is walked for */
    g->direct_map = base;
    g->direct_map_to = base + blocks[n - 1].gpa + blocks[n - 1].size;
}

/* Without symbols there is still the log, whose layout VMCOREINFO has. */
static int understand(struct ax_vmi *v, struct ax_err *err)
{
    struct ax_err why;
    if (ax_kallsyms_find(&v->kallsyms, &v->guest, &v->info, &why) < 0) {
        v->kallsyms.count = 0;
        ax_plan_clear(&v->plan);
        snprintf(v->types_missing, sizeof v->types_missing, "kernel %s: %.400s", v->release,
                 why.text);
        return 0;
    }
    make_plan(v);
    find_direct_map(v);
    if (v->has_types && !ax_kernel_is_there(v))
        return ax_fail(err, -ENOTSUP, "kernel %s: its first task is not where its own tables say",
                       v->release);
    return 0;
}

/* --- Choosing among kernels ----------------------------------------------------------------- */

static bool shows_present(struct ax_vmi *v, int64_t time_ms)
{
    int64_t now = v->options.now_ms;
    return now && time_ms > now - PRESENT_MS && time_ms < now + PRESENT_MS;
}

struct choice {
    struct ax_vmi *best, *next; /* `next` is room for the one being tried */
    int64_t best_ms;
    unsigned tried;
    uint64_t steps_left;
    struct ax_err err;
    bool found_any; /* kernels, though none that could be read */
};

/* True: no need to look further. */
static bool try_kernel(struct choice *c)
{
    struct ax_err err;
    int64_t time_ms;
    if (!is_kernel(c->next))
        return false;
    if (understand(c->next, &err) < 0) {
        if (!c->found_any)
            c->err = err;
        c->found_any = true;
        return false;
    }
    time_ms = ax_kernel_time_ms(c->next);
    if (c->best_ms == INT64_MIN || time_ms > c->best_ms) {
        struct ax_vmi *spare = c->best;
        c->best = c->next;
        c->next = spare;
        c->best_ms = time_ms;
    }
    return shows_present(c->best, c->best_ms);
}

static bool search(struct choice *c, uint64_t from, uint64_t to)
{
    const struct ax_vmi *template = c->best;
    struct ax_ram *ram = template->guest.ram;
    struct ax_vmi_options options = template->options;
    uint64_t gpa = from;
    while (c->tried < MAX_CANDIDATES && c->steps_left > 0) {
        struct ax_vmi *tried = c->next;
        memset(c->next, 0, sizeof *c->next);
        c->next->guest.ram = ram;
        c->next->guest.step_limit = c->steps_left;
        c->next->options = options;
        if (!ax_vmcoreinfo_next(ram, &gpa, &c->next->info) || c->next->info.gpa >= to)
            return false;
        c->tried++;
        bool done = try_kernel(c);
        c->steps_left -= tried->guest.steps;
        if (done)
            return true;
    }
    return false;
}

static int choose(struct ax_vmi **v, struct ax_err *err)
{
    struct choice c = {.best = *v,
                       .next = ax_calloc(1, sizeof **v),
                       .best_ms = INT64_MIN,
                       .steps_left = STEPS_TO_ATTACH};
    /* Kernels take their first pages above 4 GiB where there is memory. */
    if (!search(&c, GIB_4, UINT64_MAX))
        (void)search(&c, 0, GIB_4);
    free(c.next);
    *v = c.best;
    if (c.best_ms != INT64_MIN)
        return 0;
    if (c.found_any)
        return ax_fail(err, c.err.code, "%s", c.err.text);
    return ax_say_what_else(c.best->guest.ram, err);
}

int ax_vmi_attach(struct ax_vmi **out, struct ax_ram *ram, const struct ax_vmi_options *o,
                  struct ax_err *err)
{
    int64_t begin = ax_thread_cpu_ns();
    struct ax_vmi *v = ax_calloc(1, sizeof *v);
    v->guest.ram = ram;
    v->options = *o;
    if (!v->options.step_limit)
        v->options.step_limit = ax_ram_contiguous(ram) ? UINT64_C(8000000) : UINT64_C(1000000);
    ax_ram_begin(ram);
    int rc = choose(&v, err);
    if (rc < 0) {
        ax_ram_close(ram);
        free(v);
        return rc;
    }
    v->attach_ns = ax_thread_cpu_ns() - begin;
    *out = v;
    return 0;
}

void ax_vmi_detach(struct ax_vmi *v)
{
    if (!v)
        return;
    ax_ram_close(v->guest.ram);
    free(v);
}
