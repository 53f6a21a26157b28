// SPDX-License-Identifier: Apache-2.0
#include "store/memtable.h"

#include "store/codec.h"
#include "store/samples.h"
#include "store/writer.h"

#include <stdlib.h>

#define SAMPLE_ROOM 27 /* bytes that writing an open sample needs; 19 of them stay at most */
#define NO_STEP     INT32_MIN

enum { SAME_STEP = 0x40 };

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
    free(m->series);
    ax_slab_free(&m->slab);
    free(m);
}

const struct ax_mem_series *ax_mem_series(const struct ax_memtable *m, uint32_t id)
{
    return m && id < m->nseries && m->series[id].mint <= m->series[id].maxt ? &m->series[id] : NULL;
}

const struct ax_mem_chunk *ax_mem_chunk(const struct ax_memtable *m, uint32_t piece)
{
    return piece ? ax_slab_at(&m->slab, piece) : NULL;
}

int64_t ax_mem_chunk_maxt(const struct ax_mem_chunk *c)
{
    return c->span == UINT32_MAX ? INT64_MAX : c->mint + c->span;
}

static struct ax_mem_series *get_series(struct ax_memtable *m, uint32_t id)
{
    if (id < m->nseries)
        return &m->series[id];
    uint32_t n = m->nseries ? m->nseries : 1024;
    while (n <= id)
        n *= 2;
    m->series = ax_realloc(m->series, n * sizeof *m->series);
    for (uint32_t i = m->nseries; i < n; i++)
        m->series[i] = (struct ax_mem_series){.mint = INT64_MAX, .maxt = INT64_MIN};
    m->nseries = n;
    return &m->series[id];
}

/* ---- open samples ---- */

static uint8_t *put_sample(const struct ax_mem_series *s, const struct ax_sample *x, uint8_t *at)
{
    int64_t step = (int64_t)((uint64_t)x->t - (uint64_t)s->t);
    uint64_t diff = ax_double_bits(x->v) ^ ax_double_bits(s->v);
    unsigned top = diff ? (unsigned)__builtin_clzll(diff) / 8 : 7;
    unsigned bottom = diff ? (unsigned)__builtin_ctzll(diff) / 8 : 1;
    bool same = s->nopen && s->step != NO_STEP && step == s->step;
    *at++ = (uint8_t)(top | bottom << 3 | (same ? SAME_STEP : 0));
    if (!same)
        at = ax_put_zigzag(at, step);
    diff >>= 8 * bottom;
    memcpy(at, &diff, 8);
    return at + 8 - top - bottom;
}

void ax_mem_decode_open(const uint8_t *p, size_t n, int64_t *t, double *v)
{
    uint64_t now = 0, bits = 0, step = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned control = *p++, top = control & 7, bottom = control >> 3 & 7;
        uint64_t diff = 0;
        if (!(control & SAME_STEP)) {
            uint64_t z = 0;
            unsigned shift = 0;
            for (; *p & 0x80; shift += 7)
                z |= (uint64_t)(*p++ & 0x7f) << shift;
            z |= (uint64_t)*p++ << shift;
            step = z >> 1 ^ (0 - (z & 1));
        }
        memcpy(&diff, p, 8 - top - bottom);
        p += 8 - top - bottom;
        bits ^= diff << 8 * bottom;
        now += step;
        t[i] = (int64_t)now;
        memcpy(&v[i], &bits, 8);
    }
}

/* Turns the open samples into a chunk. */
static void close_chunk(struct ax_memtable *m, struct ax_mem_series *s)
{
    int64_t t[AX_OPEN_SAMPLES];
    double v[AX_OPEN_SAMPLES];
    uint8_t bytes[AX_CHUNK_BYTES];
    ax_mem_decode_open(ax_slab_at(&m->slab, s->open), s->nopen, t, v);
    size_t n = ax_samples_tidy(t, v, s->nopen);
    size_t len = ax_chunk_encode(t, v, n, bytes);
    uint32_t piece = ax_slab_alloc(&m->slab, offsetof(struct ax_mem_chunk, data) + len);
    struct ax_mem_chunk *c = ax_slab_at(&m->slab, piece);
    uint64_t span = (uint64_t)t[n - 1] - (uint64_t)t[0];
    *c = (struct ax_mem_chunk){.mint = t[0],
                               .older = s->chunks,
                               .span = span < UINT32_MAX ? (uint32_t)span : UINT32_MAX,
                               .len = (uint16_t)len,
                               .n = (uint8_t)n};
    memcpy(c->data, bytes, len);
    s->chunks = piece;
    s->nchunks++;
    m->chunks++;
    s->nopen = 0;
    s->len = 0;
    s->t = 0;
    s->v = 0;
}

/* Steps so small that little is left over: every series has such a piece. */
static uint16_t next_cap(uint16_t cap, size_t need)
{
    while (cap < need)
        cap = (uint16_t)(cap < 64 ? cap + 16 : cap + cap / 16 * 8);
    return cap < AX_OPEN_BYTES ? cap : AX_OPEN_BYTES;
}

static void grow_open(struct ax_memtable *m, struct ax_mem_series *s, size_t need)
{
    uint16_t cap = next_cap(s->cap, need);
    uint32_t piece = ax_slab_alloc(&m->slab, cap);
    if (s->cap) {
        memcpy(ax_slab_at(&m->slab, piece), ax_slab_at(&m->slab, s->open), s->len);
        ax_slab_give_back(&m->slab, s->open, s->cap);
    }
    s->open = piece;
    s->cap = cap;
}

static void append(struct ax_memtable *m, struct ax_mem_series *s, const struct ax_sample *x)
{
    uint8_t bytes[SAMPLE_ROOM];
    if (s->nopen == AX_OPEN_SAMPLES)
        close_chunk(m, s);
    uint8_t *end = s->open ? (uint8_t *)ax_slab_at(&m->slab, s->open) + s->len : bytes;
    bool in_place = s->cap - s->len >= SAMPLE_ROOM;
    size_t n = in_place ? (size_t)(put_sample(s, x, end) - end)
                        : (size_t)(put_sample(s, x, bytes) - bytes);
    if (s->len + n > s->cap)
        grow_open(m, s, s->len + n);
    if (!in_place)
        memcpy((uint8_t *)ax_slab_at(&m->slab, s->open) + s->len, bytes, n);
    int64_t step = (int64_t)((uint64_t)x->t - (uint64_t)s->t);
    s->step = step > INT32_MIN && step <= INT32_MAX ? (int32_t)step : NO_STEP;
    s->t = x->t;
    s->v = x->v;
    s->len = (uint16_t)(s->len + n);
    s->nopen++;
    s->mint = x->t < s->mint ? x->t : s->mint;
    s->maxt = x->t > s->maxt ? x->t : s->maxt;
}

void ax_mem_append(struct ax_memtable *m, uint32_t id, const struct ax_sample *samples, size_t n)
{
    struct ax_mem_series *s = get_series(m, id);
    for (size_t i = 0; i < n; i++)
        append(m, s, &samples[i]);
    m->samples += n;
    m->mint = s->mint < m->mint ? s->mint : m->mint;
    m->maxt = s->maxt > m->maxt ? s->maxt : m->maxt;
}

uint64_t ax_mem_bytes(const struct ax_memtable *m)
{
    return m ? sizeof *m + m->nseries * sizeof *m->series + ax_slab_bytes(&m->slab) : 0;
}
