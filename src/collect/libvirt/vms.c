// SPDX-License-Identifier: Apache-2.0
/* All VMs of this host, remembered from round to round. */
#include "collect/libvirt/vm.h"

#include <libvirt/libvirt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEFINITION_MS 60000 /* a definition is read again after this, changed or not */
#define LATE_ROUNDS   3     /* so long a late libvirt's series live on */
#define BOOT_MS       60000
#define RARE_MS       30000 /* networks and pools */

struct ax_vms {
    struct ax_vms_options o;
    struct ax_str host; /* handle */
    char *strings;      /* host handle, id and name */
    struct ax_vm **v;
    size_t n, cap;
    uint64_t round;
    struct ax_emit_scope scope; /* of what is not one VM's */
    bool scoped;
    int64_t everything_at;
    unsigned missed; /* rounds without an answer, in a row */
};

struct ax_vms *ax_vms_new(const struct ax_vms_options *o)
{
    struct ax_vms *v = ax_calloc(1, sizeof *v);
    size_t size = 5 + o->host_id.n + o->host_name.n;
    char *p = v->strings = ax_malloc(size);
    memcpy(p, "host:", 5);
    memcpy(p + 5, o->host_id.p, o->host_id.n);
    memcpy(p + 5 + o->host_id.n, o->host_name.p, o->host_name.n);
    v->o = *o;
    v->host = (struct ax_str){p, 5 + o->host_id.n};
    v->o.host_id = (struct ax_str){p + 5, o->host_id.n};
    v->o.host_name = (struct ax_str){p + 5 + o->host_id.n, o->host_name.n};
    return v;
}

static void vm_free(struct ax_vm *vm)
{
    ax_arena_free(&vm->arena);
    ax_arena_free(&vm->volumes_arena);
    free(vm);
}

void ax_vms_free(struct ax_vms *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < v->n; i++)
        vm_free(v->v[i]);
    free(v->v);
    free(v->strings);
    free(v);
}

static struct ax_vm *find(const struct ax_vms *v, struct ax_str uuid)
{
    for (size_t i = 0; i < v->n; i++)
        if (ax_str_eq(ax_str(v->v[i]->uuid), uuid))
            return v->v[i];
    return NULL;
}

void ax_vms_definition_changed(struct ax_vms *v, const char *uuid)
{
    struct ax_vm *vm = find(v, ax_str(uuid));
    if (vm)
        vm->def_at = 0;
}

static bool is_path(const struct ax_domain_disk *d)
{
    return d->source.n && d->source.p[0] == '/' &&
           (ax_str_eq(d->type, AX_STR("file")) || ax_str_eq(d->type, AX_STR("block")));
}

static void ask_paths(struct ax_virt_question *q, const struct ax_vm *vm, size_t owner)
{
    for (size_t i = 0; vm->def && i < vm->def->ndisks; i++) {
        struct ax_str path = vm->def->disks[i].source;
        if (!is_path(&vm->def->disks[i]))
            continue;
        q->paths = ax_realloc(q->paths, (q->npaths + 1) * sizeof *q->paths);
        q->path_owner = ax_realloc(q->path_owner, (q->npaths + 1) * sizeof *q->path_owner);
        q->paths[q->npaths] = ax_strdup(path.p); /* arena strings end in NUL */
        q->path_owner[q->npaths++] = owner;
    }
}

struct ax_virt_question *ax_vms_question(const struct ax_vms *v, int64_t now)
{
    struct ax_virt_question *q = ax_calloc(1, sizeof *q);
    q->known = ax_calloc(v->n + 1, sizeof *q->known);
    q->everything = now - v->everything_at >= RARE_MS;
    for (size_t i = 0; i < v->n; i++) {
        const struct ax_vm *vm = v->v[i];
        struct ax_virt_known *k = &q->known[q->nknown];
        memcpy(k->uuid, vm->uuid, sizeof k->uuid);
        k->id = vm->id;
        k->pid = vm->pid;
        k->definition = vm->def_at && now - vm->def_at < DEFINITION_MS;
        ask_paths(q, vm, q->nknown++);
    }
    return q;
}

