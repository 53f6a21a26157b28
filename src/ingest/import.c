// SPDX-License-Identifier: Apache-2.0
/* Text in lines, batch after batch. */
#include "ingest/import.h"

#include <errno.h>
#include <math.h>
#include <strings.h>

/* A batch is this much, so that a long text takes little memory; a line is never cut. */
#define BATCH_SAMPLES 65536
#define BATCH_BYTES   (16u << 20)

static int read_line(struct ax_import_lines *l, struct ax_str line, struct ax_err *why)
{
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    switch (l->im->format) {
    case AX_IMPORT_JSONL: return ax_import_json_line(l, line, why);
    case AX_IMPORT_CSV: return ax_import_csv_line(l, line, why);
    case AX_IMPORT_PROMETHEUS:
    case AX_IMPORT_OPENMETRICS: break;
    }
    return ax_import_text_line(l, line, why);
}

static void note_bad(struct ax_import_lines *l, const struct ax_err *why)
{
    if (l->g.d->bad++ == 0)
        ax_fail(l->g.err, -EINVAL, "line %llu: %s", (unsigned long long)l->im->line, why->text);
}

void ax_import_next(struct ax_import *im, struct ax_decoding *d, struct ax_err *err)
{
    struct ax_import_lines l = {.im = im, .g = {.d = d, .piece = 1024, .err = err}};
    struct ax_err why;
    struct ax_str line;
    size_t begun = d->out->arena->used;
    d->out->held = true;
    while (d->out->samples < BATCH_SAMPLES && d->out->arena->used - begun < BATCH_BYTES &&
           im->rest.n && ax_str_cut(&im->rest, '\n', &line)) {
        l.g.n = l.g.all = 0;
        l.g.err = &why;
        int rc = read_line(&l, line, &why);
        l.g.err = err;
        if (rc < 0)
            note_bad(&l, &why);
        im->line++;
    }
}

int ax_import_bad(struct ax_err *why, const char *what, struct ax_str s)
{
    size_t n = s.n < 60 ? s.n : 60;
    while (n && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--; /* no half character */
    return ax_fail(why, -EINVAL, "%s \"%.*s\"", what, (int)n, s.n ? s.p : "");
}

/* Plain decimals of few digits, which most are: both numbers are exact, so is what they give. */
static bool short_decimal(struct ax_str s, double *out)
{
    static const double tens[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    bool neg = s.n && s.p[0] == '-', point = false;
    size_t digits = 0, after = 0;
    uint64_t m = 0;
    for (size_t i = neg; i < s.n; i++) {
        if (s.p[i] == '.' && !point && digits) {
            point = true;
            continue;
        }
        if (s.p[i] < '0' || s.p[i] > '9' || ++digits > 15)
            return false;
        m = m * 10 + (uint64_t)(s.p[i] - '0');
        after += point;
    }
    if (!digits)
        return false;
    double v = (double)m / tens[after];
    *out = neg ? -v : v;
    return true;
}

static bool hex_bits(struct ax_str s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n != 16)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], low = (char)(c | 0x20);
        if (c >= '0' && c <= '9')
            v = v << 4 | (uint64_t)(c - '0');
        else if (low >= 'a' && low <= 'f')
            v = v << 4 | (uint64_t)(low - 'a' + 10);
        else
            return false;
    }
    *out = v;
    return true;
}

bool ax_import_value(struct ax_str s, double *out)
{
    struct ax_str prefix = AX_STR(AX_NAN_PREFIX);
    uint64_t bits = AX_NAN_BITS;
    double v;
    if (short_decimal(s, out))
        return true;
    if (ax_str_starts(s, prefix)) {
        if (!hex_bits((struct ax_str){s.p + prefix.n, s.n - prefix.n}, &bits))
            return false;
        memcpy(&v, &bits, sizeof v);
        if (!isnan(v))
            return false;
    } else if (!ax_str_double(s, &v)) {
        return false;
    }
    if (isnan(v))
        memcpy(&v, &bits, sizeof v);
    *out = v;
    return true;
}

bool ax_import_seconds(struct ax_str s, int64_t *out)
{
    double sec;
    if (!ax_str_double(s, &sec) || !(fabs(sec) < 9e15))
        return false;
    *out = (int64_t)llround(sec * 1000);
    return true;
}
