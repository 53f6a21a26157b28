// SPDX-License-Identifier: Apache-2.0
#include "collect/emit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 4096

void ax_emitter_free(struct ax_emitter *e)
{
    ax_map_free(&e->map);
    ax_arena_free(&e->arena);
    free(e->series);
    *e = (struct ax_emitter){0};
}

void ax_scope_new(struct ax_emitter *e, struct ax_emit_scope *s, const struct ax_label *v, size_t n)
{
    AX_ASSERT(n <= AX_SCOPE_LABELS);
    *s = (struct ax_emit_scope){.id = ++e->scopes, .n = n};
    memcpy(s->v, v, n * sizeof *v);
}

void ax_emit_begin(struct ax_emitter *e, struct ax_batch *batch, int64_t now)
{
    e->batch = batch;
    e->now = now;
    e->round++;
    e->live = 0;
}

/* scope id, name and values with a NUL behind each. Label names belong to the metric's name. */
static bool make_key(char *key, size_t *len, uint32_t scope, struct ax_str name,
                     const struct ax_label *extra, size_t nextra)
{
    size_t n = sizeof scope;
    memcpy(key, &scope, sizeof scope);
    for (size_t i = 0; i <= nextra; i++) {
        struct ax_str part = i ? extra[i - 1].value : name;
        if (part.n + 1 > KEY_MAX - n)
            return false;
        if (part.n)
            memcpy(key + n, part.p, part.n);
        n += part.n;
        key[n++] = '\0';
    }
    *len = n;
    return true;
}

static bool make_labels(struct ax_emitter *e, const struct ax_emit_scope *s, struct ax_str name,
                        const struct ax_label *extra, size_t nextra, struct ax_labels *out)
{
    struct ax_labels_builder b = {.n = 0};
    ax_labels_add(&b, AX_STR("__name__"), name);
    for (size_t i = 0; i < s->n; i++)
        ax_labels_add(&b, s->v[i].name, s->v[i].value);
    for (size_t i = 0; i < nextra; i++)
        ax_labels_add(&b, extra[i].name, extra[i].value);
    return ax_labels_finish(&b, &e->arena, out, NULL) == 0;
}

static struct ax_emit_series *append(struct ax_emitter *e, struct ax_str key, struct ax_str labels)
{
    if (e->n == e->cap) {
        e->cap = e->cap ? e->cap * 2 : 512;
        e->series = ax_realloc(e->series, e->cap * sizeof *e->series);
    }
    if (e->map.n == 0) /* some values are a guest's */
        e->map.secret = ax_map_secret();
    ax_map_put(&e->map, key, e->n);
    e->series[e->n] = (struct ax_emit_series){key, labels, 0};
    return &e->series[e->n++];
}

/* A series whose labels are no good (a name that is not UTF-8) is kept without labels, so that it
 * is examined once and not each round. */
static struct ax_emit_series *find(struct ax_emitter *e, const struct ax_emit_scope *s,
                                   const char *cname, const struct ax_label *extra, size_t nextra)
{
    char bytes[KEY_MAX];
    size_t len;
    struct ax_str name = ax_str(cname);
    if (!make_key(bytes, &len, s->id, name, extra, nextra))
        return NULL;
    uint64_t at;
    if (ax_map_get(&e->map, (struct ax_str){bytes, len}, &at))
        return &e->series[at];
    struct ax_labels labels = {AX_STR_NULL};
    make_labels(e, s, name, extra, nextra, &labels);
    return append(e, ax_arena_str(&e->arena, (struct ax_str){bytes, len}), labels.bytes);
}

static void put(struct ax_emitter *e, const struct ax_emit_series *series, double v)
{
    struct ax_labels copy = {ax_arena_str(e->batch->arena, series->labels)};
    ax_batch_add(e->batch, copy, &(struct ax_sample){e->now, v}, 1);
}

void ax_emit_with(struct ax_emitter *e, const struct ax_emit_scope *s, const char *name,
                  const struct ax_label *extra, size_t nextra, double v)
{
    if (isnan(v))
        return;
    struct ax_emit_series *series = e->live < AX_EMIT_MAX ? find(e, s, name, extra, nextra) : NULL;
    if (!series || !series->labels.n) {
        e->refused++;
        return;
    }
    if (series->round == e->round)
        return;
    series->round = e->round;
    e->live++;
    put(e, series, v);
}

void ax_emit(struct ax_emitter *e, const struct ax_emit_scope *s, const char *name, double v)
{
    ax_emit_with(e, s, name, NULL, 0, v);
}

void ax_emit1(struct ax_emitter *e, const struct ax_emit_scope *s, const char *name,
              const char *label, struct ax_str value, double v)
{
    struct ax_label extra = {ax_str(label), value};
    ax_emit_with(e, s, name, &extra, 1, v);
}

void ax_emit_hold(struct ax_emitter *e, const struct ax_emit_scope *s)
{
    for (size_t i = 0; i < e->n; i++) {
        struct ax_emit_series *series = &e->series[i];
        if (series->round && series->round + 1 == e->round &&
            !memcmp(series->key.p, &s->id, sizeof s->id)) {
            series->round = e->round;
            e->live++;
        }
    }
}

/* Forgets series that are gone, by moving the others into a fresh arena. */
static void compact(struct ax_emitter *e)
{
    struct ax_emitter old = *e;
    e->arena = (struct ax_arena)AX_ARENA_INIT;
    e->map = (struct ax_map)AX_MAP_INIT;
    e->series = NULL;
    e->n = e->cap = 0;
    for (size_t i = 0; i < old.n; i++) {
        const struct ax_emit_series *s = &old.series[i];
        if (s->round != e->round)
            continue;
        append(e, ax_arena_str(&e->arena, s->key), ax_arena_str(&e->arena, s->labels))->round =
            s->round;
    }
    ax_emitter_free(&old);
}

void ax_emit_end(struct ax_emitter *e)
{
    for (size_t i = 0; i < e->n; i++)
        if (e->series[i].round && e->series[i].round + 1 == e->round)
            put(e, &e->series[i], ax_stale());
    if (e->n > 2 * e->live + 1000)
        compact(e);
    e->batch = NULL;
}
