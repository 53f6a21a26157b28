// SPDX-License-Identifier: Apache-2.0
/* Inside the room.
 *
 *     transition.c  what happens to an alarm       word.c     what each method was told, or is not
 *     announce.c    maintenance as events
 *     judge.c       why it is held, if it is       release.c  what is held goes, or is told
 *     book.c        what a tenant has asked for    silence.c, maintenance.c, inhibit.c, matchers.c
 *     incident.c, flap.c: what needs no asking     alerts.c, dispatch.c: lists and counts
 *
 * Everything is done with the SQL lock held, which so guards what is in memory, too: the books,
 * which are nothing but rows read before. */
#ifndef AX_DISPATCH_INNER_H
#define AX_DISPATCH_INNER_H

#include "base/map.h"
#include "dispatch/dispatch.h"

struct ax_dispatch {
    struct ax_dispatch_options o;
    struct ax_notify *notify;
    struct ax_map books; /* tenant -> struct ax_book */
    bool resolved;       /* an alarm may have left ALARM since the last tick */
};
int64_t ax_dispatch_now(const struct ax_dispatch *d);
void ax_dispatch_id(char out[AX_UUID_TEXT + 1]); /* another one */

/* ---- labels and matchers (matchers.c) ---- */

struct ax_tags {
    const struct ax_tag *v;
    size_t n;
};
/* An object of strings. */
struct ax_tags ax_tags_read(struct ax_str json, struct ax_arena *a);
struct ax_str ax_tags_get(const struct ax_tags *t, struct ax_str name);

struct ax_matchers {
    struct ax_matcher *v;
    size_t n;
};
/* Checks them as Alertmanager does, and compiles their regexes: to be freed with ax_matchers_end,
 * unless it fails. */
int ax_matchers_begin(struct ax_matchers *m, struct ax_err *err);
void ax_matchers_end(struct ax_matchers *m);
bool ax_matchers_match(const struct ax_matchers *m, const struct ax_tags *t); /* all of them */
/* As they are kept: a JSON array. Not compiled. */
void ax_matchers_write(const struct ax_matcher *v, size_t n, struct ax_buf *out);
struct ax_matchers ax_matchers_read(struct ax_str json, struct ax_arena *a);

/* ---- what a tenant has asked for (book.c) ---- */

struct ax_book {
    struct ax_arena arena;
    char *tenant;
    bool fresh; /* as the rows are now */
    struct ax_book_silence {
        struct ax_str id;
        struct ax_matchers matchers;
        int64_t starts, ends;
    } * silences;
    size_t nsilences;
    struct ax_maintenance *works;
    size_t nworks;
    struct ax_book_rule {
        struct ax_str id, *equal;
        struct ax_matchers source, target;
        size_t nequal;
    } * rules;
    size_t nrules;
};
int ax_book_read_maintenances(struct ax_dispatch *d, struct ax_book *b, struct ax_err *err);
int ax_book_read_rules(struct ax_dispatch *d, struct ax_book *b, struct ax_err *err);
/* Read again, if something has changed. */
int ax_book_of(struct ax_dispatch *d, struct ax_str tenant, struct ax_book **out,
               struct ax_err *err);
void ax_book_changed(struct ax_dispatch *d, struct ax_str tenant);
void ax_books_free(struct ax_dispatch *d);

/* ---- alarms (transition.c) ---- */

/* What is known of an alarm: its newest transition, with the resource and the labels. */
struct ax_subject {
    struct ax_notice x;
    struct ax_str handle, labels;
    struct ax_str changes; /* times of its newest ones */
    int64_t flapping;      /* since when, 0 = not */
    struct ax_tags tags;
};
/* 1, or 0 when it is not known. */
int ax_subject_read(struct ax_dispatch *d, struct ax_str alarm, struct ax_arena *a,
                    struct ax_subject *out, struct ax_err *err);
#define AX_SUBJECT_COLUMNS                                                                         \
    "alarm, tenant, definition, name, description, severity, state, old_state, reason, metrics, "  \
    "link, lifecycle_state, handle, labels, changes, time, since, "                                \
    "flapping, annotations"
void ax_subject_column(struct ax_stmt *q, struct ax_arena *a, struct ax_subject *out);

/* ---- incidents (incident.c) ---- */

struct ax_incident_root {
    struct ax_str id; /* of the open incident, empty = none */
    struct ax_str handle, name;
    bool down; /* a host, and down */
};
/* Opens the alarm's incident, or joins it, where the alarm is one. */
int ax_incident_of(struct ax_dispatch *d, const struct ax_subject *s, const struct ax_place *place,
                   struct ax_arena *a, struct ax_incident_root *out, struct ax_err *err);