static bool has_memory(int state)
{
    return state == VIR_DOMAIN_RUNNING || state == VIR_DOMAIN_BLOCKED ||
           state == VIR_DOMAIN_PAUSED || state == VIR_DOMAIN_CRASHED ||
           state == VIR_DOMAIN_SHUTDOWN;
}

size_t ax_vms_briefs(const struct ax_vms *v, struct ax_arena *a, struct ax_vm_brief **out)
{
    *out = AX_NEWS(a, struct ax_vm_brief, v->n + 1);
    for (size_t i = 0; i < v->n; i++) {
        const struct ax_vm *vm = v->v[i];
        (*out)[i] = (struct ax_vm_brief){.uuid = ax_arena_str(a, ax_str(vm->uuid)),
                                         .name = ax_arena_str(a, vm->name),
                                         .runs = vm->id >= 0 && has_memory(vm->state),
                                         .paused = vm->state == VIR_DOMAIN_PAUSED ||
                                                   vm->state == VIR_DOMAIN_CRASHED,
                                         .pid = vm->pid > 0 ? vm->pid : 0};
    }
    return v->n;
}

/* ---- what is remembered ---- */

static struct ax_vm *vm_new(struct ax_vms *v, const struct ax_virt_record *r, int64_t now)
{
    if (v->n == v->cap) {
        v->cap = v->cap ? v->cap * 2 : 16;
        v->v = ax_realloc(v->v, v->cap * sizeof *v->v);
    }
    struct ax_vm *vm = v->v[v->n++] = ax_calloc(1, sizeof *vm);
    size_t n = r->uuid.n < sizeof vm->uuid ? r->uuid.n : sizeof vm->uuid - 1;
    memcpy(vm->uuid, r->uuid.p, n);
    vm->id = -2; /* unlike any */
    vm->last_update = vm->maximum_bytes = vm->vcpus = NAN;
    vm->memory = (struct ax_vm_memory){NAN, NAN, NAN, NAN, true};
    vm->since = now;
    return vm;
}

static void make_scopes(const struct ax_vms *v, struct ax_vm *vm, struct ax_emitter *e)
{
    struct ax_str uuid = ax_str(vm->uuid);
    struct ax_label domain[] = {
        {AX_STR("job"), AX_STR("libvirt")},
        {AX_STR("instance"), v->o.host_name},
        {AX_STR("handle"), vm->handle},
        {AX_STR("domain"), vm->name},
        {AX_STR("uuid"), uuid},
    };
    struct ax_label neutral[] = {
        {AX_STR("job"), AX_STR("libvirt")},
        {AX_STR("instance"), v->o.host_name},
        {AX_STR("handle"), vm->handle},
        {AX_STR("vm"), vm->name},
        {AX_STR("vm_uuid"), uuid},
        {AX_STR("host"), v->o.host_name},
        {AX_STR("hypervisor"), AX_STR("libvirt")},
    };
    ax_scope_new(e, &vm->libvirt, domain, AX_ARRAY_LEN(domain));
    ax_scope_new(e, &vm->neutral, neutral, AX_ARRAY_LEN(neutral));
}

/* Takes name and definition into a fresh arena. Series keep their identity unless the name changed.
 */
static void learn_definition(const struct ax_vms *v, struct ax_vm *vm,
                             const struct ax_virt_record *r, struct ax_emitter *e, int64_t now)
{
    bool renamed = !ax_str_eq(vm->name, r->name);
    if (!r->xml.n && !renamed)
        return;
    struct ax_arena old = vm->arena;
    struct ax_domain_def *def;
    vm->arena = (struct ax_arena)AX_ARENA_INIT;
    vm->name = ax_arena_str(&vm->arena, r->name);
    vm->handle = ax_arena_printf(&vm->arena, "vm:%s", vm->uuid);
    def = AX_NEW(&vm->arena, struct ax_domain_def);
    bool ok = r->xml.n && ax_domain_xml_parse(r->xml, &vm->arena, def, NULL) == 0;
    vm->def = ok ? def : NULL;
    vm->def_at = ok ? now : 0;
    if (renamed) {
        make_scopes(v, vm, e);
    } else { /* the same labels in their new place */
        vm->libvirt.v[2].value = vm->neutral.v[2].value = vm->handle;
        vm->libvirt.v[3].value = vm->neutral.v[3].value = vm->name;
    }
    ax_arena_free(&old);
}

