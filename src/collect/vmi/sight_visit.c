// SPDX-License-Identifier: Apache-2.0
/* One VM: what of it is read when, and what becomes of what was read. */
#include "base/log.h"
#include "collect/vmi/sight.h"

#include <errno.h>

#define TASKS_MS   10000
#define STORAGE_MS 30000
#define RETRY_MS   1000
#define RETRY_MAX  30000

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

void ax_sight_close_eye(struct ax_sight *s, struct ax_sighted *w)
{
    if (w->eye)
        s->o.eye.close(w->eye);
    w->eye = NULL;
}

static void fail(struct ax_sight *s, struct ax_sighted *w, const struct ax_err *err)
{
    static struct ax_log_limit limit;
    int64_t pause = RETRY_MS << (w->failures < 4 ? w->failures : 4);
    ax_sight_close_eye(s, w);
    count(s, &w->failed);
    if (w->failures == 0)
        ax_log_limited(&limit, 10, AX_LOG_WARN, "%s cannot be looked into: %s", w->name, err->text);
    w->failures++;
    w->retry_ms = ax_sight_now_ms() + (pause < RETRY_MAX ? pause : RETRY_MAX);
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
    g->at_ms[next] = ax_sight_now_ms();
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
    if (rc == 0 && (all || ax_watch_wants_storage(&vital) ||
                    is_due(&w->groups[AX_SIGHT_STORAGE], vital.now_ms, STORAGE_MS)))
        rc = read_group(s, w, AX_SIGHT_STORAGE, AX_PART_STORAGE, err);
    judge(s, w);
    return rc;
}

void ax_sight_visit(struct ax_sight *s, struct ax_sighted *w)
{
    struct ax_err err = {0};
    if (w->was_paused && !w->paused) {
        pthread_mutex_lock(&s->lock);
        ax_watch_paused(&w->watch);
        pthread_mutex_unlock(&s->lock);
    }
    w->was_paused = w->paused;
    if (!w->here || !w->runs) {
        ax_sight_close_eye(s, w);
        pthread_mutex_lock(&s->lock);
        w->watch = (struct ax_watch){0};
        pthread_mutex_unlock(&s->lock);
        w->retry_ms = 0;
        w->failures = 0;
        set_up(s, w, false);
        return;
    }
    bool up = attach(s, w, ax_sight_now_ms()) && look(s, w, &err) == 0;
    set_up(s, w, up);
    if (up)
        w->failures = 0;
    else if (err.code == -EAGAIN)
        count(s, &w->failed);
    else if (err.code)
        fail(s, w, &err);
}
