// SPDX-License-Identifier: Apache-2.0
/* What a JSON text would become, seen before it is taken in. Who reads one makes dozens of bytes of
 * each value and hundreds of each list, which may be two bytes of text: bytes alone bound nothing
 * but the strings. */
#ifndef AX_BASE_JSON_BOUNDS_H
#define AX_BASE_JSON_BOUNDS_H

#include "base/err.h"
#include "base/str.h"

struct ax_json_bounds { /* no more than */
    size_t values;      /* of any kind, lists and objects among them */
    size_t lists;       /* and objects */
    size_t depth;       /* within one another */
};

/* One pass over the text, be it JSON or not. -EFBIG: it has more than one of these. */
int ax_json_check_bounds(struct ax_str text, const struct ax_json_bounds *max, struct ax_err *err);

#endif
