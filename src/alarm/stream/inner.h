// SPDX-License-Identifier: Apache-2.0
/* Inside the streaming alarms.
 *
 *   series (by id) --> list of refs --> alarm --> a window for each sub-expression
 *   definition --> its alarms, by the values of match_by
 *
 *   index.c       series to definitions, by tenant, name of the metric and one dimension
 *   group.c       series to alarms: a series seen for the first time joins those it belongs to
 *   engine.c      samples and time advance windows and states
 *   heap.c        which alarm has to be looked at next
 *   pool.c        memory of alarms and refs
 *   change.c      what is to be written, in order; explain.c says why
 *   writer.c      writes it, in transactions; writing.c: one change
 *   restore.c     reads it back, and refills windows from the store
 *   condition.c   conditions of rules: which there are, what holds; feeding.c: their samples;
 *                 trail.c: the window of one series
 *   definition.c  rules of definitions; definitions.c keeps them, definitions_rows.c in the
 *                 database; definitions_actions.c: a method goes; list.c lists them
 *   rows.c, count.c, history.c   what is asked about alarms
 *
 * Locks, in the order in which they are taken:
 *   api      one change of definitions or alarms at a time; SQL is done under it
 *   shape    shared by who advances windows, whole by who changes which there are
 *   shard    the alarms of a shard: windows, states, deadlines
 *   queue    the changes
 * Nothing but api is held while SQL is done. */
#ifndef AX_ALARM_STREAM_INNER_H
#define AX_ALARM_STREAM_INNER_H

#include "alarm/stream/pool.h"
#include "alarm/stream/trail.h"
#include "alarm/stream/window.h"
#include "base/map.h"
#include "base/uuid.h"

#include <pthread.h>

#define AX_SHARDS      64
#define AX_MATCH_MAX   16
#define AX_SERIES_PAGE 4096u
#define AX_PAGES       16384u

struct ax_tenant {
    char *name;
    uint32_t definitions, alarms;
};

/* A definition at work. Strings are in its arena. */
struct ax_def {
    struct ax_arena arena;
    struct ax_definition d;
    struct ax_tenant *tenant;
    struct ax_expression expr; /* names and dimensions as they are in labels */
    struct ax_expression said; /* as they were written */
    struct ax_strs match_by;   /* as in labels */
    uint32_t offset[AX_SUBS_MAX];
    uint8_t by[AX_SUBS_MAX]; /* by which of its dimensions a sub-expression is found */
    uint32_t size;           /* bytes of an alarm */
    uint64_t number;         /* when it began to watch: series that looked before do so again */
    struct ax_live **alarms; /* with those that are not complete yet */
    size_t n, cap;
    struct ax_map groups;           /* key -> struct ax_live *, NULL when it was deleted */
    uint32_t mask;                  /* which of match_by's dimensions the first group has, */
    bool mixed;                     /* and others do not */
    struct ax_condition *condition; /* whose label sets the alarms are; NULL: a definition */
};

struct ax_member {
    uint32_t series;
    uint8_t sub;
    bool own; /* it has all that the group's key has, else it is shared with other groups */
};

/* An alarm, with its windows behind it. What most samples need, of the alarm and of a window, is
 * one cache line; each window begins in such a place. */
struct ax_live {
    struct ax_uuid id;
    struct ax_str key;
    uint64_t joined; /* sub-expressions that have a metric */
    struct ax_member *members;
    uint32_t n, cap;
    uint32_t at;   /* in def->alarms */
    uint32_t mask; /* which of match_by's dimensions the key has */
    struct ax_def *def;
    int64_t seen;  /* samples up to this time are done with: what came of them is written */
    int64_t until; /* periods whose time came until then are judged, and that is written */
    bool complete; /* every sub-expression has a metric: it exists for others */
    bool refilled; /* by a start */
    uint8_t state; /* enum ax_state */

    /* of a condition: */
    bool holds, taken; /* now; as it was told last */
    bool flipped;      /* since */
    uint32_t active;   /* its place in the list, and one more; 0: it is in none */
    double risen;      /* the value with which it began to hold */

    int64_t due __attribute__((aligned(64))); /* when to look at it next */
    uint32_t number;                          /* in its shard */
    uint8_t shard;
    uint8_t nsubs;
    bool conditional; /* of a condition: its windows are trails */
    char windows[] __attribute__((aligned(16)));
};
#define AX_LINE    64
#define AX_WINDOWS offsetof(struct ax_live, windows)
_Static_assert(AX_WINDOWS % AX_LINE + AX_WINDOW_HOT <= AX_LINE, "one line for most samples");
_Static_assert(AX_WINDOWS <= 3 * AX_LINE, "two lines of an alarm are cold");

