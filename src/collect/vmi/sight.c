// SPDX-License-Identifier: Apache-2.0
#include "collect/vmi/sight.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TASKS_MS   10000
#define STORAGE_MS 30000
#define RETRY_MS   1000
#define RETRY_MAX  30000

static int64_t mono_ms(void)
{
    return ax_mono_ns() / 1000000;
}

static char *copy(struct ax_str s)
{
    char *p = ax_malloc(s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

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

/* ---- one VM ---- */

/* The round reads these, too. */
static void count(struct ax_sight *s, uint64_t *counter)
{
    pthread_mutex_lock(&s->lock);
    ++*counter;
    pthread_mutex_unlock(&s->lock);
}

static void set_up(struct ax_sight *s, struct ax_sighted *w, bool up)
{
    pthread_mutex_lock(&s->lock);
    w->up = up;
    pthread_mutex_unlock(&s->lock);
}

static void close_eye(struct ax_sight *s, struct ax_sighted *w)
{
    if (w->eye)
        s->o.eye.close(w->eye);
    w->eye = NULL;
}

static void free_sighted(struct ax_sight *s, struct ax_sighted *w)
{
    close_eye(s, w);
    for (int g = 0; g < AX_SIGHT_GROUPS; g++)
        for (int i = 0; i < 3; i++)
            ax_arena_free(&w->groups[g].arena[i]);
    free(w->handle);
    free(w->standing);
    free(w);
}

static void fail(struct ax_sight *s, struct ax_sighted *w, const struct ax_err *err)
{
    static struct ax_log_limit limit;
    int64_t pause = RETRY_MS << (w->failures < 4 ? w->failures : 4);
    close_eye(s, w);
    count(s, &w->failed);
    if (w->failures == 0)
        ax_log_limited(&limit, 10, AX_LOG_WARN, "%s cannot be looked into: %s", w->name, err->text);
    w->failures++;
    w->retry_ms = mono_ms() + (pause < RETRY_MAX ? pause : RETRY_MAX);
}

static bool attach(struct ax_sight *s, struct ax_sighted *w, int64_t now_ms)
{
    struct ax_sight_vm vm = {.uuid = ax_str(w->handle + 3), .pid = w->pid};
    struct ax_err err = {0};
    if (w->eye)
        return true;
    if (now_ms < w->retry_ms)
        return false;
    if (s->o.eye.open(s->o.eye.ctx, &vm, w->scope, &w->eye, &err) < 0) {
        w->eye = NULL;
        fail(s, w, &err);
        return false;
    }
    count(s, &w->attached);
    return true;
}

static void publish(struct ax_sight *s, struct ax_sighted *w, struct ax_sight_readings *g, int next)
{
    pthread_mutex_lock(&s->lock);
    g->now = next;
    g->n += g->n < 2;
    g->fresh = true;
    w->polls++;
    w->counted++;
    pthread_mutex_unlock(&s->lock);
}

/* A part that the kernel does not offer takes nothing from the others. */
static int read_group(struct ax_sight *s, struct ax_sighted *w, enum ax_sight_group group,
                      unsigned parts, struct ax_err *err)
{
    struct ax_sight_readings *g = &w->groups[group];
    int next = g->n ? (g->now + 1) % 3 : 0;
    ax_arena_reset(&g->arena[next]);
    g->v[next] = (struct ax_reading){0};
    ax_buf_clear(&s->json);
    int rc = s->o.eye.ask(w->eye, parts, &s->json, err);
    if (rc == 0)
        rc = ax_sight_parse(ax_buf_view(&s->json), &g->arena[next], &g->v[next], err);
    if (rc < 0)
        return rc;
    g->at_ms[next] = mono_ms();
    publish(s, w, g, next);
    return 0;
}

static struct ax_look look_at(const struct ax_sight_readings *g)
{
    int before = (g->now + 2) % 3;
    return (struct ax_look){.now = g->n ? &g->v[g->now] : NULL,
                            .before = g->n > 1 ? &g->v[before] : NULL,
                            .now_ms = g->at_ms[g->now],
                            .before_ms = g->at_ms[before],
                            .fresh = g->fresh};
}

static bool is_due(const struct ax_sight_readings *g, int64_t now_ms, int64_t every_ms)
{
    return g->n == 0 || now_ms - g->at_ms[g->now] >= every_ms;
}

static void tell(struct ax_sight *s, const struct ax_sighted *w, const struct ax_sign *sign,
                 struct ax_arena *a)
{
    struct ax_event e = {.time = ax_now_ms(),
                         .handle = ax_str(w->handle),
                         .type = AX_STR("guest"),
                         .what = ax_str(sign->what),
                         .detail = ax_str(sign->detail),
                         .severity = ax_str(sign->severity),
                         .text = ax_arena_printf(a, "%s %.*s", w->name, AX_STR_ARG(sign->text))};
    if (s->o.on_event)
        s->o.on_event(s->o.self, &e);
}

static void judge(struct ax_sight *s, struct ax_sighted *w)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_sign signs[AX_SIGNS];
    struct ax_looks l = {.vital = look_at(&w->groups[AX_SIGHT_VITAL]),
                         .tasks = look_at(&w->groups[AX_SIGHT_TASKS]),
                         .storage = look_at(&w->groups[AX_SIGHT_STORAGE]),
                         .running = w->runs && !w->paused};
    pthread_mutex_lock(&s->lock); /* the round reads what is told of the VM */
    size_t n = ax_watch_step(&w->watch, &l, &a, signs);
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < n; i++)
        tell(s, w, &signs[i], &a);
    for (int g = 0; g < AX_SIGHT_GROUPS; g++)
        w->groups[g].fresh = false;
    ax_arena_free(&a);
}

