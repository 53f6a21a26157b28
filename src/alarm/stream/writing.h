// SPDX-License-Identifier: Apache-2.0
/* What a transaction of the writer carries along. */
#ifndef AX_ALARM_STREAM_WRITING_H
#define AX_ALARM_STREAM_WRITING_H

#include "alarm/stream/inner.h"

#define AX_WRITE_MOST 1000 /* changes in one transaction */

/* An event to tell of once the transaction is in. */
struct ax_event_told {
    struct ax_str tenant;
    struct ax_event event;
};
struct ax_writing {
    struct ax_stream *s;
    struct ax_arena arena;
    struct ax_event_told *told;
    size_t ntold, transitions;
    struct ax_map newest; /* tenant -> id of the newest history entry */
};

/* Inside the transaction: rows, history, and the owner's callback. */
int ax_write_change(struct ax_writing *w, const struct ax_change_entry *e, struct ax_err *err);
/* Events are told after the fact: the registry has transactions of its own, and an event that is
 * there already is not stored twice. */
void ax_write_events(struct ax_writing *w);

#endif
