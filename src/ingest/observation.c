// SPDX-License-Identifier: Apache-2.0
#include "ingest/ingest.h"

#include <errno.h>
#include <jansson.h>

#define MAX_RESOURCES 100000
#define MAX_EVENTS    10000
#define MAX_TEXT      2000

/* Where in the document we are, for error texts: "resources[3]". */
struct place {
    const char *list;
    size_t index;
};

static int wrong(struct place p, const char *field, const char *expected, struct ax_err *err)
{
    if (p.list)
        return ax_fail(err, -EINVAL, "%s[%zu].%s: expected %s", p.list, p.index, field, expected);
    return ax_fail(err, -EINVAL, "%s: expected %s", field, expected);
}

static int get_text(const json_t *o, struct place p, const char *field, bool required,
                    struct ax_arena *a, struct ax_str *out, struct ax_err *err)
{
    const json_t *v = json_object_get(o, field);
    if (!v || json_is_null(v)) {
        *out = AX_STR_NULL;
        return required ? wrong(p, field, "a string, found nothing", err) : 0;
    }
    if (!json_is_string(v) || json_string_length(v) > MAX_TEXT)
        return wrong(p, field, "a string of at most 2000 bytes", err);
    *out = ax_arena_str(a, (struct ax_str){json_string_value(v), json_string_length(v)});
    return 0;
}

static int get_time(const json_t *o, struct place p, const char *field, bool required, int64_t *out,
                    struct ax_err *err)
{
    const json_t *v = json_object_get(o, field);
    *out = 0;
    if (!v && !required)
        return 0;
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return wrong(p, field, "milliseconds since 1970 as a whole number", err);
    *out = json_integer_value(v);
    return 0;
}

static int get_handle(const json_t *o, struct place p, const char *field, struct ax_arena *a,
                      struct ax_str *out, enum ax_kind *kind, struct ax_err *err)
{
    struct ax_str id;
    int rc = get_text(o, p, field, true, a, out, err);
    if (rc == 0 && ax_handle_parse(*out, kind, &id, err) < 0)
        rc = p.list ? ax_err_wrap(err, "%s[%zu].%s", p.list, p.index, field)
                    : ax_err_wrap(err, "%s", field);
    return rc;
}

static bool state_known(struct ax_str s)
{
    static const char *const states[] = {"up",        "down",    "running", "blocked",   "paused",
                                         "shutdown",  "shutoff", "crashed", "suspended", "unknown",
                                         "allocated", "active",  "inactive"};
    for (size_t i = 0; i < AX_ARRAY_LEN(states); i++)
        if (ax_str_eq(s, ax_str(states[i])))
            return true;
    return false;
}

static int read_resource(const json_t *o, size_t i, struct ax_arena *a, struct ax_resource *out,
                         struct ax_err *err)
{
    struct place p = {"resources", i};
    enum ax_kind kind;
    struct ax_str word;
    int rc = get_handle(o, p, "handle", a, &out->handle, &out->kind, err);
    if (rc == 0)
        rc = get_text(o, p, "kind", true, a, &word, err);
    if (rc == 0 && (!ax_kind_parse(word, &kind) || kind != out->kind))
        rc = wrong(p, "kind", "the kind that the handle begins with", err);
    if (rc == 0)
        rc = get_text(o, p, "name", true, a, &out->name, err);
    if (rc == 0)
        rc = get_text(o, p, "state", true, a, &out->state, err);
    if (rc == 0 && !state_known(out->state))
        rc = wrong(p, "state", "a known state (see docs/api.md)", err);
    if (rc == 0)
        rc = get_text(o, p, "reason", false, a, &out->reason, err);
    if (rc == 0)
        rc = get_time(o, p, "since", false, &out->since, err);
    const json_t *attributes = json_object_get(o, "attributes");
    if (rc < 0 || !attributes)
        return rc;
    if (!json_is_object(attributes))
        return wrong(p, "attributes", "an object", err);
    char *text = json_dumps(attributes, JSON_COMPACT);
    out->attributes = ax_arena_str(a, ax_str(text));
    free(text);
    return 0;
}

