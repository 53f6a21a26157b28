// SPDX-License-Identifier: Apache-2.0
/* Monasca's logs: {"dimensions":{...},"logs":[{"message","dimensions"},...]}. The body is looked at
 * as a whole first: whether it is JSON, and where in it the logs are. Then they are read one by one
 * in place, since many small ones would take far more memory than their text. */
#include "ingest/import.h"
#include "ingest/scan.h"

#include <errno.h>

#define NAME_MAX_CHARS 255

static int check_length(const char *what, struct ax_str s, struct ax_err *why)
{
    size_t n = ax_str_characters(s);
    if (n >= 1 && n <= NAME_MAX_CHARS)
        return 0;
    return ax_fail(why, -EINVAL, "%s has %zu characters (1 to %d)", what, n, NAME_MAX_CHARS);
}

static int check_dimension(const struct ax_label *d, struct ax_err *why)
{
    int rc = check_length("a dimension's name", d->name, why);
    if (rc == 0 && d->name.p[0] == '_')
        rc = ax_import_bad(why, "a dimension's name must not begin with _:", d->name);
    for (size_t i = 0; rc == 0 && i < d->name.n; i++)
        if (d->name.p[i] && strchr("<>={}(), '\";&", d->name.p[i]))
            rc = ax_import_bad(
                why, "none of <>={}(),'\";& and space may be in a dimension's name:", d->name);
    return rc == 0 ? check_length("a dimension's value", d->value, why) : rc;
}

static int read_dimension(struct ax_scan *c, struct ax_label *out)
{
    int rc = ax_scan_string(c, &out->name);
    if (rc == 0 && !ax_scan_take(c, ':'))
        rc = ax_scan_expected(c, ":");
    if (rc == 0)
        rc = ax_scan_string(c, &out->value);
    return rc == 0 ? check_dimension(out, c->why) : rc;
}

static bool has_name(const struct ax_log_dimensions *d, struct ax_str name)
{
    for (size_t i = 0; i < d->n; i++)
        if (ax_str_eq(d->v[i].name, name))
            return true;
    return false;
}

/* {"name":"value",...}, or null. */
static int read_dimensions(struct ax_scan *c, struct ax_log_dimensions *out)
{
    out->n = 0;
    if (ax_scan_null(c))
        return 0;
    if (!ax_scan_take(c, '{'))
        return ax_scan_expected(c, "an object of strings as dimensions");
    if (ax_scan_take(c, '}'))
        return 0;
    do {
        struct ax_label one;
        int rc = read_dimension(c, &one);
        if (rc < 0)
            return rc;
        if (out->n == AX_LOG_DIMENSIONS)
            return ax_fail(c->why, -EINVAL, "there are more than %d dimensions", AX_LOG_DIMENSIONS);
        if (has_name(out, one.name))
            return ax_import_bad(c->why, "there are two of dimension", one.name);
        out->v[out->n++] = one;
    } while (ax_scan_take(c, ','));
    return ax_scan_take(c, '}') ? 0 : ax_scan_expected(c, ", or }");
}

/* ---- the body ---- */

static int read_member(struct ax_scan *c, struct ax_logs_body *out, bool *has_dimensions)
{
    struct ax_str key;
    int rc = ax_scan_string(c, &key);
    if (rc < 0)
        return rc;
    ax_scan_take(c, ':'); /* it is there: this is JSON */
    ax_scan_blanks(c);
    bool dimensions = ax_str_eq(key, AX_STR("dimensions")), logs = ax_str_eq(key, AX_STR("logs"));
    if ((dimensions && *has_dimensions) || (logs && out->rest.p))
        return ax_import_bad(c->why, "there are two of member", key);
    *has_dimensions |= dimensions;
    if (dimensions)
        return read_dimensions(c, &out->dimensions);
    const char *from = c->p;
    rc = ax_scan_skip(c);
    if (logs)
        out->rest = (struct ax_str){from, (size_t)(c->p - from)};
    return rc;
}

static int read_body(struct ax_scan *c, struct ax_logs_body *out)
{
    bool has_dimensions = false;
    int rc = 0;
    if (!ax_scan_take(c, '{'))
        return ax_scan_expected(c, "an object with logs");
    if (!ax_scan_take(c, '}'))
        do
            rc = read_member(c, out, &has_dimensions);
        while (rc == 0 && ax_scan_take(c, ','));
    if (rc < 0)
        return rc;
    if (!out->rest.p)
        return ax_fail(c->why, -EINVAL, "logs is missing");
    if (out->rest.p[0] != '[')
        return ax_fail(c->why, -EINVAL, "logs is not a list");
    out->rest.p++; /* behind each log is a comma, or the end of the list */
    out->rest.n--;
    return 0;
}

