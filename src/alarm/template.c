// SPDX-License-Identifier: Apache-2.0
/* Templates, executed. */
#include "alarm/template_inner.h"

#include <errno.h>

#define STEPS_MAX     100000 /* nodes that one text may take */
#define VARIABLES_MAX 200
#define ARGS_MAX      32

struct run {
    struct ax_tcall call;
    struct ax_buf out;
    struct ax_tv dot;
    unsigned steps;
    struct {
        struct ax_str name;
        struct ax_tv value;
    } vars[VARIABLES_MAX];
    size_t nvars;
};

static int run_nodes(struct run *r, const struct ax_tnode *n);
static int run_pipe(struct run *r, const struct ax_tpipe *p, struct ax_tv *out);

/* ---- variables ---- */

static int push(struct run *r, struct ax_str name, const struct ax_tv *value)
{
    if (r->nvars == VARIABLES_MAX)
        return ax_fail(r->call.err, -E2BIG, "more than %d variables", VARIABLES_MAX);
    r->vars[r->nvars].name = name;
    r->vars[r->nvars++].value = *value;
    return 0;
}

static struct ax_tv *find(struct run *r, struct ax_str name)
{
    for (size_t i = r->nvars; i-- > 0;)
        if (ax_str_eq(r->vars[i].name, name))
            return &r->vars[i].value;
    return NULL;
}

/* ---- values ---- */

static struct ax_tv root_field(const struct run *r, struct ax_str name, bool *known)
{
    const struct ax_template_world *w = r->call.world;
    if (ax_str_eq(name, AX_STR("Labels")))
        return (struct ax_tv){.kind = AX_TV_LABELS, .labels = w->labels};
    if (ax_str_eq(name, AX_STR("Value")))
        return (struct ax_tv){.kind = AX_TV_FLOAT, .f = w->value};
    if (ax_str_eq(name, AX_STR("ExternalURL")))
        return ax_tv_string(w->url);
    *known = ax_str_eq(name, AX_STR("ExternalLabels"));
    return (struct ax_tv){.kind = AX_TV_LABELS};
}

static int field(struct run *r, struct ax_str name, struct ax_tv *v)
{
    bool known = true;
    if (v->kind == AX_TV_LABELS)
        *v = ax_tv_string(ax_labels_get(v->labels, name));
    else if (v->kind == AX_TV_ROOT)
        *v = root_field(r, name, &known);
    else if (v->kind == AX_TV_SAMPLE && ax_str_eq(name, AX_STR("Labels")))
        *v = (struct ax_tv){.kind = AX_TV_LABELS, .labels = v->sample->labels};
    else if (v->kind == AX_TV_SAMPLE && ax_str_eq(name, AX_STR("Value")))
        *v = (struct ax_tv){.kind = AX_TV_FLOAT, .f = v->sample->value};
    else
        known = false;
    return known ? 0
                 : ax_fail(r->call.err, -EINVAL, "can't evaluate field %.*s in type %s",
                           AX_STR_ARG(name), ax_tv_type(v));
}

static int call(struct run *r, const struct ax_tfunction *f, const struct ax_tv *args, size_t n,
                struct ax_tv *out)
{
    if (n < f->min || n > f->max)
        return ax_fail(r->call.err, -EINVAL, "wrong number of args for %s: want %s%zu got %zu",
                       f->name, f->max == f->min ? "" : "at least ", f->min, n);
    int rc = f->call(&r->call, args, n, out);
    return rc < 0 && r->call.err ? ax_err_wrap(r->call.err, "error calling %s", f->name) : rc;
}

