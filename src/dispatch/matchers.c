// SPDX-License-Identifier: Apache-2.0
/* Matchers as Alertmanager has them, and the labels that they look at. */
#include "dispatch/inner.h"

#include "base/log.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>

#define SHOWN(s) (int)((s).n < 200 ? (s).n : 200), (s).p
#define STEPS    10000u /* of a match, which is 0.1 ms at most */

/* ---- labels ---- */

static struct ax_str text_of(const json_t *v, struct ax_arena *a)
{
    return ax_arena_str(a, (struct ax_str){json_string_value(v), json_string_length(v)});
}

struct ax_tags ax_tags_read(struct ax_str json, struct ax_arena *a)
{
    json_t *all = json_loadb(json.p ? json.p : "", json.n, 0, NULL), *value;
    struct ax_tag *v = AX_NEWS(a, struct ax_tag, json_object_size(all) + 1);
    const char *name;
    size_t n = 0;
    json_object_foreach (all, name, value)
        v[n++] = (struct ax_tag){ax_arena_str(a, ax_str(name)), text_of(value, a)};
    json_decref(all);
    return (struct ax_tags){v, n};
}

struct ax_str ax_tags_get(const struct ax_tags *t, struct ax_str name)
{
    for (size_t i = 0; i < t->n; i++)
        if (ax_str_eq(t->v[i].name, name))
            return t->v[i].value;
    return AX_STR("");
}

struct ax_str ax_alert_label(const struct ax_alert *x, struct ax_str name)
{
    const struct ax_tags tags = {x->tags, x->ntags};
    return ax_tags_get(&tags, name);
}

/* ---- matching ---- */

static bool is_name(struct ax_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!isalpha((unsigned char)s.p[i]) && s.p[i] != '_' &&
            (i == 0 || !isdigit((unsigned char)s.p[i])))
            return false;
    return s.n > 0;
}

static int begin_one(struct ax_matcher *m, struct ax_err *err)
{
    if (!is_name(m->name))
        return ax_fail(err, -EINVAL, "invalid label name \"%.*s\"", SHOWN(m->name));
    if (!ax_str_utf8(m->value))
        return ax_fail(err, -EINVAL, "invalid label value of \"%.*s\"", SHOWN(m->name));
    m->re = NULL;
    if (m->op == AX_MATCH_EQ || m->op == AX_MATCH_NE)
        return 0;
    int rc = ax_regex_new(m->value, &m->re, err);
    if (rc < 0)
        return ax_err_wrap(err, "invalid regular expression \"%.*s\"", SHOWN(m->value));
    ax_regex_bound(m->re, STEPS);
    return 0;
}

int ax_matchers_begin(struct ax_matchers *m, struct ax_err *err)
{
    bool all_empty = true;
    size_t done = 0;
    int rc = m->n ? 0 : ax_fail(err, -EINVAL, "at least one matcher required");
    for (; rc == 0 && done < m->n; done++) {
        rc = begin_one(&m->v[done], err);
        if (rc < 0) {
            ax_err_wrap(err, "invalid label matcher %zu", done);
            break;
        }
        all_empty = all_empty && ax_matcher_matches_empty(&m->v[done]);
    }
    if (rc == 0 && all_empty)
        rc = ax_fail(err, -EINVAL, "at least one matcher must not match the empty string");
    if (rc < 0)
        ax_matchers_end(&(struct ax_matchers){m->v, done});
    return rc;
}

void ax_matchers_end(struct ax_matchers *m)
{
    for (size_t i = 0; i < m->n; i++)
        ax_regex_free(m->v[i].re);
}

/* Everybody waits meanwhile: one that takes too long is given up, and matches nothing any more. So
 * what it was to hold is told, which is the lesser evil. */
static void give_up(struct ax_matcher *m)
{
    static struct ax_log_limit limit;
    ax_log_limited(&limit, 60, AX_LOG_WARN,
                   "a silence or inhibition holds nothing: its regular expression for \"%.*s\" "
                   "takes more than %u steps",
                   SHOWN(m->name), STEPS);
    ax_regex_free(m->re);
    m->re = NULL;
}

static bool is_matched(struct ax_matcher *m, struct ax_str value)
{
    if (m->op == AX_MATCH_EQ || m->op == AX_MATCH_NE)
        return ax_matcher_value(m, value);
    int rc = m->re ? ax_regex_try(m->re, value) : -E2BIG;
    if (rc < 0 && m->re)
        give_up(m);
    return rc == (m->op == AX_MATCH_RE);
}

bool ax_matchers_match(const struct ax_matchers *m, const struct ax_tags *t)
{
    for (size_t i = 0; i < m->n; i++)
        if (!is_matched(&m->v[i], ax_tags_get(t, m->v[i].name)))
            return false;
    return true;
}

/* ---- as they are kept ---- */

