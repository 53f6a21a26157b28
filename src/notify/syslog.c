// SPDX-License-Identifier: Apache-2.0
/* One datagram to the local log, in the form that both the journal and rsyslog read there; at its
 * end the fields as RFC 5424 writes structured data. */
#include "notify/inner.h"

#include <errno.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8000

bool ax_syslog_facility(struct ax_str name, int *out)
{
    static const struct {
        const char *name;
        int facility;
    } known[] = {{"user", LOG_USER},     {"mail", LOG_MAIL},         {"daemon", LOG_DAEMON},
                 {"auth", LOG_AUTH},     {"authpriv", LOG_AUTHPRIV}, {"syslog", LOG_SYSLOG},
                 {"cron", LOG_CRON},     {"local0", LOG_LOCAL0},     {"local1", LOG_LOCAL1},
                 {"local2", LOG_LOCAL2}, {"local3", LOG_LOCAL3},     {"local4", LOG_LOCAL4},
                 {"local5", LOG_LOCAL5}, {"local6", LOG_LOCAL6},     {"local7", LOG_LOCAL7}};
    for (size_t i = 0; i < AX_ARRAY_LEN(known); i++)
        if (name.n == strlen(known[i].name) && strncasecmp(name.p, known[i].name, name.n) == 0) {
            *out = known[i].facility;
            return true;
        }
    return false;
}

static int level(const struct ax_notice *x)
{
    if (ax_str_eq(x->state, AX_STR("OK")))
        return LOG_NOTICE;
    if (ax_str_eq(x->severity, AX_STR("CRITICAL")) && ax_str_eq(x->state, AX_STR("ALARM")))
        return LOG_CRIT;
    return ax_str_eq(x->severity, AX_STR("HIGH")) ? LOG_ERR : LOG_WARNING;
}

static void param(const char *name, struct ax_str value, struct ax_buf *out)
{
    struct ax_buf line = AX_BUF_INIT;
    ax_words_line(value, 1024, &line);
    ax_buf_printf(out, " %s=\"", name);
    for (size_t i = 0; i < line.n; i++) {
        if (strchr("\"\\]", line.p[i]))
            ax_buf_byte(out, '\\');
        ax_buf_byte(out, (uint8_t)line.p[i]);
    }
    ax_buf_byte(out, '"');
    ax_buf_free(&line);
}

void ax_form_syslog(const struct ax_letter *l, struct ax_str facility, struct ax_buf *out)
{
    char when[32];
    struct tm tm;
    time_t now = (time_t)(l->now / 1000);
    int f = LOG_USER;
    ax_syslog_facility(facility, &f);
    strftime(when, sizeof when, "%b %e %H:%M:%S", localtime_r(&now, &tm));
    ax_buf_printf(out, "<%d>%s auspex: ", f | level(&l->x), when);
    ax_words_subject(l, out);
    ax_buf_cstr(out, ": ");
    ax_words_line(l->x.reason, 2048, out);
    ax_buf_cstr(out, " [alarm");
    param("tenant", l->x.tenant, out);
    param("id", l->x.alarm, out);
    param("definition", l->x.definition, out);
    param("state", l->x.state, out);
    param("old_state", l->x.old_state, out);
    param("severity", l->x.severity, out);
    param("lifecycle_state", l->x.lifecycle_state, out);
    param("key", l->key, out);
    ax_buf_byte(out, ']');
    if (out->n > LINE_MAX_BYTES)
        out->n = LINE_MAX_BYTES;
}

static int send_line(const char *path, struct ax_str line)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    AX_CLEANUP(ax_close_fd) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (n >= sizeof to.sun_path)
        return -ENAMETOOLONG;
    memcpy(to.sun_path, path, n);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0 ||
        send(fd, line.p, line.n, MSG_NOSIGNAL) < 0)
        return -errno;
    return 0;
}

void ax_syslog_send(struct ax_try *t, const struct ax_notify *n, struct ax_str facility,
                    const struct ax_letter *l)
{
    ax_form_syslog(l, facility, &t->body);
    int rc = send_line(n->o.syslog_path, ax_buf_view(&t->body));
    t->full = rc == -EAGAIN;
    if (rc < 0)
        ax_try_finish(t, AX_AGAIN, "the log's socket: %s", strerror(-rc));
    else
        ax_try_finish(t, AX_SENT, "written to the log");
}
