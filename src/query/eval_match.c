// SPDX-License-Identifier: Apache-2.0
#include "query/match.h"

#include "base/map.h"

#include <errno.h>
#include <string.h>

#define NO_GROUP SIZE_MAX

/* The groups of one operand.
 *
 *   of[i]    the group of series i
 *   first[j], next[i]   the series of a group as a list, ended by NO_GROUP
 *   has[j]   bitmap: some series of the group is there at the step
 *   twice[j] bitmap: more than one is */
struct groups {
    struct ax_map by_signature;
    size_t n, words;
    size_t *of, *first, *next;
    uint64_t *has, *twice;
};

static void free_groups(struct groups *s)
{
    ax_map_free(&s->by_signature);
}

static struct ax_str signature(struct ax_eval *e, const struct ax_match *m, struct ax_labels labels)
{
    return (m->on ? ax_labels_keep(e->a, labels, &m->labels)
                  : ax_labels_drop(e->a, labels, &m->labels, true))
        .bytes;
}

static void make_groups(struct ax_eval *e, const struct ax_match *m, const struct ax_grid *g,
                        const struct ax_value *v, struct groups *out)
{
    *out = (struct groups){.words = (g->n + 63) / 64,
                           .of = AX_NEWS(e->a, size_t, v->n),
                           .first = AX_NEWS(e->a, size_t, v->n),
                           .next = AX_NEWS(e->a, size_t, v->n)};
    out->has = AX_NEWS(e->a, uint64_t, v->n * out->words);
    out->twice = AX_NEWS(e->a, uint64_t, v->n * out->words);
    for (size_t i = v->n; i-- > 0;) {
        struct ax_str key = signature(e, m, v->v[i].labels);
        uint64_t j;
        if (!ax_map_get(&out->by_signature, key, &j)) {
            j = out->n++;
            ax_map_put(&out->by_signature, key, j);
            out->first[j] = NO_GROUP;
        }
        out->of[i] = j;
        out->next[i] = out->first[j];
        out->first[j] = i;
        for (size_t w = 0; w < out->words; w++) {
            out->twice[j * out->words + w] |= out->has[j * out->words + w] & v->v[i].has[w];
            out->has[j * out->words + w] |= v->v[i].has[w];
        }
    }
}

/* The group in `other` with the signature of these labels. */
static size_t partner(struct ax_eval *e, const struct ax_match *m, struct ax_labels labels,
                      const struct groups *other)
{
    uint64_t j;
    return ax_map_get(&other->by_signature, signature(e, m, labels), &j) ? (size_t)j : NO_GROUP;
}

/* Keeps of each series the steps at which the other side has (or has not) its signature. */
static void keep_where(struct ax_eval *e, const struct ax_match *m, struct ax_value *v,
                       const struct groups *other, bool there)
{
    for (size_t i = 0; i < v->n; i++) {
        size_t j = partner(e, m, v->v[i].labels, other);
        for (size_t w = 0; w < other->words; w++) {
            uint64_t has = j == NO_GROUP ? 0 : other->has[j * other->words + w];
            v->v[i].has[w] &= there ? has : ~has;
        }
    }
}

int ax_match_set(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                 struct ax_value *l, struct ax_value *r, struct ax_value *out)
{
    const struct ax_match *m = &n->binary.match;
    AX_CLEANUP(free_groups) struct groups groups = {0};
    bool either = n->binary.op == AX_OP_OR;
    make_groups(e, m, g, either ? l : r, &groups);
    *out = *l;
    out->ordered = false;
    if (!either) {
        keep_where(e, m, out, &groups, n->binary.op == AX_OP_AND);
        return 0;
    }
    keep_where(e, m, r, &groups, false);
    out->n = l->n + r->n;
    out->v = AX_NEWS(e->a, struct ax_column, out->n);
    if (l->n)
        memcpy(out->v, l->v, l->n * sizeof *l->v);
    if (r->n)
        memcpy(out->v + l->n, r->v, r->n * sizeof *r->v);
    return ax_vector_merge(e, g, out, AX_SAME_LABELS);
}

/* Bitmap of the steps at which any series of v is there. */
static uint64_t *any(struct ax_eval *e, const struct ax_grid *g, const struct ax_value *v)
{
    uint64_t *has = AX_NEWS(e->a, uint64_t, (g->n + 63) / 64);
    for (size_t i = 0; i < v->n; i++)
        for (size_t w = 0; w < (g->n + 63) / 64; w++)
            has[w] |= v->v[i].has[w];
    return has;
}

/* All labels alike, the name too, as error texts show them: {__name__="up", job="x"} */
static void print_set(struct ax_labels set, struct ax_buf *out)
{
    struct ax_label l;
    bool first = true;
    ax_buf_byte(out, '{');
    AX_LABELS_EACH (set, l) {
        ax_buf_printf(out, "%s%.*s=", first ? "" : ", ", AX_STR_ARG(l.name));
        ax_quote(l.value, out);
        first = false;
    }
    ax_buf_byte(out, '}');
}

static void print_pair(const struct ax_value *v, const struct groups *s, size_t group, size_t k,
                       struct ax_buf *out)
{
    int shown = 0;
    for (size_t i = s->first[group]; i != NO_GROUP && shown < 2; i = s->next[i])
        if (ax_has(&v->v[i], k)) {
            ax_buf_cstr(out, shown++ ? ", " : "");
            print_set(v->v[i].labels, out);
        }
}

