// SPDX-License-Identifier: Apache-2.0
/* The whole store over a block with right checksums and any content: opened, asked, merged, asked
 * again, closed. Whatever is in there, it opens. */
#include "kit.h"

#include "store/store.h"

#include <string.h>

static int64_t clock_of_seeds(void)
{
    return 1790000000000;
}

static void quiet(const char *text) {}

static void ask(struct ax_store *s)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_matcher m = {AX_MATCH_NE, AX_STR("vm"), AX_STR("db"), NULL};
    struct ax_store_select sel = {.tenant = AX_STR("t"),
                                  .matchers = &m,
                                  .nmatchers = 1,
                                  .mint = INT64_MIN,
                                  .maxt = INT64_MAX,
                                  .max_samples = 100000};
    struct ax_series_set set;
    struct ax_str *names;
    size_t n;
    if (ax_store_select(s, &sel, &a, &set, NULL) == 0)
        for (size_t i = 0; i < set.n; i++)
            for (size_t k = 1; k < set.v[i].n; k++)
                AX_ASSERT(set.v[i].t[k] > set.v[i].t[k - 1]);
    ax_store_last(s, &sel, &a, &set, NULL);
    ax_store_label_names(s, &sel, &a, &names, &n, NULL);
    ax_store_label_values(s, &sel, AX_STR("vm"), &a, &names, &n, NULL);
    ax_arena_free(&a);
}

FUZZ_TARGET(p, n)
{
    static uint8_t copy[1 << 16];
    struct ax_err err = {0};
    if (!n || n > sizeof copy)
        return 0;
    memcpy(copy, p, n);
    fuzz_seal_block(copy, n);
    fuzz_empty();
    /* Two blocks, so that there is something to merge; no MANIFEST would make them strays, and a
     * damaged one makes the store take what is there. */
    fuzz_write("blocks/0000000001.axb", copy, n);
    fuzz_write("blocks/0000000002.axb", copy, n);
    fuzz_write("MANIFEST", "?", 1);
    struct ax_intake_options io = {.max_age_ms = INT64_MAX / 2};
    struct ax_intake *in = ax_intake_new(&io);
    struct ax_store_options o = {
        .dir = fuzz_dir(), .retention_ms = INT64_MAX / 2, .now_ms = clock_of_seeds, .warn = quiet};
    struct ax_store *s;
    AX_ASSERT(ax_store_open(&s, &o, in, &err) == 0);
    ask(s);
    for (int i = 0; i < 3; i++)
        ax_store_tick(s, NULL);
    ask(s);
    ax_store_close(s);
    ax_intake_free(in);
    return 0;
}
