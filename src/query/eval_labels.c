// SPDX-License-Identifier: Apache-2.0
/* label_replace and label_join. */
#include "query/eval.h"

#include <errno.h>

static struct ax_str string_arg(const struct ax_node *call, size_t i)
{
    return ax_node_bare(call->call.args[i])->string;
}

static int check_label(struct ax_eval *e, const struct ax_node *call, struct ax_str name)
{
    if (ax_label_name_ok(name))
        return 0;
    return ax_fail(e->err, -EDOM, "invalid label name in %s(): %.*s", call->call.fn->name,
                   (int)(name.n < 60 ? name.n : 60), name.p);
}

static void free_regex(struct ax_regex **re)
{
    ax_regex_free(*re);
}

/* Sets `name` on a column from the text in *value, which label sets may refuse: too long, not
 * UTF-8, not a metric name. */
static int set_label(struct ax_eval *e, struct ax_column *c, struct ax_str name,
                     struct ax_buf *value)
{
    struct ax_str copy = ax_arena_str(e->a, ax_buf_view(value));
    struct ax_err bad;
    if (value->overflow)
        return ax_fail(e->err, -EDOM, "the value of label %.*s becomes too long", AX_STR_ARG(name));
    if (ax_labels_with(e->a, c->labels, name, copy, &c->labels, &bad) < 0)
        return ax_fail(e->err, -EDOM, "%s", bad.text);
    return 0;
}

int ax_call_label_replace(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                          struct ax_value *out)
{
    struct ax_str name = string_arg(n, 1), replacement = string_arg(n, 2),
                  source = string_arg(n, 3), pattern = string_arg(n, 4);
    AX_CLEANUP(free_regex) struct ax_regex *re = NULL;
    AX_CLEANUP(ax_buf_free) struct ax_buf value = {.max = AX_LABEL_VALUE_MAX + 1};
    struct ax_err bad;
    int rc = ax_eval_node(e, n->call.args[0], g, out);
    if (rc == 0 && ax_regex_new(pattern, &re, &bad) < 0)
        return ax_fail(e->err, -EDOM, "invalid regular expression in label_replace(): %.400s",
                       bad.text);
    if (rc == 0)
        rc = check_label(e, n, name);
    for (size_t i = 0; rc == 0 && i < out->n; i++) {
        ax_buf_clear(&value);
        if (ax_regex_expand(re, ax_labels_get(out->v[i].labels, source), replacement, &value))
            rc = set_label(e, &out->v[i], name, &value);
    }
    return rc < 0 ? rc : ax_vector_merge(e, g, out, AX_SAME_LABELS);
}

int ax_call_label_join(struct ax_eval *e, const struct ax_node *n, const struct ax_grid *g,
                       struct ax_value *out)
{
    struct ax_str name = string_arg(n, 1), separator = string_arg(n, 2);
    AX_CLEANUP(ax_buf_free) struct ax_buf value = {.max = AX_LABEL_VALUE_MAX + 1};
    int rc = ax_eval_node(e, n->call.args[0], g, out);
    if (rc == 0)
        rc = check_label(e, n, name);
    for (size_t i = 0; rc == 0 && i < out->n; i++) {
        ax_buf_clear(&value);
        for (size_t j = 3; j < n->call.n; j++) {
            ax_buf_str(&value, j > 3 ? separator : AX_STR_NULL);
            ax_buf_str(&value, ax_labels_get(out->v[i].labels, string_arg(n, j)));
        }
        rc = set_label(e, &out->v[i], name, &value);
    }
    return rc < 0 ? rc : ax_vector_merge(e, g, out, AX_SAME_LABELS);
}
