// SPDX-License-Identifier: Apache-2.0
#include "store/block.h"

#include "base/map.h"
#include "store/codec.h"
#include "store/crc32c.h"
#include "store/disk.h"
#include "store/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#define OUT_BYTES (1u << 20)
#define HUGE_MAX  (1ul << 40) /* sections are as large as the data makes them */

struct written_series {
    uint32_t labels, nlabels;    /* in w->labels */
    size_t entries, entries_len; /* in w->entries */
    uint64_t at, nchunks;
};

struct written_label {
    uint32_t name, value; /* symbols */
};

struct ax_block_writer {
    int dirfd, fd, rc;
    char name[AX_BLOCK_NAME];
    struct ax_buf out, entries;
    uint64_t at; /* file offset behind `out` */
    struct written_series *series;
    size_t nseries, cap;
    struct ax_block_footer footer;
    struct ax_map symbols;        /* string -> its number, by arrival */
    struct written_label *labels; /* of all series */
    uint32_t nlabels, labels_cap;
    uint32_t *rank; /* by a symbol's number: its place in sorted order */
    struct ax_arena arena;
};

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
    w->entries.max = HUGE_MAX;
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

static void put(struct ax_block_writer *w, const void *p, size_t n)
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

static struct ax_block_chunk summarize(const int64_t *t, const double *v, size_t n)
{
    struct ax_block_chunk c = {.mint = t[0],
                               .maxt = t[n - 1],
                               .n = (uint32_t)n,
                               .first = v[0],
                               .last = v[n - 1],
                               .min = v[0],
                               .max = v[0],
                               .has_range = true};
    for (size_t i = 0; i < n; i++) {
        c.has_range &= !isnan(v[i]);
        c.min = v[i] < c.min ? v[i] : c.min;
        c.max = v[i] > c.max ? v[i] : c.max;
        c.sum += v[i];
    }
    return c;
}

static bool same_bits(double a, double b)
{
    return ax_double_bits(a) == ax_double_bits(b);
}

static uint8_t *put_number(uint8_t *at, double v)
{
    unsigned zeros = ax_double_zeros(v);
    *at++ = (uint8_t)zeros;
    return ax_put_double(at, v, zeros);
}

static void put_entry(struct ax_block_writer *w, const struct ax_block_chunk *c, int64_t before)
{
    uint8_t entry[96], *at = entry;
    bool all_first = c->has_range && same_bits(c->min, c->first) && same_bits(c->max, c->first) &&
                     same_bits(c->last, c->first);
    unsigned flags = (all_first ? ALL_FIRST : 0) | (c->has_range ? 0 : NO_RANGE) |
                     (same_bits(c->min, c->first) ? MIN_FIRST : 0) |
                     (same_bits(c->max, c->last) ? MAX_LAST : 0);
    at = ax_put_zigzag(at, (int64_t)((uint64_t)c->mint - (uint64_t)before));
    at = ax_put_varint(at, (uint64_t)c->maxt - (uint64_t)c->mint);
    at = ax_put_varint(at, c->n);
    at = ax_put_varint(at, c->len);
    *at++ = (uint8_t)flags;
    at = put_number(at, c->first);
    if (!(flags & ALL_FIRST)) {
        at = put_number(at, c->last);
        if (!(flags & (NO_RANGE | MIN_FIRST)))
            at = put_number(at, c->min);
        if (!(flags & (NO_RANGE | MAX_LAST)))
            at = put_number(at, c->max);
    }
    if (!(flags & NO_RANGE))
        at = put_number(at, c->sum);
    ax_buf_add(&w->entries, entry, (size_t)(at - entry));
}

static uint32_t symbol(struct ax_block_writer *w, struct ax_str s)
{
    uint64_t number = w->symbols.n;
    if (!ax_map_get(&w->symbols, s, &number))
        ax_map_put(&w->symbols, ax_arena_str(&w->arena, s), number);
    return (uint32_t)number;
}

