// SPDX-License-Identifier: Apache-2.0
/* Label matchers: = != =~ !~. Regexes are anchored at both ends, have RE2's syntax as far as PCRE2
 * can express it (look-around, back references, possessive and atomic groups are refused), "."
 * matches a newline, and matching is bounded. A label that is absent counts as empty. */
#ifndef AX_MODEL_MATCHER_H
#define AX_MODEL_MATCHER_H

#include "model/labels.h"

enum ax_match_op { AX_MATCH_EQ, AX_MATCH_NE, AX_MATCH_RE, AX_MATCH_NRE };

struct ax_regex; /* compiled; shared between threads once made */

struct ax_matcher {
    enum ax_match_op op;
    struct ax_str name, value;
    struct ax_regex *re; /* for RE and NRE, else NULL; owned by the arena's user, see below */
};

/* Compiles; free with ax_regex_free. The error gives the offset inside the pattern. */
int ax_regex_new(struct ax_str pattern, struct ax_regex **out, struct ax_err *err);
void ax_regex_free(struct ax_regex *re);
bool ax_regex_match(const struct ax_regex *re, struct ax_str s);
/* For where a match must take no time: at most so many steps, instead of a million. */
void ax_regex_bound(struct ax_regex *re, uint32_t steps);
/* 1 or 0; -E2BIG when it takes more steps (ax_regex_match calls that no match). */
int ax_regex_try(const struct ax_regex *re, struct ax_str s);
/* Capture groups of a full match for label_replace: writes `replacement` with $1, ${1}, $name, $$
 * expanded (Go's rules) to *out; false when s does not match. */
bool ax_regex_expand(const struct ax_regex *re, struct ax_str s, struct ax_str replacement,
                     struct ax_buf *out);

/* The same, but it matches anywhere in a text, and "." no newline: for ax_regex_match, and for
 * replacing every match by `replacement` as above. */
int ax_regex_new_search(struct ax_str pattern, struct ax_regex **out, struct ax_err *err);
void ax_regex_replace(const struct ax_regex *re, struct ax_str s, struct ax_str replacement,
                      struct ax_buf *out);

bool ax_matcher_value(const struct ax_matcher *m, struct ax_str value);
bool ax_matcher_labels(const struct ax_matcher *m, size_t n,
                       struct ax_labels set); /* all of them */
bool ax_matcher_matches_empty(const struct ax_matcher *m);

#endif
