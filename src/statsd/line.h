// SPDX-License-Identifier: Apache-2.0
/* One line of a statsd datagram, read. Pure. Inside statsd only.
 *
 *   name:value|type|@rate|#{'dimension': 'value'}     Monasca's clients: a Python dict as it prints
 *   name:value|type|@rate|#dimension:value,tag        DogStatsD's
 *
 * Rate and dimensions may be missing and come in any order; sections that begin otherwise are
 * passed over. */
#ifndef AX_STATSD_LINE_H
#define AX_STATSD_LINE_H

#include "base/arena.h"
#include "base/err.h"
#include "model/labels.h"

#define AX_STATSD_DIMENSIONS (AX_LABELS_MAX - 3) /* room for name, hostname and tenant */

enum ax_statsd_kind { AX_STATSD_COUNTER, AX_STATSD_GAUGE, AX_STATSD_TIMER, AX_STATSD_SET };

struct ax_statsd_line {
    struct ax_str name, text; /* text: the value as it stands */
    enum ax_statsd_kind kind;
    double value;                                     /* finite; 0 for sets */
    double rate;                                      /* above 0, at most 1 */
    struct ax_label dimensions[AX_STATSD_DIMENSIONS]; /* each name once */
    size_t n;
};

/* What it says is of views of the line, or of the arena where the line has escapes. -EINVAL it is
 * no line; -ENOTSUP it is one of a kind that is not kept (events, service checks, other types). */
int ax_statsd_parse(struct ax_str line, struct ax_arena *a, struct ax_statsd_line *out,
                    struct ax_err *err);

/* The dimensions at the beginning of *rest, which is moved behind them. */
int ax_statsd_dict(struct ax_str *rest, struct ax_arena *a, struct ax_statsd_line *out,
                   struct ax_err *err);
int ax_statsd_tags(struct ax_str tags, struct ax_statsd_line *out, struct ax_err *err);

#endif
