// SPDX-License-Identifier: Apache-2.0
/* The kernel's log: a ring of descriptors, each with a place in a ring of text.
 *
 * A descriptor of record `id` is number id mod 2^count_bits; its state in the top two bits: 1
 * committed, 2 finalized, 3 reusable. The text lies behind its id, 8-byte aligned; one that would
 * not fit before the end of the ring begins at its begin, and the rest of the lap is empty. */
#include "inner.h"

#include <stdio.h>

#define COUNT_BITS 6u
#define SIZE_BITS  12u
#define FINAL      (UINT64_C(2) << 62)
#define RESERVED   (UINT64_C(0) << 62)
#define REUSABLE   (UINT64_C(3) << 62)
#define ID_MASK    (~(UINT64_C(3) << 62))
#define NO_TEXT    UINT64_C(3)

static uint64_t desc(struct fake *g, uint64_t id)
{
    return fake_symbol(g, "_printk_rb_static_descs") +
           fake_size(g, "prb_desc") * (id % (1u << COUNT_BITS));
}

static uint64_t info(struct fake *g, uint64_t id)
{
    return fake_symbol(g, "_printk_rb_static_infos") +
           fake_size(g, "printk_info") * (id % (1u << COUNT_BITS));
}

static uint64_t ring(struct fake *g)
{
    return fake_symbol(g, "printk_rb_static");
}

/* Makes room: whose text lies in the way is given up, and the oldest when all places are taken.
 * (Those given up for their text keep their places until these are needed.) */
static void make_room(struct fake *g, uint64_t need_pos)
{
    uint64_t rb = ring(g), tail = fake_get(g, rb, "printk_ringbuffer.desc_ring.tail_id");
    for (uint64_t id = tail; id != g->log_id; id = (id + 1) & ID_MASK) {
        uint64_t begin = fake_get(g, desc(g, id), "prb_desc.text_blk_lpos.begin");
        bool is_oldest = ((g->log_id - id) & ID_MASK) >= 1u << COUNT_BITS;
        bool in_way = !(begin & 1) && need_pos - begin > UINT64_C(1) << SIZE_BITS;
        if (is_oldest || in_way)
            fake_put(g, desc(g, id), "prb_desc.state_var", REUSABLE | id);
        if (is_oldest)
            fake_put(g, rb, "printk_ringbuffer.desc_ring.tail_id", (id + 1) & ID_MASK);
    }
}

static void add(struct fake *g, uint64_t state, uint64_t ts_ns, unsigned level, const char *text,
                size_t n)
{
    uint64_t rb = ring(g), size = UINT64_C(1) << SIZE_BITS, id = g->log_id;
    uint64_t need = n ? 8 + (n + 7) / 8 * 8 : 0, begin = g->log_pos, next = begin + need;
    uint64_t at = begin % size;
    if (n && (begin >> SIZE_BITS) != ((next - 1) >> SIZE_BITS)) { /* on to the next lap */
        at = 0;
        next = (((begin >> SIZE_BITS) + 1) << SIZE_BITS) + need;
    }
    make_room(g, next);
    uint64_t data = fake_symbol(g, "__log_buf");
    if (n) {
        fake_u64(g, data + at, id);
        fake_write(g, data + at + 8, text, n);
        g->log_pos = next;
    }
    uint64_t i = info(g, id), d = desc(g, id);
    fake_put(g, i, "printk_info.seq", (id - g->o.log_first) & ID_MASK);
    fake_put(g, i, "printk_info.ts_nsec", ts_ns);
    fake_put(g, i, "printk_info.text_len", n);
    fake_put(g, i, "printk_info.facility", 0);
    fake_put(g, i, "printk_info.flags", 3);
    fake_put(g, i, "printk_info.level", level);
    fake_put(g, d, "prb_desc.text_blk_lpos.begin", n ? begin : NO_TEXT);
    fake_put(g, d, "prb_desc.text_blk_lpos.next", n ? next : NO_TEXT);
    fake_put(g, d, "prb_desc.state_var", state | id);
    fake_put(g, rb, "printk_ringbuffer.desc_ring.head_id", id);
    g->log_id = (id + 1) & ID_MASK;
}

void fake_log(struct fake *g, uint64_t ts_ns, unsigned level, const char *text, size_t n)
{
    add(g, FINAL, ts_ns, level, text, n);
}

void fake_log_reserved(struct fake *g)
{
    add(g, RESERVED, 0, 6, "half a message", 14);
}

void fake_log_backwards(struct fake *g)
{
    uint64_t id = (g->log_id - 1) & ID_MASK;
    uint64_t begin = fake_get(g, desc(g, id), "prb_desc.text_blk_lpos.begin");
    fake_put(g, desc(g, id), "prb_desc.text_blk_lpos.next", begin - 8);
    fake_put(g, info(g, id), "printk_info.text_len", 65535);
}

static void link_ring(struct fake *g, uint64_t rb)
{
    fake_put(g, rb, "printk_ringbuffer.desc_ring.count_bits", COUNT_BITS);
    fake_put(g, rb, "printk_ringbuffer.desc_ring.descs", fake_symbol(g, "_printk_rb_static_descs"));
    fake_put(g, rb, "printk_ringbuffer.desc_ring.infos", fake_symbol(g, "_printk_rb_static_infos"));
    fake_put(g, rb, "printk_ringbuffer.text_data_ring.size_bits", SIZE_BITS);
    fake_put(g, rb, "printk_ringbuffer.text_data_ring.data", fake_symbol(g, "__log_buf"));
}

/* As the kernel begins: one record before the first, which nobody can have. */
void fake_log_new(struct fake *g)
{
    uint64_t n = 1u << COUNT_BITS, before = (g->o.log_first - 1) & ID_MASK;
    fake_data(g, "_printk_rb_static_descs", n * fake_size(g, "prb_desc"));
    fake_data(g, "_printk_rb_static_infos", n * fake_size(g, "printk_info"));
    fake_data(g, "__log_buf", UINT64_C(1) << SIZE_BITS);
    uint64_t rb = fake_data_of(g, "printk_rb_static", "printk_ringbuffer");
    fake_u64(g, fake_data(g, "prb", 8), rb);
    link_ring(g, rb);
    fake_put(g, desc(g, before), "prb_desc.state_var", REUSABLE | before);
    fake_put(g, desc(g, before), "prb_desc.text_blk_lpos.begin", 1);
    fake_put(g, desc(g, before), "prb_desc.text_blk_lpos.next", 1);
    fake_put(g, rb, "printk_ringbuffer.desc_ring.head_id", before);
    fake_put(g, rb, "printk_ringbuffer.desc_ring.tail_id", before);
    g->log_id = g->o.log_first & ID_MASK;
    g->log_pos = 0 - (UINT64_C(1) << SIZE_BITS);
    for (size_t i = 0; i < g->o.log_records; i++) {
        char text[128];
        int len = snprintf(text, sizeof text, "message %zu%.*s", i, (int)(i % 60),
                           ": this is a longer text so that records differ in length");
        fake_log(g, i * 1000000, (unsigned)(i % 8), text, (size_t)len);
    }
}
