// SPDX-License-Identifier: Apache-2.0
/* JSON read in one pass, without a tree, for who reads much of it. Strings without escapes are
 * views of the text. Inside ingest only. */
#ifndef AX_INGEST_SCAN_H
#define AX_INGEST_SCAN_H

#include "base/arena.h"
#include "base/err.h"

struct ax_scan {
    const char *p, *end;    /* what is left */
    struct ax_arena *arena; /* for strings with escapes */
    const char *whole;      /* what the text is, for errors: "line" */
    struct ax_err *why;     /* what the calls below that fail say */
};

static inline void ax_scan_blanks(struct ax_scan *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\r' || *c->p == '\n'))
        c->p++;
}

/* The character, behind blanks; false when another one, or nothing, is there. */
static inline bool ax_scan_take(struct ax_scan *c, char ch)
{
    if (c->p == c->end || *c->p != ch) {
        ax_scan_blanks(c);
        if (c->p == c->end || *c->p != ch)
            return false;
    }
    c->p++;
    return true;
}

bool ax_scan_null(struct ax_scan *c); /* passed over, if it is there */
int ax_scan_string(struct ax_scan *c, struct ax_str *out);
/* A number or a word: what there is up to a blank or punctuation, maybe nothing. */
struct ax_str ax_scan_token(struct ax_scan *c);
/* Passes over a value of any kind, and looks no closer than to find its end. */
int ax_scan_skip(struct ax_scan *c);
/* The same, and it is JSON: numbers may also be NaN, Infinity and -Infinity, as some write them. */
int ax_scan_value(struct ax_scan *c);
/* -EINVAL: "expected WHAT at ..." */
int ax_scan_expected(struct ax_scan *c, const char *what);

#endif
