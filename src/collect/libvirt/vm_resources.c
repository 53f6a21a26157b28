// SPDX-License-Identifier: Apache-2.0
/* VMs, their volumes, networks and pools as resources, with what stands in the way of seeing them.
 */
#include "collect/libvirt/vm.h"

#include "base/json.h"
#include "base/map.h"

#include <math.h>
#include <string.h>

void ax_seen_resource(struct ax_seen *s, const struct ax_resource *r)
{
    if (s->nresources == s->capresources) {
        size_t cap = s->capresources ? s->capresources * 2 : 32;
        s->resources =
            ax_arena_grow(s->arena, s->resources, s->capresources * sizeof *r, cap * sizeof *r);
        s->capresources = cap;
    }
    s->resources[s->nresources++] = *r;
}

void ax_seen_event(struct ax_seen *s, const struct ax_event *e)
{
    if (s->nevents == s->capevents) {
        size_t cap = s->capevents ? s->capevents * 2 : 8;
        s->events = ax_arena_grow(s->arena, s->events, s->capevents * sizeof *e, cap * sizeof *e);
        s->capevents = cap;
    }
    s->events[s->nevents++] = *e;
}

static void put_finding(struct ax_json *j, const char *level, const char *code, const char *text,
                        struct ax_str remedy)
{
    ax_json_obj(j);
    ax_json_key(j, "level");
    ax_json_cstr(j, level);
    ax_json_key(j, "code");
    ax_json_cstr(j, code);
    ax_json_key(j, "text");
    ax_json_cstr(j, text);
    ax_json_key(j, "remedy");
    ax_json_str(j, remedy);
    ax_json_end(j);
}

static void balloon_findings(const struct ax_vm *vm, struct ax_json *j, struct ax_arena *a)
{
    if (!vm->def->balloon) {
        put_finding(j, "warn", "balloon-none",
                    "it has no memory balloon: its memory can't be seen from outside",
                    AX_STR("add <memballoon model='virtio'/> to the domain and restart it"));
        return;
    }
    if (vm->def->balloon_period == 0) {
        put_finding(j, "warn", "balloon-period",
                    "its balloon is not asked for statistics: the guest's memory is not seen",
                    ax_arena_printf(a, "virsh dommemstat '%.*s' --period 5 --live --config",
                                    AX_STR_ARG(vm->name)));
        return;
    }
    if (vm->timed_out || vm->booting || !vm->memory.silent)
        return;
    if (isnan(vm->memory.age))
        put_finding(j, "warn", "balloon-driver",
                    "the guest's balloon driver has never answered: it is not loaded",
                    AX_STR("load virtio_balloon in the guest"));
    else
        put_finding(j, "warn", "balloon-silent",
                    "the guest's balloon driver stopped answering: the guest may hang",
                    AX_STR("look at the guest's console; if it hangs, reset it"));
}

static void findings(const struct ax_vm *vm, struct ax_json *j, struct ax_arena *a)
{
    ax_json_key(j, "findings");
    ax_json_arr(j);
    if (vm->timed_out)
        put_finding(j, "warn", "monitor",
                    "its monitor did not answer in time: what is shown is the last known",
                    AX_STR("see whether a job runs on it: virsh domjobinfo"));
    if (vm->def && vm->id >= 0) {
        balloon_findings(vm, j, a);
        if (ax_str_eq(vm->def->agent, AX_STR("none")))
            put_finding(j, "info", "agent-none", "it has no channel for the QEMU guest agent",
                        AX_STR("add the channel org.qemu.guest_agent.0 and install "
                               "qemu-guest-agent in the guest"));
        else if (ax_str_eq(vm->def->agent, AX_STR("disconnected")))
            put_finding(j, "info", "agent-disconnected",
                        "the QEMU guest agent does not run in the guest",
                        AX_STR("install and start qemu-guest-agent in the guest"));
    }
    ax_json_end(j);
}

static struct ax_str attributes(const struct ax_vm *vm, struct ax_arena *a)
{
    struct ax_buf b = {.max = 64u << 10};
    struct ax_json j = {.out = &b};
    ax_json_obj(&j);
    ax_json_key(&j, "uuid");
    ax_json_cstr(&j, vm->uuid);
    ax_json_key(&j, "hypervisor");
    ax_json_cstr(&j, "libvirt");
    ax_json_key(&j, "vcpus");
    ax_json_num(&j, vm->vcpus);
    ax_json_key(&j, "memory_bytes");
    ax_json_num(&j, vm->maximum_bytes);
    if (vm->def) {
        ax_json_key(&j, "type");
        ax_json_str(&j, vm->def->type);
        ax_json_key(&j, "balloon_period_seconds");
        ax_json_int(&j, vm->def->balloon_period);
        ax_json_key(&j, "guest_agent");
        ax_json_str(&j, vm->def->agent);
        ax_json_key(&j, "disks");
        ax_json_int(&j, (int64_t)vm->def->ndisks);
        ax_json_key(&j, "interfaces");
        ax_json_int(&j, (int64_t)vm->def->nnics);
    }
    ax_json_key(&j, "balloon_driver");
    if (vm->timed_out || vm->id < 0)
        ax_json_null(&j);
    else
        ax_json_bool(&j, !vm->memory.silent);
    findings(vm, &j, a);
    ax_json_end(&j);
    struct ax_str s = ax_arena_str(a, ax_buf_view(&b));
    ax_buf_free(&b);
    return s;
}

