// SPDX-License-Identifier: Apache-2.0
/* The kernel's log: printk's ring of records (kernels since 5.10), as it stands in memory, so also
 * that of a guest that hangs or has panicked.
 *
 *   descs   id -> state and place of the text     tail_id ... head_id are valid
 *   infos   id -> sequence, time, level, length
 *   text    id, text, padding; a block that would cross the end begins anew at 0
 *
 * All of its layout is in VMCOREINFO. A record counts only if its descriptor names its id before
 * and after it was copied, and its text block begins with the id, too. */
#include "vmi/kernel.h"

#include <errno.h>

#define MAX_COUNT_BITS 22
#define MAX_SIZE_BITS  27
#define MAX_MESSAGES   65536u
#define MAX_TEXT       (8u << 20)
#define ID_MASK        (UINT64_MAX >> 2)

struct ring {
    struct ax_vmi *v;
    uint64_t descs, infos, text; /* virtual */
    unsigned count_bits, size_bits;
    uint64_t head, tail; /* ids */
    uint32_t desc_size, info_size;
    uint32_t state_at, begin_at, next_at;            /* in a descriptor */
    uint32_t seq_at, time_at, len_at;                /* in an info */
    const uint8_t *all_descs, *all_infos, *all_text; /* in one piece, or NULL */
};

/* A small number of VMCOREINFO: OFFSET(...) or SIZE(...). */
static bool number(const struct ax_vmi *v, const char *key, uint32_t *out)
{
    int64_t n;
    if (!ax_vmcoreinfo_number(&v->info, ax_str(key), &n) || n < 0 || n > 4096)
        return false;
    *out = (uint32_t)n;
    return true;
}

static bool read_layout(struct ring *r, uint32_t at[7])
{
    static const char *const keys[7] = {
        "OFFSET(printk_ringbuffer.desc_ring)", "OFFSET(printk_ringbuffer.text_data_ring)",
        "OFFSET(prb_desc_ring.count_bits)",    "OFFSET(prb_desc_ring.descs)",
        "OFFSET(prb_desc_ring.infos)",         "OFFSET(prb_desc_ring.head_id)",
        "OFFSET(prb_desc_ring.tail_id)",
    };
    uint32_t blk, begin, next;
    for (size_t i = 0; i < AX_ARRAY_LEN(keys); i++)
        if (!number(r->v, keys[i], &at[i]))
            return false;
    if (!number(r->v, "SIZE(prb_desc)", &r->desc_size) ||
        !number(r->v, "SIZE(printk_info)", &r->info_size) ||
        !number(r->v, "OFFSET(prb_desc.state_var)", &r->state_at) ||
        !number(r->v, "OFFSET(prb_desc.text_blk_lpos)", &blk) ||
        !number(r->v, "OFFSET(prb_data_blk_lpos.begin)", &begin) ||
        !number(r->v, "OFFSET(prb_data_blk_lpos.next)", &next) ||
        !number(r->v, "OFFSET(printk_info.seq)", &r->seq_at) ||
        !number(r->v, "OFFSET(printk_info.ts_nsec)", &r->time_at) ||
        !number(r->v, "OFFSET(printk_info.text_len)", &r->len_at))
        return false;
    r->begin_at = blk + begin;
    r->next_at = blk + next;
    return r->state_at + 8 <= r->desc_size && r->begin_at + 8 <= r->desc_size &&
           r->next_at + 8 <= r->desc_size && r->seq_at + 8 <= r->info_size &&
           r->time_at + 8 <= r->info_size && r->len_at + 4 <= r->info_size;
}

static bool read_ring(struct ring *r, uint64_t prb, const uint32_t at[7])
{
    struct ax_guest *g = &r->v->guest;
    uint64_t descs = prb + at[0], texts = prb + at[1];
    uint32_t size_bits_at, data_at;
    if (!number(r->v, "OFFSET(prb_data_ring.size_bits)", &size_bits_at) ||
        !number(r->v, "OFFSET(prb_data_ring.data)", &data_at) ||
        !ax_guest_u32(g, descs + at[2], &r->count_bits) ||
        !ax_guest_u64(g, descs + at[3], &r->descs) || !ax_guest_u64(g, descs + at[4], &r->infos) ||
        !ax_guest_u64(g, descs + at[5], &r->head) || !ax_guest_u64(g, descs + at[6], &r->tail) ||
        !ax_guest_u32(g, texts + size_bits_at, &r->size_bits) ||
        !ax_guest_u64(g, texts + data_at, &r->text))
        return false;
    return r->count_bits <= MAX_COUNT_BITS && r->size_bits >= 3 && r->size_bits <= MAX_SIZE_BITS;
}

