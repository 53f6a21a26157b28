// SPDX-License-Identifier: Apache-2.0
/* Notification methods: /v2.0/notification-methods. What is wrong with a body is 400 here, what is
 * wrong with a parameter 422, as Monasca has it. */
#include "api/monasca.h"

#include "base/clock.h"

#include <errno.h>

#define FOLDER        "notification-methods"
#define TESTS_AT_ONCE 2 /* each holds up one of the server's threads until it has its outcome */

static void put_method(struct ax_json *j, struct ax_request *q, const struct ax_notify_method *m)
{
    ax_json_obj(j);
    ax_json_key(j, "id");
    ax_json_str(j, m->id);
    ax_monasca_put_links(j, q, FOLDER, m->id);
    ax_json_key(j, "name");
    ax_json_str(j, m->name);
    ax_json_key(j, "type");
    ax_json_cstr(j, ax_notify_type_name(m->type));
    ax_json_key(j, "address");
    ax_json_str(j, m->address);
    ax_json_key(j, "period");
    ax_json_int(j, m->period);
    ax_json_end(j);
}

static void answer(struct ax_request *q, struct ax_reply *r, int status,
                   const struct ax_notify_method *m)
{
    struct ax_json j = {.out = &r->body};
    r->status = status;
    put_method(&j, q, m);
}

/* ---- what a body says ---- */

enum { NAME = 1, TYPE = 2, ADDRESS = 4, PERIOD = 8 };

static unsigned needed(enum ax_method method)
{
    switch (method) {
    case AX_POST: return NAME | TYPE | ADDRESS;
    case AX_PUT: return NAME | TYPE | ADDRESS | PERIOD;
    default: return 0;
    }
}

static int read_fields(struct ax_request *q, struct ax_notify_fields *f, struct ax_err *err)
{
    unsigned given;
    const struct ax_monasca_field fields[] = {
        {"name", AX_FIELD_STRING, NAME, &f->name},
        {"type", AX_FIELD_STRING, TYPE, &f->type},
        {"address", AX_FIELD_STRING, ADDRESS, &f->address},
        {"period", AX_FIELD_WHOLE, PERIOD, &f->period},
        {.name = "id"},
        {.name = "links"},
    };
    *f = (struct ax_notify_fields){.period = q->method == AX_POST ? 0 : -1};
    int rc = ax_monasca_body(q, fields, AX_ARRAY_LEN(fields), needed(q->method), &given, err);
    if (rc == 0 && f->period < 0 && (given & PERIOD)) /* to the room it means: as it is */
        rc = ax_fail(err, -EINVAL, "period is negative");
    return rc;
}

static int begin_write(struct ax_request *q, struct ax_str *tenant, struct ax_notify_fields *f,
                       struct ax_err *err)
{
    int rc = ax_monasca_tenant(q, tenant, err);
    return rc == 0 ? read_fields(q, f, err) : rc;
}

static void end_write(struct ax_request *q, struct ax_reply *r, int status, int rc,
                      const struct ax_notify_method *m, struct ax_err *err)
{
    if (rc == 0)
        answer(q, r, status, m);
    else if (rc == -EINVAL)
        ax_monasca_error(r, 400, err->text);
    else
        ax_monasca_failed(r, err);
}

void ax_monasca_method_create(struct ax_request *q, struct ax_reply *r)
{
    struct ax_notify *room = ax_api_rooms(q->api)->notify;
    struct ax_notify_fields f;
    struct ax_notify_method m;
    struct ax_str tenant;
    struct ax_err err;
    int rc = begin_write(q, &tenant, &f, &err);
    if (rc == 0)
        rc = ax_notify_create(room, tenant, &f, &q->arena, &m, &err);
    end_write(q, r, 201, rc, &m, &err);
}

void ax_monasca_method_edit(struct ax_request *q, struct ax_reply *r)
{
    struct ax_notify *room = ax_api_rooms(q->api)->notify;
    struct ax_notify_fields f;
    struct ax_notify_method m;
    struct ax_str tenant;
    struct ax_err err;
    int rc = begin_write(q, &tenant, &f, &err);
    if (rc == 0)
        rc = ax_notify_update(room, tenant, q->rest, &f, &q->arena, &m, &err);
    end_write(q, r, 200, rc, &m, &err);
}

/* ---- one ---- */

void ax_monasca_method(struct ax_request *q, struct ax_reply *r)
{
    struct ax_notify *room = ax_api_rooms(q->api)->notify;
    struct ax_notify_method m;
    struct ax_str tenant;
    struct ax_err err;
    int rc = ax_monasca_tenant(q, &tenant, &err);
    if (rc == 0)
        rc = ax_notify_get(room, tenant, q->rest, &q->arena, &m, &err);
    if (rc < 0)
        ax_monasca_failed(r, &err);
    else
        answer(q, r, 200, &m);
}