static int fail_ambiguous(struct ax_eval *e, const struct ax_match *m, const struct ax_value *v,
                          const struct groups *s, size_t group, size_t k, const char *side)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf pair = {.max = 250};
    AX_CLEANUP(ax_buf_free) struct ax_buf key = {.max = 80};
    struct ax_labels first = v->v[s->first[group]].labels;
    print_set((struct ax_labels){signature(e, m, first)}, &key);
    print_pair(v, s, group, k, &pair);
    return ax_fail(e->err, -EDOM,
                   "found duplicate series for the match group %.*s on the %s hand-side of the "
                   "operation: [%.*s];many-to-many matching not allowed: matching labels must be "
                   "unique on one side",
                   AX_STR_ARG(ax_buf_view(&key)), side, AX_STR_ARG(ax_buf_view(&pair)));
}

/* The "one" side must be unique at every step where the other side has anything at all. */
static int check_one_side(struct ax_eval *e, const struct ax_match *m, const struct ax_value *one,
                          const struct groups *s, const uint64_t *other, const char *side)
{
    for (size_t j = 0; j < s->n; j++)
        for (size_t w = 0; w < s->words; w++) {
            uint64_t bad = s->twice[j * s->words + w] & other[w];
            if (bad)
                return fail_ambiguous(e, m, one, s, j, w * 64 + (size_t)__builtin_ctzll(bad), side);
        }
    return 0;
}

/* Without group_left or group_right the "many" side must be unique too, where it finds a match. */
static int check_many_side(struct ax_eval *e, const struct ax_match *m, const struct ax_value *many,
                           const struct groups *s, const struct groups *one)
{
    for (size_t i = 0; i < many->n; i++) {
        size_t mine = s->of[i], j = partner(e, m, many->v[i].labels, one);
        for (size_t w = 0; j != NO_GROUP && w < s->words; w++)
            if (s->twice[mine * s->words + w] & one->has[j * one->words + w])
                return ax_fail(e->err, -EDOM,
                               "multiple matches for labels: many-to-one matching must be explicit "
                               "(group_left/group_right)");
    }
    return 0;
}

static int result_labels(struct ax_eval *e, const struct ax_node *n, struct ax_labels many,
                         struct ax_labels one, struct ax_labels *out)
{
    const struct ax_match *m = &n->binary.match;
    bool drop = ax_op_drops_name(n);
    *out = drop ? ax_labels_nameless(e->a, many) : many;
    if (m->group == AX_ONE_TO_ONE)
        *out = m->on ? ax_labels_keep(e->a, *out, &m->labels)
                     : ax_labels_drop(e->a, *out, &m->labels, false);
    int rc = 0;
    for (size_t i = 0; i < m->include.n && rc == 0; i++)
        rc = ax_labels_with(e->a, *out, m->include.v[i], ax_labels_get(one, m->include.v[i]), out,
                            e->err);
    return rc;
}

/* One series of each side, over all steps where both are there. */
static int combine(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                   const struct ax_column *many, const struct ax_column *one, struct ax_column *out)
{
    bool swap = n->binary.match.group == AX_GROUP_RIGHT;
    int rc = ax_column_init(e, g, (struct ax_labels){AX_STR_NULL}, out);
    if (rc == 0)
        rc = result_labels(e, n, many->labels, one->labels, &out->labels);
    for (size_t k = 0; rc == 0 && k < g->n; k++) {
        bool keep;
        if (!ax_has(many, k) || !ax_has(one, k))
            continue;
        double l = swap ? one->v[k] : many->v[k], r = swap ? many->v[k] : one->v[k];
        double v = ax_op_apply(n->binary.op, n->binary.returns_bool, l, r, &keep);
        if (keep)
            ax_set(out, k, v);
    }
    return rc;
}

static bool meet(const struct ax_column *a, const struct ax_column *b, size_t words)
{
    for (size_t w = 0; w < words; w++)
        if (a->has[w] & b->has[w])
            return true;
    return false;
}

static int join(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                const struct ax_value *many, const struct ax_value *one,
                const struct groups *one_groups, struct ax_value *out)
{
    size_t cap = 0;
    *out = (struct ax_value){.type = AX_VECTOR};
    int rc = 0;
    for (size_t i = 0; i < many->n && rc == 0; i++) {
        size_t j = partner(e, &n->binary.match, many->v[i].labels, one_groups);
        size_t o = j == NO_GROUP ? NO_GROUP : one_groups->first[j];
        for (; o != NO_GROUP && rc == 0; o = one_groups->next[o]) {
            if (!meet(&many->v[i], &one->v[o], one_groups->words))
                continue;
            if (out->n == cap) {
                size_t grown = cap ? cap * 2 : many->n + 1;
                out->v = ax_arena_grow(e->a, out->v, cap * sizeof *out->v, grown * sizeof *out->v);
                cap = grown;
            }
            rc = combine(e, n, g, &many->v[i], &one->v[o], &out->v[out->n++]);
        }
    }
    return rc;
}

int ax_match_vectors(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                     struct ax_value *l, struct ax_value *r, struct ax_value *out)
{
    const struct ax_match *m = &n->binary.match;
    bool swap = m->group == AX_GROUP_RIGHT;
    struct ax_value *many = swap ? r : l, *one = swap ? l : r;
    AX_CLEANUP(free_groups) struct groups one_groups = {0};
    AX_CLEANUP(free_groups) struct groups many_groups = {0};
    make_groups(e, m, g, one, &one_groups);
    make_groups(e, m, g, many, &many_groups);
    int rc = check_one_side(e, m, one, &one_groups, any(e, g, many), swap ? "left" : "right");
    if (rc == 0 && m->group == AX_ONE_TO_ONE)
        rc = check_many_side(e, m, many, &many_groups, &one_groups);
    if (rc == 0)
        rc = join(e, n, g, many, one, &one_groups, out);
    if (rc < 0)
        return rc;
    return ax_vector_merge(e, g, out,
                           m->group ? "multiple matches for labels: grouping labels must ensure "
                                      "unique matches"
                                    : AX_SAME_LABELS);
}
