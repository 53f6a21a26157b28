// SPDX-License-Identifier: Apache-2.0
/* Guest RAM in the memory of a QEMU process, copied out by process_vm_readv: what the last poll
 * read in one call when the next begins (replay.h), the rest piece by piece. */
#include "vmi/ram_inner.h"
#include "vmi/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/uio.h>
#include <unistd.h>

#define VECTOR     1024u               /* the kernel's UIO_MAXIOV */
#define CHUNK      (256u << 10)        /* of a search */
#define STRAY      (64u << 10)         /* a search may leave out that much and is still one */
#define CHUNKS_MAX 4096u               /* kept until dropped, and no more */
#define CHUNKS_ALL (256u << 20)        /* bytes than these */
#define ENTRIES    4096u               /* of the page map, read at once */
#define IS_DATA    (UINT64_C(3) << 62) /* page map: present, or swapped out */

struct chunk { /* of a search or of a large read: not fetched again in the next poll */
    uint64_t at;
    size_t len;
    uint8_t *p;
};

struct process_ram {
    struct ax_ram ram;
    pid_t pid;
    int pidfd;
    int pagemap; /* -1: no right to it; every page counts as data then */
    bool gone;
    struct ax_replay replay;
    struct chunk *chunks;
    size_t n_chunks, cap_chunks, chunk_bytes;
    uint64_t search_from, search_to; /* the range that data() gave last, addresses */
    uint64_t *entries;               /* a window of the page map */
    uint64_t entries_page;
    size_t n_entries;
    struct iovec remote[VECTOR];
};

static bool fetch(struct process_ram *p, uint64_t at, void *to, size_t len)
{
    struct iovec local = {to, len}, remote = {(void *)(uintptr_t)at, len};
    p->ram.counts.calls++;
    ssize_t n = p->gone ? -1 : process_vm_readv(p->pid, &local, 1, &remote, 1, 0);
    if (n > 0)
        p->ram.counts.bytes += (uint64_t)n;
    return n == (ssize_t)len;
}

/* As many spans from `first` on as fit into one call; returns how many are done with. A span that
 * lies where nothing is mapped (any more) ends the call early, and is left out. */
static size_t fetch_spans(struct process_ram *p, size_t first)
{
    struct ax_span *spans = p->replay.spans + first;
    size_t n = p->replay.n - first, total = 0, done = 0;
    if (n > VECTOR)
        n = VECTOR;
    for (size_t i = 0; i < n; i++) {
        p->remote[i] = (struct iovec){(void *)(uintptr_t)spans[i].at, spans[i].len};
        total += spans[i].len;
    }
    struct iovec local = {(void *)(uintptr_t)spans[0].p, total};
    p->ram.counts.calls++;
    ssize_t got = process_vm_readv(p->pid, &local, 1, p->remote, n, 0);
    if (got > 0)
        p->ram.counts.bytes += (uint64_t)got;
    for (size_t left = got > 0 ? (size_t)got : 0; done < n && left >= spans[done].len; done++)
        left -= spans[done].len;
    if (done < n)
        spans[done++].p = NULL;
    return done;
}

static bool is_alive(const struct process_ram *p)
{
    struct pollfd f = {.fd = p->pidfd, .events = POLLIN};
    return poll(&f, 1, 0) == 0;
}

static void free_chunks(struct process_ram *p, uint64_t from, uint64_t to)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->n_chunks; i++) {
        uint64_t end = p->chunks[i].at + p->chunks[i].len;
        if (end > from && end <= to) {
            p->chunk_bytes -= p->chunks[i].len;
            free(p->chunks[i].p);
        } else {
            p->chunks[kept++] = p->chunks[i];
        }
    }
    p->n_chunks = kept;
}

/* The process is looked at after the copies were made: as long as it has not ended, its number
 * was not another's. */
static void process_begin(struct ax_ram *r)
{
    struct process_ram *p = (struct process_ram *)r;
    ax_replay_next(&p->replay);
    for (size_t i = 0; i < p->replay.n && !p->gone;)
        i += fetch_spans(p, i);
    p->gone = p->gone || !is_alive(p);
    for (size_t i = 0; i < p->replay.n && p->gone; i++)
        p->replay.spans[i].p = NULL;
    free_chunks(p, 0, UINT64_MAX);
    p->search_to = p->search_from = 0;
    p->n_entries = 0;
}

static const uint8_t *find_chunk(const struct process_ram *p, uint64_t at, size_t len)
{
    for (size_t i = p->n_chunks; i > 0; i--) {
        const struct chunk *c = &p->chunks[i - 1];
        if (at >= c->at && at - c->at < c->len && len <= c->len - (at - c->at))
            return c->p + (at - c->at);
    }
    return NULL;
}

static const uint8_t *fetch_chunk(struct process_ram *p, uint64_t at, size_t len)
{
    if (p->n_chunks == CHUNKS_MAX || len > CHUNKS_ALL - p->chunk_bytes)
        return NULL;
    if (p->n_chunks == p->cap_chunks) {
        p->cap_chunks = p->cap_chunks ? p->cap_chunks * 2 : 16;
        p->chunks = ax_realloc(p->chunks, p->cap_chunks * sizeof *p->chunks);
    }
    struct chunk c = {at, len, ax_malloc(len)};
    if (!fetch(p, at, c.p, len)) {
        free(c.p);
        return NULL;
    }
    p->chunks[p->n_chunks++] = c;
    p->chunk_bytes += len;
    return c.p;
}

/* Whoever goes on from the begin of a range of data, step by step, searches: the next reads come
 * with this one. */
