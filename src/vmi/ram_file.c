// SPDX-License-Identifier: Apache-2.0
/* Guest RAM in a file or memfd, mapped read-only. Reading a hole of such a mapping would make the
 * host allocate the page, so a page is touched only once it is known to hold data; what is known
 * is kept, one bit per page. (A page that the guest gives back later, through its balloon, may
 * come into being again by one look. Kernel pages, which are all we read, don't go that way.) */
#include "vmi/ram_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct file_ram {
    struct ax_ram ram;
    int fd;
    const uint8_t *map[AX_RAM_BLOCKS];
    uint64_t *known[AX_RAM_BLOCKS]; /* a bit per page: holds data */
};

static bool is_known(const uint64_t *known, uint64_t page)
{
    return known[page / 64] >> page % 64 & 1;
}

/* Asks the file where its data is; all of the extent found becomes known. */
static bool learn(struct file_ram *f, size_t block, uint64_t page)
{
    const struct ax_ram_block *b = &f->ram.blocks[block];
    uint64_t offset = b->at + page * AX_PAGE;
    f->ram.counts.calls++;
    off_t data = lseek(f->fd, (off_t)offset, SEEK_DATA);
    if (data < 0 || (uint64_t)data >= offset + AX_PAGE)
        return false;
    off_t hole = lseek(f->fd, data, SEEK_HOLE);
    uint64_t end = hole < 0 ? offset + AX_PAGE : (uint64_t)hole;
    if (end > b->at + b->size)
        end = b->at + b->size;
    for (uint64_t p = page; p * AX_PAGE + b->at < end; p++)
        f->known[block][p / 64] |= UINT64_C(1) << p % 64;
    return is_known(f->known[block], page);
}

static const uint8_t *file_at(struct ax_ram *r, size_t block, uint64_t offset, size_t len)
{
    struct file_ram *f = (struct file_ram *)r;
    uint64_t page = offset / AX_PAGE, last = len ? (offset + len - 1) / AX_PAGE : page;
    for (; page <= last; page++) {
        if (!is_known(f->known[block], page) && !learn(f, block, page)) {
            r->counts.holes++;
            return NULL;
        }
    }
    return f->map[block] + offset;
}

static void file_begin(struct ax_ram *r)
{
    (void)r; /* the mapping is the memory: there is nothing to forget */
}

static bool file_data(struct ax_ram *r, size_t block, uint64_t *offset, uint64_t *end)
{
    struct file_ram *f = (struct file_ram *)r;
    const struct ax_ram_block *b = &r->blocks[block];
    off_t data = lseek(f->fd, (off_t)(b->at + *offset), SEEK_DATA);
    if (data < 0 || (uint64_t)data >= b->at + b->size)
        return false;
    off_t hole = lseek(f->fd, data, SEEK_HOLE);
    uint64_t to = hole < 0 ? b->size : (uint64_t)hole - b->at;
    *offset = ((uint64_t)data - b->at) / AX_PAGE * AX_PAGE;
    /* Whole pages: a file system's blocks may be smaller. */
    *end = to < b->size ? (to + AX_PAGE - 1) / AX_PAGE * AX_PAGE : b->size;
    return *offset < *end;
}

static void file_drop(struct ax_ram *r, size_t block, uint64_t offset, uint64_t end)
{
    struct file_ram *f = (struct file_ram *)r;
    /* MADV_DONTNEED takes a page out of our mapping; the file keeps it. */
    uint8_t *from = (uint8_t *)(uintptr_t)f->map[block] + offset / AX_PAGE * AX_PAGE;
    (void)madvise(from, end - offset / AX_PAGE * AX_PAGE, MADV_DONTNEED);
}

static void file_close(struct ax_ram *r)
{
    struct file_ram *f = (struct file_ram *)r;
    for (size_t i = 0; i < r->n_blocks; i++) {
        if (f->map[i])
            munmap((void *)(uintptr_t)f->map[i], r->blocks[i].size);
        free(f->known[i]);
    }
    ax_close_fd(&f->fd);
    free(f);
}

static const struct ax_ram_source file_source = {
    .at = file_at,
    .begin = file_begin,
    .data = file_data,
    .drop = file_drop,
    .close = file_close,
    .contiguous = true,
};

static int map_blocks(struct file_ram *f, struct ax_err *err)
{
    for (size_t i = 0; i < f->ram.n_blocks; i++) {
        const struct ax_ram_block *b = &f->ram.blocks[i];
        void *p = mmap(NULL, b->size, PROT_READ, MAP_SHARED, f->fd, (off_t)b->at);
        if (p == MAP_FAILED)
            return ax_fail_errno(err, "mapping guest memory");
        f->map[i] = p;
        /* Neighbours of what we read are none of our business, and cost memory. */
        (void)madvise(p, b->size, MADV_RANDOM);
        f->known[i] = ax_calloc(b->size / AX_PAGE / 64 + 1, sizeof(uint64_t));
    }
    return 0;
}

int ax_ram_open_file(struct ax_ram **out, int fd, const struct ax_ram_block *blocks, size_t n,
                     struct ax_err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return ax_fail_errno(err, "guest memory");
    struct file_ram *f = ax_calloc(1, sizeof *f);
    f->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    int rc = ax_ram_init(&f->ram, &file_source, blocks, n, (uint64_t)st.st_size, err);
    if (rc == 0 && f->fd < 0)
        rc = ax_fail_errno(err, "guest memory");
    if (rc == 0)
        rc = map_blocks(f, err);
    if (rc < 0) {
        file_close(&f->ram);
        return rc;
    }
    *out = &f->ram;
    return 0;
}
