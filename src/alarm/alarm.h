// SPDX-License-Identifier: Apache-2.0
/* Alarms of two kinds: from Monasca's alarm definitions, evaluated as samples arrive, of every
 * tenant (alarm/stream/stream.h, a part of this door), and from rule files, which is what follows.
 *
 * Alarms from Prometheus-format rule files: groups of alerting and recording rules, `for`,
 * keep_firing_for, labels, annotations with {{ $labels.x }} and {{ $value }}.
 *
 * States (pending since, firing since, last value) are kept in the registry, so that a restart
 * neither forgets a firing alarm nor begins a `for` anew. Each alarm is also the series
 * ALERTS{alertname,alertstate,...} = 1, written through the intake, and each change of state an
 * event (type "alarm") on the resource that its labels name (handle, vm_uuid or host).
 *
 * Pure apart from its doors: time is handed in. Threads: tick from one thread, views from any. */
#ifndef AX_ALARM_ALARM_H
#define AX_ALARM_ALARM_H

#include "alarm/stream/stream.h"
#include "query/query.h"
#include "registry/registry.h"

struct ax_rules; /* a parsed rule file */

/* Errors are "FILE:LINE:COLUMN: what was found, what was expected"; expressions are parsed too. */
int ax_rules_parse(struct ax_str text, const char *name, struct ax_rules **out, struct ax_err *err);
void ax_rules_free(struct ax_rules *r);

struct ax_alarms;
struct ax_alarms_options {
    struct ax_source source;
    struct ax_registry *registry;
    struct ax_intake *intake;
    struct ax_str tenant;
    int64_t interval_ms; /* of groups that give none; 0 = 5 s */
};
/* Takes over the rules; restores kept states. */
int ax_alarms_new(struct ax_alarms **out, struct ax_rules *rules, const struct ax_alarms_options *o,
                  struct ax_err *err);
void ax_alarms_free(struct ax_alarms *al);

/* Evaluates the groups that are due at `now`. A rule that fails is marked and counted, and the
 * others go on. Returns the number of state changes. */
int ax_alarms_tick(struct ax_alarms *al, int64_t now);

/* JSON `data` of Prometheus's /api/v1/rules and /api/v1/alerts. type: "", "alert" or "record". */
void ax_alarms_rules_json(struct ax_alarms *al, struct ax_str type, struct ax_buf *out);
void ax_alarms_alerts_json(struct ax_alarms *al, struct ax_buf *out);

#endif
