// SPDX-License-Identifier: Apache-2.0
#include "predict/inner.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define FORGET_MS   (60 * 60 * 1000ll) /* without a sample */
#define DAY_MS      (24 * 60 * 60 * 1000ll)
#define DEADLINE_NS (60 * 1000000000ll)

const struct ax_kind_of_target ax_kinds_of_target[AX_KINDS_OF_TARGET] = {
    {"memory", "vm:", "vm", NULL, "vm_memory_guest_available_bytes",
     "vm_memory_guest_visible_bytes"},
    {"memory", "host:", "instance", NULL, "node_memory_MemAvailable_bytes",
     "node_memory_MemTotal_bytes"},
    {"filesystem", "host:", "instance", "mountpoint",
     "node_filesystem_avail_bytes{fstype!~\"tmpfs|devtmpfs|overlay|squashfs|iso9660|ramfs|9p\"}",
     "node_filesystem_size_bytes"},
};

static int parse(struct ax_predictor *p, const char *before, const char *selector,
                 const char *after, struct ax_expr **out, struct ax_err *err)
{
    struct ax_str text = ax_arena_printf(&p->arena, "%s%s%s", before, selector, after);
    return ax_expr_parse(text, &p->arena, out, err);
}

int ax_questions_parse(struct ax_predictor *p, struct ax_err *err)
{
    int rc = 0;
    for (size_t k = 0; k < AX_KINDS_OF_TARGET && rc == 0; k++) {
        const struct ax_kind_of_target *kind = &ax_kinds_of_target[k];
        rc = parse(p, "", kind->left, "[30m]", &p->ask[k].raw, err);
        if (rc == 0)
            rc = parse(p, "max_over_time(", kind->left, "[5m])", &p->ask[k].most, err);
        if (rc == 0)
            rc = parse(p, "min_over_time(", kind->left, "[5m])", &p->ask[k].least, err);
        if (rc == 0)
            rc = parse(p, "", kind->capacity, "", &p->ask[k].capacity, err);
    }
    return rc;
}

static int query(struct ax_predictor *p, const struct ax_expr *e, int64_t start, int64_t end,
                 struct ax_arena *a, struct ax_query_result *out, struct ax_err *err)
{
    struct ax_query_options o = {.start = start,
                                 .end = end,
                                 .step = start == end ? 0 : AX_COARSE_MS,
                                 .deadline_ns = ax_mono_ns() + DEADLINE_NS};
    return ax_query_eval(e, &p->o.source, &o, a, out, err);
}

void ax_target_free(struct ax_target *t)
{
    ax_arena_free(&t->arena);
    free(t->coarse);
    free(t->reason);
    free(t);
}

static struct ax_labels without_name(struct ax_labels l, struct ax_arena *a)
{
    struct ax_labels_builder b = {0};
    struct ax_labels out = {{NULL, 0}};
    struct ax_label each;
    AX_LABELS_EACH (l, each)
        if (!ax_str_eq(each.name, AX_STR("__name__")))
            ax_labels_add(&b, each.name, each.value);
    ax_labels_finish(&b, a, &out, NULL); /* a subset of a good set is good */
    return out;
}

static struct ax_target *known(struct ax_predictor *p, size_t kind, struct ax_labels key)
{
    uint64_t at;
    return ax_map_get(&p->by_key[kind], key.bytes, &at) ? p->targets[at] : NULL;
}

static struct ax_str label(const struct ax_target *t, const char *name)
{
    return name ? ax_labels_get(t->key, ax_str(name)) : AX_STR_NULL;
}

/* NULL for a series that belongs to no resource of this kind. */
static struct ax_target *new_target(struct ax_predictor *p, size_t k, struct ax_labels series)
{
    const struct ax_kind_of_target *kind = &ax_kinds_of_target[k];
    struct ax_str handle = ax_labels_get(series, AX_STR("handle"));
    if (!ax_str_starts(handle, ax_str(kind->handle_prefix)))
        return NULL;
    struct ax_target *t = ax_calloc(1, sizeof *t);
    struct ax_buf text = AX_BUF_INIT;
    t->kind = kind;
    t->capacity = NAN;
    t->key = without_name(series, &t->arena);
    t->handle = label(t, "handle");
    t->name = label(t, kind->name_label);
    t->part = label(t, kind->part_label);
    ax_labels_print(series, &text);
    t->query = ax_arena_str(&t->arena, ax_buf_view(&text));
    ax_buf_free(&text);
    if (ax_foretold_labels(p, t, NULL) < 0) {
        ax_target_free(t);
        return NULL;
    }
    return t;
}

static void add_target(struct ax_predictor *p, size_t kind, struct ax_target *t)
{
    pthread_mutex_lock(&p->lock);
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 16;
        p->targets = ax_realloc(p->targets, p->cap * sizeof *p->targets);
    }
    p->targets[p->n] = t;
    ax_map_put(&p->by_key[kind], t->key.bytes, p->n);
    p->n++;
    pthread_mutex_unlock(&p->lock);
}

static struct ax_target *target_of(struct ax_predictor *p, size_t kind, struct ax_labels series,
                                   struct ax_arena *tick)
{
    struct ax_target *t = known(p, kind, without_name(series, tick));
    if (!t && (t = new_target(p, kind, series)))
        add_target(p, kind, t);
    return t;
}