static void take_labels(struct ax_block_writer *w, struct written_series *s,
                        struct ax_labels labels)
{
    struct ax_label l;
    s->labels = w->nlabels;
    AX_LABELS_EACH (labels, l) {
        if (w->nlabels == w->labels_cap) {
            w->labels_cap = w->labels_cap ? w->labels_cap * 2 : 2048;
            w->labels = ax_realloc(w->labels, w->labels_cap * sizeof *w->labels);
        }
        w->labels[w->nlabels++] = (struct written_label){symbol(w, l.name), symbol(w, l.value)};
    }
    s->nlabels = w->nlabels - s->labels;
}

static struct written_series *new_series(struct ax_block_writer *w, struct ax_labels labels)
{
    if (w->nseries == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 256;
        w->series = ax_realloc(w->series, w->cap * sizeof *w->series);
    }
    struct written_series *s = &w->series[w->nseries++];
    *s = (struct written_series){.entries = w->entries.n, .at = w->at};
    take_labels(w, s, labels);
    return s;
}

void ax_block_add(struct ax_block_writer *w, struct ax_labels labels, const int64_t *t,
                  const double *v, size_t n)
{
    uint8_t bytes[AX_CHUNK_BYTES];
    struct written_series *s = new_series(w, labels);
    int64_t before = 0;
    for (size_t i = 0; i < n; i += AX_CHUNK_SAMPLES) {
        size_t take = n - i < AX_CHUNK_SAMPLES ? n - i : AX_CHUNK_SAMPLES;
        struct ax_block_chunk c = summarize(t + i, v + i, take);
        c.len = (uint32_t)ax_chunk_encode(t + i, v + i, take, bytes);
        uint32_t crc = ax_crc32c(0, bytes, c.len);
        put(w, bytes, c.len);
        put(w, &crc, sizeof crc);
        put_entry(w, &c, before);
        before = c.maxt;
        s->nchunks++;
    }
    s->entries_len = w->entries.n - s->entries;
    w->footer.nchunks += s->nchunks;
    w->footer.nsamples += n;
    w->footer.mint = t[0] < w->footer.mint ? t[0] : w->footer.mint;
    w->footer.maxt = t[n - 1] > w->footer.maxt ? t[n - 1] : w->footer.maxt;
}

static void write_section(struct ax_block_writer *w, enum ax_block_section which,
                          const struct ax_buf *b)
{
    static const char zeros[8];
    put(w, zeros, -w->at & 7); /* sections hold arrays of numbers: aligned, so that they map */
    w->footer.section[which].at = w->at;
    w->footer.section[which].len = b->n;
    w->footer.section[which].crc = ax_crc32c(0, b->p, b->n);
    put(w, b->p, b->n);
}

struct sortable {
    struct ax_str text;
    uint64_t number;
};

static int by_text(const void *a, const void *b)
{
    return ax_str_cmp(((const struct sortable *)a)->text, ((const struct sortable *)b)->text);
}

/* Every label name and value of the block once, in sorted order. */
static void write_symbols(struct ax_block_writer *w)
{
    struct sortable *sorted = AX_NEWS(&w->arena, struct sortable, w->symbols.n + 1);
    w->rank = AX_NEWS(&w->arena, uint32_t, w->symbols.n + 1);
    size_t n = 0, pos = 0;
    while (ax_map_next(&w->symbols, &pos, &sorted[n].text, &sorted[n].number))
        n++;
    qsort(sorted, n, sizeof *sorted, by_text);
    AX_CLEANUP(ax_buf_free) struct ax_buf b = {.max = HUGE_MAX};
    ax_buf_u32le(&b, (uint32_t)n);
    uint32_t offset = 0;
    for (size_t i = 0; i < n; i++) {
        w->rank[sorted[i].number] = (uint32_t)i;
        ax_buf_u32le(&b, offset);
        offset += (uint32_t)sorted[i].text.n;
    }
    ax_buf_u32le(&b, offset);
    for (size_t i = 0; i < n; i++)
        ax_buf_str(&b, sorted[i].text);
    write_section(w, AX_SYMBOLS, &b);
}