static inline struct ax_window *ax_window_of(const struct ax_live *al, size_t sub)
{
    char *first = (char *)(uintptr_t)al->windows;
    return (struct ax_window *)(void *)(sub ? first + al->def->offset[sub] : first);
}

static inline struct ax_live *ax_live_of(struct ax_window *w)
{
    return (struct ax_live *)(void *)((char *)w - (size_t)w->line * AX_LINE - AX_WINDOWS);
}

/* Of a condition, behind the line number that all windows have at the same place. */
#define AX_TRAIL_AT 16
static inline struct ax_trail *ax_trail_of(struct ax_window *w)
{
    return (struct ax_trail *)(void *)((char *)w + AX_TRAIL_AT);
}

/* A series of a sub-expression of an alarm. Those of one alarm stand together. */
struct ax_ref {
    struct ax_window *window;
    int64_t last; /* time of the sample that went in last: one sent twice counts once */
};
struct ax_refs {
    uint64_t number; /* definitions up to it were looked at */
    uint32_t n, cap;
    struct ax_ref v[];
};

/* What is known of a series: nothing (0), that it concerns no definition up to a number (odd), or
 * its refs. */
union ax_watch_slot {
    uint64_t number; /* number << 1 | 1 */
    struct ax_refs *refs;
};

struct ax_due {
    int64_t at;
    uint32_t who; /* the alarm's number in the shard */
};
/* Alarms made one after the other, whose samples mostly come so too, are of one shard: a push that
 * goes through them takes the lock once. */
#define AX_SHARD_RUN 64
struct ax_shard {
    pthread_mutex_t lock;
    struct ax_due *heap;
    uint32_t n, cap;
    struct ax_live **alarms; /* by number; NULL: the number is free */
    uint32_t *places;        /* by number, in the heap; of free numbers: the next free one */
    uint32_t numbers, cap_numbers, free;
    uint64_t evaluations, left_out;
} __attribute__((aligned(64)));

enum ax_change_what {
    AX_CHANGE_CREATED,
    AX_CHANGE_METRIC,
    AX_CHANGE_STATE,
    AX_CHANGE_SUBS, /* outcomes of sub-expressions changed, the alarm's did not */
    AX_CHANGE_TEXTS /* lifecycle_state or link */
};

/* Something to write. Strings behind it. */
struct ax_change_entry {
    struct ax_change_entry *next;
    uint64_t number;
    enum ax_change_what what;
    uint8_t old, state;
    uint32_t mask;
    struct ax_uuid alarm;
    int64_t at, seen, until;
    /* CREATED: definition, key, subs. METRIC: name, dimensions, handle. STATE: reason, sub_alarms,
     * subs. SUBS: subs. TEXTS: lifecycle_state and link, NULL when they stay. */
    struct ax_str text[3];
};

struct ax_queue {
    pthread_mutex_t lock;
    pthread_cond_t more, written;
    struct ax_change_entry *first, **last;
    uint64_t given, done;  /* numbers */
    uint64_t under_way[2]; /* pushes that are not durable yet, by the queue's turn; atomic */
    unsigned turn;         /* changes under shape, whole */
    bool stop, stuck;      /* stuck: a push waited in vain, and nothing was written since */
};

struct ax_stream {
    struct ax_stream_options o;
    pthread_mutex_t api;
    pthread_rwlock_t shape;
    struct ax_shard shards[AX_SHARDS];
    struct ax_queue queue;
    pthread_t writer;
    bool writing;
    pthread_mutex_t turn; /* of writing: one transaction at a time */

    union ax_watch_slot *pages[AX_PAGES];
    uint64_t number;            /* of the newest definition */
    struct ax_pool lives, refs; /* under shape, whole */
    struct ax_map index;
    struct ax_arena index_bytes;
    struct ax_map tenants, defs; /* by name, by id */
    struct ax_def **all;
    size_t ndefs, cap_defs;
    uint32_t next_shard;

    int64_t hold, hold_over, listen; /* struct ax_moment */
    int64_t ticked;                  /* time of the last tick */
    int64_t marked;                  /* when the mark was written */
    uint64_t *known;                 /* hashes of metrics that the database has, sorted */
    size_t nknown;

    uint64_t watched, refused, transitions, failures, bytes; /* atomic */
};

int64_t ax_stream_now(const struct ax_stream *s);
struct ax_moment ax_moment_at(const struct ax_stream *s, int64_t now);

