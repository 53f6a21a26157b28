// SPDX-License-Identifier: Apache-2.0
#include "cli/bench_proc.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 65536

static int read_of(pid_t pid, const char *what, struct ax_buf *out, struct ax_err *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, what);
    if (ax_file_read(AT_FDCWD, path, TEXT_MAX, out, NULL) < 0)
        return ax_fail(err, -ESRCH, "there is no process %d to measure", (int)pid);
    return 0;
}

/* The name in brackets may hold anything, a bracket too: fields count from the last one. */
static double cpu_of(struct ax_str stat)
{
    double ticks = 0;
    struct ax_str word;
    for (size_t i = stat.n; i > 0; i--)
        if (stat.p[i - 1] == ')') {
            stat = (struct ax_str){stat.p + i, stat.n - i};
            break;
        }
    for (unsigned field = 3; field <= 15 && ax_str_word(&stat, &word); field++) {
        uint64_t v;
        if (field >= 14 && ax_str_u64(word, &v)) /* utime, stime */
            ticks += (double)v;
    }
    return ticks / (double)sysconf(_SC_CLK_TCK);
}

/* "VmRSS:     1234 kB" */
static double amount_of(struct ax_str status, const char *key)
{
    struct ax_str line, word;
    uint64_t kib;
    while (ax_str_cut(&status, '\n', &line))
        if (ax_str_word(&line, &word) && ax_str_eq(word, ax_str(key)) &&
            ax_str_word(&line, &word) && ax_str_u64(word, &kib))
            return (double)kib * 1024;
    return NAN;
}

int ax_proc_read(pid_t pid, struct ax_proc *out, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf stat = AX_BUF_INIT, status = AX_BUF_INIT;
    int rc = read_of(pid, "stat", &stat, err);
    if (rc == 0)
        rc = read_of(pid, "status", &status, err);
    if (rc < 0)
        return rc;
    *out = (struct ax_proc){.cpu_s = cpu_of(ax_buf_view(&stat)),
                            .resident = amount_of(ax_buf_view(&status), "VmRSS:"),
                            .peak = amount_of(ax_buf_view(&status), "VmHWM:"),
                            .anonymous = amount_of(ax_buf_view(&status), "RssAnon:")};
    return 0;
}

double ax_proc_cpu(pid_t pid)
{
    struct ax_proc p;
    return pid && ax_proc_read(pid, &p, NULL) == 0 ? p.cpu_s : NAN;
}

double ax_load_average(void)
{
    double load;
    return getloadavg(&load, 1) == 1 ? load : NAN;
}
