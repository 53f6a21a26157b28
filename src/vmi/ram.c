// SPDX-License-Identifier: Apache-2.0
#include "vmi/ram_inner.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static int by_address(const void *a, const void *b)
{
    const struct ax_ram_block *x = a, *y = b;
    return (x->gpa > y->gpa) - (x->gpa < y->gpa);
}

static int check_block(const struct ax_ram_block *b, uint64_t limit, struct ax_err *err)
{
    uint64_t end;
    if (b->size == 0 || b->gpa % AX_PAGE || b->size % AX_PAGE || b->at % AX_PAGE)
        return ax_fail(err, -EINVAL,
                       "RAM block at 0x%" PRIx64
                       ": address and size must be multiples of 4096, and "
                       "the size not 0",
                       b->gpa);
    if (__builtin_add_overflow(b->gpa, b->size, &end) || end > UINT64_C(1) << 52)
        return ax_fail(err, -EINVAL, "RAM block at 0x%" PRIx64 " ends beyond what x86 can address",
                       b->gpa);
    if (__builtin_add_overflow(b->at, b->size, &end) || (limit && end > limit))
        return ax_fail(err, -EINVAL,
                       "RAM block at 0x%" PRIx64 " is longer than what there is of it", b->gpa);
    return 0;
}

int ax_ram_init(struct ax_ram *r, const struct ax_ram_source *source,
                const struct ax_ram_block *blocks, size_t n, uint64_t limit, struct ax_err *err)
{
    if (n == 0 || n > AX_RAM_BLOCKS)
        return ax_fail(err, -EINVAL, "%zu RAM blocks: 1 to %d can be read", n, AX_RAM_BLOCKS);
    for (size_t i = 0; i < n; i++) {
        int rc = check_block(&blocks[i], limit, err);
        if (rc < 0)
            return rc;
        r->blocks[i] = blocks[i];
    }
    qsort(r->blocks, n, sizeof *r->blocks, by_address);
    for (size_t i = 1; i < n; i++)
        if (r->blocks[i - 1].gpa + r->blocks[i - 1].size > r->blocks[i].gpa)
            return ax_fail(err, -EINVAL, "RAM blocks overlap at 0x%" PRIx64, r->blocks[i].gpa);
    r->n_blocks = n;
    r->source = source;
    return 0;
}

/* ---- across the ends of blocks ---- */

#define JOINED_MAX   256u
#define JOINED_BYTES (64u << 20)

static void forget_joined(struct ax_ram *r)
{
    for (size_t i = 0; i < r->n_joined; i++)
        free(r->joined[i].p);
    r->n_joined = r->joined_bytes = 0;
}

static const uint8_t *find_joined(const struct ax_ram *r, uint64_t gpa, size_t len)
{
    for (size_t i = 0; i < r->n_joined; i++) {
        const struct ax_ram_joined *j = &r->joined[i];
        if (gpa >= j->gpa && gpa - j->gpa < j->len && len <= j->len - (gpa - j->gpa))
            return j->p + (gpa - j->gpa);
    }
    return NULL;
}

/* From block `i` on, as long as each begins where the one before ends. */
static bool gather(struct ax_ram *r, size_t i, uint64_t gpa, uint8_t *to, size_t len)
{
    for (; len > 0 && i < r->n_blocks; i++) {
        const struct ax_ram_block *b = &r->blocks[i];
        uint64_t left = b->gpa + b->size - gpa;
        size_t n = len < left ? len : (size_t)left;
        const uint8_t *p = gpa >= b->gpa ? r->source->at(r, i, gpa - b->gpa, n) : NULL;
        if (!p)
            return false;
        memcpy(to, p, n);
        to += n;
        gpa += n;
        len -= n;
    }
    return len == 0;
}

