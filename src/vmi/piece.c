// SPDX-License-Identifier: Apache-2.0
/* Pieces of an extract: read from the guest's memory, and taken apart again. */
#include "vmi/extract.h"

#include <errno.h>
#include <inttypes.h>

#define CHUNK (256u << 10) /* looked at in one go: what a search of another process fetches */
#define HEAD  8u           /* of a run */

/* ---- reading ---- */

struct reading {
    struct ax_ram *ram;
    struct ax_buf *out;
    size_t run;           /* where the run's head is */
    uint32_t zeros, data; /* of the run, pages */
    uint64_t all_data;    /* of the piece, bytes */
};

static void put_u32(struct ax_buf *b, size_t at, uint32_t v)
{
    for (size_t i = 0; i < 4; i++)
        b->p[at + i] = (char)(v >> 8 * i);
}

static void begin_run(struct reading *x)
{
    x->run = x->out->n;
    x->zeros = x->data = 0;
    ax_buf_u32le(x->out, 0);
    ax_buf_u32le(x->out, 0);
}

static void end_run(struct reading *x)
{
    if (x->out->overflow)
        return;
    put_u32(x->out, x->run, x->zeros);
    put_u32(x->out, x->run + 4, x->data);
}

static void add_zeros(struct reading *x, uint64_t bytes)
{
    if (x->data && bytes) {
        end_run(x);
        begin_run(x);
    }
    x->zeros += (uint32_t)(bytes / AX_PAGE);
}

static bool is_zero(const char *page)
{
    uint64_t any = 0, word;
    for (size_t i = 0; i < AX_PAGE; i += sizeof word) {
        memcpy(&word, page + i, sizeof word);
        any |= word;
    }
    return any == 0;
}

/* The copy is what is looked at: the guest may change the page meanwhile. */
static void add_page(struct reading *x, const uint8_t *page)
{
    char *to = ax_buf_reserve(x->out, AX_PAGE + HEAD);
    if (!to)
        return;
    memcpy(to, page, AX_PAGE);
    if (is_zero(to)) {
        add_zeros(x, AX_PAGE);
        return;
    }
    x->out->n += AX_PAGE;
    x->data++;
    x->all_data += AX_PAGE;
}

/* Some pages that hold data; one by one when they cannot be had together. */
static void add_pages(struct reading *x, uint64_t gpa, size_t n)
{
    const uint8_t *all = ax_ram_at(x->ram, gpa, n);
    for (size_t i = 0; i < n; i += AX_PAGE) {
        const uint8_t *page = all ? all + i : ax_ram_at(x->ram, gpa + i, AX_PAGE);
        if (page)
            add_page(x, page);
        else
            add_zeros(x, AX_PAGE);
    }
    ax_ram_drop(x->ram, gpa, gpa + n);
}

static bool is_whole(const struct ax_ram *r, uint64_t gpa, uint64_t bytes)
{
    const struct ax_ram_block *b;
    size_t n = ax_ram_blocks(r, &b);
    if (gpa % AX_PAGE || bytes % AX_PAGE || bytes == 0 || bytes > AX_EXTRACT_SPAN)
        return false;
    for (size_t i = 0; i < n; i++)
        if (gpa >= b[i].gpa && gpa - b[i].gpa < b[i].size)
            return bytes <= b[i].size - (gpa - b[i].gpa);
    return false;
}

/* A process that has ended gives nothing, which must not be taken for pages of zeros. Its first
 * byte could be read when it was opened. A file stays. */
static bool is_there(struct ax_ram *r)
{
    const struct ax_ram_block *b;
    if (ax_ram_contiguous(r))
        return true;
    ax_ram_begin(r);
    return ax_ram_blocks(r, &b) > 0 && ax_ram_at(r, b[0].gpa, 1);
}

static void read_range(struct reading *x, uint64_t gpa, uint64_t end)
{
    while (gpa < end && x->all_data < AX_EXTRACT_DATA) {
        uint64_t from = gpa, to = end;
        if (!ax_ram_data(x->ram, &from, &to) || from >= end)
            from = to = end;
        add_zeros(x, from - gpa);
        gpa = from;
        to = to < end ? to : end;
        while (gpa < to && x->all_data < AX_EXTRACT_DATA) {
            uint64_t n = to - gpa < CHUNK ? to - gpa : CHUNK;
            uint64_t room = AX_EXTRACT_DATA - x->all_data;
            n = n < room ? n : room;
            add_pages(x, gpa, n);
            gpa += n;
        }
    }
}

int ax_piece_read(struct ax_ram *r, uint64_t gpa, uint64_t bytes, struct ax_buf *out,
                  struct ax_err *err)
{
    struct reading x = {.ram = r, .out = out};
    if (!is_whole(r, gpa, bytes))
        return ax_fail(err, -EINVAL,
                       "no piece of the guest's RAM: 0x%" PRIx64 " and %" PRIu64
                       " bytes from there",
                       gpa, bytes);
    ax_ram_begin(r);
    begin_run(&x);
    read_range(&x, gpa, gpa + bytes);
    end_run(&x);
    if (!is_there(r))
        return ax_fail(err, -ESRCH, "the VM has ended, and its memory with it");
    return out->overflow ? ax_fail(err, -E2BIG, "no room for a piece of memory") : 0;
}

/* ---- taking apart ---- */

static uint32_t get_u32(const char *p)
{
    uint32_t v = 0;
    for (size_t i = 0; i < 4; i++)
        v |= (uint32_t)(unsigned char)p[i] << 8 * i;
    return v;
}

int ax_piece_next(struct ax_str *rest, struct ax_run *out, struct ax_err *err)
{
    if (rest->n == 0)
        return 0;
    if (rest->n >= HEAD) {
        uint64_t zeros = (uint64_t)get_u32(rest->p) * AX_PAGE;
        uint64_t data = (uint64_t)get_u32(rest->p + 4) * AX_PAGE;
        if (data <= rest->n - HEAD) {
            *out = (struct ax_run){zeros, {rest->p + HEAD, data}};
            *rest = (struct ax_str){rest->p + HEAD + data, rest->n - HEAD - data};
            return 1;
        }
    }
    return ax_fail(err, -EINVAL, "what came is no piece of memory");
}

int ax_piece_check(struct ax_str piece, uint64_t most, uint64_t *covers, uint64_t *data,
                   struct ax_err *err)
{
    struct ax_run run;
    uint64_t all = 0, full = 0;
    int rc = 0;
    while (all <= most && (rc = ax_piece_next(&piece, &run, err)) > 0) {
        all += run.zeros + run.data.n;
        full += run.data.n;
    }
    if (rc < 0)
        return rc;
    if (all == 0 || all > most)
        return ax_fail(err, -EINVAL, "a piece of memory is not of what was asked for");
    *covers = all;
    *data = full;
    return 0;
}
