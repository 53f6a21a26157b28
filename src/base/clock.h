// SPDX-License-Identifier: Apache-2.0
/* The two clocks. Mathematics never reads them: it is handed the time. */
#ifndef AX_BASE_CLOCK_H
#define AX_BASE_CLOCK_H

#include <stdint.h>

int64_t ax_now_ms(void);  /* wall clock, ms since the epoch, UTC */
int64_t ax_mono_ns(void); /* monotonic, for durations and deadlines */
int64_t ax_cpu_ns(void);  /* CPU time of this process; in ticks when it has a limit of CPU time */
int64_t ax_thread_cpu_ns(void); /* CPU time of this thread, exact */
void ax_sleep_ms(int64_t ms);

#endif
