// SPDX-License-Identifier: Apache-2.0
/* The VMs that are looked into: as they are granted, and as the hypervisor has them. With the lock.
 */
#include "collect/vmi/sight.h"

#include <stdlib.h>

static char *copy(struct ax_str s)
{
    char *p = ax_malloc(s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

static void free_sighted(struct ax_sight *s, struct ax_sighted *w)
{
    ax_sight_close_eye(s, w);
    for (int g = 0; g < AX_SIGHT_GROUPS; g++)
        for (int i = 0; i < 3; i++)
            ax_arena_free(&w->groups[g].arena[i]);
    free(w->handle);
    free(w->standing);
    free(w);
}

static void note_ended(struct ax_sight *s, const struct ax_sighted *w, const char *why)
{
    size_t size = sizeof *s->ended;
    s->ended = ax_arena_grow(&s->ended_arena, s->ended, s->nended * size, (s->nended + 1) * size);
    s->ended[s->nended++] =
        (struct ax_sight_count){ax_arena_str(&s->ended_arena, ax_str(w->standing)),
                                ax_arena_str(&s->ended_arena, ax_str(why)), w->counted};
}

static const struct ax_sight_grant *grant_of(const struct ax_sight *s, const struct ax_sighted *w)
{
    for (size_t i = 0; i < s->nwanted; i++)
        if (ax_str_eq(ax_str(w->handle), s->wanted[i].handle))
            return &s->wanted[i];
    return NULL;
}

/* NULL: it goes on. */
static const char *why_not(const struct ax_sight *s, const struct ax_sight_grant *g, int64_t now)
{
    if (s->quit)
        return "the collector ended";
    if (ax_mono_ns() > s->until_ns)
        return "the server could not be reached";
    if (!g)
        return "the grant has ended, or the VM does not run";
    return g->expires && now >= g->expires ? "the grant has expired" : NULL;
}

static void replace(char **text, struct ax_str by)
{
    free(*text);
    *text = copy(by);
}

/* Another grant for the same VM: one collection ends, the next begins. Its series go on. */
static void take_over(struct ax_sight *s, struct ax_sighted *w, const struct ax_sight_grant *g)
{
    w->expires = g->expires;
    if (w->standing && w->scope == g->scope && ax_str_eq(ax_str(w->standing), g->standing))
        return;
    if (w->standing) {
        note_ended(s, w, "another grant took its place");
        w->counted = 0;
    }
    replace(&w->standing, g->standing);
    if (w->scope == g->scope)
        return;
    ax_sight_close_eye(s, w);
    w->scope = g->scope;
    w->groups[AX_SIGHT_TASKS].n = w->groups[AX_SIGHT_STORAGE].n = 0;
}

void ax_sight_drop_ended(struct ax_sight *s)
{
    int64_t now = ax_now_ms();
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct ax_sighted *w = s->v[i];
        const struct ax_sight_grant *g = grant_of(s, w);
        const char *why = why_not(s, g, now);
        if (why) {
            note_ended(s, w, why);
            free_sighted(s, w);
        } else {
            take_over(s, w, g);
            s->v[n++] = w;
        }
    }
    s->n = n;
}

static bool is_watched(const struct ax_sight *s, const struct ax_sight_grant *g)
{
    for (size_t i = 0; i < s->n; i++)
        if (ax_str_eq(ax_str(s->v[i]->handle), g->handle))
            return true;
    return false;
}

void ax_sight_add_new(struct ax_sight *s)
{
    int64_t now = ax_now_ms();
    for (size_t i = 0; i < s->nwanted && s->n < AX_SIGHT_VMS; i++) {
        const struct ax_sight_grant *g = &s->wanted[i];
        if (g->scope == AX_SCOPE_NONE || !ax_str_starts(g->handle, AX_STR("vm:")) ||
            is_watched(s, g) || why_not(s, g, now))
            continue;
        struct ax_sighted *w = ax_calloc(1, sizeof *w);
        w->handle = copy(g->handle);
        w->scope = g->scope;
        take_over(s, w, g);
        s->v = ax_realloc(s->v, (s->n + 1) * sizeof *s->v);
        s->v[s->n++] = w;
    }
}

void ax_sight_learn_states(struct ax_sight *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct ax_sighted *w = s->v[i];
        struct ax_sight_known k;
        w->here = ax_sight_find(s, ax_str(w->handle), &k);
        if (!w->here)
            continue;
        if (w->pid != k.pid && w->pid && k.pid) { /* another QEMU: another memory */
            ax_sight_close_eye(s, w);
            w->watch = (struct ax_watch){0};
        }
        w->runs = k.runs;
        w->paused = k.paused;
        w->pid = k.pid ? k.pid : w->pid; /* of one that is off, what it was */
        memcpy(w->name, k.name, sizeof w->name);
    }
}
