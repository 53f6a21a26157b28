// SPDX-License-Identifier: Apache-2.0
/* Equalities first: they shrink the set the most and cost one look-up. Then each other matcher is
 * asked once per distinct value of its label, never per series:
 *
 *   does not match ""    keep the series that have a value that matches
 *   matches ""           drop the series that have a value that does not match
 */
#include "store/match.h"

struct collect {
    const struct ax_index_view *ix;
    const struct ax_matcher *m;
    bool want; /* gather values that match, or those that do not */
    roaring_bitmap_t *sum;
};

static void collect_value(void *ctx, struct ax_str value, uint64_t handle)
{
    struct collect *c = ctx;
    if (ax_matcher_value(c->m, value) != c->want)
        return;
    roaring_bitmap_t *b = c->ix->get(c->ix->self, handle);
    roaring_bitmap_or_inplace(c->sum, b);
    roaring_bitmap_free(b);
}

static void apply(const struct ax_index_view *ix, const struct ax_matcher *m,
                  roaring_bitmap_t *result)
{
    struct collect c = {ix, m, !ax_matcher_matches_empty(m), roaring_bitmap_create()};
    ix->each_value(ix->self, m->name, collect_value, &c);
    if (c.want)
        roaring_bitmap_and_inplace(result, c.sum);
    else
        roaring_bitmap_andnot_inplace(result, c.sum);
    roaring_bitmap_free(c.sum);
}

static bool is_lookup(const struct ax_matcher *m)
{
    return m->op == AX_MATCH_EQ && m->value.n > 0;
}

static void keep_equal(const struct ax_index_view *ix, struct ax_str name, struct ax_str value,
                       roaring_bitmap_t **result)
{
    roaring_bitmap_t *b = ix->find(ix->self, name, value);
    if (!b)
        b = roaring_bitmap_create();
    if (*result) {
        roaring_bitmap_and_inplace(b, *result);
        roaring_bitmap_free(*result);
    }
    *result = b;
}

roaring_bitmap_t *ax_match(const struct ax_index_view *ix, struct ax_str tenant,
                           const struct ax_matcher *m, size_t n)
{
    roaring_bitmap_t *result = NULL;
    keep_equal(ix, AX_STR(AX_TENANT_LABEL), tenant, &result);
    for (size_t i = 0; i < n; i++)
        if (is_lookup(&m[i]))
            keep_equal(ix, m[i].name, m[i].value, &result);
    for (size_t i = 0; i < n && !roaring_bitmap_is_empty(result); i++)
        if (!is_lookup(&m[i]))
            apply(ix, &m[i], result);
    return result;
}
