// SPDX-License-Identifier: Apache-2.0
/* The definitions: at work in memory, kept in the database. The database is written first. */
#include "alarm/stream/inner.h"

#include <errno.h>
#include <stdlib.h>

/* ---- values ---- */

struct ax_str ax_lines(struct ax_strs v, struct ax_arena *a)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    for (size_t i = 0; i < v.n; i++) {
        ax_buf_cstr(&b, i ? "\n" : "");
        ax_buf_str(&b, v.v[i]);
    }
    return ax_arena_str(a, ax_buf_view(&b));
}

struct ax_strs ax_unlines(struct ax_str text, struct ax_arena *a)
{
    size_t n = text.n > 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    struct ax_str *v = AX_NEWS(a, struct ax_str, n);
    struct ax_strs out = {v, n};
    for (size_t i = 0; i < n; i++)
        ax_str_cut(&text, '\n', &v[i]);
    return out;
}

static struct ax_strs copy_list(struct ax_strs from, struct ax_arena *a)
{
    struct ax_str *v = AX_NEWS(a, struct ax_str, from.n);
    for (size_t i = 0; i < from.n; i++)
        v[i] = ax_arena_str(a, from.v[i]);
    return (struct ax_strs){v, from.n};
}

void ax_definition_copy(const struct ax_definition *d, struct ax_arena *a,
                        struct ax_definition *out)
{
    struct ax_definition copy = *d;
    copy.id = ax_arena_str(a, d->id);
    copy.name = ax_arena_str(a, d->name);
    copy.description = ax_arena_str(a, d->description);
    copy.expression = ax_arena_str(a, d->expression);
    copy.match_by = copy_list(d->match_by, a);
    for (int i = 0; i < 3; i++)
        copy.actions[i] = copy_list(d->actions[i], a);
    *out = copy;
}

/* ---- at work ---- */

struct ax_tenant *ax_tenant_of(struct ax_stream *s, struct ax_str name)
{
    uint64_t found;
    if (ax_map_get(&s->tenants, name, &found))
        return (struct ax_tenant *)(uintptr_t)found;
    struct ax_tenant *t = AX_NEW(&s->index_bytes, struct ax_tenant);
    t->name = ax_arena_cstr(&s->index_bytes, name);
    ax_map_put(&s->tenants, (struct ax_str){t->name, name.n}, (uintptr_t)t);
    return t;
}

static struct ax_str as_label(const struct ax_stream *s, struct ax_str name, bool metric,
                              struct ax_arena *a)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    if (!s->o.naming)
        return name;
    s->o.naming->label(name, metric, &b);
    return ax_arena_str(a, ax_buf_view(&b));
}

static void encode(const struct ax_stream *s, struct ax_def *d)
{
    struct ax_str *by = AX_NEWS(&d->arena, struct ax_str, d->d.match_by.n);
    d->match_by = (struct ax_strs){by, d->d.match_by.n};
    for (size_t i = 0; i < d->match_by.n; i++)
        by[i] = as_label(s, d->d.match_by.v[i], false, &d->arena);
    for (size_t i = 0; i < d->expr.nsubs; i++) {
        struct ax_sub *sub = &d->expr.subs[i];
        sub->metric = as_label(s, sub->metric, true, &d->arena);
        for (size_t k = 0; k < sub->ndimensions; k++)
            sub->dimensions[k].name = as_label(s, sub->dimensions[k].name, false, &d->arena);
    }
}

/* Where the windows of an alarm are. */
static void lay_out(struct ax_def *d)
{
    size_t at = 0;
    for (size_t i = 0; i < d->expr.nsubs; i++) {
        d->offset[i] = (uint32_t)at;
        d->size = (uint32_t)(AX_WINDOWS + at + ax_window_size(&d->expr.subs[i]));
        at += (ax_window_size(&d->expr.subs[i]) + AX_LINE - 1) / AX_LINE * AX_LINE;
    }
}

int ax_def_make(struct ax_stream *s, struct ax_str tenant, const struct ax_definition *d,
                struct ax_def **out, struct ax_err *err)
{
    struct ax_def *def = ax_calloc(1, sizeof *def);
    ax_definition_copy(d, &def->arena, &def->d);
    int rc = ax_expression_parse(def->d.expression, &def->arena, &def->expr, err);
    if (rc == 0)
        rc = ax_expression_parse(def->d.expression, &def->arena, &def->said, err);
    if (rc < 0) {
        ax_def_free(s, def);
        return rc;
    }
    def->d.deterministic = def->expr.deterministic;
    def->tenant = ax_tenant_of(s, tenant);
    encode(s, def);
    lay_out(def);
    *out = def;
    return 0;
}

