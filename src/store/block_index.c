// SPDX-License-Identifier: Apache-2.0
/* Writing what leads to the chunks of a block: names, postings, labels and entries. */
#include "store/block_writer.h"

#include "base/map.h"
#include "store/crc32c.h"

#include <stdlib.h>

static void write_section(struct ax_block_writer *w, enum ax_block_section which,
                          const struct ax_buf *b)
{
    static const char zeros[8];
    ax_block_put(w, zeros,
                 -w->at & 7); /* sections hold arrays of numbers: aligned, so that they map */
    w->footer.section[which].at = w->at;
    w->footer.section[which].len = b->n;
    w->footer.section[which].crc = ax_crc32c(0, b->p, b->n);
    ax_block_put(w, b->p, b->n);
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
    AX_CLEANUP(ax_buf_free) struct ax_buf b = {.max = AX_BLOCK_HUGE};
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

struct posting {
    uint32_t pair[2]; /* name, value */
    uint32_t number;
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

static struct posting *find_posting(const struct ax_block_writer *w, const struct ax_map *postings,
                                    const struct ax_written_label *l)
{
    uint32_t pair[2] = {w->rank[l->name], w->rank[l->value]};
    uint64_t found;
    return ax_map_get(postings, (struct ax_str){(char *)pair, sizeof pair}, &found)
               ? (struct posting *)(uintptr_t)found
               : NULL;
}

static void add_postings(struct ax_block_writer *w, uint32_t number, struct ax_map *postings)
{
    const struct ax_written_series *s = &w->series[number];
    for (uint32_t k = 0; k < s->nlabels; k++) {
        const struct ax_written_label *l = &w->labels[s->labels + k];
        struct posting *p = find_posting(w, postings, l);
        if (!p) {
            p = AX_NEW(&w->arena, struct posting);
            p->pair[0] = w->rank[l->name];
            p->pair[1] = w->rank[l->value];
            p->series = roaring_bitmap_create();
            ax_map_put(postings, (struct ax_str){(char *)p->pair, sizeof p->pair}, (uintptr_t)p);
        }
        roaring_bitmap_add(p->series, number);
    }
}

static void write_bitmap(const struct posting *p, struct ax_buf *index, struct ax_buf *b)
{
    roaring_bitmap_run_optimize(p->series);
    size_t len = roaring_bitmap_portable_size_in_bytes(p->series);
    struct ax_posting_entry e = {p->pair[0], p->pair[1], b->n, len};
    char *room = ax_buf_reserve(b, len);
    if (room)
        b->n += roaring_bitmap_portable_serialize(p->series, room);
    ax_buf_add(index, &e, sizeof e);
}

/* Numbers every label by its place among the postings. */
static void write_postings(struct ax_block_writer *w, struct ax_map *postings)
{
    for (size_t i = 0; i < w->nseries; i++)
        add_postings(w, (uint32_t)i, postings);
    struct posting **sorted = AX_NEWS(&w->arena, struct posting *, postings->n + 1);
    uint32_t n = 0;
    struct ax_str key;
    uint64_t p;
    for (size_t pos = 0; ax_map_next(postings, &pos, &key, &p);)
        sorted[n++] = (struct posting *)(uintptr_t)p;
    qsort(sorted, n, sizeof(struct posting *), by_pair);
    AX_CLEANUP(ax_buf_free)
    struct ax_buf index = {.max = AX_BLOCK_HUGE}, b = {.max = AX_BLOCK_HUGE};
    for (uint32_t i = 0; i < n; i++) {
        sorted[i]->number = i;
        write_bitmap(sorted[i], &index, &b);
        roaring_bitmap_free(sorted[i]->series);
    }
    write_section(w, AX_POSTING_INDEX, &index);
    write_section(w, AX_POSTINGS, &b);
}

/* Which of the labels of the series before it has too, and which others. */
static void put_labels(struct ax_buf *b, const uint32_t *before, size_t nbefore,
                       const uint32_t *now, size_t n)
{
    uint8_t kept[AX_LABELS_MAX / 8] = {0};
    uint32_t added[AX_LABELS_MAX];
    size_t nadded = 0, k = 0;
    for (size_t i = 0; i < n; i++) { /* both rise */
        while (k < nbefore && before[k] < now[i])
            k++;
        if (k < nbefore && before[k] == now[i])
            kept[k / 8] |= (uint8_t)(1u << k % 8);
        else
            added[nadded++] = now[i];
    }
    ax_buf_add(b, kept, (nbefore + 7) / 8);
    ax_buf_varint(b, nadded);
    for (size_t i = 0; i < nadded; i++)
        ax_buf_varint(b, added[i]);
}

static void write_labels(struct ax_block_writer *w, const struct ax_map *postings)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = {.max = AX_BLOCK_HUGE};
    uint32_t numbers[2][AX_LABELS_MAX];
    size_t n[2] = {0, 0};
    for (size_t i = 0; i < w->nseries; i++) {
        const struct ax_written_series *s = &w->series[i];
        size_t now = i % 2, before = 1 - now;
        n[now] = s->nlabels;
        for (uint32_t k = 0; k < s->nlabels; k++)
            numbers[now][k] = find_posting(w, postings, &w->labels[s->labels + k])->number;
        put_labels(&b, numbers[before], n[before], numbers[now], n[now]);
    }
    write_section(w, AX_LABELS, &b);
}

static void write_series(struct ax_block_writer *w)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf offsets = {.max = AX_BLOCK_HUGE};
    AX_CLEANUP(ax_buf_free) struct ax_buf b = {.max = AX_BLOCK_HUGE};
    for (size_t i = 0; i < w->nseries; i++) {
        const struct ax_written_series *s = &w->series[i];
        ax_buf_add(&offsets, &b.n, AX_BLOCK_OFFSET);
        ax_buf_varint(&b, s->nchunks);
        ax_buf_varint(&b, s->at);
        ax_buf_add(&b, w->entries.p + s->entries, s->entries_len);
    }
    ax_buf_add(&offsets, &b.n, AX_BLOCK_OFFSET);
    ax_buf_add(&offsets, b.p, b.n);
    write_section(w, AX_SERIES, &offsets);
}

void ax_block_put_index(struct ax_block_writer *w)
{
    struct ax_map postings = AX_MAP_INIT;
    write_symbols(w);
    write_postings(w, &postings);
    write_labels(w, &postings);
    write_series(w);
    write_section(w, AX_COLUMNS, &w->columns);
    ax_map_free(&postings);
}
