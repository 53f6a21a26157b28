// SPDX-License-Identifier: Apache-2.0
/* Rule files come into force. Everything new is made and brought back first; what can fail fails
 * before anything that is in force was touched. */
#include "alarm/inner.h"

#include <stdlib.h>

#include "base/clock.h"

static bool is_file(const struct ax_rules *f, const struct ax_rule_group *g)
{
    return ax_str_eq(f->tenant, g->tenant) && ax_str_eq(f->file, g->file);
}

/* Why a group of this name stays as it is; NULL when nothing is known to be wrong with it. A fault
 * in a group without a name may be anyone's. */
static const char *fault_of(const struct ax_rules *f, struct ax_str group)
{
    for (size_t i = 0; i < f->nfaults; i++)
        if (f->broken || f->faults[i].group.n == 0 || ax_str_eq(f->faults[i].group, group))
            return f->faults[i].text.p;
    return NULL;
}

/* ---- what becomes of the groups in force ---- */

struct change {
    struct ax_alarms *al;
    struct ax_rules **files;
    size_t nfiles;
    int64_t now;
    struct ax_group **next; /* to be in force: some of them are already */
    size_t n;
    bool *stays; /* by place in al->groups */
    const char **faults;
};

static struct ax_group *in_force(const struct ax_alarms *al, const struct ax_rule_group *g,
                                 size_t *place)
{
    for (size_t i = 0; i < al->ngroups; i++) {
        const struct ax_rule_group *old = al->groups[i]->rules;
        if (ax_str_eq(old->tenant, g->tenant) && ax_str_eq(old->file, g->file) &&
            ax_str_eq(old->name, g->name)) {
            *place = i;
            return al->groups[i];
        }
    }
    return NULL;
}

static struct ax_group *new_group(struct ax_alarms *al, struct ax_rule_group *rules, int64_t now)
{
    struct ax_group *g = ax_calloc(1, sizeof *g);
    g->rules = rules;
    g->interval_ms = rules->interval_ms ? rules->interval_ms : al->o.interval_ms;
    g->due = now + 1; /* after the ends of what went, whose series may be the same */
    g->watches = ax_calloc(rules->n + 1, sizeof *g->watches);
    for (size_t i = 0; i < rules->n; i++) {
        g->watches[i].rule = &rules->rules[i];
        g->watches[i].look_at = g->watches[i].whole_at = g->due;
        ax_watch_begin(al, rules, &g->watches[i], now);
    }
    return g;
}

static int plan_group(struct change *c, struct ax_rules *f, size_t i, struct ax_err *err)
{
    size_t place;
    struct ax_group *old = in_force(c->al, f->groups[i], &place);
    if (old && ax_str_eq(old->rules->digest, f->groups[i]->digest)) {
        c->stays[place] = true;
        c->next[c->n++] = old;
        return 0;
    }
    struct ax_group *g = c->next[c->n++] = new_group(c->al, f->groups[i], c->now);
    f->groups[i] = NULL; /* it is the group's */
    return old ? 0 : ax_restore(c->al, g, c->now, err);
}

static int plan_file(struct change *c, struct ax_rules *f, struct ax_err *err)
{
    int rc = 0;
    for (size_t i = 0; i < f->ngroups && rc == 0; i++)
        rc = plan_group(c, f, i, err);
    for (size_t i = 0; i < c->al->ngroups; i++) {
        struct ax_group *old = c->al->groups[i];
        const char *fault = is_file(f, old->rules) ? fault_of(f, old->rules->name) : NULL;
        bool replaced = false;
        for (size_t k = 0; k < c->n; k++)
            replaced |= is_file(f, c->next[k]->rules) &&
                        ax_str_eq(c->next[k]->rules->name, old->rules->name);
        if (!fault || replaced)
            continue;
        c->stays[i] = true;
        c->faults[i] = fault;
        c->next[c->n++] = old;
    }
    return rc;
}

