// SPDX-License-Identifier: Apache-2.0
/* The series of one VM: libvirt_domain_* in the spellings of the libvirt exporters that dashboards
 * were made for (they differ: where two exist, both are given), and the neutral vm_*. */
#include "collect/libvirt/vm.h"

#include <libvirt/libvirt.h>
#include <math.h>
#include <stdio.h>

#define KIB 1024.0
#define NS  1e-9

struct row {
    size_t offset;
    double unit;
    const char *name;
};

#define ROW(type, member, unit, name)                                                              \
    {                                                                                              \
        offsetof(struct type, member), unit, name                                                  \
    }

static const struct row domain_rows[] = {
    ROW(ax_vm_stats, state, 1, "libvirt_domain_state_code"),
    ROW(ax_vm_stats, state, 1, "libvirt_domain_info_vstate"),
    ROW(ax_vm_stats, vcpu_current, 1, "libvirt_domain_info_virtual_cpus"),
    ROW(ax_vm_stats, vcpu_current, 1, "libvirt_domain_vcpu_current"),
    ROW(ax_vm_stats, vcpu_maximum, 1, "libvirt_domain_vcpu_maximum"),
    ROW(ax_vm_stats, cpu_time, NS, "libvirt_domain_info_cpu_time_seconds_total"),
    ROW(ax_vm_stats, maximum, KIB, "libvirt_domain_info_maximum_memory_bytes"),
    ROW(ax_vm_stats, maximum, KIB, "libvirt_domain_memory_stats_maximum_bytes"),
    ROW(ax_vm_stats, current, KIB, "libvirt_domain_info_memory_usage_bytes"),
    ROW(ax_vm_stats, current, KIB, "libvirt_domain_memory_stats_actual_balloon_bytes"),
    ROW(ax_vm_stats, current, KIB, "libvirt_domain_memory_stats_current_balloon_bytes"),
    ROW(ax_vm_stats, rss, KIB, "libvirt_domain_memory_stats_rss_bytes"),
    ROW(ax_vm_stats, last_update, 1, "libvirt_domain_memory_stats_last_update_timestamp_seconds"),
};

/* Told by the guest: only while it speaks. */
static const struct row guest_rows[] = {
    ROW(ax_vm_stats, available, KIB, "libvirt_domain_memory_stats_available_bytes"),
    ROW(ax_vm_stats, unused, KIB, "libvirt_domain_memory_stats_unused_bytes"),
    ROW(ax_vm_stats, usable, KIB, "libvirt_domain_memory_stats_usable_bytes"),
    ROW(ax_vm_stats, disk_caches, KIB, "libvirt_domain_memory_stats_disk_cache_bytes"),
    ROW(ax_vm_stats, disk_caches, KIB, "libvirt_domain_memory_stats_disk_caches_bytes"),
    ROW(ax_vm_stats, swap_in, KIB, "libvirt_domain_memory_stats_swap_in_bytes"),
    ROW(ax_vm_stats, swap_out, KIB, "libvirt_domain_memory_stats_swap_out_bytes"),
    ROW(ax_vm_stats, major_fault, 1, "libvirt_domain_memory_stats_major_fault_total"),
    ROW(ax_vm_stats, minor_fault, 1, "libvirt_domain_memory_stats_minor_fault_total"),
    ROW(ax_vm_stats, hugetlb_pgalloc, 1, "libvirt_domain_memory_stats_hugetlb_pgalloc_total"),
    ROW(ax_vm_stats, hugetlb_pgfail, 1, "libvirt_domain_memory_stats_hugetlb_pgfail_total"),
};

static const struct row vcpu_rows[] = {
    ROW(ax_vcpu_stats, state, 1, "libvirt_domain_vcpu_state"),
    ROW(ax_vcpu_stats, time, NS, "libvirt_domain_vcpu_time_seconds_total"),
    ROW(ax_vcpu_stats, wait, NS, "libvirt_domain_vcpu_wait_seconds_total"),
    ROW(ax_vcpu_stats, delay, NS, "libvirt_domain_vcpu_delay_seconds_total"),
};

