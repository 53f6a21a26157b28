// SPDX-License-Identifier: Apache-2.0
/* A worker's JSON as a reading again. The worker may have been taken over by the guest whose memory
 * it read: what is not there, or not as it should be, is unknown. */
#include "collect/vmi/sight.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>

/* As many as a sound worker tells of at most. */
#define TASKS_MAX       65536 /* processes, and lines of the log */
#define DEVICES_MAX     1024
#define FILESYSTEMS_MAX 4096
#define STACKS_MAX      64
#define FRAMES_MAX      32

enum how { INT, US }; /* whole; seconds that become microseconds */
struct field {
    const char *key;
    size_t offset;
    enum how how;
};
#define F(type, member, key, how)                                                                  \
    {                                                                                              \
        key, offsetof(struct type, member), how                                                    \
    }

static double number(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static int64_t whole(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_integer(v) ? json_integer_value(v) : AX_UNKNOWN;
}

static int64_t micros(const json_t *o, const char *key)
{
    double s = number(o, key);
    return s >= 0 && s < 1e12 ? (int64_t)(s * 1e6) : AX_UNKNOWN;
}

static struct ax_str text(const json_t *o, const char *key, struct ax_arena *a)
{
    const json_t *v = json_object_get(o, key);
    return json_is_string(v)
               ? ax_arena_str(a, (struct ax_str){json_string_value(v), json_string_length(v)})
               : AX_STR("");
}

static void fill(const json_t *o, void *record, const struct field *f, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int64_t v = f[i].how == US ? micros(o, f[i].key) : whole(o, f[i].key);
        memcpy((char *)record + f[i].offset, &v, sizeof v);
    }
}

/* ---- system and memory ---- */

static void read_pressure(const json_t *o, const char *key, struct ax_pressure *out)
{
    const json_t *p = json_object_get(o, key);
    *out = (struct ax_pressure){micros(p, "some_seconds"), micros(p, "full_seconds"),
                                number(p, "some_avg10"), number(p, "full_avg10")};
}

static enum ax_guest_state state_of(const char *word)
{
    static const char *const words[] = {"running", "booting", "oopsed", "panicked"};
    for (unsigned i = 0; word && i < AX_ARRAY_LEN(words); i++)
        if (strcmp(words[i], word) == 0)
            return (enum ax_guest_state)i;
    return AX_GUEST_RUNNING;
}

static bool read_system(const json_t *o, struct ax_system *s)
{
    static const struct field fields[] = {
        F(ax_system, panic_cpu, "panic_cpu", INT),
        F(ax_system, cpus_online, "cpus_online", INT),
        F(ax_system, threads, "threads", INT),
        F(ax_system, runnable, "runnable", INT),
        F(ax_system, uninterruptible, "uninterruptible", INT),
        F(ax_system, forks, "forks_total", INT),
        F(ax_system, switches, "context_switches_total", INT),
        F(ax_system, oom_kills, "oom_kills_total", INT),
        F(ax_system, page_faults, "page_faults_total", INT),
        F(ax_system, major_faults, "major_faults_total", INT),
        F(ax_system, swap_in_pages, "swap_in_pages_total", INT),
        F(ax_system, swap_out_pages, "swap_out_pages_total", INT),
    };
    fill(o, s, fields, AX_ARRAY_LEN(fields));
    s->state = state_of(json_string_value(json_object_get(o, "state")));
    s->uptime = number(o, "uptime_seconds");
    s->time = number(o, "time_seconds");
    s->load[0] = number(o, "load1");
    s->load[1] = number(o, "load5");
    s->load[2] = number(o, "load15");
    int64_t jiffies = whole(o, "jiffies"), tainted = whole(o, "tainted");
    s->jiffies = (uint64_t)jiffies;
    s->tainted = tainted < 0 ? 0 : (uint64_t)tainted;
    for (size_t i = 0; i < AX_CPU_MODES; i++)
        s->cpu_us[i] = micros(json_object_get(o, "cpu_seconds"), ax_cpu_mode_names[i]);
    const json_t *pressure = json_object_get(o, "pressure");
    s->has_pressure = json_is_object(pressure);
    read_pressure(pressure, "io", &s->io);
    read_pressure(pressure, "memory", &s->memory);
    read_pressure(pressure, "cpu", &s->cpu);
    return isfinite(s->uptime) && jiffies != AX_UNKNOWN;
}

