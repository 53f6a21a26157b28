// SPDX-License-Identifier: Apache-2.0
/* Between an alarm's transition and the outbox: which notifications go out now, and which are held.
 *
 *     alarm's transaction --ax_dispatch_transition--> held? --no--> notify's outbox
 *                                                       |              ^
 *                                                      yes             |
 *                                              rows of this room --ax_dispatch_tick--, when the
 *                                                                     reason has ended
 *
 * What is promised: states and history are never touched, only telling is held. When the reason
 * ends, a method whose last word of the alarm is not the state that the alarm is in now is told
 * once, of that state; else there is nothing to tell. A method that was never told of an alarm
 * hears no OK of it. All is in the database: a kill loses and repeats nothing.
 *
 * Reasons, in the order in which they are asked: maintenance of the resource or its host; a
 * silence; an inhibition; the incident of a dead host, of which each method is told once; flapping,
 * of which too.
 *
 * Threads: any. Times are ms since the epoch. Memory: results are in the caller's arena. Errors:
 * -EINVAL what was asked for is wrong, the text says how; -ENOENT; -EDQUOT a tenant has too many;
 * and those of sql/sql.h. */
#ifndef AX_DISPATCH_DISPATCH_H
#define AX_DISPATCH_DISPATCH_H

#include "base/json.h"
#include "base/uuid.h"
#include "model/matcher.h"
#include "notify/notify.h"
#include "registry/registry.h"

struct ax_dispatch_options {
    struct ax_sql *sql;
    struct ax_registry *registry;
    uint32_t
        flap_changes; /* more of them within the window are flapping; 0 = it is not looked at */
    int64_t flap_window_ms;
    int64_t (*now)(void); /* NULL = ax_now_ms */
};
struct ax_dispatch;
int ax_dispatch_open(struct ax_dispatch **out, const struct ax_dispatch_options *o,
                     struct ax_err *err);
/* The outbox, before the first transition: it is opened later, as its sender asks
 * ax_dispatch_quiet, and closed before. */
void ax_dispatch_use(struct ax_dispatch *d, struct ax_notify *n);
void ax_dispatch_close(struct ax_dispatch *d); /* NULL is fine */

/* ---- for the owner of alarms: inside the transaction that writes it ---- */

/* `handle`: the resource that the alarm is about; empty or "-" when it is not about one. */
int ax_dispatch_transition(struct ax_dispatch *d, const struct ax_notice *x,
                           const struct ax_str *methods, size_t count, struct ax_str handle,
                           struct ax_err *err);
/* Other annotations of an alarm whose notice had some. */
int ax_dispatch_reword(struct ax_dispatch *d, struct ax_str alarm, struct ax_str annotations,
                       struct ax_err *err);
/* The alarm is no more, and what is held of it neither. */
int ax_dispatch_ended(struct ax_dispatch *d, struct ax_str tenant, struct ax_str alarm,
                      struct ax_err *err);

/* Whether repeats of what was told of it are to be left out now. With the SQL lock held. */
bool ax_dispatch_quiet(struct ax_dispatch *d, struct ax_str tenant, struct ax_str alarm);

/* ---- about once a second, from one thread ---- */

/* Lets go what has no reason to be held any more, a bounded number at a time: 1 when there is more
 * of it, so that it should be called again soon. */
int ax_dispatch_tick(struct ax_dispatch *d, struct ax_err *err);

/* Forgets silences that expired long ago, and what else ended before `before`: now and then. */
int ax_dispatch_prune(struct ax_dispatch *d, int64_t before, struct ax_err *err);

/* ---- silences, with Alertmanager's rules ---- */

#define AX_SILENCES_MAX    10000 /* of a tenant, not yet expired */
#define AX_SILENCE_KEPT_MS (5 * 86400000ll)

struct ax_silence {
    struct ax_str id; /* empty for a new one */
    const struct ax_matcher *matchers;
    size_t nmatchers;
    int64_t starts, ends, updated;
    struct ax_str created_by, comment;
};
enum ax_silence_state { AX_SILENCE_ACTIVE, AX_SILENCE_PENDING, AX_SILENCE_EXPIRED };
enum ax_silence_state ax_silence_state(const struct ax_silence *s, int64_t now);

/* Makes one, or changes that of s->id. What must not change in it (matchers, what is over) ends it
 * and makes another, whose id it gives. */
int ax_silence_set(struct ax_dispatch *d, struct ax_str tenant, const struct ax_silence *s,
                   char id[AX_UUID_TEXT + 1], struct ax_err *err);
int ax_silence_get(struct ax_dispatch *d, struct ax_str tenant, struct ax_str id,
                   struct ax_arena *a, struct ax_silence *out, struct ax_err *err);
/* Active ones by their end, pending ones by their beginning, expired ones, the newest first. */
int ax_silence_list(struct ax_dispatch *d, struct ax_str tenant, struct ax_arena *a,
                    struct ax_silence **out, size_t *n, struct ax_err *err);
