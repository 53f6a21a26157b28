// SPDX-License-Identifier: Apache-2.0
/* A prediction about a resource: when something runs out, how sure that is, and from what.
 * An abstention is a prediction too: it says why none can be made. */
#ifndef AX_MODEL_PREDICTION_H
#define AX_MODEL_PREDICTION_H

#include "base/arena.h"

#define AX_QUANTILES 3 /* 0.05, 0.5, 0.95: a 90 % interval and its middle */

enum ax_verdict {
    AX_PREDICT_ABSTAIN, /* cannot tell: too little, too noisy, or stale data */
    AX_PREDICT_STEADY,  /* nothing runs out within the horizon that the data allow */
    AX_PREDICT_EXHAUST  /* runs out within the horizon, with the interval given */
};

struct ax_prediction {
    struct ax_str handle;   /* vm:..., host:... */
    struct ax_str name;     /* of the resource, for people */
    struct ax_str kind;     /* "exhaustion" */
    struct ax_str resource; /* memory, filesystem */
    struct ax_str part;     /* which one, e.g. the mount point; empty when there is but one */
    struct ax_str unit;     /* "bytes" */
    struct ax_str query;    /* PromQL of the evidence */
    int64_t made_at;        /* ms */
    enum ax_verdict verdict;
    double
        seconds[AX_QUANTILES]; /* to exhaustion, from made_at; rising; +Inf allowed in the last */
    double p_value;            /* of the trend test; small = not chance */
    double slope;              /* unit per second; negative = shrinking */
    double level, capacity;    /* what is left now, and of how much */
    int64_t window_ms;         /* the stretch of history it rests on */
    uint32_t samples;
    int64_t horizon_ms;   /* how far the data allow to look */
    struct ax_str reason; /* one sentence for people */
};

#endif