void ax_matcher_json(struct ax_json *j, const struct ax_matcher *m)
{
    ax_json_obj(j);
    ax_json_key(j, "isEqual");
    ax_json_bool(j, m->op == AX_MATCH_EQ || m->op == AX_MATCH_RE);
    ax_json_key(j, "isRegex");
    ax_json_bool(j, m->op == AX_MATCH_RE || m->op == AX_MATCH_NRE);
    ax_json_key(j, "name");
    ax_json_str(j, m->name);
    ax_json_key(j, "value");
    ax_json_str(j, m->value);
    ax_json_end(j);
}

void ax_matchers_write(const struct ax_matcher *v, size_t n, struct ax_buf *out)
{
    struct ax_json j = {.out = out};
    ax_json_arr(&j);
    for (size_t i = 0; i < n; i++)
        ax_matcher_json(&j, &v[i]);
    ax_json_end(&j);
}

struct ax_matchers ax_matchers_read(struct ax_str json, struct ax_arena *a)
{
    json_t *all = json_loadb(json.p, json.n, JSON_ALLOW_NUL, NULL), *one;
    struct ax_matcher *v = AX_NEWS(a, struct ax_matcher, json_array_size(all) + 1);
    size_t i;
    json_array_foreach (all, i, one) {
        bool equal = json_is_true(json_object_get(one, "isEqual"));
        bool regex = json_is_true(json_object_get(one, "isRegex"));
        v[i] = (struct ax_matcher){.op = regex   ? equal ? AX_MATCH_RE : AX_MATCH_NRE
                                         : equal ? AX_MATCH_EQ
                                                 : AX_MATCH_NE,
                                   .name = text_of(json_object_get(one, "name"), a),
                                   .value = text_of(json_object_get(one, "value"), a)};
    }
    struct ax_matchers m = {v, json_array_size(all)};
    json_decref(all);
    return m;
}

/* ---- as people write them ---- */

/* What is between quotes, with \n \" \\ in it; other backslashes stay. */
static int unquote(struct ax_str s, struct ax_arena *a, struct ax_str *out, struct ax_err *err)
{
    char *p = ax_arena_alloc(a, s.n + 1);
    size_t n = 0, i = 0;
    for (; i < s.n && s.p[i] != '"'; i++) {
        char next = s.p[i] == '\\' && i + 1 < s.n ? s.p[i + 1] : 0;
        if (next == '"' || next == '\\' || next == 'n') {
            p[n++] = next == 'n' ? '\n' : next;
            i++;
        } else {
            p[n++] = s.p[i];
        }
    }
    if (i + 1 != s.n)
        return ax_fail(err, -EINVAL, "the value \"%.*s has no closing quote at its end", SHOWN(s));
    *out = (struct ax_str){p, n};
    return 0;
}

int ax_matcher_parse(struct ax_str text, struct ax_arena *a, struct ax_matcher *out,
                     struct ax_err *err)
{
    static const struct {
        struct ax_str text;
        enum ax_match_op op;
    } ops[] = {{{"=~", 2}, AX_MATCH_RE},
               {{"!~", 2}, AX_MATCH_NRE},
               {{"!=", 2}, AX_MATCH_NE},
               {{"=", 1}, AX_MATCH_EQ}};
    struct ax_str s = ax_str_trim(text);
    size_t n = 0, i = 0;
    while (n < s.n && s.p[n] != '=' && s.p[n] != '!')
        n++;
    struct ax_matcher m = {.name = ax_str_trim((struct ax_str){s.p, n})};
    s = (struct ax_str){s.p + n, s.n - n};
    while (i < AX_ARRAY_LEN(ops) && !ax_str_starts(s, ops[i].text))
        i++;
    if (i == AX_ARRAY_LEN(ops) || !is_name(m.name))
        return ax_fail(err, -EINVAL,
                       "bad matcher format: %.*s (expected NAME=\"VALUE\", or != =~ !~)",
                       SHOWN(text));
    m.op = ops[i].op;
    m.value = ax_str_trim((struct ax_str){s.p + ops[i].text.n, s.n - ops[i].text.n});
    if (m.value.n && m.value.p[0] == '"') {
        int rc = unquote((struct ax_str){m.value.p + 1, m.value.n - 1}, a, &m.value, err);
        if (rc < 0)
            return rc;
    }
    *out = m;
    return 0;
}

void ax_matcher_print(const struct ax_matcher *m, struct ax_buf *out)
{
    static const char *const ops[] = {
        [AX_MATCH_EQ] = "=", [AX_MATCH_NE] = "!=", [AX_MATCH_RE] = "=~", [AX_MATCH_NRE] = "!~"};
    ax_buf_str(out, m->name);
    ax_buf_cstr(out, ops[m->op]);
    ax_buf_byte(out, '"');
    for (size_t i = 0; i < m->value.n; i++) {
        char c = m->value.p[i];
        if (c == '"' || c == '\\' || c == '\n')
            ax_buf_byte(out, '\\');
        ax_buf_byte(out, c == '\n' ? 'n' : (uint8_t)c);
    }
    ax_buf_byte(out, '"');
}
