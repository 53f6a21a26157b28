// SPDX-License-Identifier: Apache-2.0
/* /proc/stat: time per CPU and mode, and the kernel's event counters. */
#include "collect/host/host.h"

#include <unistd.h>

/* In the order of the columns. guest and guest_nice are within user and nice: own metric. */
static const char *const modes[] = {"user",   "nice", "system",  "idle",
                                    "iowait", "irq",  "softirq", "steal"};
static const char *const guest_modes[] = {"user", "nice"};

static void emit_cpu(struct ax_host *h, struct ax_str cpu, struct ax_str columns)
{
    double tick = 1.0 / (double)sysconf(_SC_CLK_TCK), v;
    struct ax_str word;
    for (size_t i = 0; ax_str_word(&columns, &word) && ax_str_double(word, &v); i++) {
        bool guest = i >= AX_ARRAY_LEN(modes);
        size_t g = i - AX_ARRAY_LEN(modes);
        if (guest && g >= AX_ARRAY_LEN(guest_modes))
            return; /* a column of a kernel newer than this source */
        struct ax_label l[] = {{AX_STR("cpu"), cpu},
                               {AX_STR("mode"), ax_str(guest ? guest_modes[g] : modes[i])}};
        ax_emit_with(h->emit, &h->scope,
                     guest ? "node_cpu_guest_seconds_total" : "node_cpu_seconds_total", l, 2,
                     v * tick);
    }
}

static void emit_counter(struct ax_host *h, struct ax_str key, struct ax_str columns)
{
    static const struct {
        const char *key, *metric;
    } counters[] = {
        {"ctxt", "node_context_switches_total"}, {"intr", "node_intr_total"},
        {"processes", "node_forks_total"},       {"btime", "node_boot_time_seconds"},
        {"procs_running", "node_procs_running"}, {"procs_blocked", "node_procs_blocked"},
    };
    struct ax_str word;
    double v;
    for (size_t i = 0; i < AX_ARRAY_LEN(counters); i++)
        if (ax_str_eq(key, ax_str(counters[i].key)) && ax_str_word(&columns, &word) &&
            ax_str_double(word, &v))
            ax_host_emit(h, counters[i].metric, v);
}

int ax_host_cpu(struct ax_host *h, struct ax_err *err)
{
    struct ax_str rest, line, key;
    int rc = ax_host_read(h, h->proc, "stat", &rest, err);
    if (rc < 0)
        return rc;
    while (ax_str_cut(&rest, '\n', &line)) {
        if (!ax_str_word(&line, &key))
            continue;
        if (!ax_str_starts(key, AX_STR("cpu")))
            emit_counter(h, key, line);
        else if (key.n > 3)
            emit_cpu(h, (struct ax_str){key.p + 3, key.n - 3}, line);
    }
    return 0;
}