static int find_ring(struct ring *r, struct ax_err *err)
{
    uint32_t at[7];
    uint64_t symbol, prb;
    if (!ax_vmcoreinfo_hex(&r->v->info, AX_STR("SYMBOL(prb)"), &symbol) || !read_layout(r, at))
        return ax_fail(err, -ENOTSUP,
                       "kernel %s does not describe its log: that begins with Linux 5.10",
                       r->v->release);
    if (!ax_guest_u64(&r->v->guest, symbol, &prb) || !read_ring(r, prb, at))
        return ax_fail(err, -EIO, "the kernel's log is not where the kernel says");
    size_t count = (size_t)1 << r->count_bits;
    if (count * r->desc_size <= AX_RAM_SPAN)
        r->all_descs = ax_guest_at(&r->v->guest, r->descs, count * r->desc_size);
    if (count * r->info_size <= AX_RAM_SPAN)
        r->all_infos = ax_guest_at(&r->v->guest, r->infos, count * r->info_size);
    if ((size_t)1 << r->size_bits <= AX_RAM_SPAN)
        r->all_text = ax_guest_at(&r->v->guest, r->text, (size_t)1 << r->size_bits);
    return 0;
}

static const uint8_t *piece(struct ring *r, const uint8_t *whole, uint64_t va, uint64_t offset,
                            size_t len)
{
    return whole ? whole + offset : ax_guest_at(&r->v->guest, va + offset, len);
}

/* The text block of a record: where it begins, or -1 for none and what cannot be. */
static int64_t block_of(const struct ring *r, uint64_t begin, uint64_t next, uint64_t *size)
{
    uint64_t mask = (UINT64_C(1) << r->size_bits) - 1;
    if (begin & 1 || next == begin) /* no text, or lost */
        return -1;
    if (begin >> r->size_bits == (next - 1) >> r->size_bits) {
        *size = next - begin; /* a guest's `next` may lie before `begin` */
        return *size > 8 && *size <= mask + 1 - (begin & mask) ? (int64_t)(begin & mask) : -1;
    }
    *size = next & mask;
    return *size > 8 ? 0 : -1;
}

static void take_text(struct ring *r, struct ax_arena *a, const uint8_t *desc, uint64_t id,
                      uint16_t len, struct ax_message *m)
{
    uint64_t size = 0;
    int64_t at =
        block_of(r, ax_load_u64(desc + r->begin_at), ax_load_u64(desc + r->next_at), &size);
    if (at < 0)
        return;
    const uint8_t *block = piece(r, r->all_text, r->text, (uint64_t)at, size);
    if (!block || (ax_load_u64(block) & ID_MASK) != id)
        return;
    m->text =
        ax_arena_str(a, (struct ax_str){(const char *)block + 8, len < size - 8 ? len : size - 8});
}

static bool state_is(uint64_t state, uint64_t id)
{
    uint64_t kind = state >> 62;
    return (state & ID_MASK) == id && (kind == 1 || kind == 2); /* committed, finalized */
}

static bool read_record(struct ring *r, struct ax_arena *a, uint64_t id, struct ax_message *m)
{
    uint64_t slot = id & ((UINT64_C(1) << r->count_bits) - 1);
    const uint8_t *desc = piece(r, r->all_descs, r->descs, slot * r->desc_size, r->desc_size);
    const uint8_t *info = piece(r, r->all_infos, r->infos, slot * r->info_size, r->info_size);
    if (!desc || !info || !state_is(ax_load_u64(desc + r->state_at), id))
        return false;
    uint8_t facility = info[r->len_at + 2], flags = info[r->len_at + 3];
    *m = (struct ax_message){.sequence = ax_load_u64(info + r->seq_at),
                             .time_us = (int64_t)(ax_load_u64(info + r->time_at) / 1000),
                             .facility = facility,
                             .level = flags >> 5};
    take_text(r, a, desc, id, ax_load_u16(info + r->len_at), m);
    return state_is(ax_load_u64(desc + r->state_at), id); /* not overwritten meanwhile */
}

int ax_read_log(struct ax_vmi *v, struct ax_arena *a, struct ax_reading *out, struct ax_err *err)
{
    struct ring r = {.v = v};
    int rc = find_ring(&r, err);
    if (rc < 0)
        return rc;
    uint64_t count = ((r.head - r.tail) & ID_MASK) + 1, id = r.tail & ID_MASK;
    if (count > UINT64_C(1) << r.count_bits)
        return ax_fail(err, -EAGAIN, "the kernel's log has more records than places");
    if (count > MAX_MESSAGES) {
        id = (id + count - MAX_MESSAGES) & ID_MASK;
        count = MAX_MESSAGES;
    }
    out->messages = AX_NEWS(a, struct ax_message, count);
    size_t text = 0;
    for (uint64_t i = 0; i < count && text < MAX_TEXT; i++, id = (id + 1) & ID_MASK) {
        struct ax_message *m = &out->messages[out->n_messages];
        if (!read_record(&r, a, id, m)) {
            out->messages_lost++;
            continue;
        }
        text += m->text.n;
        out->n_messages++;
    }
    return 0;
}
