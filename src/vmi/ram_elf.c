// SPDX-License-Identifier: Apache-2.0
/* An ELF core of a guest, as QEMU's dump-guest-memory writes it. Each PT_LOAD segment is a piece
 * of guest-physical memory; its bytes lie anywhere in the file (not page-aligned), and what the
 * file does not hold of it (p_filesz < p_memsz) reads as zeros. The headers may be anybody's. */
#include "vmi/ram_inner.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct segment {
    uint64_t gpa, size; /* page-aligned */
    uint64_t offset, stored;
};

struct elf_ram {
    struct ax_ram ram;
    const uint8_t *file;
    uint64_t size;
    const uint8_t *zeros;                   /* AX_RAM_SPAN of them */
    struct segment segments[AX_RAM_BLOCKS]; /* each one's block has the same index */
    uint8_t **joined;                       /* copies of reads across the end of what is stored */
    size_t n_joined, joined_bytes;
};

#define JOINED_MAX   1024u
#define JOINED_BYTES (64u << 20)
#define HEADERS_MAX  (1u << 20)

static const uint8_t *join(struct elf_ram *e, const struct segment *s, uint64_t offset, size_t len)
{
    if (e->n_joined == JOINED_MAX || len > JOINED_BYTES - e->joined_bytes)
        return NULL;
    size_t stored = s->stored - offset;
    uint8_t *p = ax_calloc(len, 1);
    memcpy(p, e->file + s->offset + offset, stored);
    e->joined = ax_realloc(e->joined, (e->n_joined + 1) * sizeof *e->joined);
    e->joined[e->n_joined++] = p;
    e->joined_bytes += len;
    return p;
}

static const uint8_t *elf_at(struct ax_ram *r, size_t block, uint64_t offset, size_t len)
{
    struct elf_ram *e = (struct elf_ram *)r;
    const struct segment *s = &e->segments[block];
    if (offset >= s->stored)
        return e->zeros;
    return len <= s->stored - offset ? e->file + s->offset + offset : join(e, s, offset, len);
}

static void elf_begin(struct ax_ram *r)
{
    struct elf_ram *e = (struct elf_ram *)r;
    for (size_t i = 0; i < e->n_joined; i++)
        free(e->joined[i]);
    e->n_joined = e->joined_bytes = 0;
}

static bool elf_data(struct ax_ram *r, size_t block, uint64_t *offset, uint64_t *end)
{
    const struct segment *s = &((struct elf_ram *)r)->segments[block];
    uint64_t to = (s->stored + AX_PAGE - 1) / AX_PAGE * AX_PAGE;
    if (*offset >= to)
        return false;
    *offset = *offset / AX_PAGE * AX_PAGE;
    *end = to;
    return true;
}

static void elf_drop(struct ax_ram *r, size_t block, uint64_t offset, uint64_t end)
{
    struct elf_ram *e = (struct elf_ram *)r;
    const struct segment *s = &e->segments[block];
    uint64_t from = (s->offset + offset + AX_PAGE - 1) / AX_PAGE * AX_PAGE;
    uint64_t to = (s->offset + (end < s->stored ? end : s->stored)) / AX_PAGE * AX_PAGE;
    if (from < to)
        (void)madvise((uint8_t *)(uintptr_t)e->file + from, to - from, MADV_DONTNEED);
}

static void elf_close(struct ax_ram *r)
{
    struct elf_ram *e = (struct elf_ram *)r;
    elf_begin(r);
    free(e->joined);
    if (e->file)
        munmap((void *)(uintptr_t)e->file, e->size);
    if (e->zeros)
        munmap((void *)(uintptr_t)e->zeros, AX_RAM_SPAN);
    free(e);
}

static const struct ax_ram_source elf_source = {
    .at = elf_at,
    .begin = elf_begin,
    .data = elf_data,
    .drop = elf_drop,
    .close = elf_close,
    .contiguous = true,
};

static int by_address(const void *a, const void *b)
{
    const struct segment *x = a, *y = b;
    return (x->gpa > y->gpa) - (x->gpa < y->gpa);
}

static bool lies_within(uint64_t offset, uint64_t len, uint64_t size)
{
    return offset <= size && len <= size - offset;
}

