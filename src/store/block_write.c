// SPDX-License-Identifier: Apache-2.0
#include "store/block_writer.h"

#include "store/crc32c.h"
#include "store/disk.h"
#include "store/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define OUT_BYTES (1u << 20)
/* Of times that were written, to find them again: what is polled together comes together. */
#define COLUMNS_REMEMBERED (8ul << 20)
#define RECENT_COLUMNS     61

int ax_block_create(int dirfd, uint64_t file, uint64_t order, struct ax_block_writer **out,
                    struct ax_err *err)
{
    char name[AX_BLOCK_NAME];
    ax_block_name(file, name);
    int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return ax_fail_errno(err, "cannot create %s", name);
    struct ax_block_writer *w = ax_calloc(1, sizeof *w);
    w->dirfd = dirfd;
    w->fd = fd;
    memcpy(w->name, name, sizeof name);
    w->entries.max = w->columns.max = w->payloads.max = AX_BLOCK_HUGE;
    w->footer = (struct ax_block_footer){.magic = "AXBLOCK",
                                         .version = AX_BLOCK_VERSION,
                                         .order = order,
                                         .mint = INT64_MAX,
                                         .maxt = INT64_MIN};
    w->footer.magic[7] = '\n';
    *out = w;
    return 0;
}

static void flush_out(struct ax_block_writer *w)
{
    if (w->rc == 0)
        w->rc = ax_disk_write(w->fd, w->out.p, w->out.n);
    ax_buf_clear(&w->out);
}

void ax_block_put(struct ax_block_writer *w, const void *p, size_t n)
{
    for (const char *at = p; n;) {
        size_t take = n < OUT_BYTES ? n : OUT_BYTES;
        ax_buf_add(&w->out, at, take);
        at += take;
        n -= take;
        w->at += take;
        if (w->out.n >= OUT_BYTES)
            flush_out(w);
    }
}

static uint32_t symbol(struct ax_block_writer *w, struct ax_str s)
{
    uint64_t number = w->symbols.n;
    if (!ax_map_get(&w->symbols, s, &number))
        ax_map_put(&w->symbols, ax_arena_str(&w->arena, s), number);
    return (uint32_t)number;
}

static void take_labels(struct ax_block_writer *w, struct ax_written_series *s,
                        struct ax_labels labels)
{
    struct ax_label l;
    s->labels = w->nlabels;
    AX_LABELS_EACH (labels, l) {
        if (w->nlabels == w->labels_cap) {
            w->labels_cap = w->labels_cap ? w->labels_cap * 2 : 2048;
            w->labels = ax_realloc(w->labels, w->labels_cap * sizeof *w->labels);
        }
        w->labels[w->nlabels++] = (struct ax_written_label){symbol(w, l.name), symbol(w, l.value)};
    }
    s->nlabels = w->nlabels - s->labels;
}

static struct ax_written_series *new_series(struct ax_block_writer *w, struct ax_labels labels)
{
    if (w->nseries == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 256;
        w->series = ax_realloc(w->series, w->cap * sizeof *w->series);
    }
    struct ax_written_series *s = &w->series[w->nseries++];
    *s = (struct ax_written_series){.entries = w->entries.n};
    take_labels(w, s, labels);
    return s;
}

/* The number of the column with these times: the one that is there, or a new one. */
static uint32_t find_column(struct ax_block_writer *w, const int64_t *t, size_t n)
{
    uint8_t key[sizeof *t + AX_TIMES_BYTES];
    uint64_t number;
    memcpy(key, t, sizeof *t);
    size_t len = ax_times_encode(t, n, key + sizeof *t);
    struct ax_str all = {(char *)key, sizeof *t + len};
    if (ax_map_get(&w->columns_seen, all, &number))
        return (uint32_t)number;
    if (w->column_arena.used > COLUMNS_REMEMBERED) {
        ax_map_free(&w->columns_seen);
        ax_arena_free(&w->column_arena);
    }
    number = w->columns.n / sizeof(struct ax_block_column);
    struct ax_block_column c = {w->at, (uint32_t)len, ax_crc32c(0, key + sizeof *t, len)};
    ax_buf_add(&w->columns, &c, sizeof c);
    ax_map_put(&w->columns_seen, ax_arena_str(&w->column_arena, all), number);
    ax_block_put(w, key + sizeof *t, len);
    return (uint32_t)number;
}

