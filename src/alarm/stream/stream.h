// SPDX-License-Identifier: Apache-2.0
/* Streaming alarms from Monasca's alarm definitions. A part of the alarm room's door.
 *
 *   intake --append--> windows of the alarms that the series concerns --> states
 *                                                                          |
 *      tick --------> periods that are over, silence ----------------------+--> queue
 *                                                                                 |
 *      one writer thread: alarm, history and the owner's callback in one transaction
 *
 * A definition's sub-expressions are windows (stream/window.h has the rules of time) that advance
 * as samples arrive; nothing polls the store. A sample of a series that concerns no alarm costs one
 * look into an array; one that concerns k alarms costs O(k).
 *
 * What is promised: a push is answered when the transitions that it caused are in the database
 * (when that is out of order, after five seconds). Judgements at the end of a period that were not
 * written when the process died are made again at the next start, from the samples in the store: no
 * transition is lost and none is told twice. Time during which the server was not there is not
 * silence.
 *
 * Threads: any, at once; open and close from one. Time: as handed in, and by the clock in the
 * options. Memory: results are in the caller's arena. Errors: -EINVAL (a rule is broken, the text
 * says which), -EEXIST (a name that the tenant has already), -ENOENT, -EDQUOT (a limit of the
 * tenant), and those of sql/sql.h. */
#ifndef AX_ALARM_STREAM_STREAM_H
#define AX_ALARM_STREAM_STREAM_H

#include "query/query.h"
#include "registry/registry.h"

enum ax_state { AX_OK, AX_UNDETERMINED, AX_ALARM, AX_NO_STATE };
enum ax_severity { AX_LOW, AX_MEDIUM, AX_HIGH, AX_CRITICAL };
const char *ax_state_name(enum ax_state s);
const char *ax_severity_name(enum ax_severity s);
bool ax_state_parse(struct ax_str s, enum ax_state *out); /* any case */
bool ax_severity_parse(struct ax_str s, enum ax_severity *out);

struct ax_strs {
    const struct ax_str *v;
    size_t n;
};

/* A change of an alarm's state, as it is written. Views live until the callback returns. */
struct ax_transition {
    int64_t history; /* id of the history entry, unique in the tenant: a key against doing twice */
    struct ax_str tenant, alarm;
    struct ax_str definition, name, description; /* of the definition */
    enum ax_severity severity;
    bool actions_enabled;
    enum ax_state old, state;
    int64_t at, since; /* ms; since: when `old` began */
    struct ax_str reason;
    struct ax_str metrics, sub_alarms; /* JSON */
    struct ax_str lifecycle_state, link;
    struct ax_str handle;   /* of the resource that it is about; "-": of several; empty: of none */
    struct ax_strs actions; /* for the new state; also when they are not enabled */
};

/* How names of metrics and dimensions stand in labels. */
struct ax_naming {
    void (*label)(struct ax_str name, bool metric, struct ax_buf *out);
    bool (*name)(struct ax_str label, bool metric, struct ax_buf *out); /* false: not shown */
};

struct ax_stream_options {
    struct ax_sql *sql;
    struct ax_intake *intake;
    struct ax_registry *registry;   /* takes events; may be NULL */
    struct ax_store *store;         /* windows are refilled from it at the start; may be NULL */
    const struct ax_naming *naming; /* NULL: as they are */
    int64_t delay_ms;               /* how late samples may come; 0 = 5 s; below a minute */
    uint32_t max_definitions;       /* of a tenant; 0 = 10,000 */
    uint32_t max_alarms;            /* of a tenant; 0 = 1,000,000 */
    int64_t (*now_ms)(void);        /* NULL = ax_now_ms */
    bool manual;                    /* no writer thread: who owns it calls ax_stream_flush */
    /* Is it a notification method of the tenant? NULL: all are. */
    bool (*known_action)(void *ctx, struct ax_str tenant, struct ax_str id);
    /* Inside the transaction that writes it; when it fails, or the transaction does, all of it is
     * tried again. No other room's locks may be waited for in there. */
    int (*transition)(void *ctx, const struct ax_transition *t, struct ax_err *err);
    /* The same, when an alarm is deleted. */
    int (*ended)(void *ctx, struct ax_str tenant, struct ax_str alarm, struct ax_err *err);
    void (*committed)(void *ctx);              /* after a transaction with transitions */
    void (*warn)(void *ctx, const char *text); /* the database does not take it; may be NULL */
    void *ctx;
};

struct ax_stream;

/* Makes or updates the tables, reads definitions and alarms, refills the windows. To be called
 * when the store is open and before anything is pushed. */
