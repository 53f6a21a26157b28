// SPDX-License-Identifier: Apache-2.0
#include "vmi/pieces.h"

#include "vmi/guest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define VOICES       96u          /* of a piece: pages that say where it lies */
#define ENOUGH       8u           /* that say the same, to be believed */
#define STEP         (256u << 10) /* heard in one go */
#define STRIDES      64u          /* of a piece, in a pass */
#define PASSES       16u
#define HEARD_MAX    (UINT64_C(512) << 20)        /* bytes, of all pieces together */
#define BASE_GRAIN   (UINT64_C(1) << 30)          /* of the direct map's base */
#define LOWEST       UINT64_C(0xff00000000000000) /* of where it may be */
#define DEVICES_FROM (UINT64_C(1) << 32)          /* memory is plugged in above */
#define DEVICES_TO   (UINT64_C(1) << 46)

struct voice { /* the byte at `offset` of the piece has this address in the direct map */
    uint64_t offset, address;
};

struct piece {
    struct voice voices[VOICES];
    size_t n;
    uint64_t
        bases[AX_RAM_BLOCKS]; /* by slot: what it says of the base, were it there; 0: nothing */
    bool done;
};

struct hearing {
    const struct ax_ram_pieces *p;
    const struct ax_ram_part *parts;
    struct piece pieces[AX_RAM_BLOCKS];
    bool taken[AX_RAM_BLOCKS]; /* slots */
    uint64_t base;             /* the one that is tried; 0: none is known */
};

/* ---- hearing ---- */

/* Two equal words that are the address of the first: the head of an empty list. In the map of
 * struct page, which is elsewhere, there are many as well, each at the second word of 64 bytes. */
static bool hear_page(const uint8_t *page, uint64_t offset, struct voice *out)
{
    uint64_t w[AX_PAGE / 8];
    memcpy(w, page, sizeof w);
    for (size_t i = 0; i + 1 < AX_ARRAY_LEN(w); i++)
        if (w[i] == w[i + 1] && (w[i] & (AX_PAGE - 1)) == i * 8 && i % 8 != 1 && w[i] >= LOWEST &&
            w[i] < AX_IMAGE_VA) {
            *out = (struct voice){offset + i * 8, w[i]};
            return true;
        }
    return false;
}

/* The data between two addresses of the part's ram. Returns how much there was. */
static uint64_t hear_range(const struct ax_ram_part *part, uint64_t from, uint64_t to,
                           struct piece *out)
{
    uint64_t heard = 0, end = 0;
    for (uint64_t at = from; out->n < VOICES && ax_ram_data(part->ram, &at, &end) && at < to;)
        for (end = end < to ? end : to; at < end && out->n < VOICES; at += AX_PAGE) {
            const uint8_t *page = ax_ram_at(part->ram, at, AX_PAGE);
            out->n += page && hear_page(page, at - part->from, &out->voices[out->n]);
            heard += AX_PAGE;
        }
    ax_ram_drop(part->ram, from, to);
    return heard;
}

/* Once through the piece, a STEP with data in each stride. */
static uint64_t hear_once(const struct ax_ram_part *part, uint64_t from, uint64_t end,
                          uint64_t stride, struct piece *out)
{
    uint64_t heard = 0, to = 0;
    for (uint64_t at = from; out->n < VOICES; at += stride) {
        if (!ax_ram_data(part->ram, &at, &to) || at >= end)
            return heard;
        heard += hear_range(part, at, at + STEP < end ? at + STEP : end, out);
    }
    return heard;
}

/* All parts of the piece have their say: what the kernel needs may lie together. */
static void hear(const struct ax_ram_part *part, uint64_t size, uint64_t budget, struct piece *out)
{
    uint64_t stride = size / STRIDES / STEP * STEP + STEP, heard = 0;
    for (unsigned pass = 0; pass < PASSES && pass * (uint64_t)STEP < stride; pass++) {
        if (out->n < VOICES && heard < budget)
            heard +=
                hear_once(part, part->from + pass * (uint64_t)STEP, part->from + size, stride, out);
    }
}

/* ---- what follows for the base ---- */

static uint64_t address_in(const struct ax_ram_slot *s, uint64_t offset)
{
    return offset < s->low ? s->gpa + offset : s->high + (offset - s->low);
}

