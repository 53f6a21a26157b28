// SPDX-License-Identifier: Apache-2.0
/* Inside the predictor.
 *
 *   predictor.c  when to run, which verdict to show, the snapshot
 *   gather.c     history by PromQL into targets
 *   publish.c    what is foretold, as series
 *
 * A target's history has two layers, so that a tick costs little however long the history is:
 *
 *   |-- coarse: most and least left per 5 min, fetched once, then only what is new --|-- raw --|
 *   7 days                                                                     30 min         now
 */
#ifndef AX_PREDICT_INNER_H
#define AX_PREDICT_INNER_H

#include <pthread.h>

#include "base/map.h"
#include "intake/intake.h"
#include "predict/predict.h"

#define AX_COARSE_MS   (5 * 60 * 1000ll)
#define AX_COARSE_KEPT 2016 /* steps: 7 days */

/* A kind of thing that can run out. */
struct ax_kind_of_target {
    const char *resource;
    const char *handle_prefix; /* "vm:" */
    const char *name_label;    /* whose value people call the thing by */
    const char *part_label;    /* NULL = there is but one */
    const char *left, *capacity;
};
#define AX_KINDS_OF_TARGET 3
extern const struct ax_kind_of_target ax_kinds_of_target[AX_KINDS_OF_TARGET];

struct ax_coarse {
    int64_t t; /* end of the step */
    double most, least;
};

struct ax_target {
    const struct ax_kind_of_target *kind;
    struct ax_arena arena; /* the strings below */
    struct ax_labels key;  /* of the series, without its name */
    struct ax_labels published[AX_QUANTILES];
    struct ax_str handle, name, part, query;

    struct ax_coarse *coarse; /* rising */
    size_t ncoarse;
    const int64_t *raw_t; /* in the arena of the tick */
    const double *raw_left;
    size_t nraw;
    double capacity; /* NAN = not known now */
    int64_t seen;    /* the last tick that found samples */

    unsigned hits, misses; /* in a row */
    bool foretold;         /* shown and published as exhausting */
    struct ax_prediction shown;
    char *reason; /* of shown */
};

struct ax_questions {
    struct ax_expr *raw, *most, *least, *capacity;
};

struct ax_predictor {
    pthread_mutex_t lock; /* the list of targets, and of each what is shown */
    struct ax_predictor_options o;
    struct ax_arena arena; /* expressions, tenant */
    struct ax_questions ask[AX_KINDS_OF_TARGET];
    int64_t due, coarse_until; /* coarse history is there up to that step */
    struct ax_target **targets;
    size_t n, cap;
    struct ax_map by_key[AX_KINDS_OF_TARGET]; /* -> index in targets */
};

int ax_questions_parse(struct ax_predictor *p, struct ax_err *err);
/* Brings every target's history up to `now`; finds new targets and drops those long gone. */
int ax_gather(struct ax_predictor *p, int64_t now, struct ax_arena *tick, struct ax_err *err);
void ax_target_free(struct ax_target *t);

/* The series of what is foretold; markers of their end for targets in `ended`. */
int ax_foretold_publish(struct ax_predictor *p, int64_t now, const bool *ended,
                        struct ax_arena *tick, struct ax_err *err);
int ax_foretold_labels(struct ax_predictor *p, struct ax_target *t, struct ax_err *err);

#endif
