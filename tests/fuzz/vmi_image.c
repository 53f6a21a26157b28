// SPDX-License-Identifier: Apache-2.0
/* A whole guest with damage anywhere: attach, read everything, twice, with more damage in between.
 * The first byte says which kernel, and whether it is damaged before or only after attaching, which
 * is a hundred times faster. Whatever the guest holds, there is an answer within the budget.
 *
 * With AUSPEX_FUZZ_RAM=FILE (the RAM of a real guest) the damage goes there instead, to the bytes
 * that an undamaged look reads. */
#include "guest_kit.h"

#include <errno.h>
#include <stdlib.h>

#define STEPS UINT64_C(300000)

static void check_processes(const struct ax_reading *r)
{
    for (size_t i = 0; i < r->n_processes; i++) {
        const struct ax_process *p = &r->processes[i];
        AX_ASSERT(strnlen(p->name, sizeof p->name) < sizeof p->name);
        AX_ASSERT(strchr("RSDTtXZPI", p->state) && p->state);
        AX_ASSERT(p->threads >= 0 && (p->rss >= 0 || p->rss == AX_UNKNOWN));
    }
}

static void check_reading(const struct ax_reading *r)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    struct ax_json j = {.out = &b};
    check_processes(r);
    for (size_t i = 0; i < r->n_missing; i++)
        AX_ASSERT(r->missing[i].reason.n > 0);
    ax_reading_json(&j, r);
    AX_ASSERT(!b.overflow && ax_str_utf8(ax_buf_view(&b)));
}

static void look(struct ax_vmi *v)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_reading r;
    struct ax_err err = {0};
    int rc = ax_vmi_read(v, ax_vmi_parts_of(AX_SCOPE_DIAGNOSIS), &a, &r, &err);
    AX_ASSERT(rc == 0 || err.text[0]);
    if (rc != -ESTALE)
        check_reading(&r);
    ax_arena_free(&a);
}

static void damaged(struct fake *g, const uint8_t *p, size_t n)
{
    struct ax_vmi_options o = {.scope = AX_SCOPE_DIAGNOSIS, .step_limit = STEPS};
    struct ax_vmi *v;
    struct ax_err err = {0};
    size_t before = n / FAKE_PATCH / 2 * FAKE_PATCH;
    fake_patch(g, FAKE_ANYWHERE, p, before);
    if (ax_vmi_attach(&v, fake_exact_ram(g), &o, &err) == 0) {
        look(v);
        fake_patch(g, FAKE_ANYWHERE, p + before, n - before);
        look(v);
        ax_vmi_detach(v);
    } else
        AX_ASSERT(err.code < 0 && err.text[0]);
    fake_undo(g);
}

static struct fake *real_guest(const char *file)
{
    struct ax_vmi_options o = {.scope = AX_SCOPE_DIAGNOSIS};
    struct fake *g = fake_of_file(file);
    struct ax_ram *ram = fake_exact_ram(g);
    struct ax_vmi *v;
    struct ax_err err = {0};
    if (ax_vmi_attach(&v, ram, &o, &err) < 0)
        ax_assert_failed(err.text, __FILE__, __LINE__);
    fake_record(ram, g);
    look(v);
    ax_vmi_detach(v);
    return g;
}

static void damaged_later(struct fake *g, const uint8_t *p, size_t n)
{
    static struct {
        struct fake *g;
        struct ax_vmi *v;
    } known[16];
    struct ax_vmi_options o = {.scope = AX_SCOPE_DIAGNOSIS, .step_limit = STEPS};
    size_t i = 0;
    while (known[i].g && known[i].g != g)
        i++;
    if (!known[i].g) {
        struct ax_err err = {0};
        if (ax_vmi_attach(&known[i].v, fake_exact_ram(g), &o, &err) < 0)
            ax_assert_failed(err.text, __FILE__, __LINE__);
        known[i].g = g;
    }
    fake_patch(g, p[0] % 4 ? FAKE_OBJECTS : FAKE_ANYWHERE, p + 1, n - 1);
    look(known[i].v);
    fake_undo(g);
}

FUZZ_TARGET(p, n)
{
    static const char *file = "";
    static struct fake *real;
    if (file && !file[0]) {
        file = getenv("AUSPEX_FUZZ_RAM");
        real = file ? real_guest(file) : NULL;
    }
    if (n < 2)
        return 0;
    struct fake *g = real ? real : fuzz_guest(p[0]);
    if (p[0] & 0x80)
        damaged_later(g, p + 1, n - 1);
    else
        damaged(g, p + 1, n - 1);
    return 0;
}
