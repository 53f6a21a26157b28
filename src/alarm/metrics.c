// SPDX-License-Identifier: Apache-2.0
/* Rule groups as metrics: Prometheus's names with our prefix, and a label for the tenant. */
#include "alarm/inner.h"

struct sums {
    uint64_t evaluations, failures, samples;
};

static struct sums sums_of(const struct ax_group *g)
{
    struct sums s = {0};
    for (size_t i = 0; i < g->rules->n; i++) {
        s.evaluations += g->watches[i].evaluations;
        s.failures += g->watches[i].failures;
        s.samples += g->watches[i].samples;
    }
    return s;
}

enum figure { EVALUATIONS, FAILURES, LAST, DURATION, INTERVAL, RULES, SAMPLES, ROUNDS, MISSED };

static const struct {
    enum figure which;
    const char *name, *type, *help;
} figures[] = {
    {EVALUATIONS, "auspex_rule_evaluations_total", "counter", "Evaluations of rules."},
    {FAILURES, "auspex_rule_evaluation_failures_total", "counter", "Of those, failed."},
    {LAST, "auspex_rule_group_last_evaluation_timestamp_seconds", "gauge",
     "When the group was last evaluated."},
    {DURATION, "auspex_rule_group_last_duration_seconds", "gauge", "How long that took."},
    {INTERVAL, "auspex_rule_group_interval_seconds", "gauge", "Time between two evaluations."},
    {RULES, "auspex_rule_group_rules", "gauge", "Rules of the group."},
    {SAMPLES, "auspex_rule_group_last_evaluation_samples", "gauge",
     "Alarms and samples that the last evaluation gave."},
    {ROUNDS, "auspex_rule_group_iterations_total", "counter", "Evaluations of the group."},
    {MISSED, "auspex_rule_group_iterations_missed_total", "counter",
     "Evaluations that came too late to be made."},
};

static double value_of(enum figure which, const struct ax_group *g)
{
    switch (which) {
    case EVALUATIONS: return (double)sums_of(g).evaluations;
    case FAILURES: return (double)sums_of(g).failures;
    case LAST: return (double)g->evaluated_at / 1000;
    case DURATION: return (double)g->took_ns / 1e9;
    case INTERVAL: return (double)g->interval_ms / 1000;
    case RULES: return (double)g->rules->n;
    case SAMPLES: return (double)sums_of(g).samples;
    case ROUNDS: return (double)g->iterations;
    case MISSED: return (double)g->missed;
    }
    return 0;
}

static void put_text(struct ax_str s, struct ax_buf *out)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\n')
            ax_buf_cstr(out, "\\n");
        else {
            if (s.p[i] == '"' || s.p[i] == '\\')
                ax_buf_byte(out, '\\');
            ax_buf_byte(out, (uint8_t)s.p[i]);
        }
}

static void put(const char *name, const struct ax_group *g, double v, struct ax_buf *out)
{
    ax_buf_printf(out, "%s{tenant=\"", name);
    put_text(g->rules->tenant, out);
    ax_buf_cstr(out, "\",rule_group=\"");
    put_text(g->rules->file, out);
    ax_buf_byte(out, ';');
    put_text(g->rules->name, out);
    ax_buf_cstr(out, "\"} ");
    ax_buf_double(out, v);
    ax_buf_byte(out, '\n');
}

void ax_alarms_metrics(struct ax_alarms *al, struct ax_buf *out)
{
    pthread_mutex_lock(&al->lock);
    for (size_t i = 0; i < AX_ARRAY_LEN(figures) && al->ngroups; i++) {
        ax_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", figures[i].name, figures[i].help,
                      figures[i].name, figures[i].type);
        for (size_t g = 0; g < al->ngroups; g++)
            put(figures[i].name, al->groups[g], value_of(figures[i].which, al->groups[g]), out);
    }
    pthread_mutex_unlock(&al->lock);
}
