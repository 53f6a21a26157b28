// SPDX-License-Identifier: Apache-2.0
#include "api/body.h"

#include "base/num.h"

#include <errno.h>

#define BODY_BYTES (256u << 10)
#define TEXT_BYTES 4096

int ax_body_object(const struct ax_request *q, json_t **out, struct ax_err *err)
{
    if (q->body.n > BODY_BYTES)
        return ax_fail(err, -EFBIG, "the body is longer than %u KiB", BODY_BYTES >> 10);
    json_t *o = json_loadb(q->body.p ? q->body.p : "", q->body.n, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(o)) {
        *out = o;
        return 0;
    }
    json_decref(o);
    return ax_fail(err, -EBADMSG, "the body is no JSON object");
}

void ax_body_free(json_t **o)
{
    json_decref(*o);
}

bool ax_body_has(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return v && !json_is_null(v);
}

int ax_body_text(const json_t *o, const char *key, struct ax_arena *a, struct ax_str *out,
                 struct ax_err *err)
{
    const json_t *v = json_object_get(o, key);
    if (!v)
        return ax_fail(err, -EBADMSG, "%s in body is required", key);
    if (!json_is_string(v))
        return ax_fail(err, -EBADMSG, "%s in body must be of type string", key);
    if (json_string_length(v) > TEXT_BYTES)
        return ax_fail(err, -EINVAL, "%s is longer than %d bytes", key, TEXT_BYTES);
    *out = ax_arena_str(a, (struct ax_str){json_string_value(v), json_string_length(v)});
    return 0;
}

int ax_body_time(const json_t *o, const char *key, struct ax_arena *a, int64_t *out,
                 struct ax_err *err)
{
    struct ax_str text;
    int rc = ax_body_text(o, key, a, &text, err);
    if (rc < 0)
        return rc;
    rc = ax_time_parse(text, out, err);
    return rc < 0 ? ax_err_wrap(err, "%s", key) : 0;
}