static int operand(struct run *r, const struct ax_toperand *o, struct ax_tv *out)
{
    struct ax_tv *known;
    int rc = 0;
    switch (o->kind) {
    case AX_TO_LITERAL: *out = o->literal; break;
    case AX_TO_DOT: *out = r->dot; break;
    case AX_TO_FUNCTION: rc = call(r, o->function, NULL, 0, out); break;
    case AX_TO_PIPE: rc = run_pipe(r, o->pipe, out); break;
    case AX_TO_VARIABLE:
        known = find(r, o->name);
        if (!known)
            return ax_fail(r->call.err, -EINVAL, "undefined variable: %.*s", AX_STR_ARG(o->name));
        *out = *known;
    }
    for (size_t i = 0; i < o->nfields && rc == 0; i++)
        rc = field(r, o->fields[i], out);
    return rc;
}

/* `before` is what the command before the | gave: the last argument. */
static int run_call(struct run *r, const struct ax_tcommand *c, const struct ax_tv *before,
                    struct ax_tv *out)
{
    const struct ax_tfunction *f = c->v[0].function;
    struct ax_tv args[ARGS_MAX];
    size_t n = 0;
    int rc = 0;
    bool enough = false;
    if (c->n > ARGS_MAX - 1)
        return ax_fail(r->call.err, -E2BIG, "more than %d arguments", ARGS_MAX - 2);
    for (size_t i = 1; i < c->n && rc == 0 && !enough; i++) {
        rc = operand(r, &c->v[i], &args[n++]);
        enough = rc == 0 && f->enough && f->enough(&args[n - 1]);
    }
    if (before && !enough)
        args[n++] = *before;
    return rc < 0 ? rc : call(r, f, args, n, out);
}

static int run_command(struct run *r, const struct ax_tcommand *c, const struct ax_tv *before,
                       struct ax_tv *out)
{
    if (c->v[0].kind == AX_TO_FUNCTION && c->v[0].nfields == 0)
        return run_call(r, c, before, out);
    if (before || c->n > 1)
        return ax_fail(r->call.err, -EINVAL, "can't give argument to non-function");
    return operand(r, &c->v[0], out);
}

static int assign(struct run *r, const struct ax_tpipe *p, const struct ax_tv *v)
{
    if (!p->assigns)
        return push(r, p->vars[0], v);
    struct ax_tv *known = find(r, p->vars[0]);
    if (!known)
        return ax_fail(r->call.err, -EINVAL, "undefined variable: %.*s", AX_STR_ARG(p->vars[0]));
    *known = *v;
    return 0;
}

static int evaluate(struct run *r, const struct ax_tpipe *p, struct ax_tv *out)
{
    struct ax_tv v = {0};
    int rc = 0;
    for (size_t i = 0; i < p->n && rc == 0; i++) {
        struct ax_tv before = v;
        rc = run_command(r, &p->v[i], i ? &before : NULL, &v);
    }
    *out = v;
    return rc;
}

static int run_pipe(struct run *r, const struct ax_tpipe *p, struct ax_tv *out)
{
    int rc = evaluate(r, p, out);
    return rc == 0 && p->nvars ? assign(r, p, out) : rc;
}

/* ---- nodes ---- */

static int run_action(struct run *r, const struct ax_tnode *n)
{
    struct ax_tv v;
    int rc = run_pipe(r, n->pipe, &v);
    if (rc == 0 && n->pipe->nvars == 0)
        ax_tv_print(&v, &r->out);
    return rc;
}

static int run_if(struct run *r, const struct ax_tnode *n)
{
    struct ax_tv v;
    size_t vars = r->nvars;
    struct ax_tv dot = r->dot;
    int rc = run_pipe(r, n->pipe, &v);
    if (rc == 0 && ax_tv_true(&v)) {
        if (n->kind == AX_TN_WITH)
            r->dot = v;
        rc = run_nodes(r, n->body);
    } else if (rc == 0) {
        rc = run_nodes(r, n->otherwise);
    }
    r->dot = dot;
    r->nvars = vars;
    return rc;
}