/* ---- index.c: under shape, whole to change it ---- */
struct ax_candidate {
    struct ax_def *def;
    uint32_t sub;
};
struct ax_candidates {
    struct ax_candidate *v;
    size_t n, cap;
};
void ax_index_def(struct ax_stream *s, struct ax_def *d);
void ax_index_drop(struct ax_stream *s, struct ax_def *d);
/* The sub-expressions of definitions above the number that may be about the series, by rising
 * number of the definition. Memory: the arena. */
struct ax_candidates ax_index_find(struct ax_stream *s, struct ax_labels labels, uint64_t number,
                                   struct ax_arena *a);
void ax_index_end(struct ax_stream *s);

/* ---- group.c: under shape, whole ---- */
union ax_watch_slot *ax_slot_of_series(struct ax_stream *s, uint32_t id, bool make);
/* Makes the series known to all definitions that it has not been compared with. */
void ax_join(struct ax_stream *s, uint32_t id, int64_t now);
struct ax_live *ax_live_new(struct ax_stream *s, struct ax_def *d, uint32_t mask,
                            struct ax_str key);
void ax_live_free(struct ax_stream *s, struct ax_live *al); /* its memory */
/* Out of series, heap and memory. */
void ax_live_end(struct ax_stream *s, struct ax_live *al);
struct ax_live *ax_group_find(struct ax_def *d, struct ax_str key);
void ax_forget_series(struct ax_stream *s, uint32_t id);
/* After the sub-expressions changed: windows whose function, period or times differ begin anew. */
struct ax_live *ax_live_reshape(struct ax_stream *s, struct ax_live *al, struct ax_def *to);
void ax_groups_end(struct ax_stream *s);

/* ---- heap.c: under the shard; numbers under shape, whole ---- */
void ax_shard_enter(struct ax_shard *sh, struct ax_live *al); /* gives it a number */
void ax_shard_leave(struct ax_shard *sh, struct ax_live *al);
void ax_shard_end(struct ax_shard *sh);
uint64_t ax_shard_bytes(const struct ax_shard *sh);
/* Up to `most` alarms that are due, in that order, out of the heap. Who takes them sets what is
 * next. */
size_t ax_heap_take(struct ax_shard *sh, int64_t now, struct ax_live **out, size_t most);
void ax_heap_put(struct ax_shard *sh, struct ax_live *al, int64_t at);
void ax_heap_drop(struct ax_shard *sh, struct ax_live *al);

/* ---- engine.c ---- */
/* What advances an alarm is handed on: where time stands, and what came of it. */
struct ax_run {
    struct ax_stream *s;
    struct ax_moment m;
    int64_t at;      /* of what happens now */
    int64_t seen;    /* what ax_live.seen becomes by it */
    uint64_t ticket; /* of the change queued last */
    bool past;       /* a start replays it: deadlines do not matter */
    bool silent;     /* windows are refilled: nothing is decided */
    bool slow;       /* the last sample needed more of its alarm than a line */
    struct ax_shard *held;
};
/* One sample into all windows of an alarm that its series has. */
void ax_live_sample(struct ax_run *r, struct ax_ref *refs, size_t n,
                    const struct ax_sample *sample);
void ax_live_due(struct ax_run *r, struct ax_live *al);    /* judges all that is due at r->m.now */
void ax_live_decide(struct ax_run *r, struct ax_live *al); /* after a window's state changed */
enum ax_state ax_live_outcome(const struct ax_live *al);   /* AX_NO_STATE: not known yet */
void ax_live_schedule(struct ax_run *r, struct ax_live *al);
void ax_live_set(struct ax_run *r, struct ax_live *al, enum ax_state state, struct ax_str reason,
                 struct ax_str sub_alarms);
static inline struct ax_shard *ax_shard_of(struct ax_stream *s, const struct ax_live *al)
{
    return &s->shards[al->shard];
}
int ax_engine_append(void *self, const struct ax_batch *b, uint64_t *ticket, struct ax_err *err);

/* ---- condition.c, feeding.c ---- */
struct ax_condition {
    struct ax_stream *s;
    struct ax_def *def;
    struct ax_condition_options o;
    const struct ax_local_selector *selectors;
    size_t n;
    bool ready;              /* windows are filled: under shape, whole */
    uint32_t holding;        /* label sets; atomic */
    pthread_mutex_t lock;    /* of the list; within that of a shard */
    struct ax_live **active; /* those that hold, or were told to, or did meanwhile */
    size_t nactive, cap_active;
};
int ax_condition_fill(struct ax_condition *c, int64_t now, struct ax_err *err);
/* A series' samples, the shard locked. */
void ax_condition_feed(struct ax_run *r, struct ax_ref *refs, size_t n,
                       const struct ax_batch_series *series);
