// SPDX-License-Identifier: Apache-2.0
#include "alarm/rules.h"

#include <errno.h>
#include <stdlib.h>

#include "alarm/document.h"
#include "base/num.h"

/* A file being read. */
struct reader {
    struct ax_yaml y;
    struct ax_rules *rules;
    struct ax_err *err;
    size_t nrules; /* so far, of all groups: an alias can repeat a list at no cost to the writer */
};

static int text_of(struct reader *r, yaml_node_t *n, const char *wanted, struct ax_str *out)
{
    struct ax_str s;
    if (!ax_yaml_scalar(n, &s) || s.n == 0)
        return ax_yaml_unexpected(&r->y, n, wanted, r->err);
    *out = ax_arena_str(&r->rules->arena, s);
    return 0;
}

static int duration_of(struct reader *r, yaml_node_t *n, int64_t *out)
{
    struct ax_str s;
    if (!n)
        return 0;
    if (!ax_yaml_scalar(n, &s) || ax_duration_parse(s, out, NULL) < 0)
        return ax_yaml_unexpected(&r->y, n, "a duration such as 30s, 5m or 1h30m", r->err);
    return 0;
}

static int limit_of(struct reader *r, yaml_node_t *n, uint64_t *out)
{
    struct ax_str s;
    if (!n)
        return 0;
    if (!ax_yaml_scalar(n, &s) || !ax_str_u64(s, out))
        return ax_yaml_unexpected(&r->y, n, "a number of alarms, 0 for no limit", r->err);
    return 0;
}

static struct ax_pair *pair_named(struct ax_pairs *all, struct ax_str name)
{
    for (size_t i = 0; i < all->n; i++)
        if (ax_str_eq(all->v[i].name, name))
            return &all->v[i];
    return NULL;
}

static int pair_of(struct reader *r, yaml_node_t *key, yaml_node_t *value, bool label,
                   struct ax_pair *out)
{
    struct ax_arena *a = &r->rules->arena;
    struct ax_str name, text;
    bool ok = ax_yaml_scalar(key, &name) && ax_label_name_ok(name);
    if (!ok || (label && ax_str_eq(name, AX_STR("__name__"))))
        return ax_yaml_unexpected(
            &r->y, key, "a name of letters, digits and _, not beginning with a digit", r->err);
    if (!ax_yaml_scalar(value, &text))
        return ax_yaml_unexpected(&r->y, value, "a text", r->err);
    out->name = ax_arena_str(a, name);
    size_t at = 0;
    struct ax_err why;
    if (ax_template_parse(text, a, &out->value, &at, &why) < 0)
        return ax_yaml_fail(&r->y, ax_yaml_inside(value, at), r->err, "%s", why.text);
    return 0;
}

/* Adds to what *out has (the group's labels), a name that is there is replaced. */
static int pairs_of(struct reader *r, yaml_node_t *n, bool label, struct ax_pairs *out)
{
    if (!n)
        return 0;
    if (n->type != YAML_MAPPING_NODE)
        return ax_yaml_unexpected(&r->y, n, "a mapping of names to texts", r->err);
    size_t count = ax_yaml_count(n), inherited = out->n;
    struct ax_pair *v = AX_NEWS(&r->rules->arena, struct ax_pair, out->n + count);
    for (size_t i = 0; i < out->n; i++)
        v[i] = out->v[i];
    out->v = v;
    for (size_t i = 0; i < count; i++) {
        yaml_node_t *key, *value;
        struct ax_pair p;
        ax_yaml_pair(&r->y, n, i, &key, &value);
        int rc = pair_of(r, key, value, label, &p);
        if (rc < 0)
            return rc;
        struct ax_pair *same = pair_named(out, p.name);
        if (same && same >= v + inherited)
            return ax_yaml_fail(&r->y, key->start_mark, r->err,
                                "found \"%s\" twice, expected it once", p.name.p);
        if (same)
            *same = p;
        else
            v[out->n++] = p;
    }
    return 0;
}