void ax_vm_resource(const struct ax_vm *vm, struct ax_str host, struct ax_seen *seen)
{
    struct ax_resource r = {
        .handle = ax_arena_str(seen->arena, vm->handle),
        .kind = AX_KIND_VM,
        .name = ax_arena_str(seen->arena, vm->name),
        .host = host,
        .state = ax_virt_state(vm->state),
        .reason = ax_virt_reason(vm->state, vm->reason),
        .since = vm->since,
        .attributes = attributes(vm, seen->arena),
    };
    ax_seen_resource(seen, &r);
}

/* A path may be used again for another file: inode and birth time tell the one from the other. */
static struct ax_str volume_handle(const struct ax_virt_volume *v, struct ax_str host_id,
                                   struct ax_arena *a)
{
    struct ax_str key = ax_arena_printf(a, "%.*s|%.*s|%llu|%llu|%lld", AX_STR_ARG(host_id),
                                        AX_STR_ARG(v->path), (unsigned long long)v->device,
                                        (unsigned long long)v->inode, (long long)v->born_ns);
    return ax_arena_printf(a, "volume:%016llx", (unsigned long long)ax_hash(key.p, key.n));
}

static const struct ax_block_stats *block_of(const struct ax_vm_stats *s, struct ax_str path)
{
    for (size_t i = 0; i < s->nblock; i++)
        if (ax_str_eq(s->block[i].path, path))
            return &s->block[i];
    return NULL;
}

void ax_volume_resources(const struct ax_vm *vm, struct ax_str host_id, struct ax_str host,
                         const struct ax_vm_stats *s, struct ax_seen *seen)
{
    for (size_t i = 0; i < vm->nvolumes; i++) {
        const struct ax_virt_volume *v = &vm->volumes[i];
        if (!v->exists)
            continue;
        const struct ax_block_stats *b = block_of(s, v->path);
        struct ax_buf buf = {.max = 16u << 10};
        struct ax_json j = {.out = &buf};
        ax_json_obj(&j);
        ax_json_key(&j, "path");
        ax_json_str(&j, v->path);
        ax_json_key(&j, "capacity_bytes");
        ax_json_num(&j, b ? b->capacity : NAN);
        ax_json_key(&j, "allocation_bytes");
        ax_json_num(&j, b ? b->allocation : NAN);
        ax_json_key(&j, "vm");
        ax_json_str(&j, vm->handle);
        ax_json_end(&j);
        struct ax_resource r = {
            .handle = volume_handle(v, host_id, seen->arena),
            .kind = AX_KIND_VOLUME,
            .name = ax_arena_str(seen->arena, v->path),
            .host = host,
            .state = AX_STR("allocated"),
            .attributes = ax_arena_str(seen->arena, ax_buf_view(&buf)),
        };
        ax_buf_free(&buf);
        ax_seen_resource(seen, &r);
    }
}

void ax_network_resource(const struct ax_virt_network *n, struct ax_str host, struct ax_seen *seen)
{
    struct ax_buf buf = {.max = 16u << 10};
    struct ax_json j = {.out = &buf};
    ax_json_obj(&j);
    if (n->pool) {
        ax_json_key(&j, "capacity_bytes");
        ax_json_num(&j, n->capacity);
        ax_json_key(&j, "available_bytes");
        ax_json_num(&j, n->available);
    } else {
        ax_json_key(&j, "bridge");
        ax_json_str(&j, n->bridge);
    }
    ax_json_end(&j);
    struct ax_resource r = {
        .handle = ax_arena_printf(seen->arena, "%s:%.*s", n->pool ? "pool" : "network",
                                  AX_STR_ARG(n->uuid)),
        .kind = n->pool ? AX_KIND_POOL : AX_KIND_NETWORK,
        .name = ax_arena_str(seen->arena, n->name),
        .host = host,
        .state = n->active ? AX_STR("active") : AX_STR("inactive"),
        .attributes = ax_arena_str(seen->arena, ax_buf_view(&buf)),
    };
    ax_buf_free(&buf);
    ax_seen_resource(seen, &r);
}
