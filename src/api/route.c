// SPDX-License-Identifier: Apache-2.0
#include "api/alertmanager.h"
#include "api/monasca.h"

#include <string.h>

#define ID "{id}"

/* Which path goes where. A path that ends in '/' is a prefix: the handler finds what follows it in
 * q->rest. {id} stands for one part of a path, which is then in q->rest; what has a row of its own
 * is no id. The first match of path and method wins. Each says what one must be allowed to do
 * (auth/auth.h). */
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
    {"/api/v2/alerts", AX_GET, AX_MAY_READ, ax_alertmanager_alerts},
    {"/api/v2/alerts/groups", AX_GET, AX_MAY_READ, ax_alertmanager_groups},
    {"/api/v2/receivers", AX_GET, AX_MAY_READ, ax_alertmanager_receivers},
    {"/api/v2/silence/", AX_GET, AX_MAY_READ, ax_silence_one},
    {"/api/v2/silence/", AX_DELETE, AX_MAY_DEFINE, ax_silence_delete},
    {"/api/v2/silences", AX_GET, AX_MAY_READ, ax_silences_get},
    {"/api/v2/silences", AX_POST, AX_MAY_DEFINE, ax_silences_post},
    {"/api/v2/status", AX_GET, AX_MAY_READ, ax_alertmanager_status},
    {"/auspex/v1/admin/snapshot", AX_POST, AX_MAY_ADMIN, ax_admin_snapshot},
    {"/auspex/v1/resources", AX_GET, AX_MAY_READ, ax_resources},
    {"/auspex/v1/resources/{id}/inspect", AX_POST, AX_MAY_DEFINE, ax_inspect},
    {"/auspex/v1/resources/{id}/inspect", AX_GET, AX_MAY_READ, ax_inspect_may},
    {"/auspex/v1/resources/{id}/extract", AX_POST, AX_MAY_DEFINE, ax_extraction_post},
    {"/auspex/v1/inspection/extracts/{id}/piece", AX_POST, AX_MAY_DEFINE, ax_extraction_piece},
    {"/auspex/v1/inspection/extracts/{id}", AX_DELETE, AX_MAY_DEFINE, ax_extraction_delete},
    {"/auspex/v1/resources/", AX_GET, AX_MAY_READ, ax_resource_one},
    {"/auspex/v1/inspection/work", AX_GET, AX_MAY_COLLECT, ax_inspections_work},
    {"/auspex/v1/inspection/requests/{id}/result", AX_POST, AX_MAY_COLLECT, ax_inspections_result},
    {"/auspex/v1/inspection/requests/{id}/piece", AX_POST, AX_MAY_COLLECT, ax_inspections_piece},
    {"/auspex/v1/inspection/standing/{id}/count", AX_POST, AX_MAY_COLLECT, ax_inspections_count},
    {"/auspex/v1/events", AX_GET, AX_MAY_READ, ax_events},
    {"/auspex/v1/faults", AX_GET, AX_MAY_READ, ax_faults_get},
    {"/auspex/v1/faults/stream", AX_GET, AX_MAY_READ, ax_fault_stream},
    {"/auspex/v1/subscriptions", AX_GET, AX_MAY_READ, ax_subscriptions},
    {"/auspex/v1/subscriptions", AX_POST, AX_MAY_DEFINE, ax_subscription_create},
    {"/auspex/v1/subscriptions/{id}", AX_GET, AX_MAY_READ, ax_subscription},
    {"/auspex/v1/subscriptions/{id}", AX_DELETE, AX_MAY_DEFINE, ax_subscription_delete},
    {"/auspex/v1/predictions", AX_GET, AX_MAY_READ, ax_predictions},
    {"/auspex/v1/incidents", AX_GET, AX_MAY_READ, ax_incidents},
    {"/auspex/v1/maintenance", AX_GET, AX_MAY_READ, ax_maintenance_get},
    {"/auspex/v1/maintenance", AX_POST, AX_MAY_DEFINE, ax_maintenance_post},
    {"/auspex/v1/maintenance/", AX_DELETE, AX_MAY_DEFINE, ax_maintenance_delete},
    {"/auspex/v1/inhibitions", AX_GET, AX_MAY_READ, ax_inhibitions_get},
    {"/auspex/v1/inhibitions", AX_POST, AX_MAY_DEFINE, ax_inhibitions_post},
    {"/auspex/v1/inhibitions/", AX_DELETE, AX_MAY_DEFINE, ax_inhibitions_delete},
    {"/auspex/v1/inspection/consents", AX_GET, AX_MAY_READ, ax_consents},
    {"/auspex/v1/inspection/consent", AX_GET, AX_MAY_READ, ax_consent_get},
    {"/auspex/v1/inspection/consent", AX_PUT, AX_MAY_CONSENT, ax_consent_put},
    {"/auspex/v1/inspection/consent", AX_DELETE, AX_MAY_CONSENT, ax_consent_delete},
    {"/auspex/v1/inspection/consent/", AX_GET, AX_MAY_READ, ax_consent_get},
    {"/auspex/v1/inspection/consent/", AX_PUT, AX_MAY_CONSENT, ax_consent_put},
    {"/auspex/v1/inspection/consent/", AX_DELETE, AX_MAY_CONSENT, ax_consent_delete},
    {"/auspex/v1/inspection/warrants", AX_GET, AX_MAY_READ, ax_warrants_get},
    {"/auspex/v1/inspection/warrants", AX_POST, AX_MAY_ADMIN, ax_warrants_post},
    {"/auspex/v1/inspection/warrants/{id}", AX_GET, AX_MAY_READ, ax_warrant_get},
    {"/auspex/v1/inspection/warrants/{id}", AX_DELETE, AX_MAY_ADMIN, ax_warrant_delete},
    {"/auspex/v1/inspection/notices", AX_GET, AX_MAY_READ, ax_notices_get},
    {"/auspex/v1/inspection/notices/{id}/read", AX_POST, AX_MAY_CONSENT, ax_notice_post_read},
    {"/auspex/v1/inspection/settings", AX_GET, AX_MAY_READ, ax_inspection_settings_get},
    {"/auspex/v1/inspection/settings", AX_PUT, AX_MAY_CONSENT, ax_inspection_settings_put},
    {"/auspex/v1/inspection/ledger", AX_GET, AX_MAY_READ, ax_ledger_get},
    {"/auspex/v1/inspection/ledger/verify", AX_GET, AX_MAY_READ, ax_ledger_verify_get},
    {"/auspex/v1/observations", AX_POST, AX_MAY_WRITE, ax_observations},
    {"/auspex/v1/login", AX_POST | AX_OPEN, 0, ax_login},
    {"/auspex/v1/logout", AX_POST, 0, ax_logout},
    {"/auspex/v1/whoami", AX_GET | AX_OPEN, 0, ax_whoami},
    {"/auspex/v1/status", AX_GET, AX_MAY_READ, ax_status},
    {"/auspex/v1/status/cardinality", AX_GET, AX_MAY_READ, ax_cardinality},
    {"/v2.0", AX_GET | AX_QUICK | AX_OPEN, 0, ax_monasca_version},
    {"/v2.0/metrics", AX_POST | AX_QUICK | AX_JSON, AX_MAY_WRITE, ax_monasca_post},
    {"/v2.0/metrics", AX_GET, AX_MAY_READ, ax_monasca_metrics},
    {"/v2.0/metrics/names", AX_GET, AX_MAY_READ, ax_monasca_names},
    {"/v2.0/metrics/dimensions/names", AX_GET, AX_MAY_READ, ax_monasca_dimension_names},
    {"/v2.0/metrics/dimensions/names/values", AX_GET, AX_MAY_READ, ax_monasca_dimension_values},
    {"/v2.0/metrics/measurements", AX_GET, AX_MAY_READ, ax_monasca_measurements},
    {"/v2.0/metrics/statistics", AX_GET, AX_MAY_READ, ax_monasca_statistics},
    {"/v2.0/logs", AX_POST | AX_JSON, AX_MAY_WRITE, ax_monasca_logs_post},
    {"/v2.0/alarm-definitions", AX_GET, AX_MAY_READ, ax_monasca_definitions},
    {"/v2.0/alarm-definitions", AX_POST, AX_MAY_DEFINE, ax_monasca_definition_create},
    {"/v2.0/alarm-definitions/{id}", AX_GET, AX_MAY_READ, ax_monasca_definition},
    {"/v2.0/alarm-definitions/{id}", AX_PUT | AX_PATCH, AX_MAY_DEFINE, ax_monasca_definition_edit},
    {"/v2.0/alarm-definitions/{id}", AX_DELETE, AX_MAY_DEFINE, ax_monasca_definition_delete},
    {"/v2.0/alarms", AX_GET, AX_MAY_READ, ax_monasca_alarms},
    {"/v2.0/alarms/count", AX_GET, AX_MAY_READ, ax_monasca_alarm_count},
    {"/v2.0/alarms/state-history", AX_GET, AX_MAY_READ, ax_monasca_history},
    {"/v2.0/alarms/{id}", AX_GET, AX_MAY_READ, ax_monasca_alarm},
    {"/v2.0/alarms/{id}", AX_PUT | AX_PATCH, AX_MAY_DEFINE, ax_monasca_alarm_edit},
    {"/v2.0/alarms/{id}", AX_DELETE, AX_MAY_DEFINE, ax_monasca_alarm_delete},
    {"/v2.0/alarms/{id}/state-history", AX_GET, AX_MAY_READ, ax_monasca_alarm_history},
    {"/v2.0/notification-methods", AX_GET, AX_MAY_READ, ax_monasca_methods},
    {"/v2.0/notification-methods", AX_POST | AX_JSON, AX_MAY_DEFINE, ax_monasca_method_create},
    {"/v2.0/notification-methods/types", AX_GET, AX_MAY_READ, ax_monasca_method_types},
    {"/v2.0/notification-methods/{id}", AX_GET, AX_MAY_READ, ax_monasca_method},
    {"/v2.0/notification-methods/{id}", AX_PUT | AX_PATCH | AX_JSON, AX_MAY_DEFINE,
     ax_monasca_method_edit},
    {"/v2.0/notification-methods/{id}", AX_DELETE, AX_MAY_DEFINE, ax_monasca_method_delete},
    {"/v2.0/notification-methods/{id}/test", AX_POST, AX_MAY_DEFINE, ax_monasca_method_test},
    {"/healthcheck", AX_GET | AX_OPEN, 0, ax_monasca_healthcheck},
    {"/metrics", AX_GET, AX_MAY_ADMIN, ax_self_metrics},
    {"/-/reload", AX_POST | AX_PUT, AX_MAY_ADMIN, ax_reload},
    {"/-/healthy", AX_GET | AX_QUICK | AX_OPEN, 0, ax_healthy},
    {"/-/ready", AX_GET | AX_QUICK | AX_OPEN, 0, ax_healthy},
};

