// SPDX-License-Identifier: Apache-2.0
/* Inside the API: one request, one reply, and the handlers of each face. */
#ifndef AX_API_INNER_H
#define AX_API_INNER_H

#include "api/api.h"
#include "api/quota.h"
#include "auth/auth.h"
#include "base/json.h"
#include "ingest/ingest.h"

struct ax_param {
    struct ax_str name, value;
};

enum ax_method { AX_GET = 1, AX_POST = 2, AX_PUT = 4, AX_PATCH = 32, AX_DELETE = 64 };

struct ax_greeting;
struct ax_request {
    struct ax_api *api;
    struct ax_arena arena; /* everything that this request needs, until the answer is sent */
    enum ax_method method; /* HEAD counts as GET */
    bool head;
    bool tls;                           /* it came by TLS */
    struct ax_str uri;                  /* as sent, from the path on */
    struct ax_str host;                 /* the name under which the client knows the server */
    struct ax_str path;                 /* percent-decoded */
    struct ax_str rest;                 /* what followed the route's prefix */
    const struct ax_greeting *greeting; /* credentials, and the tenant that a header names */
    struct ax_who who;                  /* without authentication a provider */
    struct ax_str tenant;               /* whose things it is about: who may see them is checked */
    struct ax_str last_event_id;
    struct ax_param *params; /* of the URL, then of a form body */
    size_t nparams;
    struct ax_buf body;
    bool accepts_gzip;
    bool accepts_json; /* and not HTML, as browsers do */
    struct ax_str if_none_match, content_type, content_encoding;
    bool commit_now; /* not to wait for company on the way to the disk */
    size_t held;     /* bytes of the budget that are this request's (budget.c) */
};

/* An answer that is made while it is sent. */
struct MHD_Connection;
struct ax_body {
    /* Appends the next part; 1 more follows, 0 that was all, negative: it cannot go on. Or
     * AX_BODY_PARKED: nothing is there now, and ax_body_park was called. */
    int (*fill)(struct ax_body *s, struct ax_buf *out);
    void (*close)(struct ax_body *s);  /* when the answer is sent, or the client gone */
    struct MHD_Connection *connection; /* filled in by who sends */
};
#define AX_BODY_PARKED 2
/* From fill alone; until ax_body_wake, on any thread, the connection takes no thread, nor is it
 * closed. What keeps the two in this order is the body's. */
void ax_body_park(struct ax_body *s);
void ax_body_wake(struct ax_body *s);

/* An answer that is still to come: the connection is suspended until somebody wakes it. In the
 * request's arena. */
struct ax_request;
struct ax_reply;
struct ax_later {
    /* On a worker: wake(ctx) will be called once, on any thread, maybe before this returns; what it
     * is about belongs to finish then. False: it will not, and the reply says why. */
    bool (*wait)(struct ax_later *l, struct ax_request *q, struct ax_reply *r,
                 void (*wake)(void *ctx), void *ctx);
    void (*finish)(struct ax_later *l, struct ax_request *q, struct ax_reply *r); /* on a worker */
};

#define AX_REPLY_COUNTS 4

struct ax_reply {
    int status;       /* HTTP */
    const char *type; /* content type */
    struct ax_buf body;
    const char *allow; /* for 405 */
    bool who_asks;     /* for 401 */
    const char *etag;  /* of a static file, else NULL */
    bool gzip;         /* the body is gzip */
    int retry_after;   /* seconds, 0 = none */
    struct {
        const char *name;
        uint64_t n;
    } counts[AX_REPLY_COUNTS]; /* headers with numbers */
    size_t ncounts;
    struct ax_body *stream; /* the body instead of `body`, owned */
    struct ax_later *later; /* what makes the answer; of handlers that are not quick */
    /* When set, the answer holds only if this settles; in the request's arena. */
    struct ax_intake_pending *pending;
    /* What has to be kept beside the samples before the answer holds; it may wait for the disk. */
    int (*also)(struct ax_request *q, void *arg, struct ax_err *err);
    void *also_arg;
    /* Says that the answer does not hold; NULL: ax_samples_failed. */
    void (*unsettled)(struct ax_reply *r, const struct ax_err *err);
};

/* A request's parameters; the first of that name, empty view (p == NULL) when absent. */
struct ax_str ax_param(const struct ax_request *q, const char *name);
/* Iterates over all of that name: start with *pos = 0. */
bool ax_param_next(const struct ax_request *q, const char *name, size_t *pos, struct ax_str *out);
/* Reads name=value&... (decoding % and +) into q->params. */
void ax_params_parse(struct ax_request *q, struct ax_str text);
struct ax_str ax_url_decode(struct ax_arena *a, struct ax_str s, bool plus_is_space);

/* Parameters that are times, durations and counts; absent gives the default. The error names the
 * parameter. */
int ax_param_time(const struct ax_request *q, const char *name, int64_t otherwise, int64_t *out,
                  struct ax_err *err);
int ax_param_count(const struct ax_request *q, const char *name, uint32_t otherwise, uint32_t max,
                   uint32_t *out, struct ax_err *err);

/* Errors in the form of each face. `status` is HTTP's. */
void ax_reply_prometheus_error(struct ax_reply *r, int status, const char *type, const char *text);
void ax_reply_auspex_error(struct ax_reply *r, int status, const char *code, const char *text);
/* The status and code that a negative errno means. */
void ax_reply_auspex_errno(struct ax_reply *r, const struct ax_err *err);

/* 201, {"id":...}. */
void ax_reply_made(struct ax_reply *r, const char *id);

void ax_reply_count(struct ax_reply *r, const char *header, uint64_t n);

/* Memory for bodies on their way in, and for what becomes of them: all requests together get no
 * more than the server's max_body_bytes. False: there is no more now; what the request has stays
 * its own until it ends. */
