// SPDX-License-Identifier: Apache-2.0
/* All that is asked of libvirt in a round: one bulk call for the numbers of every domain, XML of
 * those that are new or changed, networks and pools. Runs in a worker thread (see worker.c): any of
 * these calls, and statx on a volume, may hang. */
#include "collect/libvirt/virt.h"

#include "base/log.h"
#include "collect/libvirt/process.h"

#include <errno.h>
#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define XML_MAX (1u << 20)

void ax_virt_snapshot_free(struct ax_virt_snapshot *s)
{
    if (!s)
        return;
    ax_arena_free(&s->arena);
    free(s);
}

void ax_virt_question_free(struct ax_virt_question *q)
{
    if (!q)
        return;
    for (size_t i = 0; i < q->npaths; i++)
        free(q->paths[i]);
    free(q->paths);
    free(q->path_owner);
    free(q->known);
    free(q->uri);
    free(q->proc);
    free(q);
}

static double number_of(const virTypedParameter *p)
{
    switch (p->type) {
    case VIR_TYPED_PARAM_INT: return p->value.i;
    case VIR_TYPED_PARAM_UINT: return p->value.ui;
    case VIR_TYPED_PARAM_LLONG: return (double)p->value.l;
    case VIR_TYPED_PARAM_ULLONG: return (double)p->value.ul;
    case VIR_TYPED_PARAM_DOUBLE: return p->value.d;
    case VIR_TYPED_PARAM_BOOLEAN: return p->value.b;
    default: return NAN;
    }
}

static void copy_params(struct ax_arena *a, const virDomainStatsRecord *from,
                        struct ax_virt_record *to)
{
    size_t n = from->nparams > 0 ? (size_t)from->nparams : 0;
    struct ax_virt_param *p = AX_NEWS(a, struct ax_virt_param, n);
    for (size_t i = 0; i < n; i++) {
        const virTypedParameter *t = &from->params[i];
        p[i].name = ax_arena_str(a, ax_str(t->field));
        p[i].number = number_of(t);
        if (t->type == VIR_TYPED_PARAM_STRING)
            p[i].text = ax_arena_str(a, ax_str(t->value.s));
    }
    to->params = p;
    to->nparams = n;
}

static const struct ax_virt_known *known_by(const struct ax_virt_question *q, const char *uuid)
{
    for (size_t i = 0; i < q->nknown; i++)
        if (!strcmp(q->known[i].uuid, uuid))
            return &q->known[i];
    return NULL;
}

static void copy_xml(struct ax_arena *a, virDomainPtr d, struct ax_virt_record *r)
{
    AX_CLEANUP(ax_free_ptr) char *xml = virDomainGetXMLDesc(d, 0);
    if (xml && strlen(xml) <= XML_MAX)
        r->xml = ax_arena_str(a, ax_str(xml));
}

static struct ax_virt_volume look_at(struct ax_arena *a, const char *path)
{
    struct ax_virt_volume v = {.path = ax_arena_str(a, ax_str(path))};
    struct statx st;
    if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_INO | STATX_BTIME, &st) < 0)
        return v;
    v.exists = true;
    v.inode = st.stx_ino;
    v.device = makedev(st.stx_dev_major, st.stx_dev_minor);
    if (st.stx_mask & STATX_BTIME)
        v.born_ns = st.stx_btime.tv_sec * 1000000000 + st.stx_btime.tv_nsec;
    return v;
}

static void copy_volumes(struct ax_arena *a, const struct ax_virt_question *q,
                         const struct ax_virt_known *known, struct ax_virt_record *r)
{
    size_t owner = (size_t)(known - q->known), n = 0;
    for (size_t i = 0; i < q->npaths; i++)
        n += q->path_owner[i] == owner;
    struct ax_virt_volume *v = AX_NEWS(a, struct ax_virt_volume, n);
    r->volumes = v;
    for (size_t i = 0; i < q->npaths; i++)
        if (q->path_owner[i] == owner)
            v[r->nvolumes++] = look_at(a, q->paths[i]);
}

static void copy_record(struct ax_virt_snapshot *s, const struct ax_virt_question *q,
                        const virDomainStatsRecord *from, struct ax_virt_record *r)
{
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    unsigned id = virDomainGetID(from->dom);
    virDomainGetUUIDString(from->dom, uuid);
    const struct ax_virt_known *known = known_by(q, uuid);
    r->uuid = ax_arena_str(&s->arena, ax_str(uuid));
    r->name = ax_arena_str(&s->arena, ax_str(virDomainGetName(from->dom)));
    r->id = id == (unsigned)-1 ? -1 : (int)id;
    r->process_resident = NAN;
    if (known && known->id == r->id)
        r->pid = known->pid;
    copy_params(&s->arena, from, r);
    if (!known || !known->definition || known->id != r->id)
        copy_xml(&s->arena, from->dom, r);
    if (known)
        copy_volumes(&s->arena, q, known, r);
}

static int fail_libvirt(struct ax_err *err, const char *what)
{
    const virError *e = virGetLastError();
    return ax_fail(err, -EIO, "%s: %s", what, e && e->message ? e->message : "unknown error");
}

