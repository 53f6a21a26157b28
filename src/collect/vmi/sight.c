// SPDX-License-Identifier: Apache-2.0
#include "collect/vmi/sight.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void set_name(char out[128], struct ax_str name)
{
    snprintf(out, 128, "%.*s", AX_STR_ARG(ax_str_within(name, 127)));
}

/* ---- what the last round knew (with the lock) ---- */

static struct ax_sight_known *known(const struct ax_sight *s, struct ax_str handle)
{
    struct ax_str uuid = {handle.p + 3, handle.n - 3};
    for (size_t i = 0; ax_str_starts(handle, AX_STR("vm:")) && i < s->nknown; i++)
        if (ax_str_eq(ax_str(s->known[i].uuid), uuid))
            return &s->known[i];
    return NULL;
}

bool ax_sight_find(const struct ax_sight *s, struct ax_str handle, struct ax_sight_known *out)
{
    const struct ax_sight_known *k = known(s, handle);
    if (k)
        *out = *k;
    return k != NULL;
}

void ax_sight_learn(struct ax_sight *s, const struct ax_vm_brief *v, size_t n)
{
    s->known = ax_realloc(s->known, (n + 1) * sizeof *s->known);
    s->nknown = n;
    for (size_t i = 0; i < n; i++) {
        struct ax_sight_known *k = &s->known[i];
        *k = (struct ax_sight_known){.runs = v[i].runs, .paused = v[i].paused, .pid = v[i].pid};
        snprintf(k->uuid, sizeof k->uuid, "%.*s", AX_STR_ARG(v[i].uuid));
        set_name(k->name, v[i].name);
    }
}

void ax_sight_lifecycle(struct ax_sight *s, const struct ax_event *e)
{
    pthread_mutex_lock(&s->lock);
    struct ax_sight_known *k = known(s, e->handle);
    bool stops = ax_str_eq(e->what, AX_STR("suspended")),
         ends = ax_str_eq(e->what, AX_STR("stopped"));
    if (k && (stops || ends || ax_str_eq(e->what, AX_STR("resumed")))) {
        k->paused = stops;
        k->runs &= !ends;
        pthread_cond_broadcast(&s->wake);
    }
    pthread_mutex_unlock(&s->lock);
}

/* ---- the thread ---- */

static void rest(struct ax_sight *s, int64_t until_ns)
{
    struct timespec ts = {until_ns / 1000000000, until_ns % 1000000000};
    pthread_cond_timedwait(&s->wake, &s->lock, &ts);
}

/* Between two ticks a VM is looked at once more when that would tell of what is stuck. */
static bool is_hurry(const struct ax_sighted *w)
{
    return w->watch.due_ms && !w->hurried;
}

static void visit_due(struct ax_sight *s, bool all)
{
    int64_t now_ms = ax_sight_now_ms();
    for (size_t i = 0; i < s->n; i++) {
        struct ax_sighted *w = s->v[i];
        if (!all && !(is_hurry(w) && now_ms >= w->watch.due_ms))
            continue;
        w->hurried = !all;
        ax_sight_visit(s, w);
    }
}

static int64_t next_due_ns(const struct ax_sight *s, int64_t tick_ns)
{
    int64_t next = tick_ns;
    for (size_t i = 0; i < s->n; i++)
        if (is_hurry(s->v[i]) && s->v[i]->watch.due_ms < next / 1000000)
            next = s->v[i]->watch.due_ms * 1000000;
    return next;
}

static void *run(void *arg)
{
    struct ax_sight *s = arg;
    int64_t next_ns = ax_mono_ns();
    pthread_mutex_lock(&s->lock);
    while (!s->quit) {
        ax_sight_drop_ended(s);
        if (s->changed)
            ax_sight_add_new(s);
        s->changed = false;
        ax_sight_learn_states(s);
        pthread_mutex_unlock(&s->lock);
        bool due = ax_mono_ns() >= next_ns;
        visit_due(s, due);
        if (due)
            next_ns = ax_mono_ns() + s->o.tick_ms * 1000000;
        pthread_mutex_lock(&s->lock);
        if (!s->quit && !s->changed)
            rest(s, next_due_ns(s, next_ns));
    }
    ax_sight_drop_ended(s);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- the door ---- */

void ax_sight_renew(struct ax_sight *s, int64_t until_ns)
{
    pthread_mutex_lock(&s->lock);
    s->until_ns = until_ns;
    pthread_mutex_unlock(&s->lock);
}

void ax_sight_grant(struct ax_sight *s, const struct ax_sight_grant *v, size_t n, int64_t until_ns)
{
    pthread_mutex_lock(&s->lock);
    ax_arena_reset(&s->wanted_arena);
    s->wanted = AX_NEWS(&s->wanted_arena, struct ax_sight_grant, n + 1);
    s->nwanted = n;
    for (size_t i = 0; i < n; i++) {
        s->wanted[i] = v[i];
        s->wanted[i].handle = ax_arena_str(&s->wanted_arena, v[i].handle);
        s->wanted[i].standing = ax_arena_str(&s->wanted_arena, v[i].standing);
    }
    s->until_ns = until_ns;
    s->changed = true;
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

void ax_sight_counts(struct ax_sight *s, struct ax_arena *a, struct ax_sight_count **out, size_t *n)
{
    pthread_mutex_lock(&s->lock);
    struct ax_sight_count *v = AX_NEWS(a, struct ax_sight_count, s->n + s->nended + 1);
    size_t k = 0;
    for (size_t i = 0; i < s->nended; i++)
        v[k++] = (struct ax_sight_count){ax_arena_str(a, s->ended[i].standing),
                                         ax_arena_str(a, s->ended[i].ended), s->ended[i].polls};
    for (size_t i = 0; i < s->n; i++) {
        struct ax_sighted *w = s->v[i];
        if (w->counted)
            v[k++] = (struct ax_sight_count){ax_arena_str(a, ax_str(w->standing)), AX_STR_NULL,
                                             w->counted};
        w->counted = 0;
    }
    ax_arena_reset(&s->ended_arena);
    s->ended = NULL;
    s->nended = 0;
    pthread_mutex_unlock(&s->lock);
    *out = v;
    *n = k;
}

int ax_sight_new(struct ax_sight **out, const struct ax_sight_options *o, struct ax_err *err)
{
    struct ax_sight *s = ax_calloc(1, sizeof *s);
    pthread_condattr_t monotonic;
    s->o = *o;
    s->o.tick_ms = o->tick_ms ? o->tick_ms : 1000;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int rc = pthread_create(&s->thread, NULL, run, s);
    if (rc) {
        free(s);
        return ax_fail(err, -rc, "cannot start the thread that looks into VMs");
    }
    *out = s;
    return 0;
}

void ax_sight_end(struct ax_sight *s)
{
    pthread_mutex_lock(&s->lock);
    bool runs = !s->quit;
    s->quit = true;
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->lock);
    if (runs)
        pthread_join(s->thread, NULL);
}

void ax_sight_free(struct ax_sight *s)
{
    if (!s)
        return;
    ax_sight_end(s);
    ax_sight_forget_kept(s);
    ax_buf_free(&s->json);
    ax_arena_free(&s->wanted_arena);
    ax_arena_free(&s->ended_arena);
    free(s->v);
    free(s->known);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->wake);
    free(s);
}
