// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "predict/inner.h"

#define DEFAULT_INTERVAL_MS 10000
#define HITS                2   /* in a row before a forecast is told */
#define MISSES              3   /* in a row before it is taken back */
#define SPRUNG_BACK         0.1 /* of the capacity: then it is taken back at once */

int ax_predictor_new(struct ax_predictor **out, const struct ax_predictor_options *o,
                     struct ax_err *err)
{
    struct ax_predictor *p = ax_calloc(1, sizeof *p);
    pthread_mutex_init(&p->lock, NULL);
    p->o = *o;
    p->o.tenant = ax_arena_str(&p->arena, o->tenant);
    if (p->o.interval_ms <= 0)
        p->o.interval_ms = DEFAULT_INTERVAL_MS;
    int rc = ax_questions_parse(p, err);
    if (rc < 0) {
        ax_predictor_free(p);
        return rc;
    }
    *out = p;
    return 0;
}

void ax_predictor_free(struct ax_predictor *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++)
        ax_target_free(p->targets[i]);
    free(p->targets);
    for (size_t k = 0; k < AX_KINDS_OF_TARGET; k++) {
        struct ax_questions *ask = &p->ask[k];
        struct ax_expr *all[] = {ask->raw, ask->most, ask->least, ask->capacity};
        for (size_t i = 0; i < AX_ARRAY_LEN(all); i++)
            ax_expr_free(all[i]);
        ax_map_free(&p->by_key[k]);
    }
    ax_arena_free(&p->arena);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* Both layers as one history. A coarse step becomes two samples in its middle. */
static struct ax_forecast_input history(const struct ax_target *t, int64_t now, struct ax_arena *a)
{
    int64_t *at = AX_NEWS(a, int64_t, 2 * t->ncoarse + t->nraw + 1);
    double *left = AX_NEWS(a, double, 2 * t->ncoarse + t->nraw + 1);
    int64_t raw_from = t->nraw ? t->raw_t[0] : INT64_MAX;
    size_t n = 0;
    for (size_t i = 0; i < t->ncoarse && t->coarse[i].t < raw_from; i++) {
        at[n] = t->coarse[i].t - AX_COARSE_MS / 2;
        left[n++] = t->coarse[i].most;
        at[n] = t->coarse[i].t - AX_COARSE_MS / 2 + 1;
        left[n++] = t->coarse[i].least;
    }
    for (size_t i = 0; i < t->nraw; i++) {
        at[n] = t->raw_t[i];
        left[n++] = t->raw_left[i];
    }
    return (struct ax_forecast_input){at, left, n, t->capacity, now};
}

/* What was foretold goes on being so through a few doubtful rounds, unless the level sprang back:
 * then its cause is gone. */
static bool stays(struct ax_target *t, const struct ax_prediction *fresh)
{
    if (!t->foretold || t->misses >= MISSES)
        return false;
    return !(fresh->level > t->shown.level + SPRUNG_BACK * t->shown.capacity);
}

static void show(struct ax_target *t, const struct ax_prediction *fresh, const char *suffix)
{
    struct ax_buf text = AX_BUF_INIT;
    ax_buf_str(&text, fresh->reason);
    ax_buf_cstr(&text, suffix);
    ax_buf_byte(&text, 0);
    free(t->reason);
    t->reason = text.p;
    t->shown = *fresh;
    t->shown.reason = ax_str(t->reason);
}

/* While it stays without a fresh forecast, the old one counts down. */
static void count_down(struct ax_target *t, int64_t now)
{
    double passed = (double)(now - t->shown.made_at) / 1000;
    for (int q = 0; q < AX_QUANTILES; q++)
        t->shown.seconds[q] = fmax(0, t->shown.seconds[q] - passed);
    t->shown.made_at = now;
}

static void decide(struct ax_target *t, struct ax_prediction *fresh, int64_t now)
{
    bool hit = fresh->verdict == AX_PREDICT_EXHAUST;
    t->hits = hit ? t->hits + 1 : 0;
    t->misses = hit ? 0 : t->misses + 1;
    if (!hit && stays(t, fresh)) {
        count_down(t, now);
        return;
    }
    bool confirmed = hit && (t->foretold || t->hits >= HITS);
    t->foretold = confirmed;
    if (hit && !confirmed) {
        fresh->verdict = AX_PREDICT_STEADY;
        for (int q = 0; q < AX_QUANTILES; q++)
            fresh->seconds[q] = INFINITY;
    }
    show(t, fresh, hit && !confirmed ? "; seen once, not yet confirmed" : "");
}

static void foretell(struct ax_predictor *p, struct ax_target *t, int64_t now)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_forecast_input in = history(t, now, &a);
    struct ax_prediction fresh = {
        .handle = t->handle,
        .name = t->name,
        .kind = AX_STR("exhaustion"),
        .resource = ax_str(t->kind->resource),
        .part = t->part,
        .unit = AX_STR("bytes"),
        .query = t->query,
        .made_at = now,
    };
    ax_forecast(&in, &a, &fresh);
    pthread_mutex_lock(&p->lock);
    decide(t, &fresh, now);
    pthread_mutex_unlock(&p->lock);
    ax_arena_free(&a);
}

int ax_predictor_tick(struct ax_predictor *p, int64_t now, struct ax_err *err)
{
    if (now < p->due)
        return 0;
    p->due = now + p->o.interval_ms;
    struct ax_arena tick = AX_ARENA_INIT;
    int rc = ax_gather(p, now, &tick, err);
    if (rc == 0) {
        bool *ended = AX_NEWS(&tick, bool, p->n + 1);
        for (size_t i = 0; i < p->n; i++) {
            bool before = p->targets[i]->foretold;
            foretell(p, p->targets[i], now);
            ended[i] = before && !p->targets[i]->foretold;
        }
        rc = ax_foretold_publish(p, now, ended, &tick, err);
    }
    ax_arena_free(&tick);
    return rc;
}

static int by_urgency(const void *a, const void *b)
{
    const struct ax_prediction *x = a, *y = b;
    if (x->verdict != y->verdict)
        return x->verdict > y->verdict ? -1 : 1;
    if (x->seconds[1] != y->seconds[1])
        return x->seconds[1] < y->seconds[1] ? -1 : 1;
    int order = ax_str_cmp(x->name, y->name);
    return order ? order : ax_str_cmp(x->part, y->part);
}

static struct ax_prediction copy(const struct ax_prediction *from, struct ax_arena *a)
{
    struct ax_prediction p = *from;
    struct ax_str *text[] = {&p.handle, &p.name, &p.resource, &p.part, &p.query, &p.reason};
    for (size_t i = 0; i < AX_ARRAY_LEN(text); i++)
        *text[i] = ax_arena_str(a, *text[i]);
    return p;
}

void ax_predictor_snapshot(struct ax_predictor *p, bool all, struct ax_str handle,
                           struct ax_arena *a, struct ax_prediction **out, size_t *n)
{
    pthread_mutex_lock(&p->lock);
    struct ax_prediction *v = AX_NEWS(a, struct ax_prediction, p->n + 1);
    size_t count = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct ax_target *t = p->targets[i];
        bool asked = t->shown.made_at && (all || t->foretold) &&
                     (handle.n == 0 || ax_str_eq(handle, t->handle));
        if (asked)
            v[count++] = copy(&t->shown, a);
    }
    pthread_mutex_unlock(&p->lock);
    qsort(v, count, sizeof *v, by_urgency);
    *out = v;
    *n = count;
}
