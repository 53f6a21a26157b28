// SPDX-License-Identifier: Apache-2.0
/* The file of an extract. What goes into its head is made here, of numbers that are checked:
 *
 *   Elf64_Ehdr | Elf64_Phdr: PT_NOTE, PT_LOAD... | note | zeros to a page || block | block | ... */
#include "vmi/extract.h"

#include "vmi/guest.h"
#include "vmi/vmcoreinfo.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>

#define NOTE_NAME  "VMCOREINFO"
#define IMAGE_PART (UINT64_C(2) << 20)  /* it lies at a multiple of that */
#define IMAGE_SIZE (UINT64_C(64) << 20) /* at least */

static uint64_t page_below(uint64_t v)
{
    return v - v % AX_PAGE;
}

static uint64_t page_above(uint64_t v)
{
    return page_below(v + AX_PAGE - 1);
}

static int check_map(const struct ax_memory_map *m, struct ax_err *err)
{
    uint64_t end = 0;
    bool ok = m->n > 0 && m->n <= AX_RAM_BLOCKS && m->vmcoreinfo_n <= sizeof m->vmcoreinfo &&
              m->left_out % AX_PAGE == 0 && m->left_out <= UINT64_C(1) << 52;
    for (size_t i = 0; i < m->n && ok; i++) {
        const struct ax_ram_block *b = &m->blocks[i];
        ok = b->gpa >= end && b->gpa % AX_PAGE == 0 && b->size % AX_PAGE == 0 && b->size &&
             b->gpa < UINT64_C(1) << 52 && b->size <= (UINT64_C(1) << 52) - b->gpa;
        end = b->gpa + b->size;
    }
    return ok ? 0 : ax_fail(err, -EINVAL, "the map of the guest's memory makes no sense");
}

/* The part of each block that lies in the range. Where that is all of it, nothing else can be. */
static void cut(struct ax_extract *x, const struct ax_memory_map *m, uint64_t from, uint64_t to)
{
    uint64_t rest = to - from;
    for (size_t i = 0; i < m->n; i++) {
        uint64_t low = m->blocks[i].gpa, high = low + m->blocks[i].size;
        low = low > from ? low : from;
        high = high < to ? high : to;
        if (low >= high)
            continue;
        x->blocks[x->n++] = (struct ax_ram_block){.gpa = low, .size = high - low};
        rest -= high - low;
    }
    x->left_out = rest ? m->left_out : 0;
}

static int no_memory(const struct ax_memory_map *m, uint64_t from, uint64_t to, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf has = {.max = 300};
    for (size_t i = 0; i < m->n && !has.overflow; i++)
        ax_buf_printf(&has, "%s0x%" PRIx64 " to 0x%" PRIx64, i ? ", " : "", m->blocks[i].gpa,
                      m->blocks[i].gpa + m->blocks[i].size - 1);
    return ax_fail(err, -EINVAL,
                   "the guest has no RAM from 0x%" PRIx64 " to 0x%" PRIx64 "; it is at %.*s", from,
                   to - 1, (int)has.n, has.p);
}

/* ---- the kernel's image ---- */

/* Where the kernel sees itself, of what it says of itself: other tools read its page tables there,
 * and with them all else. Nothing but addresses in the head depends on it. */
struct image {
    uint64_t from, to; /* guest-physical; to 0: not known */
    uint64_t va;       /* of from */
};

static struct image find_image(const struct ax_memory_map *m)
{
    struct ax_vmcoreinfo info = {0};
    uint64_t stext, tables;
    int64_t phys_base;
    memcpy(info.text, m->vmcoreinfo, m->vmcoreinfo_n);
    info.n = m->vmcoreinfo_n;
    if (!ax_vmcoreinfo_hex(&info, AX_STR("SYMBOL(_stext)"), &stext) ||
        !ax_vmcoreinfo_hex(&info, AX_STR("SYMBOL(swapper_pg_dir)"), &tables) ||
        !ax_vmcoreinfo_number(&info, AX_STR("NUMBER(phys_base)"), &phys_base) ||
        stext < AX_IMAGE_VA || tables < stext || tables - stext > AX_IMAGE_MAX)
        return (struct image){0};
    uint64_t va = stext - stext % IMAGE_PART;
    uint64_t from = va - AX_IMAGE_VA + (uint64_t)phys_base;
    uint64_t size = tables - va < IMAGE_SIZE ? IMAGE_SIZE : tables - va + IMAGE_PART;
    if (from % AX_PAGE || from > UINT64_C(1) << 52)
        return (struct image){0};
    return (struct image){from, from + (size - size % IMAGE_PART), va};
}

