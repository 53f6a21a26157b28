// SPDX-License-Identifier: Apache-2.0
/* Regexes: PATTERN newline REPLACEMENT newline VALUE. Whatever the pattern, one value is answered
 * in bounded time. */
#include "kit.h"

#include "base/clock.h"
#include "model/matcher.h"

#define BOUND_NS 2000000000ll /* far above what the limit on steps allows, sanitizers included */

FUZZ_TARGET(p, n)
{
    struct ax_str rest = fuzz_str(p, n), pattern, replacement = AX_STR_NULL, value = AX_STR_NULL;
    struct ax_regex *re;
    struct ax_err err = {0};
    struct ax_buf out = {.max = 1 << 20};
    if (!ax_str_cut(&rest, '\n', &pattern))
        return 0;
    ax_str_cut(&rest, '\n', &replacement);
    value = rest;
    int64_t start = ax_mono_ns();
    if (ax_regex_new(pattern, &re, &err) < 0) {
        AX_ASSERT(err.text[0]);
    } else {
        struct ax_matcher m = {AX_MATCH_RE, AX_STR("a"), pattern, re};
        bool matches = ax_matcher_value(&m, value);
        m.op = AX_MATCH_NRE;
        AX_ASSERT(ax_matcher_value(&m, value) == !matches);
        AX_ASSERT(ax_regex_expand(re, value, replacement, &out) == matches);
        ax_matcher_matches_empty(&m);
        ax_regex_free(re);
    }
    AX_ASSERT(ax_mono_ns() - start < BOUND_NS);
    ax_buf_free(&out);
    return 0;
}
