// SPDX-License-Identifier: Apache-2.0
/* Alarms of two kinds: from Monasca's alarm definitions, evaluated as samples arrive, of every
 * tenant (alarm/stream/stream.h, a part of this door), and from rule files, which is what follows.
 *
 * Alarms from Prometheus-format rule files: groups of alerting and recording rules, `for`,
 * keep_firing_for, labels, annotations with Prometheus's templates. Each file belongs to a tenant:
 * its rules see that tenant's series, and what they find is written there.
 *
 * States (pending since, firing since, last value) are kept in the registry, so that a restart
 * neither forgets a firing alarm nor begins a `for` anew. Each alarm is also the series
 * ALERTS{alertname,alertstate,...} = 1, written through the intake, and each change of state an
 * event (type "alarm") on the resource that its labels name (handle, vm_uuid or host). State, event
 * and notifications of a change are one transaction, tried again until it is written.
 *
 * An alarm rule whose expression is local (query/query.h) is a condition of the streaming alarms:
 * the sample that changes its outcome evaluates it. What the store has to be asked for is evaluated
 * every interval.
 *
 * Pure apart from its doors: time is handed in. Threads: load, tick and hear may be called from
 * any, tick and hear each from one at a time; views from any. */
#ifndef AX_ALARM_ALARM_H
#define AX_ALARM_ALARM_H

#include "alarm/stream/stream.h"
#include "notify/notify.h"
#include "query/query.h"
#include "registry/registry.h"

struct ax_rules; /* a rule file that was read: good groups, and what is wrong with the others */

/* Faults are "FILE:LINE:COLUMN: what was found, what was expected"; expressions and templates are
 * parsed too. A broken file (no YAML, no list of groups) has no groups and a fault. */
struct ax_rules *ax_rules_read(struct ax_str text, struct ax_str tenant, const char *name);
/* Stands for a file that could not be read. */
struct ax_rules *ax_rules_broken(struct ax_str tenant, const char *name, const struct ax_err *err);
bool ax_rules_are_broken(const struct ax_rules *r);
size_t ax_rules_count(const struct ax_rules *r); /* rules in good groups */
size_t ax_rules_faults(const struct ax_rules *r);
const char *ax_rules_fault(const struct ax_rules *r, size_t i);
/* A line for each good rule: how it is evaluated, and why not as samples arrive. */
void ax_rules_describe(const struct ax_rules *r, struct ax_buf *out);
void ax_rules_free(struct ax_rules *r); /* NULL is fine */
/* The same, of the tenant "default", all or nothing: -EINVAL and the first fault. */
int ax_rules_parse(struct ax_str text, const char *name, struct ax_rules **out, struct ax_err *err);

struct ax_alarms;
struct ax_alarms_options {
    struct ax_source source; /* of any tenant: each group asks it for its own */
    struct ax_sql *sql;      /* the registry's, and the notifications' */
    struct ax_registry *registry;
    struct ax_intake *intake;
    struct ax_notify *notify; /* NULL: nobody is told */
    /* Inside the transaction that writes an alarm's change: it fires, with this state and these
     * methods to tell, or has ended; and other annotations of one that fires on. NULL: what is to
     * be told is told at once. */
    int (*told)(void *ctx, const struct ax_notice *x, const struct ax_str *methods, size_t n,
                struct ax_str handle, struct ax_err *err);
    int (*worded)(void *ctx, struct ax_str alarm, struct ax_str annotations, struct ax_err *err);
    void *ctx;
    struct ax_stream *stream; /* rules that can be are evaluated by it; NULL: none is */
    int64_t interval_ms;      /* of groups that give none; 0 = 5 s */
    const char *url;          /* of this server for people: links, {{ externalURL }}; NULL = none */
};
struct ax_alarms *ax_alarms_new(const struct ax_alarms_options *o);
void ax_alarms_free(struct ax_alarms *al);

/* Brings files into force, instead of those that are; takes them over. A group is known by tenant,
 * file and name. One that is as it was goes on; the rules of one that changed go on with the alarms
 * of the rule of the same name and labels; what is no more ends: its alarms resolve. A group with a
 * fault, and all of a broken file, stay as they are in force. The first time brings back what is
 * kept. An error is one of the registry, and nothing has changed. */
int ax_alarms_load(struct ax_alarms *al, struct ax_rules **files, size_t n, int64_t now,
                   struct ax_err *err);

/* Whether the registry has a version of the file from before that had no fault: the first load
 * takes the groups from there that the file does not have now because of a fault. */
bool ax_alarms_remember(struct ax_alarms *al, const struct ax_rules *file);

/* Evaluates, of the groups that are due at `now`, the rules that the store is asked for. A rule
 * that fails is marked and counted, and the others go on. Returns the number of state changes. */
int ax_alarms_tick(struct ax_alarms *al, int64_t now);
/* The same of the rules that samples changed, and of those whose `for`, keep_firing_for or interval
 * is over. */
int ax_alarms_hear(struct ax_alarms *al, int64_t now);
/* Waits for such a sample, or so long: between two calls of the above. */
void ax_alarms_wait(struct ax_alarms *al, int timeout_ms);

/* JSON `data` of Prometheus's /api/v1/rules and /api/v1/alerts, of one tenant. type: "", "alert" or
 * "record". */
void ax_alarms_rules_json(struct ax_alarms *al, struct ax_str tenant, struct ax_str type,
                          struct ax_buf *out);
void ax_alarms_alerts_json(struct ax_alarms *al, struct ax_str tenant, struct ax_buf *out);
/* Prometheus text: what was evaluated when, how often, how long, how often in vain. */
void ax_alarms_metrics(struct ax_alarms *al, struct ax_buf *out);

#endif