static void write_series(struct ax_block_writer *w)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf offsets = {.max = HUGE_MAX}, b = {.max = HUGE_MAX};
    for (size_t i = 0; i < w->nseries; i++) {
        const struct written_series *s = &w->series[i];
        ax_buf_u64le(&offsets, b.n);
        ax_buf_varint(&b, s->nlabels);
        for (uint32_t k = 0; k < s->nlabels; k++) {
            ax_buf_varint(&b, w->rank[w->labels[s->labels + k].name]);
            ax_buf_varint(&b, w->rank[w->labels[s->labels + k].value]);
        }
        ax_buf_varint(&b, s->nchunks);
        ax_buf_varint(&b, s->at);
        ax_buf_add(&b, w->entries.p + s->entries, s->entries_len);
    }
    ax_buf_u64le(&offsets, b.n);
    ax_buf_add(&offsets, b.p, b.n);
    write_section(w, AX_SERIES, &offsets);
}

struct posting {
    uint32_t pair[2]; /* name, value */
    roaring_bitmap_t *series;
};

static int by_pair(const void *a, const void *b)
{
    const struct posting *x = *(struct posting *const *)a, *y = *(struct posting *const *)b;
    for (int i = 0; i < 2; i++)
        if (x->pair[i] != y->pair[i])
            return x->pair[i] < y->pair[i] ? -1 : 1;
    return 0;
}

static void add_postings(struct ax_block_writer *w, uint32_t number, struct ax_map *postings)
{
    const struct written_series *s = &w->series[number];
    for (uint32_t k = 0; k < s->nlabels; k++) {
        const struct written_label *l = &w->labels[s->labels + k];
        uint32_t pair[2] = {w->rank[l->name], w->rank[l->value]};
        uint64_t found;
        if (!ax_map_get(postings, (struct ax_str){(char *)pair, sizeof pair}, &found)) {
            struct posting *p = AX_NEW(&w->arena, struct posting);
            memcpy(p->pair, pair, sizeof pair);
            p->series = roaring_bitmap_create();
            found = (uintptr_t)p;
            ax_map_put(postings, (struct ax_str){(char *)p->pair, sizeof pair}, found);
        }
        roaring_bitmap_add(((struct posting *)(uintptr_t)found)->series, number);
    }
}

static void write_bitmap(const struct posting *p, struct ax_buf *index, struct ax_buf *b)
{
    size_t len = roaring_bitmap_portable_size_in_bytes(p->series);
    struct ax_posting_entry e = {p->pair[0], p->pair[1], b->n, len};
    char *room = ax_buf_reserve(b, len);
    if (room)
        b->n += roaring_bitmap_portable_serialize(p->series, room);
    ax_buf_add(index, &e, sizeof e);
}

static void write_postings(struct ax_block_writer *w)
{
    struct ax_map map = AX_MAP_INIT;
    for (size_t i = 0; i < w->nseries; i++)
        add_postings(w, (uint32_t)i, &map);
    struct posting **sorted = AX_NEWS(&w->arena, struct posting *, map.n + 1);
    size_t n = 0;
    struct ax_str key;
    uint64_t p;
    for (size_t pos = 0; ax_map_next(&map, &pos, &key, &p);)
        sorted[n++] = (struct posting *)(uintptr_t)p;
    qsort(sorted, n, sizeof(struct posting *), by_pair);
    AX_CLEANUP(ax_buf_free) struct ax_buf index = {.max = HUGE_MAX}, b = {.max = HUGE_MAX};
    for (size_t i = 0; i < n; i++) {
        write_bitmap(sorted[i], &index, &b);
        roaring_bitmap_free(sorted[i]->series);
    }
    write_section(w, AX_POSTING_INDEX, &index);
    write_section(w, AX_POSTINGS, &b);
    ax_map_free(&map);
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
    ax_map_free(&w->symbols);
    ax_arena_free(&w->arena);
    free(w->series);
    free(w->labels);
    free(w);
}

int ax_block_finish(struct ax_block_writer *w, struct ax_err *err)
{
    write_symbols(w);
    write_series(w);
    write_postings(w);
    w->footer.nseries = w->nseries;
    w->footer.crc = ax_crc32c(0, &w->footer, sizeof w->footer);
    put(w, &w->footer, sizeof w->footer);
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