/* What most voices say of the base if the piece lies in this slot; 0: too few say the same. */
static uint64_t base_by(const struct piece *v, const struct ax_ram_slot *s)
{
    uint64_t best = 0;
    size_t most = ENOUGH - 1;
    for (size_t i = 0; i < v->n; i++) {
        uint64_t base = v->voices[i].address - address_in(s, v->voices[i].offset);
        size_t n = 0;
        if (base % BASE_GRAIN)
            continue;
        for (size_t k = i; k < v->n; k++)
            n += v->voices[k].address - address_in(s, v->voices[k].offset) == base;
        if (n > most) {
            best = base;
            most = n;
        }
    }
    return best;
}

static void weigh(struct hearing *h)
{
    for (size_t f = 0; f < h->p->n_found; f++)
        for (size_t s = 0; s < h->p->n_slots; s++)
            if (h->p->found[f].may_be >> s & 1)
                h->pieces[f].bases[s] = base_by(&h->pieces[f], &h->p->slots[s]);
}

static bool supports(const struct hearing *h, size_t f, uint64_t base)
{
    for (size_t s = 0; s < h->p->n_slots; s++)
        if (h->pieces[f].bases[s] == base)
            return true;
    return false;
}

static size_t support(const struct hearing *h, uint64_t base)
{
    size_t n = 0;
    for (size_t f = 0; f < h->p->n_found; f++)
        n += supports(h, f, base);
    return n;
}

static bool is_listed(const uint64_t *v, size_t n, uint64_t base)
{
    for (size_t i = 0; i < n; i++)
        if (v[i] == base)
            return true;
    return false;
}

/* The bases that the most pieces agree on: one, unless too few speak. */
static size_t agreed(const struct hearing *h, uint64_t out[AX_PIECES_WAYS])
{
    size_t most = 1, n = 0;
    for (size_t f = 0; f < h->p->n_found; f++)
        for (size_t s = 0; s < h->p->n_slots; s++) {
            uint64_t base = h->pieces[f].bases[s];
            size_t by = base ? support(h, base) : 0;
            if (by < most || is_listed(out, n, base))
                continue;
            n = by > most ? 0 : n;
            most = by;
            if (n < AX_PIECES_WAYS)
                out[n++] = base;
        }
    return n;
}

/* ---- placing ---- */

static bool is_free(const struct ax_pieces_placed *placed, uint64_t gpa, uint64_t size)
{
    for (size_t i = 0; i < placed->n; i++)
        if (gpa < placed->out[i].gpa + placed->out[i].size && placed->out[i].gpa < gpa + size)
            return false;
    return placed->n < AX_RAM_BLOCKS;
}

static void put(struct ax_pieces_placed *placed, const struct ax_ram_part *part, uint64_t offset,
                uint64_t gpa, uint64_t size)
{
    if (size && placed->n < AX_RAM_BLOCKS)
        placed->out[placed->n++] = (struct ax_ram_piece){part->ram, part->from + offset, gpa, size};
}

static void put_in_slot(struct hearing *h, size_t f, size_t s, struct ax_pieces_placed *placed)
{
    const struct ax_ram_part *part = &h->parts[f];
    const struct ax_ram_slot *slot = &h->p->slots[s];
    put(placed, part, 0, slot->gpa, slot->low);
    put(placed, part, slot->low, slot->high, slot->size - slot->low);
    h->taken[s] = h->pieces[f].done = true;
}

/* Those that say it themselves. Two that claim one slot, or one that claims two: -ENOTUNIQ. */
static int place_by_word(struct hearing *h, struct ax_pieces_placed *placed, struct ax_err *err)
{
    for (size_t f = 0; f < h->p->n_found; f++)
        for (size_t s = 0; s < h->p->n_slots && h->base; s++) {
            if (h->pieces[f].bases[s] != h->base)
                continue;
            if (h->taken[s] || h->pieces[f].done)
                return ax_fail(err, -ENOTUNIQ,
                               "the VM's RAM is in pieces, and two of them say that they lie at "
                               "0x%" PRIx64,
                               h->p->slots[s].gpa);
            put_in_slot(h, f, s, placed);
        }
    return 0;
}

/* What was plugged in where nobody told us: it says where. */
static void place_plugged(struct hearing *h, size_t f, struct ax_pieces_placed *placed)
{
    const struct piece *v = &h->pieces[f];
    uint64_t best = 0, size = h->p->found[f].size;
    size_t most = ENOUGH - 1;
    for (size_t i = 0; i < v->n; i++) {
        uint64_t gpa = v->voices[i].address - v->voices[i].offset - h->base;
        size_t n = 0;
        for (size_t k = i; k < v->n; k++)
            n += v->voices[k].address - v->voices[k].offset - h->base == gpa;
        if (n > most && gpa >= DEVICES_FROM && gpa < DEVICES_TO) {
            best = gpa;
            most = n;
        }
    }
    if (best && is_free(placed, best, size)) {
        put(placed, &h->parts[f], 0, best, size);
        h->pieces[f].done = true;
    }
}

