// SPDX-License-Identifier: Apache-2.0
/* Numbers as people read them; the results are those of Prometheus's template functions. */
#ifndef AX_ALARM_HUMANIZE_H
#define AX_ALARM_HUMANIZE_H

#include "base/buf.h"

typedef void ax_humanize(double v, struct ax_buf *out);

ax_humanize ax_humanize_1000;       /* 1234567 -> 1.235M */
ax_humanize ax_humanize_1024;       /* 1048576 -> 1Mi */
ax_humanize ax_humanize_duration;   /* seconds: 3725 -> 1h 2m 5s */
ax_humanize ax_humanize_percentage; /* 0.1234 -> 12.34% */
ax_humanize ax_humanize_timestamp;  /* seconds since the epoch: 2026-11-22 02:10:00 +0000 UTC */

#endif
