// SPDX-License-Identifier: Apache-2.0
/* Monasca's API besides its resources: which versions there are, and whether the server is well. */
#include "api/monasca.h"

static void put_version(struct ax_json *j, const struct ax_request *q)
{
    ax_json_obj(j);
    ax_json_key(j, "id");
    ax_json_cstr(j, "v2.0");
    ax_json_key(j, "links");
    ax_json_arr(j);
    ax_monasca_href(j, q, "/v2.0");
    ax_json_end(j);
    ax_json_key(j, "status");
    ax_json_cstr(j, "CURRENT");
    ax_json_key(j, "updated");
    ax_json_cstr(j, "2013-03-06T00:00:00.000Z");
    ax_json_end(j);
}

void ax_monasca_version(struct ax_request *q, struct ax_reply *r)
{
    struct ax_json j = {.out = &r->body};
    put_version(&j, q);
}

void ax_monasca_versions(struct ax_request *q, struct ax_reply *r)
{
    struct ax_json j;
    ax_monasca_list_begin(&j, r);
    put_version(&j, q);
    ax_monasca_list_end(&j, q, AX_STR_NULL);
}

static int ask_database(struct ax_sql *sql, struct ax_err *err)
{
    struct ax_stmt q;
    ax_sql_lock(sql);
    ax_stmt_begin(&q, sql, "SELECT count(*) FROM kept");
    ax_stmt_row(&q);
    int rc = ax_stmt_end(&q, "reading", err);
    ax_sql_unlock(sql);
    return rc;
}

/* The keys are Monasca's. What its message queue does is here the intake's, which is well when the
 * process is. Whether samples can be kept, each answer to a POST says. */
void ax_monasca_healthcheck(struct ax_request *q, struct ax_reply *r)
{
    struct ax_err err = {0};
    struct ax_json j = {.out = &r->body};
    int rc = ask_database(ax_api_rooms(q->api)->sql, &err);
    r->status = rc < 0 ? 503 : q->head ? 204 : 200;
    if (r->status == 204)
        return;
    ax_json_obj(&j);
    ax_json_key(&j, "kafka");
    ax_json_cstr(&j, "OK");
    ax_json_key(&j, "alarms_database");
    ax_json_cstr(&j, rc < 0 ? err.text : "OK");
    ax_json_key(&j, "metrics_database");
    ax_json_cstr(&j, "OK");
    ax_json_end(&j);
}
