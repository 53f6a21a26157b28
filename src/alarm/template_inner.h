// SPDX-License-Identifier: Apache-2.0
/* Inside templates:
 *
 *   template_lex.c        names, texts and numbers
 *   template_parse.c      text into a tree: nodes with pipelines of commands of operands
 *   template.c            the tree, executed
 *   template_functions.c  what commands may call (and _series.c, _texts.c)
 *   template_value.c      values: their truth, their order, how they print
 *   template_printf.c     Go's printf
 */
#ifndef AX_ALARM_TEMPLATE_INNER_H
#define AX_ALARM_TEMPLATE_INNER_H

#include "alarm/template.h"

enum ax_tv_kind {
    AX_TV_NIL,
    AX_TV_BOOL,
    AX_TV_INT,
    AX_TV_FLOAT,
    AX_TV_STRING,
    AX_TV_LABELS,
    AX_TV_SAMPLE,
    AX_TV_LIST,
    AX_TV_ROOT /* {{ . }} outside of range and with */
};

struct ax_tv_sample {
    struct ax_labels labels;
    double value;
};

struct ax_tv {
    enum ax_tv_kind kind;
    union {
        bool b;
        int64_t i;
        double f;
        struct ax_str s;
        struct ax_labels labels;
        const struct ax_tv_sample *sample;
        struct {
            struct ax_tv *v;
            size_t n;
        } list;
    };
};

const char *ax_tv_type(const struct ax_tv *v); /* as Go names it */
bool ax_tv_true(const struct ax_tv *v);
bool ax_tv_float(const struct ax_tv *v, double *out); /* numbers, and strings that are some */
/* -1, 0, 1; false: they cannot be compared. NaN is less than nothing and equal to nothing: 2. */
bool ax_tv_compare(const struct ax_tv *a, const struct ax_tv *b, int *out);
void ax_tv_print(const struct ax_tv *v, struct ax_buf *out);
/* With the shortest digits that read back (digits < 0), or so many, as Go's %g. */
void ax_tv_print_float(double v, int digits, struct ax_buf *out);

/* ---- the tree ---- */

struct ax_tpipe;
struct ax_tfunction;

struct ax_toperand {
    enum { AX_TO_LITERAL, AX_TO_DOT, AX_TO_VARIABLE, AX_TO_FUNCTION, AX_TO_PIPE } kind;
    struct ax_tv literal;
    struct ax_str name; /* of a variable */
    const struct ax_tfunction *function;
    struct ax_tpipe *pipe;
    struct ax_str *fields; /* .A.B behind it */
    size_t nfields;
};
struct ax_tcommand {
    struct ax_toperand *v;
    size_t n;
};
struct ax_tpipe {
    struct ax_str vars[2];
    size_t nvars;
    bool assigns; /* = instead of := */
    struct ax_tcommand *v;
    size_t n;
};
struct ax_tnode {
    enum { AX_TN_TEXT, AX_TN_ACTION, AX_TN_IF, AX_TN_RANGE, AX_TN_WITH } kind;
    struct ax_str text;
    struct ax_tpipe *pipe;
    struct ax_tnode *body, *otherwise, *next;
};
struct ax_template {
    struct ax_str text;
    struct ax_tnode *nodes;
};

/* ---- calls ---- */

struct ax_tcall {
    const struct ax_template_world *world;
    struct ax_arena *a;
    struct ax_err *err;
    unsigned queries;
};
struct ax_tfunction {
    const char *name;
    size_t min, max;
    int (*call)(struct ax_tcall *c, const struct ax_tv *args, size_t n, struct ax_tv *out);
    bool (*enough)(const struct ax_tv *so_far); /* and, or: what follows is not looked at */
};
const struct ax_tfunction *ax_tfunction_find(struct ax_str name);

struct ax_tv ax_tv_string(struct ax_str s);
int ax_tv_printf(struct ax_tcall *c, const struct ax_tv *args, size_t n, struct ax_tv *out);

#endif
