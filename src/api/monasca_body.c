// SPDX-License-Identifier: Apache-2.0
/* Bodies that are one JSON object: definitions, alarms, notification methods. */
#include "api/monasca.h"

#include <errno.h>
#include <jansson.h>

#define BODY_BYTES (256u << 10) /* several times what the longest definition takes */

static void free_json(json_t **j)
{
    json_decref(*j);
}

static int wrong_type(const char *name, const char *wanted, struct ax_err *err)
{
    return ax_fail(err, -EINVAL, "%s is not %s", name, wanted);
}

static struct ax_str text_of(const json_t *v, struct ax_arena *a)
{
    return ax_arena_str(a, (struct ax_str){json_string_value(v), json_string_length(v)});
}

static int read_strings(const struct ax_monasca_field *f, const json_t *v, struct ax_arena *a,
                        struct ax_err *err)
{
    size_t n = json_array_size(v);
    struct ax_str *out = AX_NEWS(a, struct ax_str, n);
    if (!json_is_array(v))
        return wrong_type(f->name, "a list of strings", err);
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(v, i);
        if (!json_is_string(one))
            return wrong_type(f->name, "a list of strings", err);
        out[i] = text_of(one, a);
    }
    *(struct ax_strs *)f->out = (struct ax_strs){out, n};
    return 0;
}

static int read_value(const struct ax_monasca_field *f, const json_t *v, struct ax_arena *a,
                      struct ax_err *err)
{
    switch (f->type) {
    case AX_FIELD_PASSED_OVER: return 0;
    case AX_FIELD_STRING:
    case AX_FIELD_MAYBE_STRING:
        if (!json_is_string(v))
            return wrong_type(f->name, "a string", err);
        *(struct ax_str *)f->out = text_of(v, a);
        return 0;
    case AX_FIELD_STRINGS: return read_strings(f, v, a, err);
    case AX_FIELD_BOOL:
        if (!json_is_boolean(v))
            return wrong_type(f->name, "true or false", err);
        *(bool *)f->out = json_is_true(v);
        return 0;
    case AX_FIELD_WHOLE:
        if (!json_is_integer(v))
            return wrong_type(f->name, "a whole number", err);
        *(int64_t *)f->out = json_integer_value(v);
        return 0;
    }
    return 0;
}

static const struct ax_monasca_field *find(const struct ax_monasca_field *fields, size_t n,
                                           const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    return NULL;
}

static int read_object(json_t *object, const struct ax_monasca_field *fields, size_t n,
                       unsigned *given, struct ax_arena *a, struct ax_err *err)
{
    const char *name;
    json_t *v;
    if (!json_is_object(object))
        return ax_fail(err, -EINVAL, "the body is no JSON object");
    json_object_foreach (object, name, v) {
        const struct ax_monasca_field *f = find(fields, n, name);
        if (!f)
            return ax_fail(err, -EINVAL, "there is no field \"%.*s\"", 60, name);
        if (f->type == AX_FIELD_MAYBE_STRING && json_is_null(v))
            continue;
        int rc = read_value(f, v, a, err);
        if (rc < 0)
            return rc;
        *given |= f->bit;
    }
    return 0;
}

int ax_monasca_body(struct ax_request *q, const struct ax_monasca_field *fields, size_t n,
                    unsigned needed, unsigned *given, struct ax_err *err)
{
    json_error_t why;
    unsigned found = 0;
    if (q->body.n > BODY_BYTES)
        return ax_fail(err, -EFBIG, "the body has more than %u KiB", BODY_BYTES >> 10);
    AX_CLEANUP(free_json)
    json_t *root = json_loadb(q->body.n ? q->body.p : "", q->body.n,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!root)
        return ax_fail(err, -EBADMSG, "the body is no JSON: line %d, column %d: %s", why.line,
                       why.column, why.text);
    int rc = read_object(root, fields, n, &found, &q->arena, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (needed & fields[i].bit & ~found)
            rc = ax_fail(err, -EINVAL, "%s is missing", fields[i].name);
    if (rc == 0)
        *given = found;
    return rc;
}
