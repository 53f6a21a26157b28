// SPDX-License-Identifier: Apache-2.0
/* What stands between this machine and full sight. Looks by itself, in a few seconds at most:
 * doctor runs when the collector may not. */
#include "collect/collect.h"
#include "collect/host/host.h"
#include "collect/libvirt/virt.h"

#include <errno.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#define LIBVIRT_MS 10000
#define LOW_SPACE  0.05

struct list {
    struct ax_arena *arena;
    struct ax_finding *v;
    size_t n, cap;
};

static void add(struct list *l, enum ax_finding_level level, const char *code, struct ax_str handle,
                struct ax_str text, struct ax_str remedy)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 32;
        l->v = ax_arena_grow(l->arena, l->v, l->cap * sizeof *l->v, cap * sizeof *l->v);
        l->cap = cap;
    }
    l->v[l->n++] = (struct ax_finding){level, ax_str(code), handle, text, remedy};
}

static void add_host(struct list *l, enum ax_finding_level level, const char *code,
                     const char *text, const char *remedy)
{
    add(l, level, code, AX_STR_NULL, ax_str(text), ax_str(remedy));
}

/* ---- the machine ---- */

static bool readable(struct list *l, const char *root, const char *path)
{
    struct ax_str full = ax_arena_printf(l->arena, "%s/%s", root, path);
    return access(full.p, R_OK) == 0;
}

static void check_kernel(struct list *l, const struct ax_collect_options *o)
{
    if (readable(l, o->proc, "pressure/memory"))
        add_host(l, AX_FINDING_OK, "pressure", "the kernel tells how long tasks wait (PSI)", "");
    else
        add_host(l, AX_FINDING_INFO, "pressure", "this kernel gives no pressure stall information",
                 "boot with psi=1 on a kernel that has CONFIG_PSI");
    if (readable(l, o->sys, "fs/cgroup/cgroup.controllers"))
        add_host(l, AX_FINDING_OK, "cgroups", "control groups: version 2", "");
    else if (readable(l, o->sys, "fs/cgroup/cpuacct"))
        add_host(l, AX_FINDING_OK, "cgroups", "control groups: version 1", "");
    else
        add_host(l, AX_FINDING_INFO, "cgroups",
                 "no control groups are mounted: the CPU time of VMs is coarse (10 ms)",
                 "mount /sys/fs/cgroup");
}

static void check_clock(struct list *l)
{
    struct timex t = {.modes = 0};
    if (adjtimex(&t) == TIME_ERROR)
        add_host(l, AX_FINDING_WARN, "clock",
                 "this machine's clock is not synchronised: times of samples and events may be "
                 "wrong, and rates with them",
                 "apt-get install chrony");
    else
        add_host(l, AX_FINDING_OK, "clock", "the clock is synchronised", "");
}

static void check_space(struct list *l, const struct ax_collect_options *o)
{
    struct statvfs s;
    if (statvfs(o->rootfs, &s) < 0 || !s.f_blocks)
        return;
    double share = (double)s.f_bavail / (double)s.f_blocks;
    bool low = share < LOW_SPACE;
    add(l, low ? AX_FINDING_WARN : AX_FINDING_OK, "disk-space", AX_STR_NULL,
        ax_arena_printf(l->arena, "%.0f %% of the root file system are free", share * 100),
        ax_str(low ? "make room: du -xh / | sort -h | tail" : ""));
}

/* ---- libvirt ---- */

static void connect_failed(struct list *l, const struct ax_collect_options *o,
                           const struct ax_err *err)
{
    struct ax_str text = ax_arena_str(l->arena, ax_str(err->text));
    bool local = ax_str_starts(ax_str(o->libvirt_uri), AX_STR("qemu:///system"));
    const char *socket = "/run/libvirt/libvirt-sock-ro";
    const char *remedy = "see whether the daemon runs and the URI is right: virsh -c URI version";
    if (err->code == -ETIMEDOUT)
        remedy = "libvirtd hangs: see journalctl -u libvirtd, then systemctl restart libvirtd";
    else if (local && access(socket, F_OK) < 0)
        remedy = "apt-get install libvirt-daemon-system, then systemctl start libvirtd (or run "
                 "with --libvirt none when this is no hypervisor)";
    else if (local && access(socket, R_OK | W_OK) < 0)
        remedy = "usermod -aG libvirt USER, for the user that runs auspex, and start it anew";
    add(l, AX_FINDING_FAIL, "libvirt-connect", AX_STR_NULL, text, ax_str(remedy));
}

