// SPDX-License-Identifier: Apache-2.0
#include "collect/self.h"

#include "base/clock.h"

#include <math.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

void ax_self_process(struct ax_emitter *e, const struct ax_emit_scope *scope, struct ax_host *h)
{
    struct ax_str rest, word;
    double virtual_pages, pages, page = (double)sysconf(_SC_PAGESIZE);
    ax_emit(e, scope, "process_cpu_seconds_total", (double)ax_cpu_ns() / 1e9);
    if (ax_host_read(h, "/proc", "self/statm", &rest, NULL) < 0)
        return;
    if (ax_str_word(&rest, &word) && ax_str_double(word, &virtual_pages))
        ax_emit(e, scope, "process_virtual_memory_bytes", virtual_pages * page);
    if (ax_str_word(&rest, &word) && ax_str_double(word, &pages))
        ax_emit(e, scope, "process_resident_memory_bytes", pages * page);
}

/* The value behind "key" and `sep` at the beginning of a line; empty when there is none. */
static struct ax_str value_of(struct ax_str text, struct ax_str key, char sep)
{
    struct ax_str line, head;
    while (ax_str_cut(&text, '\n', &line))
        if (ax_str_cut(&line, sep, &head) && line.p && ax_str_eq(ax_str_trim(head), key))
            return ax_str_trim(line);
    return AX_STR_NULL;
}

static void put_os(struct ax_host *h, struct ax_json *j)
{
    struct ax_str text, name = AX_STR_NULL;
    if (ax_host_read(h, h->rootfs, "etc/os-release", &text, NULL) == 0)
        name = value_of(text, AX_STR("PRETTY_NAME"), '=');
    if (name.n >= 2 && name.p[0] == '"')
        name = (struct ax_str){name.p + 1, name.n - 2};
    ax_json_key(j, "os");
    if (name.n)
        ax_json_str(j, name);
    else
        ax_json_null(j);
}

static double memory_total(struct ax_host *h)
{
    struct ax_str text, value, word;
    double kib;
    if (ax_host_read(h, h->proc, "meminfo", &text, NULL) < 0)
        return NAN;
    value = value_of(text, AX_STR("MemTotal"), ':');
    return ax_str_word(&value, &word) && ax_str_double(word, &kib) ? kib * 1024 : NAN;
}

static int64_t boot_time(struct ax_host *h)
{
    struct ax_str text;
    int64_t s = 0;
    if (ax_host_read(h, h->proc, "stat", &text, NULL) == 0)
        ax_str_i64(value_of(text, AX_STR("btime"), ' '), &s);
    return s * 1000;
}

void ax_self_machine(struct ax_host *h, struct ax_json *j, int64_t *boot_ms)
{
    struct utsname u;
    memset(&u, 0, sizeof u);
    uname(&u);
    ax_json_key(j, "hostname");
    ax_json_cstr(j, u.nodename);
    ax_json_key(j, "kernel");
    ax_json_cstr(j, u.release);
    put_os(h, j);
    ax_json_key(j, "cpus");
    ax_json_int(j, sysconf(_SC_NPROCESSORS_ONLN));
    ax_json_key(j, "memory_bytes");
    ax_json_num(j, memory_total(h));
    *boot_ms = boot_time(h);
    ax_json_key(j, "boot_time");
    ax_json_time(j, *boot_ms);
}

static void put_finding(struct ax_json *j, const char *level, const char *code, const char *text,
                        const char *remedy)
{
    ax_json_obj(j);
    ax_json_key(j, "level");
    ax_json_cstr(j, level);
    ax_json_key(j, "code");
    ax_json_cstr(j, code);
    ax_json_key(j, "text");
    ax_json_cstr(j, text);
    ax_json_key(j, "remedy");
    ax_json_cstr(j, remedy);
    ax_json_end(j);
}

void ax_self_findings(const char *libvirt_error, struct ax_host *h, struct ax_json *j)
{
    struct ax_str text;
    ax_json_key(j, "findings");
    ax_json_arr(j);
    if (libvirt_error[0])
        put_finding(j, "fail", "libvirt-connect", libvirt_error,
                    "start libvirtd and put the user who runs auspex in the group libvirt; "
                    "auspex doctor tells more");
    if (ax_host_read(h, h->proc, "pressure/memory", &text, NULL) < 0)
        put_finding(j, "info", "pressure", "this kernel gives no pressure stall information",
                    "boot with psi=1 on a kernel that has CONFIG_PSI");
    ax_json_end(j);
}