static int read_event(const json_t *o, size_t i, struct ax_arena *a, struct ax_event *out,
                      struct ax_err *err)
{
    struct place p = {"events", i};
    enum ax_kind kind;
    int rc = get_handle(o, p, "handle", a, &out->handle, &kind, err);
    if (rc == 0)
        rc = get_time(o, p, "time", true, &out->time, err);
    if (rc == 0)
        rc = get_text(o, p, "type", true, a, &out->type, err);
    if (rc == 0)
        rc = get_text(o, p, "what", true, a, &out->what, err);
    if (rc == 0)
        rc = get_text(o, p, "detail", false, a, &out->detail, err);
    if (rc == 0)
        rc = get_text(o, p, "text", false, a, &out->text, err);
    return rc;
}

static int get_list(const json_t *root, const char *field, size_t max, const json_t **out,
                    struct ax_err *err)
{
    const json_t *v = json_object_get(root, field);
    if (v && (!json_is_array(v) || json_array_size(v) > max))
        return ax_fail(err, -EINVAL, "%s: expected a list of at most %zu", field, max);
    *out = v;
    return 0;
}

static int read_complete(const json_t *root, struct ax_observation *out, struct ax_err *err)
{
    const json_t *list;
    int rc = get_list(root, "complete", AX_KIND_COUNT, &list, err);
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
        const char *word = json_string_value(json_array_get(list, i));
        enum ax_kind k;
        if (!word || !ax_kind_parse(ax_str(word), &k))
            return ax_fail(err, -EINVAL, "complete[%zu]: expected a kind of resource", i);
        out->complete[k] = true;
    }
    return rc;
}

static int read_document(const json_t *root, struct ax_arena *a, struct ax_observation *out,
                         struct ax_err *err)
{
    enum ax_kind kind;
    struct place top = {NULL, 0};
    const json_t *resources = NULL, *events = NULL;
    if (!json_is_object(root))
        return ax_fail(err, -EINVAL, "expected a JSON object");
    int rc = get_time(root, top, "time", true, &out->time, err);
    if (rc == 0)
        rc = get_handle(root, top, "host", a, &out->host, &kind, err);
    if (rc == 0)
        rc = read_complete(root, out, err);
    if (rc == 0)
        rc = get_list(root, "resources", MAX_RESOURCES, &resources, err);
    if (rc == 0)
        rc = get_list(root, "events", MAX_EVENTS, &events, err);
    if (rc < 0)
        return rc;
    out->nresources = json_array_size(resources);
    out->nevents = json_array_size(events);
    struct ax_resource *r = AX_NEWS(a, struct ax_resource, out->nresources);
    struct ax_event *e = AX_NEWS(a, struct ax_event, out->nevents);
    for (size_t i = 0; rc == 0 && i < out->nresources; i++)
        rc = read_resource(json_array_get(resources, i), i, a, &r[i], err);
    for (size_t i = 0; rc == 0 && i < out->nevents; i++)
        rc = read_event(json_array_get(events, i), i, a, &e[i], err);
    out->resources = r;
    out->events = e;
    return rc;
}

int ax_observation_decode(struct ax_str body, struct ax_arena *a, struct ax_observation *out,
                          struct ax_err *err)
{
    json_error_t where;
    struct ax_observation o = {0};
    if (body.n > AX_INGEST_MAX_BODY)
        return ax_fail(err, -EFBIG, "the body has %zu bytes (limit %u)", body.n,
                       AX_INGEST_MAX_BODY);
    json_t *root = json_loadb(body.p ? body.p : "", body.n, JSON_REJECT_DUPLICATES, &where);
    if (!root)
        return ax_fail(err, -EINVAL, "line %d, column %d: %s", where.line, where.column,
                       where.text);
    int rc = read_document(root, a, &o, err);
    json_decref(root);
    if (rc == 0)
        *out = o;
    return rc;
}
