// SPDX-License-Identifier: Apache-2.0
/* A template being read: where we are, and what stands there. */
#ifndef AX_ALARM_TEMPLATE_PARSE_H
#define AX_ALARM_TEMPLATE_PARSE_H

#include "alarm/template_inner.h"

#define AX_TP_KNOWN 200

struct ax_tparser {
    struct ax_str text;
    size_t at;    /* where we are */
    size_t begin; /* of the {{ we are in */
    struct ax_arena *a;
    struct ax_err *err;
    struct ax_str known[AX_TP_KNOWN]; /* variables in scope */
    size_t nknown;
    int depth;
    bool trims; /* the text that follows loses its white space in front */
};

struct ax_str ax_tp_left(const struct ax_tparser *p); /* what is not read yet */
bool ax_tp_looks_at(const struct ax_tparser *p, const char *what);
const char *ax_tp_find(struct ax_str s, const char *what);
char ax_tp_peek(const struct ax_tparser *p); /* 0 at the end */
void ax_tp_skip(struct ax_tparser *p);       /* white space */
bool ax_tp_blank(char c);
bool ax_tp_letter(char c); /* of a name, digits too */
struct ax_str ax_tp_word(struct ax_tparser *p);
/* "found {{ ACTION }}: WHY "WHAT"" */
int ax_tp_fault(struct ax_tparser *p, const char *why, struct ax_str what);
int ax_tp_string(struct ax_tparser *p, struct ax_toperand *out);
int ax_tp_number(struct ax_tparser *p, struct ax_toperand *out);

#endif
