// SPDX-License-Identifier: Apache-2.0
/* A rule file: its groups, each good or with its faults. */
#include "alarm/rules.h"

#include <errno.h>
#include <stdlib.h>

void ax_rule_group_free(struct ax_rule_group *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n; i++)
        ax_expr_free(g->rules[i].expr);
    ax_arena_free(&g->arena);
    free(g);
}

struct ax_str ax_rule_why(const struct ax_rule_group *g, const struct ax_rule *r)
{
    if (r->local && g->offset_ms)
        return AX_STR("query_offset");
    return r->local ? AX_STR_NULL : r->why;
}

static void fault(struct ax_rules *f, struct ax_str group, const struct ax_err *err)
{
    struct ax_arena *a = &f->arena;
    f->faults = ax_arena_grow(a, f->faults, f->nfaults * sizeof *f->faults,
                              (f->nfaults + 1) * sizeof *f->faults);
    f->faults[f->nfaults++] =
        (struct ax_rules_fault){ax_arena_str(a, group), ax_arena_str(a, ax_str(err->text))};
}

static bool is_faulty(const struct ax_rules *f, struct ax_str group)
{
    for (size_t i = 0; i < f->nfaults; i++)
        if (ax_str_eq(f->faults[i].group, group))
            return true;
    return false;
}

static int limit_of(struct ax_rules_reader *r, yaml_node_t *n, uint64_t *out, struct ax_err *err)
{
    struct ax_str s;
    if (!n)
        return 0;
    if (!ax_yaml_scalar(n, &s) || !ax_str_u64(s, out))
        return ax_yaml_unexpected(&r->y, n, "a number of alarms, 0 for no limit", err);
    return 0;
}

/* A fault in one rule does not hide those of the next. */
static int rules_of(struct ax_rules_reader *r, yaml_node_t *n, const struct ax_pairs *labels,
                    struct ax_err *err)
{
    struct ax_rule_group *g = r->group;
    if (!n)
        return 0;
    if (n->type != YAML_SEQUENCE_NODE)
        return ax_yaml_unexpected(&r->y, n, "a list of rules", err);
    size_t count = ax_yaml_count(n);
    g->rules = AX_NEWS(&g->arena, struct ax_rule, count);
    for (size_t i = 0; i < count && r->rules->nfaults < AX_RULES_FAULTS; i++) {
        yaml_node_t *one = ax_yaml_item(&r->y, n, i);
        g->n = i + 1;
        if (++r->nrules > AX_RULES_MAX)
            return ax_yaml_fail(&r->y, one->start_mark, err,
                                "found more than %d rules, expected less", AX_RULES_MAX);
        if (ax_rule_read(r, one, labels, &g->rules[i], err) < 0)
            fault(r->rules, g->name, err);
    }
    ax_rules_number(g);
    return 0;
}

enum { NAME, INTERVAL, OFFSET, LIMIT, GROUP_LABELS, RULES, GROUP_KEYS };
static const char *const group_keys[] = {"name",  "interval", "query_offset",
                                         "limit", "labels",   "rules"};

/* The name, when there is one: by it the version that is in force is known. */
static void find_name(struct ax_rules_reader *r, yaml_node_t *n)
{
    for (size_t i = 0; n->type == YAML_MAPPING_NODE && i < ax_yaml_count(n); i++) {
        yaml_node_t *key, *value;
        struct ax_str name, text;
        ax_yaml_pair(&r->y, n, i, &key, &value);
        if (ax_yaml_scalar(key, &name) && ax_str_eq(name, AX_STR("name")) &&
            ax_yaml_scalar(value, &text))
            r->group->name = ax_arena_str(&r->group->arena, text);
    }
}

static int group_of(struct ax_rules_reader *r, yaml_node_t *n, struct ax_err *err)
{
    yaml_node_t *f[GROUP_KEYS];
    struct ax_rule_group *g = r->group;
    struct ax_pairs labels = {0};
    find_name(r, n);
    int rc = ax_yaml_fields(&r->y, n, "a group", group_keys, GROUP_KEYS, f, err);
    if (rc == 0 && !f[NAME])
        return ax_yaml_fail(&r->y, n->start_mark, err,
                            "found a group without a name, expected name");
    if (rc == 0)
        rc = ax_rule_text(r, f[NAME], "the name of a group", &g->name, err);
    for (size_t i = 0; rc == 0 && i + 1 < r->rules->ngroups; i++)
        if (ax_str_eq(r->rules->groups[i]->name, g->name))
            return ax_yaml_fail(&r->y, f[NAME]->start_mark, err,
                                "found a second group \"%s\", expected each name once", g->name.p);
    if (rc == 0)
        rc = ax_rule_duration(r, f[INTERVAL], &g->interval_ms, err);
    if (rc == 0)
        rc = ax_rule_duration(r, f[OFFSET], &g->offset_ms, err);
    if (rc == 0)
        rc = limit_of(r, f[LIMIT], &g->limit, err);
    if (rc == 0)
        rc = ax_rule_pairs(r, f[GROUP_LABELS], true, &labels, err);
    return rc < 0 ? rc : rules_of(r, f[RULES], &labels, err);
}

static void digest(struct ax_rule_group *g)
{
    struct ax_buf b = AX_BUF_INIT;
    ax_buf_u64le(&b, (uint64_t)g->interval_ms);
    ax_buf_u64le(&b, (uint64_t)g->offset_ms);
    ax_buf_u64le(&b, g->limit);
    for (size_t i = 0; i < g->n; i++)
        ax_rule_digest(&g->rules[i], &b);
    g->digest = ax_arena_str(&g->arena, ax_buf_view(&b));
    ax_buf_free(&b);
}