void ax_def_free(struct ax_stream *s, struct ax_def *d)
{
    for (size_t i = 0; i < d->n; i++)
        ax_live_free(s, d->alarms[i]);
    free(d->alarms);
    ax_map_free(&d->groups);
    ax_arena_free(&d->arena);
    free(d);
}

/* By id. The map keeps keys; what is gone has no value there. */
static struct ax_def *by_id(struct ax_stream *s, struct ax_str id)
{
    uint64_t found;
    return ax_map_get(&s->defs, id, &found) ? (struct ax_def *)(uintptr_t)found : NULL;
}

struct ax_def *ax_def_find(struct ax_stream *s, struct ax_str tenant, struct ax_str id)
{
    struct ax_def *d = by_id(s, id);
    return d && ax_str_eq(ax_str(d->tenant->name), tenant) ? d : NULL;
}

void ax_def_add(struct ax_stream *s, struct ax_def *d)
{
    if (s->ndefs == s->cap_defs) {
        s->cap_defs = s->cap_defs ? s->cap_defs * 2 : 64;
        s->all = ax_realloc(s->all, s->cap_defs * sizeof *s->all);
    }
    s->all[s->ndefs++] = d;
    d->number = ++s->number;
    d->tenant->definitions++;
    ax_map_put(&s->defs, ax_arena_str(&s->index_bytes, d->d.id), (uintptr_t)d);
    ax_index_def(s, d);
}

static void take_out(struct ax_stream *s, struct ax_def *d)
{
    ax_index_drop(s, d);
    while (d->n)
        ax_live_end(s, d->alarms[d->n - 1]);
    size_t kept = 0;
    for (size_t i = 0; i < s->ndefs; i++)
        if (s->all[i] != d)
            s->all[kept++] = s->all[i];
    s->ndefs = kept;
    d->tenant->definitions--;
    ax_map_put(&s->defs, d->d.id, 0);
}

/* ---- what is asked ---- */

static int unknown(struct ax_str id, struct ax_err *err)
{
    return ax_fail(err, -ENOENT, "there is no alarm definition %.*s", (int)(id.n < 60 ? id.n : 60),
                   id.p);
}

static int create(struct ax_stream *s, struct ax_str tenant, const struct ax_definition_edit *e,
                  int64_t now, struct ax_arena *a, struct ax_definition *out, struct ax_err *err)
{
    struct ax_definition d;
    struct ax_def *def;
    char id[AX_UUID_TEXT + 1];
    int rc = ax_definition_check(s, tenant, e, NULL, &d, err);
    if (rc < 0)
        return rc;
    if (ax_tenant_of(s, tenant)->definitions >= s->o.max_definitions)
        return ax_fail(err, -EDQUOT, "the limit of %u alarm definitions of a tenant is reached",
                       s->o.max_definitions);
    struct ax_uuid u = ax_uuid_at(now);
    ax_uuid_print(&u, id);
    d.id = ax_str(id);
    d.created = d.updated = now;
    rc = ax_def_make(s, tenant, &d, &def, err);
    if (rc < 0)
        return rc;
    rc = ax_definition_write(s, tenant, &d, err);
    if (rc < 0) {
        ax_def_free(s, def);
        return rc;
    }
    ax_definition_copy(&def->d, a, out);
    pthread_rwlock_wrlock(&s->shape);
    ax_def_add(s, def);
    pthread_rwlock_unlock(&s->shape);
    return 0;
}

int ax_definition_create(struct ax_stream *s, struct ax_str tenant,
                         const struct ax_definition_edit *e, int64_t now, struct ax_arena *a,
                         struct ax_definition *out, struct ax_err *err)
{
    pthread_mutex_lock(&s->api);
    int rc = create(s, tenant, e, now, a, out, err);
    pthread_mutex_unlock(&s->api);
    return rc;
}

int ax_definition_get(struct ax_stream *s, struct ax_str tenant, struct ax_str id,
                      struct ax_arena *a, struct ax_definition *out, struct ax_err *err)
{
    pthread_rwlock_rdlock(&s->shape);
    struct ax_def *d = ax_def_find(s, tenant, id);
    if (d)
        ax_definition_copy(&d->d, a, out);
    pthread_rwlock_unlock(&s->shape);
    return d ? 0 : unknown(id, err);
}