void ax_condition_due(struct ax_run *r, struct ax_live *al); /* it was out of the heap */
/* Looks at one label set. */
void ax_condition_look(struct ax_run *r, struct ax_live *al, struct ax_local_value *out);
/* Whether the selector is about the series, and which label set's it is. */
bool ax_condition_key(const struct ax_condition *c, uint32_t selector, struct ax_labels labels,
                      struct ax_buf *key);
void ax_condition_empty(struct ax_stream *s, struct ax_live *al); /* frees its trails */
/* A label set has no series any more; under shape, whole. */
void ax_condition_forget(struct ax_live *al);

/* ---- change.c ---- */
void ax_queue_init(struct ax_queue *q);
void ax_queue_end(struct ax_queue *q);
/* Copies the strings. Returns the number, which is rising in the order of calls. */
uint64_t ax_queue_put(struct ax_queue *q, const struct ax_change_entry *e);
uint64_t ax_tell_created(struct ax_stream *s, const struct ax_live *al, int64_t now);
uint64_t ax_tell_metric(struct ax_stream *s, const struct ax_live *al, uint32_t series);
uint64_t ax_metric_hash(const struct ax_uuid *alarm, struct ax_str name, struct ax_str dimensions);
void ax_known_sort(struct ax_stream *s);
void ax_subs_print(const struct ax_live *al, char out[AX_SUBS_MAX + 1]);
void ax_subs_read(struct ax_live *al, struct ax_str text);

/* ---- explain.c ---- */
void ax_explain(const struct ax_live *al, enum ax_state state, struct ax_buf *reason,
                struct ax_buf *sub_alarms);
void ax_metric_print(struct ax_stream *s, struct ax_labels labels, struct ax_buf *name,
                     struct ax_buf *dimensions);
struct ax_str ax_handle_of(struct ax_labels labels, struct ax_arena *a);

/* ---- writer.c ---- */
int ax_writer_start(struct ax_stream *s, struct ax_err *err);
void ax_writer_stop(struct ax_stream *s);
/* Writes what is in the queue now. */
int ax_write_out(struct ax_stream *s, struct ax_err *err);
int ax_engine_commit(void *self, uint64_t ticket, struct ax_err *err);
void ax_engine_follow(void *self, uint64_t ticket); /* until its changes are written */

/* ---- definition.c ---- */
/* *out becomes what `before`, or the defaults when it is NULL, is with the edit. Views. */
int ax_definition_check(const struct ax_stream *s, struct ax_str tenant,
                        const struct ax_definition_edit *e, const struct ax_definition *before,
                        struct ax_definition *out, struct ax_err *err);

/* ---- definitions_rows.c ---- */
/* In a transaction. */
int ax_definition_put(struct ax_stream *s, struct ax_str tenant, const struct ax_definition *d,
                      struct ax_err *err);
/* In one of their own; -EEXIST the tenant has the name. */
int ax_definition_write(struct ax_stream *s, struct ax_str tenant, const struct ax_definition *d,
                        struct ax_err *err);
/* With its alarms, whose end is told. */
int ax_definition_erase(struct ax_stream *s, struct ax_str tenant, struct ax_str id,
                        struct ax_err *err);

/* ---- definitions.c ---- */
/* A definition at work out of its values, which it copies; it is not in the index yet. */
int ax_def_make(struct ax_stream *s, struct ax_str tenant, const struct ax_definition *d,
                struct ax_def **out, struct ax_err *err);
void ax_def_free(struct ax_stream *s, struct ax_def *d); /* with its alarms */
struct ax_tenant *ax_tenant_of(struct ax_stream *s, struct ax_str name);
struct ax_def *ax_def_find(struct ax_stream *s, struct ax_str tenant, struct ax_str id);
void ax_def_add(struct ax_stream *s, struct ax_def *d);
void ax_definition_copy(const struct ax_definition *d, struct ax_arena *a,
                        struct ax_definition *out);
struct ax_str ax_lines(struct ax_strs v, struct ax_arena *a); /* one string, and back */
struct ax_strs ax_unlines(struct ax_str text, struct ax_arena *a);

/* ---- tables ---- */
int ax_stream_tables(struct ax_sql *sql, struct ax_err *err);
int ax_stream_restore(struct ax_stream *s, struct ax_err *err);

#endif
