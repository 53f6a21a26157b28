// SPDX-License-Identifier: Apache-2.0
/* Inside the alarm room: what is known of each rule while the program runs.
 *
 *   ax_alarms -> groups -> watches (a rule and its state) -> alarms (one per label set)
 *
 *   load.c      rule files into force, over those that were
 *   alarms.c    which group is due; what there is
 *   evaluate.c  evaluation of one rule
 *   hear.c      rules that are conditions: which has news, what is due
 *   advance.c   the state machine: a result moves the alarms of a watch; pure
 *   settle.c    what changed, into the database: state, event, notification
 *   news.c      a change as a notification
 *   publish.c   series out through the intake
 *   remember.c  the last good text of each file, kept for a start with a bad one
 *   keep.c      states as entries of the registry, and back after a restart
 *   views.c     JSON
 *   metrics.c   Prometheus text
 */
#ifndef AX_ALARM_INNER_H
#define AX_ALARM_INNER_H

#include <pthread.h>
#include <stdatomic.h>

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
    int64_t told_at;    /* when its annotations were last told */
    double value;
    bool unsaid; /* they are others since */
    bool seen;   /* by the evaluation that is going on */
};

enum ax_change_kind {
    AX_CHANGE_KEPT,   /* nothing to tell, but the state on disk is another */
    AX_CHANGE_WORDED, /* fires on, with other annotations: the next repeat has them */
    AX_CHANGE_FIRING,
    AX_CHANGE_RESOLVED
};

/* Something about an alarm that must be kept or told. */
struct ax_change {
    enum ax_change_kind kind;
    struct ax_labels labels;
    struct ax_str summary, annotations;
    int64_t time, fired_at;
    bool gone; /* there is no alarm with these labels any more */
};
struct ax_changes {
    struct ax_arena arena; /* their strings */
    struct ax_change *v;
    size_t done, n, cap; /* done: already written */
};

struct ax_watch {
    struct ax_alarms *al;
    const struct ax_rule *rule;
    struct ax_condition *condition; /* NULL: it is looked up every interval, because of this */
    struct ax_str why;
    _Atomic bool changed; /* the condition has news */
    int64_t look_at;      /* of conditions: something is due then, */
    int64_t whole_at;     /* and then all is told again */
    struct ax_alarm *alarms;
    size_t n, cap;
    struct ax_changes owed; /* not yet in the database */
    char *error;            /* of the last evaluation, NULL = it went well */
    int64_t evaluated_at, took_ns;
    uint64_t evaluations, failures;
    size_t samples;                  /* that the last evaluation gave */
    struct ax_arena published_bytes; /* label sets that have a value now, and their map */
    struct ax_map published;
    struct ax_intake_pending pending; /* of a condition: published, and not yet durable */
};

struct ax_group {
    struct ax_rule_group *rules; /* owned */
    struct ax_watch *watches;
    char *fault; /* of a newer version, which therefore is not in force */
    int64_t interval_ms, due, evaluated_at, took_ns;
    uint64_t iterations, missed;
};

/* A group that has no version in force. */
struct ax_left_out {
    char *tenant, *file, *group, *fault;
};

struct ax_alarms {
    /* In the order in which they are taken: */
    pthread_mutex_t turn;    /* load or tick */
    pthread_mutex_t hearing; /* coming into force, or hear */
    pthread_mutex_t lock;    /* everything below that changes: inside of one of these */
    pthread_mutex_t waiting; /* of `news`; nothing is taken within */
    pthread_cond_t arrival;
    bool news; /* a condition has some */
    struct ax_alarms_options o;
    char *url;
    struct ax_group **groups;
    size_t ngroups;
    struct ax_left_out *left_out;
    size_t nleft_out;
    bool restored;
};

/* What a rule's expression gave for one label set, with the rule's own labels put on. */
struct ax_found {
    struct ax_labels labels;
    double value;
    struct ax_str annotations, summary;
};

/* Returns the number of state changes. */
int ax_evaluate(struct ax_alarms *al, struct ax_group *g, struct ax_watch *w, bool whole,
                int64_t now);
/* Makes a condition of the rule, if it can be one. */
void ax_watch_begin(struct ax_alarms *al, struct ax_rule_group *g, struct ax_watch *w, int64_t now);
/* When something of it is due next, after an evaluation at `now`. */
int64_t ax_watch_due(const struct ax_watch *w);