static void copy_domains(virConnectPtr conn, const struct ax_virt_question *q,
                         struct ax_virt_snapshot *s)
{
    const unsigned groups = VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL |
                            VIR_DOMAIN_STATS_BALLOON | VIR_DOMAIN_STATS_VCPU |
                            VIR_DOMAIN_STATS_INTERFACE | VIR_DOMAIN_STATS_BLOCK;
    virDomainStatsRecordPtr *records = NULL;
    /* NOWAIT: a domain whose monitor is busy or stuck gives what needs no monitor. */
    int n = virConnectGetAllDomainStats(conn, groups, &records,
                                        VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
    if (n < 0) {
        fail_libvirt(&s->err, "libvirt gave no domain statistics");
        return;
    }
    size_t count = n > AX_VIRT_DOMAINS ? AX_VIRT_DOMAINS : (size_t)n;
    s->vms = AX_NEWS(&s->arena, struct ax_virt_record, count);
    for (size_t i = 0; i < count; i++)
        copy_record(s, q, records[i], &s->vms[i]);
    s->nvms = count;
    virDomainStatsRecordListFree(records);
}

static void copy_networks(virConnectPtr conn, struct ax_virt_snapshot *s)
{
    virNetworkPtr *nets = NULL;
    int n = virConnectListAllNetworks(conn, &nets, 0);
    for (int i = 0; i < n; i++) {
        char uuid[VIR_UUID_STRING_BUFLEN] = "";
        if (s->nnets < AX_VIRT_NETWORKS && virNetworkGetUUIDString(nets[i], uuid) == 0) {
            AX_CLEANUP(ax_free_ptr) char *bridge = virNetworkGetBridgeName(nets[i]);
            s->nets[s->nnets++] = (struct ax_virt_network){
                .uuid = ax_arena_str(&s->arena, ax_str(uuid)),
                .name = ax_arena_str(&s->arena, ax_str(virNetworkGetName(nets[i]))),
                .bridge = ax_arena_str(&s->arena, ax_str(bridge)),
                .active = virNetworkIsActive(nets[i]) == 1,
                .capacity = NAN,
                .allocation = NAN,
                .available = NAN,
            };
        }
        virNetworkFree(nets[i]);
    }
    free(nets);
}

static void copy_pools(virConnectPtr conn, struct ax_virt_snapshot *s)
{
    virStoragePoolPtr *pools = NULL;
    int n = virConnectListAllStoragePools(conn, &pools, 0);
    for (int i = 0; i < n; i++) {
        char uuid[VIR_UUID_STRING_BUFLEN] = "";
        virStoragePoolInfo info;
        if (s->nnets < AX_VIRT_NETWORKS && virStoragePoolGetUUIDString(pools[i], uuid) == 0) {
            bool known = virStoragePoolGetInfo(pools[i], &info) == 0 &&
                         info.state == VIR_STORAGE_POOL_RUNNING;
            s->nets[s->nnets++] = (struct ax_virt_network){
                .uuid = ax_arena_str(&s->arena, ax_str(uuid)),
                .name = ax_arena_str(&s->arena, ax_str(virStoragePoolGetName(pools[i]))),
                .active = virStoragePoolIsActive(pools[i]) == 1,
                .pool = true,
                .capacity = known ? (double)info.capacity : NAN,
                .allocation = known ? (double)info.allocation : NAN,
                .available = known ? (double)info.available : NAN,
            };
        }
        virStoragePoolFree(pools[i]);
    }
    free(pools);
}

/* The opt-in that lets a guest's memory be seen: the only thing ever changed in a domain. */
static void set_periods(virConnectPtr conn, struct ax_virt_snapshot *s)
{
    for (size_t i = 0; i < s->nvms; i++) {
        struct ax_virt_record *r = &s->vms[i];
        struct ax_arena a = AX_ARENA_INIT;
        struct ax_domain_def *def = AX_NEW(&a, struct ax_domain_def);
        if (r->id >= 0 && r->xml.n && ax_domain_xml_parse(r->xml, &a, def, NULL) == 0 &&
            def->balloon && def->balloon_period == 0) {
            virDomainPtr d = virDomainLookupByID(conn, r->id);
            bool done = d && virDomainSetMemoryStatsPeriod(d, 5, VIR_DOMAIN_AFFECT_LIVE) == 0;
            ax_log(done ? AX_LOG_INFO : AX_LOG_WARN, "%s a balloon period of 5 s for %.*s",
                   done ? "set" : "could not set", AX_STR_ARG(r->name));
            if (done)
                copy_xml(&s->arena, d, r);
            if (d)
                virDomainFree(d);
        }
        ax_arena_free(&a);
    }
}

struct ax_virt_snapshot *ax_virt_gather(virConnectPtr conn, const struct ax_virt_question *q)
{
    struct ax_virt_snapshot *s = ax_calloc(1, sizeof *s);
    virConnectGetLibVersion(conn, &s->library);
    virConnectGetVersion(conn, &s->hypervisor);
    copy_domains(conn, q, s);
    if (s->err.code)
        return s;
    if (q->set_balloon_period)
        set_periods(conn, s);
    if (q->everything) {
        s->everything = true;
        s->nets = AX_NEWS(&s->arena, struct ax_virt_network, AX_VIRT_NETWORKS);
        copy_networks(conn, s);
        copy_pools(conn, s);
    }
    ax_process_find(q->proc, s->vms, s->nvms);
    return s;
}
