// SPDX-License-Identifier: Apache-2.0
/* The bytes: 1 byte form, then
 *
 *   FRAMES  as ints.c has it
 *   RICE    as rice.c has it
 *   FEW     zigzag the common number, varint how many differ from it, and for each of these a
 *           varint of the common ones before it and zigzag its difference
 *   SPARSE  the same with the former as one run of Rice codes and the latter as another
 */
#include "store/numbers.h"

#include "base/err.h"
#include "store/writer.h"

enum form { FRAMES, RICE, FEW, SPARSE, FORMS };

#define FEW_MAX 12 /* more exceptions are worth the headers of Rice codes */

struct exceptions {
    int64_t gap[AX_NUMBERS_ROOM], difference[AX_NUMBERS_ROOM];
    size_t n;
};

/* The number that more than half are, if there is one (Boyer and Moore). */
static int64_t majority(const int64_t *x, size_t n)
{
    int64_t candidate = 0;
    size_t votes = 0;
    for (size_t i = 0; i < n; i++) {
        if (votes == 0)
            candidate = x[i];
        votes += x[i] == candidate ? 1 : -1ul;
    }
    return candidate;
}

static size_t count_other(const int64_t *x, size_t n, int64_t common)
{
    size_t others = 0;
    for (size_t i = 0; i < n; i++)
        others += x[i] != common;
    return others;
}

static void find_exceptions(const int64_t *x, size_t n, int64_t common, struct exceptions *e)
{
    e->n = 0;
    for (size_t i = 0, next = 0; i < n; i++)
        if (x[i] != common) {
            e->gap[e->n] = (int64_t)(i - next);
            e->difference[e->n++] = (int64_t)((uint64_t)x[i] - (uint64_t)common);
            next = i + 1;
        }
}

static size_t few_bytes(const struct exceptions *e)
{
    size_t size = 0;
    for (size_t i = 0; i < e->n; i++)
        size += ax_varint_len((uint64_t)e->gap[i]) + ax_varint_len(ax_zigzag(e->difference[i]));
    return size;
}

/* What is known of a run, and of the forms that were tried. */
struct plan {
    int64_t common;
    struct exceptions exceptions;
    struct ax_rice_plan whole, gaps, differences;
    size_t size;
    enum form form;
};

static size_t sum(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

static void consider(struct plan *p, enum form form, size_t size)
{
    if (size < p->size) {
        p->form = form;
        p->size = size;
    }
}

static void plan_exceptions(struct plan *p, const int64_t *x, size_t n)
{
    struct exceptions *e = &p->exceptions;
    find_exceptions(x, n, p->common, e);
    size_t head = ax_varint_len(ax_zigzag(p->common)) + ax_varint_len(e->n);
    if (e->n <= FEW_MAX) {
        consider(p, FEW, head + few_bytes(e));
    } else {
        ax_rice_plan(&p->gaps, e->gap, e->n);
        ax_rice_plan(&p->differences, e->difference, e->n);
        consider(p, SPARSE, sum(head, sum(p->gaps.size, p->differences.size)));
    }
}

static void plan(struct plan *p, const int64_t *x, size_t n)
{
    p->form = FRAMES;
    p->size = ax_ints_size(x, n);
    p->common = majority(x, n);
    size_t others = count_other(x, n, p->common);
    if (others > n / 2)
        others = count_other(x, n, p->common = 0);
    if (others <= n * 3 / 4)
        plan_exceptions(p, x, n);
    if (others > FEW_MAX) {
        ax_rice_plan(&p->whole, x, n);
        consider(p, RICE, p->whole.size);
    }
}

static uint8_t *pack_exceptions(uint8_t *at, const struct plan *p)
{
    const struct exceptions *e = &p->exceptions;
    at = ax_put_varint(ax_put_zigzag(at, p->common), e->n);
    if (p->form == SPARSE)
        return ax_rice_pack(ax_rice_pack(at, &p->gaps, e->gap, e->n), &p->differences,
                            e->difference, e->n);
    for (size_t i = 0; i < e->n; i++)
        at = ax_put_zigzag(ax_put_varint(at, (uint64_t)e->gap[i]), e->difference[i]);
    return at;
}

uint8_t *ax_numbers_pack(uint8_t *at, const int64_t *x, size_t n)
{
    AX_ASSERT(n <= AX_NUMBERS_MAX);
    struct plan p;
    plan(&p, x, n);
    *at++ = (uint8_t)p.form;
    if (p.form == FRAMES)
        return ax_ints_pack(at, x, n);
    return p.form == RICE ? ax_rice_pack(at, &p.whole, x, n) : pack_exceptions(at, &p);
}

static bool unpack_exceptions(struct ax_reader *r, unsigned form, int64_t *x, size_t n)
{
    struct exceptions e;
    int64_t common = ax_read_zigzag(r);
    e.n = ax_read_varint(r);
    if (r->bad || e.n > n || (form == FEW && e.n > FEW_MAX))
        return false;
    if (form == SPARSE) {
        ax_rice_unpack(r, e.gap, e.n);
        ax_rice_unpack(r, e.difference, e.n);
    }
    for (size_t i = 0; i < e.n && form == FEW; i++) {
        e.gap[i] = (int64_t)ax_read_varint(r);
        e.difference[i] = ax_read_zigzag(r);
    }
    for (size_t i = 0; i < n; i++)
        x[i] = common;
    for (size_t i = 0, next = 0; i < e.n && !r->bad; i++) {
        if ((uint64_t)e.gap[i] >= n - next)
            return false;
        next += (size_t)e.gap[i];
        x[next] = (int64_t)((uint64_t)common + (uint64_t)e.difference[i]);
        next++;
    }
    return !r->bad;
}

void ax_numbers_unpack(struct ax_reader *r, int64_t *x, size_t n)
{
    unsigned form = ax_read_u8(r);
    if (n > AX_NUMBERS_MAX || form >= FORMS)
        r->bad = true;
    else if (form == FRAMES)
        ax_ints_unpack(r, x, n);
    else if (form == RICE)
        ax_rice_unpack(r, x, n);
    else
        r->bad |= !unpack_exceptions(r, form, x, n);
}
