// SPDX-License-Identifier: Apache-2.0
#ifndef AX_QUERY_AGGREGATE_H
#define AX_QUERY_AGGREGATE_H

#include "query/eval.h"

struct ax_agg_groups {
    size_t n;
    size_t *of; /* of series i */
    struct ax_labels *labels;
};

/* topk and bottomk: k per step. */
int ax_agg_rank(struct ax_eval *e, bool top, const struct ax_grid *g, const double *k,
                struct ax_value *v, const struct ax_agg_groups *groups, struct ax_value *out);
int ax_agg_quantile(struct ax_eval *e, const struct ax_grid *g, const double *q,
                    const struct ax_value *v, const struct ax_agg_groups *groups,
                    struct ax_value *out);
int ax_agg_count_values(struct ax_eval *e, const struct ax_grid *g, struct ax_str label,
                        const struct ax_value *v, const struct ax_agg_groups *groups,
                        struct ax_value *out);

#endif