/* The table of program headers; with 0xffff of them the true count is in section header 0. */
static int find_table(const struct elf_ram *e, uint64_t *at, uint64_t *n, struct ax_err *err)
{
    Elf64_Ehdr h;
    if (e->size < sizeof h)
        return ax_fail(err, -EINVAL, "no ELF file: it is too short");
    memcpy(&h, e->file, sizeof h);
    if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0)
        return ax_fail(err, -EINVAL, "no ELF file: it does not begin as one");
    if (h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_ident[EI_DATA] != ELFDATA2LSB ||
        h.e_machine != EM_X86_64 || h.e_type != ET_CORE || h.e_phentsize != sizeof(Elf64_Phdr))
        return ax_fail(err, -EINVAL,
                       "an ELF file, but no memory of an x86-64 guest (made by virsh dump "
                       "--memory-only, without a --format)");
    *at = h.e_phoff;
    *n = h.e_phnum;
    if (h.e_phnum == PN_XNUM) {
        Elf64_Shdr s;
        if (!lies_within(h.e_shoff, sizeof s, e->size))
            return ax_fail(err, -EINVAL, "the ELF file's count of segments lies outside of it");
        memcpy(&s, e->file + h.e_shoff, sizeof s);
        *n = s.sh_info;
    }
    if (*n > HEADERS_MAX || !lies_within(*at, *n * sizeof(Elf64_Phdr), e->size))
        return ax_fail(err, -EINVAL, "the ELF file's table of segments lies outside of it");
    return 0;
}

/* One segment; it is joined to the one before where it goes on from there. */
static int take(struct elf_ram *e, const Elf64_Phdr *h, size_t *n, struct ax_err *err)
{
    struct segment s = {.gpa = h->p_paddr,
                        .size = h->p_memsz,
                        .offset = h->p_offset,
                        .stored = h->p_filesz < h->p_memsz ? h->p_filesz : h->p_memsz};
    if (!lies_within(s.offset, s.stored, e->size))
        return ax_fail(err, -EINVAL,
                       "the ELF file ends before its memory from 0x%" PRIx64 " on does: it is cut "
                       "short",
                       s.gpa);
    if (s.gpa % AX_PAGE || s.size > UINT64_C(1) << 52)
        return ax_fail(err, -EINVAL, "the ELF file's segment at 0x%" PRIx64 " is no guest memory",
                       s.gpa);
    s.size = (s.size + AX_PAGE - 1) / AX_PAGE * AX_PAGE;
    struct segment *last = *n ? &e->segments[*n - 1] : NULL;
    if (last && last->gpa + last->size == s.gpa && last->stored == last->size &&
        last->offset + last->stored == s.offset) {
        last->size += s.size;
        last->stored += s.stored;
        return 0;
    }
    if (*n == AX_RAM_BLOCKS)
        return ax_fail(err, -EINVAL, "the ELF file has over %d segments; dump without paging",
                       AX_RAM_BLOCKS);
    e->segments[(*n)++] = s;
    return 0;
}

static int read_segments(struct elf_ram *e, struct ax_err *err)
{
    struct ax_ram_block blocks[AX_RAM_BLOCKS];
    uint64_t at, count;
    size_t n = 0;
    int rc = find_table(e, &at, &count, err);
    for (uint64_t i = 0; i < count && rc == 0; i++) {
        Elf64_Phdr h;
        memcpy(&h, e->file + at + i * sizeof h, sizeof h);
        if (h.p_type == PT_LOAD && h.p_memsz > 0)
            rc = take(e, &h, &n, err);
    }
    if (rc < 0)
        return rc;
    qsort(e->segments, n, sizeof *e->segments, by_address);
    for (size_t i = 0; i < n; i++)
        blocks[i] = (struct ax_ram_block){.gpa = e->segments[i].gpa, .size = e->segments[i].size};
    return ax_ram_init(&e->ram, &elf_source, blocks, n, 0, err);
}

static int map(struct elf_ram *e, int fd, struct ax_err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return ax_fail_errno(err, "guest memory");
    if (st.st_size == 0)
        return ax_fail(err, -EINVAL, "no ELF file: it is empty");
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return ax_fail_errno(err, "mapping guest memory");
    e->file = p;
    e->size = (uint64_t)st.st_size;
    (void)madvise(p, e->size, MADV_RANDOM);
    p = mmap(NULL, AX_RAM_SPAN, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return ax_fail_errno(err, "mapping guest memory");
    e->zeros = p;
    return 0;
}

int ax_ram_open_elf(struct ax_ram **out, int fd, struct ax_err *err)
{
    struct elf_ram *e = ax_calloc(1, sizeof *e);
    int rc = map(e, fd, err);
    if (rc == 0)
        rc = read_segments(e, err);
    if (rc < 0) {
        elf_close(&e->ram);
        return rc;
    }
    *out = &e->ram;
    return 0;
}
