// SPDX-License-Identifier: Apache-2.0
/* One rule of a file, read and checked. */
#include "alarm/rules.h"

#include "base/map.h"
#include "base/num.h"

int ax_rule_text(struct ax_rules_reader *r, yaml_node_t *n, const char *wanted, struct ax_str *out,
                 struct ax_err *err)
{
    struct ax_str s;
    if (!ax_yaml_scalar(n, &s) || s.n == 0)
        return ax_yaml_unexpected(&r->y, n, wanted, err);
    *out = ax_arena_str(&r->group->arena, s);
    return 0;
}

int ax_rule_duration(struct ax_rules_reader *r, yaml_node_t *n, int64_t *out, struct ax_err *err)
{
    struct ax_str s;
    if (!n)
        return 0;
    if (!ax_yaml_scalar(n, &s) || ax_duration_parse(s, out, NULL) < 0)
        return ax_yaml_unexpected(&r->y, n, "a duration such as 30s, 5m or 1h30m", err);
    return 0;
}

static struct ax_pair *pair_named(struct ax_pairs *all, struct ax_str name)
{
    for (size_t i = 0; i < all->n; i++)
        if (ax_str_eq(all->v[i].name, name))
            return &all->v[i];
    return NULL;
}

static int pair_of(struct ax_rules_reader *r, yaml_node_t *key, yaml_node_t *value, bool label,
                   struct ax_pair *out, struct ax_err *err)
{
    struct ax_arena *a = &r->group->arena;
    struct ax_str name, text;
    bool ok = ax_yaml_scalar(key, &name) && ax_label_name_ok(name);
    if (!ok || (label && ax_str_eq(name, AX_STR("__name__"))))
        return ax_yaml_unexpected(
            &r->y, key, "a name of letters, digits and _, not beginning with a digit", err);
    if (!ax_yaml_scalar(value, &text))
        return ax_yaml_unexpected(&r->y, value, "a text", err);
    out->name = ax_arena_str(a, name);
    size_t at = 0;
    struct ax_err why;
    if (ax_template_parse(text, a, &out->value, &at, &why) < 0)
        return ax_yaml_fail(&r->y, ax_yaml_inside(value, at), err, "%s", why.text);
    return 0;
}

/* Adds to what *out has (the group's labels), a name that is there is replaced. */
int ax_rule_pairs(struct ax_rules_reader *r, yaml_node_t *n, bool label, struct ax_pairs *out,
                  struct ax_err *err)
{
    if (!n)
        return 0;
    if (n->type != YAML_MAPPING_NODE)
        return ax_yaml_unexpected(&r->y, n, "a mapping of names to texts", err);
    size_t count = ax_yaml_count(n), inherited = out->n;
    struct ax_pair *v = AX_NEWS(&r->group->arena, struct ax_pair, out->n + count);
    for (size_t i = 0; i < out->n; i++)
        v[i] = out->v[i];
    out->v = v;
    for (size_t i = 0; i < count; i++) {
        yaml_node_t *key, *value;
        struct ax_pair p;
        ax_yaml_pair(&r->y, n, i, &key, &value);
        int rc = pair_of(r, key, value, label, &p, err);
        if (rc < 0)
            return rc;
        struct ax_pair *same = pair_named(out, p.name);
        if (same && same >= v + inherited)
            return ax_yaml_fail(&r->y, key->start_mark, err, "found \"%s\" twice, expected it once",
                                p.name.p);
        if (same)
            *same = p;
        else
            v[out->n++] = p;
    }
    return 0;
}

/* Whether samples may decide it as they come; else the store is asked every interval. */
static void localize(struct ax_arena *a, struct ax_rule *out)
{
    const struct ax_local_selector *v;
    struct ax_err why;
    if (ax_local_compile(out->expr, a, &out->local, &why) < 0) {
        out->why = ax_arena_str(a, ax_str(why.text));
        return;
    }
    for (size_t i = 0, n = ax_local_selectors(out->local, &v); i < n; i++)
        if (v[i].range > AX_CONDITION_RANGE_MAX)
            out->why = AX_STR("a range of more than an hour");
    if (out->why.n)
        out->local = NULL;
}

static int expression_of(struct ax_rules_reader *r, yaml_node_t *n, struct ax_rule *out,
                         struct ax_err *err)
{
    struct ax_str text;
    struct ax_err why;
    int rc = ax_rule_text(r, n, "a PromQL expression", &text, err);
    if (rc < 0)
        return rc;
    if (ax_expr_parse(text, &r->group->arena, &out->expr, &why) < 0)
        return ax_yaml_fail(&r->y, n->start_mark, err,
                            "found a bad expression (%s), expected PromQL", why.text);
    enum ax_value_type type = ax_expr_type(out->expr);
    if (type != AX_VECTOR && type != AX_SCALAR)
        return ax_yaml_fail(&r->y, n->start_mark, err,
                            "found an expression that gives a %s, expected an instant vector",
                            type == AX_MATRIX ? "range vector" : "string");
    struct ax_buf query = AX_BUF_INIT;
    ax_expr_print(out->expr, &query);
    out->query = ax_arena_str(&r->group->arena, ax_buf_view(&query));
    ax_buf_free(&query);
    return 0;
}

