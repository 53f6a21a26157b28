// SPDX-License-Identifier: Apache-2.0
/* auspex host: rounds of collecting, handed to the way out. */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/daemon.h"
#include "cli/exporter.h"
#include "cli/host_sight.h"
#include "cli/password.h"
#include "collect/collect.h"
#include "push/push.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

struct host {
    const struct ax_daemon_options *o;
    struct ax_collector *collector;
    struct ax_push *push;
    struct ax_exporter *exporter;
    struct ax_sight *sight; /* into VMs */
    struct ax_host_sight *work;
    struct ax_str handle;
};

/* Events go out the moment they happen, ahead of the next round. */
static void on_event(void *self, const struct ax_event *e)
{
    struct host *h = self;
    struct ax_observation o = {.time = e->time, .host = h->handle, .events = e, .nevents = 1};
    ax_push_observation(h->push, &o);
}

static int read_id(const char *path, struct ax_arena *a, struct ax_str *out)
{
    struct ax_buf b = {.max = 65536};
    int rc = ax_file_read(AT_FDCWD, path, 4096, &b, NULL);
    struct ax_str id = ax_str_trim(ax_buf_view(&b));
    if (rc == 0 && id.n >= 8 && id.n <= 64)
        *out = ax_arena_str(a, id);
    else
        rc = -ENOENT;
    ax_buf_free(&b);
    return rc;
}

/* This machine's name for ever: systemd's, or one of our own that is kept. */
static int host_id(const char *data, struct ax_arena *a, struct ax_str *out, struct ax_err *err)
{
    const char *own = ax_arena_printf(a, "%s/host-id", data).p;
    uint64_t r[2];
    if (read_id("/etc/machine-id", a, out) == 0 || read_id(own, a, out) == 0)
        return 0;
    if (getrandom(r, sizeof r, 0) != sizeof r)
        return ax_fail_errno(err, "no random bytes for this machine's id");
    *out = ax_arena_printf(a, "%016llx%016llx", (unsigned long long)r[0], (unsigned long long)r[1]);
    return ax_file_replace(AT_FDCWD, own, out->p, out->n, err);
}

static const char *host_name(const struct ax_daemon_options *o, char *buf, size_t size)
{
    if (o->host_name)
        return o->host_name;
    if (gethostname(buf, size) < 0 || !buf[0])
        snprintf(buf, size, "localhost");
    return buf;
}

/* Nothing is read before the server has granted it; without libvirt there are no VMs. */
static int open_sight(struct host *h, const struct ax_push_options *push, struct ax_err *err)
{
    struct ax_sight_options o = {.eye = ax_eye_real(), .on_event = on_event, .self = h};
    if (strcmp(h->o->libvirt, "none") == 0)
        return 0;
    int rc = ax_sight_new(&h->sight, &o, err);
    return rc < 0 ? rc : ax_host_sight_new(&h->work, h->sight, push, h->handle, err);
}

static int open_host(struct host *h, struct ax_arena *a, struct ax_err *err)
{
    const struct ax_daemon_options *o = h->o;
    struct ax_str id = ax_str(o->host_id);
    char name[256];
    int rc = ax_mkdirs(o->data, err);
    if (rc == 0 && !id.n)
        rc = host_id(o->data, a, &id, err);
    if (rc < 0)
        return rc;
    h->handle = ax_arena_printf(a, "host:%.*s", AX_STR_ARG(id));
    enum ax_kind kind;
    struct ax_str rest;
    rc = ax_handle_parse(h->handle, &kind, &rest, err);
    if (rc < 0)
        return rc;
    char token[AX_SECRET_MAX];
    if (o->token_file && (rc = ax_secret_read(o->token_file, token, err)) < 0)
        return rc;
    struct ax_push_options push = {.url = o->socket ? "http://localhost" : o->server,
                                   .unix_socket = o->socket,
                                   .tenant = o->tenant,
                                   .token = o->token_file ? token : NULL,
                                   .ca_file = o->ca_file,
                                   .cert = o->cert,
                                   .key = o->key,
                                   .spool_dir = ax_arena_printf(a, "%s/spool", o->data).p};
    rc = ax_push_new(&h->push, &push, err);
    if (rc == 0)
        rc = open_sight(h, &push, err);
    if (rc < 0)
        return rc;
    struct ax_collect_options collect = {
        .proc = "/proc",
        .sys = "/sys",
        .rootfs = "/",
        .host_id = id,
        .host_name = ax_arena_str(a, ax_str(host_name(o, name, sizeof name))),
        .libvirt_uri = strcmp(o->libvirt, "none") == 0 ? NULL : o->libvirt,
        .set_balloon_period = o->set_balloon_period,
        .interval_ms = o->interval_ms,
        .on_event = on_event,
        .self = h,
        .sight = h->sight};
    rc = ax_collector_new(&h->collector, &collect, err);
    if (rc == 0 && o->exporter)
        rc = ax_exporter_start(&h->exporter, o->exporter, err);
    return rc;
}

/* Beside a server that is starting: its socket is there within moments. */
static void wait_for_server(const char *socket)
{
    for (int i = 0; socket && access(socket, F_OK) < 0 && i < 50; i++)
        ax_sleep_ms(100);
}

static void close_host(struct host *h)
{
    ax_exporter_stop(h->exporter);
    ax_host_sight_stop(h->work);
    ax_collector_free(h->collector);
    ax_sight_free(h->sight);
    ax_push_free(h->push);
}

/* Waits until the next multiple of the interval, so that hosts sample together; true at the end. */
static bool wait_round(const sigset_t *end, int64_t interval)
{
    int64_t left = interval - ax_now_ms() % interval;
    struct timespec t = {(time_t)(left / 1000), (long)(left % 1000) * 1000000};
    return sigtimedwait(end, NULL, &t) > 0;
}

static void collect_round(struct host *h, struct ax_arena *a)
{
    struct ax_round round = {0};
    ax_collector_round(h->collector, ax_now_ms(), a, &round);
    ax_push_batch(h->push, &round.batch);
    ax_push_observation(h->push, &round.seen);
    if (h->exporter)
        ax_exporter_show(h->exporter, &round);
    ax_arena_reset(a);
}

/* Looks are asked for from the first round on, which says what VMs there are. */
static int collect_rounds(struct host *h, const sigset_t *end, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    collect_round(h, &a);
    int rc = h->work ? ax_host_sight_start(h->work, err) : 0;
    while (rc == 0 && !wait_round(end, h->o->interval_ms))
        collect_round(h, &a);
    ax_arena_free(&a);
    return rc;
}

int ax_cmd_host(int argc, char **argv)
{
    struct ax_daemon_options o;
    int status = ax_daemon_parse(AX_DAEMON_HOST, argc, argv, &o);
    if (status != AX_DAEMON_GO)
        return status;
    sigset_t end;
    ax_daemon_signals(&end);
    ax_log_setup("host", AX_LOG_INFO);
    struct ax_arena a = AX_ARENA_INIT;
    struct host h = {.o = &o};
    struct ax_err err;
    status = AX_EXIT_OK;
    if (open_host(&h, &a, &err) < 0)
        status = ax_daemon_fail(&err);
    if (status == AX_EXIT_OK) {
        wait_for_server(o.socket);
        if (collect_rounds(&h, &end, &err) < 0)
            status = ax_daemon_fail(&err);
    }
    close_host(&h);
    ax_arena_free(&a);
    return status;
}
