// SPDX-License-Identifier: Apache-2.0
/* Resources, events, observations: what is known besides samples. */
#include "api/inner.h"

#include "ingest/ingest.h"

#include <errno.h>

#define MAX_PAGE     10000
#define EVENTS_SHOWN 50

static void text_or_null(struct ax_json *j, const char *key, struct ax_str v)
{
    ax_json_key(j, key);
    if (v.n)
        ax_json_str(j, v);
    else
        ax_json_null(j);
}

static void time_field(struct ax_json *j, const char *key, int64_t ms)
{
    ax_json_key(j, key);
    ax_json_time(j, ms);
}

/* Leaves the object open, so that more can follow. */
static void put_resource(struct ax_json *j, const struct ax_resource *x)
{
    ax_json_obj(j);
    text_or_null(j, "handle", x->handle);
    ax_json_key(j, "kind");
    ax_json_cstr(j, ax_kind_name(x->kind));
    text_or_null(j, "name", x->name);
    text_or_null(j, "tenant", x->tenant);
    text_or_null(j, "host", x->host);
    text_or_null(j, "state", x->state);
    text_or_null(j, "reason", x->reason);
    time_field(j, "since", x->since);
    time_field(j, "first_seen", x->first_seen);
    time_field(j, "last_seen", x->last_seen);
    time_field(j, "gone", x->gone);
    ax_json_key(j, "attributes");
    ax_json_raw(j, x->attributes);
}

void ax_resources(struct ax_request *q, struct ax_reply *r)
{
    struct ax_resource_filter f = {.tenant = q->tenant,
                                   .kind = ax_param(q, "kind"),
                                   .state = ax_param(q, "state"),
                                   .host = ax_param(q, "host")};
    struct ax_str gone = ax_param(q, "gone");
    enum ax_kind kind;
    struct ax_err err;
    struct ax_resource *v;
    size_t n;
    uint64_t total;
    f.gone = ax_str_eq(gone, AX_STR("1")) || ax_str_eq(gone, AX_STR("true"));
    int rc = 0;
    if (f.kind.n && !ax_kind_parse(f.kind, &kind))
        rc = ax_fail(&err, -EINVAL,
                     "invalid parameter \"kind\": expected host, vm, volume, network, "
                     "pool, image or service");
    if (rc == 0)
        rc = ax_param_count(q, "limit", 0, MAX_PAGE, &f.limit, &err);
    if (rc == 0)
        rc = ax_param_count(q, "offset", 0, UINT32_MAX, &f.offset, &err);
    if (rc == 0)
        rc = ax_registry_list(ax_api_rooms(q->api)->registry, &f, &q->arena, &v, &n, &total, &err);
    if (rc < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "resources");
    ax_json_arr(&j);
    for (size_t i = 0; i < n; i++) {
        put_resource(&j, &v[i]);
        ax_json_end(&j);
    }
    ax_json_end(&j);
    ax_json_key(&j, "total");
    ax_json_int(&j, (int64_t)total);
    ax_json_end(&j);
}

void ax_event_json(struct ax_json *j, const struct ax_event *e, struct ax_str name)
{
    ax_json_obj(j);
    ax_json_key(j, "id");
    ax_json_int(j, e->id);
    time_field(j, "time", e->time);
    text_or_null(j, "handle", e->handle);
    text_or_null(j, "name", name);
    text_or_null(j, "type", e->type);
    text_or_null(j, "what", e->what);
    text_or_null(j, "detail", e->detail);
    text_or_null(j, "text", e->text);
    ax_json_end(j);
}

static struct ax_str name_of(struct ax_request *q, struct ax_str handle)
{
    struct ax_resource x;
    int rc =
        ax_registry_get(ax_api_rooms(q->api)->registry, q->tenant, handle, &q->arena, &x, NULL);
    return rc < 0 ? AX_STR_NULL : x.name;
}

/* "events": the newest of a handle, or of all. */
static int put_events(struct ax_request *q, struct ax_json *j, struct ax_str handle, int64_t since,
                      int64_t before, uint32_t limit, struct ax_err *err)
{
    struct ax_event *v;
    size_t n;
    int rc = ax_registry_events(ax_api_rooms(q->api)->registry, q->tenant, handle, since, before,
                                limit, &q->arena, &v, &n, err);
    if (rc < 0)
        return rc;
    ax_json_key(j, "events");
    ax_json_arr(j);
    for (size_t i = 0; i < n; i++)
        ax_event_json(j, &v[i], name_of(q, v[i].handle));
    ax_json_end(j);
    return 0;
}

void ax_events(struct ax_request *q, struct ax_reply *r)
{
    struct ax_err err;
    int64_t since;
    uint32_t before, limit;
    struct ax_json j = {.out = &r->body};
    int rc = ax_param_time(q, "since", 0, &since, &err);
    if (rc == 0)
        rc = ax_param_count(q, "before", 0, UINT32_MAX, &before, &err);
    if (rc == 0)
        rc = ax_param_count(q, "limit", 100, MAX_PAGE, &limit, &err);
    if (rc == 0) {
        ax_json_obj(&j);
        rc = put_events(q, &j, ax_param(q, "handle"), since, before, limit ? limit : 100, &err);
    }
    if (rc < 0)
        ax_reply_auspex_errno(r, &err);
    else
        ax_json_end(&j);
}

static void put_predictions(struct ax_request *q, struct ax_json *j, bool all, struct ax_str handle)
{
    struct ax_prediction *v = NULL;
    size_t n = 0;
    const struct ax_api_options *rooms = ax_api_rooms(q->api);
    if (ax_str_eq(q->tenant, AX_STR("default"))) /* the tenant whose resources are predicted */
        ax_predictor_snapshot(rooms->predictor, all, handle, &q->arena, &v, &n);
    ax_json_key(j, "predictions");
    ax_json_arr(j);
    for (size_t i = 0; i < n; i++)
        ax_prediction_json(j, &v[i]);
    ax_json_end(j);
}

void ax_predictions(struct ax_request *q, struct ax_reply *r)
{
    struct ax_str all = ax_param(q, "all");
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    put_predictions(q, &j, ax_str_eq(all, AX_STR("1")) || ax_str_eq(all, AX_STR("true")),
                    ax_param(q, "handle"));
    ax_json_end(&j);
}

void ax_resource_one(struct ax_request *q, struct ax_reply *r)
{
    struct ax_resource x;
    struct ax_err err;
    enum ax_kind kind;
    struct ax_str id;
    struct ax_json j = {.out = &r->body};
    int rc = ax_handle_parse(q->rest, &kind, &id, &err);
    if (rc == 0)
        rc = ax_registry_get(ax_api_rooms(q->api)->registry, q->tenant, q->rest, &q->arena, &x,
                             &err);
    if (rc == 0) {
        put_resource(&j, &x);
        rc = put_events(q, &j, q->rest, 0, 0, EVENTS_SHOWN, &err);
    }
    if (rc < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    put_predictions(q, &j, true, q->rest);
    ax_json_end(&j);
}

void ax_observations(struct ax_request *q, struct ax_reply *r)
{
    struct ax_observation o;
    struct ax_err err;
    int rc = ax_observation_decode(ax_buf_view(&q->body), &q->arena, &o, &err);
    if (rc == 0)
        rc = ax_registry_observe(ax_api_rooms(q->api)->registry, q->tenant, &o, &err);
    if (rc < 0)
        ax_reply_auspex_errno(r, &err);
    else
        r->status = 204;
}