/* Leaves the good ones. Of two with one name both go: nobody knows which was meant. */
static void drop_faulty(struct ax_rules *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->ngroups; i++)
        if (f->broken || is_faulty(f, f->groups[i]->name)) {
            ax_rule_group_free(f->groups[i]);
        } else {
            digest(f->groups[i]);
            f->groups[kept++] = f->groups[i];
        }
    f->ngroups = kept;
}

/* An error is one of the file as a whole. */
static int groups_of(struct ax_rules_reader *r, struct ax_err *err)
{
    static const char *const keys[] = {"groups"};
    struct ax_rules *f = r->rules;
    yaml_node_t *root = ax_yaml_root(&r->y), *groups;
    if (!root)
        return 0;
    int rc = ax_yaml_fields(&r->y, root, "a mapping with groups", keys, 1, &groups, err);
    if (rc < 0 || !groups)
        return rc;
    if (groups->type != YAML_SEQUENCE_NODE)
        return ax_yaml_unexpected(&r->y, groups, "a list of groups", err);
    size_t count = ax_yaml_count(groups);
    if (count > AX_RULES_MAX)
        return ax_yaml_fail(&r->y, groups->start_mark, err, "found %zu groups, expected at most %d",
                            count, AX_RULES_MAX);
    f->groups = AX_NEWS(&f->arena, struct ax_rule_group *, count);
    for (size_t i = 0; i < count && f->nfaults < AX_RULES_FAULTS; i++) {
        r->group = f->groups[f->ngroups++] = ax_calloc(1, sizeof *r->group);
        r->group->file = ax_arena_str(&r->group->arena, f->file);
        r->group->tenant = ax_arena_str(&r->group->arena, f->tenant);
        if (group_of(r, ax_yaml_item(&r->y, groups, i), err) < 0)
            fault(f, r->group->name, err);
    }
    return f->nfaults < AX_RULES_FAULTS ? 0
                                        : ax_fail(err, -E2BIG, "%.*s: more than %d faults",
                                                  AX_STR_ARG(f->file), AX_RULES_FAULTS - 1);
}

static struct ax_rules *new_file(struct ax_str tenant, const char *name)
{
    struct ax_rules *f = ax_calloc(1, sizeof *f);
    f->file = ax_arena_str(&f->arena, ax_str(name));
    f->tenant = ax_arena_str(&f->arena, tenant);
    return f;
}

struct ax_rules *ax_rules_broken(struct ax_str tenant, const char *name, const struct ax_err *err)
{
    struct ax_rules *f = new_file(tenant, name);
    fault(f, AX_STR_NULL, err);
    f->broken = true;
    return f;
}

struct ax_rules *ax_rules_read(struct ax_str text, struct ax_str tenant, const char *name)
{
    struct ax_rules *f = new_file(tenant, name);
    struct ax_rules_reader r = {.rules = f};
    struct ax_err err;
    int rc = text.n <= AX_RULES_BYTES
                 ? ax_yaml_open(&r.y, text, f->file.p, &err)
                 : ax_fail(&err, -EFBIG, "%s: found %zu bytes of rules, expected at most %d", name,
                           text.n, AX_RULES_BYTES);
    if (rc == 0)
        rc = groups_of(&r, &err);
    if (rc < 0) {
        fault(f, AX_STR_NULL, &err);
        f->broken = true;
    }
    drop_faulty(f);
    if (f->nfaults == 0)
        f->text = ax_arena_str(&f->arena, text);
    ax_yaml_close(&r.y);
    return f;
}

int ax_rules_parse(struct ax_str text, const char *name, struct ax_rules **out, struct ax_err *err)
{
    struct ax_rules *f = ax_rules_read(text, AX_STR("default"), name);
    if (f->nfaults) {
        int rc = ax_fail(err, -EINVAL, "%s", f->faults[0].text.p);
        ax_rules_free(f);
        return rc;
    }
    *out = f;
    return 0;
}

size_t ax_rules_faults(const struct ax_rules *r)
{
    return r->nfaults;
}

const char *ax_rules_fault(const struct ax_rules *r, size_t i)
{
    return r->faults[i].text.p;
}

bool ax_rules_are_broken(const struct ax_rules *r)
{
    return r->broken;
}

void ax_rules_describe(const struct ax_rules *f, struct ax_buf *out)
{
    for (size_t i = 0; i < f->ngroups; i++)
        for (size_t k = 0; f->groups[i] && k < f->groups[i]->n; k++) {
            const struct ax_rule *r = &f->groups[i]->rules[k];
            struct ax_str why = ax_rule_why(f->groups[i], r);
            ax_buf_printf(out, "  %.*s: %.*s: ", AX_STR_ARG(f->groups[i]->name),
                          AX_STR_ARG(r->name));
            if (why.n)
                ax_buf_printf(out, "every interval (%.*s)\n", AX_STR_ARG(why));
            else
                ax_buf_cstr(out, "as samples arrive\n");
        }
}

size_t ax_rules_count(const struct ax_rules *r)
{
    size_t n = 0;
    for (size_t g = 0; g < r->ngroups; g++)
        n += r->groups[g]->n;
    return n;
}

void ax_rules_free(struct ax_rules *r)
{
    if (!r)
        return;
    for (size_t g = 0; g < r->ngroups; g++)
        ax_rule_group_free(r->groups[g]);
    ax_arena_free(&r->arena);
    free(r);
}