static void learn_volumes(struct ax_vm *vm, const struct ax_virt_record *r)
{
    vm->volumes_known = r->volumes != NULL;
    if (!r->volumes)
        return;
    ax_arena_reset(&vm->volumes_arena);
    vm->volumes = AX_NEWS(&vm->volumes_arena, struct ax_virt_volume, r->nvolumes);
    vm->nvolumes = r->nvolumes;
    for (size_t i = 0; i < r->nvolumes; i++) {
        vm->volumes[i] = r->volumes[i];
        vm->volumes[i].path = ax_arena_str(&vm->volumes_arena, r->volumes[i].path);
    }
}

/* States and reasons are small numbers; what is none counts as 0, "no state". */
static int small_number(double v)
{
    return v >= 0 && v < 1000 ? (int)v : 0;
}

static void learn_state(struct ax_vm *vm, const struct ax_vm_stats *s,
                        const struct ax_virt_record *r, int64_t now)
{
    bool first = vm->id == -2;
    int state = small_number(s->state), reason = small_number(s->reason);
    if (r->process_start)
        vm->process_start = r->process_start;
    else if (vm->id != r->id)
        vm->process_start = 0;
    bool booted = state == VIR_DOMAIN_RUNNING && reason == VIR_DOMAIN_RUNNING_BOOTED;
    if (first || state != vm->state || reason != vm->reason || vm->id != r->id)
        vm->since = booted && vm->process_start ? vm->process_start : now;
    vm->booting = booted && now - vm->since < BOOT_MS;
    vm->state = state;
    vm->reason = reason;
    vm->id = r->id;
    vm->pid = r->pid;
}

/* A running domain always gives the size of its process with a monitor at hand; where that lacks
 * beside a balloon, the monitor was busy or stuck (NOWAIT). Drivers without balloon numbers (the
 * test driver) never time out. */
static bool monitor_missing(const struct ax_vm *vm, const struct ax_vm_stats *s)
{
    return vm->id >= 0 && !isnan(s->current) && isnan(s->rss);
}

static void learn(struct ax_vms *v, struct ax_vm *vm, const struct ax_vm_stats *s,
                  const struct ax_virt_record *r, struct ax_emitter *e, int64_t now)
{
    learn_definition(v, vm, r, e, now);
    learn_volumes(vm, r);
    learn_state(vm, s, r, now);
    vm->timed_out = monitor_missing(vm, s);
    if (!vm->timed_out || vm->id < 0)
        vm->last_update = s->last_update;
    if (!isnan(s->vcpu_current))
        vm->vcpus = s->vcpu_current;
    if (!isnan(s->maximum))
        vm->maximum_bytes = s->maximum * 1024;
    vm->memory = ax_vm_memory_read(s, vm->last_update, vm->def ? vm->def->balloon_period : 0,
                                   v->o.interval_ms, now);
    vm->round = v->round;
}

static void forget_gone(struct ax_vms *v)
{
    size_t n = 0;
    for (size_t i = 0; i < v->n; i++) {
        if (v->v[i]->round == v->round)
            v->v[n++] = v->v[i];
        else
            vm_free(v->v[i]);
    }
    v->n = n;
}

/* ---- a round ---- */

static void emit_totals(const struct ax_vms *v, const struct ax_virt_snapshot *s,
                        struct ax_emitter *e)
{
    double timed_out = 0, running = 0;
    for (size_t i = 0; i < v->n; i++) {
        timed_out += v->v[i]->timed_out;
        running += v->v[i]->state == VIR_DOMAIN_RUNNING;
    }
    ax_emit(e, &v->scope, "libvirt_up", s != NULL);
    ax_emit(e, &v->scope, "libvirt_domains_timed_out", timed_out);
    if (!s)
        return;
    ax_emit(e, &v->scope, "libvirt_domains", (double)v->n);
    ax_emit(e, &v->scope, "libvirt_domains_number", (double)v->n);
    ax_emit(e, &v->scope, "libvirt_domains_running", running);
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_label versions[] = {
        {AX_STR("libvirtd_running"), ax_arena_printf(&a, "%lu.%lu.%lu", s->library / 1000000,
                                                     s->library / 1000 % 1000, s->library % 1000)},
        {AX_STR("hypervisor_running"),
         ax_arena_printf(&a, "%lu.%lu.%lu", s->hypervisor / 1000000, s->hypervisor / 1000 % 1000,
                         s->hypervisor % 1000)},
    };
    ax_emit_with(e, &v->scope, "libvirt_versions_info", versions, 2, 1);
    ax_arena_free(&a);
}