/* Mostly a series has the times of the one before it: then nothing need be encoded. */
static uint32_t column_of(struct ax_block_writer *w, const int64_t *t, size_t n)
{
    if (!w->recent)
        w->recent = ax_calloc(RECENT_COLUMNS, sizeof *w->recent);
    struct ax_recent_column *r = &w->recent[((uint64_t)t[0] + (uint64_t)t[n - 1]) % RECENT_COLUMNS];
    if (r->n != n || memcmp(r->t, t, n * sizeof *t) != 0) {
        r->number = find_column(w, t, n);
        r->n = (uint32_t)n;
        memcpy(r->t, t, n * sizeof *t);
    }
    return r->number;
}

static void add_chunk(struct ax_block_writer *w, const int64_t *t, const double *v, size_t n,
                      struct ax_entry_state *before, struct ax_buf *payloads)
{
    uint8_t bytes[AX_VALUES_BYTES], entry[AX_ENTRY_BYTES];
    struct ax_block_chunk c = {.mint = t[0], .maxt = t[n - 1], .n = (uint32_t)n, .last = v[n - 1]};
    c.column = ax_times_even(t, n) ? AX_NO_COLUMN : column_of(w, t, n);
    c.len = (uint32_t)ax_values_encode(v, n, &c.values, bytes);
    if (c.len) {
        uint32_t crc = ax_crc32c(0, bytes, c.len);
        ax_buf_add(payloads, bytes, c.len);
        ax_buf_add(payloads, &crc, sizeof crc);
    }
    ax_buf_add(&w->entries, entry, (size_t)(ax_entry_put(entry, before, &c) - entry));
}

/* The payloads of a series lie one behind the other; columns come in between series. */
void ax_block_add(struct ax_block_writer *w, struct ax_labels labels, const int64_t *t,
                  const double *v, size_t n)
{
    if (w->nseries == 0)
        w->footer.origin = t[0];
    struct ax_written_series *s = new_series(w, labels);
    struct ax_entry_state before = ax_entry_first(w->footer.origin);
    ax_buf_clear(&w->payloads);
    for (size_t i = 0; i < n; i += AX_VALUES_MAX) {
        size_t take = n - i < AX_VALUES_MAX ? n - i : AX_VALUES_MAX;
        add_chunk(w, t + i, v + i, take, &before, &w->payloads);
        s->nchunks++;
    }
    s->at = w->at;
    ax_block_put(w, w->payloads.p, w->payloads.n);
    s->entries_len = w->entries.n - s->entries;
    w->footer.nchunks += s->nchunks;
    w->footer.nsamples += n;
    w->footer.mint = t[0] < w->footer.mint ? t[0] : w->footer.mint;
    w->footer.maxt = t[n - 1] > w->footer.maxt ? t[n - 1] : w->footer.maxt;
}

static int sync_file(struct ax_block_writer *w)
{
    return ax_disk->fsync(w->fd) < 0 ? -errno : ax_disk_sync_directory(w->dirfd, "blocks");
}

static void free_writer(struct ax_block_writer *w)
{
    close(w->fd);
    ax_buf_free(&w->out);
    ax_buf_free(&w->entries);
    ax_buf_free(&w->columns);
    ax_buf_free(&w->payloads);
    ax_map_free(&w->symbols);
    ax_map_free(&w->columns_seen);
    ax_arena_free(&w->arena);
    ax_arena_free(&w->column_arena);
    free(w->series);
    free(w->recent);
    free(w->labels);
    free(w);
}

int ax_block_finish(struct ax_block_writer *w, struct ax_err *err)
{
    ax_block_put_index(w);
    w->footer.nseries = w->nseries;
    w->footer.crc = ax_crc32c(0, &w->footer, sizeof w->footer);
    ax_block_put(w, &w->footer, sizeof w->footer);
    flush_out(w);
    int rc = w->rc ? w->rc : sync_file(w);
    if (rc < 0) {
        ax_disk->unlink(w->dirfd, w->name);
        errno = -rc;
        rc = ax_fail_errno(err, "cannot write %s", w->name);
    }
    free_writer(w);
    return rc;
}

void ax_block_cancel(struct ax_block_writer *w)
{
    ax_disk->unlink(w->dirfd, w->name);
    free_writer(w);
}
