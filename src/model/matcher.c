// SPDX-License-Identifier: Apache-2.0
#define PCRE2_CODE_UNIT_WIDTH 8
#include "model/matcher.h"

#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#define MATCH_LIMIT 1000000u /* backtracking steps for one value; past it: no match */

struct ax_regex {
    pcre2_code *code;
    pcre2_match_context *limits;
};

/* (?P=name), (?P>name), (?-1): `at` is behind the question mark. */
static bool is_reference(struct ax_str p, size_t at)
{
    char c = at < p.n ? p.p[at] : '\0', d = at + 1 < p.n ? p.p[at + 1] : '\0';
    return (c == 'P' && (d == '=' || d == '>')) || (c == '-' && d >= '0' && d <= '9');
}

/* The last byte of what \Q at `at` makes literal. */
static size_t end_of_quote(struct ax_str p, size_t at)
{
    for (at += 2; at + 1 < p.n; at++)
        if (p.p[at] == '\\' && p.p[at + 1] == 'E')
            return at + 1;
    return p.n;
}

/* Refuses what PCRE2 knows and RE2 does not, so that an expression means the same elsewhere. */
static int refuse_beyond_re2(struct ax_str p, struct ax_err *err)
{
    bool in_class = false;
    for (size_t i = 0; i < p.n; i++) {
        char c = p.p[i], d = i + 1 < p.n ? p.p[i + 1] : '\0', e = i + 2 < p.n ? p.p[i + 2] : '\0';
        if (c == '\\') {
            if (!in_class &&
                ((d >= '1' && d <= '9') || d == 'k' || d == 'g' || d == 'K' || d == 'R'))
                return ax_fail(err, -EINVAL, "invalid regex at offset %zu: \\%c is not supported",
                               i, d);
            i = d == 'Q' ? end_of_quote(p, i) : i + 1;
            continue;
        }
        if (in_class) {
            in_class = c != ']';
            continue;
        }
        if (c == '[') {
            in_class = true;
            i += d == '^' ? 1 : 0;
            i += i + 1 < p.n && p.p[i + 1] == ']' ? 1 : 0;
        } else if (c == '(' && d == '*') {
            return ax_fail(err, -EINVAL, "invalid regex at offset %zu: (* is not supported", i);
        } else if (c == '(' && d == '?' &&
                   (strchr("=!>|&R0123456789+#C(", e) || is_reference(p, i + 2))) {
            return ax_fail(err, -EINVAL,
                           "invalid regex at offset %zu: look-around, atomic groups and references "
                           "are not supported",
                           i);
        } else if (c == '(' && d == '?' && e == '<' && i + 3 < p.n &&
                   (p.p[i + 3] == '=' || p.p[i + 3] == '!')) {
            return ax_fail(err, -EINVAL,
                           "invalid regex at offset %zu: look-behind is not supported", i);
        } else if ((c == '*' || c == '+' || c == '?' || c == '}') && d == '+') {
            return ax_fail(err, -EINVAL,
                           "invalid regex at offset %zu: possessive repetition is not supported",
                           i);
        }
    }
    return 0;
}

static int compile(struct ax_str pattern, uint32_t how, struct ax_regex **out, struct ax_err *err)
{
    int rc = refuse_beyond_re2(pattern, err);
    if (rc < 0)
        return rc;
    int code;
    PCRE2_SIZE at;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)(pattern.p ? pattern.p : ""), pattern.n,
                                   how | PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C,
                                   &code, &at, NULL);
    if (!re) {
        char text[160];
        pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
        return ax_fail(err, -EINVAL, "invalid regex at offset %zu: %s", (size_t)at, text);
    }
    pcre2_jit_compile(re, PCRE2_JIT_COMPLETE); /* an optimisation: its failure changes nothing */
    struct ax_regex *r = ax_malloc(sizeof *r);
    r->code = re;
    r->limits = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(r->limits, MATCH_LIMIT);
    *out = r;
    return 0;
}

int ax_regex_new(struct ax_str pattern, struct ax_regex **out, struct ax_err *err)
{
    return compile(pattern, PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOTALL, out, err);
}

int ax_regex_new_search(struct ax_str pattern, struct ax_regex **out, struct ax_err *err)
{
    return compile(pattern, 0, out, err);
}

void ax_regex_free(struct ax_regex *re)
{
    if (!re)
        return;
    pcre2_match_context_free(re->limits);
    pcre2_code_free(re->code);
    free(re);
}

void ax_regex_bound(struct ax_regex *re, uint32_t steps)
{
    pcre2_set_match_limit(re->limits, steps);
}

int ax_regex_try(const struct ax_regex *re, struct ax_str s)
{
    pcre2_match_data *m = pcre2_match_data_create_from_pattern(re->code, NULL);
    AX_ASSERT(m != NULL);
    int rc = pcre2_match(re->code, (PCRE2_SPTR)(s.p ? s.p : ""), s.n, 0, 0, m, re->limits);
    pcre2_match_data_free(m);
    return rc >= 0 ? 1 : rc == PCRE2_ERROR_MATCHLIMIT ? -E2BIG : 0;
}