/* What stands in the path for {id}, between what is before and behind it. */
static bool has_id(struct ax_str pattern, const char *id, struct ax_request *q)
{
    struct ax_str before = {pattern.p, (size_t)(id - pattern.p)};
    struct ax_str behind = ax_str(id + strlen(ID));
    if (q->path.n <= before.n + behind.n || !ax_str_starts(q->path, before) ||
        !ax_str_ends(q->path, behind))
        return false;
    q->rest = (struct ax_str){q->path.p + before.n, q->path.n - before.n - behind.n};
    return !memchr(q->rest.p, '/', q->rest.n);
}

static bool matches(const struct ax_route *route, struct ax_request *q)
{
    struct ax_str path = ax_str(route->path);
    const char *id = strstr(route->path, ID);
    if (id)
        return has_id(path, id, q);
    if (route->path[path.n - 1] != '/')
        return ax_str_eq(q->path, path);
    if (!ax_str_starts(q->path, path) || q->path.n == path.n)
        return false;
    q->rest = (struct ax_str){q->path.p + path.n, q->path.n - path.n};
    return true;
}

static bool is_monasca(struct ax_str path)
{
    return ax_str_eq(path, AX_STR("/v2.0")) || ax_str_starts(path, AX_STR("/v2.0/"));
}

