// SPDX-License-Identifier: Apache-2.0
/* What a definition may be. */
#include "alarm/stream/inner.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#define TEXT_MAX   255
#define ACTION_MAX 50
#define ACTIONS    100 /* of one state */

static const char *const states[] = {"OK", "UNDETERMINED", "ALARM", "NONE"};
static const char *const severities[] = {"LOW", "MEDIUM", "HIGH", "CRITICAL"};

const char *ax_state_name(enum ax_state s)
{
    return states[s & 3];
}

const char *ax_severity_name(enum ax_severity s)
{
    return severities[s & 3];
}

static bool find(struct ax_str s, const char *const *names, int n, int *out)
{
    for (int i = 0; i < n; i++)
        if (s.n == strlen(names[i]) && strncasecmp(s.p, names[i], s.n) == 0) {
            *out = i;
            return true;
        }
    return false;
}

bool ax_state_parse(struct ax_str s, enum ax_state *out)
{
    int i;
    if (!find(s, states, 3, &i))
        return false;
    *out = (enum ax_state)i;
    return true;
}

bool ax_severity_parse(struct ax_str s, enum ax_severity *out)
{
    int i;
    if (!find(s, severities, 4, &i))
        return false;
    *out = (enum ax_severity)i;
    return true;
}

static int check_text(const char *what, struct ax_str s, size_t least, size_t most,
                      struct ax_err *err)
{
    size_t n = ax_str_characters(s);
    if (!ax_str_utf8(s) || memchr(s.p ? s.p : "", 0, s.n))
        return ax_fail(err, -EINVAL, "%s is not valid UTF-8 text", what);
    if (n < least)
        return ax_fail(err, -EINVAL, "%s is empty, expected 1 to %zu characters", what, most);
    if (n > most)
        return ax_fail(err, -EINVAL, "%s has %zu characters, at most %zu are allowed", what, n,
                       most);
    return 0;
}

static int check_list(const char *what, const struct ax_strs *v, size_t most, size_t length,
                      struct ax_err *err)
{
    if (v->n > most)
        return ax_fail(err, -EINVAL, "%s has %zu entries, at most %zu are allowed", what, v->n,
                       most);
    for (size_t i = 0; i < v->n; i++) {
        int rc = check_text(what, v->v[i], 1, length, err);
        if (rc < 0)
            return rc;
        if (memchr(v->v[i].p, '\n', v->v[i].n))
            return ax_fail(err, -EINVAL, "%s has an entry with a line break", what);
        for (size_t j = 0; j < i; j++)
            if (ax_str_eq(v->v[i], v->v[j]))
                return ax_fail(err, -EINVAL, "%s has \"%.*s\" twice", what, AX_STR_ARG(v->v[i]));
    }
    return 0;
}

static int check_actions(const struct ax_stream *s, struct ax_str tenant,
                         const struct ax_definition *d, struct ax_err *err)
{
    static const char *const names[] = {"ok_actions", "undetermined_actions", "alarm_actions"};
    for (int i = 0; i < 3; i++) {
        const struct ax_strs *v = &d->actions[i];
        int rc = check_list(names[i], v, ACTIONS, ACTION_MAX, err);
        for (size_t j = 0; rc == 0 && j < v->n; j++)
            if (s->o.known_action && !s->o.known_action(s->o.ctx, tenant, v->v[j]))
                rc = ax_fail(err, -EINVAL, "%s: there is no notification method %.*s", names[i],
                             AX_STR_ARG(v->v[j]));
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int check_severity(const struct ax_definition_edit *e, struct ax_definition *d,
                          struct ax_err *err)
{
    if (!(e->set & AX_SET_SEVERITY) || ax_severity_parse(e->severity, &d->severity))
        return 0;
    return ax_fail(err, -EINVAL, "severity \"%.*s\" is none of LOW, MEDIUM, HIGH, CRITICAL",
                   (int)(e->severity.n < 40 ? e->severity.n : 40), e->severity.p);
}

static bool same_list(const struct ax_strs *a, const struct ax_strs *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = ax_str_eq(a->v[i], b->v[i]);
    return same;
}

/* Each sub-expression of one has a partner in the other. */
static bool same_metrics(const struct ax_expression *a, const struct ax_expression *b)
{
    uint64_t taken = 0;
    if (a->nsubs != b->nsubs)
        return false;
    for (size_t i = 0; i < a->nsubs; i++) {
        size_t j = 0;
        while (j < b->nsubs && ((taken >> j & 1) || !ax_sub_same(&a->subs[i], &b->subs[j])))
            j++;
        if (j == b->nsubs)
            return false;
        taken |= 1ull << j;
    }
    return true;
}

static int check_expression(const struct ax_definition *before, struct ax_definition *d,
                            struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_expression now, then;
    int rc = ax_expression_parse(d->expression, &a, &now, err);
    if (rc < 0)
        ax_err_wrap(err, "expression");
    if (rc == 0)
        d->deterministic = now.deterministic;
    if (rc == 0 && before && ax_expression_parse(before->expression, &a, &then, NULL) == 0 &&
        !same_metrics(&now, &then))
        rc = ax_fail(err, -EINVAL,
                     "expression: the metrics, their dimensions and the number of "
                     "sub-expressions may not change; make another definition");
    ax_arena_free(&a);
    return rc;
}

static void apply(const struct ax_definition_edit *e, struct ax_definition *d)
{
    if (e->set & AX_SET_NAME)
        d->name = e->name;
    if (e->set & AX_SET_DESCRIPTION)
        d->description = e->description;
    if (e->set & AX_SET_EXPRESSION)
        d->expression = e->expression;
    if (e->set & AX_SET_MATCH_BY)
        d->match_by = e->match_by;
    if (e->set & AX_SET_ENABLED)
        d->actions_enabled = e->actions_enabled;
    for (int i = 0; i < 3; i++)
        if (e->set & (unsigned)AX_SET_OK << i)
            d->actions[i] = e->actions[i];
}

int ax_definition_check(const struct ax_stream *s, struct ax_str tenant,
                        const struct ax_definition_edit *e, const struct ax_definition *before,
                        struct ax_definition *out, struct ax_err *err)
{
    struct ax_definition d = {.actions_enabled = true};
    if (before)
        d = *before;
    else if (!(e->set & AX_SET_NAME) || !(e->set & AX_SET_EXPRESSION))
        return ax_fail(err, -EINVAL, "%s is missing", e->set & AX_SET_NAME ? "expression" : "name");
    apply(e, &d);
    int rc = check_text("name", d.name, 1, TEXT_MAX, err);
    if (rc == 0)
        rc = check_text("description", d.description, 0, TEXT_MAX, err);
    if (rc == 0)
        rc = check_severity(e, &d, err);
    if (rc == 0)
        rc = check_list("match_by", &d.match_by, AX_MATCH_MAX, TEXT_MAX, err);
    if (rc == 0 && before && !same_list(&d.match_by, &before->match_by))
        rc = ax_fail(err, -EINVAL, "match_by may not change; make another definition");
    if (rc == 0)
        rc = check_expression(before, &d, err);
    if (rc == 0)
        rc = check_actions(s, tenant, &d, err);
    if (rc == 0)
        *out = d;
    return rc;
}
