// SPDX-License-Identifier: Apache-2.0
/* Conditions of statements, put together from what a request asks for. */
#ifndef AX_ALARM_STREAM_QUERY_H
#define AX_ALARM_STREAM_QUERY_H

#include "alarm/stream/inner.h"

struct ax_parameter {
    bool text;
    struct ax_str s;
    int64_t i;
};
struct ax_where {
    struct ax_arena *arena;
    struct ax_buf text; /* " AND ... AND ..."; to be freed */
    struct ax_parameter *v;
    size_t n, cap;
};
void ax_where_str(struct ax_where *w, struct ax_str s);
void ax_where_int(struct ax_where *w, int64_t v);
void ax_where_bind(const struct ax_where *w, struct ax_stmt *q);

/* The dimensions, which are a JSON object in the column, have them all. */
void ax_where_dimensions(struct ax_where *w, const char *column, const struct ax_dimensions *d);
/* "LOW|HIGH", of the definition d. -EINVAL. */
int ax_where_severity(struct ax_where *w, struct ax_str text, struct ax_err *err);

/* " ORDER BY ..."; `last` makes the order a total one. -EINVAL: no such key. */
struct ax_sort_key {
    const char *name, *column;
};
int ax_where_order(struct ax_where *w, struct ax_str sort_by, const struct ax_sort_key *keys,
                   size_t nkeys, const char *last, struct ax_err *err);

bool ax_dimension_in(const struct ax_dimension *d, const struct ax_label *v, size_t n);

/* rows.c: the conditions of a filter on alarm a and definition d. */
int ax_where_alarms(struct ax_where *w, struct ax_str tenant, const struct ax_alarm_filter *f,
                    struct ax_err *err);

#endif
