// SPDX-License-Identifier: Apache-2.0
/* The typed parameters of virConnectGetAllDomainStats, by name. A name that is not known here is
 * passed over (newer libvirts have more); an index beyond AX_VIRT_DEVICES too. */
#include "collect/libvirt/virt.h"

#include <math.h>

struct field {
    const char *name;
    size_t offset;
};

#define FIELD(name, member)                                                                        \
    {                                                                                              \
        name, offsetof(struct ax_vm_stats, member)                                                 \
    }
static const struct field scalars[] = {
    FIELD("state.state", state),
    FIELD("state.reason", reason),
    FIELD("cpu.time", cpu_time),
    FIELD("cpu.user", cpu_user),
    FIELD("cpu.system", cpu_system),
    FIELD("balloon.current", current),
    FIELD("balloon.maximum", maximum),
    FIELD("balloon.swap_in", swap_in),
    FIELD("balloon.swap_out", swap_out),
    FIELD("balloon.major_fault", major_fault),
    FIELD("balloon.minor_fault", minor_fault),
    FIELD("balloon.unused", unused),
    FIELD("balloon.available", available),
    FIELD("balloon.usable", usable),
    FIELD("balloon.last-update", last_update),
    FIELD("balloon.disk_caches", disk_caches),
    FIELD("balloon.hugetlb_pgalloc", hugetlb_pgalloc),
    FIELD("balloon.hugetlb_pgfail", hugetlb_pgfail),
    FIELD("balloon.rss", rss),
    FIELD("vcpu.current", vcpu_current),
    FIELD("vcpu.maximum", vcpu_maximum),
};

#define VCPU(name, member)                                                                         \
    {                                                                                              \
        name, offsetof(struct ax_vcpu_stats, member)                                               \
    }
static const struct field vcpu_fields[] = {VCPU("state", state), VCPU("time", time),
                                           VCPU("wait", wait), VCPU("delay", delay)};

#define BLOCK(name, member)                                                                        \
    {                                                                                              \
        name, offsetof(struct ax_block_stats, member)                                              \
    }
static const struct field block_fields[] = {
    BLOCK("rd.reqs", rd_reqs),   BLOCK("rd.bytes", rd_bytes), BLOCK("rd.times", rd_times),
    BLOCK("wr.reqs", wr_reqs),   BLOCK("wr.bytes", wr_bytes), BLOCK("wr.times", wr_times),
    BLOCK("fl.reqs", fl_reqs),   BLOCK("fl.times", fl_times), BLOCK("allocation", allocation),
    BLOCK("capacity", capacity), BLOCK("physical", physical),
};

#define NET(name, member)                                                                          \
    {                                                                                              \
        name, offsetof(struct ax_net_stats, member)                                                \
    }
static const struct field net_fields[] = {
    NET("rx.bytes", rx_bytes), NET("rx.pkts", rx_pkts),   NET("rx.errs", rx_errs),
    NET("rx.drop", rx_drop),   NET("tx.bytes", tx_bytes), NET("tx.pkts", tx_pkts),
    NET("tx.errs", tx_errs),   NET("tx.drop", tx_drop),
};

static bool set_field(const struct field *f, size_t n, struct ax_str name, void *record, double v)
{
    for (size_t i = 0; i < n; i++)
        if (ax_str_eq(ax_str(f[i].name), name)) {
            *(double *)((char *)record + f[i].offset) = v;
            return true;
        }
    return false;
}

static void unknown(const struct field *f, size_t n, void *record)
{
    for (size_t i = 0; i < n; i++)
        *(double *)((char *)record + f[i].offset) = NAN;
}

/* "block.0.rd.reqs" -> group "block", index 0, field "rd.reqs". */
static bool split(struct ax_str name, struct ax_str *group, size_t *index, struct ax_str *field)
{
    struct ax_str number;
    uint64_t i;
    if (!ax_str_cut(&name, '.', group) || !ax_str_cut(&name, '.', &number) || !name.p ||
        !ax_str_u64(number, &i) || i >= AX_VIRT_DEVICES)
        return false;
    *index = (size_t)i;
    *field = name;
    return true;
}

static void raise_to(size_t *n, size_t index)
{
    if (*n < index + 1)
        *n = index + 1;
}

static void set_device(struct ax_vm_stats *s, const struct ax_virt_param *p, struct ax_str group,
                       size_t i, struct ax_str field)
{
    if (ax_str_eq(group, AX_STR("vcpu"))) {
        if (set_field(vcpu_fields, AX_ARRAY_LEN(vcpu_fields), field, &s->vcpu[i], p->number))
            raise_to(&s->nvcpu, i);
    } else if (ax_str_eq(group, AX_STR("block"))) {
        if (ax_str_eq(field, AX_STR("name")))
            s->block[i].name = p->text;
        else if (ax_str_eq(field, AX_STR("path")))
            s->block[i].path = p->text;
        else
            set_field(block_fields, AX_ARRAY_LEN(block_fields), field, &s->block[i], p->number);
        raise_to(&s->nblock, i);
    } else if (ax_str_eq(group, AX_STR("net"))) {
        if (ax_str_eq(field, AX_STR("name")))
            s->net[i].name = p->text;
        else
            set_field(net_fields, AX_ARRAY_LEN(net_fields), field, &s->net[i], p->number);
        raise_to(&s->nnet, i);
    }
}

void ax_vm_stats_read(const struct ax_virt_param *p, size_t n, struct ax_vm_stats *out)
{
    *out = (struct ax_vm_stats){0};
    unknown(scalars, AX_ARRAY_LEN(scalars), out);
    for (size_t i = 0; i < AX_VIRT_DEVICES; i++) {
        unknown(vcpu_fields, AX_ARRAY_LEN(vcpu_fields), &out->vcpu[i]);
        unknown(block_fields, AX_ARRAY_LEN(block_fields), &out->block[i]);
        unknown(net_fields, AX_ARRAY_LEN(net_fields), &out->net[i]);
    }
    for (size_t i = 0; i < n; i++) {
        struct ax_str group, field;
        size_t index;
        if (!set_field(scalars, AX_ARRAY_LEN(scalars), p[i].name, out, p[i].number) &&
            split(p[i].name, &group, &index, &field))
            set_device(out, &p[i], group, index, field);
    }
}