/* What is kept of a group that is faulty, or of a file that is broken, waits for it. */
static bool is_excused(void *ctx, struct ax_str key)
{
    struct change *c = ctx;
    bool excused = false;
    for (size_t i = 0; i < c->nfiles && !excused; i++) {
        struct ax_rules *f = c->files[i];
        for (size_t k = 0; k < f->nfaults && !excused; k++) {
            struct ax_rule_group g = {.tenant = f->tenant, .file = f->file};
            struct ax_buf prefix = AX_BUF_INIT;
            g.name = f->broken ? AX_STR_NULL : f->faults[k].group;
            ax_keep_group_key(&g, &prefix);
            excused = ax_str_starts(key, ax_buf_view(&prefix));
            ax_buf_free(&prefix);
        }
    }
    return excused;
}

/* ---- the change itself ---- */

/* The alarms, what is owed of them and what was said of them. The rule, and what watches for it,
 * are each one's own. */
static void hand_over(struct ax_watch *from, struct ax_watch *to)
{
    to->alarms = from->alarms;
    to->n = from->n;
    to->cap = from->cap;
    to->owed = from->owed;
    to->error = from->error;
    to->evaluated_at = from->evaluated_at;
    to->took_ns = from->took_ns;
    to->evaluations = from->evaluations;
    to->failures = from->failures;
    to->samples = from->samples;
    to->published_bytes = from->published_bytes;
    to->published = from->published;
    from->alarms = NULL;
    from->n = from->cap = 0;
    from->owed = (struct ax_changes){0};
    from->error = NULL;
    from->published_bytes = (struct ax_arena)AX_ARENA_INIT;
    from->published = (struct ax_map)AX_MAP_INIT;
    from->rule = NULL;
}

static void inherit(struct ax_group *old, struct ax_group *g)
{
    for (size_t i = 0; i < g->rules->n; i++)
        for (size_t k = 0; k < old->rules->n; k++) {
            struct ax_watch *from = &old->watches[k], *to = &g->watches[i];
            if (!from->rule || !ax_str_eq(from->rule->same, to->rule->same))
                continue;
            hand_over(from, to);
            break;
        }
    g->iterations = old->iterations;
    g->missed = old->missed;
    g->evaluated_at = old->evaluated_at;
    g->took_ns = old->took_ns;
}

/* The end of what nobody goes on with. What cannot be told now is told after the next start. */
static int end_group(struct change *c, struct ax_group *g, struct ax_err *err)
{
    int rc = 0, changes = 0;
    for (size_t i = 0; i < g->rules->n; i++) {
        struct ax_watch *w = &g->watches[i];
        struct ax_arena a = AX_ARENA_INIT;
        struct ax_batch nothing = {.arena = &a};
        if (!w->rule)
            continue;
        ax_watch_end(w, c->now);
        struct ax_err later;
        int one = ax_settle(c->al, g, w, &changes, rc < 0 ? &later : err);
        rc = rc < 0 ? rc : one;
        one = ax_publish(c->al, w, &nothing, true, c->now, rc < 0 ? &later : err);
        ax_publish_settle(c->al, w);
        rc = rc < 0 ? rc : one;
        ax_arena_free(&a);
    }
    return rc;
}

static void set_fault(struct ax_group *g, const char *text)
{
    free(g->fault);
    g->fault = text ? ax_strdup(text) : NULL;
}

void ax_left_out_free(struct ax_left_out *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(v[i].tenant);
        free(v[i].file);
        free(v[i].group);
        free(v[i].fault);
    }
    free(v);
}

static bool has_group(const struct ax_alarms *al, const struct ax_rules *f, struct ax_str name)
{
    for (size_t i = 0; i < al->ngroups; i++)
        if (is_file(f, al->groups[i]->rules) && ax_str_eq(al->groups[i]->rules->name, name))
            return true;
    return false;
}

static void list_left_out(struct ax_alarms *al, const struct ax_rules *f)
{
    for (size_t i = 0; i < f->nfaults; i++) {
        const struct ax_rules_fault *x = &f->faults[i];
        if (has_group(al, f, x->group))
            continue;
        al->left_out = ax_realloc(al->left_out, (al->nleft_out + 1) * sizeof *al->left_out);
        al->left_out[al->nleft_out++] =
            (struct ax_left_out){ax_strdup(f->tenant.p), ax_strdup(f->file.p),
                                 ax_strdup(x->group.n ? x->group.p : ""), ax_strdup(x->text.p)};
    }
}

