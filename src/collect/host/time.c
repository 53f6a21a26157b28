// SPDX-License-Identifier: Apache-2.0
/* Is this machine's clock right? From the kernel's own clock discipline (adjtimex, read only). */
#include "collect/host/host.h"

#include <sys/timex.h>

int ax_host_time(struct ax_host *h, struct ax_err *err)
{
    struct timex t = {.modes = 0};
    int state = adjtimex(&t);
    if (state < 0)
        return ax_fail_errno(err, "cannot read the kernel's clock state");
    double unit = t.status & STA_NANO ? 1e-9 : 1e-6;
    ax_host_emit(h, "node_time_seconds", (double)h->emit->now / 1e3);
    ax_host_emit(h, "node_timex_sync_status", state != TIME_ERROR);
    ax_host_emit(h, "node_timex_status", t.status);
    ax_host_emit(h, "node_timex_offset_seconds", (double)t.offset * unit);
    ax_host_emit(h, "node_timex_maxerror_seconds", (double)t.maxerror / 1e6);
    ax_host_emit(h, "node_timex_estimated_error_seconds", (double)t.esterror / 1e6);
    ax_host_emit(h, "node_timex_frequency_adjustment_ratio", 1 + (double)t.freq / 65536e6);
    return 0;
}
