// SPDX-License-Identifier: Apache-2.0
/* Lines of comma-separated values. What the columns are is told beside them: labels, the values of
 * one or several metrics, the time. A field may be in double quotes, which are doubled inside; a
 * field goes no further than its line. A metric whose field is empty has no sample in that line. */
#include "base/num.h"
#include "ingest/import.h"

#include <errno.h>

/* ---- the columns ---- */

static const struct {
    const char *name;
    enum ax_csv_time time;
} times[] = {{"unix_s", AX_CSV_S},
             {"unix_ms", AX_CSV_MS},
             {"unix_ns", AX_CSV_NS},
             {"rfc3339", AX_CSV_RFC3339}};

static int parse_time_column(struct ax_str how, struct ax_csv_column *c, struct ax_err *err)
{
    for (size_t i = 0; i < AX_ARRAY_LEN(times); i++)
        if (ax_str_eq(how, ax_str(times[i].name))) {
            c->what = AX_CSV_TIME;
            c->time = times[i].time;
            return 0;
        }
    return ax_import_bad(err, "expected unix_s, unix_ms, unix_ns or rfc3339 for a time, found",
                         how);
}

/* NUMBER:TYPE:REST */
static int parse_column(struct ax_str entry, struct ax_csv *out, struct ax_err *err)
{
    struct ax_str rest = entry, number = AX_STR_NULL, type = AX_STR_NULL;
    uint64_t at;
    ax_str_cut(&rest, ':', &number);
    if (!ax_str_cut(&rest, ':', &type) || !rest.n)
        return ax_import_bad(
            err, "expected COLUMN:label:NAME, COLUMN:metric:NAME or COLUMN:time:FORMAT, found",
            entry);
    if (!ax_str_u64(number, &at) || at < 1 || at > AX_CSV_COLUMNS)
        return ax_fail(err, -EINVAL, "expected the number of a column from 1 to %d in \"%.*s\"",
                       AX_CSV_COLUMNS, (int)(entry.n < 60 ? entry.n : 60), entry.p);
    struct ax_csv_column *c = &out->column[at - 1];
    if (c->what != AX_CSV_IGNORED)
        return ax_import_bad(err, "a column is named twice:", entry);
    if (at > out->n)
        out->n = at;
    c->name = rest;
    if (ax_str_eq(type, AX_STR("time")))
        return parse_time_column(rest, c, err);
    c->what = ax_str_eq(type, AX_STR("label"))    ? AX_CSV_LABEL
              : ax_str_eq(type, AX_STR("metric")) ? AX_CSV_METRIC
                                                  : AX_CSV_IGNORED;
    if (c->what == AX_CSV_IGNORED)
        return ax_import_bad(err, "expected label, metric or time, found", type);
    if (c->what == AX_CSV_LABEL ? !ax_label_name_ok(rest) : !ax_metric_name_ok(rest))
        return ax_import_bad(err, "this is no valid name:", rest);
    return 0;
}

int ax_csv_parse(struct ax_str text, struct ax_csv *out, struct ax_err *err)
{
    struct ax_csv csv = {.n = 0};
    struct ax_str rest = text, entry;
    size_t metrics = 0, ntimes = 0;
    while (rest.n && ax_str_cut(&rest, ',', &entry)) {
        int rc = parse_column(entry, &csv, err);
        if (rc < 0)
            return rc;
    }
    for (size_t i = 0; i < csv.n; i++) {
        metrics += csv.column[i].what == AX_CSV_METRIC;
        ntimes += csv.column[i].what == AX_CSV_TIME;
    }
    if (metrics == 0 || ntimes > 1)
        return ax_fail(err, -EINVAL,
                       metrics ? "there is more than one time column"
                               : "there is no metric column");
    *out = csv;
    return 0;
}

/* ---- lines ---- */