static const struct row block_rows[] = {
    ROW(ax_block_stats, rd_reqs, 1, "libvirt_domain_block_stats_read_requests_total"),
    ROW(ax_block_stats, rd_bytes, 1, "libvirt_domain_block_stats_read_bytes_total"),
    ROW(ax_block_stats, rd_times, NS, "libvirt_domain_block_stats_read_seconds_total"),
    ROW(ax_block_stats, rd_times, NS, "libvirt_domain_block_stats_read_time_seconds_total"),
    ROW(ax_block_stats, wr_reqs, 1, "libvirt_domain_block_stats_write_requests_total"),
    ROW(ax_block_stats, wr_bytes, 1, "libvirt_domain_block_stats_write_bytes_total"),
    ROW(ax_block_stats, wr_times, NS, "libvirt_domain_block_stats_write_seconds_total"),
    ROW(ax_block_stats, wr_times, NS, "libvirt_domain_block_stats_write_time_seconds_total"),
    ROW(ax_block_stats, fl_reqs, 1, "libvirt_domain_block_stats_flush_requests_total"),
    ROW(ax_block_stats, fl_times, NS, "libvirt_domain_block_stats_flush_seconds_total"),
    ROW(ax_block_stats, fl_times, NS, "libvirt_domain_block_stats_flush_time_seconds_total"),
    ROW(ax_block_stats, allocation, 1, "libvirt_domain_block_stats_allocation"),
    ROW(ax_block_stats, capacity, 1, "libvirt_domain_block_stats_capacity_bytes"),
    ROW(ax_block_stats, physical, 1, "libvirt_domain_block_stats_physicalsize_bytes"),
};

static const struct row net_rows[] = {
    ROW(ax_net_stats, rx_bytes, 1, "libvirt_domain_interface_stats_receive_bytes_total"),
    ROW(ax_net_stats, rx_pkts, 1, "libvirt_domain_interface_stats_receive_packets_total"),
    ROW(ax_net_stats, rx_errs, 1, "libvirt_domain_interface_stats_receive_errors_total"),
    ROW(ax_net_stats, rx_drop, 1, "libvirt_domain_interface_stats_receive_drops_total"),
    ROW(ax_net_stats, tx_bytes, 1, "libvirt_domain_interface_stats_transmit_bytes_total"),
    ROW(ax_net_stats, tx_pkts, 1, "libvirt_domain_interface_stats_transmit_packets_total"),
    ROW(ax_net_stats, tx_errs, 1, "libvirt_domain_interface_stats_transmit_errors_total"),
    ROW(ax_net_stats, tx_drop, 1, "libvirt_domain_interface_stats_transmit_drops_total"),
};

/* Totals over a VM's devices. */
static const struct row block_sums[] = {
    ROW(ax_block_stats, rd_bytes, 1, "vm_disk_read_bytes_total"),
    ROW(ax_block_stats, wr_bytes, 1, "vm_disk_written_bytes_total"),
    ROW(ax_block_stats, rd_reqs, 1, "vm_disk_reads_total"),
    ROW(ax_block_stats, wr_reqs, 1, "vm_disk_writes_total"),
};
static const struct row net_sums[] = {
    ROW(ax_net_stats, rx_bytes, 1, "vm_network_receive_bytes_total"),
    ROW(ax_net_stats, tx_bytes, 1, "vm_network_transmit_bytes_total"),
    ROW(ax_net_stats, rx_drop, 1, "vm_network_receive_drops_total"),
    ROW(ax_net_stats, tx_drop, 1, "vm_network_transmit_drops_total"),
};

static double value(const void *record, const struct row *row)
{
    return *(const double *)((const char *)record + row->offset) * row->unit;
}

