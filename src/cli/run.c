// SPDX-License-Identifier: Apache-2.0
/* auspex run: the server and the collector of one machine, supervised. */
#include "base/arena.h"
#include "base/log.h"
#include "cli/daemon.h"
#include "supervise/supervise.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

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
    struct ax_daemon_options host = o;
    host.server = NULL;
    host.socket = ax_arena_printf(&a, "%s/auspex.sock", o.data).p;
    host.data = ax_arena_printf(&a, "%s-host", o.data).p;
    const struct ax_child children[] = {
        {.name = "serve",
         .argv = ax_daemon_command_line(AX_DAEMON_SERVE, self, &o, &a),
         .rereads = true},
        {.name = "host", .argv = ax_daemon_command_line(AX_DAEMON_HOST, self, &host, &a)}};
    ax_log_setup("run", AX_LOG_INFO);
    ax_log(AX_LOG_INFO, "starting; the dashboard will be at %s://%s/ (Ctrl-C stops)",
           o.tls_cert ? "https" : "http", o.listen);
    status = ax_supervise(children, 2, &err);
    ax_arena_free(&a);
    return status < 0 ? ax_daemon_fail(&err) : status;
}