/* Whether the method was told of it: 1 or 0. */
int ax_incident_told(struct ax_dispatch *d, struct ax_str id, struct ax_str method,
                     struct ax_err *err);
int ax_incident_tell(struct ax_dispatch *d, struct ax_str id, struct ax_str method,
                     struct ax_err *err);
/* Those that are over. */
int ax_incidents_end(struct ax_dispatch *d, struct ax_err *err);

/* ---- why something is held (judge.c) ---- */

struct ax_reason {
    enum ax_hold why;
    struct ax_str ref; /* which silence... */
};
/* Of an alarm and a method: the state that was told last, and what is held since. */
struct ax_word {
    struct ax_str method, told; /* told: empty = nothing yet */
    bool past;                  /* it was in another state since, which the method does not want */
    int64_t held;               /* since when; 0 = nothing is held */
    int64_t flap;               /* the flapping that it was told of: since when that was */
    struct ax_reason reason;
};
struct ax_verdict {
    struct ax_reason all; /* holds it, whoever is to be told */
    struct ax_incident_root incident;
};
int ax_judge(struct ax_dispatch *d, const struct ax_subject *s, struct ax_arena *a,
             struct ax_verdict *out, struct ax_err *err);
/* Whether the resource of the alarm is in maintenance, and in which. */
int ax_judge_maintenance(struct ax_dispatch *d, const struct ax_book *b, const struct ax_subject *s,
                         struct ax_arena *a, struct ax_reason *out, struct ax_err *err);
/* What is to be said to a method: *out says why it is held, or not; *lead, which may be empty,
 * comes before the reason of what is told. */
int ax_judge_method(struct ax_dispatch *d, const struct ax_subject *s, const struct ax_verdict *v,
                    const struct ax_word *w, struct ax_arena *a, struct ax_reason *out,
                    struct ax_str *lead, struct ax_err *err);
/* The method was told accordingly. */
int ax_judge_done(struct ax_dispatch *d, const struct ax_subject *s, const struct ax_verdict *v,
                  struct ax_word *w, struct ax_err *err);
/* Whether a reason is one still: 1 or 0. */
int ax_reason_lasts(struct ax_dispatch *d, struct ax_str tenant, const struct ax_reason *r,
                    struct ax_err *err);

/* ---- inhibitions (inhibit.c) ---- */

/* The alarm may be a source now, or none any more. */
int ax_inhibit_note(struct ax_dispatch *d, const struct ax_book *b, const struct ax_subject *s,
                    struct ax_arena *a, struct ax_err *err);
int ax_inhibit_judge(struct ax_dispatch *d, const struct ax_book *b, const struct ax_subject *s,
                     struct ax_arena *a, struct ax_reason *out, struct ax_err *err);
int ax_inhibit_lasts(struct ax_dispatch *d, struct ax_str ref, struct ax_err *err); /* 1 or 0 */

/* ---- flapping (flap.c) ---- */

/* Counts the change; sets `changes` and `flapping`. */
int ax_flap_note(struct ax_dispatch *d, struct ax_subject *s, struct ax_arena *a,
                 struct ax_err *err);
bool ax_flap_is(const struct ax_dispatch *d, const struct ax_subject *s);
int ax_flap_lasts(struct ax_dispatch *d, struct ax_str alarm, struct ax_err *err); /* 1 or 0 */
struct ax_str ax_flap_text(const struct ax_dispatch *d, struct ax_arena *a);

/* ---- maintenance (maintenance.c, announce.c) ---- */

/* What of it has been told as an event, as the database has it. */
enum ax_work_phase {
    AX_WORK_CALLED_OFF = -2, /* before it began, which is to be told */
    AX_WORK_NEW,             /* begins later, and nobody knows */
    AX_WORK_AHEAD,
    AX_WORK_BEGAN,
    AX_WORK_ENDED
};
#define AX_MAINTENANCE_COLUMNS "id, resource, comment, starts, ends, created"
void ax_maintenance_column(struct ax_stmt *q, struct ax_arena *a, struct ax_maintenance *m);
/* Events of those that began or ended, with no lock held. */
int ax_maintenances_tell(struct ax_dispatch *d, struct ax_err *err);

/* ---- what a method was told (word.c) ---- */

int ax_words_read(struct ax_dispatch *d, struct ax_str alarm, struct ax_arena *a,
                  struct ax_word **out, size_t *n, struct ax_err *err);
int ax_word_write(struct ax_dispatch *d, const struct ax_subject *s, const struct ax_word *w,
                  struct ax_err *err);
/* Tells the method of the alarm's state, or holds that. `again`: it was held before. */
int ax_word_say(struct ax_dispatch *d, const struct ax_subject *s, struct ax_word *w,
                const struct ax_verdict *v, struct ax_err *err);

#endif
