// SPDX-License-Identifier: Apache-2.0
/* Definitions, filtered and sorted. They are in memory. */
#include "alarm/stream/query.h"

#include <errno.h>
#include <stdlib.h>

enum key { BY_ID, BY_NAME, BY_SEVERITY, BY_UPDATED, BY_CREATED };
struct order {
    struct {
        enum key key;
        bool down;
    } v[8];
    size_t n;
};

static int parse_key(struct ax_str part, enum key *key, bool *down)
{
    static const char *const names[] = {"id", "name", "severity", "updated_at", "created_at"};
    struct ax_str name, way = AX_STR("asc"), more;
    if (!ax_str_word(&part, &name) || (ax_str_word(&part, &way) && ax_str_word(&part, &more)))
        return -EINVAL;
    *down = way.n == 4 && strncasecmp(way.p, "desc", 4) == 0;
    if (!*down && (way.n != 3 || strncasecmp(way.p, "asc", 3)))
        return -EINVAL;
    for (size_t i = 0; i < AX_ARRAY_LEN(names); i++)
        if (ax_str_eq(name, ax_str(names[i]))) {
            *key = (enum key)i;
            return 0;
        }
    return -EINVAL;
}

static int parse_order(struct ax_str text, struct order *o, struct ax_err *err)
{
    struct ax_str part;
    *o = (struct order){0};
    while (text.n && ax_str_cut(&text, ',', &part)) {
        if (o->n == AX_ARRAY_LEN(o->v) || parse_key(part, &o->v[o->n].key, &o->v[o->n].down) < 0)
            return ax_fail(err, -EINVAL, "sort_by: \"%.*s\" is no column that can be sorted by",
                           (int)(part.n < 60 ? part.n : 60), part.p);
        o->n++;
    }
    return 0;
}

static int compare(const struct ax_definition *a, const struct ax_definition *b, enum key key)
{
    switch (key) {
    case BY_ID: return ax_str_cmp(a->id, b->id);
    case BY_NAME: return ax_str_cmp(a->name, b->name);
    case BY_SEVERITY: return (a->severity > b->severity) - (a->severity < b->severity);
    case BY_UPDATED: return (a->updated > b->updated) - (a->updated < b->updated);
    case BY_CREATED: return (a->created > b->created) - (a->created < b->created);
    }
    return 0;
}

/* In the order asked for, then in that in which they were made. */
static int by_order(const void *x, const void *y, void *order)
{
    const struct ax_definition *a = &(*(struct ax_def *const *)x)->d;
    const struct ax_definition *b = &(*(struct ax_def *const *)y)->d;
    const struct order *o = order;
    for (size_t i = 0; i < o->n; i++) {
        int c = compare(a, b, o->v[i].key);
        if (c)
            return o->v[i].down ? -c : c;
    }
    int c = compare(a, b, BY_CREATED);
    return c ? c : compare(a, b, BY_ID);
}

static bool has_dimensions(const struct ax_def *d, const struct ax_dimensions *want)
{
    for (size_t i = 0; i < want->n; i++) {
        bool found = false;
        for (size_t k = 0; k < d->said.nsubs && !found; k++)
            found = ax_dimension_in(&want->v[i], d->said.subs[k].dimensions,
                                    d->said.subs[k].ndimensions);
        if (!found)
            return false;
    }
    return true;
}

static int parse_severities(struct ax_str text, unsigned *out, struct ax_err *err)
{
    struct ax_str part;
    enum ax_severity s;
    *out = text.n ? 0 : 15;
    while (text.n && ax_str_cut(&text, '|', &part)) {
        if (!ax_severity_parse(part, &s))
            return ax_fail(err, -EINVAL, "severity \"%.*s\" is none of LOW, MEDIUM, HIGH, CRITICAL",
                           (int)(part.n < 40 ? part.n : 40), part.p);
        *out |= 1u << s;
    }
    return 0;
}

int ax_definition_list(struct ax_stream *s, struct ax_str tenant,
                       const struct ax_definition_filter *f, struct ax_arena *a,
                       struct ax_definition **out, size_t *n, struct ax_err *err)
{
    struct order order;
    unsigned severities;
    int rc = parse_order(f->sort_by, &order, err);
    if (rc == 0)
        rc = parse_severities(f->severity, &severities, err);
    if (rc < 0)
        return rc;
    pthread_rwlock_rdlock(&s->shape);
    struct ax_def **v = AX_NEWS(a, struct ax_def *, s->ndefs);
    size_t count = 0;
    for (size_t i = 0; i < s->ndefs; i++) {
        struct ax_def *d = s->all[i];
        if (ax_str_eq(ax_str(d->tenant->name), tenant) && (severities >> d->d.severity & 1) &&
            (!f->name.n || ax_str_eq(f->name, d->d.name)) && has_dimensions(d, &f->dimensions))
            v[count++] = d;
    }
    if (count)
        qsort_r(v, count, sizeof *v, by_order, &order);
    size_t from = f->offset < count ? (size_t)f->offset : count;
    size_t most = f->limit && f->limit < count - from ? (size_t)f->limit : count - from;
    *out = AX_NEWS(a, struct ax_definition, most);
    *n = most;
    for (size_t i = 0; i < most; i++)
        ax_definition_copy(&v[from + i]->d, a, &(*out)[i]);
    pthread_rwlock_unlock(&s->shape);
    return 0;
}
