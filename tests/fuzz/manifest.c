// SPDX-License-Identifier: Apache-2.0
/* The store's MANIFEST: the bytes as they are, or, when they begin with '+', with the right
 * checksum put behind them. What is read and written reads back as the same. */
#include "kit.h"

#include "store/crc32c.h"
#include "store/manifest.h"

#include <inttypes.h>
#include <string.h>

FUZZ_TARGET(p, n)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    bool seal = n && p[0] == '+', placed;
    struct ax_manifest m = {0}, again = {0};
    ax_buf_add(&b, p + seal, n - seal);
    if (seal)
        ax_buf_printf(&b, "crc32c %08" PRIx32 "\n", ax_crc32c(0, p + 1, n - 1));
    fuzz_write("MANIFEST", b.p, b.n);
    if (ax_manifest_read(fuzz_dirfd(), &m, NULL) == 0) {
        AX_ASSERT(ax_manifest_write(fuzz_dirfd(), &m, &placed, NULL) == 0);
        AX_ASSERT(ax_manifest_read(fuzz_dirfd(), &again, NULL) == 0);
        AX_ASSERT(m.wal_from == again.wal_from && m.nblocks == again.nblocks);
        for (size_t i = 0; i < m.nblocks; i++)
            AX_ASSERT(m.blocks[i] == again.blocks[i]);
    }
    ax_manifest_free(&m);
    ax_manifest_free(&again);
    return 0;
}
