// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include "base/clock.h"
#include "base/num.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *log_name = "auspex";
static enum ax_log_level log_max = AX_LOG_INFO;
static pthread_mutex_t limit_lock = PTHREAD_MUTEX_INITIALIZER;

void ax_log_setup(const char *name, enum ax_log_level max)
{
    log_name = name;
    log_max = max;
}

static const char *word(enum ax_log_level level)
{
    switch (level) {
    case AX_LOG_ERROR: return "error: ";
    case AX_LOG_WARN: return "warning: ";
    case AX_LOG_DEBUG: return "debug: ";
    default: return "";
    }
}

__attribute__((format(printf, 3, 0))) static void put(enum ax_log_level level, unsigned held,
                                                      const char *fmt, va_list ap)
{
    char line[1024], when[AX_NUM_TEXT];
    int n = 0;
    if (!getenv("JOURNAL_STREAM")) {
        ax_time_print(ax_now_ms(), when);
        n = snprintf(line, sizeof line, "%s ", when);
    } else {
        n = snprintf(line, sizeof line, "<%d>", (int)level);
    }
    n += snprintf(line + n, sizeof line - (size_t)n, "%s: %s", log_name, word(level));
    n += vsnprintf(line + n, sizeof line - (size_t)n, fmt, ap);
    if ((size_t)n < sizeof line && held)
        n += snprintf(line + n, sizeof line - (size_t)n, " (%u more like this)", held);
    if ((size_t)n > sizeof line - 2)
        n = (int)sizeof line - 2;
    n = (int)ax_str_clean(line, (size_t)n); /* names that a guest or a sender chose */
    line[n++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, (size_t)n); /* one write: lines never mix */
    (void)ignored;
}

void ax_log(enum ax_log_level level, const char *fmt, ...)
{
    if (level > log_max)
        return;
    va_list ap;
    va_start(ap, fmt);
    put(level, 0, fmt, ap);
    va_end(ap);
}

void ax_log_limited(struct ax_log_limit *l, int every_s, enum ax_log_level level, const char *fmt,
                    ...)
{
    if (level > log_max)
        return;
    pthread_mutex_lock(&limit_lock);
    long long now = ax_mono_ns();
    bool pass = now >= l->next_ns;
    unsigned held = l->held;
    if (pass)
        *l = (struct ax_log_limit){now + every_s * 1000000000ll, 0};
    else
        l->held++;
    pthread_mutex_unlock(&limit_lock);
    if (!pass)
        return;
    va_list ap;
    va_start(ap, fmt);
    put(level, held, fmt, ap);
    va_end(ap);
}
