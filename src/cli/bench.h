// SPDX-License-Identifier: Apache-2.0
/* Inside the command line: the benches, one file each, and what their flags have in common. */
#ifndef AX_CLI_BENCH_H
#define AX_CLI_BENCH_H

#include "cli/inner.h"

#define AX_BENCH_ROUND_MS 15000 /* between two samples of a series, unless told otherwise */

/* Like commands (cli.h); argv[0] is "bench ingest" and so on. */
int ax_bench_ingest(int argc, char **argv);
int ax_bench_query(int argc, char **argv);
int ax_bench_recover(int argc, char **argv);

/* A flag that takes a whole number. */
struct ax_count_flag {
    const char *name, *text; /* text: NULL = not given, *out stays */
    unsigned min, max;
    unsigned *out;
};
int ax_bench_counts(const struct ax_cli *c, const struct ax_count_flag *v, size_t n);

/* $TMPDIR or /tmp, unless `dir` is given. */
const char *ax_bench_dir(const char *dir);

#endif