static void emit_pools(const struct ax_vms *v, const struct ax_virt_snapshot *s,
                       struct ax_emitter *e)
{
    for (size_t i = 0; i < s->nnets; i++) {
        const struct ax_virt_network *p = &s->nets[i];
        if (!p->pool)
            continue;
        ax_emit1(e, &v->scope, "libvirt_pool_info_capacity_bytes", "pool", p->name, p->capacity);
        ax_emit1(e, &v->scope, "libvirt_pool_info_allocation_bytes", "pool", p->name,
                 p->allocation);
        ax_emit1(e, &v->scope, "libvirt_pool_info_available_bytes", "pool", p->name, p->available);
    }
}

static void hold(const struct ax_vm *vm, struct ax_emitter *e)
{
    ax_emit_hold(e, &vm->libvirt);
    ax_emit_hold(e, &vm->neutral);
}

static void with_snapshot(struct ax_vms *v, const struct ax_virt_snapshot *s, struct ax_emitter *e,
                          int64_t now, struct ax_seen *seen)
{
    struct ax_vm_stats *stats = AX_NEW(seen->arena, struct ax_vm_stats);
    v->missed = 0;
    for (size_t i = 0; i < s->nvms; i++) {
        const struct ax_virt_record *r = &s->vms[i];
        struct ax_vm *vm = find(v, r->uuid);
        if (!vm)
            vm = vm_new(v, r, now);
        ax_vm_stats_read(r->params, r->nparams, stats);
        learn(v, vm, stats, r, e, now);
        ax_vm_emit(vm, stats, r, e);
        if (vm->timed_out && !vm->memory.silent)
            hold(vm, e); /* its monitor is busy; what it said last is young enough */
        ax_vm_oom_suspected(vm, stats, now, v->o.interval_ms, seen);
        ax_vm_resource(vm, v->host, seen);
        ax_volume_resources(vm, v->o.host_id, v->host, stats, seen);
    }
    forget_gone(v);
    for (size_t i = 0; i < s->nnets; i++)
        ax_network_resource(&s->nets[i], v->host, seen);
    if (s->everything)
        v->everything_at = now;
}

static void without_snapshot(struct ax_vms *v, bool late, struct ax_emitter *e, int64_t now,
                             struct ax_seen *seen)
{
    v->missed++;
    for (size_t i = 0; i < v->n; i++) {
        struct ax_vm *vm = v->v[i];
        vm->timed_out = true;
        ax_emit(e, &vm->libvirt, "libvirt_domain_timed_out", 1);
        if (vm->id >= 0 && vm->last_update > 0)
            ax_emit1(e, &vm->neutral, "vm_memory_age_seconds", "source", AX_STR("balloon"),
                     (double)now / 1e3 - vm->last_update);
        if (late && v->missed <= LATE_ROUNDS)
            hold(vm, e);
        ax_vm_resource(vm, v->host, seen);
    }
}

bool ax_vms_volumes_known(const struct ax_vms *v)
{
    for (size_t i = 0; i < v->n; i++)
        if (!v->v[i]->volumes_known || !v->v[i]->def)
            return false;
    return true;
}

void ax_vms_round(struct ax_vms *v, const struct ax_virt_snapshot *s, bool late,
                  struct ax_emitter *e, int64_t now, struct ax_seen *seen)
{
    if (!v->scoped) {
        struct ax_label l[] = {{AX_STR("job"), AX_STR("libvirt")},
                               {AX_STR("instance"), v->o.host_name},
                               {AX_STR("handle"), v->host}};
        ax_scope_new(e, &v->scope, l, AX_ARRAY_LEN(l));
        v->scoped = true;
    }
    v->round++;
    if (s)
        with_snapshot(v, s, e, now, seen);
    else
        without_snapshot(v, late, e, now, seen);
    emit_totals(v, s, e);
    if (s)
        emit_pools(v, s, e);
}
