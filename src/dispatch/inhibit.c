// SPDX-License-Identifier: Apache-2.0
/* Inhibition: while a source fires, targets with the same values of some labels are held.
 *
 *     rule, values of its `equal`, alarm that fires and is its source: rows of inhibition_source
 *
 * so that a target finds its source with one look. As with Alertmanager, an alarm that is both
 * source and target is not held by another that is both. */
#include "dispatch/inner.h"

#include <errno.h>
#include <jansson.h>

#define SHOWN(s) (int)((s).n < 100 ? (s).n : 100), (s).p

/* ---- matching ---- */

/* The values of the rule's labels, each with its length; absent counts as empty. */
static struct ax_str key_of(const struct ax_book_rule *r, const struct ax_tags *t,
                            struct ax_arena *a)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf key = AX_BUF_INIT;
    for (size_t i = 0; i < r->nequal; i++) {
        struct ax_str v = ax_tags_get(t, r->equal[i]);
        ax_buf_printf(&key, "%zu:%.*s", v.n, AX_STR_ARG(v));
    }
    return ax_arena_str(a, ax_buf_view(&key));
}

static int add_source(struct ax_dispatch *d, const struct ax_book_rule *r,
                      const struct ax_subject *s, struct ax_arena *a, struct ax_err *err)
{
    struct ax_stmt q;
    if (!ax_matchers_match(&r->source, &s->tags))
        return 0;
    ax_stmt_begin(&q, d->o.sql,
                  "INSERT OR IGNORE INTO inhibition_source(rule, equal, alarm, both) "
                  "VALUES(?, ?, ?, ?)");
    ax_stmt_str(&q, r->id);
    ax_stmt_str(&q, key_of(r, &s->tags, a));
    ax_stmt_str(&q, s->x.alarm);
    ax_stmt_int(&q, ax_matchers_match(&r->target, &s->tags));
    return ax_stmt_run(&q, "writing to", err);
}

int ax_inhibit_note(struct ax_dispatch *d, const struct ax_book *b, const struct ax_subject *s,
                    struct ax_arena *a, struct ax_err *err)
{
    struct ax_stmt q;
    if (!b->nrules)
        return 0;
    ax_stmt_begin(&q, d->o.sql, "DELETE FROM inhibition_source WHERE alarm = ?");
    ax_stmt_str(&q, s->x.alarm);
    int rc = ax_stmt_run(&q, "writing to", err);
    bool fires = ax_str_eq(s->x.state, AX_STR("ALARM"));
    for (size_t i = 0; rc == 0 && fires && i < b->nrules; i++)
        rc = add_source(d, &b->rules[i], s, a, err);
    return rc;
}

static int find_source(struct ax_dispatch *d, const struct ax_book_rule *r,
                       const struct ax_subject *s, struct ax_arena *a, struct ax_str *source,
                       struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, d->o.sql,
                  "SELECT alarm FROM inhibition_source WHERE rule = ? AND equal = ? AND alarm != ? "
                  "AND both <= ? LIMIT 1");
    ax_stmt_str(&q, r->id);
    ax_stmt_str(&q, key_of(r, &s->tags, a));
    ax_stmt_str(&q, s->x.alarm);
    ax_stmt_int(&q, !ax_matchers_match(&r->source, &s->tags));
    *source = ax_stmt_row(&q) ? ax_arena_str(a, ax_stmt_col(&q, 0)) : AX_STR_NULL;
    return ax_stmt_end(&q, "reading", err);
}

int ax_inhibit_judge(struct ax_dispatch *d, const struct ax_book *b, const struct ax_subject *s,
                     struct ax_arena *a, struct ax_reason *out, struct ax_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < b->nrules && out->why == AX_HOLD_NOT; i++) {
        struct ax_str source;
        const struct ax_book_rule *r = &b->rules[i];
        if (!ax_matchers_match(&r->target, &s->tags))
            continue;
        rc = find_source(d, r, s, a, &source, err);
        if (rc == 0 && source.n)
            *out = (struct ax_reason){
                AX_HOLD_INHIBITION,
                ax_arena_printf(a, "%.*s by alarm %.*s", AX_STR_ARG(r->id), AX_STR_ARG(source))};
    }
    return rc;
}

int ax_inhibit_lasts(struct ax_dispatch *d, struct ax_str ref, struct ax_err *err)
{
    static const struct ax_str by = {" by alarm ", 10};
    struct ax_stmt q;
    size_t at = AX_UUID_TEXT + by.n;
    if (ref.n <= at)
        return 0;
    ax_stmt_begin(&q, d->o.sql, "SELECT 1 FROM inhibition_source WHERE alarm = ? AND rule = ?");
    ax_stmt_str(&q, (struct ax_str){ref.p + at, ref.n - at});
    ax_stmt_str(&q, (struct ax_str){ref.p, AX_UUID_TEXT});
    bool there = ax_stmt_row(&q);
    int rc = ax_stmt_end(&q, "reading", err);
    return rc < 0 ? rc : there;
}