/* The next field; false when the line is over. */
static bool field(struct ax_str *rest, struct ax_arena *a, struct ax_str *out, bool *bad)
{
    if (!rest->p || !rest->n || rest->p[0] != '"')
        return ax_str_cut(rest, ',', out);
    char *text = ax_arena_room(a, rest->n);
    size_t n = 0, i = 1;
    bool closed = false;
    for (; i < rest->n && !closed; i++) {
        bool quote = rest->p[i] == '"', doubled = quote && i + 1 < rest->n && rest->p[i + 1] == '"';
        i += doubled;
        closed = quote && !doubled;
        if (!closed)
            text[n++] = rest->p[i];
    }
    *bad = !closed || (i < rest->n && rest->p[i] != ',');
    *out = (struct ax_str){text, n};
    *rest = *bad || i >= rest->n ? AX_STR_NULL : (struct ax_str){rest->p + i + 1, rest->n - i - 1};
    return true;
}

static bool read_time(struct ax_str s, enum ax_csv_time how, int64_t *out)
{
    int64_t v;
    switch (how) {
    case AX_CSV_S: return ax_import_seconds(s, out);
    case AX_CSV_MS: return ax_str_i64(s, out);
    case AX_CSV_RFC3339: return ax_time_parse(s, out, NULL) == 0;
    case AX_CSV_NS: break;
    }
    if (!ax_str_i64(s, &v))
        return false;
    *out = v / 1000000 - (v % 1000000 < 0);
    return true;
}

struct row {
    struct ax_labels_builder b; /* the labels, without a name */
    int64_t t;
    struct value {
        struct ax_str metric;
        double v;
    } values[AX_CSV_COLUMNS];
    size_t n;
};

static int read_field(struct row *r, const struct ax_csv_column *c, struct ax_str s,
                      struct ax_err *why)
{
    switch (c->what) {
    case AX_CSV_LABEL: ax_labels_add(&r->b, c->name, s); break;
    case AX_CSV_TIME:
        if (!read_time(ax_str_trim(s), c->time, &r->t))
            return ax_import_bad(why, "expected a time, found", s);
        break;
    case AX_CSV_METRIC:
        if (ax_str_trim(s).n == 0)
            break;
        r->values[r->n].metric = c->name;
        if (!ax_import_value(ax_str_trim(s), &r->values[r->n++].v))
            return ax_import_bad(why, "expected a value, found", s);
        break;
    case AX_CSV_IGNORED: break;
    }
    return 0;
}

static int read_row(struct ax_import_lines *l, struct ax_str line, struct row *r,
                    struct ax_err *why)
{
    const struct ax_csv *csv = l->im->csv;
    struct ax_str rest = line, s;
    bool bad = false;
    size_t i = 0;
    for (; i < csv->n && field(&rest, l->g.d->out->arena, &s, &bad); i++) {
        if (bad)
            return ax_import_bad(why, "a field has a quote where none belongs:", line);
        int rc = read_field(r, &csv->column[i], s, why);
        if (rc < 0)
            return rc;
    }
    if (i < csv->n)
        return ax_fail(why, -EINVAL, "expected %zu columns at least, found %zu", csv->n, i);
    return 0;
}

int ax_import_csv_line(struct ax_import_lines *l, struct ax_str line, struct ax_err *why)
{
    struct row r;
    if (ax_str_trim(line).n == 0)
        return 0;
    r.b.n = r.n = 0;
    r.b.too_many = false;
    r.t = l->im->now;
    int rc = read_row(l, line, &r, why);
    for (size_t i = 0; rc == 0 && i < r.n; i++) {
        struct ax_labels_builder b = r.b;
        ax_labels_add(&b, AX_STR("__name__"), r.values[i].metric);
        rc = ax_gather_sample(&l->g, (struct ax_sample){r.t, r.values[i].v});
        if (rc == 0)
            rc = ax_gather_take_any(&l->g, &b, why);
    }
    return rc;
}