/* The segments of a block: the image is one of its own. Returns how many. */
static size_t segments_of(const struct ax_ram_block *b, const struct image *i, Elf64_Phdr out[3])
{
    uint64_t end = b->gpa + b->size, cuts[4] = {b->gpa, i->from, i->to, end};
    size_t n = 0;
    for (size_t k = 1; k < 3; k++)
        cuts[k] = cuts[k] < b->gpa ? b->gpa : cuts[k] > end ? end : cuts[k];
    for (size_t k = 0; k < 3; k++)
        if (cuts[k] < cuts[k + 1])
            out[n++] = (Elf64_Phdr){.p_type = PT_LOAD,
                                    .p_offset = b->at + (cuts[k] - b->gpa),
                                    .p_vaddr = k == 1 ? i->va + (cuts[k] - i->from) : 0,
                                    .p_paddr = cuts[k],
                                    .p_filesz = cuts[k + 1] - cuts[k],
                                    .p_memsz = cuts[k + 1] - cuts[k]};
    return n;
}

/* ---- the head ---- */

static size_t note_size(const struct ax_memory_map *m)
{
    return m->vmcoreinfo_n ? sizeof(Elf64_Nhdr) + 12 + (m->vmcoreinfo_n + 3) / 4 * 4 : 0;
}

static void put_note(struct ax_buf *out, const struct ax_memory_map *m)
{
    const Elf64_Nhdr h = {.n_namesz = sizeof NOTE_NAME, .n_descsz = (Elf64_Word)m->vmcoreinfo_n};
    const char name[12] = NOTE_NAME, padding[4] = {0};
    if (!m->vmcoreinfo_n)
        return;
    ax_buf_add(out, &h, sizeof h);
    ax_buf_add(out, name, sizeof name);
    ax_buf_add(out, m->vmcoreinfo, m->vmcoreinfo_n);
    ax_buf_add(out, padding, (4 - m->vmcoreinfo_n % 4) % 4);
}

static void put_head(struct ax_extract *x, const struct ax_memory_map *m, const Elf64_Phdr *loads,
                     size_t n)
{
    static const char zeros[AX_PAGE];
    const Elf64_Ehdr h = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_CORE,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_phoff = sizeof h,
        .e_ehsize = sizeof h,
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = (Elf64_Half)(n + 1)};
    const Elf64_Phdr note = {.p_type = PT_NOTE,
                             .p_offset = sizeof h + (n + 1) * sizeof note,
                             .p_filesz = note_size(m),
                             .p_align = 4};
    ax_buf_add(&x->head, &h, sizeof h);
    ax_buf_add(&x->head, &note, sizeof note);
    ax_buf_add(&x->head, loads, n * sizeof *loads);
    put_note(&x->head, m);
    ax_buf_add(&x->head, zeros, page_above(x->head.n) - x->head.n);
}

static void lay_out(struct ax_extract *x, const struct ax_memory_map *m)
{
    Elf64_Phdr loads[3 * AX_RAM_BLOCKS];
    const struct image image = find_image(m);
    size_t n = 0;
    for (size_t i = 0; i < x->n; i++)
        n += segments_of(&x->blocks[i], &image, loads + n);
    x->size = page_above(sizeof(Elf64_Ehdr) + (n + 1) * sizeof(Elf64_Phdr) + note_size(m));
    n = 0;
    for (size_t i = 0; i < x->n; i++) {
        x->blocks[i].at = x->size;
        x->size += x->blocks[i].size;
        n += segments_of(&x->blocks[i], &image, loads + n);
    }
    put_head(x, m, loads, n);
}

int ax_extract_plan(struct ax_extract *x, const struct ax_memory_map *m, uint64_t from,
                    uint64_t bytes, struct ax_err *err)
{
    uint64_t end;
    int rc = check_map(m, err);
    *x = (struct ax_extract){0};
    if (rc < 0)
        return rc;
    if (bytes == 0 || __builtin_add_overflow(from, bytes, &end) || end > UINT64_C(1) << 52)
        end = UINT64_C(1) << 52;
    cut(x, m, page_below(from), page_above(end));
    if (x->n == 0)
        return no_memory(m, from, end, err);
    lay_out(x, m);
    return 0;
}

void ax_extract_free(struct ax_extract *x)
{
    ax_buf_free(&x->head);
    *x = (struct ax_extract){0};
}

bool ax_extract_at(const struct ax_extract *x, uint64_t offset, uint64_t *gpa, uint64_t *bytes)
{
    for (size_t i = 0; i < x->n; i++) {
        const struct ax_ram_block *b = &x->blocks[i];
        if (offset < b->at || offset - b->at >= b->size)
            continue;
        *gpa = b->gpa + (offset - b->at);
        *bytes = b->size - (offset - b->at);
        if (*bytes > AX_EXTRACT_SPAN)
            *bytes = AX_EXTRACT_SPAN;
        return true;
    }
    return false;
}

void ax_extract_head(const struct ax_extract *x, struct ax_buf *piece)
{
    ax_buf_u32le(piece, 0);
    ax_buf_u32le(piece, (uint32_t)(x->head.n / AX_PAGE));
    ax_buf_str(piece, ax_buf_view(&x->head));
}
