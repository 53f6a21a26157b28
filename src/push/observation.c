// SPDX-License-Identifier: Apache-2.0
#include "push/observation.h"

#include "base/json.h"

static void put(struct ax_json *j, const char *key, struct ax_str s)
{
    if (!s.n)
        return;
    ax_json_key(j, key);
    ax_json_str(j, s);
}

/* What the receiver insists on is there even when it is empty. */
static void put_required(struct ax_json *j, const char *key, struct ax_str s)
{
    ax_json_key(j, key);
    ax_json_str(j, s);
}

static void put_ms(struct ax_json *j, const char *key, int64_t ms)
{
    if (!ms)
        return;
    ax_json_key(j, key);
    ax_json_int(j, ms);
}

static void put_resource(struct ax_json *j, const struct ax_resource *r)
{
    ax_json_obj(j);
    put_required(j, "handle", r->handle);
    ax_json_key(j, "kind");
    ax_json_cstr(j, ax_kind_name(r->kind));
    put_required(j, "name", r->name);
    put(j, "tenant", r->tenant);
    put_required(j, "state", r->state);
    put(j, "reason", r->reason);
    put_ms(j, "since", r->since);
    if (r->attributes.n) {
        ax_json_key(j, "attributes");
        ax_json_raw(j, r->attributes);
    }
    ax_json_end(j);
}

static void put_event(struct ax_json *j, const struct ax_event *e)
{
    ax_json_obj(j);
    ax_json_key(j, "time");
    ax_json_int(j, e->time);
    put_required(j, "handle", e->handle);
    put_required(j, "type", e->type);
    put_required(j, "what", e->what);
    put(j, "detail", e->detail);
    put(j, "text", e->text);
    ax_json_end(j);
}

void ax_observation_json(const struct ax_observation *o, struct ax_buf *out)
{
    struct ax_json j = {.out = out};
    ax_json_obj(&j);
    ax_json_key(&j, "time");
    ax_json_int(&j, o->time);
    put(&j, "host", o->host);
    ax_json_key(&j, "complete");
    ax_json_arr(&j);
    for (int k = 0; k < AX_KIND_COUNT; k++)
        if (o->complete[k])
            ax_json_cstr(&j, ax_kind_name((enum ax_kind)k));
    ax_json_end(&j);
    ax_json_key(&j, "resources");
    ax_json_arr(&j);
    for (size_t i = 0; i < o->nresources; i++)
        put_resource(&j, &o->resources[i]);
    ax_json_end(&j);
    ax_json_key(&j, "events");
    ax_json_arr(&j);
    for (size_t i = 0; i < o->nevents; i++)
        put_event(&j, &o->events[i]);
    ax_json_end(&j);
    ax_json_end(&j);
}
