// SPDX-License-Identifier: Apache-2.0
/* Templates of labels and annotations: Go's text/template as Prometheus uses it, with its
 * functions. Left out: define, template, block, break, continue, methods, tmpl and args. A fault of
 * the language is told when the file is read; a fault of what it does then (first of an empty
 * result) makes the text "<error expanding template: WHY>", as in Prometheus. */
#ifndef AX_ALARM_TEMPLATE_H
#define AX_ALARM_TEMPLATE_H

#include "query/query.h"

struct ax_template; /* in the arena it was parsed into, as is a copy of its text */

/* On failure *at is the offset of the fault in the text and err says what was found there. */
int ax_template_parse(struct ax_str text, struct ax_arena *a, struct ax_template **out, size_t *at,
                      struct ax_err *err);
struct ax_str ax_template_text(const struct ax_template *t); /* as it was written */

/* What a template sees. */
struct ax_template_world {
    struct ax_labels labels;
    double value;
    struct ax_str url; /* of this server for people; empty = not known */
    /* An instant query; NULL: {{ query }} fails. */
    int (*query)(void *ctx, struct ax_str expression, struct ax_arena *a,
                 struct ax_query_result *out, struct ax_err *err);
    void *ctx;
};
struct ax_str ax_template_render(const struct ax_template *t, const struct ax_template_world *w,
                                 struct ax_arena *a);

#endif
