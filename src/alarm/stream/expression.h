// SPDX-License-Identifier: Apache-2.0
/* Monasca's alarm expressions:
 *
 *   expr   := term { ("or" | "||") term }        term := factor { ("and" | "&&") factor }
 *   factor := "(" expr ")" | sub
 *   sub    := [func "("] metric ["," "deterministic"] ["," period] [")"] op threshold ["times" n]
 *   metric := name ["{" key "=" value {"," key "=" value} "}"]
 *
 * A parsed expression is its sub-expressions in the order in which they stand, and a program that
 * combines their outcomes. Pure. Memory: all of it is in the arena, and the text must outlive it.
 */
#ifndef AX_ALARM_STREAM_EXPRESSION_H
#define AX_ALARM_STREAM_EXPRESSION_H

#include "model/labels.h"

#define AX_EXPRESSION_BYTES 16384
#define AX_SUBS_MAX         64
#define AX_NESTING_MAX      32
#define AX_TIMES_MAX        1440
#define AX_WINDOW_MAX_S     (7 * 86400) /* period x times */

enum ax_function { AX_MAX, AX_MIN, AX_AVG, AX_COUNT, AX_SUM, AX_LAST };
enum ax_operator { AX_LT, AX_GT, AX_LTE, AX_GTE };

struct ax_sub {
    enum ax_function function;
    enum ax_operator op;
    bool deterministic;
    uint32_t period, times; /* seconds; how often in a row */
    double threshold;
    struct ax_str number; /* the threshold as it was written */
    struct ax_str metric;
    struct ax_label *dimensions; /* sorted by name */
    size_t ndimensions;
};

/* A step of the program puts a sub-expression's outcome on a stack, or combines the two on top. */
enum { AX_STEP_AND = AX_SUBS_MAX, AX_STEP_OR };

struct ax_expression {
    struct ax_sub *subs;
    size_t nsubs;
    uint8_t steps[2 * AX_SUBS_MAX];
    size_t nsteps;
    bool deterministic; /* all subs are */
};

/* -EINVAL with "at character N: found ..., expected ...". */
int ax_expression_parse(struct ax_str text, struct ax_arena *a, struct ax_expression *out,
                        struct ax_err *err);
/* Everything that was left to defaults said, in one form: what it prints reads back as the same. */
void ax_expression_print(const struct ax_expression *e, struct ax_buf *out);
void ax_sub_print(const struct ax_sub *s, struct ax_buf *out);
const char *ax_function_name(enum ax_function f);  /* AVG, as the history has it */
const char *ax_operator_name(enum ax_operator op); /* GT */

/* Are they about the same metric with the same dimensions? */
bool ax_sub_same(const struct ax_sub *a, const struct ax_sub *b);

/* The outcome when bit i of `exceeded` is that of sub i. */
bool ax_expression_holds(const struct ax_expression *e, uint64_t exceeded);

static inline bool ax_exceeds(enum ax_operator op, double v, double threshold)
{
    switch (op) {
    case AX_LT: return v < threshold;
    case AX_GT: return v > threshold;
    case AX_LTE: return v <= threshold;
    case AX_GTE: return v >= threshold;
    }
    return false;
}

#endif
