// SPDX-License-Identifier: Apache-2.0
#include "cli/inner.h"

#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ax_table {
    struct libscols_table *scols;
    struct libscols_line *line;
    size_t columns, at;
};

struct ax_table *ax_table_new(FILE *out, const struct ax_column *columns, size_t n)
{
    static const int flags[] = {0, SCOLS_FL_RIGHT, SCOLS_FL_TRUNC}; /* by enum ax_cell */
    struct ax_table *t = ax_calloc(1, sizeof *t);
    t->scols = scols_new_table();
    AX_ASSERT(t->scols);
    t->columns = n;
    int fd = fileno(out);
    scols_table_set_stream(t->scols, out);
    scols_table_enable_maxout(t->scols, 0);
    if (fd < 0 || !isatty(fd))
        scols_table_set_termforce(t->scols, SCOLS_TERMFORCE_NEVER);
    for (size_t i = 0; i < n; i++) {
        scols_table_new_column(t->scols, columns[i].title, 0, flags[columns[i].how]);
    }
    return t;
}

void ax_table_cell(struct ax_table *t, const char *text)
{
    if (t->at == 0)
        t->line = scols_table_new_line(t->scols, NULL);
    AX_ASSERT(t->line);
    AX_CLEANUP(ax_free_ptr) char *shown = ax_strdup(text && *text ? text : "-");
    shown[ax_str_clean(shown, strlen(shown))] = '\0';
    scols_line_set_data(t->line, t->at, shown);
    t->at = (t->at + 1) % t->columns;
}

size_t ax_table_rows(const struct ax_table *t)
{
    return scols_table_get_nlines(t->scols);
}

void ax_table_free(struct ax_table *t)
{
    if (!t)
        return;
    if (ax_table_rows(t))
        scols_print_table(t->scols);
    scols_unref_table(t->scols);
    free(t);
}