static int expression_of(struct reader *r, yaml_node_t *n, struct ax_rule *out)
{
    struct ax_str text;
    struct ax_err why;
    int rc = text_of(r, n, "a PromQL expression", &text);
    if (rc < 0)
        return rc;
    if (ax_expr_parse(text, &r->rules->arena, &out->expr, &why) < 0)
        return ax_yaml_fail(&r->y, n->start_mark, r->err,
                            "found a bad expression (%s), expected PromQL", why.text);
    enum ax_value_type type = ax_expr_type(out->expr);
    if (type != AX_VECTOR && type != AX_SCALAR)
        return ax_yaml_fail(&r->y, n->start_mark, r->err,
                            "found an expression that gives a %s, expected an instant vector",
                            type == AX_MATRIX ? "range vector" : "string");
    struct ax_buf query = AX_BUF_INIT;
    ax_expr_print(out->expr, &query);
    out->query = ax_arena_str(&r->rules->arena, ax_buf_view(&query));
    ax_buf_free(&query);
    return 0;
}

enum { ALERT, RECORD, EXPR, FOR, KEEP, LABELS, ANNOTATIONS, RULE_KEYS };
static const char *const rule_keys[] = {"alert",           "record", "expr",       "for",
                                        "keep_firing_for", "labels", "annotations"};

static int name_of(struct reader *r, yaml_node_t *rule, yaml_node_t **f, struct ax_rule *out)
{
    if (f[ALERT] && f[RECORD])
        return ax_yaml_fail(&r->y, f[RECORD]->start_mark, r->err,
                            "found alert and record in one rule, expected one of them");
    if (!f[ALERT] && !f[RECORD])
        return ax_yaml_fail(&r->y, rule->start_mark, r->err,
                            "found a rule without a name, expected alert or record");
    if (!f[EXPR])
        return ax_yaml_fail(&r->y, rule->start_mark, r->err,
                            "found a rule without expr, expected a PromQL expression");
    out->records = f[RECORD] != NULL;
    if (!out->records)
        return text_of(r, f[ALERT], "the name of an alarm", &out->name);
    int rc = text_of(r, f[RECORD], "the name of a series", &out->name);
    if (rc == 0 && !ax_metric_name_ok(out->name))
        return ax_yaml_unexpected(&r->y, f[RECORD], "a metric name such as job:up:sum", r->err);
    yaml_node_t *odd = f[FOR] ? f[FOR] : f[KEEP] ? f[KEEP] : f[ANNOTATIONS];
    if (rc == 0 && odd)
        return ax_yaml_fail(&r->y, odd->start_mark, r->err,
                            "found for, keep_firing_for or annotations in a recording rule, "
                            "expected expr and labels only");
    return rc;
}

static int rule_of(struct reader *r, yaml_node_t *n, const struct ax_pairs *inherited,
                   struct ax_rule *out)
{
    yaml_node_t *f[RULE_KEYS];
    if (++r->nrules > AX_RULES_MAX)
        return ax_yaml_fail(&r->y, n->start_mark, r->err, "found more than %d rules, expected less",
                            AX_RULES_MAX);
    int rc = ax_yaml_fields(&r->y, n, "a rule", rule_keys, RULE_KEYS, f, r->err);
    if (rc == 0)
        rc = name_of(r, n, f, out);
    if (rc == 0)
        rc = expression_of(r, f[EXPR], out);
    if (rc == 0)
        rc = duration_of(r, f[FOR], &out->for_ms);
    if (rc == 0)
        rc = duration_of(r, f[KEEP], &out->keep_firing_ms);
    out->labels = *inherited;
    if (rc == 0)
        rc = pairs_of(r, f[LABELS], true, &out->labels);
    return rc < 0 ? rc : pairs_of(r, f[ANNOTATIONS], false, &out->annotations);
}

static void number(struct ax_rule_group *g)
{
    for (size_t i = 0; i < g->n; i++)
        for (size_t j = 0; j < i; j++)
            g->rules[i].ordinal += ax_str_eq(g->rules[i].name, g->rules[j].name);
}

