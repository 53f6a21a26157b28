// SPDX-License-Identifier: Apache-2.0
/* Inside the command line: parts of `auspex serve`. */
#ifndef AX_CLI_SERVE_H
#define AX_CLI_SERVE_H

#include "alarm/alarm.h"
#include "cli/daemon.h"
#include "cli/password.h"
#include "notify/notify.h"
#include "store/store.h"

/* From samples to people: alarms of definitions, and the notifications of their transitions
 * (serve_alarms.c). */
struct ax_alarming {
    const struct ax_daemon_options *o;
    struct ax_sql *sql;
    struct ax_notify *notify;
    struct ax_stream *stream;
    char smtp_password[AX_SECRET_MAX], *ca_file, *script_dir;
};
/* Reads files and finds paths, while there still are the privileges, and where paths still mean
 * what they said. */
int ax_alarming_prepare(struct ax_alarming *x, const struct ax_daemon_options *o,
                        struct ax_err *err);
/* After the store has subscribed to the intake, before anything is pushed. */
int ax_alarming_open(struct ax_alarming *x, struct ax_sql *sql, struct ax_registry *registry,
                     struct ax_intake *intake, struct ax_store *store, struct ax_err *err);
/* When nothing is pushed any more; before the store, the registry and the database are closed. */
void ax_alarming_close(struct ax_alarming *x);

#endif
