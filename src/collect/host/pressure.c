// SPDX-License-Identifier: Apache-2.0
/* /proc/pressure: how long tasks waited for a resource ("some") and how long nothing at all could
 * run for want of it ("full"). */
#include "collect/host/host.h"

#include <errno.h>
#include <stdio.h>

static const struct {
    const char *file, *waiting, *stalled;
} resources[] = {
    {"pressure/cpu", "node_pressure_cpu_waiting_seconds_total", NULL},
    {"pressure/memory", "node_pressure_memory_waiting_seconds_total",
     "node_pressure_memory_stalled_seconds_total"},
    {"pressure/io", "node_pressure_io_waiting_seconds_total",
     "node_pressure_io_stalled_seconds_total"},
    {"pressure/irq", NULL, "node_pressure_irq_stalled_seconds_total"},
};

static void emit_line(struct ax_host *h, const char *metric, struct ax_str line)
{
    struct ax_str word, key;
    double us;
    while (metric && ax_str_word(&line, &word))
        if (ax_str_cut(&word, '=', &key) && ax_str_eq(key, AX_STR("total")) &&
            ax_str_double(word, &us))
            ax_host_emit(h, metric, us / 1e6);
}

/* The kernel may lack PSI (or boot with psi=0, when reading fails with EOPNOTSUPP): absent. */
int ax_host_pressure(struct ax_host *h, struct ax_err *err)
{
    bool any = false;
    for (size_t i = 0; i < AX_ARRAY_LEN(resources); i++) {
        struct ax_str rest, line, kind;
        if (ax_host_read(h, h->proc, resources[i].file, &rest, NULL) < 0)
            continue;
        any = true;
        while (ax_str_cut(&rest, '\n', &line)) {
            if (!ax_str_word(&line, &kind))
                continue;
            bool some = ax_str_eq(kind, AX_STR("some"));
            emit_line(h, some ? resources[i].waiting : resources[i].stalled, line);
        }
    }
    return any ? 0 : ax_fail(err, -ENOENT, "this kernel has no pressure stall information");
}
