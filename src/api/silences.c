// SPDX-License-Identifier: Apache-2.0
/* Silences: /api/v2/silences and /api/v2/silence/ID. */
#include "api/alertmanager.h"
#include "api/body.h"

#include "base/clock.h"

#include <errno.h>

#define MATCHERS_MAX 64

/* ---- out ---- */

static void put_time(struct ax_json *j, const char *key, int64_t ms)
{
    ax_json_key(j, key);
    ax_json_time(j, ms);
}

static void put_silence(struct ax_json *j, const struct ax_silence *s)
{
    static const char *const states[] = {"active", "pending", "expired"};
    ax_json_obj(j);
    ax_json_key(j, "id");
    ax_json_str(j, s->id);
    ax_json_key(j, "status");
    ax_json_obj(j);
    ax_json_key(j, "state");
    ax_json_cstr(j, states[ax_silence_state(s, ax_now_ms())]);
    ax_json_end(j);
    put_time(j, "updatedAt", s->updated);
    ax_json_key(j, "comment");
    ax_json_str(j, s->comment);
    ax_json_key(j, "createdBy");
    ax_json_str(j, s->created_by);
    put_time(j, "endsAt", s->ends);
    ax_json_key(j, "matchers");
    ax_json_arr(j);
    for (size_t i = 0; i < s->nmatchers; i++)
        ax_matcher_json(j, &s->matchers[i]);
    ax_json_end(j);
    put_time(j, "startsAt", s->starts);
    ax_json_end(j);
}

/* As Alertmanager compares: a silence has a matcher that says the very same. */
static bool has_matcher(const struct ax_silence *s, const struct ax_matcher *m)
{
    for (size_t i = 0; i < s->nmatchers; i++)
        if (s->matchers[i].op == m->op && ax_str_eq(s->matchers[i].name, m->name) &&
            ax_str_eq(s->matchers[i].value, m->value))
            return true;
    return false;
}

static bool passes(const struct ax_silence *s, const struct ax_matcher *filters, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!has_matcher(s, &filters[i]))
            return false;
    return true;
}

void ax_silences_get(struct ax_request *q, struct ax_reply *r)
{
    struct ax_silence *v;
    struct ax_matcher *filters;
    size_t n, nfilters;
    struct ax_err err;
    int rc = ax_alertmanager_filters(q, &filters, &nfilters, &err);
    if (rc == 0)
        rc = ax_silence_list(ax_api_rooms(q->api)->dispatch, q->tenant, &q->arena, &v, &n, &err);
    if (rc < 0) {
        ax_alertmanager_errno(r, &err);
        return;
    }
    struct ax_json j = {.out = &r->body};
    ax_json_arr(&j);
    for (size_t i = 0; i < n; i++)
        if (passes(&v[i], filters, nfilters))
            put_silence(&j, &v[i]);
    ax_json_end(&j);
}

/* An id that cannot be one: Alertmanager's words for it. */
static bool is_id(struct ax_request *q, struct ax_reply *r)
{
    struct ax_uuid id;
    if (ax_uuid_parse(q->rest, &id))
        return true;
    ax_alertmanager_error(r, 422, "silenceID in path must be of type uuid");
    return false;
}

void ax_silence_one(struct ax_request *q, struct ax_reply *r)
{
    struct ax_silence s;
    struct ax_err err;
    if (!is_id(q, r))
        return;
    if (ax_silence_get(ax_api_rooms(q->api)->dispatch, q->tenant, q->rest, &q->arena, &s, &err) <
        0) {
        ax_alertmanager_errno(r, &err);
        return;
    }
    struct ax_json j = {.out = &r->body};
    put_silence(&j, &s);
}

void ax_silence_delete(struct ax_request *q, struct ax_reply *r)
{
    struct ax_err err;
    if (!is_id(q, r))
        return;
    if (ax_silence_expire(ax_api_rooms(q->api)->dispatch, q->tenant, q->rest, &err) < 0)
        ax_alertmanager_errno(r, &err);
}

/* ---- in ---- */

/* false when it is there and no boolean. */
static bool read_bool(const json_t *o, const char *key, bool *out)
{
    const json_t *v = json_object_get(o, key);
    if (v && !json_is_boolean(v))
        return false;
    if (v)
        *out = json_is_true(v);
    return true;
}

static int read_matcher(const json_t *o, struct ax_arena *a, struct ax_matcher *out,
                        struct ax_err *err)
{
    bool equal = true, regex = false;
    if (!json_object_get(o, "isRegex"))
        return ax_fail(err, -EBADMSG, "isRegex in body is required");
    if (!read_bool(o, "isRegex", &regex) || !read_bool(o, "isEqual", &equal))
        return ax_fail(err, -EBADMSG, "isRegex and isEqual must be of type boolean");
    int rc = ax_body_text(o, "name", a, &out->name, err);
    if (rc == 0)
        rc = ax_body_text(o, "value", a, &out->value, err);
    out->op = regex ? equal ? AX_MATCH_RE : AX_MATCH_NRE : equal ? AX_MATCH_EQ : AX_MATCH_NE;
    return rc;
}

static int read_matchers(const json_t *o, struct ax_arena *a, struct ax_silence *s,
                         struct ax_err *err)
{
    const json_t *all = json_object_get(o, "matchers");
    size_t n = json_array_size(all);
    if (!json_is_array(all))
        return ax_fail(err, -EBADMSG, "matchers in body must be an array");
    if (n > MATCHERS_MAX)
        return ax_fail(err, -EINVAL, "a silence of more than %d matchers", MATCHERS_MAX);
    struct ax_matcher *v = AX_NEWS(a, struct ax_matcher, n + 1);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = read_matcher(json_array_get(all, i), a, &v[i], err);
    s->matchers = v;
    s->nmatchers = n;
    return rc;
}

static int read_silence(const json_t *o, struct ax_arena *a, struct ax_silence *s,
                        struct ax_err *err)
{
    *s = (struct ax_silence){0};
    int rc = read_matchers(o, a, s, err);
    if (rc == 0)
        rc = ax_body_time(o, "startsAt", a, &s->starts, err);
    if (rc == 0)
        rc = ax_body_time(o, "endsAt", a, &s->ends, err);
    if (rc == 0)
        rc = ax_body_text(o, "createdBy", a, &s->created_by, err);
    if (rc == 0)
        rc = ax_body_text(o, "comment", a, &s->comment, err);
    return rc == 0 && ax_body_has(o, "id") ? ax_body_text(o, "id", a, &s->id, err) : rc;
}

void ax_silences_post(struct ax_request *q, struct ax_reply *r)
{
    struct ax_silence s;
    struct ax_err err;
    char id[AX_UUID_TEXT + 1];
    AX_CLEANUP(ax_body_free) json_t *o = NULL;
    int rc = ax_body_object(q, &o, &err);
    if (rc == 0)
        rc = read_silence(o, &q->arena, &s, &err);
    if (rc == 0)
        rc = ax_silence_set(ax_api_rooms(q->api)->dispatch, q->tenant, &s, id, &err);
    if (rc < 0) {
        ax_alertmanager_errno(r, &err);
        return;
    }
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "silenceID");
    ax_json_cstr(&j, id);
    ax_json_end(&j);
}