enum { ALERT, RECORD, EXPR, FOR, KEEP, LABELS, ANNOTATIONS, RULE_KEYS };
static const char *const rule_keys[] = {"alert",           "record", "expr",       "for",
                                        "keep_firing_for", "labels", "annotations"};

static int name_of(struct ax_rules_reader *r, yaml_node_t *rule, yaml_node_t **f,
                   struct ax_rule *out, struct ax_err *err)
{
    if (f[ALERT] && f[RECORD])
        return ax_yaml_fail(&r->y, f[RECORD]->start_mark, err,
                            "found alert and record in one rule, expected one of them");
    if (!f[ALERT] && !f[RECORD])
        return ax_yaml_fail(&r->y, rule->start_mark, err,
                            "found a rule without a name, expected alert or record");
    if (!f[EXPR])
        return ax_yaml_fail(&r->y, rule->start_mark, err,
                            "found a rule without expr, expected a PromQL expression");
    out->records = f[RECORD] != NULL;
    if (!out->records)
        return ax_rule_text(r, f[ALERT], "the name of an alarm", &out->name, err);
    int rc = ax_rule_text(r, f[RECORD], "the name of a series", &out->name, err);
    if (rc == 0 && !ax_metric_name_ok(out->name))
        return ax_yaml_unexpected(&r->y, f[RECORD], "a metric name such as job:up:sum", err);
    yaml_node_t *odd = f[FOR] ? f[FOR] : f[KEEP] ? f[KEEP] : f[ANNOTATIONS];
    if (rc == 0 && odd)
        return ax_yaml_fail(&r->y, odd->start_mark, err,
                            "found for, keep_firing_for or annotations in a recording rule, "
                            "expected expr and labels only");
    return rc;
}

int ax_rule_read(struct ax_rules_reader *r, yaml_node_t *n, const struct ax_pairs *inherited,
                 struct ax_rule *out, struct ax_err *err)
{
    yaml_node_t *f[RULE_KEYS];
    int rc = ax_yaml_fields(&r->y, n, "a rule", rule_keys, RULE_KEYS, f, err);
    if (rc == 0)
        rc = name_of(r, n, f, out, err);
    if (rc == 0)
        rc = expression_of(r, f[EXPR], out, err);
    if (rc == 0)
        rc = ax_rule_duration(r, f[FOR], &out->for_ms, err);
    if (rc == 0)
        rc = ax_rule_duration(r, f[KEEP], &out->keep_firing_ms, err);
    if (rc == 0 && out->records)
        out->why = AX_STR("a recording rule");
    else if (rc == 0)
        localize(&r->group->arena, out);
    out->labels = *inherited;
    if (rc == 0)
        rc = ax_rule_pairs(r, f[LABELS], true, &out->labels, err);
    return rc < 0 ? rc : ax_rule_pairs(r, f[ANNOTATIONS], false, &out->annotations, err);
}

static void add(struct ax_buf *out, struct ax_str s)
{
    ax_buf_varint(out, s.n);
    ax_buf_str(out, s);
}

static void add_pairs(struct ax_buf *out, const struct ax_pairs *p)
{
    ax_buf_varint(out, p->n);
    for (size_t i = 0; i < p->n; i++) {
        add(out, p->v[i].name);
        add(out, ax_template_text(p->v[i].value));
    }
}

void ax_rule_digest(const struct ax_rule *r, struct ax_buf *out)
{
    ax_buf_byte(out, r->records);
    add(out, r->name);
    add(out, r->query);
    ax_buf_u64le(out, (uint64_t)r->for_ms);
    ax_buf_u64le(out, (uint64_t)r->keep_firing_ms);
    add_pairs(out, &r->labels);
    add_pairs(out, &r->annotations);
}

static uint64_t identity(const struct ax_rule *r)
{
    struct ax_buf b = AX_BUF_INIT;
    ax_buf_byte(&b, r->records);
    add(&b, r->name);
    add_pairs(&b, &r->labels);
    uint64_t h = ax_hash(b.p, b.n);
    ax_buf_free(&b);
    return h;
}

void ax_rules_number(struct ax_rule_group *g)
{
    struct ax_map seen = AX_MAP_INIT;
    for (size_t i = 0; i < g->n; i++) {
        uint64_t h = identity(&g->rules[i]), before = 0;
        struct ax_str key = ax_arena_printf(&g->arena, "%016llx", (unsigned long long)h);
        ax_map_get(&seen, key, &before);
        ax_map_put(&seen, key, before + 1);
        g->rules[i].same = ax_arena_printf(&g->arena, "%s/%llu", key.p, (unsigned long long)before);
    }
    ax_map_free(&seen);
}
