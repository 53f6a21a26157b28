// SPDX-License-Identifier: Apache-2.0
#include "store/memtable.h"

#include "store/codec.h"
#include "store/samples.h"

#include <stdlib.h>

struct ax_memtable *ax_mem_new(void)
{
    struct ax_memtable *m = ax_calloc(1, sizeof *m);
    m->refs = 1;
    m->mint = INT64_MAX;
    m->maxt = INT64_MIN;
    return m;
}

struct ax_memtable *ax_mem_ref(struct ax_memtable *m)
{
    if (m)
        __atomic_add_fetch(&m->refs, 1, __ATOMIC_RELAXED);
    return m;
}

void ax_mem_unref(struct ax_memtable *m)
{
    if (!m || __atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (uint32_t i = 0; i < m->nseries; i++)
        if (m->series[i])
            free(m->series[i]->open);
    free(m->series);
    ax_arena_free(&m->slab);
    free(m);
}

const struct ax_mem_series *ax_mem_series(const struct ax_memtable *m, uint32_t id)
{
    return m && id < m->nseries ? m->series[id] : NULL;
}

static struct ax_mem_series *get_series(struct ax_memtable *m, uint32_t id)
{
    if (id >= m->nseries) {
        uint32_t n = m->nseries ? m->nseries : 1024;
        while (n <= id)
            n *= 2;
        m->series = ax_realloc(m->series, n * sizeof *m->series);
        memset(m->series + m->nseries, 0, (n - m->nseries) * sizeof *m->series);
        m->nseries = n;
    }
    if (!m->series[id]) {
        struct ax_mem_series *s = AX_NEW(&m->slab, struct ax_mem_series);
        s->mint = INT64_MAX;
        s->maxt = INT64_MIN;
        m->series[id] = s;
    }
    return m->series[id];
}

/* Turns the open samples into a chunk. */
static void close_chunk(struct ax_memtable *m, struct ax_mem_series *s)
{
    int64_t t[AX_OPEN_SAMPLES];
    double v[AX_OPEN_SAMPLES];
    uint8_t bytes[AX_CHUNK_BYTES];
    for (size_t i = 0; i < s->nopen; i++) {
        t[i] = s->open[i].t;
        v[i] = s->open[i].v;
    }
    size_t n = ax_samples_tidy(t, v, s->nopen);
    size_t len = ax_chunk_encode(t, v, n, bytes);
    struct ax_mem_chunk *c = ax_arena_alloc(&m->slab, offsetof(struct ax_mem_chunk, data) + len);
    c->older = s->chunks;
    c->mint = t[0];
    c->maxt = t[n - 1];
    c->len = (uint16_t)len;
    c->n = (uint8_t)n;
    memcpy(c->data, bytes, len);
    s->chunks = c;
    s->nchunks++;
    s->nopen = 0;
    m->chunks++;
}

static void grow_open(struct ax_memtable *m, struct ax_mem_series *s)
{
    uint8_t cap = s->cap ? (uint8_t)(s->cap * 2) : 4;
    s->open = ax_realloc(s->open, cap * sizeof *s->open);
    m->open_bytes += (cap - s->cap) * sizeof *s->open;
    s->cap = cap;
}

void ax_mem_append(struct ax_memtable *m, uint32_t id, const struct ax_sample *samples, size_t n)
{
    struct ax_mem_series *s = get_series(m, id);
    for (size_t i = 0; i < n; i++) {
        if (s->nopen == AX_OPEN_SAMPLES)
            close_chunk(m, s);
        if (s->nopen == s->cap)
            grow_open(m, s);
        s->open[s->nopen++] = samples[i];
        s->mint = samples[i].t < s->mint ? samples[i].t : s->mint;
        s->maxt = samples[i].t > s->maxt ? samples[i].t : s->maxt;
    }
    m->samples += n;
    m->mint = s->mint < m->mint ? s->mint : m->mint;
    m->maxt = s->maxt > m->maxt ? s->maxt : m->maxt;
}

uint64_t ax_mem_bytes(const struct ax_memtable *m)
{
    return m ? sizeof *m + m->nseries * sizeof *m->series + m->slab.used + m->open_bytes : 0;
}
