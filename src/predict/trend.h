// SPDX-License-Identifier: Apache-2.0
/* What one window of history says: is the resource running out, and how fast? */
#ifndef AX_PREDICT_TREND_H
#define AX_PREDICT_TREND_H

#include "model/prediction.h"

#define AX_TREND_BINS  24
#define AX_TREND_AHEAD 4 /* windows: farther than this no trend is continued */

/* A cleaned history: finite, not negative, strictly rising times. */
struct ax_history {
    const int64_t *t; /* ms */
    const double *left;
    size_t n;
    double capacity;
    int64_t now;
};

/* What came of a window. The objections come in the order in which they are raised; only what
 * meets none is a prediction. */
enum ax_trend_state {
    AX_TREND_SPARSE, /* too few bins have samples */
    AX_TREND_STALE,  /* the newest sample is too old for this window */
    AX_TREND_LEVEL,  /* no fall, or one that chance, noise or wandering explains */
    AX_TREND_STEP,   /* one jump makes up most of the fall */
    AX_TREND_KNOWN,  /* so low it has been before, and came back */
    AX_TREND_BENDS,  /* falls, but flattens out before the end */
    AX_TREND_FAR,    /* falls, but would not run out within AX_TREND_AHEAD windows */
    AX_TREND_FALLS
};

struct ax_trend {
    enum ax_trend_state state;
    int64_t window_ms;
    int64_t age_ms; /* of the newest sample */
    size_t bins, filled, samples;
    double slope;   /* per second, of the envelope of what is left */
    double p_value; /* of the fall being chance */
    double seconds[AX_QUANTILES];
};

void ax_trend_look(const struct ax_history *h, int64_t window_ms, struct ax_trend *out);

#endif
