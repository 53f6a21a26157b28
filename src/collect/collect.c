// SPDX-License-Identifier: Apache-2.0
/* One round: every source in turn, each on its own account. */
#include "collect/collect.h"

#include "base/clock.h"
#include "base/json.h"
#include "collect/host/host.h"
#include "collect/libvirt/virt.h"
#include "collect/self.h"
#include "collect/vmi/sight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEADLINE_MAX_MS 10000
#define SOURCES_MAX     16

/* Why a source failed: the values of the label reason. */
static const char *const reasons[] = {"other", "timeout", "denied", "connection"};

struct source_state {
    const char *name;
    bool up;
    double seconds;
    uint64_t errors[AX_ARRAY_LEN(reasons)];
    char error[AX_ERR_TEXT];
};

struct ax_collector {
    struct ax_collect_options o;
    char *proc, *sys, *rootfs, *uri, *host_id, *host_name, *handle;
    struct ax_emitter emit;
    struct ax_emit_scope self;
    struct ax_host host;
    struct ax_virt_pool *libvirt;
    struct ax_virt_watch *watch;
    struct ax_vms *vms;
    uint64_t libvirt_timeouts;
    struct source_state sources[SOURCES_MAX];
    size_t nsources;
    void (*told)(void *self, const struct ax_event *e); /* who hears of events behind us */
    void *told_self;
};