/* The sub-expressions may stand in another order: those of `d` are put as they were before, so that
 * each window stays with its metrics. */
static void keep_order(struct ax_def *d, const struct ax_def *before)
{
    uint8_t place[AX_SUBS_MAX];
    struct ax_sub subs[AX_SUBS_MAX], said[AX_SUBS_MAX];
    uint64_t taken = 0;
    size_t n = d->expr.nsubs;
    for (size_t i = 0; i < n; i++) {
        size_t j = i;
        if ((taken >> j & 1) || !ax_sub_same(&d->said.subs[i], &before->said.subs[j]))
            for (j = 0; (taken >> j & 1) || !ax_sub_same(&d->said.subs[i], &before->said.subs[j]);)
                j++;
        taken |= 1ull << j;
        place[i] = (uint8_t)j;
        subs[j] = d->expr.subs[i];
        said[j] = d->said.subs[i];
    }
    memcpy(d->expr.subs, subs, n * sizeof *subs);
    memcpy(d->said.subs, said, n * sizeof *said);
    for (size_t i = 0; i < d->expr.nsteps; i++)
        if (d->expr.steps[i] < AX_SUBS_MAX)
            d->said.steps[i] = d->expr.steps[i] = place[d->expr.steps[i]];
    lay_out(d);
}

/* The alarms go over to the definition that takes the place of another. */
static void replace(struct ax_stream *s, struct ax_def *from, struct ax_def *to, int64_t now)
{
    struct ax_run r = {.s = s, .m = ax_moment_at(s, now), .at = now, .seen = now};
    keep_order(to, from);
    ax_index_drop(s, from);
    from->tenant->definitions--;
    to->mask = from->mask;
    to->mixed = from->mixed;
    for (size_t i = 0; i < from->n; i++) {
        struct ax_live *al = ax_live_reshape(s, from->alarms[i], to);
        from->alarms[i] = al;
        al->key = ax_arena_str(&to->arena, al->key);
        ax_map_put(&to->groups, al->key, (uintptr_t)al);
        ax_live_schedule(&r, al);
    }
    to->alarms = from->alarms;
    to->n = from->n;
    to->cap = from->cap;
    from->alarms = NULL;
    from->n = 0;
    for (size_t i = 0; i < s->ndefs; i++)
        if (s->all[i] == from) {
            s->all[i] = s->all[--s->ndefs];
            break;
        }
    ax_def_add(s, to);
    ax_def_free(s, from);
}

static int update(struct ax_stream *s, struct ax_str tenant, struct ax_str id,
                  const struct ax_definition_edit *e, int64_t now, struct ax_arena *a,
                  struct ax_definition *out, struct ax_err *err)
{
    struct ax_def *before = ax_def_find(s, tenant, id), *def;
    struct ax_definition d;
    if (!before)
        return unknown(id, err);
    int rc = ax_definition_check(s, tenant, e, &before->d, &d, err);
    if (rc < 0)
        return rc;
    d.updated = now;
    rc = ax_def_make(s, tenant, &d, &def, err);
    if (rc < 0)
        return rc;
    rc = ax_definition_write(s, tenant, &d, err);
    if (rc < 0) {
        ax_def_free(s, def);
        return rc;
    }
    ax_definition_copy(&def->d, a, out);
    pthread_rwlock_wrlock(&s->shape);
    replace(s, before, def, now);
    pthread_rwlock_unlock(&s->shape);
    return 0;
}

int ax_definition_update(struct ax_stream *s, struct ax_str tenant, struct ax_str id,
                         const struct ax_definition_edit *e, int64_t now, struct ax_arena *a,
                         struct ax_definition *out, struct ax_err *err)
{
    pthread_mutex_lock(&s->api);
    int rc = update(s, tenant, id, e, now, a, out, err);
    pthread_mutex_unlock(&s->api);
    return rc;
}

int ax_definition_delete(struct ax_stream *s, struct ax_str tenant, struct ax_str id,
                         struct ax_err *err)
{
    pthread_mutex_lock(&s->api);
    struct ax_def *d = ax_def_find(s, tenant, id);
    int rc = d ? ax_definition_erase(s, tenant, id, err) : unknown(id, err);
    if (rc == 0) {
        pthread_rwlock_wrlock(&s->shape);
        take_out(s, d);
        pthread_rwlock_unlock(&s->shape);
        ax_def_free(s, d);
    }
    pthread_mutex_unlock(&s->api);
    return rc;
}