void ax_watch_advance(struct ax_watch *w, const struct ax_found *found, size_t n, int64_t now);
/* Everything of it ends. */
void ax_watch_end(struct ax_watch *w, int64_t now);
struct ax_alarm *ax_watch_find(struct ax_watch *w, struct ax_labels labels);
struct ax_alarm *ax_watch_add(struct ax_watch *w, struct ax_labels labels,
                              struct ax_str annotations, struct ax_str summary);
void ax_watch_note(struct ax_watch *w, enum ax_change_kind kind, const struct ax_alarm *al,
                   int64_t now, bool gone);
void ax_watch_free(struct ax_watch *w);
void ax_group_free(struct ax_group *g);
void ax_left_out_free(struct ax_left_out *v, size_t n);

/* Writes the samples of `now` and a staleness marker for each series of the last time that is
 * not among them. Unless it is the whole, samples of series that had one then are left out. */
int ax_publish(struct ax_alarms *al, struct ax_watch *w, struct ax_batch *b, bool whole,
               int64_t now, struct ax_err *err);
/* Those of conditions are durable only after this; a failure is the rule's. */
void ax_publish_settle(struct ax_alarms *al, struct ax_watch *w);
void ax_alarms_to_batch(const struct ax_group *g, const struct ax_watch *w, int64_t now,
                        struct ax_batch *b);
/* What a publication leaves behind, for alarms that were restored. */
void ax_publish_remember(struct ax_watch *w, const struct ax_batch *b);

/* Writes what is owed, a thousand a transaction. Counts changes of state. After an error the rest
 * is still owed. */
int ax_settle(struct ax_alarms *al, const struct ax_group *g, struct ax_watch *w, int *changes,
              struct ax_err *err);
/* Tells Alertmanagers again what fires, after a start: they may be others now. */
int ax_settle_again(struct ax_alarms *al, const struct ax_group *g, struct ax_watch *w,
                    struct ax_err *err);
/* The end of an alarm whose rule is not there any more, told by its kept entry. */
int ax_settle_orphan(struct ax_alarms *al, const struct ax_kv *kept, int64_t now,
                     struct ax_err *err);

/* One alarm and what happened to it, wherever it comes from. */
struct ax_news {
    struct ax_alarms *al;
    struct ax_str key, tenant, rule;
    struct ax_str query; /* empty: not known any more */
    const struct ax_change *c;
    struct ax_arena *a;
};

/* LOW, MEDIUM, HIGH or CRITICAL, by the label "severity". */
struct ax_str ax_news_severity(struct ax_labels labels);
/* The resource that an alarm is about, as far as its labels tell; empty when they do not. */
struct ax_str ax_news_handle(struct ax_labels labels, struct ax_arena *a);
/* As a notification; its strings are in n->a. abroad: for an Alertmanager of all tenants. */
struct ax_notice ax_news_notice(const struct ax_news *n, bool abroad);
/* Hands it on, with those whom the annotation auspex_notify names, and tells the operator's
 * Alertmanagers. In a transaction. */
int ax_news_notify(const struct ax_news *n, struct ax_err *err);

/* The keys of a group and a watch: alarm/TENANT/FILE/GROUP/SAME/. */
void ax_keep_group_key(const struct ax_rule_group *g, struct ax_buf *out);
void ax_keep_key(const struct ax_rule_group *g, const struct ax_rule *r, struct ax_labels labels,
                 struct ax_buf *out);
void ax_keep_describe(const struct ax_alarm *alarm, struct ax_buf *out);
/* Brings back the alarms of a group that comes into force. Of those whose rule is not there any
 * more the entries are deleted, and their end is told. */
int ax_restore(struct ax_alarms *al, struct ax_group *g, int64_t now, struct ax_err *err);
/* The same of entries of no group, but for those that `excused` are. */
int ax_restore_orphans(struct ax_alarms *al, bool (*excused)(void *ctx, struct ax_str key),
                       void *ctx, int64_t now, struct ax_err *err);
/* Keeps the texts of files without a fault, and forgets those of files that are no more. */
int ax_remember(struct ax_alarms *al, struct ax_rules *const *files, size_t n, struct ax_err *err);
/* The version from before of a file that has faults; NULL: there is none. */
struct ax_rules *ax_recall(struct ax_alarms *al, const struct ax_rules *file);

/* A kept entry's alarm, in the arena; false when it is none of ours. */
bool ax_keep_read(struct ax_str text, struct ax_arena *a, struct ax_alarm *out);

#endif
