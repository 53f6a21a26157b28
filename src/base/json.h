// SPDX-License-Identifier: Apache-2.0
/* Streaming JSON writer: puts commas and escapes, checks nesting by assertion, allocates nothing
 * but the buffer it writes to. Small incoming bodies are read with jansson instead.
 *
 *   struct ax_json j = {.out = &buf};
 *   ax_json_obj(&j);
 *   ax_json_key(&j, "handle"); ax_json_str(&j, handle);
 *   ax_json_end(&j);
 */
#ifndef AX_BASE_JSON_H
#define AX_BASE_JSON_H

#include "base/buf.h"

#define AX_JSON_DEPTH 32

struct ax_json {
    struct ax_buf *out;
    unsigned depth;
    bool after_key;
    struct {
        bool object, used;
    } level[AX_JSON_DEPTH];
};

void ax_json_obj(struct ax_json *j);
void ax_json_arr(struct ax_json *j);
void ax_json_end(struct ax_json *j); /* of the innermost object or array */
void ax_json_key(struct ax_json *j, const char *key);
void ax_json_key_str(struct ax_json *j, struct ax_str key);
/* Bytes that are not UTF-8 become U+FFFD: what a guest or a sender wrote never breaks an answer. */
void ax_json_str(struct ax_json *j, struct ax_str s);
void ax_json_cstr(struct ax_json *j, const char *s); /* NULL gives null */
void ax_json_int(struct ax_json *j, int64_t v);
void ax_json_num(struct ax_json *j, double v); /* NaN and infinities give null */
void ax_json_bool(struct ax_json *j, bool v);
void ax_json_null(struct ax_json *j);
void ax_json_time(struct ax_json *j, int64_t ms);        /* RFC 3339 string; 0 gives null */
void ax_json_raw(struct ax_json *j, struct ax_str json); /* a finished JSON value, as it is */

#endif
