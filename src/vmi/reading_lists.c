// SPDX-License-Identifier: Apache-2.0
/* The lists of a reading, as JSON. */
#include "vmi/reading_put.h"

static void put_process(struct ax_json *j, const struct ax_process *p, double uptime)
{
    ax_json_obj(j);
    ax_put_int(j, "pid", p->pid);
    ax_put_int(j, "ppid", p->ppid);
    ax_put_int(j, "uid", p->uid);
    ax_put_str(j, "name", ax_name_in(p->name, sizeof p->name));
    ax_put_str(j, "state", (struct ax_str){&p->state, 1});
    ax_put_bool(j, "kernel_thread", p->kernel_thread);
    ax_put_int(j, "threads", p->threads);
    ax_put_int(j, "rss_bytes", p->rss);
    ax_put_int(j, "swap_bytes", p->swap);
    ax_put_num(j, "cpu_seconds", ((double)p->user_us + (double)p->system_us) / 1e6);
    ax_put_us(j, "user_seconds", p->user_us);
    ax_put_us(j, "system_seconds", p->system_us);
    ax_put_us(j, "start_seconds", p->start_us);
    if (uptime > (double)p->start_us / 1e6)
        ax_put_num(j, "age_seconds", uptime - (double)p->start_us / 1e6);
    ax_put_int(j, "context_switches_total", p->switches);
    ax_put_int(j, "open_files", p->open_files);
    if (p->state == 'D')
        ax_put_us(j, "blocked_seconds", p->blocked_us);
    ax_json_end(j);
}

static void put_processes(struct ax_json *j, const struct ax_reading *r)
{
    ax_json_key(j, "processes");
    ax_json_arr(j);
    for (size_t i = 0; i < r->n_processes; i++)
        put_process(j, &r->processes[i], r->parts & AX_PART_SYSTEM ? r->system.uptime : 0);
    ax_json_end(j);
}

static void put_messages(struct ax_json *j, const struct ax_reading *r)
{
    ax_json_key(j, "messages");
    ax_json_arr(j);
    for (size_t i = 0; i < r->n_messages; i++) {
        const struct ax_message *m = &r->messages[i];
        ax_json_obj(j);
        ax_put_int(j, "sequence", (int64_t)(m->sequence & INT64_MAX));
        ax_put_us(j, "time_seconds", m->time_us);
        ax_put_int(j, "level", m->level);
        ax_put_int(j, "facility", m->facility);
        ax_put_str(j, "text", m->text);
        ax_json_end(j);
    }
    ax_json_end(j);
    ax_put_int(j, "messages_lost", (int64_t)r->messages_lost);
}

static void put_modules(struct ax_json *j, const struct ax_reading *r)
{
    ax_json_key(j, "modules");
    ax_json_arr(j);
    for (size_t i = 0; i < r->n_modules; i++) {
        const struct ax_module *m = &r->modules[i];
        ax_json_obj(j);
        ax_put_str(j, "name", m->name);
        ax_put_int(j, "size_bytes", m->size);
        ax_put_int(j, "references", m->references);
        ax_put_str(j, "state", ax_str(m->state));
        ax_put_str(j, "taints", m->taints);
        ax_json_end(j);
    }
    ax_json_end(j);
}

static void put_netdev(struct ax_json *j, const struct ax_netdev *d)
{
    ax_json_obj(j);
    ax_put_str(j, "name", d->name);
    ax_put_bool(j, "up", d->up);
    ax_put_bool(j, "carrier", d->carrier);
    ax_put_int(j, "mtu", d->mtu);
    ax_put_int(j, "receive_bytes_total", d->rx_bytes);
    ax_put_int(j, "receive_packets_total", d->rx_packets);
    ax_put_int(j, "receive_errors_total", d->rx_errors);
    ax_put_int(j, "receive_dropped_total", d->rx_dropped);
    ax_put_int(j, "transmit_bytes_total", d->tx_bytes);
    ax_put_int(j, "transmit_packets_total", d->tx_packets);
    ax_put_int(j, "transmit_errors_total", d->tx_errors);
    ax_put_int(j, "transmit_dropped_total", d->tx_dropped);
    ax_json_end(j);
}

