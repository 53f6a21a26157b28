// SPDX-License-Identifier: Apache-2.0
/* /auspex/v1/inhibitions: which alarms keep which others quiet. */
#include "api/body.h"

#include <errno.h>

#define LIST_MAX 64 /* matchers of a side, labels to be equal */

/* ---- out ---- */

static void put_matchers(struct ax_json *j, const char *key, const struct ax_matcher *v, size_t n)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    ax_json_key(j, key);
    ax_json_arr(j);
    for (size_t i = 0; i < n; i++) {
        ax_buf_clear(&text);
        ax_matcher_print(&v[i], &text);
        ax_json_str(j, ax_buf_view(&text));
    }
    ax_json_end(j);
}

static void put(struct ax_json *j, const struct ax_inhibition *x)
{
    ax_json_obj(j);
    ax_json_key(j, "id");
    ax_json_str(j, x->id);
    put_matchers(j, "source_matchers", x->source, x->nsource);
    put_matchers(j, "target_matchers", x->target, x->ntarget);
    ax_json_key(j, "equal");
    ax_json_arr(j);
    for (size_t i = 0; i < x->nequal; i++)
        ax_json_str(j, x->equal[i]);
    ax_json_end(j);
    ax_json_key(j, "created");
    ax_json_time(j, x->created);
    ax_json_end(j);
}

void ax_inhibitions_get(struct ax_request *q, struct ax_reply *r)
{
    struct ax_inhibition *v;
    struct ax_err err;
    size_t n;
    if (ax_inhibition_list(ax_api_rooms(q->api)->dispatch, q->tenant, &q->arena, &v, &n, &err) <
        0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "inhibitions");
    ax_json_arr(&j);
    for (size_t i = 0; i < n; i++)
        put(&j, &v[i]);
    ax_json_end(&j);
    ax_json_end(&j);
}

/* ---- in ---- */

static int read_list(const json_t *o, const char *key, struct ax_arena *a, struct ax_str **out,
                     size_t *n, struct ax_err *err)
{
    const json_t *list = json_object_get(o, key);
    size_t count = json_array_size(list);
    struct ax_str *v = AX_NEWS(a, struct ax_str, count + 1);
    if (list && !json_is_array(list))
        return ax_fail(err, -EBADMSG, "%s must be a list of strings", key);
    if (count > LIST_MAX)
        return ax_fail(err, -EINVAL, "%s has more than %d members", key, LIST_MAX);
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_array_get(list, i);
        if (!json_is_string(one))
            return ax_fail(err, -EBADMSG, "%s must be a list of strings", key);
        v[i] = ax_arena_str(a, (struct ax_str){json_string_value(one), json_string_length(one)});
    }
    *out = v;
    *n = count;
    return 0;
}

static int read_matchers(const json_t *o, const char *key, struct ax_arena *a,
                         const struct ax_matcher **out, size_t *n, struct ax_err *err)
{
    struct ax_str *texts;
    int rc = read_list(o, key, a, &texts, n, err);
    if (rc < 0)
        return rc;
    struct ax_matcher *v = AX_NEWS(a, struct ax_matcher, *n + 1);
    for (size_t i = 0; rc == 0 && i < *n; i++)
        rc = ax_matcher_parse(texts[i], a, &v[i], err);
    *out = v;
    return rc < 0 ? ax_err_wrap(err, "%s", key) : 0;
}

static int read(struct ax_request *q, struct ax_inhibition *x, struct ax_err *err)
{
    AX_CLEANUP(ax_body_free) json_t *o = NULL;
    struct ax_str *equal = NULL;
    *x = (struct ax_inhibition){0};
    int rc = ax_body_object(q, &o, err);
    if (rc == 0)
        rc = read_matchers(o, "source_matchers", &q->arena, &x->source, &x->nsource, err);
    if (rc == 0)
        rc = read_matchers(o, "target_matchers", &q->arena, &x->target, &x->ntarget, err);
    if (rc == 0)
        rc = read_list(o, "equal", &q->arena, &equal, &x->nequal, err);
    x->equal = equal;
    return rc;
}

void ax_inhibitions_post(struct ax_request *q, struct ax_reply *r)
{
    struct ax_inhibition x;
    struct ax_err err;
    char id[AX_UUID_TEXT + 1];
    int rc = read(q, &x, &err);
    if (rc == 0)
        rc = ax_inhibition_add(ax_api_rooms(q->api)->dispatch, q->tenant, &x, id, &err);
    if (rc < 0)
        ax_reply_auspex_errno(r, &err);
    else
        ax_reply_made(r, id);
}

void ax_inhibitions_delete(struct ax_request *q, struct ax_reply *r)
{
    struct ax_err err;
    if (ax_inhibition_delete(ax_api_rooms(q->api)->dispatch, q->tenant, q->rest, &err) < 0)
        ax_reply_auspex_errno(r, &err);
    else
        r->status = 204;
}
