// SPDX-License-Identifier: Apache-2.0
/* Vector matching. Every series gets its signature (the labels that are matched on) once; series
 * of the same signature form a group; what must be told per step (who is there, is it unique) is
 * told by the bitmaps. */
#ifndef AX_QUERY_MATCH_H
#define AX_QUERY_MATCH_H

#include "query/eval.h"

double ax_op_apply(enum ax_op op, bool returns_bool, double l, double r, bool *keep);
bool ax_op_drops_name(const struct ax_node *n);
int ax_match_set(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                 struct ax_value *l, struct ax_value *r, struct ax_value *out);
int ax_match_vectors(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                     struct ax_value *l, struct ax_value *r, struct ax_value *out);

#endif
