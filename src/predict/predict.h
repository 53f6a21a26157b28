// SPDX-License-Identifier: Apache-2.0
/* Predictions: when does it run out?
 *
 * ax_forecast is the mathematics: pure, no I/O, no clock. ax_predictor runs it over every VM's
 * memory, every host's memory and every filesystem, asks for history in PromQL, publishes
 * auspex_exhaustion_seconds{handle,resource,part,quantile} through the intake, and keeps the newest
 * verdicts for the API.
 *
 * Threads: tick from one thread, snapshot from any. */
#ifndef AX_PREDICT_PREDICT_H
#define AX_PREDICT_PREDICT_H

#include "model/prediction.h"
#include "query/query.h"

struct ax_forecast_input {
    const int64_t *t;   /* ms, strictly rising */
    const double *left; /* what is left of the resource at that time, >= 0 */
    size_t n;
    double capacity; /* of the resource, same unit; must be > 0 */
    int64_t now;     /* ms */
};
/* Fills verdict, seconds, p_value, slope, level, capacity, window_ms, samples, horizon_ms and
 * reason (a string in the arena) of *out; leaves the rest alone. */
void ax_forecast(const struct ax_forecast_input *in, struct ax_arena *a, struct ax_prediction *out);

struct ax_predictor;
struct ax_predictor_options {
    struct ax_source source;
    struct ax_intake *intake;
    struct ax_str tenant;
    int64_t interval_ms; /* 0 = 10 s */
};
int ax_predictor_new(struct ax_predictor **out, const struct ax_predictor_options *o,
                     struct ax_err *err);
void ax_predictor_free(struct ax_predictor *p);
/* Runs when due at `now`. */
int ax_predictor_tick(struct ax_predictor *p, int64_t now, struct ax_err *err);
/* The newest verdict of each target, most urgent first. `all` includes steady and abstained. */
void ax_predictor_snapshot(struct ax_predictor *p, bool all, struct ax_str handle,
                           struct ax_arena *a, struct ax_prediction **out, size_t *n);

#endif