#define M(member) F(ax_memory, member, #member "_bytes", INT)
static void read_memory(const json_t *o, struct ax_memory *m)
{
    static const struct field fields[] = {
        M(total),        M(free),          M(available),    M(buffers),
        M(cached),       M(swap_cached),   M(active_anon),  M(inactive_anon),
        M(active_file),  M(inactive_file), M(unevictable),  M(anonymous),
        M(mapped),       M(shmem),         M(slab),         M(slab_reclaimable),
        M(kernel_stack), M(page_tables),   M(dirty),        M(slab_unreclaimable),
        M(writeback),    M(committed),     M(commit_limit), M(swap_total),
        M(swap_free),
    };
    fill(o, m, fields, AX_ARRAY_LEN(fields));
}

/* ---- lists ---- */

static size_t length(const json_t *list, size_t max)
{
    size_t n = json_array_size(list);
    return n < max ? n : max;
}

static void set_name(char out[16], const json_t *o)
{
    struct ax_str name = ax_str(json_string_value(json_object_get(o, "name")));
    snprintf(out, 16, "%.*s", AX_STR_ARG(ax_str_within(name, 15)));
}

static int32_t pid_of(const json_t *o)
{
    int64_t pid = whole(o, "pid");
    return pid > 0 && pid <= INT32_MAX ? (int32_t)pid : 0;
}

static void read_processes(const json_t *list, struct ax_arena *a, struct ax_reading *r)
{
    static const struct field fields[] = {
        F(ax_process, rss, "rss_bytes", INT),
        F(ax_process, user_us, "user_seconds", US),
        F(ax_process, system_us, "system_seconds", US),
        F(ax_process, switches, "context_switches_total", INT),
        F(ax_process, start_us, "start_seconds", US),
        F(ax_process, blocked_us, "blocked_seconds", US),
    };
    r->n_processes = length(list, TASKS_MAX);
    r->processes = AX_NEWS(a, struct ax_process, r->n_processes + 1);
    for (size_t i = 0; i < r->n_processes; i++) {
        const json_t *o = json_array_get(list, i);
        struct ax_process *p = &r->processes[i];
        const char *state = json_string_value(json_object_get(o, "state"));
        fill(o, p, fields, AX_ARRAY_LEN(fields));
        p->user_us = p->user_us < 0 ? 0 : p->user_us;
        p->system_us = p->system_us < 0 ? 0 : p->system_us;
        p->pid = pid_of(o);
        p->state = state ? state[0] : '\0';
        p->kernel_thread = json_is_true(json_object_get(o, "kernel_thread"));
        set_name(p->name, o);
    }
}

static void read_network(const json_t *list, struct ax_arena *a, struct ax_reading *r)
{
    static const struct field fields[] = {
        F(ax_netdev, rx_bytes, "receive_bytes_total", INT),
        F(ax_netdev, rx_packets, "receive_packets_total", INT),
        F(ax_netdev, rx_errors, "receive_errors_total", INT),
        F(ax_netdev, rx_dropped, "receive_dropped_total", INT),
        F(ax_netdev, tx_bytes, "transmit_bytes_total", INT),
        F(ax_netdev, tx_packets, "transmit_packets_total", INT),
        F(ax_netdev, tx_errors, "transmit_errors_total", INT),
        F(ax_netdev, tx_dropped, "transmit_dropped_total", INT),
    };
    r->n_netdevs = length(list, DEVICES_MAX);
    r->netdevs = AX_NEWS(a, struct ax_netdev, r->n_netdevs + 1);
    for (size_t i = 0; i < r->n_netdevs; i++) {
        const json_t *o = json_array_get(list, i);
        fill(o, &r->netdevs[i], fields, AX_ARRAY_LEN(fields));
        r->netdevs[i].name = text(o, "name", a);
        r->netdevs[i].up = json_is_true(json_object_get(o, "up"));
    }
}

static void read_disks(const json_t *list, struct ax_arena *a, struct ax_reading *r)
{
    static const struct field fields[] = {
        F(ax_disk, reads, "reads_total", INT),
        F(ax_disk, read_bytes, "read_bytes_total", INT),
        F(ax_disk, read_us, "read_seconds_total", US),
        F(ax_disk, writes, "writes_total", INT),
        F(ax_disk, written_bytes, "written_bytes_total", INT),
        F(ax_disk, write_us, "write_seconds_total", US),
        F(ax_disk, io_us, "io_seconds_total", US),
        F(ax_disk, in_flight, "in_flight", INT),
    };
    r->n_disks = length(list, DEVICES_MAX);
    r->disks = AX_NEWS(a, struct ax_disk, r->n_disks + 1);
    for (size_t i = 0; i < r->n_disks; i++) {
        const json_t *o = json_array_get(list, i);
        fill(o, &r->disks[i], fields, AX_ARRAY_LEN(fields));
        r->disks[i].name = text(o, "name", a);
    }
}

