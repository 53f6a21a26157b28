// SPDX-License-Identifier: Apache-2.0
/* Rule files; the templates of those that are good are rendered. */
#include "kit.h"

#include "alarm/rules.h"

static void render(const struct ax_pairs *pairs, struct ax_labels labels, struct ax_arena *a)
{
    for (size_t i = 0; i < pairs->n; i++)
        ax_template_render(pairs->v[i].value,
                           &(struct ax_template_world){.labels = labels, .value = 1234.5}, a);
}

FUZZ_TARGET(p, n)
{
    struct ax_rules *r;
    struct ax_err err = {0};
    if (ax_rules_parse(fuzz_str(p, n), "f.yml", &r, &err) < 0) {
        AX_ASSERT(ax_str_starts(ax_str(err.text), AX_STR("f.yml")));
        return 0;
    }
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_labels labels = fuzz_labels(&a, NULL, "vm", "web1", "job", "\xc3\xa9", NULL);
    for (size_t g = 0; g < r->ngroups; g++)
        for (size_t i = 0; i < r->groups[g]->n; i++) {
            render(&r->groups[g]->rules[i].labels, labels, &a);
            render(&r->groups[g]->rules[i].annotations, labels, &a);
        }
    ax_arena_free(&a);
    ax_rules_free(r);
    return 0;
}
