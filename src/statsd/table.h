// SPDX-License-Identifier: Apache-2.0
/* The metrics of one interval: what their lines said so far, then their samples. What it takes is
 * bounded; one thread at a time. Inside statsd only.
 *
 *   counters  the sum of what was counted, each divided by its rate
 *   gauges    the last value
 *   timers    NAME.avg, .max, .count, .median and .95percentile
 *   sets      how many different values there were */
#ifndef AX_STATSD_TABLE_H
#define AX_STATSD_TABLE_H

#include "base/map.h"
#include "model/sample.h"
#include "statsd/line.h"

#define AX_STATSD_METRICS 10000u      /* different ones in an interval */
#define AX_STATSD_BYTES   (32u << 20) /* of memory for an interval; about, see ax_statsd_add */
#define AX_STATSD_KEPT    1024u       /* values of a timer: more are a fair choice of them */
#define AX_STATSD_MEMBERS 500000u     /* different values of all sets together */

struct ax_statsd_metric;
struct ax_statsd_table {
    struct ax_str tenant, hostname; /* hostname: of metrics whose dimensions have none */
    bool deltas;                    /* +N and -N change a gauge */
    struct ax_arena arena, scratch; /* the interval's, a line's */
    struct ax_map by_labels;        /* to index in metrics */
    struct ax_map members;          /* of sets */
    struct ax_statsd_metric *metrics;
    size_t n, cap;
    uint64_t random; /* state; not 0 */
};

/* Errors: -EINVAL the line is wrong, -ENOTSUP it is of a kind that is not kept, -ENOSPC there is no
 * room for one more metric or value. */
int ax_statsd_add(struct ax_statsd_table *t, struct ax_str line, struct ax_err *err);
/* Samples of time `now` of all that had a line; the interval is over. The batch lives in an arena
 * of its own. */
void ax_statsd_flush(struct ax_statsd_table *t, int64_t now, struct ax_batch *out);
void ax_statsd_table_free(struct ax_statsd_table *t); /* what is in it */

#endif
