// SPDX-License-Identifier: Apache-2.0
/* The formats of export. JSON lines lose nothing; CSV loses the labels that have no column, and
 * line breaks in labels; OpenMetrics has no staleness markers. */
#include "api/export.h"

#include "base/num.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- JSON lines ---- */

/* Bits of a NaN that is not the usual one; the staleness marker has its own way in each format. */
static bool put_odd_nan(struct ax_buf *out, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    if (!isnan(v) || bits == AX_NAN_BITS)
        return false;
    ax_buf_printf(out, AX_NAN_PREFIX "%016" PRIx64, bits);
    return true;
}

static void put_json_value(struct ax_buf *out, double v)
{
    if (isfinite(v)) {
        ax_buf_double(out, v);
    } else if (ax_is_stale(v)) {
        ax_buf_cstr(out, "null");
    } else {
        ax_buf_byte(out, '"');
        if (isinf(v))
            ax_buf_cstr(out, v > 0 ? "Infinity" : "-Infinity");
        else if (!put_odd_nan(out, v))
            ax_buf_cstr(out, "NaN");
        ax_buf_byte(out, '"');
    }
}

static void put_int(struct ax_buf *out, int64_t v)
{
    char text[24], *at = text + sizeof text;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do
        *--at = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0)
        *--at = '-';
    ax_buf_add(out, at, (size_t)(text + sizeof text - at));
}

static void put_json(const struct ax_series *s, size_t from, size_t to, struct ax_buf *out)
{
    struct ax_json j = {.out = out};
    ax_buf_cstr(out, "{\"metric\":");
    ax_labels_json(&j, s->labels);
    ax_buf_cstr(out, ",\"values\":[");
    for (size_t i = from; i < to; i++) {
        if (i > from)
            ax_buf_byte(out, ',');
        put_json_value(out, s->v[i]);
    }
    ax_buf_cstr(out, "],\"timestamps\":[");
    for (size_t i = from; i < to; i++) {
        if (i > from)
            ax_buf_byte(out, ',');
        put_int(out, s->t[i]);
    }
    ax_buf_cstr(out, "]}\n");
}

/* ---- CSV ---- */

static bool parse_column(struct ax_str entry, struct ax_export_column *c)
{
    static const char *const times[] = {"unix_s", "unix_ms", "unix_ns", "rfc3339"};
    struct ax_str rest = entry, word;
    ax_str_cut(&rest, ':', &word);
    c->label = word;
    if (!rest.p) {
        c->what = ax_str_eq(word, AX_STR("__value__")) ? AX_COLUMN_VALUE : AX_COLUMN_LABEL;
        return c->what == AX_COLUMN_VALUE || ax_label_name_ok(word);
    }
    if (!ax_str_eq(word, AX_STR("__timestamp__")))
        return false;
    c->what = AX_COLUMN_TIME;
    for (size_t i = 0; i < AX_ARRAY_LEN(times); i++)
        if (ax_str_eq(rest, ax_str(times[i]))) {
            c->time = (enum ax_csv_time)i;
            return true;
        }
    return false;
}

int ax_export_csv_parse(struct ax_str text, struct ax_export_csv *out, struct ax_err *err)
{
    struct ax_str rest = text, entry;
    struct ax_export_csv csv = {.n = 0};
    while (rest.n && ax_str_cut(&rest, ',', &entry)) {
        if (csv.n == AX_EXPORT_COLUMNS || !parse_column(entry, &csv.column[csv.n++]))
            return ax_fail(err, -EINVAL,
                           "expected the name of a label, __name__, __value__ or "
                           "__timestamp__:unix_s|unix_ms|unix_ns|rfc3339, at most %d of them, "
                           "found \"%.*s\"",
                           AX_EXPORT_COLUMNS, (int)(entry.n < 60 ? entry.n : 60), entry.p);
    }
    if (csv.n == 0)
        return ax_fail(err, -EINVAL,
                       "expected columns, for example __name__,__value__,__timestamp__:unix_ms");
    *out = csv;
    return 0;
}

