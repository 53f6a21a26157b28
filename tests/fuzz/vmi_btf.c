// SPDX-License-Identifier: Apache-2.0
/* Types: the input itself, or a kernel's with damage. Offsets stay within what a type can be, and
 * types that contain themselves end. The first byte says which. */
#include "guest_kit.h"

#include "vmi/btf.h"

#include <errno.h>
#include <stdlib.h>

static void ask(const uint8_t *data, size_t n)
{
    static const char *const asked[][2] = {{"task_struct", "comm"},
                                           {"task_struct", "se.exec_start"},
                                           {"mm_struct", "rss_stat.count"},
                                           {"a", "a"},
                                           {"a", "a.a|a.b"},
                                           {"module", "mkobj.kobj.entry"}};
    struct ax_btf *b;
    struct ax_err err = {0};
    int64_t v;
    uint32_t size;
    if (ax_btf_open(&b, data, n, &err) < 0) {
        AX_ASSERT(err.code == -EINVAL && err.text[0]);
        return;
    }
    for (size_t i = 0; i < AX_ARRAY_LEN(asked); i++) {
        AX_ASSERT(ax_btf_member(b, asked[i][0], asked[i][1], &size) >= -1);
        AX_ASSERT(ax_btf_size(b, asked[i][0]) >= -1);
    }
    (void)ax_btf_enum(b, "node_stat_item", "NR_SHMEM", &v);
    (void)ax_btf_enum(b, "a", "a", &v);
    ax_btf_close(b);
}

FUZZ_TARGET(p, n)
{
    if (n < 2)
        return 0;
    if (p[0] % 2) {
        uint8_t *exact = ax_malloc(n - 1); /* aligned as the kernel's is */
        memcpy(exact, p + 1, n - 1);
        ask(exact, n - 1);
        free(exact);
        return 0;
    }
    struct fake *g = fuzz_guest(p[0] / 2 % FAKE_VERSIONS);
    uint64_t from = fake_symbol(g, "__start_BTF"), size = fake_symbol(g, "__stop_BTF") - from;
    fake_patch(g, FAKE_TYPES, p + 1, n - 1);
    uint8_t *exact = ax_malloc(size);
    memcpy(exact, fake_at(g, from), size);
    ask(exact, size);
    free(exact);
    fake_undo(g);
    return 0;
}