/* What is left to do when the method itself is gone. */
static int finish_delete(struct ax_stream *stream, struct ax_notify *notify, struct ax_str tenant,
                         struct ax_str id, struct ax_err *err)
{
    int rc = ax_definition_drop_action(stream, tenant, id, ax_now_ms(), err);
    return rc == 0 ? ax_notify_left(notify, tenant, id, err) : rc;
}

static int delete_method(struct ax_request *q, struct ax_str tenant, struct ax_err *err)
{
    const struct ax_api_options *rooms = ax_api_rooms(q->api);
    int rc = ax_notify_delete(rooms->notify, tenant, q->rest, err);
    return rc == 0 ? finish_delete(rooms->stream, rooms->notify, tenant, q->rest, err) : rc;
}

int ax_api_finish_deletions(struct ax_stream *stream, struct ax_notify *notify, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_notify_leaver *v;
    size_t n = 0;
    int rc = ax_notify_leavers(notify, &a, &v, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = finish_delete(stream, notify, v[i].tenant, v[i].id, err);
    ax_arena_free(&a);
    return rc;
}

void ax_monasca_method_delete(struct ax_request *q, struct ax_reply *r)
{
    struct ax_str tenant;
    struct ax_err err;
    int rc = ax_monasca_tenant(q, &tenant, &err);
    if (rc == 0)
        rc = delete_method(q, tenant, &err);
    r->status = 204;
    if (rc < 0)
        ax_monasca_failed(r, &err);
}

static int try_out(struct ax_request *q, struct ax_notify_said *said, struct ax_err *err)
{
    static unsigned under_way;
    struct ax_str tenant;
    int rc = ax_monasca_tenant(q, &tenant, err);
    if (rc < 0)
        return rc;
    if (__atomic_add_fetch(&under_way, 1, __ATOMIC_RELAXED) > TESTS_AT_ONCE)
        rc = ax_fail(err, -EAGAIN, "%d tests are under way already: try again in a second",
                     TESTS_AT_ONCE);
    else
        rc = ax_notify_test(ax_api_rooms(q->api)->notify, tenant, q->rest, said, err);
    __atomic_sub_fetch(&under_way, 1, __ATOMIC_RELAXED);
    return rc;
}

void ax_monasca_method_test(struct ax_request *q, struct ax_reply *r)
{
    struct ax_notify_said said;
    struct ax_err err;
    int rc = try_out(q, &said, &err);
    if (rc == -EIO) {
        ax_monasca_error(r, 502, err.text);
    } else if (rc < 0) {
        ax_monasca_failed(r, &err);
    } else {
        struct ax_json j = {.out = &r->body};
        ax_json_obj(&j);
        ax_json_key(&j, "text");
        ax_json_cstr(&j, said.text);
        ax_json_key(&j, "took_ms");
        ax_json_int(&j, said.took_ms);
        ax_json_end(&j);
    }
}

/* ---- all ---- */

static int list(struct ax_request *q, const struct ax_monasca_page *page,
                struct ax_notify_method **out, size_t *n, struct ax_err *err)
{
    struct ax_str tenant;
    int rc = ax_monasca_tenant(q, &tenant, err);
    return rc == 0 ? ax_notify_list(ax_api_rooms(q->api)->notify, tenant, ax_param(q, "sort_by"),
                                    (int64_t)page->offset, (int64_t)page->limit + 1, &q->arena, out,
                                    n, err)
                   : rc;
}

void ax_monasca_methods(struct ax_request *q, struct ax_reply *r)
{
    struct ax_monasca_page page;
    struct ax_notify_method *v;
    struct ax_json j;
    struct ax_err err;
    size_t n;
    int rc = ax_monasca_page(q, &page, &err);
    if (rc == 0)
        rc = list(q, &page, &v, &n, &err);
    if (rc < 0) {
        ax_monasca_failed(r, &err);
        return;
    }
    ax_monasca_list_begin(&j, r);
    for (size_t i = 0; i < n && i < page.limit; i++)
        put_method(&j, q, &v[i]);
    ax_monasca_page_end(&j, q, &page, n);
}

void ax_monasca_method_types(struct ax_request *q, struct ax_reply *r)
{
    struct ax_json j;
    ax_monasca_list_begin(&j, r);
    for (int i = 0; i < AX_NOTIFY_TYPES; i++) {
        enum ax_notify_type type = (enum ax_notify_type)i;
        if (!ax_notify_offers(ax_api_rooms(q->api)->notify, type))
            continue;
        ax_json_obj(&j);
        ax_json_key(&j, "type");
        ax_json_cstr(&j, ax_notify_type_name(type));
        ax_json_end(&j);
    }
    ax_monasca_list_end(&j, q, AX_STR_NULL);
}