static void put_field(struct ax_buf *out, struct ax_str s)
{
    bool plain = true;
    for (size_t i = 0; i < s.n && plain; i++)
        plain = s.p[i] != ',' && s.p[i] != '"' && s.p[i] != '\n' && s.p[i] != '\r';
    if (plain) {
        ax_buf_str(out, s);
        return;
    }
    ax_buf_byte(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i] == '\n' || s.p[i] == '\r' ? ' ' : s.p[i];
        if (c == '"')
            ax_buf_byte(out, '"');
        ax_buf_byte(out, (uint8_t)c);
    }
    ax_buf_byte(out, '"');
}

static void put_seconds(struct ax_buf *out, int64_t ms)
{
    char text[AX_NUM_TEXT];
    ax_buf_add(out, text, ax_seconds_print(ms, text));
}

static void put_time(struct ax_buf *out, int64_t ms, enum ax_csv_time how)
{
    char text[AX_NUM_TEXT];
    switch (how) {
    case AX_CSV_S: put_seconds(out, ms); break;
    case AX_CSV_MS: put_int(out, ms); break;
    case AX_CSV_NS:
        put_int(out, ms);
        ax_buf_cstr(out, ms ? "000000" : "");
        break;
    case AX_CSV_RFC3339: ax_buf_add(out, text, ax_time_print(ms, text)); break;
    }
}

static void put_csv(const struct ax_export_csv *csv, const struct ax_series *s, size_t from,
                    size_t to, struct ax_buf *out)
{
    for (size_t i = from; i < to; i++)
        for (size_t k = 0; k < csv->n; k++) {
            const struct ax_export_column *c = &csv->column[k];
            if (c->what == AX_COLUMN_LABEL)
                put_field(out, ax_labels_get(s->labels, c->label));
            else if (c->what == AX_COLUMN_TIME)
                put_time(out, s->t[i], c->time);
            else if (!put_odd_nan(out, s->v[i]))
                ax_buf_double(out, s->v[i]);
            ax_buf_byte(out, k + 1 < csv->n ? ',' : '\n');
        }
}

/* ---- OpenMetrics ---- */

static void put_escaped(struct ax_buf *out, struct ax_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '\n' || c == '"' || c == '\\')
            ax_buf_byte(out, '\\');
        ax_buf_byte(out, (uint8_t)(c == '\n' ? 'n' : c));
    }
}

static void put_series_text(struct ax_buf *out, struct ax_labels labels)
{
    struct ax_label l;
    const char *sign = "{";
    ax_buf_str(out, ax_labels_get(labels, AX_STR("__name__")));
    AX_LABELS_EACH (labels, l) {
        if (ax_str_eq(l.name, AX_STR("__name__")))
            continue;
        ax_buf_cstr(out, sign);
        ax_buf_str(out, l.name);
        ax_buf_cstr(out, "=\"");
        put_escaped(out, l.value);
        ax_buf_byte(out, '"');
        sign = ",";
    }
    if (*sign == ',')
        ax_buf_byte(out, '}');
}

static void put_openmetrics(const struct ax_series *s, size_t from, size_t to, struct ax_buf *out)
{
    struct ax_buf name = AX_BUF_INIT;
    put_series_text(&name, s->labels);
    for (size_t i = from; i < to; i++) {
        if (ax_is_stale(s->v[i]))
            continue;
        ax_buf_str(out, ax_buf_view(&name));
        ax_buf_byte(out, ' ');
        ax_buf_double(out, s->v[i]);
        ax_buf_byte(out, ' ');
        put_seconds(out, s->t[i]);
        ax_buf_byte(out, '\n');
    }
    ax_buf_free(&name);
}

void ax_export_write(enum ax_export_format format, const struct ax_export_csv *csv,
                     const struct ax_series *s, size_t from, size_t to, struct ax_buf *out)
{
    switch (format) {
    case AX_EXPORT_JSONL: put_json(s, from, to, out); break;
    case AX_EXPORT_CSV: put_csv(csv, s, from, to, out); break;
    case AX_EXPORT_OPENMETRICS: put_openmetrics(s, from, to, out); break;
    }
}