static void read_filesystems(const json_t *list, struct ax_arena *a, struct ax_reading *r)
{
    static const struct field fields[] = {
        F(ax_filesystem, size, "size_bytes", INT),
        F(ax_filesystem, free, "free_bytes", INT),
        F(ax_filesystem, available, "available_bytes", INT),
        F(ax_filesystem, inodes, "inodes", INT),
        F(ax_filesystem, inodes_free, "inodes_free", INT),
        F(ax_filesystem, errors, "errors_total", INT),
    };
    r->n_filesystems = length(list, FILESYSTEMS_MAX);
    r->filesystems = AX_NEWS(a, struct ax_filesystem, r->n_filesystems + 1);
    for (size_t i = 0; i < r->n_filesystems; i++) {
        const json_t *o = json_array_get(list, i);
        struct ax_filesystem *f = &r->filesystems[i];
        fill(o, f, fields, AX_ARRAY_LEN(fields));
        f->device = text(o, "device", a);
        f->type = text(o, "type", a);
        f->mountpoint = text(o, "mountpoint", a);
        f->read_only = json_is_true(json_object_get(o, "read_only"));
    }
}

static void read_messages(const json_t *list, struct ax_arena *a, struct ax_reading *r)
{
    r->n_messages = length(list, TASKS_MAX);
    r->messages = AX_NEWS(a, struct ax_message, r->n_messages + 1);
    for (size_t i = 0; i < r->n_messages; i++) {
        const json_t *o = json_array_get(list, i);
        r->messages[i] =
            (struct ax_message){.time_us = micros(o, "time_seconds"), .text = text(o, "text", a)};
    }
}

static void read_stacks(const json_t *list, struct ax_arena *a, struct ax_reading *r)
{
    r->n_stacks = length(list, STACKS_MAX);
    r->stacks = AX_NEWS(a, struct ax_stack, r->n_stacks + 1);
    for (size_t i = 0; i < r->n_stacks; i++) {
        const json_t *o = json_array_get(list, i), *frames = json_object_get(o, "frames");
        struct ax_stack *s = &r->stacks[i];
        s->pid = pid_of(o);
        s->blocked_us = micros(o, "blocked_seconds");
        s->n_frames = length(frames, FRAMES_MAX);
        s->frames = AX_NEWS(a, struct ax_str, s->n_frames + 1);
        for (size_t k = 0; k < s->n_frames; k++) {
            const json_t *f = json_array_get(frames, k);
            s->frames[k] =
                ax_arena_str(a, (struct ax_str){json_string_value(f), json_string_length(f)});
        }
    }
}

/* ---- all of it ---- */

static int64_t nanos(const json_t *o, const char *key)
{
    double s = number(o, key);
    return s >= 0 && s < 1e6 ? (int64_t)(s * 1e9) : 0;
}

static void read_parts(const json_t *o, struct ax_arena *a, struct ax_reading *r)
{
    static const struct {
        const char *key;
        unsigned part;
        void (*read)(const json_t *list, struct ax_arena *a, struct ax_reading *r);
    } lists[] = {{"processes", AX_PART_PROCESSES, read_processes},
                 {"network", AX_PART_NETWORK, read_network},
                 {"disks", AX_PART_STORAGE, read_disks},
                 {"filesystems", AX_PART_STORAGE, read_filesystems},
                 {"messages", AX_PART_LOG, read_messages},
                 {"stacks", AX_PART_STACKS, read_stacks}};
    const json_t *memory = json_object_get(o, "memory");
    if (read_system(json_object_get(o, "system"), &r->system))
        r->parts |= AX_PART_SYSTEM;
    if (json_is_object(memory)) {
        read_memory(memory, &r->memory);
        r->parts |= AX_PART_MEMORY;
    }
    for (size_t i = 0; i < AX_ARRAY_LEN(lists); i++) {
        const json_t *list = json_object_get(o, lists[i].key);
        if (!json_is_array(list))
            continue;
        lists[i].read(list, a, r);
        r->parts |= lists[i].part;
    }
}

int ax_sight_parse(struct ax_str json, struct ax_arena *a, struct ax_reading *out,
                   struct ax_err *err)
{
    if (ax_reading_check_bounds(json, err) < 0)
        return -EFBIG;
    json_t *o = json_loadb(json.n ? json.p : "", json.n, JSON_ALLOW_NUL, NULL);
    if (!json_is_object(o)) {
        json_decref(o);
        return ax_fail(err, -EPROTO, "the worker's answer is no JSON object");
    }
    *out = (struct ax_reading){.kernel = text(o, "kernel", a),
                               .build_id = text(o, "build_id", a),
                               .attach_ns = nanos(o, "attach_seconds"),
                               .poll_ns = nanos(o, "poll_seconds")};
    read_parts(o, a, out);
    json_decref(o);
    return 0;
}