/* ---- rows ---- */

static struct ax_str strings_write(const struct ax_str *v, size_t n, struct ax_arena *a)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf out = AX_BUF_INIT;
    struct ax_json j = {.out = &out};
    ax_json_arr(&j);
    for (size_t i = 0; i < n; i++)
        ax_json_str(&j, v[i]);
    ax_json_end(&j);
    return ax_arena_str(a, ax_buf_view(&out));
}

static struct ax_str *strings_read(struct ax_str json, struct ax_arena *a, size_t *n)
{
    json_t *all = json_loadb(json.p, json.n, 0, NULL), *one;
    struct ax_str *v = AX_NEWS(a, struct ax_str, json_array_size(all) + 1);
    size_t i;
    json_array_foreach (all, i, one)
        v[i] = ax_arena_str(a, ax_str(json_string_value(one)));
    *n = json_array_size(all);
    json_decref(all);
    return v;
}

int ax_book_read_rules(struct ax_dispatch *d, struct ax_book *b, struct ax_err *err)
{
    struct ax_stmt q;
    size_t cap = 0;
    b->rules = NULL;
    b->nrules = 0;
    ax_stmt_begin(&q, d->o.sql,
                  "SELECT id, source, target, equal FROM inhibition WHERE tenant = ? "
                  "ORDER BY created, id LIMIT ?");
    ax_stmt_str(&q, ax_str(b->tenant));
    ax_stmt_int(&q, AX_INHIBITIONS_MAX);
    while (b->nrules < AX_INHIBITIONS_MAX && ax_stmt_row(&q)) {
        struct ax_book_rule r = {.id = ax_arena_str(&b->arena, ax_stmt_col(&q, 0)),
                                 .source = ax_matchers_read(ax_stmt_col(&q, 1), &b->arena),
                                 .target = ax_matchers_read(ax_stmt_col(&q, 2), &b->arena)};
        r.equal = strings_read(ax_stmt_col(&q, 3), &b->arena, &r.nequal);
        if (b->nrules == cap) {
            b->rules = ax_arena_grow(&b->arena, b->rules, cap * sizeof r, (2 * cap + 4) * sizeof r);
            cap = 2 * cap + 4;
        }
        if (ax_matchers_begin(&r.source, NULL) < 0)
            continue;
        if (ax_matchers_begin(&r.target, NULL) < 0)
            ax_matchers_end(&r.source);
        else
            b->rules[b->nrules++] = r;
    }
    return ax_stmt_end(&q, "reading inhibitions in", err);
}

/* ---- changing ---- */

static int check_side(const struct ax_matcher *v, size_t n, const char *side, struct ax_arena *a,
                      struct ax_err *err)
{
    struct ax_matchers m = {AX_NEWS(a, struct ax_matcher, n + 1), n};
    for (size_t i = 0; i < n; i++)
        m.v[i] = v[i];
    int rc = ax_matchers_begin(&m, err);
    if (rc < 0)
        return ax_err_wrap(err, "%s", side);
    ax_matchers_end(&m);
    return 0;
}

static int insert(struct ax_dispatch *d, struct ax_str tenant, const struct ax_inhibition *x,
                  struct ax_str id, struct ax_arena *a, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf source = AX_BUF_INIT, target = AX_BUF_INIT;
    struct ax_stmt q;
    ax_matchers_write(x->source, x->nsource, &source);
    ax_matchers_write(x->target, x->ntarget, &target);
    ax_stmt_begin(&q, d->o.sql,
                  "INSERT INTO inhibition(tenant, id, source, target, equal, created) "
                  "SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE (SELECT count(*) FROM inhibition "
                  "WHERE tenant = ?1) < ?7");
    ax_stmt_str(&q, tenant);
    ax_stmt_str(&q, id);
    ax_stmt_str(&q, ax_buf_view(&source));
    ax_stmt_str(&q, ax_buf_view(&target));
    ax_stmt_str(&q, strings_write(x->equal, x->nequal, a));
    ax_stmt_int(&q, ax_dispatch_now(d));
    ax_stmt_int(&q, AX_INHIBITIONS_MAX);
    int rc = ax_stmt_run(&q, "writing an inhibition to", err);
    return rc == 0 && ax_sql_changed(d->o.sql) == 0
               ? ax_fail(err, -EDQUOT, "there are %d inhibitions already", AX_INHIBITIONS_MAX)
               : rc;
}

