// SPDX-License-Identifier: Apache-2.0
/* Load, open files, entropy, the kernel's own complaints, and what machine this is. */
#include "collect/host/host.h"

#include <errno.h>
#include <math.h>
#include <sys/utsname.h>

static int load(struct ax_host *h, struct ax_err *err)
{
    static const char *const metrics[] = {"node_load1", "node_load5", "node_load15"};
    struct ax_str rest, word;
    int rc = ax_host_read(h, h->proc, "loadavg", &rest, err);
    for (size_t i = 0; rc == 0 && i < AX_ARRAY_LEN(metrics); i++) {
        double v;
        if (ax_str_word(&rest, &word) && ax_str_double(word, &v))
            ax_host_emit(h, metrics[i], v);
    }
    return rc;
}

static void open_files(struct ax_host *h)
{
    struct ax_str rest, used, unused, max;
    double v;
    if (ax_host_read(h, h->proc, "sys/fs/file-nr", &rest, NULL) < 0)
        return;
    rest = ax_str_trim(rest);
    if (!ax_str_word(&rest, &used) || !ax_str_word(&rest, &unused) || !ax_str_word(&rest, &max))
        return;
    if (ax_str_double(used, &v))
        ax_host_emit(h, "node_filefd_allocated", v);
    if (ax_str_double(max, &v))
        ax_host_emit(h, "node_filefd_maximum", v);
}

static void uptime(struct ax_host *h)
{
    struct ax_str rest, word;
    double v;
    if (ax_host_read(h, h->proc, "uptime", &rest, NULL) == 0 && ax_str_word(&rest, &word) &&
        ax_str_double(word, &v))
        ax_host_emit(h, "node_uptime_seconds", v);
}

static void machine(struct ax_host *h)
{
    struct utsname u;
    if (uname(&u) < 0)
        return;
    struct ax_label l[] = {
        {AX_STR("domainname"), ax_str(u.domainname)}, {AX_STR("machine"), ax_str(u.machine)},
        {AX_STR("nodename"), ax_str(u.nodename)},     {AX_STR("release"), ax_str(u.release)},
        {AX_STR("sysname"), ax_str(u.sysname)},       {AX_STR("version"), ax_str(u.version)},
    };
    ax_emit_with(h->emit, &h->scope, "node_uname_info", l, AX_ARRAY_LEN(l), 1);
}

int ax_host_system(struct ax_host *h, struct ax_err *err)
{
    static const struct {
        const char *metric;
        bool sys;
        const char *path;
    } numbers[] = {
        {"node_entropy_available_bits", false, "sys/kernel/random/entropy_avail"},
        {"node_entropy_pool_size_bits", false, "sys/kernel/random/poolsize"},
        {"node_kernel_tainted", false, "sys/kernel/tainted"},
        {"node_kernel_oops_total", true, "kernel/oops_count"},
        {"node_kernel_warnings_total", true, "kernel/warn_count"},
    };
    int rc = load(h, err);
    open_files(h);
    uptime(h);
    machine(h);
    for (size_t i = 0; i < AX_ARRAY_LEN(numbers); i++)
        ax_host_emit(h, numbers[i].metric,
                     ax_host_number(h, numbers[i].sys ? h->sys : h->proc, numbers[i].path));
    return rc;
}
