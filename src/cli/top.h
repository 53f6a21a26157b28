// SPDX-License-Identifier: Apache-2.0
/* auspex top: top_data.c asks the server and gives a model, top_view.c makes lines of text of a
 * model. The command (top.c) shows one frame (top_once.c), or the live view in curses (top_live.c),
 * for which a thread of its own asks (top_feed.c). */
#ifndef AX_CLI_TOP_H
#define AX_CLI_TOP_H

#include "base/arena.h"
#include "cli/inner.h"

#include <pthread.h>

/* ---- the model: what was so at one moment. Texts are views into the answers kept with it. ---- */

struct ax_top_host {
    const json_t *resource;
    double cpu;               /* share of all cores, 0 to 1; NaN here and below: unknown */
    double memory, available; /* bytes */
    double load;
    size_t vms;
};

struct ax_top_vm {
    const json_t *resource;
    const json_t *prediction;        /* the most urgent one, NULL = none */
    double cpu;                      /* cores in use */
    double used, assigned, resident; /* bytes: by the guest, to the guest, on the host */
    double disk, net;                /* bytes per second, both ways */
    double risk; /* seconds to the middle of that prediction's range, +Inf = none */
};

struct ax_top {
    int64_t at; /* ms */
    struct ax_arena arena;
    struct ax_answer hosts_answer, vms_answer, predictions_answer;
    struct ax_top_host *hosts;
    struct ax_top_vm *vms;
    size_t nhosts, nvms;
};

int ax_top_fetch(struct ax_client *c, struct ax_top **out, struct ax_err *err);
/* The model of answers that are there already, without figures; takes them. */
struct ax_top *ax_top_of(struct ax_answer hosts, struct ax_answer vms, struct ax_answer predictions,
                         int64_t now);
void ax_top_free(struct ax_top *t);

enum ax_top_sort {
    AX_TOP_RISK,
    AX_TOP_NAME,
    AX_TOP_STATE,
    AX_TOP_CPU,
    AX_TOP_MEMORY,
    AX_TOP_DISK,
    AX_TOP_NET
};
void ax_top_sort(struct ax_top *t, enum ax_top_sort by);
bool ax_top_sort_by_key(int key, enum ax_top_sort *out); /* false: it is no such key */

/* ---- the view ---- */

enum ax_top_style { AX_TOP_PLAIN, AX_TOP_TITLE, AX_TOP_SELECTED, AX_TOP_BAD, AX_TOP_DIM };

struct ax_top_view {
    int width, height; /* height 0 = as many lines as there are */
    enum ax_top_sort sort;
    size_t selected, first; /* rows of vms; `first` is moved so that the selected one is seen */
    bool details, keys;     /* the pane below; the line of keys at the end */
    const char *trouble;    /* why the model is old; NULL = it is not */
};

struct ax_top_line {
    const char *text;
    enum ax_top_style style;
};
struct ax_top_frame {
    struct ax_top_line *v;
    size_t n, cap;
};
void ax_top_draw(const struct ax_top *t, struct ax_top_view *view, struct ax_arena *a,
                 struct ax_top_frame *out);

/* ---- showing it ---- */

int ax_top_once(const struct ax_cli *c, enum ax_top_sort sort);
int ax_top_live(const struct ax_cli *c, enum ax_top_sort sort, int64_t interval_ms);

/* ---- the thread that asks ---- */

struct ax_top_feed {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    struct ax_client *client;
    int64_t interval_ms;
    bool now, stop;
    struct ax_top *fresh; /* not yet taken by the view */
    struct ax_err err;    /* of the last look; code 0 = it went well */
    uint64_t looks;
};
int ax_top_feed_start(struct ax_top_feed *f, const struct ax_cli *c, int64_t interval_ms);
void ax_top_feed_now(struct ax_top_feed *f); /* not only when the interval is over */
/* The newest model, once, else NULL; how the last look went, and how many there were. */
struct ax_top *ax_top_feed_take(struct ax_top_feed *f, struct ax_err *err, uint64_t *looks);
void ax_top_feed_stop(struct ax_top_feed *f);

#endif