/* /v1.0, /v3 and their like, which are no files of the dashboard. */
static bool is_other_version(struct ax_str path)
{
    if (path.n < 3 || !ax_str_starts(path, AX_STR("/v")))
        return false;
    for (size_t i = 2; i < path.n; i++)
        if ((path.p[i] < '0' || path.p[i] > '9') && path.p[i] != '.')
            return false;
    return true;
}

/* To Monasca's clients who may not is no other than who is not known. */
void ax_refuse(struct ax_request *q, struct ax_reply *r, int status, const char *code,
               const char *text)
{
    if (is_monasca(q->path) || ax_str_eq(q->path, AX_STR("/healthcheck")))
        ax_monasca_error(r, status == 403 ? 401 : status, text);
    else if (ax_str_starts(q->path, AX_STR("/api/v1/")))
        ax_reply_prometheus_error(r, status, status == 400 || status == 405 ? "bad_data" : code,
                                  text);
    else if (ax_str_starts(q->path, AX_STR("/api/v2/")))
        ax_alertmanager_error(r, status, text);
    else
        ax_reply_auspex_error(r, status, code, text);
}

static const char *allowed(struct ax_request *q, unsigned methods)
{
    static const struct {
        unsigned bit;
        const char *name;
    } all[] = {{AX_GET, "GET, HEAD"},
               {AX_POST, "POST"},
               {AX_PUT, "PUT"},
               {AX_PATCH, "PATCH"},
               {AX_DELETE, "DELETE"}};
    struct ax_str text = AX_STR("");
    for (size_t i = 0; i < AX_ARRAY_LEN(all); i++)
        if (methods & all[i].bit)
            text = ax_arena_printf(&q->arena, "%.*s%s%s", AX_STR_ARG(text), text.n ? ", " : "",
                                   all[i].name);
    return text.p;
}

