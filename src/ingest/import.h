// SPDX-License-Identifier: Apache-2.0
/* Inside ingest: the line formats. Each takes one line, of which it gathers and takes the samples;
 * -EINVAL: nothing of it was taken, `why` says what is wrong with it. */
#ifndef AX_INGEST_IMPORT_H
#define AX_INGEST_IMPORT_H

#include "ingest/gather.h"

struct ax_import_lines {
    struct ax_import *im;
    struct ax_gather g;
    /* The text of the series taken last, as far as its value: what begins the next line, too, is
     * the same series. Empty: none in this batch. */
    struct ax_str last;
};

int ax_import_text_line(struct ax_import_lines *l, struct ax_str line, struct ax_err *why);
int ax_import_json_line(struct ax_import_lines *l, struct ax_str line, struct ax_err *why);
int ax_import_csv_line(struct ax_import_lines *l, struct ax_str line, struct ax_err *why);

/* A value as text: decimal, Inf, NaN, and NaN with its bits. Exact. */
bool ax_import_value(struct ax_str s, double *out);
/* Seconds since 1970 with decimals, to ms. */
bool ax_import_seconds(struct ax_str s, int64_t *out);
/* `s` in quotes for an error text, as far as it fits. */
int ax_import_bad(struct ax_err *why, const char *what, struct ax_str s);

#endif
