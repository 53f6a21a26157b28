// SPDX-License-Identifier: Apache-2.0
/* What a worker or a collector says of memory: a map of it, and pieces of an extract. Neither makes
 * a file that does not fit together, nor is anything read behind its end. */
#include "kit.h"
#include "vmi/vmi.h"

static void walk_piece(struct ax_str piece)
{
    uint64_t covers = 0, data = 0, all = 0, full = 0;
    struct ax_run run;
    if (ax_piece_check(piece, AX_EXTRACT_SPAN, &covers, &data, NULL) < 0)
        return;
    AX_ASSERT(covers > 0 && covers <= AX_EXTRACT_SPAN && data <= covers && data <= piece.n);
    const char *end = piece.p + piece.n;
    while (ax_piece_next(&piece, &run, NULL) > 0) {
        AX_ASSERT(run.data.p + run.data.n <= end);
        all += run.zeros + run.data.n;
        full += run.data.n;
    }
    AX_ASSERT(all == covers && full == data);
}

static void plan(const uint8_t *p, size_t n)
{
    struct ax_memory_map m = {0};
    struct ax_extract x;
    uint64_t range[2] = {0}, gpa, bytes;
    memcpy(range, p, n < sizeof range ? n : sizeof range);
    memcpy(&m, p, n < sizeof m ? n : sizeof m);
    if (ax_extract_plan(&x, &m, range[0], range[1], NULL) < 0)
        return;
    AX_ASSERT(x.n > 0 && x.n <= m.n && x.head.n % AX_PAGE == 0 && x.blocks[0].at == x.head.n);
    AX_ASSERT(x.left_out == 0 || (x.left_out == m.left_out && x.left_out <= UINT64_C(1) << 52));
    AX_ASSERT(x.blocks[x.n - 1].at + x.blocks[x.n - 1].size == x.size);
    AX_ASSERT(ax_extract_at(&x, x.head.n, &gpa, &bytes) && gpa == x.blocks[0].gpa);
    AX_ASSERT(!ax_extract_at(&x, x.size, &gpa, &bytes));
    ax_extract_free(&x);
}

FUZZ_TARGET(p, n)
{
    walk_piece((struct ax_str){(const char *)p, n});
    plan(p, n);
    return 0;
}
