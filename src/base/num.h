// SPDX-License-Identifier: Apache-2.0
/* Numbers and times as people and the Prometheus API write them. Pure. */
#ifndef AX_BASE_NUM_H
#define AX_BASE_NUM_H

#include "base/err.h"
#include "base/str.h"

#define AX_NUM_TEXT                                                                                \
    48 /* bytes that any printed double fits in, and a few that are written first                  \
        */

/* The shortest decimal that reads back as the same double; plain notation from 1e-6 up to 1e21,
 * exponents outside, "NaN", "+Inf", "-Inf". Returns the length; adds no NUL. */
size_t ax_num_print(double v, char out[AX_NUM_TEXT]);
/* A time as decimal seconds, with as many decimals as it needs: 1795314600.25. The same. */
size_t ax_seconds_print(int64_t ms, char out[AX_NUM_TEXT]);

/* Durations: parts "ms s m h d w y" in falling order, each once: "1h30m", "15s", "30d"; "0" too.
 * (d = 24 h, w = 7 d, y = 365 d.) Milliseconds. */
int ax_duration_parse(struct ax_str s, int64_t *out_ms, struct ax_err *err);
/* The same notation, e.g. 5400000 -> "1h30m". Returns the length; adds a NUL. */
size_t ax_duration_print(int64_t ms, char out[AX_NUM_TEXT]);

/* Times: decimal seconds since the epoch ("1795314600.5") or RFC 3339. Milliseconds, UTC. */
int ax_time_parse(struct ax_str s, int64_t *out_ms, struct ax_err *err);
/* RFC 3339 in UTC with milliseconds: "2026-11-22T02:10:00.123Z". Returns the length; adds a NUL. */
size_t ax_time_print(int64_t ms, char out[AX_NUM_TEXT]);

#endif