/* What fires already is a source of the new rule, too. */
static int add_sources(struct ax_dispatch *d, struct ax_str tenant, struct ax_str id,
                       struct ax_arena *a, struct ax_err *err)
{
    struct ax_book *b;
    struct ax_stmt q;
    ax_book_changed(d, tenant);
    int rc = ax_book_of(d, tenant, &b, err);
    const struct ax_book_rule *r = NULL;
    for (size_t i = 0; rc == 0 && i < b->nrules; i++)
        if (ax_str_eq(b->rules[i].id, id))
            r = &b->rules[i];
    if (rc < 0 || !r)
        return rc;
    ax_stmt_begin(&q, d->o.sql,
                  "SELECT " AX_SUBJECT_COLUMNS
                  " FROM dispatch_alarm WHERE tenant = ? AND state = 'ALARM'");
    ax_stmt_str(&q, tenant);
    while (rc == 0 && ax_stmt_row(&q)) {
        struct ax_subject s;
        ax_subject_column(&q, a, &s);
        rc = add_source(d, r, &s, a, err);
    }
    int end = ax_stmt_end(&q, "reading alarms in", err);
    return rc < 0 ? rc : end;
}

int ax_inhibition_add(struct ax_dispatch *d, struct ax_str tenant, const struct ax_inhibition *x,
                      char id[AX_UUID_TEXT + 1], struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    char made[AX_UUID_TEXT + 1];
    ax_dispatch_id(made);
    int rc = check_side(x->source, x->nsource, "source_matchers", &a, err);
    if (rc == 0)
        rc = check_side(x->target, x->ntarget, "target_matchers", &a, err);
    if (rc == 0 && (rc = ax_sql_begin(d->o.sql, err)) == 0) {
        rc = insert(d, tenant, x, ax_str(made), &a, err);
        if (rc == 0)
            rc = add_sources(d, tenant, ax_str(made), &a, err);
        ax_book_changed(d, tenant); /* also when it is rolled back */
        rc = ax_sql_end(d->o.sql, rc, err);
    }
    if (rc == 0)
        memcpy(id, made, sizeof made);
    ax_arena_free(&a);
    return rc;
}

static int delete (struct ax_dispatch *d, struct ax_str tenant, struct ax_str id,
                   struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, d->o.sql, "DELETE FROM inhibition WHERE id = ? AND tenant = ?");
    ax_stmt_str(&q, id);
    ax_stmt_str(&q, tenant);
    int rc = ax_stmt_run(&q, "writing to", err);
    if (rc == 0 && ax_sql_changed(d->o.sql) == 0)
        rc = ax_fail(err, -ENOENT, "there is no inhibition %.*s", SHOWN(id));
    if (rc < 0)
        return rc;
    ax_stmt_begin(&q, d->o.sql, "DELETE FROM inhibition_source WHERE rule = ?");
    ax_stmt_str(&q, id);
    return ax_stmt_run(&q, "writing to", err);
}

int ax_inhibition_delete(struct ax_dispatch *d, struct ax_str tenant, struct ax_str id,
                         struct ax_err *err)
{
    int rc = ax_sql_begin(d->o.sql, err);
    if (rc < 0)
        return rc;
    ax_book_changed(d, tenant);
    return ax_sql_end(d->o.sql, delete (d, tenant, id, err), err);
}

int ax_inhibition_list(struct ax_dispatch *d, struct ax_str tenant, struct ax_arena *a,
                       struct ax_inhibition **out, size_t *n, struct ax_err *err)
{
    struct ax_stmt q;
    struct ax_inhibition *v = AX_NEWS(a, struct ax_inhibition, AX_INHIBITIONS_MAX);
    size_t have = 0;
    ax_sql_lock(d->o.sql);
    ax_stmt_begin(&q, d->o.sql,
                  "SELECT id, source, target, equal, created FROM inhibition WHERE tenant = ? "
                  "ORDER BY created, id LIMIT ?");
    ax_stmt_str(&q, tenant);
    ax_stmt_int(&q, AX_INHIBITIONS_MAX);
    while (have < AX_INHIBITIONS_MAX && ax_stmt_row(&q)) {
        struct ax_inhibition *x = &v[have++];
        struct ax_matchers source = ax_matchers_read(ax_stmt_col(&q, 1), a);
        struct ax_matchers target = ax_matchers_read(ax_stmt_col(&q, 2), a);
        *x = (struct ax_inhibition){.id = ax_arena_str(a, ax_stmt_col(&q, 0)),
                                    .source = source.v,
                                    .nsource = source.n,
                                    .target = target.v,
                                    .ntarget = target.n,
                                    .created = ax_stmt_col_int(&q, 4)};
        x->equal = strings_read(ax_stmt_col(&q, 3), a, &x->nequal);
    }
    int rc = ax_stmt_end(&q, "reading inhibitions in", err);
    ax_sql_unlock(d->o.sql);
    if (rc == 0) {
        *out = v;
        *n = have;
    }
    return rc;
}