static const uint8_t *join(struct ax_ram *r, size_t block, uint64_t gpa, size_t len)
{
    const struct ax_ram_block *b = &r->blocks[block];
    const uint8_t *known = find_joined(r, gpa, len);
    if (known || block + 1 == r->n_blocks || b[1].gpa != b->gpa + b->size ||
        r->n_joined == JOINED_MAX || len > JOINED_BYTES - r->joined_bytes)
        return known;
    uint8_t *p = ax_malloc(len);
    if (!gather(r, block, gpa, p, len)) {
        free(p);
        return NULL;
    }
    r->joined = ax_realloc(r->joined, (r->n_joined + 1) * sizeof *r->joined);
    r->joined[r->n_joined++] = (struct ax_ram_joined){gpa, len, p};
    r->joined_bytes += len;
    return p;
}

/* ---- the door ---- */

void ax_ram_close(struct ax_ram *r)
{
    if (!r)
        return;
    forget_joined(r);
    free(r->joined);
    r->source->close(r);
}

const uint8_t *ax_ram_at(struct ax_ram *r, uint64_t gpa, size_t len)
{
    if (len > AX_RAM_SPAN)
        return NULL;
    for (size_t i = 0; i < r->n_blocks; i++) {
        const struct ax_ram_block *b = &r->blocks[i];
        uint64_t offset = gpa - b->gpa;
        if (gpa >= b->gpa && offset < b->size)
            return len <= b->size - offset ? r->source->at(r, i, offset, len)
                                           : join(r, i, gpa, len);
    }
    r->counts.beyond++;
    return NULL;
}

bool ax_ram_read(struct ax_ram *r, uint64_t gpa, void *out, size_t len)
{
    const uint8_t *p = ax_ram_at(r, gpa, len);
    if (p)
        memcpy(out, p, len);
    return p != NULL;
}

void ax_ram_begin(struct ax_ram *r)
{
    forget_joined(r);
    r->source->begin(r);
}

bool ax_ram_data(struct ax_ram *r, uint64_t *gpa, uint64_t *end)
{
    for (size_t i = 0; i < r->n_blocks; i++) {
        const struct ax_ram_block *b = &r->blocks[i];
        if (*gpa >= b->gpa + b->size)
            continue;
        uint64_t from = *gpa > b->gpa ? *gpa - b->gpa : 0, to = 0;
        if (!r->source->data(r, i, &from, &to))
            continue;
        *gpa = b->gpa + from;
        *end = b->gpa + to;
        return true;
    }
    return false;
}

void ax_ram_drop(struct ax_ram *r, uint64_t gpa, uint64_t end)
{
    for (size_t i = 0; i < r->n_blocks; i++) {
        const struct ax_ram_block *b = &r->blocks[i];
        uint64_t from = gpa > b->gpa ? gpa - b->gpa : 0;
        uint64_t to = end > b->gpa ? end - b->gpa : 0;
        if (to > b->size)
            to = b->size;
        if (from < to)
            r->source->drop(r, i, from, to);
    }
}

size_t ax_ram_blocks(const struct ax_ram *r, const struct ax_ram_block **out)
{
    *out = r->blocks;
    return r->n_blocks;
}

struct ax_ram_counts ax_ram_counts(const struct ax_ram *r)
{
    return r->source->counts ? r->source->counts(r) : r->counts;
}

bool ax_ram_contiguous(const struct ax_ram *r)
{
    return r->source->contiguous;
}

/* Where the hole below 4 GiB begins: i440fx (pc) and q35, each with two places by size of RAM. */
size_t ax_ram_layout(uint64_t size, unsigned which, struct ax_ram_block blocks[2])
{
    static const uint64_t pc[] = {0xe0000000, 0xc0000000}, q35[] = {0xb0000000, 0x80000000};
    const uint64_t *machine = which == 0 ? q35 : pc;
    uint64_t hole = size < machine[0] ? machine[0] : machine[1];
    size -= size % AX_PAGE;
    if (which > 1 || size == 0 || (which == 1 && size <= q35[1])) /* the same as candidate 0 */
        return 0;
    if (size <= hole) {
        blocks[0] = (struct ax_ram_block){.gpa = 0, .size = size, .at = 0};
        return 1;
    }
    blocks[0] = (struct ax_ram_block){.gpa = 0, .size = hole, .at = 0};
    blocks[1] = (struct ax_ram_block){.gpa = UINT64_C(1) << 32, .size = size - hole, .at = hole};
    return 2;
}
