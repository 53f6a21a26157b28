// SPDX-License-Identifier: Apache-2.0
/* One event, one line, on stderr: with its time, or where stderr is systemd's journal, with the
 * "<N>" priority that the journal understands. Thread-safe. Rooms below the programs' own code do
 * not log: they return errors. */
#ifndef AX_BASE_LOG_H
#define AX_BASE_LOG_H

enum ax_log_level { AX_LOG_ERROR = 3, AX_LOG_WARN = 4, AX_LOG_INFO = 6, AX_LOG_DEBUG = 7 };

/* What is printed from now on, and the word before each line ("serve", "host"). `name` must stay
 * valid. Call once, before threads start. */
void ax_log_setup(const char *name, enum ax_log_level max);
void ax_log(enum ax_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* For lines that could repeat with each round: lets one line through per `every_s` seconds and
 * tells how many were held back. Give each call site its own static, zeroed limiter. */
struct ax_log_limit {
    long long next_ns;
    unsigned held;
};
void ax_log_limited(struct ax_log_limit *l, int every_s, enum ax_log_level level, const char *fmt,
                    ...) __attribute__((format(printf, 4, 5)));

#endif