static int gather_raw(struct ax_predictor *p, size_t kind, int64_t now, struct ax_arena *tick,
                      struct ax_err *err)
{
    struct ax_query_result found;
    int rc = query(p, p->ask[kind].raw, now, now, tick, &found, err);
    for (size_t i = 0; rc == 0 && i < found.n; i++) {
        const struct ax_result_series *s = &found.series[i];
        struct ax_target *t = target_of(p, kind, s->labels, tick);
        if (!t || s->n == 0)
            continue;
        int64_t *at = AX_NEWS(tick, int64_t, s->n);
        double *left = AX_NEWS(tick, double, s->n);
        for (size_t k = 0; k < s->n; k++) {
            at[k] = s->v[k].t;
            left[k] = s->v[k].v;
        }
        t->raw_t = at;
        t->raw_left = left;
        t->nraw = s->n;
        t->seen = now;
    }
    return rc;
}

static int gather_capacity(struct ax_predictor *p, size_t kind, int64_t now, struct ax_arena *tick,
                           struct ax_err *err)
{
    struct ax_query_result found;
    int rc = query(p, p->ask[kind].capacity, now, now, tick, &found, err);
    for (size_t i = 0; rc == 0 && i < found.n; i++) {
        struct ax_target *t = known(p, kind, without_name(found.series[i].labels, tick));
        if (t)
            t->capacity = found.series[i].v[0].v;
    }
    return rc;
}

static void add_coarse(struct ax_target *t, const struct ax_result_series *most,
                       const struct ax_result_series *least)
{
    size_t n = most->n < least->n ? most->n : least->n; /* the same samples made both */
    t->coarse = ax_realloc(t->coarse, (t->ncoarse + n + 1) * sizeof *t->coarse);
    for (size_t i = 0; i < n; i++) {
        bool had = t->ncoarse && most->v[i].t <= t->coarse[t->ncoarse - 1].t;
        if (!had) /* a round that failed half-way is asked again */
            t->coarse[t->ncoarse++] = (struct ax_coarse){most->v[i].t, most->v[i].v, least->v[i].v};
    }
    if (t->ncoarse > AX_COARSE_KEPT) {
        size_t old = t->ncoarse - AX_COARSE_KEPT;
        memmove(t->coarse, t->coarse + old, AX_COARSE_KEPT * sizeof *t->coarse);
        t->ncoarse = AX_COARSE_KEPT;
    }
}

static int gather_coarse(struct ax_predictor *p, size_t kind, int64_t start, int64_t end,
                         struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_query_result most, least;
    int rc = query(p, p->ask[kind].most, start, end, &a, &most, err);
    if (rc == 0)
        rc = query(p, p->ask[kind].least, start, end, &a, &least, err);
    for (size_t i = 0, j = 0; rc == 0 && i < most.n && j < least.n;) {
        int order = ax_labels_cmp(most.series[i].labels, least.series[j].labels);
        struct ax_target *t =
            order ? NULL : known(p, kind, without_name(most.series[i].labels, &a));
        if (t)
            add_coarse(t, &most.series[i], &least.series[j]);
        i += order <= 0;
        j += order >= 0;
    }
    ax_arena_free(&a);
    return rc;
}

/* The first time seven days, or one where that is too much; later only the steps that are new. */
static int gather_all_coarse(struct ax_predictor *p, int64_t now, struct ax_err *err)
{
    int64_t end = now / AX_COARSE_MS * AX_COARSE_MS, from = p->coarse_until;
    if (end <= from)
        return 0;
    int rc = 0;
    for (size_t k = 0; k < AX_KINDS_OF_TARGET && rc == 0; k++) {
        int64_t start = from ? from + AX_COARSE_MS : end - AX_COARSE_KEPT * AX_COARSE_MS;
        rc = gather_coarse(p, k, start, end, err);
        if ((rc == -E2BIG || rc == -ETIMEDOUT) && end - start > DAY_MS)
            rc = gather_coarse(p, k, end - DAY_MS, end, err);
    }
    if (rc == 0)
        p->coarse_until = end;
    return rc;
}

static void forget_the_gone(struct ax_predictor *p, int64_t now)
{
    size_t kept = 0;
    pthread_mutex_lock(&p->lock);
    for (size_t k = 0; k < AX_KINDS_OF_TARGET; k++)
        ax_map_clear(&p->by_key[k]);
    for (size_t i = 0; i < p->n; i++) {
        struct ax_target *t = p->targets[i];
        if (!t->foretold && now - t->seen > FORGET_MS) {
            ax_target_free(t);
            continue;
        }
        ax_map_put(&p->by_key[t->kind - ax_kinds_of_target], t->key.bytes, kept);
        p->targets[kept++] = t;
    }
    p->n = kept;
    pthread_mutex_unlock(&p->lock);
}

int ax_gather(struct ax_predictor *p, int64_t now, struct ax_arena *tick, struct ax_err *err)
{
    int rc = 0;
    forget_the_gone(p, now);
    for (size_t i = 0; i < p->n; i++) {
        p->targets[i]->nraw = 0;
        p->targets[i]->capacity = NAN;
    }
    for (size_t k = 0; k < AX_KINDS_OF_TARGET && rc == 0; k++) {
        rc = gather_raw(p, k, now, tick, err);
        if (rc == 0)
            rc = gather_capacity(p, k, now, tick, err);
    }
    return rc < 0 ? rc : gather_all_coarse(p, now, err);
}