static void emit_rows(struct ax_emitter *e, const struct ax_emit_scope *scope,
                      const struct row *rows, size_t n, const void *record,
                      const struct ax_label *device)
{
    for (size_t i = 0; i < n; i++)
        ax_emit_with(e, scope, rows[i].name, device, device ? 1 : 0, value(record, &rows[i]));
}

/* NaN when no device tells. */
static void emit_sums(struct ax_emitter *e, const struct ax_emit_scope *scope,
                      const struct row *rows, size_t nrows, const void *records, size_t size,
                      size_t n)
{
    for (size_t i = 0; i < nrows; i++) {
        double sum = NAN;
        for (size_t k = 0; k < n; k++) {
            double v = value((const char *)records + k * size, &rows[i]);
            if (!isnan(v))
                sum = isnan(sum) ? v : sum + v;
        }
        ax_emit(e, scope, rows[i].name, sum);
    }
}

#define EMIT(scope, rows, record, device)                                                          \
    emit_rows(e, scope, rows, AX_ARRAY_LEN(rows), record, device)

static void emit_devices(const struct ax_vm *vm, const struct ax_vm_stats *s, struct ax_emitter *e)
{
    const struct ax_emit_scope *scope = &vm->libvirt;
    for (size_t i = 0; i < s->nvcpu; i++) {
        char number[16];
        snprintf(number, sizeof number, "%zu", i);
        struct ax_label vcpu = {AX_STR("vcpu"), ax_str(number)};
        EMIT(scope, vcpu_rows, &s->vcpu[i], &vcpu);
        ax_emit_with(e, &vm->neutral, "vm_cpu_delay_seconds_total", &vcpu, 1,
                     s->vcpu[i].delay * NS);
    }
    for (size_t i = 0; i < s->nblock; i++)
        if (s->block[i].name.n)
            EMIT(scope, block_rows, &s->block[i],
                 (&(struct ax_label){AX_STR("target_device"), s->block[i].name}));
    for (size_t i = 0; i < s->nnet; i++)
        if (s->net[i].name.n)
            EMIT(scope, net_rows, &s->net[i],
                 (&(struct ax_label){AX_STR("target_device"), s->net[i].name}));
}

static void emit_definition(const struct ax_vm *vm, struct ax_emitter *e)
{
    const struct ax_domain_def *d = vm->def;
    struct ax_label meta[] = {
        {AX_STR("os_type"), d->os_type},           {AX_STR("machine"), d->machine},
        {AX_STR("instance_name"), d->nova_name},   {AX_STR("flavor"), d->nova_flavor},
        {AX_STR("user_name"), d->user_name},       {AX_STR("user_uuid"), d->user_id},
        {AX_STR("project_name"), d->project_name}, {AX_STR("project_uuid"), d->project_id},
    };
    ax_emit_with(e, &vm->libvirt, "libvirt_domain_info", meta, 2, 1);
    ax_emit_with(e, &vm->libvirt, "libvirt_domain_info_meta", meta, AX_ARRAY_LEN(meta), 1);
    if (d->nova_name.n) {
        struct ax_label stack[] = {
            {AX_STR("instance_name"), d->nova_name}, {AX_STR("instance_id"), ax_str(vm->uuid)},
            {AX_STR("flavor_name"), d->nova_flavor}, {AX_STR("user_name"), d->user_name},
            {AX_STR("user_id"), d->user_id},         {AX_STR("project_name"), d->project_name},
            {AX_STR("project_id"), d->project_id},
        };
        ax_emit_with(e, &vm->libvirt, "libvirt_domain_openstack_info", stack, AX_ARRAY_LEN(stack),
                     1);
    }
    for (size_t i = 0; i < d->ndisks; i++) {
        struct ax_label l[] = {{AX_STR("target_device"), d->disks[i].target},
                               {AX_STR("source_file"), d->disks[i].source},
                               {AX_STR("bus"), d->disks[i].bus},
                               {AX_STR("disk_type"), d->disks[i].type},
                               {AX_STR("driver_type"), d->disks[i].driver}};
        ax_emit_with(e, &vm->libvirt, "libvirt_domain_block_meta", l, AX_ARRAY_LEN(l), 1);
    }
    for (size_t i = 0; i < d->nnics; i++) {
        struct ax_label l[] = {{AX_STR("target_device"), d->nics[i].target},
                               {AX_STR("source_bridge"), d->nics[i].source},
                               {AX_STR("mac"), d->nics[i].mac}};
        ax_emit_with(e, &vm->libvirt, "libvirt_domain_interface_meta", l, AX_ARRAY_LEN(l), 1);
    }
}

