// SPDX-License-Identifier: Apache-2.0
#include "api/inner.h"

#include <math.h>

static const char *const quantiles[AX_QUANTILES] = {"0.05", "0.5", "0.95"};

static void put_quantiles(struct ax_json *j, const struct ax_prediction *p, bool as_time)
{
    ax_json_key(j, as_time ? "at" : "seconds");
    if (p->verdict != AX_PREDICT_EXHAUST) {
        ax_json_null(j);
        return;
    }
    ax_json_obj(j);
    for (int i = 0; i < AX_QUANTILES; i++) {
        ax_json_key(j, quantiles[i]);
        if (!as_time)
            ax_json_num(j, p->seconds[i]);
        else if (isfinite(p->seconds[i]))
            ax_json_time(j, p->made_at + (int64_t)(p->seconds[i] * 1000));
        else
            ax_json_null(j);
    }
    ax_json_end(j);
}

static void put_evidence(struct ax_json *j, const struct ax_prediction *p)
{
    const struct {
        const char *key;
        double value;
    } numbers[] = {{"window_seconds", (double)p->window_ms / 1000},
                   {"samples", p->samples},
                   {"p_value", p->p_value},
                   {"slope_per_second", p->slope},
                   {"level", p->level},
                   {"capacity", p->capacity},
                   {"horizon_seconds", (double)p->horizon_ms / 1000}};
    ax_json_key(j, "evidence");
    ax_json_obj(j);
    ax_json_key(j, "query");
    ax_json_str(j, p->query);
    ax_json_key(j, "unit");
    ax_json_str(j, p->unit);
    for (size_t i = 0; i < AX_ARRAY_LEN(numbers); i++) {
        ax_json_key(j, numbers[i].key);
        ax_json_num(j, numbers[i].value);
    }
    ax_json_end(j);
}

void ax_prediction_json(struct ax_json *j, const struct ax_prediction *p)
{
    static const char *const verdicts[] = {"abstain", "steady", "exhaust"};
    const struct {
        const char *key;
        struct ax_str value;
    } words[] = {{"handle", p->handle},     {"name", p->name}, {"kind", p->kind},
                 {"resource", p->resource}, {"part", p->part}, {"reason", p->reason}};
    ax_json_obj(j);
    for (size_t i = 0; i < AX_ARRAY_LEN(words); i++) {
        ax_json_key(j, words[i].key);
        ax_json_str(j, words[i].value);
    }
    ax_json_key(j, "verdict");
    ax_json_cstr(j, verdicts[p->verdict]);
    ax_json_key(j, "made_at");
    ax_json_time(j, p->made_at);
    put_quantiles(j, p, false);
    put_quantiles(j, p, true);
    put_evidence(j, p);
    ax_json_end(j);
}
