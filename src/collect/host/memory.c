// SPDX-License-Identifier: Apache-2.0
/* /proc/meminfo (each field is a metric of its own, as in the node exporter) and the counters of
 * /proc/vmstat that tell of memory pressure. */
#include "collect/host/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* "Active(anon)" -> node_memory_Active_anon_bytes; fields without "kB" are counts. */
static bool metric_name(struct ax_str field, bool bytes, char *out, size_t size)
{
    int n = snprintf(out, size, "node_memory_%.*s%s", AX_STR_ARG(field), bytes ? "_bytes" : "");
    if (n < 0 || (size_t)n >= size)
        return false;
    char *to = out;
    for (char *from = out; *from; from++) {
        if (*from == '(')
            *to++ = '_';
        else if (*from != ')')
            *to++ = *from;
    }
    *to = '\0';
    return ax_metric_name_ok(ax_str(out));
}

int ax_host_memory(struct ax_host *h, struct ax_err *err)
{
    struct ax_str rest, line, field, word;
    int rc = ax_host_read(h, h->proc, "meminfo", &rest, err);
    if (rc < 0)
        return rc;
    while (ax_str_cut(&rest, '\n', &line)) {
        char name[96];
        double v;
        if (!ax_str_cut(&line, ':', &field) || !ax_str_word(&line, &word) ||
            !ax_str_double(word, &v))
            continue;
        bool kib = ax_str_word(&line, &word) && ax_str_eq(word, AX_STR("kB"));
        if (metric_name(field, kib, name, sizeof name))
            ax_host_emit(h, name, kib ? v * 1024 : v);
    }
    return 0;
}

/* The first seven are the node exporter's own choice; the rest warn of thrashing and squeezing. */
static const char *const vmstat_fields[] = {
    "oom_kill",
    "pgfault",
    "pgmajfault",
    "pgpgin",
    "pgpgout",
    "pswpin",
    "pswpout",
    "pgscan_direct",
    "pgscan_kswapd",
    "pgsteal_direct",
    "pgsteal_kswapd",
    "workingset_refault_anon",
    "compact_fail",
    "compact_stall",
    "workingset_refault_file",
    "allocstall_dma",
    "thp_fault_fallback",
    "allocstall_dma32",
    "allocstall_normal",
    "allocstall_movable",
    "balloon_inflate",
    "balloon_deflate",
};

int ax_host_vmstat(struct ax_host *h, struct ax_err *err)
{
    struct ax_str rest, line, field, word;
    int rc = ax_host_read(h, h->proc, "vmstat", &rest, err);
    if (rc < 0)
        return rc;
    while (ax_str_cut(&rest, '\n', &line)) {
        double v;
        if (!ax_str_word(&line, &field) || !ax_str_word(&line, &word) || !ax_str_double(word, &v))
            continue;
        for (size_t i = 0; i < AX_ARRAY_LEN(vmstat_fields); i++) {
            char name[64];
            if (!ax_str_eq(field, ax_str(vmstat_fields[i])))
                continue;
            snprintf(name, sizeof name, "node_vmstat_%s", vmstat_fields[i]);
            ax_host_emit(h, name, v);
        }
    }
    return 0;
}
