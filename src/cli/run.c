// SPDX-License-Identifier: Apache-2.0
/* auspex run: the server and the collector of one machine, supervised. */
#include "base/arena.h"
#include "base/log.h"
#include "cli/daemon.h"
#include "supervise/supervise.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_ARGS 24

struct command_line {
    const char *v[MAX_ARGS];
    int n;
};

static void add(struct command_line *c, const char *flag, const char *value)
{
    if (!value)
        return;
    AX_ASSERT(c->n + 2 < MAX_ARGS);
    c->v[c->n++] = flag;
    c->v[c->n++] = value;
}

static void serve_line(struct command_line *c, const char *self, const struct ax_daemon_options *o)
{
    add(c, self, "serve");
    add(c, "--listen", o->listen);
    add(c, "--data", o->data);
    add(c, "--retention", o->retention_text);
    add(c, "--retention-size", o->retention_size_text);
    add(c, "--interval", o->interval_text);
    add(c, "--rules", o->rules);
    add(c, "--user", o->user);
}

static void host_line(struct command_line *c, const char *self, const struct ax_daemon_options *o,
                      const char *socket, const char *own_data)
{
    add(c, self, "host");
    add(c, "--socket", socket);
    add(c, "--data", own_data);
    add(c, "--libvirt", o->libvirt);
    add(c, "--interval", o->interval_text);
    add(c, "--host-name", o->host_name);
    add(c, "--host-id", o->host_id);
    add(c, "--tenant", o->tenant);
    add(c, "--exporter", o->exporter);
    if (o->set_balloon_period)
        c->v[c->n++] = "--set-balloon-period";
}

int ax_cmd_run(int argc, char **argv)
{
    struct ax_daemon_options o;
    int status = ax_daemon_parse(AX_DAEMON_RUN, argc, argv, &o);
    if (status != AX_DAEMON_GO)
        return status;
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    struct ax_err err;
    if (n < 0) {
        ax_fail_errno(&err, "cannot find the program itself");
        return ax_daemon_fail(&err);
    }
    self[n] = '\0';
    struct ax_arena a = AX_ARENA_INIT;
    struct command_line serve = {.n = 0}, host = {.n = 0};
    serve_line(&serve, self, &o);
    host_line(&host, self, &o, ax_arena_printf(&a, "%s/auspex.sock", o.data).p,
              ax_arena_printf(&a, "%s-host", o.data).p);
    const struct ax_child children[] = {{"serve", (char *const *)(uintptr_t)serve.v},
                                        {"host", (char *const *)(uintptr_t)host.v}};
    ax_log_setup("run", AX_LOG_INFO);
    ax_log(AX_LOG_INFO, "starting; the dashboard will be at http://%s/ (Ctrl-C stops)", o.listen);
    status = ax_supervise(children, 2, &err);
    ax_arena_free(&a);
    return status < 0 ? ax_daemon_fail(&err) : status;
}