/* Returns the groups that were, NULL for those that stay. */
static struct ax_group **put_into_force(struct change *c, size_t *nold)
{
    struct ax_alarms *al = c->al;
    pthread_mutex_lock(&al->lock);
    struct ax_group **old = al->groups;
    *nold = al->ngroups;
    for (size_t i = 0; i < c->n; i++) {
        size_t place;
        struct ax_group *was = in_force(al, c->next[i]->rules, &place);
        if (was && was != c->next[i])
            inherit(was, c->next[i]);
    }
    for (size_t i = 0; i < *nold; i++) {
        set_fault(old[i], c->faults[i]);
        if (c->stays[i])
            old[i] = NULL;
    }
    al->groups = c->next;
    al->ngroups = c->n;
    ax_left_out_free(al->left_out, al->nleft_out);
    al->left_out = NULL;
    al->nleft_out = 0;
    for (size_t i = 0; i < c->nfiles; i++)
        list_left_out(al, c->files[i]);
    pthread_mutex_unlock(&al->lock);
    return old;
}

static int plan(struct change *c, struct ax_err *err)
{
    size_t most = c->al->ngroups;
    for (size_t i = 0; i < c->nfiles; i++)
        most += c->files[i]->ngroups;
    c->next = ax_calloc(most + 1, sizeof(struct ax_group *));
    c->stays = ax_calloc(c->al->ngroups + 1, sizeof *c->stays);
    c->faults = ax_calloc(c->al->ngroups + 1, sizeof(const char *));
    int rc = 0;
    for (size_t i = 0; i < c->nfiles && rc == 0; i++)
        rc = plan_file(c, c->files[i], err);
    return rc;
}

static void give_up(struct change *c)
{
    size_t place;
    for (size_t i = 0; i < c->n; i++)
        if (in_force(c->al, c->next[i]->rules, &place) != c->next[i])
            ax_group_free(c->next[i]);
    free(c->next);
}

static int bring_into_force(struct change *c, struct ax_err *err)
{
    int rc = plan(c, err);
    if (rc < 0) {
        give_up(c);
        return rc;
    }
    size_t nold;
    pthread_mutex_lock(&c->al->hearing);
    struct ax_group **old = put_into_force(c, &nold);
    for (size_t i = 0; i < nold; i++) {
        int one = old[i] ? end_group(c, old[i], err) : 0;
        rc = rc < 0 ? rc : one;
        ax_group_free(old[i]);
    }
    pthread_mutex_unlock(&c->al->hearing);
    free(old);
    return rc;
}

static void free_change(struct change *c)
{
    free(c->stays);
    free(c->faults);
    for (size_t i = 0; i < c->nfiles; i++)
        ax_rules_free(c->files[i]);
}

/* At a start nothing is in force that a faulty file could leave as it is: what was then is. */
static int recall(struct ax_alarms *al, struct ax_rules **files, size_t n, int64_t now,
                  struct ax_err *err)
{
    struct change c = {.al = al, .now = now};
    c.files = ax_calloc(n + 1, sizeof(struct ax_rules *));
    for (size_t i = 0; i < n; i++) {
        struct ax_rules *was = files[i]->nfaults ? ax_recall(al, files[i]) : NULL;
        if (was)
            c.files[c.nfiles++] = was;
    }
    int rc = c.nfiles ? bring_into_force(&c, err) : 0;
    free_change(&c);
    free(c.files);
    return rc;
}

static int load(struct change *c, struct ax_err *err)
{
    struct ax_alarms *al = c->al;
    int rc = al->restored ? 0 : recall(al, c->files, c->nfiles, c->now, err);
    if (rc == 0)
        rc = bring_into_force(c, err);
    if (!al->restored && rc == 0)
        rc = ax_restore_orphans(al, is_excused, c, c->now, err);
    al->restored = true;
    return rc < 0 ? rc : ax_remember(al, c->files, c->nfiles, err);
}

int ax_alarms_load(struct ax_alarms *al, struct ax_rules **files, size_t n, int64_t now,
                   struct ax_err *err)
{
    struct change c = {.al = al, .files = files, .nfiles = n, .now = now};
    pthread_mutex_lock(&al->turn);
    int rc = load(&c, err);
    pthread_mutex_unlock(&al->turn);
    free_change(&c);
    return rc;
}