static pcre2_match_data *match_from(const struct ax_regex *re, struct ax_str s, size_t at)
{
    pcre2_match_data *m = pcre2_match_data_create_from_pattern(re->code, NULL);
    AX_ASSERT(m != NULL);
    int rc = pcre2_match(re->code, (PCRE2_SPTR)(s.p ? s.p : ""), s.n, at, 0, m, re->limits);
    if (rc >= 0)
        return m;
    pcre2_match_data_free(m);
    return NULL;
}

static pcre2_match_data *match(const struct ax_regex *re, struct ax_str s)
{
    return match_from(re, s, 0);
}

bool ax_regex_match(const struct ax_regex *re, struct ax_str s)
{
    pcre2_match_data *m = match(re, s);
    pcre2_match_data_free(m);
    return m != NULL;
}

/* The group that a reference names: its number, or -1 when there is none. */
static int group_number(const struct ax_regex *re, struct ax_str ref)
{
    uint64_t n;
    if (ax_str_u64(ref, &n))
        return n < 1000 ? (int)n : -1;
    char name[64];
    if (ref.n >= sizeof name)
        return -1;
    memcpy(name, ref.p, ref.n);
    name[ref.n] = '\0';
    int found = pcre2_substring_number_from_name(re->code, (PCRE2_SPTR)name);
    return found > 0 ? found : -1;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Reads what follows a "$": *used bytes were taken; a malformed reference is taken literally. */
static struct ax_str reference(struct ax_str rest, size_t *used)
{
    size_t n = 0;
    if (rest.n && rest.p[0] == '{') {
        while (1 + n < rest.n && is_word(rest.p[1 + n]))
            n++;
        bool closed = n && 1 + n < rest.n && rest.p[1 + n] == '}';
        *used = closed ? n + 2 : 0;
        return (struct ax_str){rest.p + 1, closed ? n : 0};
    }
    while (n < rest.n && is_word(rest.p[n]))
        n++;
    *used = n;
    return (struct ax_str){rest.p, n};
}

static void expand(const struct ax_regex *re, pcre2_match_data *m, struct ax_str s,
                   struct ax_str replacement, struct ax_buf *out)
{
    const PCRE2_SIZE *ov = pcre2_get_ovector_pointer(m);
    uint32_t groups = pcre2_get_ovector_count(m);
    for (size_t i = 0; i < replacement.n; i++) {
        if (replacement.p[i] != '$') {
            ax_buf_byte(out, (uint8_t)replacement.p[i]);
            continue;
        }
        struct ax_str rest = {replacement.p + i + 1, replacement.n - i - 1};
        if (rest.n && rest.p[0] == '$') {
            ax_buf_byte(out, '$');
            i++;
            continue;
        }
        size_t used;
        struct ax_str ref = reference(rest, &used);
        if (used == 0) {
            ax_buf_byte(out, '$');
            continue;
        }
        int g = group_number(re, ref);
        if (g >= 0 && (uint32_t)g < groups && ov[2 * g] != PCRE2_UNSET)
            ax_buf_add(out, s.p + ov[2 * g], ov[2 * g + 1] - ov[2 * g]);
        i += used;
    }
}

bool ax_regex_expand(const struct ax_regex *re, struct ax_str s, struct ax_str replacement,
                     struct ax_buf *out)
{
    pcre2_match_data *m = match(re, s);
    if (!m)
        return false;
    expand(re, m, s, replacement, out);
    pcre2_match_data_free(m);
    return true;
}

static size_t character(struct ax_str s, size_t at)
{
    size_t n = 1;
    while (at + n < s.n && ((unsigned char)s.p[at + n] & 0xc0) == 0x80)
        n++;
    return n;
}

void ax_regex_replace(const struct ax_regex *re, struct ax_str s, struct ax_str replacement,
                      struct ax_buf *out)
{
    size_t at = 0, copied = 0;
    for (pcre2_match_data *m; at <= s.n && (m = match_from(re, s, at));) {
        const PCRE2_SIZE *ov = pcre2_get_ovector_pointer(m);
        size_t from = ov[0], to = ov[1];
        bool empty_behind_match = from == to && from == copied && copied > 0;
        ax_buf_add(out, s.p + copied, from - copied);
        if (!empty_behind_match)
            expand(re, m, s, replacement, out);
        copied = to;
        at = to > from ? to : to + (to < s.n ? character(s, to) : 1);
        pcre2_match_data_free(m);
    }
    ax_buf_add(out, s.p + copied, s.n - copied);
}

bool ax_matcher_value(const struct ax_matcher *m, struct ax_str value)
{
    switch (m->op) {
    case AX_MATCH_EQ: return ax_str_eq(m->value, value);
    case AX_MATCH_NE: return !ax_str_eq(m->value, value);
    case AX_MATCH_RE: return ax_regex_match(m->re, value);
    case AX_MATCH_NRE: return !ax_regex_match(m->re, value);
    }
    return false;
}

bool ax_matcher_labels(const struct ax_matcher *m, size_t n, struct ax_labels set)
{
    for (size_t i = 0; i < n; i++)
        if (!ax_matcher_value(&m[i], ax_labels_get(set, m[i].name)))
            return false;
    return true;
}

bool ax_matcher_matches_empty(const struct ax_matcher *m)
{
    return ax_matcher_value(m, AX_STR_NULL);
}