/* Ends it now. -EALREADY it is over. */
int ax_silence_expire(struct ax_dispatch *d, struct ax_str tenant, struct ax_str id,
                      struct ax_err *err);

/* name="value", name!=value, name=~"regex", name!~"regex", as Alertmanager reads it. */
int ax_matcher_parse(struct ax_str text, struct ax_arena *a, struct ax_matcher *out,
                     struct ax_err *err);

void ax_matcher_print(const struct ax_matcher *m, struct ax_buf *out); /* so that it reads back */
/* {"isEqual":true,"isRegex":false,"name":...,"value":...} */
void ax_matcher_json(struct ax_json *j, const struct ax_matcher *m);

/* ---- what fires ---- */

struct ax_alert {
    struct ax_notice x;                /* its newest transition */
    struct ax_str labels, annotations; /* JSON objects */
    const struct ax_tag {
        struct ax_str name, value;
    } * tags; /* the labels again */
    size_t ntags;
    const struct ax_str *silenced_by, *inhibited_by; /* ids; other reasons with theirs */
    size_t nsilenced, ninhibited;
};
/* Alarms in state ALARM, the newest first. */
int ax_dispatch_alerts(struct ax_dispatch *d, struct ax_str tenant, struct ax_arena *a,
                       struct ax_alert **out, size_t *n, struct ax_err *err);
/* The value of that label, empty when there is none. */
struct ax_str ax_alert_label(const struct ax_alert *x, struct ax_str name);

/* ---- maintenance ---- */

#define AX_MAINTENANCES_MAX 10000 /* of a tenant, not yet over */

struct ax_maintenance {
    struct ax_str id, resource, comment; /* resource: a handle; what is on it is meant, too */
    int64_t starts, ends, created;
};
/* One that is to start in the past starts now. Beginning and end are events of the resource. */
int ax_maintenance_add(struct ax_dispatch *d, struct ax_str tenant, const struct ax_maintenance *m,
                       char id[AX_UUID_TEXT + 1], struct ax_err *err);
/* By their start; with those that are over if `all`. */
int ax_maintenance_list(struct ax_dispatch *d, struct ax_str tenant, bool all, struct ax_arena *a,
                        struct ax_maintenance **out, size_t *n, struct ax_err *err);
/* Ends it now. -EALREADY it is over. */
int ax_maintenance_end(struct ax_dispatch *d, struct ax_str tenant, struct ax_str id,
                       struct ax_err *err);

/* ---- inhibitions, as Alertmanager's inhibit_rules ---- */

#define AX_INHIBITIONS_MAX 1000 /* of a tenant */

struct ax_inhibition {
    struct ax_str id;
    const struct ax_matcher *source, *target;
    const struct ax_str *equal; /* labels that both must have in common */
    size_t nsource, ntarget, nequal;
    int64_t created;
};
int ax_inhibition_add(struct ax_dispatch *d, struct ax_str tenant, const struct ax_inhibition *x,
                      char id[AX_UUID_TEXT + 1], struct ax_err *err);
int ax_inhibition_list(struct ax_dispatch *d, struct ax_str tenant, struct ax_arena *a,
                       struct ax_inhibition **out, size_t *n, struct ax_err *err);
int ax_inhibition_delete(struct ax_dispatch *d, struct ax_str tenant, struct ax_str id,
                         struct ax_err *err);

/* ---- incidents ---- */

struct ax_incident {
    struct ax_str id, root, name; /* root: a handle; its name */
    struct ax_str state;          /* of the root now, empty when it is not known */
    int64_t since, ended;         /* 0 = open */
    uint64_t total, held;         /* alarms; notifications */
    const struct ax_incident_alarm {
        struct ax_str id, name, state; /* state: empty when it is no more */
    } * alarms;                        /* at most 1000 */
    size_t nalarms;
};
/* Open ones, then those that ended, the newest of each first; at most 1000, limit 0 = that. */
int ax_incident_list(struct ax_dispatch *d, struct ax_str tenant, bool open, uint32_t limit,
                     uint32_t offset, struct ax_arena *a, struct ax_incident **out, size_t *n,
                     uint64_t *total, struct ax_err *err);

/* ---- counts ---- */

enum ax_hold {
    AX_HOLD_MAINTENANCE,
    AX_HOLD_SILENCE,
    AX_HOLD_INHIBITION,
    AX_HOLD_INCIDENT,
    AX_HOLD_FLAPPING,
    AX_HOLDS,
    AX_HOLD_NOT
};
const char *ax_hold_name(enum ax_hold why);

struct ax_dispatch_stats {
    uint64_t held[AX_HOLDS]; /* notifications */
    uint64_t silences;       /* active */
    uint64_t incidents;      /* open */
};
int ax_dispatch_stats(struct ax_dispatch *d, struct ax_dispatch_stats *out, struct ax_err *err);

#endif
