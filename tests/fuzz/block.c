// SPDX-License-Identifier: Apache-2.0
/* A block file. Its first byte says whether the checksums are made right; the rest is the file. */
#include "kit.h"

#include "store/block.h"

#include <string.h>

static void read_chunks(struct ax_block *b)
{
    int64_t t[AX_VALUES_MAX];
    double v[AX_VALUES_MAX];
    struct ax_block_chunk chunk;
    AX_CLEANUP(ax_block_reader_done) struct ax_block_reader reader = {.block = b};
    for (uint32_t i = 0; i < b->nseries; i++) {
        struct ax_block_cursor c = ax_block_chunks(&reader, i);
        while (ax_block_next(&c, &chunk))
            ax_block_decode(&reader, &chunk, t, v);
    }
}

static void ask_index(struct ax_block *b)
{
    struct ax_index_view ix = ax_block_index(b);
    struct ax_regex *re;
    AX_ASSERT(ax_regex_new(AX_STR("w.*"), &re, NULL) == 0);
    const struct ax_matcher m[] = {
        {AX_MATCH_EQ, AX_STR("__name__"), AX_STR("up"), NULL},
        {AX_MATCH_NE, AX_STR("vm"), AX_STR("db"), NULL},
        {AX_MATCH_RE, AX_STR("vm"), AX_STR("w.*"), re},
    };
    for (size_t i = 0; i < AX_ARRAY_LEN(m); i++)
        roaring_bitmap_free(ax_match(&ix, AX_STR("t"), &m[i], 1));
    ax_regex_free(re);
}

static void read_labels(struct ax_block *b)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf labels = AX_BUF_INIT;
    AX_CLEANUP(ax_block_reader_done) struct ax_block_reader reader = {.block = b};
    for (uint32_t i = 0; i < b->nseries; i++)
        AX_ASSERT(!ax_block_labels(&reader, i, &labels) || ax_labels_valid(ax_buf_view(&labels)));
}

FUZZ_TARGET(p, n)
{
    static uint8_t copy[1 << 16];
    struct ax_block *b;
    struct ax_err err = {0};
    if (n < 2 || n > sizeof copy)
        return 0;
    memcpy(copy, p + 1, n - 1);
    if (p[0] & 1)
        fuzz_seal_block(copy, n - 1);
    fuzz_write("blocks/0000000001.axb", copy, n - 1);
    if (ax_block_open(fuzz_dirfd(), 1, &b, &err) < 0) {
        AX_ASSERT(err.text[0]);
        return 0;
    }
    read_labels(b);
    read_chunks(b);
    ask_index(b);
    ax_block_unref(b);
    return 0;
}