static const uint8_t *search(struct process_ram *p, uint64_t at, size_t len)
{
    if (at < p->search_from || at - p->search_from > STRAY || p->search_to <= at ||
        len > p->search_to - at || len > CHUNK)
        return NULL;
    size_t n = p->search_to - at < CHUNK ? p->search_to - at : CHUNK;
    const uint8_t *copy = fetch_chunk(p, at, n);
    if (copy)
        p->search_from = at + n;
    return copy;
}

static const uint8_t *fetch_new(struct process_ram *p, const struct ax_ram_block *b, uint64_t at,
                                size_t len)
{
    uint64_t from = at - at % AX_REPLAY_GRAIN, to = at + (len ? len : 1);
    to += AX_REPLAY_GRAIN - 1 - (to - 1) % AX_REPLAY_GRAIN;
    if (to > b->at + b->size)
        to = b->at + b->size;
    if (to - from > AX_REPLAY_BIG)
        return fetch_chunk(p, at, len);
    uint8_t *copy = ax_replay_add(&p->replay, from, to - from);
    if (!copy)
        return NULL;
    if (!fetch(p, from, copy, to - from)) {
        ax_replay_drop_last(&p->replay);
        return NULL;
    }
    return copy + (at - from);
}

static const uint8_t *process_at(struct ax_ram *r, size_t block, uint64_t offset, size_t len)
{
    struct process_ram *p = (struct process_ram *)r;
    const struct ax_ram_block *b = &r->blocks[block];
    uint64_t at = b->at + offset;
    const uint8_t *copy = ax_replay_find(&p->replay, at, len);
    if (!copy && p->n_chunks)
        copy = find_chunk(p, at, len);
    if (!copy)
        copy = search(p, at, len);
    return copy ? copy : fetch_new(p, b, at, len);
}

/* The page map's entry of a page; pages that cannot be asked about count as data. */
static bool is_data(struct process_ram *p, uint64_t page)
{
    if (p->pagemap < 0)
        return true;
    if (page < p->entries_page || page - p->entries_page >= p->n_entries) {
        p->entries_page = page;
        p->ram.counts.calls++;
        ssize_t n = pread(p->pagemap, p->entries, ENTRIES * 8, (off_t)(page * 8));
        p->n_entries = n > 0 ? (size_t)n / 8 : 0;
        if (p->n_entries == 0)
            return true;
    }
    return p->entries[page - p->entries_page] & IS_DATA;
}

static bool process_data(struct ax_ram *r, size_t block, uint64_t *offset, uint64_t *end)
{
    struct process_ram *p = (struct process_ram *)r;
    const struct ax_ram_block *b = &r->blocks[block];
    uint64_t from = b->at + *offset / AX_PAGE * AX_PAGE, to = b->at + b->size;
    while (from < to && !is_data(p, from / AX_PAGE))
        from += AX_PAGE;
    uint64_t last = from;
    while (last < to && is_data(p, last / AX_PAGE))
        last += AX_PAGE;
    if (from == last)
        return false;
    p->search_from = from;
    p->search_to = last;
    *offset = from - b->at;
    *end = last - b->at;
    return true;
}

static void process_drop(struct ax_ram *r, size_t block, uint64_t offset, uint64_t end)
{
    struct process_ram *p = (struct process_ram *)r;
    free_chunks(p, r->blocks[block].at + offset, r->blocks[block].at + end);
}

static void process_close(struct ax_ram *r)
{
    struct process_ram *p = (struct process_ram *)r;
    free_chunks(p, 0, UINT64_MAX);
    ax_replay_free(&p->replay);
    ax_close_fd(&p->pidfd);
    ax_close_fd(&p->pagemap);
    free(p->chunks);
    free(p->entries);
    free(p);
}

static const struct ax_ram_source process_source = {
    .at = process_at,
    .begin = process_begin,
    .data = process_data,
    .drop = process_drop,
    .close = process_close,
};

static int try_read(const struct process_ram *p, struct ax_err *err)
{
    uint8_t byte;
    struct iovec local = {&byte, 1}, remote = {(void *)(uintptr_t)p->ram.blocks[0].at, 1};
    if (process_vm_readv(p->pid, &local, 1, &remote, 1, 0) == 1)
        return 0;
    if (errno == EPERM)
        return ax_fail(err, -EPERM,
                       "the memory of process %d is closed to us: it takes root or CAP_SYS_PTRACE",
                       (int)p->pid);
    if (errno == ESRCH)
        return ax_fail(err, -ESRCH, "there is no process %d", (int)p->pid);
    if (errno == EFAULT)
        return ax_fail(err, -EINVAL, "process %d has no memory at 0x%" PRIx64, (int)p->pid,
                       p->ram.blocks[0].at);
    return ax_fail_errno(err, "reading the memory of process %d", (int)p->pid);
}

int ax_ram_open_process(struct ax_ram **out, pid_t pid, const struct ax_ram_block *blocks, size_t n,
                        struct ax_err *err)
{
    char path[64];
    struct process_ram *p = ax_calloc(1, sizeof *p);
    p->pid = pid;
    p->pagemap = -1;
    int rc = ax_ram_init(&p->ram, &process_source, blocks, n, 0, err);
    p->pidfd = rc < 0 ? -1 : pidfd_open(pid, 0);
    if (rc == 0 && p->pidfd < 0)
        rc = errno == ESRCH ? ax_fail(err, -ESRCH, "there is no process %d", (int)pid)
                            : ax_fail_errno(err, "process %d", (int)pid);
    if (rc == 0)
        rc = try_read(p, err);
    if (rc < 0) {
        process_close(&p->ram);
        return rc;
    }
    snprintf(path, sizeof path, "/proc/%d/pagemap", (int)pid);
    p->pagemap = open(path, O_RDONLY | O_CLOEXEC);
    p->entries = ax_malloc(ENTRIES * sizeof *p->entries);
    *out = &p->ram;
    return 0;
}
