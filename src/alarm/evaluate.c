// SPDX-License-Identifier: Apache-2.0
/* One rule is evaluated: what holds, the labels and annotations that the rule gives it, and what
 * becomes of its alarms. */
#include "alarm/inner.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"

#define DEADLINE_NS (30 * 1000000000ll) /* for one expression */

/* One evaluation of one rule. */
struct round {
    struct ax_alarms *al;
    struct ax_group *group;
    struct ax_watch *watch;
    int64_t now;
    bool whole; /* all is told again, not only what is new */
    struct ax_arena arena;
    struct ax_found *found;
    size_t n;
};

/* {{ query }}: of the rule's tenant, at the time of its evaluation. */
static int query(void *ctx, struct ax_str expression, struct ax_arena *a,
                 struct ax_query_result *out, struct ax_err *err)
{
    struct round *r = ctx;
    struct ax_expr *e;
    struct ax_source source = r->al->o.source;
    struct ax_query_options o = {
        .start = r->now, .end = r->now, .deadline_ns = ax_mono_ns() + DEADLINE_NS};
    source.tenant = r->group->rules->tenant;
    int rc = ax_expr_parse(expression, a, &e, err);
    if (rc < 0)
        return rc;
    rc = ax_query_eval(e, &source, &o, a, out, err);
    ax_expr_free(e);
    return rc;
}

static struct ax_template_world world_of(struct round *r, struct ax_labels labels, double value)
{
    return (struct ax_template_world){
        .labels = labels, .value = value, .url = ax_str(r->al->url), .query = query, .ctx = r};
}

/* The labels of one alarm or recorded series: the result's, with the rule's put over them. */
static int label(struct round *r, struct ax_labels result, double value, struct ax_labels *out,
                 struct ax_err *err)
{
    const struct ax_rule *rule = r->watch->rule;
    struct ax_template_world world = world_of(r, result, value);
    struct ax_labels_builder b = {0};
    struct ax_str own = rule->records ? AX_STR("__name__") : AX_STR("alertname");
    ax_labels_add(&b, own, rule->name);
    for (size_t i = 0; i < rule->labels.n; i++)
        if (!ax_str_eq(rule->labels.v[i].name, own))
            ax_labels_add(&b, rule->labels.v[i].name,
                          rule->records
                              ? ax_template_text(rule->labels.v[i].value)
                              : ax_template_render(rule->labels.v[i].value, &world, &r->arena));
    size_t ours = b.n;
    struct ax_label l;
    AX_LABELS_EACH (result, l) {
        bool covered = ax_str_eq(l.name, AX_STR("__name__"));
        for (size_t i = 0; i < ours; i++)
            covered = covered || ax_str_eq(b.v[i].name, l.name);
        if (!covered)
            ax_labels_add(&b, l.name, l.value);
    }
    if (rule->records)
        return ax_intake_labels(&b, r->group->rules->tenant, &r->arena, out, err);
    return ax_labels_finish(&b, &r->arena, out, err);
}

static void annotate(struct round *r, struct ax_labels result, struct ax_found *f)
{
    const struct ax_pairs *notes = &r->watch->rule->annotations;
    struct ax_template_world world = world_of(r, result, f->value);
    struct ax_buf text = AX_BUF_INIT;
    struct ax_json j = {.out = &text};
    f->summary = r->watch->rule->name;
    ax_json_obj(&j);
    for (size_t i = 0; i < notes->n; i++) {
        struct ax_str s = ax_template_render(notes->v[i].value, &world, &r->arena);
        ax_json_key_str(&j, notes->v[i].name);
        ax_json_str(&j, s);
        if (ax_str_eq(notes->v[i].name, AX_STR("summary")))
            f->summary = s;
    }
    ax_json_end(&j);
    f->annotations = ax_arena_str(&r->arena, ax_buf_view(&text));
    ax_buf_free(&text);
}

/* What fires on is worded anew every interval only. */
static bool is_worded(struct round *r, const struct ax_map *alarms, struct ax_found *f)
{
    uint64_t at;
    if (r->whole || !ax_map_get(alarms, f->labels.bytes, &at))
        return false;
    const struct ax_alarm *al = &r->watch->alarms[at];
    if (al->state != AX_ALARM_FIRING)
        return false;
    f->annotations = ax_arena_str(&r->arena, ax_str(al->annotations));
    f->summary = ax_arena_str(&r->arena, ax_str(al->summary));
    return true;
}

