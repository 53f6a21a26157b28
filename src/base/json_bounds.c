// SPDX-License-Identifier: Apache-2.0
#include "base/json_bounds.h"

#include <errno.h>

/* Behind the string that begins behind its quotation mark. */
static size_t skip_string(struct ax_str text, size_t i)
{
    while (i < text.n && text.p[i] != '"')
        i += text.p[i] == '\\' ? 2 : 1;
    return i + 1;
}

/* Each value but the first follows a comma or begins a list; what is no JSON has no more. */
int ax_json_check_bounds(struct ax_str text, const struct ax_json_bounds *max, struct ax_err *err)
{
    struct ax_json_bounds n = {.values = 1};
    for (size_t i = 0; i < text.n;) {
        char c = text.p[i++];
        if (c == '"')
            i = skip_string(text, i);
        n.values += c == ',' || c == '[' || c == '{';
        n.lists += c == '[' || c == '{';
        n.depth += c == '[' || c == '{';
        n.depth -= n.depth && (c == ']' || c == '}');
        if (n.values > max->values)
            return ax_fail(err, -EFBIG, "the JSON has more than %zu values", max->values);
        if (n.lists > max->lists)
            return ax_fail(err, -EFBIG, "the JSON has more than %zu lists and objects", max->lists);
        if (n.depth > max->depth)
            return ax_fail(err, -EFBIG, "the JSON has lists within lists, over %zu deep",
                           max->depth);
    }
    return 0;
}
