// SPDX-License-Identifier: Apache-2.0
/* The sentence that tells a person what a forecast rests on, or why there is none. */
#ifndef AX_PREDICT_REASON_H
#define AX_PREDICT_REASON_H

#include "base/arena.h"
#include "predict/trend.h"

struct ax_str ax_trend_reason(const struct ax_trend *t, double left, double capacity,
                              struct ax_arena *a);

#endif
