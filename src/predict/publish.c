// SPDX-License-Identifier: Apache-2.0
#include "predict/inner.h"

static const char *const quantile[AX_QUANTILES] = {"0.05", "0.5", "0.95"};

int ax_foretold_labels(struct ax_predictor *p, struct ax_target *t, struct ax_err *err)
{
    for (int q = 0; q < AX_QUANTILES; q++) {
        struct ax_labels_builder b = {0};
        ax_labels_add(&b, AX_STR("__name__"), AX_STR("auspex_exhaustion_seconds"));
        ax_labels_add(&b, AX_STR("handle"), t->handle);
        ax_labels_add(&b, ax_str(t->kind->name_label), t->name);
        ax_labels_add(&b, AX_STR("resource"), ax_str(t->kind->resource));
        ax_labels_add(&b, AX_STR("part"), t->part);
        ax_labels_add(&b, AX_STR("quantile"), ax_str(quantile[q]));
        int rc = ax_intake_labels(&b, p->o.tenant, &t->arena, &t->published[q], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int ax_foretold_publish(struct ax_predictor *p, int64_t now, const bool *ended,
                        struct ax_arena *tick, struct ax_err *err)
{
    struct ax_batch b = {.arena = tick};
    for (size_t i = 0; i < p->n; i++) {
        const struct ax_target *t = p->targets[i];
        for (int q = 0; q < AX_QUANTILES && (t->foretold || ended[i]); q++) {
            struct ax_sample s = {now, t->foretold ? t->shown.seconds[q] : ax_stale()};
            ax_batch_add(&b, t->published[q], &s, 1);
        }
    }
    struct ax_intake_result result;
    return b.n ? ax_intake_push(p->o.intake, &b, now, &result, err) : 0;
}
