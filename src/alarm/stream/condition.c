// SPDX-License-Identifier: Apache-2.0
/* Conditions: a definition in the index whose alarms are label sets.
 *
 *   condition --> def: a sub-expression for each selector
 *                  +--> alarms, by labels without the name: a trail for each selector
 *
 *             holds  . . . # # # . . # . . # # #         taken: what was told last
 *             told       ^ (rose)  ^ (fell)              flipped: it changed since. When it is as
 *                                                        it was told nevertheless, the other comes
 *                                                        first. */
#include "alarm/stream/inner.h"

#include <stdlib.h>

/* ---- beginning and end ---- */

/* The dimensions by which the index finds the selector: those that have one value. */
static void make_sub(struct ax_def *d, const struct ax_local_selector *x, struct ax_sub *out)
{
    *out = (struct ax_sub){.function = AX_LAST, .metric = x->metric};
    out->dimensions = AX_NEWS(&d->arena, struct ax_label, x->n);
    for (size_t i = 0; i < x->n; i++) {
        const struct ax_matcher *m = &x->matchers[i];
        if (m->op == AX_MATCH_EQ && m->value.n && !ax_str_eq(m->name, AX_STR("__name__")))
            out->dimensions[out->ndimensions++] = (struct ax_label){m->name, m->value};
    }
}

static struct ax_def *make_def(struct ax_condition *c)
{
    struct ax_def *d = ax_calloc(1, sizeof *d);
    size_t each = (AX_TRAIL_AT + sizeof(struct ax_trail) + AX_LINE - 1) / AX_LINE * AX_LINE;
    d->condition = c;
    d->tenant = ax_tenant_of(c->s, c->o.tenant);
    d->expr.nsubs = c->n;
    d->expr.subs = AX_NEWS(&d->arena, struct ax_sub, c->n);
    for (size_t i = 0; i < c->n; i++) {
        make_sub(d, &c->selectors[i], &d->expr.subs[i]);
        d->offset[i] = (uint32_t)(i * each);
    }
    d->size = (uint32_t)(AX_WINDOWS + c->n * each);
    return d;
}

int ax_condition_begin(struct ax_stream *s, const struct ax_condition_options *o, int64_t now,
                       struct ax_condition **out, struct ax_err *err)
{
    struct ax_condition *c = ax_calloc(1, sizeof *c);
    c->s = s;
    c->o = *o;
    c->n = ax_local_selectors(o->local, &c->selectors);
    pthread_mutex_init(&c->lock, NULL);
    pthread_mutex_lock(&s->api); /* of the tenants */
    pthread_rwlock_wrlock(&s->shape);
    c->def = make_def(c);
    c->o.tenant = ax_str(c->def->tenant->name);
    c->def->number = ++s->number;
    ax_index_def(s, c->def);
    pthread_rwlock_unlock(&s->shape);
    pthread_mutex_unlock(&s->api);
    int rc = ax_condition_fill(c, now, err);
    if (rc < 0) {
        ax_condition_end(c);
        return rc;
    }
    *out = c;
    return 0;
}

void ax_condition_end(struct ax_condition *c)
{
    if (!c)
        return;
    struct ax_stream *s = c->s;
    pthread_rwlock_wrlock(&s->shape);
    ax_index_drop(s, c->def);
    while (c->def->n)
        ax_live_end(s, c->def->alarms[c->def->n - 1]);
    pthread_rwlock_unlock(&s->shape);
    ax_def_free(s, c->def);
    pthread_mutex_destroy(&c->lock);
    free(c->active);
    free(c);
}

/* ---- label sets ---- */

/* All labels but the name. */
bool ax_condition_key(const struct ax_condition *c, uint32_t selector, struct ax_labels labels,
                      struct ax_buf *key)
{
    const struct ax_local_selector *x = &c->selectors[selector];
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_labels_builder b = {0};
    struct ax_labels rest;
    struct ax_label l;
    if (!ax_matcher_labels(x->matchers, x->n, labels))
        return false;
    AX_LABELS_EACH (labels, l)
        if (!ax_str_eq(l.name, AX_STR("__name__")) && !ax_str_eq(l.name, AX_STR(AX_TENANT_LABEL)))
            ax_labels_add(&b, l.name, l.value);
    if (ax_labels_finish(&b, &a, &rest, NULL) == 0)
        ax_buf_str(key, rest.bytes);
    ax_arena_free(&a);
    return true;
}

