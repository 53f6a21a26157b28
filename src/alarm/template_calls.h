// SPDX-License-Identifier: Apache-2.0
/* What the functions of templates have in common. Each fails with the words that Go's or
 * Prometheus's has for it. */
#ifndef AX_ALARM_TEMPLATE_CALLS_H
#define AX_ALARM_TEMPLATE_CALLS_H

#include "alarm/template_inner.h"

#include <errno.h>

#define AX_TFUNCTION(name)                                                                         \
    int name(struct ax_tcall *c, const struct ax_tv *args, size_t n, struct ax_tv *out)

/* The buffer's text as the result; frees it. */
int ax_tf_keep(struct ax_tcall *c, struct ax_buf *b, struct ax_tv *out);
int ax_tf_wants(struct ax_tcall *c, const struct ax_tv *v, enum ax_tv_kind kind);
int ax_tf_number(struct ax_tcall *c, const struct ax_tv *v, double *out);

/* template_series.c */
AX_TFUNCTION(ax_tf_query);
AX_TFUNCTION(ax_tf_first);
AX_TFUNCTION(ax_tf_label);
AX_TFUNCTION(ax_tf_value);
AX_TFUNCTION(ax_tf_strvalue);
AX_TFUNCTION(ax_tf_sort_by_label);
AX_TFUNCTION(ax_tf_humanize);
AX_TFUNCTION(ax_tf_humanize_1024);
AX_TFUNCTION(ax_tf_humanize_duration);
AX_TFUNCTION(ax_tf_humanize_percentage);
AX_TFUNCTION(ax_tf_humanize_timestamp);
AX_TFUNCTION(ax_tf_parse_duration);
/* template_texts.c */
AX_TFUNCTION(ax_tf_to_upper);
AX_TFUNCTION(ax_tf_to_lower);
AX_TFUNCTION(ax_tf_title);
AX_TFUNCTION(ax_tf_match);
AX_TFUNCTION(ax_tf_replace_all);
AX_TFUNCTION(ax_tf_strip_port);
AX_TFUNCTION(ax_tf_strip_domain);
AX_TFUNCTION(ax_tf_same);
AX_TFUNCTION(ax_tf_external_url);
AX_TFUNCTION(ax_tf_path_prefix);
AX_TFUNCTION(ax_tf_graph_link);
AX_TFUNCTION(ax_tf_table_link);

#endif