static void emit_memory(const struct ax_vm *vm, const struct ax_vm_stats *s,
                        const struct ax_virt_record *r, struct ax_emitter *e)
{
    const struct ax_emit_scope *n = &vm->neutral;
    const struct ax_vm_memory *m = &vm->memory;
    struct ax_str libvirt = AX_STR("libvirt"), balloon = AX_STR("balloon");
    ax_emit1(e, n, "vm_memory_maximum_bytes", "source", libvirt, s->maximum * KIB);
    if (vm->id >= 0) { /* a VM that is off has nothing assigned */
        ax_emit1(e, n, "vm_memory_assigned_bytes", "source", libvirt, s->current * KIB);
        ax_emit1(e, n, "vm_memory_resident_bytes", "source", libvirt, s->rss * KIB);
        ax_emit1(e, n, "vm_memory_resident_bytes", "source", AX_STR("process"),
                 r->process_resident);
        ax_emit1(e, n, "vm_memory_age_seconds", "source", balloon, m->age);
    }
    if (vm->id < 0 || m->silent)
        return;
    ax_emit1(e, n, "vm_memory_guest_visible_bytes", "source", balloon, m->visible);
    ax_emit1(e, n, "vm_memory_guest_available_bytes", "source", balloon, m->available);
    ax_emit1(e, n, "vm_memory_guest_used_bytes", "source", balloon, m->visible - m->available);
    ax_emit1(e, n, "vm_memory_guest_free_bytes", "source", balloon, m->free);
    ax_emit1(e, n, "vm_memory_swap_in_bytes_total", "source", balloon, s->swap_in * KIB);
    ax_emit1(e, n, "vm_memory_swap_out_bytes_total", "source", balloon, s->swap_out * KIB);
    ax_emit1(e, n, "vm_memory_major_faults_total", "source", balloon, s->major_fault);
    EMIT(&vm->libvirt, guest_rows, s, NULL);
    ax_emit(e, &vm->libvirt, "libvirt_domain_memory_stats_used_percent",
            100 * (m->visible - m->available) / m->visible);
}

void ax_vm_emit(const struct ax_vm *vm, const struct ax_vm_stats *s, const struct ax_virt_record *r,
                struct ax_emitter *e)
{
    EMIT(&vm->libvirt, domain_rows, s, NULL);
    ax_emit1(e, &vm->libvirt, "libvirt_domain_info_state", "state_desc", ax_virt_state(vm->state),
             vm->state);
    ax_emit(e, &vm->libvirt, "libvirt_domain_timed_out", vm->timed_out);
    if (vm->def)
        emit_definition(vm, e);
    emit_devices(vm, s, e);
    ax_emit(e, &vm->neutral, "vm_state", vm->state);
    ax_emit(e, &vm->neutral, "vm_up", vm->state == VIR_DOMAIN_RUNNING);
    ax_emit(e, &vm->neutral, "vm_vcpus", s->vcpu_current);
    ax_emit(e, &vm->neutral, "vm_cpu_seconds_total", s->cpu_time * NS);
    emit_memory(vm, s, r, e);
    emit_sums(e, &vm->neutral, block_sums, AX_ARRAY_LEN(block_sums), s->block, sizeof s->block[0],
              s->nblock);
    emit_sums(e, &vm->neutral, net_sums, AX_ARRAY_LEN(net_sums), s->net, sizeof s->net[0], s->nnet);
}