static unsigned task_parts(const struct ax_sighted *w, bool all)
{
    return AX_PART_NETWORK | (w->scope >= AX_SCOPE_PROCESSES ? AX_PART_PROCESSES : 0) |
           (all && w->scope >= AX_SCOPE_DIAGNOSIS ? AX_PART_LOG | AX_PART_STACKS : 0);
}

static int look(struct ax_sight *s, struct ax_sighted *w, struct ax_err *err)
{
    int rc = read_group(s, w, AX_SIGHT_VITAL, AX_PART_SYSTEM | AX_PART_MEMORY, err);
    struct ax_look vital = look_at(&w->groups[AX_SIGHT_VITAL]);
    if (rc == 0 && !(vital.now->parts & AX_PART_SYSTEM))
        rc = ax_fail(err, -EAGAIN, "its vital signs could not be read");
    if (rc < 0)
        return rc;
    bool all = ax_watch_wants_all(&w->watch, &vital);
    if (all || is_due(&w->groups[AX_SIGHT_TASKS], vital.now_ms, TASKS_MS))
        rc = read_group(s, w, AX_SIGHT_TASKS, task_parts(w, all), err);
    if (rc == 0 && (all || is_due(&w->groups[AX_SIGHT_STORAGE], vital.now_ms, STORAGE_MS)))
        rc = read_group(s, w, AX_SIGHT_STORAGE, AX_PART_STORAGE, err);
    judge(s, w);
    return rc;
}

/* A worker that fails now and then is not the end of looking: it is the inspector's to begin anew.
 */
static void visit(struct ax_sight *s, struct ax_sighted *w)
{
    struct ax_err err = {0};
    if (w->was_paused && !w->paused) {
        pthread_mutex_lock(&s->lock);
        ax_watch_paused(&w->watch);
        pthread_mutex_unlock(&s->lock);
    }
    w->was_paused = w->paused;
    if (!w->here || !w->runs) {
        close_eye(s, w);
        pthread_mutex_lock(&s->lock);
        w->watch = (struct ax_watch){0};
        pthread_mutex_unlock(&s->lock);
        w->retry_ms = 0;
        w->failures = 0;
        set_up(s, w, false);
        return;
    }
    bool up = attach(s, w, mono_ms()) && look(s, w, &err) == 0;
    set_up(s, w, up);
    if (up)
        w->failures = 0;
    else if (err.code == -EAGAIN)
        count(s, &w->failed);
    else if (err.code)
        fail(s, w, &err);
}

/* ---- the list (with the lock) ---- */

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
    close_eye(s, w);
    w->scope = g->scope;
    w->groups[AX_SIGHT_TASKS].n = w->groups[AX_SIGHT_STORAGE].n = 0;
}

static void drop_ended(struct ax_sight *s)
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

static void add_new(struct ax_sight *s)
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

static void learn_states(struct ax_sight *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct ax_sighted *w = s->v[i];
        struct ax_sight_known k;
        w->here = ax_sight_find(s, ax_str(w->handle), &k);
        if (!w->here)
            continue;
        if (w->pid != k.pid && w->pid && k.pid) { /* another QEMU: another memory */
            close_eye(s, w);
            w->watch = (struct ax_watch){0};
        }
        w->runs = k.runs;
        w->paused = k.paused;
        w->pid = k.pid ? k.pid : w->pid; /* of one that is off, what it was */
        memcpy(w->name, k.name, sizeof w->name);
    }
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
    int64_t now_ms = mono_ms();
    for (size_t i = 0; i < s->n; i++) {
        struct ax_sighted *w = s->v[i];
        if (!all && !(is_hurry(w) && now_ms >= w->watch.due_ms))
            continue;
        w->hurried = !all;
        visit(s, w);
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
        drop_ended(s);
        if (s->changed)
            add_new(s);
        s->changed = false;
        learn_states(s);
        pthread_mutex_unlock(&s->lock);
        bool due = ax_mono_ns() >= next_ns;
        visit_due(s, due);
        if (due)
            next_ns = ax_mono_ns() + s->o.tick_ms * 1000000;
        pthread_mutex_lock(&s->lock);
        if (!s->quit && !s->changed)
            rest(s, next_due_ns(s, next_ns));
    }
    drop_ended(s);
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
