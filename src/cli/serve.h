// SPDX-License-Identifier: Apache-2.0
/* Inside the command line: parts of `auspex serve`. */
#ifndef AX_CLI_SERVE_H
#define AX_CLI_SERVE_H

#include "alarm/alarm.h"
#include "base/leap.h"
#include "cli/daemon.h"
#include "cli/password.h"
#include "dispatch/dispatch.h"
#include "notify/notify.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>

/* From samples to people: alarms of definitions, and the notifications of their transitions
 * (serve_alarms.c). */
struct ax_alarming {
    const struct ax_daemon_options *o;
    struct ax_sql *sql;
    struct ax_notify *notify;
    struct ax_dispatch *dispatch;
    struct ax_stream *stream;
    int64_t next_release;
    char smtp_password[AX_SECRET_MAX], *ca_file, *script_dir;
};
/* Reads files and finds paths, while there still are the privileges, and where paths still mean
 * what they said. */
int ax_alarming_prepare(struct ax_alarming *x, const struct ax_daemon_options *o,
                        struct ax_err *err);
/* After the store has subscribed to the intake, before anything is pushed. */
int ax_alarming_open(struct ax_alarming *x, struct ax_sql *sql, struct ax_registry *registry,
                     struct ax_intake *intake, struct ax_store *store, struct ax_err *err);
/* Lets go what is held no longer: from the loop. */
void ax_alarming_tick(struct ax_alarming *x, int64_t now);
/* What alarms of rules need to be told the same way. */
void ax_alarming_tell(struct ax_alarming *x, struct ax_alarms_options *o);
/* When nothing is pushed any more; before the store, the registry and the database are closed. */
void ax_alarming_close(struct ax_alarming *x);

/* Rule files: found, read, evaluated in a thread of their own, read again on demand
 * (serve_rules.c). */
struct ax_ruling;
/* Opens the directories and reads the files, while there still are the privileges. -EINVAL a flag
 * that names no file. */
int ax_ruling_prepare(struct ax_ruling **out, const struct ax_daemon_options *o,
                      struct ax_err *err);
/* Brings them into force and begins. The notifications must outlive it. -EINVAL a file that cannot
 * be read, or has faults and no good rule, and never was in force. */
int ax_ruling_open(struct ax_ruling *x, const struct ax_alarms_options *o, struct ax_err *err);
void ax_ruling_close(struct ax_ruling *x); /* NULL is fine */
struct ax_alarms *ax_ruling_alarms(struct ax_ruling *x);
/* Reads them again soon, in their own thread. */
void ax_ruling_want(struct ax_ruling *x);
/* For the API: now, and how it went last. */
int ax_ruling_reload(void *ruling, struct ax_buf *said);
void ax_ruling_last(void *ruling, bool *well, int64_t *at);

/* The server: its rooms (serve_rooms.c), and what goes on in it (serve.c). */
struct ax_server {
    const struct ax_daemon_options *o;
    int tcp_fd, unix_fd, statsd_fd, logs_fd;
    struct ax_sql *sql;
    struct ax_registry *registry;
    struct ax_auth *auth;
    struct ax_tls *tls;
    char keystone_password[AX_SECRET_MAX], *keystone_ca;
    struct ax_intake *intake;
    struct ax_store *store;
    struct ax_alarming alarming;
    struct ax_faults *faults;
    struct ax_warrants *warrants;
    struct ax_ruling *ruling;
    struct ax_predictor *predictor;
    struct ax_foretelling *foretelling;
    int64_t next_foretelling;
    struct ax_relay *relay;
    uint64_t levels; /* how far one may look into VMs, as a hash */
    struct ax_statsd *statsd;
    struct ax_logs *logs;
    struct ax_api *api;
    struct ax_leap clock;
    int64_t listening; /* since when */
    pthread_t keeper;
    bool keeping;
    _Atomic bool stop;
};
/* All descriptors -1 before. After a failure, too, it is to be closed. */
int ax_server_open(struct ax_server *s, struct ax_err *err);
void ax_server_close(struct ax_server *s);
/* SIGHUP: renewed files. The server is another user by now, who has to be able to read them. */
void ax_server_reload_tls(struct ax_server *s);

#endif