int ax_stream_open(struct ax_stream **out, const struct ax_stream_options *o, struct ax_err *err);
void ax_stream_close(struct ax_stream *s); /* writes what is there; NULL is fine */
/* The interface to hand to ax_intake_subscribe, after the store's. */
struct ax_subscriber ax_stream_subscriber(struct ax_stream *s);
/* Judges what is due at `now`: about ten times a second. Costs what is due. */
void ax_stream_tick(struct ax_stream *s, int64_t now);
/* Waits until all that happened before is written; negative when the database does not take it. */
int ax_stream_flush(struct ax_stream *s, struct ax_err *err);

struct ax_stream_stats {
    uint64_t definitions, alarms, watched;  /* series that concern an alarm */
    uint64_t evaluations;                   /* samples that went into a window */
    uint64_t left_out;                      /* that came too late, or from the future */
    uint64_t transitions, queued, failures; /* of transactions */
    uint64_t refused;                       /* alarms above a tenant's limit */
    uint64_t bytes;                         /* what alarms and series take, measured as allocated */
};
void ax_stream_stats(struct ax_stream *s, struct ax_stream_stats *out);

/* ---- definitions ---- */

struct ax_definition {
    struct ax_str id, name, description, expression;
    bool deterministic, actions_enabled;
    enum ax_severity severity;
    struct ax_strs match_by;
    struct ax_strs actions[3]; /* by enum ax_state */
    int64_t created, updated;
};

/* What a request says about a definition. A POST has to give name and expression, what else it
 * leaves out has its default; a PUT has to give all; a PATCH may give anything. */
enum {
    AX_SET_NAME = 1,
    AX_SET_DESCRIPTION = 2,
    AX_SET_EXPRESSION = 4,
    AX_SET_MATCH_BY = 8,
    AX_SET_SEVERITY = 16,
    AX_SET_ENABLED = 32,
    AX_SET_OK = 64,
    AX_SET_UNDETERMINED = 128,
    AX_SET_ALARM = 256,
    AX_SET_ALL = 511,
};
struct ax_definition_edit {
    unsigned set; /* which of these are given */
    struct ax_str name, description, expression, severity;
    bool actions_enabled;
    struct ax_strs match_by, actions[3];
};

int ax_definition_create(struct ax_stream *s, struct ax_str tenant,
                         const struct ax_definition_edit *e, int64_t now, struct ax_arena *a,
                         struct ax_definition *out, struct ax_err *err);
int ax_definition_get(struct ax_stream *s, struct ax_str tenant, struct ax_str id,
                      struct ax_arena *a, struct ax_definition *out, struct ax_err *err);
/* match_by, and which metrics with which dimensions there are, may not change: -EINVAL. */
int ax_definition_update(struct ax_stream *s, struct ax_str tenant, struct ax_str id,
                         const struct ax_definition_edit *e, int64_t now, struct ax_arena *a,
                         struct ax_definition *out, struct ax_err *err);
/* With its alarms; their history stays. */
int ax_definition_delete(struct ax_stream *s, struct ax_str tenant, struct ax_str id,
                         struct ax_err *err);
/* A notification method is gone: out of all actions of the tenant. */
int ax_definition_drop_action(struct ax_stream *s, struct ax_str tenant, struct ax_str method,
                              int64_t now, struct ax_err *err);

/* A dimension of a query: `name`, or `name:value|value`. */
struct ax_dimension {
    struct ax_str name;
    struct ax_strs values; /* none: any value */
};
struct ax_dimensions {
    const struct ax_dimension *v;
    size_t n;
};
/* "k:v,k2,k3:a|b", with %3A for ":" in it. -EINVAL. */
int ax_dimensions_parse(struct ax_str text, struct ax_arena *a, struct ax_dimensions *out,
                        struct ax_err *err);

struct ax_definition_filter {
    struct ax_str name;              /* empty = all */
    struct ax_dimensions dimensions; /* each must be in one of the sub-expressions */
    struct ax_str severity;          /* "LOW|HIGH", empty = all */
    struct ax_str sort_by;  /* "name desc,id": id, name, severity, updated_at, created_at */
    uint64_t offset, limit; /* limit 0 = all */
};
int ax_definition_list(struct ax_stream *s, struct ax_str tenant,
                       const struct ax_definition_filter *f, struct ax_arena *a,
                       struct ax_definition **out, size_t *n, struct ax_err *err);

/* ---- alarms ---- */

struct ax_alarm_row {
    struct ax_str id, definition, definition_name;
    enum ax_severity severity;
    struct ax_str metrics; /* JSON: [{"name":...,"dimensions":{...}},...] */
    enum ax_state state;
    struct ax_str lifecycle_state, link;
    int64_t state_updated, updated, created;
};

