// SPDX-License-Identifier: Apache-2.0
/* Writes a tree in the canonical form, which parses to the same tree. */
#include "query/tree.h"

#include "base/num.h"

#include <math.h>
#include <stdio.h>

static void print_node(const struct ax_node *n, struct ax_buf *out);

void ax_quote(struct ax_str s, struct ax_buf *out)
{
    ax_buf_byte(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\')
            ax_buf_printf(out, "\\%c", c);
        else if (c == '\n')
            ax_buf_cstr(out, "\\n");
        else if (c == '\t')
            ax_buf_cstr(out, "\\t");
        else if (c == '\r')
            ax_buf_cstr(out, "\\r");
        else if (c < ' ' || c == 0x7f)
            ax_buf_printf(out, "\\x%02x", c);
        else
            ax_buf_byte(out, c);
    }
    ax_buf_byte(out, '"');
}

static void print_name(struct ax_str name, struct ax_buf *out)
{
    if (ax_label_name_ok(name))
        ax_buf_str(out, name);
    else
        ax_quote(name, out);
}

/* "+Inf" would read back as a sign and a number. */
static void print_number(double v, struct ax_buf *out)
{
    if (isinf(v))
        ax_buf_cstr(out, "Inf");
    else
        ax_buf_double(out, v);
}

static void print_names(const struct ax_names *names, struct ax_buf *out)
{
    ax_buf_cstr(out, " (");
    for (size_t i = 0; i < names->n; i++) {
        ax_buf_cstr(out, i ? ", " : "");
        print_name(names->v[i], out);
    }
    ax_buf_byte(out, ')');
}

static void print_duration(int64_t ms, struct ax_buf *out)
{
    char text[AX_NUM_TEXT];
    ax_buf_add(out, text, ax_duration_print(ms, text));
}

static void print_when(const struct ax_when *w, struct ax_buf *out)
{
    if (w->at == AX_AT_START)
        ax_buf_cstr(out, " @ start()");
    else if (w->at == AX_AT_END)
        ax_buf_cstr(out, " @ end()");
    else if (w->at == AX_AT_TIME)
        ax_buf_printf(out, " @ %.3f", (double)w->at_ms / 1000);
    if (!w->offset)
        return;
    ax_buf_cstr(out, w->offset < 0 ? " offset -" : " offset ");
    print_duration(w->offset < 0 ? -w->offset : w->offset, out);
}

static void print_selector(const struct ax_node *n, struct ax_buf *out)
{
    static const char *const ops[] = {"=", "!=", "=~", "!~"};
    bool plain = ax_metric_name_ok(n->selector.name), first = true;
    if (plain)
        ax_buf_str(out, n->selector.name);
    for (size_t i = 0; i < n->selector.nmatchers; i++) {
        const struct ax_matcher *m = &n->selector.matchers[i];
        if (plain && m->value.p == n->selector.name.p)
            continue; /* the name before the braces */
        ax_buf_byte(out, first ? '{' : ',');
        first = false;
        print_name(m->name, out);
        ax_buf_cstr(out, ops[m->op]);
        ax_quote(m->value, out);
    }
    if (!first)
        ax_buf_byte(out, '}');
    if (n->selector.range) {
        ax_buf_byte(out, '[');
        print_duration(n->selector.range, out);
        ax_buf_byte(out, ']');
    }
    print_when(&n->selector.when, out);
}

static void print_subquery(const struct ax_node *n, struct ax_buf *out)
{
    print_node(n->subquery.arg, out);
    ax_buf_byte(out, '[');
    print_duration(n->subquery.range, out);
    ax_buf_byte(out, ':');
    if (n->subquery.step)
        print_duration(n->subquery.step, out);
    ax_buf_byte(out, ']');
    print_when(&n->subquery.when, out);
}

static void print_aggregate(const struct ax_node *n, struct ax_buf *out)
{
    ax_buf_cstr(out, ax_agg_names[n->agg.op]);
    if (n->agg.without || n->agg.labels.n) {
        ax_buf_cstr(out, n->agg.without ? " without" : " by");
        print_names(&n->agg.labels, out);
        ax_buf_byte(out, ' ');
    }
    ax_buf_byte(out, '(');
    if (n->agg.param) {
        print_node(n->agg.param, out);
        ax_buf_cstr(out, ", ");
    }
    print_node(n->agg.arg, out);
    ax_buf_byte(out, ')');
}

static void print_binary(const struct ax_node *n, struct ax_buf *out)
{
    const struct ax_match *m = &n->binary.match;
    print_node(n->binary.lhs, out);
    ax_buf_printf(out, " %s%s", ax_ops[n->binary.op].text, n->binary.returns_bool ? " bool" : "");
    if (m->on || m->labels.n || (m->given && m->group)) {
        ax_buf_cstr(out, m->on ? " on" : " ignoring");
        print_names(&m->labels, out);
    }
    if (m->group) {
        ax_buf_cstr(out, m->group == AX_GROUP_LEFT ? " group_left" : " group_right");
        print_names(&m->include, out);
    }
    ax_buf_byte(out, ' ');
    print_node(n->binary.rhs, out);
}

static void print_call(const struct ax_node *n, struct ax_buf *out)
{
    ax_buf_str(out, n->call.name);
    ax_buf_byte(out, '(');
    for (size_t i = 0; i < n->call.n; i++) {
        ax_buf_cstr(out, i ? ", " : "");
        print_node(n->call.args[i], out);
    }
    ax_buf_byte(out, ')');
}

static void print_node(const struct ax_node *n, struct ax_buf *out)
{
    switch (n->kind) {
    case AX_NODE_NUMBER: print_number(n->number, out); break;
    case AX_NODE_STRING: ax_quote(n->string, out); break;
    case AX_NODE_SELECTOR: print_selector(n, out); break;
    case AX_NODE_SUBQUERY: print_subquery(n, out); break;
    case AX_NODE_CALL: print_call(n, out); break;
    case AX_NODE_AGGREGATE: print_aggregate(n, out); break;
    case AX_NODE_BINARY: print_binary(n, out); break;
    case AX_NODE_UNARY:
        ax_buf_byte(out, n->unary.minus ? '-' : '+');
        print_node(n->unary.arg, out);
        break;
    case AX_NODE_PAREN:
        ax_buf_byte(out, '(');
        print_node(n->paren, out);
        ax_buf_byte(out, ')');
        break;
    }
}

void ax_expr_print(const struct ax_expr *e, struct ax_buf *out)
{
    print_node(e->root, out);
}
