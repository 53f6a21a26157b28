// SPDX-License-Identifier: Apache-2.0
/* Text in lines. The first byte says the format; for CSV the first line says the columns. What JSON
 * lines brought in is exported, and that must bring in the same, bit by bit. */
#include "kit.h"

#include "api/export.h"
#include "ingest/ingest.h"

#include <stdlib.h>
#include <string.h>

static void decode(enum ax_import_format format, const struct ax_csv *csv, struct ax_str text,
                   struct ax_intake *in, struct ax_batch *b, uint64_t *bad)
{
    struct ax_import im = {format, csv, 1000, 1, text};
    struct ax_walk walk;
    struct ax_err err = {0};
    struct ax_decoding d = {.tenant = AX_STR("t"), .walk = &walk, .out = b};
    ax_walk_begin(&walk, in, AX_STR("t"));
    ax_import_next(&im, &d, &err);
    ax_walk_end(&walk);
    AX_ASSERT(!d.bad == !err.text[0]);
    AX_ASSERT(im.rest.n == 0 || b->samples >= 1000); /* no line is left for nothing */
    *bad = d.bad;
}

static void check(const struct ax_batch *b)
{
    size_t samples = 0;
    for (size_t i = 0; i < b->n; i++) {
        AX_ASSERT(b->v[i].id == AX_SERIES_NONE && ax_labels_valid(b->v[i].labels.bytes));
        AX_ASSERT(b->v[i].n > 0);
        samples += b->v[i].n;
    }
    AX_ASSERT(samples == b->samples);
}

static struct ax_labels without_tenant(struct ax_labels set, struct ax_arena *a)
{
    struct ax_labels_builder b = {0};
    struct ax_labels out;
    struct ax_label l;
    AX_LABELS_EACH (set, l)
        if (!ax_str_eq(l.name, AX_STR(AX_TENANT_LABEL)))
            ax_labels_add(&b, l.name, l.value);
    AX_ASSERT(ax_labels_finish(&b, a, &out, NULL) == 0);
    return out;
}

/* The lines of export, with samples of one series as they came. */
static void put(const struct ax_batch *b, struct ax_buf *out)
{
    for (size_t i = 0; i < b->n; i++) {
        const struct ax_batch_series *s = &b->v[i];
        int64_t *t = AX_NEWS(b->arena, int64_t, s->n);
        double *v = AX_NEWS(b->arena, double, s->n);
        for (size_t k = 0; k < s->n; k++) {
            t[k] = s->samples[k].t;
            v[k] = s->samples[k].v;
        }
        struct ax_series series = {without_tenant(s->labels, b->arena), t, v, s->n};
        ax_export_write(AX_EXPORT_JSONL, NULL, &series, 0, s->n, out);
    }
}

static void check_same(const struct ax_batch *b, const struct ax_batch *again)
{
    AX_ASSERT(b->n == again->n && b->samples == again->samples);
    for (size_t i = 0; i < b->n; i++) {
        AX_ASSERT(ax_str_eq(b->v[i].labels.bytes, again->v[i].labels.bytes));
        AX_ASSERT(b->v[i].n == again->v[i].n);
        AX_ASSERT(memcmp(b->v[i].samples, again->v[i].samples, b->v[i].n * 16) == 0);
    }
}

FUZZ_TARGET(p, n)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a}, again = {.arena = &a};
    struct ax_csv csv;
    struct ax_str text, columns;
    struct ax_buf out = AX_BUF_INIT;
    uint64_t bad;
    if (!n)
        return 0;
    struct ax_intake *in = ax_intake_new(&(struct ax_intake_options){0});
    enum ax_import_format format = (enum ax_import_format)(p[0] % 4);
    text = fuzz_str(p + 1, n - 1);
    if (format != AX_IMPORT_CSV ||
        (ax_str_cut(&text, '\n', &columns) && ax_csv_parse(columns, &csv, NULL) == 0)) {
        decode(format, &csv, text, in, &b, &bad);
        check(&b);
        put(&b, &out);
        decode(AX_IMPORT_JSONL, NULL, ax_buf_view(&out), in, &again, &bad);
        AX_ASSERT(bad == 0);
        check_same(&b, &again);
    }
    ax_buf_free(&out);
    ax_intake_free(in);
    ax_arena_free(&a);
    return 0;
}