void ax_condition_empty(struct ax_stream *s, struct ax_live *al)
{
    for (size_t i = 0; i < al->nsubs; i++) {
        struct ax_trail *tr = ax_trail_of(ax_window_of(al, i));
        __atomic_sub_fetch(&s->bytes, ax_trail_bytes(tr), __ATOMIC_RELAXED);
        ax_trail_end(tr);
    }
}

/* ---- the list of those that hold ---- */

static void drop_active(struct ax_condition *c, struct ax_live *al)
{
    pthread_mutex_lock(&c->lock);
    struct ax_live *last = c->active[--c->nactive];
    c->active[al->active - 1] = last;
    last->active = al->active;
    al->active = 0;
    pthread_mutex_unlock(&c->lock);
}

void ax_condition_forget(struct ax_live *al)
{
    struct ax_condition *c = al->def->condition;
    if (al->holds)
        __atomic_sub_fetch(&c->holding, 1, __ATOMIC_RELAXED);
    if (al->active)
        drop_active(c, al);
    ax_live_end(c->s, al);
    c->o.changed(c->o.ctx);
}

static struct ax_live **copy_active(struct ax_condition *c, struct ax_arena *a, size_t *n)
{
    pthread_mutex_lock(&c->lock);
    struct ax_live **v = AX_NEWS(a, struct ax_live *, c->nactive);
    *n = c->nactive;
    if (*n)
        memcpy(v, c->active, *n * sizeof *v);
    pthread_mutex_unlock(&c->lock);
    return v;
}

/* ---- what holds ---- */

static struct ax_labels labels_of(const struct ax_condition *c, const struct ax_live *al, int name,
                                  struct ax_arena *a)
{
    struct ax_labels_builder b = {0};
    struct ax_labels key = {ax_arena_str(a, al->key)}, out = key;
    if (name < 0)
        return key;
    ax_labels_add_all(&b, key);
    ax_labels_add(&b, AX_STR("__name__"), c->selectors[name].metric);
    return ax_labels_finish(&b, a, &out, NULL) == 0 ? out : key;
}

/* What is told of one label set: whether it holds, and *again, whether there is more to tell. */
static bool take_one(struct ax_run *r, struct ax_live *al, struct ax_arena *a,
                     struct ax_holding *out, bool *again)
{
    struct ax_condition *c = al->def->condition;
    struct ax_local_value v;
    ax_condition_look(r, al, &v);
    bool passed = al->flipped && al->holds == al->taken;
    bool told = passed ? !al->taken : al->holds;
    al->flipped = false;
    al->taken = told;
    *again |= passed;
    if (told) {
        out->labels = labels_of(c, al, passed ? -1 : v.name, a);
        out->value = passed ? al->risen : v.v;
    } else if (!al->holds) {
        drop_active(c, al);
    }
    return told;
}

static size_t take_all(struct ax_condition *c, int64_t now, struct ax_arena *a,
                       struct ax_holding **out, bool *again)
{
    struct ax_run r = {.s = c->s, .m = ax_moment_at(c->s, now)};
    size_t n, told = 0;
    struct ax_live **v = copy_active(c, a, &n);
    *out = AX_NEWS(a, struct ax_holding, n + 1);
    for (size_t i = 0; i < n; i++) {
        struct ax_shard *sh = ax_shard_of(c->s, v[i]);
        pthread_mutex_lock(&sh->lock);
        told += take_one(&r, v[i], a, &(*out)[told], again);
        pthread_mutex_unlock(&sh->lock);
    }
    return told;
}

int ax_condition_take(struct ax_condition *c, int64_t now, struct ax_arena *a,
                      struct ax_holding **out, size_t *n)
{
    bool again = false;
    ax_stream_tick(c->s, now); /* what is due is looked at first: the next one may come later */
    pthread_rwlock_rdlock(&c->s->shape);
    *n = take_all(c, now, a, out, &again);
    pthread_rwlock_unlock(&c->s->shape);
    if (ax_local_is_absent(c->o.local)) {
        *n = __atomic_load_n(&c->holding, __ATOMIC_RELAXED) == 0;
        (*out)[0] = (struct ax_holding){.value = 1};
        if (*n && ax_local_absent(c->o.local, a, &(*out)[0].labels, NULL) < 0)
            *n = 0;
    }
    return again;
}