static int check_json(struct ax_str body, struct ax_arena *a, struct ax_err *err)
{
    struct ax_scan c = {body.p, body.p + body.n, a, "body", err};
    if (!ax_str_utf8(body))
        return ax_fail(err, -EBADMSG, "the body is not UTF-8");
    int rc = ax_scan_value(&c);
    ax_scan_blanks(&c);
    if (rc == 0 && c.p != c.end)
        rc = ax_scan_expected(&c, "the end");
    if (rc < 0)
        err->code = -EBADMSG;
    return rc < 0 ? -EBADMSG : 0;
}

int ax_logs_decode(struct ax_str body, struct ax_arena *a, struct ax_logs_body *out,
                   struct ax_err *err)
{
    struct ax_arena escapes = AX_ARENA_INIT; /* of strings that are only looked at */
    int rc = check_json(body, &escapes, err);
    ax_arena_free(&escapes);
    struct ax_scan c = {body.p, body.p + body.n, a, "body", err};
    out->rest = AX_STR_NULL;
    out->dimensions.n = 0;
    out->n = 0;
    out->arena = a;
    return rc == 0 ? read_body(&c, out) : rc;
}

/* ---- one log ---- */

/* A member that is handed on as it is: on one line, and JSON also for who is strict. */
static int keep_value(struct ax_scan *c, struct ax_str raw, struct ax_str *out)
{
    char *text = ax_arena_room(c->arena, raw.n), *at = text;
    bool inside = false;
    for (size_t i = 0; i < raw.n; i++) {
        char ch = raw.p[i];
        if (!inside && (ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n'))
            continue;
        if (!inside && (ch == 'N' || ch == 'I'))
            return ax_import_bad(c->why, "not a value of JSON:", raw);
        *at++ = ch;
        if (inside && ch == '\\')
            *at++ = raw.p[++i];
        else if (ch == '"')
            inside = !inside;
    }
    *out = (struct ax_str){text, (size_t)(at - text)};
    return 0;
}

static int read_other(struct ax_scan *c, struct ax_str key, struct ax_log_text *out)
{
    struct ax_log_member *m = &out->others[out->nothers];
    ax_scan_blanks(c);
    const char *from = c->p;
    int rc = ax_scan_skip(c);
    if (rc < 0)
        return rc;
    if (out->nothers == AX_LOG_OTHERS)
        return ax_fail(c->why, -EINVAL, "it has more than %d members", AX_LOG_OTHERS + 2);
    for (size_t i = 0; i < out->nothers; i++)
        if (ax_str_eq(out->others[i].key, key))
            return ax_import_bad(c->why, "there are two of member", key);
    m->key = key;
    rc = keep_value(c, (struct ax_str){from, (size_t)(c->p - from)}, &m->json);
    out->nothers += rc == 0;
    return rc;
}

enum { MESSAGE = 1, DIMENSIONS = 2 };

static int read_log_member(struct ax_scan *c, struct ax_log_text *out, unsigned *seen)
{
    struct ax_str key;
    int rc = ax_scan_string(c, &key);
    if (rc < 0)
        return rc;
    ax_scan_take(c, ':'); /* it is there: this is JSON */
    unsigned which = ax_str_eq(key, AX_STR("message"))      ? MESSAGE
                     : ax_str_eq(key, AX_STR("dimensions")) ? DIMENSIONS
                                                            : 0;
    if (*seen & which)
        return ax_import_bad(c->why, "there are two of member", key);
    *seen |= which;
    switch (which) {
    case MESSAGE: return ax_scan_string(c, &out->message);
    case DIMENSIONS: return read_dimensions(c, &out->dimensions);
    }
    return read_other(c, key, out);
}

static int read_log(struct ax_scan *c, struct ax_log_text *out)
{
    unsigned seen = 0;
    int rc = 0;
    out->dimensions.n = out->nothers = 0;
    if (!ax_scan_take(c, '{'))
        return ax_scan_expected(c, "a log");
    const char *from = c->p;
    if (!ax_scan_take(c, '}')) {
        do
            rc = read_log_member(c, out, &seen);
        while (rc == 0 && ax_scan_take(c, ','));
        if (rc == 0 && !ax_scan_take(c, '}'))
            rc = ax_scan_expected(c, ", or }");
    }
    if (rc == 0 && !(seen & MESSAGE))
        return ax_fail(c->why, -EINVAL, "message is missing");
    if (rc == 0 && c->p - from >= AX_LOG_MAX_BYTES)
        return ax_fail(c->why, -EFBIG, "it has %zu bytes (limit %d)", (size_t)(c->p - from) + 1,
                       AX_LOG_MAX_BYTES);
    return rc;
}

int ax_logs_next(struct ax_logs_body *b, struct ax_log_text *out, struct ax_err *err)
{
    struct ax_scan c = {b->rest.p, b->rest.p + b->rest.n, b->arena, "body", err};
    if (ax_scan_take(&c, ']'))
        return 0;
    int rc = read_log(&c, out);
    if (rc < 0)
        return ax_err_wrap(err, "log %llu of the list", (unsigned long long)b->n + 1);
    b->n++;
    ax_scan_take(&c, ',');
    b->rest = (struct ax_str){c.p, (size_t)(c.end - c.p)};
    return 1;
}