static char *copy(struct ax_str s)
{
    char *p = ax_malloc(s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

static void copy_options(struct ax_collector *c, const struct ax_collect_options *o)
{
    c->o = *o;
    c->o.proc = c->proc = ax_strdup(o->proc ? o->proc : "/proc");
    c->o.sys = c->sys = ax_strdup(o->sys ? o->sys : "/sys");
    c->o.rootfs = c->rootfs = ax_strdup(o->rootfs ? o->rootfs : "/");
    c->o.libvirt_uri = c->uri = ax_strdup(o->libvirt_uri ? o->libvirt_uri : "");
    c->host_id = copy(o->host_id);
    c->host_name = copy(o->host_name);
    c->o.host_id = ax_str(c->host_id);
    c->o.host_name = ax_str(c->host_name);
    c->handle = ax_malloc(o->host_id.n + 6);
    memcpy(c->handle, "host:", 5);
    memcpy(c->handle + 5, c->host_id, o->host_id.n + 1);
}

static int64_t deadline_ms(const struct ax_collector *c)
{
    int64_t ms = c->o.interval_ms < DEADLINE_MAX_MS ? c->o.interval_ms : DEADLINE_MAX_MS;
    return ms * 8 / 10; /* the rest of the interval is for the round itself and the way out */
}

static void start_host(struct ax_collector *c)
{
    struct ax_label node[] = {{AX_STR("job"), AX_STR("node")},
                              {AX_STR("instance"), c->o.host_name},
                              {AX_STR("handle"), ax_str(c->handle)}};
    struct ax_label self[] = {{AX_STR("job"), AX_STR("auspex-host")},
                              {AX_STR("instance"), c->o.host_name},
                              {AX_STR("handle"), ax_str(c->handle)}};
    c->host = (struct ax_host){.proc = c->proc,
                               .sys = c->sys,
                               .rootfs = c->rootfs,
                               .emit = &c->emit,
                               .deadline_ms = deadline_ms(c) / 2};
    ax_scope_new(&c->emit, &c->host.scope, node, AX_ARRAY_LEN(node));
    ax_scope_new(&c->emit, &c->self, self, AX_ARRAY_LEN(self));
    for (size_t i = 0; i < ax_host_source_count; i++)
        c->sources[c->nsources++].name = ax_host_sources[i].name;
}

/* Whoever looks into VMs hears first that one was stopped. */
static void on_event(void *self, const struct ax_event *e)
{
    struct ax_collector *c = self;
    ax_sight_lifecycle(c->o.sight, e);
    if (c->told)
        c->told(c->told_self, e);
}

static void start_libvirt(struct ax_collector *c)
{
    if (!c->uri[0])
        return;
    c->vms = ax_vms_new(&(struct ax_vms_options){c->o.host_id, c->o.host_name, c->o.interval_ms});
    c->libvirt = ax_virt_pool_new();
    c->watch = ax_virt_watch_new(&c->o);
    c->sources[c->nsources++].name = "libvirt";
}

int ax_collector_new(struct ax_collector **out, const struct ax_collect_options *o,
                     struct ax_err *err)
{
    if (o->interval_ms < 100)
        return ax_fail(err, -EINVAL, "the interval is %lld ms (expected 100 ms or more)",
                       (long long)o->interval_ms);
    if (!o->host_id.n || !o->host_name.n)
        return ax_fail(err, -EINVAL, "the host's id and name must be given");
    struct ax_collector *c = ax_calloc(1, sizeof *c);
    copy_options(c, o);
    if (o->sight) {
        c->told = o->on_event;
        c->told_self = o->self;
        c->o.on_event = on_event;
        c->o.self = c;
    }
    start_host(c);
    start_libvirt(c);
    *out = c;
    return 0;
}

void ax_collector_free(struct ax_collector *c)
{
    if (!c)
        return;
    ax_virt_watch_free(c->watch);
    ax_virt_pool_free(c->libvirt);
    ax_vms_free(c->vms);
    ax_fs_worker_free(c->host.fs);
    ax_buf_free(&c->host.buf);
    ax_emitter_free(&c->emit);
    char *strings[] = {c->proc, c->sys, c->rootfs, c->uri, c->host_id, c->host_name, c->handle};
    for (size_t i = 0; i < AX_ARRAY_LEN(strings); i++)
        free(strings[i]);
    free(c);
}

/* ---- the sources ---- */

static size_t reason_of(int code)
{
    switch (code) {
    case -ETIMEDOUT: return 1;
    case -EACCES:
    case -EPERM: return 2;
    case -ENOTCONN: return 3;
    default: return 0;
    }
}

static void note(struct source_state *s, int rc, const struct ax_err *err, int64_t started_ns)
{
    s->seconds = (double)(ax_mono_ns() - started_ns) / 1e9;
    s->up = rc == 0 || rc == -ENOENT; /* what a machine does not have is no failure */
    s->errors[reason_of(rc)] += !s->up;
    memcpy(s->error, s->up ? "" : err->text, s->up ? 1 : sizeof s->error);
}

static void run_host(struct ax_collector *c)
{
    for (size_t i = 0; i < ax_host_source_count; i++) {
        struct ax_err err = {0};
        int64_t started = ax_mono_ns();
        int rc = ax_host_sources[i].collect(&c->host, &err);
        note(&c->sources[i], rc, &err, started);
    }
}

static void complete_kinds(const struct ax_collector *c, const struct ax_virt_snapshot *s,
                           struct ax_observation *o)
{
    if (!s)
        return;
    o->complete[AX_KIND_VM] = true;
    o->complete[AX_KIND_VOLUME] = ax_vms_volumes_known(c->vms);
    o->complete[AX_KIND_NETWORK] = o->complete[AX_KIND_POOL] = s->everything;
}

static void run_libvirt(struct ax_collector *c, int64_t now, struct ax_seen *seen,
                        struct ax_observation *o)
{
    if (!c->libvirt)
        return;
    struct source_state *state = &c->sources[ax_host_source_count];
    char uuid[AX_UUID_TEXT];
    while (ax_virt_watch_changed(c->watch, uuid))
        ax_vms_definition_changed(c->vms, uuid);
    struct ax_virt_question *q = ax_vms_question(c->vms, now);
    q->uri = ax_strdup(c->uri);
    q->proc = ax_strdup(c->proc);
    q->set_balloon_period = c->o.set_balloon_period;
    struct ax_err err = {0};
    int64_t started = ax_mono_ns();
    struct ax_virt_snapshot *s = ax_virt_ask(c->libvirt, q, deadline_ms(c), &err);
    bool late = !s && err.code == -ETIMEDOUT;
    c->libvirt_timeouts += late;
    note(state, s ? 0 : err.code, &err, started);
    ax_vms_round(c->vms, s, late, &c->emit, now, seen);
    complete_kinds(c, s, o);
    ax_virt_snapshot_free(s);
}

/* ---- about ourselves, and the host as a resource ---- */

static void emit_sources(struct ax_collector *c)
{
    for (size_t i = 0; i < c->nsources; i++) {
        const struct source_state *s = &c->sources[i];
        struct ax_str name = ax_str(s->name);
        ax_emit1(&c->emit, &c->self, "auspex_collector_up", "collector", name, s->up);
        ax_emit1(&c->emit, &c->self, "auspex_collector_duration_seconds", "collector", name,
                 s->seconds);
        for (size_t k = 0; k < AX_ARRAY_LEN(reasons); k++) {
            struct ax_label l[] = {{AX_STR("collector"), name},
                                   {AX_STR("reason"), ax_str(reasons[k])}};
            if (s->errors[k])
                ax_emit_with(&c->emit, &c->self, "auspex_collector_errors_total", l, 2,
                             (double)s->errors[k]);
        }
    }
    ax_emit1(&c->emit, &c->self, "auspex_collector_timeouts_total", "collector",
             AX_STR("filesystem"), (double)c->host.fs_timeouts);
    if (c->libvirt)
        ax_emit1(&c->emit, &c->self, "auspex_collector_timeouts_total", "collector",
                 AX_STR("libvirt"), (double)c->libvirt_timeouts);
    ax_emit(&c->emit, &c->self, "auspex_collector_refused_series_total", (double)c->emit.refused);
}

static void put_sources(const struct ax_collector *c, struct ax_json *j)
{
    ax_json_key(j, "collectors");
    ax_json_arr(j);
    for (size_t i = 0; i < c->nsources; i++) {
        ax_json_obj(j);
        ax_json_key(j, "name");
        ax_json_cstr(j, c->sources[i].name);
        ax_json_key(j, "up");
        ax_json_bool(j, c->sources[i].up);
        ax_json_key(j, "error");
        ax_json_cstr(j, c->sources[i].up ? NULL : c->sources[i].error);
        ax_json_end(j);
    }
    ax_json_end(j);
}

static void see_host(struct ax_collector *c, struct ax_seen *seen)
{
    struct ax_buf buf = {.max = 64u << 10};
    struct ax_json j = {.out = &buf};
    int64_t boot_ms = 0;
    ax_json_obj(&j);
    ax_self_machine(&c->host, &j, &boot_ms);
    put_sources(c, &j);
    ax_json_key(&j, "interval_seconds");
    ax_json_num(&j, (double)c->o.interval_ms / 1e3);
    ax_json_key(&j, "version");
    ax_json_cstr(&j, AX_VERSION);
    ax_self_findings(c->libvirt ? c->sources[ax_host_source_count].error : "", &c->host, &j);
    ax_json_end(&j);
    struct ax_resource r = {
        .handle = ax_arena_str(seen->arena, ax_str(c->handle)),
        .kind = AX_KIND_HOST,
        .name = ax_arena_str(seen->arena, c->o.host_name),
        .state = AX_STR("up"),
        .reason = AX_STR("reporting"),
        .since = boot_ms,
        .attributes = ax_arena_str(seen->arena, ax_buf_view(&buf)),
    };
    ax_buf_free(&buf);
    ax_seen_resource(seen, &r);
}

int ax_collector_round(struct ax_collector *c, int64_t now, struct ax_arena *a,
                       struct ax_round *out)
{
    struct ax_seen seen = {.arena = a};
    *out = (struct ax_round){.batch = {.arena = a},
                             .seen = {.time = now, .host = ax_arena_str(a, ax_str(c->handle))}};
    ax_emit_begin(&c->emit, &out->batch, now);
    run_host(c);
    run_libvirt(c, now, &seen, &out->seen);
    if (c->o.sight && c->vms) {
        struct ax_vm_brief *vms;
        size_t n = ax_vms_briefs(c->vms, a, &vms);
        ax_sight_round(c->o.sight, c->o.host_name, vms, n, &c->emit);
    }
    emit_sources(c);
    ax_self_process(&c->emit, &c->self, &c->host);
    ax_emit_end(&c->emit);
    see_host(c, &seen);
    out->seen.resources = seen.resources;
    out->seen.nresources = seen.nresources;
    out->seen.events = seen.events;
    out->seen.nevents = seen.nevents;
    int failed = 0;
    for (size_t i = 0; i < c->nsources; i++)
        failed += !c->sources[i].up;
    return failed;
}