/* What is at no path of the table. */
static const struct ax_route *elsewhere(struct ax_request *q, struct ax_reply *r)
{
    static const struct ax_route file = {"", AX_GET | AX_QUICK | AX_OPEN, 0, ax_file};
    static const struct ax_route versions = {"/", AX_GET | AX_QUICK | AX_OPEN, 0,
                                             ax_monasca_versions};
    bool api = ax_str_starts(q->path, AX_STR("/api/")) ||
               ax_str_starts(q->path, AX_STR("/auspex/")) || is_monasca(q->path);
    if (q->method == AX_GET && q->accepts_json && ax_str_eq(q->path, AX_STR("/")))
        return &versions;
    if (is_other_version(q->path))
        ax_monasca_error(r, 422, "there is only version v2.0 of this API");
    else if (!api && q->method == AX_GET)
        return &file;
    else
        ax_refuse(q, r, 404, "not_found", "there is nothing at this path");
    return NULL;
}

const struct ax_route *ax_route(struct ax_request *q, struct ax_reply *r)
{
    unsigned methods = 0;
    bool own = false; /* the path has a row of its own */
    if (is_monasca(q->path) && ax_str_ends(q->path, AX_STR("/")))
        q->path.n--;
    for (size_t i = 0; i < AX_ARRAY_LEN(routes); i++) {
        const struct ax_route *route = &routes[i];
        if ((own && strstr(route->path, ID)) || !matches(route, q))
            continue;
        own |= !strstr(route->path, ID);
        if (route->methods & q->method)
            return route;
        methods |= route->methods;
    }
    if (!methods)
        return elsewhere(q, r);
    ax_refuse(q, r, 405, "method_not_allowed", "this path does not take that method");
    r->allow = allowed(q, methods);
    return NULL;
}
