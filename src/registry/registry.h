// SPDX-License-Identifier: Apache-2.0
/* The registry: what is known besides samples. Resources with their handles and history, events,
 * and small state that other rooms want kept (alarm states). What a call returned 0 for survives a
 * power cut.
 *
 * Threads: any. Memory: results are in the caller's arena.
 * Errors: as in sql/sql.h. */
#ifndef AX_REGISTRY_REGISTRY_H
#define AX_REGISTRY_REGISTRY_H

#include "model/resource.h"
#include "sql/sql.h"

struct ax_registry;

/* Its tables in the database, which outlives it. */
int ax_registry_open(struct ax_registry **out, struct ax_sql *sql, struct ax_err *err);
void ax_registry_close(struct ax_registry *r); /* NULL is fine */

/* Takes in what a collector saw, in one transaction: new resources, changed states (with an event
 * each, unless the observation brings one for the same handle and time), the gone, the events.
 * An event that is there already (same handle, time, type, what and detail) is not stored twice.
 * -EPERM, and nothing of it is taken: a handle in it is another tenant's, who told of it first. */
int ax_registry_observe(struct ax_registry *r, struct ax_str tenant, const struct ax_observation *o,
                        struct ax_err *err);

/* Marks hosts down that were last seen before `deadline`, and what ran on them as unknown, with an
 * event each. */
int ax_registry_expire(struct ax_registry *r, int64_t now, int64_t deadline, struct ax_err *err);

struct ax_resource_filter {
    struct ax_str tenant;
    struct ax_str kind;     /* empty = all */
    struct ax_str state;    /* empty = all */
    struct ax_str host;     /* empty = all */
    bool gone;              /* include the gone */
    uint32_t limit, offset; /* limit 0 = all */
};
int ax_registry_list(struct ax_registry *r, const struct ax_resource_filter *f, struct ax_arena *a,
                     struct ax_resource **out, size_t *n, uint64_t *total, struct ax_err *err);
/* -ENOENT when no such handle was ever seen. */
int ax_registry_get(struct ax_registry *r, struct ax_str tenant, struct ax_str handle,
                    struct ax_arena *a, struct ax_resource *out, struct ax_err *err);

/* Whose resource it is. -ENOENT as above. */
int ax_registry_owner(struct ax_registry *r, struct ax_str handle, struct ax_arena *a,
                      struct ax_str *tenant, struct ax_err *err);
/* All of a kind that are there, of all tenants, by handle. */
struct ax_owned {
    struct ax_str handle, tenant;
};
int ax_registry_owned(struct ax_registry *r, enum ax_kind kind, struct ax_arena *a,
                      struct ax_owned **out, size_t *n, struct ax_err *err);

/* Where a resource is: its host, which for a host is itself. A host may also be given as
 * "host:NAME", as agents know it. Empty strings where nothing is known. With the SQL lock held. */
struct ax_place {
    struct ax_str handle, name, state; /* of the resource */
    struct ax_str host, host_name, host_state;
};
int ax_registry_place(struct ax_registry *r, struct ax_str tenant, struct ax_str handle,
                      struct ax_arena *a, struct ax_place *out, struct ax_err *err);

int ax_registry_add_event(struct ax_registry *r, struct ax_str tenant, const struct ax_event *e,
                          struct ax_err *err);
/* Newest first; handle empty = all; only after `since` (ms) and with id < before (0 = no bound). */
int ax_registry_events(struct ax_registry *r, struct ax_str tenant, struct ax_str handle,
                       int64_t since, int64_t before, uint32_t limit, struct ax_arena *a,
                       struct ax_event **out, size_t *n, struct ax_err *err);
/* An event with whose it is and what that tenant's registry knows of its resource now. */
struct ax_told {
    struct ax_event event;
    struct ax_str tenant, name, host; /* the latter two empty when nothing is known */
};
/* Those with id > after, of all tenants, by id. */
int ax_registry_events_after(struct ax_registry *r, int64_t after, uint32_t limit,
                             struct ax_arena *a, struct ax_told **out, size_t *n,
                             struct ax_err *err);
/* Of the newest event; 0 = there is none. */
int ax_registry_last_event(struct ax_registry *r, int64_t *id, struct ax_err *err);
/* Who wants to know that there are new events: called after the commit, on the thread that made it,
 * so it wakes somebody and no more. NULL: nobody. */
void ax_registry_on_events(struct ax_registry *r, void (*call)(void *ctx), void *ctx);

/* Drops events and value_meta older than `before`, and the gone that went before it. */
int ax_registry_prune(struct ax_registry *r, int64_t before, struct ax_err *err);

/* What came beside single values (Monasca's value_meta): by tenant, the metric's id and the time.
 */
struct ax_value_meta {
    struct ax_str metric; /* its id, as the API prints it */
    int64_t time;         /* ms */
    struct ax_str json;   /* an object of strings */
};
/* Adds them all in one transaction; one that is there for the metric and time is replaced. */
int ax_registry_add_value_meta(struct ax_registry *r, struct ax_str tenant,
                               const struct ax_value_meta *v, size_t n, struct ax_err *err);
/* Takes away those of some metrics from `from` to `to` (inclusive). */
int ax_registry_drop_value_meta(struct ax_registry *r, struct ax_str tenant,
                                const struct ax_str *metrics, size_t n, int64_t from, int64_t to,
                                struct ax_err *err);
/* Whether the tenant has any. */
int ax_registry_has_value_meta(struct ax_registry *r, struct ax_str tenant, bool *out,
                               struct ax_err *err);
/* Of one metric from `from` to `to` (inclusive), by time. */
int ax_registry_value_meta(struct ax_registry *r, struct ax_str tenant, struct ax_str metric,
                           int64_t from, int64_t to, struct ax_arena *a, struct ax_value_meta **out,
                           size_t *n, struct ax_err *err);

/* Small state by key, e.g. "alarm/GROUP/NAME/..." -> bytes. A NULL value deletes. */
int ax_registry_put(struct ax_registry *r, struct ax_str key, struct ax_str value,
                    struct ax_err *err);
/* This and ax_registry_add_event in a transaction of the caller's, on the registry's database. */
int ax_registry_put_within(struct ax_registry *r, struct ax_str key, struct ax_str value,
                           struct ax_err *err);
int ax_registry_add_event_within(struct ax_registry *r, struct ax_str tenant,
                                 const struct ax_event *e, struct ax_err *err);
void ax_registry_committed(struct ax_registry *r); /* to be called when such a one is in */
struct ax_kv {
    struct ax_str key, value;
};
int ax_registry_scan(struct ax_registry *r, struct ax_str prefix, struct ax_arena *a,
                     struct ax_kv **out, size_t *n, struct ax_err *err);

#endif
