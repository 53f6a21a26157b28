// SPDX-License-Identifier: Apache-2.0
/* Parsed expressions: their outcome, and their text. */
#include "alarm/stream/expression.h"

#include <ctype.h>

bool ax_expression_holds(const struct ax_expression *e, uint64_t exceeded)
{
    bool stack[AX_SUBS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < e->nsteps; i++) {
        uint8_t step = e->steps[i];
        if (step < AX_SUBS_MAX) {
            stack[n++] = exceeded >> step & 1;
            continue;
        }
        n--;
        stack[n - 1] = step == AX_STEP_AND ? stack[n - 1] & stack[n] : stack[n - 1] | stack[n];
    }
    return stack[0];
}

bool ax_sub_same(const struct ax_sub *a, const struct ax_sub *b)
{
    bool same = ax_str_eq(a->metric, b->metric) && a->ndimensions == b->ndimensions;
    for (size_t i = 0; same && i < a->ndimensions; i++)
        same = ax_str_eq(a->dimensions[i].name, b->dimensions[i].name) &&
               ax_str_eq(a->dimensions[i].value, b->dimensions[i].value);
    return same;
}

/* ---- text ---- */

const char *ax_function_name(enum ax_function f)
{
    static const char *const names[] = {"MAX", "MIN", "AVG", "COUNT", "SUM", "LAST"};
    return names[f];
}

const char *ax_operator_name(enum ax_operator op)
{
    static const char *const names[] = {"LT", "GT", "LTE", "GTE"};
    return names[op];
}

void ax_sub_print(const struct ax_sub *s, struct ax_buf *out)
{
    static const char *const signs[] = {"<", ">", "<=", ">="};
    for (const char *f = ax_function_name(s->function); *f; f++)
        ax_buf_byte(out, (uint8_t)tolower(*f));
    ax_buf_printf(out, "(%.*s", AX_STR_ARG(s->metric));
    for (size_t i = 0; i < s->ndimensions; i++)
        ax_buf_printf(out, "%s%.*s=%.*s", i ? "," : "{", AX_STR_ARG(s->dimensions[i].name),
                      AX_STR_ARG(s->dimensions[i].value));
    if (s->ndimensions)
        ax_buf_byte(out, '}');
    ax_buf_printf(out, "%s,%u) %s %.*s", s->deterministic ? ",deterministic" : "", s->period,
                  signs[s->op], AX_STR_ARG(s->number));
    if (s->times > 1)
        ax_buf_printf(out, " times %u", s->times);
}

/* The tree is in the steps: where each operand begins in the text tells where parentheses go. A
 * term that is an operand of `and` is put into them when it is an `or`; right operands of the same
 * kind are, too, so that the program stays the same. */
void ax_expression_print(const struct ax_expression *e, struct ax_buf *out)
{
    struct {
        struct ax_buf text;
        uint8_t kind; /* the step that made it; 0 = a sub-expression */
    } stack[AX_SUBS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < e->nsteps; i++) {
        uint8_t step = e->steps[i];
        if (step < AX_SUBS_MAX) {
            stack[n].text = (struct ax_buf)AX_BUF_INIT;
            stack[n].kind = 0;
            ax_sub_print(&e->subs[step], &stack[n++].text);
            continue;
        }
        struct ax_buf joined = AX_BUF_INIT;
        n--;
        bool left = step == AX_STEP_AND && stack[n - 1].kind == AX_STEP_OR;
        bool right = stack[n].kind == step || (step == AX_STEP_AND && stack[n].kind);
        ax_buf_printf(&joined, left ? "(%.*s)" : "%.*s",
                      AX_STR_ARG(ax_buf_view(&stack[n - 1].text)));
        ax_buf_cstr(&joined, step == AX_STEP_AND ? " and " : " or ");
        ax_buf_printf(&joined, right ? "(%.*s)" : "%.*s", AX_STR_ARG(ax_buf_view(&stack[n].text)));
        ax_buf_free(&stack[n].text);
        ax_buf_free(&stack[n - 1].text);
        stack[n - 1].text = joined;
        stack[n - 1].kind = step;
    }
    ax_buf_str(out, ax_buf_view(&stack[0].text));
    ax_buf_free(&stack[0].text);
}