static void check_balloon(struct list *l, const struct ax_virt_record *r,
                          const struct ax_domain_def *d, const struct ax_vm_stats *s,
                          struct ax_str handle)
{
    struct ax_arena *a = l->arena;
    if (!d->balloon)
        add(l, AX_FINDING_WARN, "balloon-none", handle,
            ax_arena_printf(a, "%.*s has no memory balloon: its memory can't be seen from outside",
                            AX_STR_ARG(r->name)),
            AX_STR("add <memballoon model='virtio'/> to the domain and restart it"));
    else if (d->balloon_period == 0)
        add(l, AX_FINDING_WARN, "balloon-period", handle,
            ax_arena_printf(a, "%.*s's balloon is not asked for statistics: its memory is not seen",
                            AX_STR_ARG(r->name)),
            ax_arena_printf(a, "virsh dommemstat '%.*s' --period 5 --live --config",
                            AX_STR_ARG(r->name)));
    else if (!(s->last_update > 0))
        add(l, AX_FINDING_WARN, "balloon-driver", handle,
            ax_arena_printf(a, "%.*s's balloon driver has never answered", AX_STR_ARG(r->name)),
            AX_STR("load virtio_balloon in the guest"));
    else
        add(l, AX_FINDING_OK, "balloon", handle,
            ax_arena_printf(a, "%.*s tells of its memory", AX_STR_ARG(r->name)), AX_STR_NULL);
}

static void check_agent(struct list *l, const struct ax_virt_record *r,
                        const struct ax_domain_def *d, struct ax_str handle)
{
    if (ax_str_eq(d->agent, AX_STR("connected")))
        return;
    bool none = ax_str_eq(d->agent, AX_STR("none"));
    add(l, AX_FINDING_INFO, none ? "agent-none" : "agent-disconnected", handle,
        ax_arena_printf(l->arena, "%.*s %s", AX_STR_ARG(r->name),
                        none ? "has no channel for the QEMU guest agent"
                             : "does not run the QEMU guest agent"),
        ax_str(none ? "add the channel org.qemu.guest_agent.0 to the domain, then install "
                      "qemu-guest-agent in the guest"
                    : "install and start qemu-guest-agent in the guest"));
}

static void check_domain(struct list *l, const struct ax_virt_record *r)
{
    struct ax_domain_def *d = AX_NEW(l->arena, struct ax_domain_def);
    struct ax_vm_stats *s = AX_NEW(l->arena, struct ax_vm_stats);
    struct ax_str handle = ax_arena_printf(l->arena, "vm:%.*s", AX_STR_ARG(r->uuid));
    if (r->id < 0 || ax_domain_xml_parse(r->xml, l->arena, d, NULL) < 0)
        return;
    ax_vm_stats_read(r->params, r->nparams, s);
    check_balloon(l, r, d, s, handle);
    check_agent(l, r, d, handle);
}

static void check_libvirt(struct list *l, const struct ax_collect_options *o)
{
    if (!o->libvirt_uri || !o->libvirt_uri[0])
        return;
    struct ax_err err = {0};
    struct ax_virt_pool *pool = ax_virt_pool_new();
    struct ax_virt_question *q = ax_calloc(1, sizeof *q);
    q->uri = ax_strdup(o->libvirt_uri);
    q->proc = ax_strdup(o->proc);
    struct ax_virt_snapshot *s = ax_virt_ask(pool, q, LIBVIRT_MS, &err);
    if (!s) {
        connect_failed(l, o, &err);
    } else {
        add(l, AX_FINDING_OK, "libvirt-connect", AX_STR_NULL,
            ax_arena_printf(l->arena, "libvirt answers at %s: %zu domains", o->libvirt_uri,
                            s->nvms),
            AX_STR_NULL);
        for (size_t i = 0; i < s->nvms; i++)
            check_domain(l, &s->vms[i]);
    }
    ax_virt_snapshot_free(s);
    ax_virt_pool_free(pool);
}

void ax_collect_findings(const struct ax_collect_options *o, struct ax_arena *a,
                         struct ax_finding **out, size_t *n)
{
    struct list l = {.arena = a};
    check_kernel(&l, o);
    check_clock(&l);
    check_space(&l, o);
    check_libvirt(&l, o);
    *out = l.v;
    *n = l.n;
}
