// SPDX-License-Identifier: Apache-2.0
/* One transfer, whatever its type. */
#include "notify/inner.h"

#include "base/clock.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MAX (1u << 20)

void ax_try_finish(struct ax_try *t, enum ax_outcome outcome, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(t->text, sizeof t->text, fmt, ap);
    va_end(ap);
    t->outcome = outcome;
    t->done = true;
}

/* Keeps the beginning for the error's text; who sends without end is cut off. */
size_t ax_try_answer(char *data, size_t size, size_t count, void *arg)
{
    struct ax_try *t = arg;
    size_t n = size * count;
    for (size_t i = 0; i < n && t->answered + i + 1 < sizeof t->answer; i++)
        t->answer[t->answered + i] = data[i] >= ' ' && data[i] < 0x7f ? data[i] : ' ';
    t->answered += n;
    return t->answered > ANSWER_MAX ? 0 : n;
}

void ax_try_begin(struct ax_try *t, const struct ax_notify *n, enum ax_notify_type type,
                  struct ax_str address, const struct ax_letter *l, size_t count)
{
    *t = (struct ax_try){.type = type, .started_ns = ax_mono_ns(), .pid = -1, .pidfd = -1};
    if (type == AX_NOTIFY_SYSLOG) {
        ax_syslog_send(t, n, address, l);
    } else if (type == AX_NOTIFY_SCRIPT) {
        ax_script_begin(t, n, address, l);
    } else if (!(t->easy = curl_easy_init())) {
        ax_try_finish(t, AX_AGAIN, "no memory for a transfer");
    } else {
        if (type == AX_NOTIFY_EMAIL)
            ax_mail_begin(t, n, address, l, count);
        else
            ax_http_begin(t, n, address, l, count);
    }
}

void ax_try_curl(struct ax_try *t, CURLcode rc)
{
    if (t->type == AX_NOTIFY_EMAIL)
        ax_mail_judge(t, rc);
    else
        ax_http_judge(t, rc);
}

void ax_try_end(struct ax_try *t)
{
    if (t->pid > 0) {
        kill(-t->pid, SIGKILL);
        waitpid(t->pid, NULL, 0);
    }
    if (t->pidfd >= 0)
        close(t->pidfd);
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    curl_slist_free_all(t->to);
    ax_buf_free(&t->body);
}
