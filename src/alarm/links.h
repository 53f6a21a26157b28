// SPDX-License-Identifier: Apache-2.0
/* Links to expressions, as Prometheus makes them. */
#ifndef AX_ALARM_LINKS_H
#define AX_ALARM_LINKS_H

#include "base/buf.h"

/* URL/graph?g0.expr=...&g0.tab=1: the expression as a table, or with 0 as a graph. */
void ax_link_expression(struct ax_str url, struct ax_str expression, bool table,
                        struct ax_buf *out);
void ax_link_escape(struct ax_str text, struct ax_buf *out); /* for a query string */
struct ax_str ax_link_path(struct ax_str url);               /* "/a/b" of http://host/a/b */

#endif
