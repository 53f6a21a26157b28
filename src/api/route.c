// SPDX-License-Identifier: Apache-2.0
#include "api/inner.h"

/* Which path goes where. A path that ends in '/' is a prefix: the handler finds what follows it in
 * q->rest. The first match wins. Each says what one must be allowed to do (auth/auth.h). */
static const struct ax_route routes[] = {
    {"/api/v1/write", AX_POST | AX_QUICK, AX_MAY_WRITE, ax_write},
    {"/api/v1/import", AX_POST, AX_MAY_WRITE, ax_import_jsonl},
    {"/api/v1/import/prometheus", AX_POST, AX_MAY_WRITE, ax_import_prometheus},
    {"/api/v1/import/csv", AX_POST, AX_MAY_WRITE, ax_import_csv},
    {"/api/v1/export", AX_GET | AX_POST, AX_MAY_READ, ax_export_jsonl},
    {"/api/v1/export/csv", AX_GET | AX_POST, AX_MAY_READ, ax_export_csv},
    {"/api/v1/export/openmetrics", AX_GET | AX_POST, AX_MAY_READ, ax_export_openmetrics},
    {"/api/v1/query", AX_GET | AX_POST, AX_MAY_READ, ax_query},
    {"/api/v1/query_range", AX_GET | AX_POST, AX_MAY_READ, ax_query_range},
    {"/api/v1/query_exemplars", AX_GET | AX_POST, AX_MAY_READ, ax_exemplars},
    {"/api/v1/series", AX_GET | AX_POST, AX_MAY_READ, ax_series},
    {"/api/v1/labels", AX_GET | AX_POST, AX_MAY_READ, ax_labels_list},
    {"/api/v1/label/", AX_GET, AX_MAY_READ, ax_label_values},
    {"/api/v1/metadata", AX_GET, AX_MAY_READ, ax_metadata},
    {"/api/v1/rules", AX_GET, AX_MAY_READ, ax_rules},
    {"/api/v1/alerts", AX_GET, AX_MAY_READ, ax_alerts},
    {"/api/v1/status/buildinfo", AX_GET, AX_MAY_READ, ax_buildinfo},
    {"/api/v1/status/tsdb", AX_GET, AX_MAY_READ, ax_status_tsdb},
    {"/api/v1/admin/tsdb/delete_series", AX_POST | AX_PUT, AX_MAY_ADMIN, ax_delete_series},
    {"/api/v1/admin/tsdb/clean_tombstones", AX_POST | AX_PUT, AX_MAY_ADMIN, ax_clean_tombstones},
    {"/api/v1/admin/tsdb/snapshot", AX_POST | AX_PUT, AX_MAY_ADMIN, ax_tsdb_snapshot},
    {"/auspex/v1/admin/snapshot", AX_POST, AX_MAY_ADMIN, ax_admin_snapshot},
    {"/auspex/v1/resources", AX_GET, AX_MAY_READ, ax_resources},
    {"/auspex/v1/resources/", AX_GET, AX_MAY_READ, ax_resource_one},
    {"/auspex/v1/events", AX_GET, AX_MAY_READ, ax_events},
    {"/auspex/v1/predictions", AX_GET, AX_MAY_READ, ax_predictions},
    {"/auspex/v1/observations", AX_POST, AX_MAY_WRITE, ax_observations},
    {"/auspex/v1/status", AX_GET, AX_MAY_READ, ax_status},
    {"/auspex/v1/status/cardinality", AX_GET, AX_MAY_READ, ax_cardinality},
    {"/metrics", AX_GET, AX_MAY_ADMIN, ax_self_metrics},
    {"/-/healthy", AX_GET | AX_QUICK | AX_OPEN, 0, ax_healthy},
    {"/-/ready", AX_GET | AX_QUICK | AX_OPEN, 0, ax_healthy},
};

static bool matches(const struct ax_route *route, struct ax_request *q)
{
    struct ax_str path = ax_str(route->path);
    if (route->path[path.n - 1] != '/')
        return ax_str_eq(q->path, path);
    if (!ax_str_starts(q->path, path) || q->path.n == path.n)
        return false;
    q->rest = (struct ax_str){q->path.p + path.n, q->path.n - path.n};
    return true;
}

void ax_refuse(struct ax_request *q, struct ax_reply *r, int status, const char *code,
               const char *text)
{
    if (ax_str_starts(q->path, AX_STR("/api/v1/")))
        ax_reply_prometheus_error(r, status, status == 400 || status == 405 ? "bad_data" : code,
                                  text);
    else
        ax_reply_auspex_error(r, status, code, text);
}

static const char *allowed(const struct ax_route *route)
{
    switch (route->methods & ~(AX_QUICK | AX_OPEN)) {
    case AX_POST | AX_PUT: return "POST, PUT";
    case AX_POST: return "POST";
    case AX_GET: return "GET, HEAD";
    default: return "GET, HEAD, POST";
    }
}

const struct ax_route *ax_route(struct ax_request *q, struct ax_reply *r)
{
    static const struct ax_route file = {"", AX_GET | AX_QUICK | AX_OPEN, 0, ax_file};
    for (size_t i = 0; i < AX_ARRAY_LEN(routes); i++) {
        const struct ax_route *route = &routes[i];
        if (!matches(route, q))
            continue;
        if (route->methods & q->method)
            return route;
        ax_refuse(q, r, 405, "method_not_allowed", "this path does not take that method");
        r->allow = allowed(route);
        return NULL;
    }
    bool api =
        ax_str_starts(q->path, AX_STR("/api/")) || ax_str_starts(q->path, AX_STR("/auspex/"));
    if (!api && q->method == AX_GET)
        return &file;
    ax_refuse(q, r, 404, "not_found", "there is nothing at this path");
    return NULL;
}
