// SPDX-License-Identifier: Apache-2.0
/* What Prometheus's /api/v1/rules and /api/v1/alerts answer in `data`. */
#include "alarm/inner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

static const char *const state_name[] = {"pending", "firing"};

/* Values of alarms are strings in exponent notation, as short as reads back: "1e+00". */
static void put_value(struct ax_json *j, double v)
{
    char text[40];
    if (!isfinite(v)) {
        ax_json_cstr(j, isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
        return;
    }
    for (int digits = 0; digits <= 16; digits++) {
        double back;
        int n = snprintf(text, sizeof text, "%.*e", digits, v);
        if (ax_str_double((struct ax_str){text, (size_t)n}, &back) && back == v)
            break;
    }
    ax_json_cstr(j, text);
}

static void put_alarm(struct ax_json *j, const struct ax_alarm *alarm)
{
    ax_json_obj(j);
    ax_json_key(j, "labels");
    ax_labels_json(j, alarm->labels);
    ax_json_key(j, "annotations");
    ax_json_raw(j, ax_str(alarm->annotations));
    ax_json_key(j, "state");
    ax_json_cstr(j, state_name[alarm->state]);
    ax_json_key(j, "activeAt");
    ax_json_time(j, alarm->active_at);
    if (alarm->cleared_at) {
        ax_json_key(j, "keepFiringSince");
        ax_json_time(j, alarm->cleared_at);
    }
    ax_json_key(j, "value");
    put_value(j, alarm->value);
    ax_json_end(j);
}

static void put_alarms(struct ax_json *j, const struct ax_watch *w)
{
    for (size_t i = 0; i < w->n; i++)
        put_alarm(j, &w->alarms[i]);
}

static const char *state_of(const struct ax_watch *w)
{
    const char *state = "inactive";
    for (size_t i = 0; i < w->n; i++) {
        if (w->alarms[i].state == AX_ALARM_FIRING)
            return "firing";
        state = "pending";
    }
    return state;
}

static void put_pairs(struct ax_json *j, const char *key, const struct ax_pairs *p)
{
    ax_json_key(j, key);
    ax_json_obj(j);
    for (size_t i = 0; i < p->n; i++) {
        ax_json_key_str(j, p->v[i].name);
        ax_json_str(j, ax_template_text(p->v[i].value));
    }
    ax_json_end(j);
}

static void put_times(struct ax_json *j, int64_t at, int64_t took_ns)
{
    ax_json_key(j, "evaluationTime");
    ax_json_num(j, (double)took_ns / 1e9);
    ax_json_key(j, "lastEvaluation");
    if (at)
        ax_json_time(j, at);
    else
        ax_json_cstr(j, "0001-01-01T00:00:00Z"); /* how Prometheus says never */
}

static void put_alerting(struct ax_json *j, const struct ax_watch *w)
{
    ax_json_key(j, "state");
    ax_json_cstr(j, state_of(w));
    ax_json_key(j, "duration");
    ax_json_num(j, (double)w->rule->for_ms / 1000);
    ax_json_key(j, "keepFiringFor");
    ax_json_num(j, (double)w->rule->keep_firing_ms / 1000);
    put_pairs(j, "annotations", &w->rule->annotations);
    ax_json_key(j, "alerts");
    ax_json_arr(j);
    put_alarms(j, w);
    ax_json_end(j);
}

/* What is in force works, but is not what its file says: that is not well, too. */
static void put_health(struct ax_json *j, const struct ax_group *g, const struct ax_watch *w)
{
    bool bad = w->error || g->fault;
    ax_json_key(j, "health");
    ax_json_cstr(j, bad ? "err" : w->evaluated_at ? "ok" : "unknown");
    if (bad) {
        ax_json_key(j, "lastError");
        ax_json_cstr(j, w->error ? w->error : g->fault);
    }
}

static void put_rule(struct ax_json *j, const struct ax_group *g, const struct ax_watch *w)
{
    ax_json_obj(j);
    ax_json_key(j, "name");
    ax_json_str(j, w->rule->name);
    ax_json_key(j, "query");
    ax_json_str(j, w->rule->query);
    put_pairs(j, "labels", &w->rule->labels);
    if (!w->rule->records)
        put_alerting(j, w);
    put_health(j, g, w);
    put_times(j, w->evaluated_at, w->took_ns);
    ax_json_key(j, "evaluation");
    ax_json_cstr(j, w->condition ? "stream" : "interval");
    if (!w->condition) {
        ax_json_key(j, "evaluationReason");
        ax_json_str(j, w->why);
    }
    ax_json_key(j, "type");
    ax_json_cstr(j, w->rule->records ? "recording" : "alerting");
    ax_json_end(j);
}

static void put_group(struct ax_json *j, const struct ax_group *g, struct ax_str type)
{
    bool all = type.n == 0, records = ax_str_eq(type, AX_STR("record"));
    ax_json_obj(j);
    ax_json_key(j, "name");
    ax_json_str(j, g->rules->name);
    ax_json_key(j, "file");
    ax_json_str(j, g->rules->file);
    ax_json_key(j, "rules");
    ax_json_arr(j);
    for (size_t i = 0; i < g->rules->n; i++)
        if (all || g->watches[i].rule->records == records)
            put_rule(j, g, &g->watches[i]);
    ax_json_end(j);
    ax_json_key(j, "interval");
    ax_json_num(j, (double)g->interval_ms / 1000);
    ax_json_key(j, "limit");
    ax_json_int(j, (int64_t)g->rules->limit);
    if (g->fault) {
        ax_json_key(j, "lastError");
        ax_json_cstr(j, g->fault);
    }
    put_times(j, g->evaluated_at, g->took_ns);
    ax_json_end(j);
}

/* A group without rules, so that its fault is seen where groups are looked for. */
static void put_left_out(struct ax_json *j, const struct ax_left_out *x)
{
    ax_json_obj(j);
    ax_json_key(j, "name");
    ax_json_cstr(j, x->group);
    ax_json_key(j, "file");
    ax_json_cstr(j, x->file);
    ax_json_key(j, "rules");
    ax_json_arr(j);
    ax_json_end(j);
    ax_json_key(j, "interval");
    ax_json_int(j, 0);
    ax_json_key(j, "limit");
    ax_json_int(j, 0);
    ax_json_key(j, "lastError");
    ax_json_cstr(j, x->fault);
    put_times(j, 0, 0);
    ax_json_end(j);
}

void ax_alarms_rules_json(struct ax_alarms *al, struct ax_str tenant, struct ax_str type,
                          struct ax_buf *out)
{
    struct ax_json j = {.out = out};
    pthread_mutex_lock(&al->lock);
    ax_json_obj(&j);
    ax_json_key(&j, "groups");
    ax_json_arr(&j);
    for (size_t g = 0; g < al->ngroups; g++)
        if (ax_str_eq(al->groups[g]->rules->tenant, tenant))
            put_group(&j, al->groups[g], type);
    for (size_t i = 0; i < al->nleft_out; i++)
        if (ax_str_eq(ax_str(al->left_out[i].tenant), tenant))
            put_left_out(&j, &al->left_out[i]);
    ax_json_end(&j);
    ax_json_end(&j);
    pthread_mutex_unlock(&al->lock);
}

void ax_alarms_alerts_json(struct ax_alarms *al, struct ax_str tenant, struct ax_buf *out)
{
    struct ax_json j = {.out = out};
    pthread_mutex_lock(&al->lock);
    ax_json_obj(&j);
    ax_json_key(&j, "alerts");
    ax_json_arr(&j);
    for (size_t g = 0; g < al->ngroups; g++) {
        const struct ax_group *group = al->groups[g];
        for (size_t i = 0; i < group->rules->n && ax_str_eq(group->rules->tenant, tenant); i++)
            put_alarms(&j, &group->watches[i]);
    }
    ax_json_end(&j);
    ax_json_end(&j);
    pthread_mutex_unlock(&al->lock);
}
