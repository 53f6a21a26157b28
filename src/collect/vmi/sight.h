// SPDX-License-Identifier: Apache-2.0
/* How looking into VMs is cut:
 *
 *   sight.c        the thread that looks            watch.h    what looks say of health
 *   sight_list.c   what it looks into               series.c   looks as series of a round
 *   sight_visit.c  one look into one VM             parse.c    a worker's JSON as a reading
 *   demand.c       looks that somebody asked for
 *   extract.c      memory that somebody asked for
 *
 * The looking thread alone changes the list of VMs and what it holds, under the lock; reading a
 * guest happens without it, into memory that nobody else sees yet. */
#ifndef AX_COLLECT_VMI_SIGHT_H
#define AX_COLLECT_VMI_SIGHT_H

#include "base/clock.h"
#include "collect/collect.h"
#include "collect/emit.h"
#include "collect/libvirt/virt.h"
#include "collect/vmi/watch.h"
#include "vmi/vmi.h"

#include <pthread.h>

#define AX_SIGHT_VMS 4096

/* Parts that are read together, as often: vital signs each second, tasks each 10 s, storage each
 * 30 s, or each second while tasks wait; and all of them when there is a sign of trouble. */
enum ax_sight_group { AX_SIGHT_VITAL, AX_SIGHT_TASKS, AX_SIGHT_STORAGE, AX_SIGHT_GROUPS };

/* The newest reading, the one before, and room for the next. */
struct ax_sight_readings {
    struct ax_arena arena[3];
    struct ax_reading v[3];
    int64_t at_ms[3];
    int now; /* index of the newest */
    unsigned n;
    bool fresh;
};

/* A VM that may be looked into all the time. */
struct ax_sighted {
    char *handle, *standing;
    enum ax_scope scope;
    int64_t expires;
    char name[128];
    int pid;
    bool here, runs, paused, was_paused;
    bool hurried; /* was looked at before its time */
    void *eye;    /* NULL: not attached */
    bool up;      /* the last look gave something */
    int64_t retry_ms;
    unsigned failures;
    struct ax_sight_readings groups[AX_SIGHT_GROUPS];
    struct ax_watch watch;
    uint64_t counted, polls, failed, attached; /* counted: not told yet */
    bool labelled;                             /* the round's own, and the next ones */
    char labelled_as[128];
    struct ax_emit_scope labels;
};

struct ax_sight_known { /* of the last round */
    char uuid[AX_UUID_TEXT], name[128];
    bool runs, paused;
    int pid;
};

#define AX_SIGHT_KEPT 8
struct ax_sight_kept { /* of looks that were asked for */
    char *handle;
    enum ax_scope scope;
    void *eye;
    int64_t used_ns;
};

#define AX_SIGHT_EXTRACTS 4
struct ax_sight_extracted { /* under way */
    char id[AX_UUID_TEXT], *handle;
    void *eye;
    int64_t used_ns;
};

struct ax_sight {
    struct ax_sight_options o;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    struct ax_buf json; /* of the last look */
    bool quit, changed; /* changed: `wanted` is new */
    struct ax_arena wanted_arena;
    struct ax_sight_grant *wanted;
    size_t nwanted;
    int64_t until_ns;
    struct ax_sighted **v;
    size_t n;
    struct ax_sight_known *known;
    size_t nknown;
    struct ax_arena ended_arena;
    struct ax_sight_count *ended;
    size_t nended;
    struct ax_sight_kept kept[AX_SIGHT_KEPT];
    struct ax_sight_extracted extracts[AX_SIGHT_EXTRACTS];
};

static inline int64_t ax_sight_now_ms(void)
{
    return ax_mono_ns() / 1000000;
}

static inline const struct ax_reading *ax_sight_newest(const struct ax_sight_readings *g)
{
    return g->n ? &g->v[g->now] : NULL;
}

/* Fills in what the last round knew; false: it is not here. With the lock. */
bool ax_sight_find(const struct ax_sight *s, struct ax_str handle, struct ax_sight_known *out);

/* With the lock: those end that are granted no more, those that are granted begin, and what the
 * last round knew of them is theirs. */
void ax_sight_drop_ended(struct ax_sight *s);
void ax_sight_add_new(struct ax_sight *s);
void ax_sight_learn_states(struct ax_sight *s);

/* Without the lock. A worker that fails now and then is not the end of looking: it is the
 * inspector's to begin anew. */
void ax_sight_visit(struct ax_sight *s, struct ax_sighted *w);
void ax_sight_close_eye(struct ax_sight *s, struct ax_sighted *w);

/* What a round has seen. With the lock. */
void ax_sight_learn(struct ax_sight *s, const struct ax_vm_brief *v, size_t n);

/* The round's part (series.c): what VMs there are, and the newest looks as series. */
void ax_sight_round(struct ax_sight *s, struct ax_str host_name, const struct ax_vm_brief *v,
                    size_t n, struct ax_emitter *e);
/* What libvirt tells between rounds. */
void ax_sight_lifecycle(struct ax_sight *s, const struct ax_event *e);

int ax_sight_parse(struct ax_str json, struct ax_arena *a, struct ax_reading *out,
                   struct ax_err *err);

void ax_sight_forget_kept(struct ax_sight *s);
void ax_sight_rest_extracts(struct ax_sight *s, int64_t now_ns);
void ax_sight_forget_extracts(struct ax_sight *s);
/* A VM that runs here; -ESRCH else. */
int ax_sight_find_running(struct ax_sight *s, struct ax_str handle, struct ax_sight_known *vm,
                          struct ax_err *err);

#endif
