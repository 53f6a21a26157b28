// SPDX-License-Identifier: Apache-2.0
/* Strings as views: a pointer and a length, passed by value, never owned, not NUL-terminated.
 * Who owns the bytes is said where a view is handed out; a view is valid no longer than they are.
 */
#ifndef AX_BASE_STR_H
#define AX_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct ax_str {
    const char *p;
    size_t n;
};

#define AX_STR(literal)                                                                            \
    (struct ax_str)                                                                                \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
#define AX_STR_NULL                                                                                \
    (struct ax_str)                                                                                \
    {                                                                                              \
        NULL, 0                                                                                    \
    }
/* printf("%.*s", AX_STR_ARG(s)) */
#define AX_STR_ARG(s) (int)(s).n, (s).p

#define AX_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

struct ax_str ax_str(const char *cstr); /* NULL gives the empty view */
static inline bool ax_str_eq(struct ax_str a, struct ax_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
int ax_str_cmp(struct ax_str a, struct ax_str b); /* bytewise, a prefix sorts first */
bool ax_str_starts(struct ax_str s, struct ax_str prefix);
bool ax_str_ends(struct ax_str s, struct ax_str suffix);
struct ax_str ax_str_trim(struct ax_str s); /* ASCII white space off both ends */

/* Takes the part of *rest before `sep` and moves *rest behind it; without `sep` takes all.
 * Returns false when *rest was exhausted (p == NULL) before the call. */
bool ax_str_cut(struct ax_str *rest, char sep, struct ax_str *out);
/* The next run of bytes that are not blank or tab; false when there is none. */
bool ax_str_word(struct ax_str *rest, struct ax_str *out);

/* Whole-string number parsers: no white space, no trailing bytes, range-checked. *out is untouched
 * on failure. Doubles: decimal, exponent, hex, Inf, NaN in any case. */
bool ax_str_u64(struct ax_str s, uint64_t *out);
bool ax_str_i64(struct ax_str s, int64_t *out);
bool ax_str_double(struct ax_str s, double *out);

/* Of UTF-8: what people count, where bytes would be more. */
size_t ax_str_characters(struct ax_str s);
bool ax_str_utf8(struct ax_str s);        /* well-formed UTF-8 (no surrogates, no overlong forms) */
size_t ax_str_character(struct ax_str s); /* bytes of the first one; 0: none, or not well-formed */
/* Its beginning: at most `max` bytes, and no character cut in two. */
struct ax_str ax_str_within(struct ax_str s, size_t max);

/* What others wrote, before a terminal has it. The bytes of the first character of s (which is not
 * empty); *fit: it can be shown. Not so control characters, by which a terminal is steered (also
 * those of two bytes, U+0080 to U+009F), what turns the line around or breaks it (U+202A to U+202E,
 * U+2066 to U+2069, U+2028, U+2029), and a byte that is of no character. */
size_t ax_str_shown(struct ax_str s, bool *fit);
/* In place: each that cannot be shown becomes '?'. The bytes that there are then. */
size_t ax_str_clean(char *p, size_t n);

#endif
