// SPDX-License-Identifier: Apache-2.0
/* A step of watching, between its files: each sign of ill health looks at the looks, remembers what
 * it must, and tells. */
#ifndef AX_COLLECT_VMI_WATCH_INNER_H
#define AX_COLLECT_VMI_WATCH_INNER_H

#include "collect/vmi/watch.h"

#define AX_WINDOW_MS 4000 /* over which starvation is judged */

struct ax_telling {
    struct ax_sign *out;
    size_t n;
    struct ax_arena *a;
};

static inline const struct ax_system *ax_watch_vitals(const struct ax_looks *l)
{
    return &l->vital.now->system;
}

static inline bool ax_watch_has(const struct ax_look *l, unsigned part)
{
    return l->now && l->now->parts & part;
}

void ax_watch_tell(struct ax_telling *t, const char *what, const char *detail, const char *severity,
                   struct ax_str text);
/* That it is over, if it was. */
void ax_watch_recover(struct ax_telling *t, bool *was, const char *what, const char *text);

/* By how much; 0: it has not, or nobody knows. Any numbers: they are the guest's. */
int64_t ax_watch_grown(int64_t now, int64_t before);
/* As much of what the guest wrote as a sign shows. */
struct ax_str ax_watch_shown(struct ax_str text);
/* The text, and the newest line of the kernel's log that has the words, where it was read. */
struct ax_str ax_watch_with_line(struct ax_telling *t, const struct ax_look *tasks,
                                 const char *words, struct ax_str text);

void ax_watch_starvation(struct ax_watch *w, const struct ax_looks *l, struct ax_telling *t);
void ax_watch_stuck(struct ax_watch *w, const struct ax_looks *l, struct ax_telling *t);
void ax_watch_taints(struct ax_watch *w, const struct ax_looks *l, struct ax_telling *t);
void ax_watch_oom(struct ax_watch *w, const struct ax_looks *l, struct ax_telling *t);
void ax_watch_filesystems(struct ax_watch *w, const struct ax_looks *l, struct ax_telling *t);

#endif
