// SPDX-License-Identifier: Apache-2.0
#include "statsd/statsd.h"

#include "base/clock.h"
#include "statsd/table.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATAGRAM_BYTES 65536 /* more than UDP carries */
#define AT_ONCE        1000  /* datagrams read before the clock is looked at again */

struct ax_statsd {
    struct ax_statsd_options o;
    char *tenant, *hostname;
    int wake_fd;
    pthread_t thread;
    bool running;
    struct ax_statsd_table table; /* the thread's own, as are the next ones */
    uint32_t dropped_before;      /* the kernel's counter */
    int64_t newest;               /* time of the last flush */
    char datagram[DATAGRAM_BYTES];
    _Atomic uint64_t datagrams, dropped, taken, bad, unsupported, full, samples, lost;
};

static void warn(struct ax_statsd *s, const char *what, struct ax_str line,
                 const struct ax_err *err)
{
    char text[AX_ERR_TEXT + 160];
    if (!s->o.warn)
        return;
    if (line.n > 100)
        line.n = 100;
    snprintf(text, sizeof text, "statsd: %s%.*s%s%s", what, AX_STR_ARG(line), line.n ? ": " : "",
             err->text);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    s->o.warn(text);
}

static void take_line(struct ax_statsd *s, struct ax_str line)
{
    struct ax_err err;
    int rc = ax_statsd_add(&s->table, line, &err);
    if (rc == 0)
        s->taken++;
    else if (rc == -ENOTSUP)
        s->unsupported++;
    else if (rc == -ENOSPC)
        s->full++;
    else
        s->bad++;
    if (rc < 0)
        warn(s, "not taken: ", line, &err);
}

static void take_datagram(struct ax_statsd *s, struct ax_str text)
{
    struct ax_str line;
    s->datagrams++;
    while (ax_str_cut(&text, '\n', &line)) {
        line = ax_str_trim(line);
        if (line.n)
            take_line(s, line);
    }
}

/* The kernel tells with a datagram how many it dropped since the socket was made. */
static void count_dropped(struct ax_statsd *s, struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            uint32_t now;
            memcpy(&now, CMSG_DATA(c), sizeof now);
            s->dropped += now - s->dropped_before;
            s->dropped_before = now;
        }
    }
}

static void read_some(struct ax_statsd *s)
{
    char control[CMSG_SPACE(sizeof(uint32_t))];
    for (int i = 0; i < AT_ONCE; i++) {
        struct iovec v = {s->datagram, sizeof s->datagram};
        struct msghdr m = {.msg_iov = &v,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
        ssize_t n = recvmsg(s->o.fd, &m, 0);
        if (n < 0)
            return;
        count_dropped(s, &m);
        take_datagram(s, (struct ax_str){s->datagram, (size_t)n});
    }
}

/* Times rise also when the clock was set back a little, so that each interval has its own. */
static int64_t flush_time(struct ax_statsd *s)
{
    int64_t now = ax_now_ms();
    if (now <= s->newest && s->newest - now < 60000)
        now = s->newest + 1;
    return s->newest = now;
}

static void flush(struct ax_statsd *s)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a};
    struct ax_intake_result result = {0};
    struct ax_err err;
    int64_t now = flush_time(s);
    ax_statsd_flush(&s->table, now, &b);
    size_t n = b.samples;
    int rc = n ? ax_intake_push(s->o.intake, &b, now, &result, &err) : 0;
    s->samples += n;
    s->lost += rc < 0 ? n : result.rejected;
    if (rc == 0 && result.rejected)
        ax_fail(&err, -EINVAL, "%s", result.reason);
    if (rc < 0 || result.rejected)
        warn(s, "samples of an interval are lost: ", AX_STR_NULL, &err);
    ax_arena_free(&a);
}

static void *listen_and_flush(void *arg)
{
    struct ax_statsd *s = arg;
    struct pollfd fds[] = {{.fd = s->o.fd, .events = POLLIN}, {.fd = s->wake_fd, .events = POLLIN}};
    const int64_t interval = s->o.interval_ms * 1000000;
    int64_t next = ax_mono_ns() + interval;
    while (!(fds[1].revents & POLLIN)) {
        int64_t left = next - ax_mono_ns();
        if (left <= 0) {
            flush(s);
            next += interval;
            if (next < ax_mono_ns()) /* the machine slept, or the disk did */
                next = ax_mono_ns() + interval;
            continue;
        }
        struct timespec wait = {left / 1000000000, left % 1000000000};
        if (ppoll(fds, AX_ARRAY_LEN(fds), &wait, NULL) > 0 && fds[0].revents)
            read_some(s);
    }
    read_some(s);
    flush(s);
    return NULL;
}

int ax_statsd_open(struct ax_statsd **out, const struct ax_statsd_options *o, struct ax_err *err)
{
    struct ax_statsd *s = ax_calloc(1, sizeof *s);
    s->o = *o;
    s->tenant = ax_malloc(o->tenant.n);
    s->hostname = ax_malloc(o->hostname.n + 1);
    memcpy(s->tenant, o->tenant.p, o->tenant.n);
    memcpy(s->hostname, o->hostname.n ? o->hostname.p : "", o->hostname.n);
    s->table = (struct ax_statsd_table){.tenant = {s->tenant, o->tenant.n},
                                        .hostname = {s->hostname, o->hostname.n},
                                        .deltas = o->deltas,
                                        .random = (uint64_t)ax_mono_ns() | 1};
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake_fd < 0) {
        int rc = ax_fail_errno(err, "cannot make an eventfd");
        ax_statsd_close(s);
        return rc;
    }
    int code = pthread_create(&s->thread, NULL, listen_and_flush, s);
    if (code != 0) {
        ax_statsd_close(s);
        return ax_fail(err, -code, "cannot start a thread for statsd");
    }
    s->running = true;
    *out = s;
    return 0;
}

void ax_statsd_stats(struct ax_statsd *s, struct ax_statsd_stats *out)
{
    *out = (struct ax_statsd_stats){.datagrams = s->datagrams,
                                    .dropped = s->dropped,
                                    .taken = s->taken,
                                    .bad = s->bad,
                                    .unsupported = s->unsupported,
                                    .full = s->full,
                                    .samples = s->samples,
                                    .lost = s->lost};
}

void ax_statsd_close(struct ax_statsd *s)
{
    if (!s)
        return;
    if (s->running) {
        eventfd_write(s->wake_fd, 1);
        pthread_join(s->thread, NULL);
    }
    if (s->wake_fd >= 0)
        close(s->wake_fd);
    close(s->o.fd);
    ax_statsd_table_free(&s->table);
    free(s->tenant);
    free(s->hostname);
    free(s);
}
