// SPDX-License-Identifier: Apache-2.0
/* Inside the alarm room: what is known of each rule while the program runs.
 *
 *   ax_alarms -> groups -> watches (a rule and its state) -> alarms (one per label set)
 *
 *   alarms.c    which group is due; evaluation of one rule
 *   advance.c   the state machine: a result moves the alarms of a watch; pure
 *   publish.c   series out through the intake, events into the registry
 *   keep.c      states into the registry and back after a restart
 *   views.c     JSON
 */
#ifndef AX_ALARM_INNER_H
#define AX_ALARM_INNER_H

#include <pthread.h>

#include "alarm/rules.h"
#include "base/map.h"
#include "intake/intake.h"

enum ax_alarm_state { AX_ALARM_PENDING, AX_ALARM_FIRING };

struct ax_alarm {
    struct ax_labels labels; /* alertname included; owned, as is `annotations` */
    char *annotations;       /* a finished JSON object */
    char *summary;           /* the annotation of that name, else the alarm's name */
    enum ax_alarm_state state;
    int64_t active_at, fired_at;
    int64_t cleared_at; /* the condition went while keep_firing_for holds the alarm; 0 = it is so */
    double value;
    bool seen; /* by the evaluation that is going on */
};

struct ax_watch {
    const struct ax_rule *rule;
    struct ax_alarm *alarms;
    size_t n, cap;
    char *error; /* of the last evaluation, NULL = it went well */
    int64_t evaluated_at, took_ns;
    uint64_t failures;
    struct ax_arena published_bytes; /* label sets that have a value now, and their map */
    struct ax_map published;
};

struct ax_group {
    const struct ax_rule_group *rules;
    struct ax_watch *watches;
    int64_t interval_ms, due, evaluated_at, took_ns;
};

struct ax_alarms {
    pthread_mutex_t lock; /* everything below that changes */
    struct ax_rules *rules;
    struct ax_alarms_options o;
    char *tenant;
    struct ax_group *groups;
};

/* What a rule's expression gave for one label set, with the rule's own labels put on. */
struct ax_found {
    struct ax_labels labels;
    double value;
    struct ax_str annotations, summary;
};

enum ax_change_kind { AX_CHANGE_KEPT, AX_CHANGE_FIRING, AX_CHANGE_RESOLVED };

/* Something about an alarm that must be kept or told. Strings live in the round's arena. */
struct ax_change {
    enum ax_change_kind kind; /* KEPT: nothing to tell, but the state on disk is another */
    struct ax_labels labels;
    struct ax_str summary;
    bool gone; /* there is no alarm with these labels any more */
};
struct ax_changes {
    struct ax_change *v;
    size_t n, cap;
};

void ax_watch_advance(struct ax_watch *w, const struct ax_found *found, size_t n, int64_t now,
                      struct ax_arena *a, struct ax_changes *out);
struct ax_alarm *ax_watch_find(struct ax_watch *w, struct ax_labels labels);
struct ax_alarm *ax_watch_add(struct ax_watch *w, struct ax_labels labels,
                              struct ax_str annotations, struct ax_str summary);
void ax_watch_free(struct ax_watch *w);

/* Writes the samples of `now` and a staleness marker for each series of the last time that is
 * not among them. */
int ax_publish(struct ax_alarms *al, struct ax_watch *w, struct ax_batch *b, int64_t now,
               struct ax_err *err);
void ax_alarms_to_batch(struct ax_alarms *al, const struct ax_watch *w, int64_t now,
                        struct ax_batch *b);
/* What a publication leaves behind, for alarms that were restored. */
void ax_publish_remember(struct ax_watch *w, const struct ax_batch *b);
int ax_tell(struct ax_alarms *al, const struct ax_rule *r, const struct ax_change *c, int64_t now,
            struct ax_err *err);

int ax_keep(struct ax_alarms *al, const struct ax_group *g, struct ax_watch *w,
            const struct ax_change *c, struct ax_err *err);
int ax_restore(struct ax_alarms *al, struct ax_err *err);

#endif