bool ax_request_hold(struct ax_request *q, size_t n);
struct ax_budget {
    uint64_t max;
    uint64_t held; /* atomic */
};
bool ax_budget_take(struct ax_budget *b, uint64_t n);
void ax_budget_give(struct ax_budget *b, uint64_t n);

/* What endpoints that take samples share (samples.c). The body, unpacked, in the arena; the body as
 * sent is gone then. -ENOTSUP the encoding is not known, -EAGAIN no memory now. */
int ax_samples_body(struct ax_request *q, enum ax_packing absent, struct ax_str *out,
                    struct ax_err *err);
/* The status that an error of decoding or pushing means. */
void ax_samples_failed(struct ax_reply *r, const struct ax_err *err);

typedef void ax_handler(struct ax_request *q, struct ax_reply *r);

/* Prometheus (prometheus_*.c) */
ax_handler ax_write, ax_query, ax_query_range, ax_series, ax_labels_list, ax_label_values, ax_rules,
    ax_alerts, ax_metadata, ax_exemplars, ax_buildinfo, ax_status_tsdb;
/* In and out, as VictoriaMetrics has it (import.c, export.c) */
ax_handler ax_import_prometheus, ax_import_jsonl, ax_import_csv, ax_export_jsonl, ax_export_csv,
    ax_export_openmetrics;
/* Auspex (auspex_*.c) */
ax_handler ax_resources, ax_resource_one, ax_events, ax_predictions, ax_observations, ax_status,
    ax_cardinality, ax_incidents, ax_maintenance_get, ax_maintenance_post, ax_maintenance_delete,
    ax_inhibitions_get, ax_inhibitions_post, ax_inhibitions_delete, ax_faults_get, ax_fault_stream,
    ax_subscriptions, ax_subscription, ax_subscription_create, ax_subscription_delete;
/* Looking into VMs (inspection.h) */
ax_handler ax_consents, ax_consent_get, ax_consent_put, ax_consent_delete, ax_warrants_get,
    ax_warrants_post, ax_warrant_get, ax_warrant_delete, ax_notices_get, ax_notice_post_read,
    ax_inspection_settings_get, ax_inspection_settings_put, ax_ledger_get, ax_ledger_verify_get;
/* Looking into VMs: who asks (auspex_inspect.c), and the collectors (auspex_inspections.c,
 * auspex_results.c) */
ax_handler ax_inspect, ax_inspect_may, ax_inspections_work, ax_inspections_result,
    ax_inspections_piece, ax_inspections_count;
/* Extracts of their memory (auspex_extract.c, auspex_extract_piece.c) */
ax_handler ax_extraction_post, ax_extraction_piece, ax_extraction_delete;
/* The keeper's commands (admin.c) */
ax_handler ax_delete_series, ax_clean_tombstones, ax_tsdb_snapshot, ax_admin_snapshot;
/* Logins (login.c) */
ax_handler ax_login, ax_logout, ax_whoami;
/* Monasca (monasca*.c) */
ax_handler ax_monasca_versions, ax_monasca_version, ax_monasca_healthcheck, ax_monasca_post,
    ax_monasca_metrics, ax_monasca_names, ax_monasca_dimension_names, ax_monasca_dimension_values,
    ax_monasca_measurements, ax_monasca_statistics, ax_monasca_definitions,
    ax_monasca_definition_create, ax_monasca_definition, ax_monasca_definition_edit,
    ax_monasca_definition_delete, ax_monasca_alarms, ax_monasca_alarm, ax_monasca_alarm_edit,
    ax_monasca_alarm_delete, ax_monasca_alarm_count, ax_monasca_history, ax_monasca_alarm_history,
    ax_monasca_logs_post, ax_monasca_methods, ax_monasca_method_create, ax_monasca_method,
    ax_monasca_method_edit, ax_monasca_method_delete, ax_monasca_method_test,
    ax_monasca_method_types;
/* Others */
ax_handler ax_self_metrics, ax_healthy, ax_reload, ax_file;

void ax_event_json(struct ax_json *j, const struct ax_event *e, struct ax_str name);
void ax_prediction_json(struct ax_json *j, const struct ax_prediction *p);

/* In the form of the path's face; code is of our own face. */
void ax_refuse(struct ax_request *q, struct ax_reply *r, int status, const char *code,
               const char *text);

struct ax_route {
    const char *path;
    unsigned methods; /* and AX_QUICK, AX_OPEN, AX_JSON */
    unsigned may;     /* what the sender must be allowed to do */
    ax_handler *handler;
};
/* The handler takes no time and waits for nothing: it runs on the I/O thread. */
#define AX_QUICK 8u
/* For everybody: no credentials are looked at, and what anybody may send is small. */
#define AX_OPEN      16u
#define AX_OPEN_BODY 4096
/* The Content-Type must be application/json; who may not send at all hears of that first. */
#define AX_JSON 128u
/* Finds the route and checks the method; NULL: the reply says why there is none. */
const struct ax_route *ax_route(struct ax_request *q, struct ax_reply *r);

/* What handlers read of the server. */
const struct ax_api_options *ax_api_rooms(const struct ax_api *api);
int64_t ax_api_started(const struct ax_api *api);
struct ax_budget *ax_api_budget(struct ax_api *api);
struct ax_quotas *ax_api_quotas(const struct ax_api *api);
struct ax_extracts *ax_api_extracts(const struct ax_api *api);
int64_t ax_resident_bytes(void); /* memory of the process (status.c) */
/* Counts an answer for /metrics. */
void ax_api_count(struct ax_api *api, int status);
void ax_api_counts(const struct ax_api *api, uint64_t by_class[6]);

#endif