struct ax_alarm_filter {
    struct ax_str definition, metric_name;
    struct ax_dimensions dimensions;
    struct ax_str state, severity; /* any case; severity "LOW|HIGH" */
    struct ax_str lifecycle_state, link;
    int64_t state_updated_start; /* 0 = any */
    /* alarm_id, alarm_definition_id, alarm_definition_name, state, severity, lifecycle_state, link,
     * state_updated_timestamp, updated_timestamp, created_timestamp; each " asc" or " desc" */
    struct ax_str sort_by;
    uint64_t offset, limit;
};
int ax_alarm_list(struct ax_stream *s, struct ax_str tenant, const struct ax_alarm_filter *f,
                  struct ax_arena *a, struct ax_alarm_row **out, size_t *n, struct ax_err *err);
int ax_alarm_get(struct ax_stream *s, struct ax_str tenant, struct ax_str id, struct ax_arena *a,
                 struct ax_alarm_row *out, struct ax_err *err);

struct ax_alarm_edit {
    const struct ax_str *state, *lifecycle_state, *link; /* NULL: as it is */
};
/* A changed state makes a history entry and a transition. Is written when it returns 0. */
int ax_alarm_update(struct ax_stream *s, struct ax_str tenant, struct ax_str id,
                    const struct ax_alarm_edit *e, int64_t now, struct ax_arena *a,
                    struct ax_alarm_row *out, struct ax_err *err);
/* When its metrics go on, it appears again under another id. */
int ax_alarm_delete(struct ax_stream *s, struct ax_str tenant, struct ax_str id,
                    struct ax_err *err);

/* group_by: "state,severity,...", as the count of Monasca has it; empty = one row. A row is a
 * number and one value per column. */
struct ax_alarm_count {
    uint64_t n;
    struct ax_str *values;
};
int ax_alarm_count(struct ax_stream *s, struct ax_str tenant, const struct ax_alarm_filter *f,
                   struct ax_str group_by, struct ax_arena *a, struct ax_strs *columns,
                   struct ax_alarm_count **out, size_t *n, struct ax_err *err);

struct ax_history_row {
    int64_t id; /* ms since the epoch of the transition, or a little more: unique in the tenant */
    struct ax_str alarm, metrics, reason, sub_alarms; /* metrics and sub_alarms: JSON */
    enum ax_state old, state;
    int64_t at;
};
struct ax_history_filter {
    struct ax_str alarm;             /* empty: all of the tenant */
    struct ax_dimensions dimensions; /* of one of its metrics */
    int64_t start, end;              /* inclusive; 0 = any */
    int64_t after;                   /* only ids above it: the offset of the next page */
    uint64_t limit;
};
int ax_alarm_history(struct ax_stream *s, struct ax_str tenant, const struct ax_history_filter *f,
                     struct ax_arena *a, struct ax_history_row **out, size_t *n,
                     struct ax_err *err);
/* Drops history older than `before`. */
int ax_stream_prune(struct ax_stream *s, int64_t before, struct ax_err *err);

/* ---- conditions ----
 *
 * What rules of files ask, as far as it is local (query.h): the same index from series to who wants
 * their samples, the same shards and deadlines; instead of windows of whole periods over many
 * series, each label set has the newest samples of its own ones. Nothing of it is in the database:
 * who owns a condition asks what holds, and keeps what became of it. */

#define AX_CONDITION_RANGE_MAX 3600000 /* ms that windows in memory reach back */

struct ax_condition;
struct ax_condition_options {
    struct ax_str tenant;
    const struct ax_local *local; /* must outlive it */
    int64_t interval_ms;          /* how often a value that follows time is looked at */
    void (*changed)(void *ctx);   /* soon ax_condition_take has news; with locks held: no calls */
    void *ctx;
};
/* Begins to watch, with windows filled from the store. -E2BIG: they would hold too much. */
int ax_condition_begin(struct ax_stream *s, const struct ax_condition_options *o, int64_t now,
                       struct ax_condition **out, struct ax_err *err);
void ax_condition_end(struct ax_condition *c); /* before the stream is closed; NULL is fine */

struct ax_holding {
    struct ax_labels labels; /* of the result, as PromQL gives it */
    double value;
};
/* For which label sets it holds at `now`, which never goes back; what PromQL gives over the store.
 * 1: what held for a moment only, or did not, is told in between, and there is more to tell: it
 * wants to be asked again. */
int ax_condition_take(struct ax_condition *c, int64_t now, struct ax_arena *a,
                      struct ax_holding **out, size_t *n);

#endif