static int rules_of(struct reader *r, yaml_node_t *n, const struct ax_pairs *labels,
                    struct ax_rule_group *out)
{
    if (!n)
        return 0;
    if (n->type != YAML_SEQUENCE_NODE)
        return ax_yaml_unexpected(&r->y, n, "a list of rules", r->err);
    size_t count = ax_yaml_count(n);
    out->rules = AX_NEWS(&r->rules->arena, struct ax_rule, count);
    for (size_t i = 0; i < count; i++) {
        out->n = i + 1;
        int rc = rule_of(r, ax_yaml_item(&r->y, n, i), labels, &out->rules[i]);
        if (rc < 0)
            return rc;
    }
    number(out);
    return 0;
}

enum { NAME, INTERVAL, LIMIT, GROUP_LABELS, RULES, GROUP_KEYS };
static const char *const group_keys[] = {"name", "interval", "limit", "labels", "rules"};

static int group_of(struct reader *r, yaml_node_t *n, struct ax_rule_group *out)
{
    yaml_node_t *f[GROUP_KEYS];
    struct ax_pairs labels = {0};
    int rc = ax_yaml_fields(&r->y, n, "a group", group_keys, GROUP_KEYS, f, r->err);
    if (rc == 0 && !f[NAME])
        return ax_yaml_fail(&r->y, n->start_mark, r->err,
                            "found a group without a name, expected name");
    if (rc == 0)
        rc = text_of(r, f[NAME], "the name of a group", &out->name);
    for (size_t i = 0; rc == 0 && &r->rules->groups[i] < out; i++)
        if (ax_str_eq(r->rules->groups[i].name, out->name))
            return ax_yaml_fail(&r->y, f[NAME]->start_mark, r->err,
                                "found a second group \"%s\", expected each name once",
                                out->name.p);
    if (rc == 0)
        rc = duration_of(r, f[INTERVAL], &out->interval_ms);
    if (rc == 0)
        rc = limit_of(r, f[LIMIT], &out->limit);
    if (rc == 0)
        rc = pairs_of(r, f[GROUP_LABELS], true, &labels);
    return rc < 0 ? rc : rules_of(r, f[RULES], &labels, out);
}

static int groups_of(struct reader *r)
{
    static const char *const keys[] = {"groups"};
    yaml_node_t *root = ax_yaml_root(&r->y), *groups;
    if (!root)
        return 0;
    int rc = ax_yaml_fields(&r->y, root, "a mapping with groups", keys, 1, &groups, r->err);
    if (rc < 0 || !groups)
        return rc;
    if (groups->type != YAML_SEQUENCE_NODE)
        return ax_yaml_unexpected(&r->y, groups, "a list of groups", r->err);
    size_t count = ax_yaml_count(groups);
    if (count > AX_RULES_MAX)
        return ax_yaml_fail(&r->y, groups->start_mark, r->err,
                            "found %zu groups, expected at most %d", count, AX_RULES_MAX);
    r->rules->groups = AX_NEWS(&r->rules->arena, struct ax_rule_group, count);
    for (size_t i = 0; i < count; i++) {
        r->rules->ngroups = i + 1;
        rc = group_of(r, ax_yaml_item(&r->y, groups, i), &r->rules->groups[i]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int ax_rules_parse(struct ax_str text, const char *name, struct ax_rules **out, struct ax_err *err)
{
    if (text.n > AX_RULES_BYTES)
        return ax_fail(err, -EFBIG, "%s: found %zu bytes of rules, expected at most %d", name,
                       text.n, AX_RULES_BYTES);
    struct ax_rules *rules = ax_calloc(1, sizeof *rules);
    rules->file = ax_arena_str(&rules->arena, ax_str(name));
    struct reader r = {.rules = rules, .err = err};
    int rc = ax_yaml_open(&r.y, text, rules->file.p, err);
    if (rc == 0)
        rc = groups_of(&r);
    ax_yaml_close(&r.y);
    if (rc < 0) {
        ax_rules_free(rules);
        return rc;
    }
    *out = rules;
    return 0;
}

void ax_rules_free(struct ax_rules *r)
{
    if (!r)
        return;
    for (size_t g = 0; g < r->ngroups; g++)
        for (size_t i = 0; i < r->groups[g].n; i++)
            ax_expr_free(r->groups[g].rules[i].expr);
    ax_arena_free(&r->arena);
    free(r);
}