static int run_one_of_range(struct run *r, const struct ax_tnode *n, const struct ax_tv *key,
                            const struct ax_tv *value)
{
    const struct ax_tpipe *p = n->pipe;
    size_t vars = r->nvars;
    int rc = 0;
    if (p->nvars == 2)
        rc = push(r, p->vars[0], key);
    if (p->nvars && rc == 0)
        rc = push(r, p->vars[p->nvars - 1], value);
    r->dot = *value;
    if (rc == 0)
        rc = run_nodes(r, n->body);
    r->nvars = vars;
    return rc;
}

static int run_range(struct run *r, const struct ax_tnode *n)
{
    struct ax_tv over, dot = r->dot;
    size_t count = 0;
    int rc = evaluate(r, n->pipe, &over);
    if (rc == 0 && over.kind == AX_TV_LABELS) {
        struct ax_label l;
        AX_LABELS_EACH (over.labels, l) {
            struct ax_tv key = ax_tv_string(l.name), value = ax_tv_string(l.value);
            count++;
            if (rc == 0)
                rc = run_one_of_range(r, n, &key, &value);
        }
    } else if (rc == 0 && over.kind == AX_TV_LIST) {
        for (; count < over.list.n && rc == 0; count++) {
            struct ax_tv key = {.kind = AX_TV_INT, .i = (int64_t)count};
            rc = run_one_of_range(r, n, &key, &over.list.v[count]);
        }
    } else if (rc == 0 && over.kind != AX_TV_NIL) {
        return ax_fail(r->call.err, -EINVAL, "range can't iterate over %s", ax_tv_type(&over));
    }
    r->dot = dot;
    return rc == 0 && count == 0 ? run_nodes(r, n->otherwise) : rc;
}

static int run_node(struct run *r, const struct ax_tnode *n)
{
    if (++r->steps > STEPS_MAX)
        return ax_fail(r->call.err, -E2BIG, "more than %d steps", STEPS_MAX);
    switch (n->kind) {
    case AX_TN_TEXT: ax_buf_str(&r->out, n->text); return 0;
    case AX_TN_ACTION: return run_action(r, n);
    case AX_TN_RANGE: return run_range(r, n);
    default: return run_if(r, n);
    }
}

static int run_nodes(struct run *r, const struct ax_tnode *n)
{
    int rc = 0;
    for (; n && rc == 0; n = n->next)
        rc = run_node(r, n);
    return rc;
}

struct ax_str ax_template_text(const struct ax_template *t)
{
    return t->text;
}

struct ax_str ax_template_render(const struct ax_template *t, const struct ax_template_world *w,
                                 struct ax_arena *a)
{
    if (!t->nodes || (t->nodes->kind == AX_TN_TEXT && !t->nodes->next))
        return ax_arena_str(a, t->nodes ? t->nodes->text : AX_STR(""));
    struct ax_err err = {0};
    struct run *r = AX_NEW(a, struct run);
    r->call = (struct ax_tcall){.world = w, .a = a, .err = &err};
    r->out.max = AX_LABEL_VALUE_MAX;
    r->dot.kind = AX_TV_ROOT;
    const struct ax_str names[] = {AX_STR("$"), AX_STR("$labels"), AX_STR("$value"),
                                   AX_STR("$externalLabels"), AX_STR("$externalURL")};
    const struct ax_tv values[] = {{.kind = AX_TV_ROOT},
                                   {.kind = AX_TV_LABELS, .labels = w->labels},
                                   {.kind = AX_TV_FLOAT, .f = w->value},
                                   {.kind = AX_TV_LABELS},
                                   ax_tv_string(w->url)};
    for (size_t i = 0; i < AX_ARRAY_LEN(names); i++)
        push(r, names[i], &values[i]);
    int rc = run_nodes(r, t->nodes);
    struct ax_str s = rc < 0 ? ax_arena_printf(a, "<error expanding template: %s>", err.text)
                             : ax_arena_str(a, ax_buf_view(&r->out));
    ax_buf_free(&r->out);
    return s;
}