static int take_in(struct round *r, const struct ax_holding *v, size_t n, struct ax_err *err)
{
    if (r->group->rules->limit && n > r->group->rules->limit)
        return ax_fail(err, -E2BIG, "%zu results, more than the group's limit of %llu", n,
                       (unsigned long long)r->group->rules->limit);
    r->found = AX_NEWS(&r->arena, struct ax_found, n);
    struct ax_map once = AX_MAP_INIT, alarms = AX_MAP_INIT;
    int rc = 0;
    for (size_t i = 0; !r->whole && i < r->watch->n; i++)
        ax_map_put(&alarms, r->watch->alarms[i].labels.bytes, i);
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct ax_found *f = &r->found[i];
        f->value = v[i].value;
        rc = label(r, v[i].labels, f->value, &f->labels, err);
        if (rc == 0 && ax_map_put(&once, f->labels.bytes, 1))
            rc = ax_fail(err, -EDOM,
                         "two results have the same labels once the rule's are put on them");
        if (rc == 0 && !r->watch->rule->records && !is_worded(r, &alarms, f))
            annotate(r, v[i].labels, f);
    }
    ax_map_free(&alarms);
    ax_map_free(&once);
    if (rc == 0)
        r->n = n;
    return rc;
}

static int ask_store(struct round *r, struct ax_holding **out, size_t *n, struct ax_err *err)
{
    int64_t at = r->now - r->group->rules->offset_ms;
    struct ax_query_options o = {.start = at, .end = at, .deadline_ns = ax_mono_ns() + DEADLINE_NS};
    struct ax_source source = r->al->o.source;
    struct ax_query_result result;
    source.tenant = r->group->rules->tenant;
    int rc = ax_query_eval(r->watch->rule->expr, &source, &o, &r->arena, &result, err);
    if (rc < 0)
        return rc;
    bool scalar = result.type == AX_SCALAR;
    *n = scalar ? 1 : result.n;
    *out = AX_NEWS(&r->arena, struct ax_holding, *n + 1);
    for (size_t i = 0; i < *n && !scalar; i++)
        (*out)[i] = (struct ax_holding){result.series[i].labels, result.series[i].v[0].v};
    if (scalar)
        (*out)[0].value = result.scalar.v;
    return 0;
}

static int ask(struct round *r, struct ax_err *err)
{
    struct ax_holding *v;
    size_t n;
    int rc = 0;
    if (!r->watch->condition)
        rc = ask_store(r, &v, &n, err);
    else if (ax_condition_take(r->watch->condition, r->now, &r->arena, &v, &n))
        r->watch->changed = true;
    return rc < 0 ? rc : take_in(r, v, n, err);
}

static int send_out(struct round *r, struct ax_err *err)
{
    struct ax_batch b = {.arena = &r->arena};
    if (!r->watch->rule->records)
        ax_alarms_to_batch(r->group, r->watch, r->now, &b);
    for (size_t i = 0; r->watch->rule->records && i < r->n; i++) {
        struct ax_sample s = {r->now, r->found[i].value};
        ax_batch_add(&b, r->found[i].labels, &s, 1);
    }
    return ax_publish(r->al, r->watch, &b, r->whole, r->now, err);
}

static void finish(struct round *r, int rc, const struct ax_err *err, int64_t began_ns)
{
    struct ax_watch *w = r->watch;
    pthread_mutex_lock(&r->al->lock);
    free(w->error);
    w->error = rc < 0 ? ax_strdup(err->text) : NULL;
    w->evaluations++;
    w->failures += rc < 0;
    w->samples = r->n;
    w->evaluated_at = r->now;
    w->took_ns = ax_mono_ns() - began_ns;
    pthread_mutex_unlock(&r->al->lock);
}

static void advance(struct round *r)
{
    pthread_mutex_lock(&r->al->lock);
    ax_watch_advance(r->watch, r->found, r->n, r->now);
    pthread_mutex_unlock(&r->al->lock);
}

/* Only the state machine runs under the lock: views never wait for a query or a disk. A rule whose
 * last changes are not yet written stands still until they are. */
int ax_evaluate(struct ax_alarms *al, struct ax_group *g, struct ax_watch *w, bool whole,
                int64_t now)
{
    struct round r = {.al = al, .group = g, .watch = w, .now = now, .whole = whole};
    struct ax_err err = {0};
    int64_t began = ax_mono_ns();
    int changes = 0, rc = ax_settle(al, g, w, &changes, &err);
    if (rc == 0)
        rc = ask(&r, &err);
    if (rc == 0) {
        if (!w->rule->records)
            advance(&r);
        rc = ax_settle(al, g, w, &changes, &err);
        struct ax_err unsent;
        int sent = send_out(&r, rc < 0 ? &unsent : &err);
        rc = rc < 0 ? rc : sent;
    }
    finish(&r, rc, &err, began);
    ax_arena_free(&r.arena);
    return changes;
}