/* The only piece that may be in a slot, when it may be in no other that is free. */
static bool only_one(const struct hearing *h, size_t s, size_t *out)
{
    size_t n = 0;
    for (size_t f = 0; f < h->p->n_found; f++) {
        uint64_t may_be = h->pieces[f].done ? 0 : h->p->found[f].may_be;
        if (!(may_be >> s & 1))
            continue;
        *out = f;
        for (size_t k = 0; k < h->p->n_slots; k++)
            n += (may_be >> k & 1) && !h->taken[k];
    }
    return n == 1;
}

static bool contradicts(const struct piece *v, uint64_t base)
{
    for (size_t s = 0; s < AX_RAM_BLOCKS; s++)
        if (v->bases[s] && v->bases[s] != base)
            return true;
    return false;
}

/* That a DIMM is still the one that was there at the start is possible, not certain. */
static bool is_certain(const struct hearing *h, size_t s)
{
    return !(h->p->slots[s].plugged && h->p->hotplug);
}

/* Those that say nothing, where nothing else is possible. */
static int place_the_rest(struct hearing *h, struct ax_pieces_placed *placed, struct ax_err *err)
{
    for (size_t s = 0, f; s < h->p->n_slots; s++) {
        if (h->taken[s] || !is_certain(h, s) || !only_one(h, s, &f))
            continue;
        if (contradicts(&h->pieces[f], h->base))
            return ax_fail(err, -ENOTUNIQ,
                           "the VM's RAM is in pieces, and the one at 0x%" PRIx64
                           " says that it lies elsewhere",
                           h->p->slots[s].gpa);
        put_in_slot(h, f, s, placed);
    }
    return 0;
}

static int place(struct hearing *h, uint64_t base, struct ax_pieces_placed *placed,
                 struct ax_err *err)
{
    *placed = (struct ax_pieces_placed){0};
    memset(h->taken, 0, sizeof h->taken);
    h->base = base;
    for (size_t f = 0; f < h->p->n_found; f++)
        h->pieces[f].done = false;
    int rc = place_by_word(h, placed, err);
    for (size_t f = 0; rc == 0 && f < h->p->n_found; f++)
        if (base && h->p->hotplug && !h->pieces[f].done)
            place_plugged(h, f, placed);
    if (rc == 0)
        rc = place_the_rest(h, placed, err);
    for (size_t f = 0; f < h->p->n_found; f++)
        placed->left_out += h->pieces[f].done ? 0 : h->p->found[f].size;
    for (size_t s = 0; rc == 0 && s < h->p->n_slots; s++)
        if (!h->taken[s] && !base && is_certain(h, s))
            rc = ax_fail(err, -ENOENT,
                         "the VM's RAM is in pieces that look alike, and nothing in them tells yet "
                         "which is which: it has not booted, or is no Linux");
    return rc;
}

/* A way that does not work out is none, unless there is no other. */
static int settle(struct hearing *h, struct ax_pieces_placed out[AX_PIECES_WAYS],
                  struct ax_err *err)
{
    const struct ax_ram_pieces *p = h->p;
    uint64_t bases[AX_PIECES_WAYS] = {0};
    int n = 0, rc = 0;
    for (size_t f = 0; f < p->n_found; f++)
        hear(&h->parts[f], p->found[f].size, HEARD_MAX / p->n_found, &h->pieces[f]);
    weigh(h);
    size_t n_bases = agreed(h, bases);
    for (size_t i = 0; i == 0 || i < n_bases; i++) {
        int tried = place(h, bases[i], &out[n], err);
        n += tried == 0;
        rc = tried < 0 ? tried : rc;
    }
    return n ? n : rc;
}

int ax_pieces_place(const struct ax_ram_pieces *p, const struct ax_ram_part *parts,
                    struct ax_pieces_placed out[AX_PIECES_WAYS], struct ax_err *err)
{
    struct hearing *h = ax_calloc(1, sizeof *h);
    h->p = p;
    h->parts = parts;
    int rc = settle(h, out, err);
    free(h);
    return rc;
}