static void put_network(struct ax_json *j, const struct ax_reading *r)
{
    ax_json_key(j, "network");
    ax_json_arr(j);
    for (size_t i = 0; i < r->n_netdevs; i++)
        put_netdev(j, &r->netdevs[i]);
    ax_json_end(j);
}

static void put_disk(struct ax_json *j, const struct ax_disk *d)
{
    ax_json_obj(j);
    ax_put_str(j, "name", d->name);
    ax_put_int(j, "size_bytes", d->size);
    ax_put_int(j, "reads_total", d->reads);
    ax_put_int(j, "read_bytes_total", d->read_bytes);
    ax_put_us(j, "read_seconds_total", d->read_us);
    ax_put_int(j, "writes_total", d->writes);
    ax_put_int(j, "written_bytes_total", d->written_bytes);
    ax_put_us(j, "write_seconds_total", d->write_us);
    ax_put_us(j, "io_seconds_total", d->io_us);
    ax_put_int(j, "in_flight", d->in_flight);
    ax_json_end(j);
}

static void put_filesystem(struct ax_json *j, const struct ax_filesystem *f)
{
    ax_json_obj(j);
    ax_put_str(j, "device", f->device);
    ax_put_str(j, "type", f->type);
    if (f->mountpoint.n)
        ax_put_str(j, "mountpoint", f->mountpoint);
    ax_put_bool(j, "read_only", f->read_only);
    ax_put_int(j, "size_bytes", f->size);
    ax_put_int(j, "free_bytes", f->free);
    ax_put_int(j, "available_bytes", f->available);
    ax_put_int(j, "inodes", f->inodes);
    ax_put_int(j, "inodes_free", f->inodes_free);
    ax_put_int(j, "errors_total", f->errors);
    ax_json_end(j);
}

static void put_storage(struct ax_json *j, const struct ax_reading *r)
{
    ax_json_key(j, "disks");
    ax_json_arr(j);
    for (size_t i = 0; i < r->n_disks; i++)
        put_disk(j, &r->disks[i]);
    ax_json_end(j);
    ax_json_key(j, "filesystems");
    ax_json_arr(j);
    for (size_t i = 0; i < r->n_filesystems; i++)
        put_filesystem(j, &r->filesystems[i]);
    ax_json_end(j);
}

static void put_stacks(struct ax_json *j, const struct ax_reading *r)
{
    ax_json_key(j, "stacks");
    ax_json_arr(j);
    for (size_t i = 0; i < r->n_stacks; i++) {
        const struct ax_stack *s = &r->stacks[i];
        ax_json_obj(j);
        ax_put_int(j, "pid", s->pid);
        ax_put_str(j, "name", ax_name_in(s->name, sizeof s->name));
        ax_put_us(j, "blocked_seconds", s->blocked_us);
        ax_json_key(j, "frames");
        ax_json_arr(j);
        for (size_t f = 0; f < s->n_frames; f++)
            ax_json_str(j, s->frames[f]);
        ax_json_end(j);
        ax_json_end(j);
    }
    ax_json_end(j);
}

static void put_integrity(struct ax_json *j, const struct ax_reading *r)
{
    ax_json_key(j, "integrity");
    ax_json_obj(j);
    ax_put_bool(j, "ok", r->n_tampering == 0);
    ax_json_key(j, "findings");
    ax_json_arr(j);
    for (size_t i = 0; i < r->n_tampering; i++) {
        ax_json_obj(j);
        ax_put_str(j, "kind", ax_str(r->tampering[i].kind));
        ax_put_str(j, "what", r->tampering[i].what);
        ax_put_str(j, "text", r->tampering[i].text);
        ax_json_end(j);
    }
    ax_json_end(j);
    ax_json_end(j);
}

void ax_put_lists(struct ax_json *j, const struct ax_reading *r, enum ax_part part)
{
    switch (part) {
    case AX_PART_NETWORK: put_network(j, r); break;
    case AX_PART_STORAGE: put_storage(j, r); break;
    case AX_PART_PROCESSES: put_processes(j, r); break;
    case AX_PART_MODULES: put_modules(j, r); break;
    case AX_PART_INTEGRITY: put_integrity(j, r); break;
    case AX_PART_LOG: put_messages(j, r); break;
    case AX_PART_STACKS: put_stacks(j, r); break;
    default: break; /* numbers, no list */
    }
}
