// SPDX-License-Identifier: Apache-2.0
/* Inside the command line: what `run`, `serve` and `host` have in common. */
#ifndef AX_CLI_DAEMON_H
#define AX_CLI_DAEMON_H

#include "base/arena.h"
#include "base/err.h"
#include "cli/cli.h"
#include "store/store.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#define AX_FLAG_TIMES 256 /* so often a flag may be given that may be given several times */
struct ax_flag_values {
    const char *v[AX_FLAG_TIMES];
    size_t n;
};

/* Every flag of the three; each command takes those that concern it. */
struct ax_daemon_options {
    const char *listen, *data, *user; /* serve */
    const char *auth_text;            /* serve, and the next ones */
    const char *keystone_url, *keystone_user, *keystone_password_file, *keystone_project;
    const char *keystone_domain, *keystone_provider_role, *keystone_ca;
    const char *url, *notify_ca, *notify_proxy, *script_dir;
    const char *smtp_url, *smtp_user, *smtp_password_file, *mail_from;
    const char *notify_rate_text, *notify_burst_text, *max_tenant_alarms_text;
    const char *max_tenant_rate_text, *max_tenant_queries_text, *max_query_samples_text;
    const char *flap_changes_text, *flap_window_text;
    bool smtp_starttls, notify_local;
    const char *tls_cert, *tls_key, *tls_client_ca;
    const char *statsd, *statsd_tenant, *statsd_interval_text;
    const char *logs, *logs_keep_text;
    const char *server, *socket, *libvirt, *tenant; /* host */
    const char *host_name, *host_id, *exporter, *token_file, *ca_file, *cert, *key;
    const char *retention_text, *retention_size_text, *interval_text;
    const char *max_series_text, *max_tenant_series_text;
    const char *tenant_bytes_text, *commit_text;
    struct ax_flag_values tenant_retentions, tenant_sizes; /* NAME=VALUE */
    struct ax_flag_values rules, tenant_rules, alertmanagers;
    /* 0: as the rooms have it */
    uint32_t max_series, max_tenant_series, max_tenant_alarms, notify_rate, notify_burst;
    uint32_t max_tenant_rate, max_tenant_queries, max_query_samples;
    uint32_t flap_changes; /* 0: it is not looked at */
    int64_t retention_ms, interval_ms, statsd_interval_ms, flap_window_ms;
    uint64_t retention_bytes, tenant_bytes; /* 0 = any */
    uint64_t logs_keep;
    int64_t commit_ms;
    struct ax_tenant_limit limits[2 * AX_FLAG_TIMES];
    size_t nlimits;
    bool set_balloon_period, statsd_deltas;
    enum ax_daemon_auth { AX_AUTH_NONE, AX_AUTH_TOKEN, AX_AUTH_KEYSTONE } auth;
};

enum ax_daemon { AX_DAEMON_SERVE = 1, AX_DAEMON_HOST = 2, AX_DAEMON_RUN = 3 /* both */ };

#define AX_DAEMON_GO (-1)
/* Reads the flags of a command; AX_DAEMON_GO, or the exit status when all is said. */
int ax_daemon_parse(enum ax_daemon which, int argc, char **argv, struct ax_daemon_options *o);

/* Its second half (daemon_values.c): texts into values. And "auspex: WHATTEXT; see ..." on stderr.
 */
int ax_daemon_read_values(enum ax_daemon which, struct ax_daemon_options *o);
int ax_daemon_usage(enum ax_daemon which, const char *what, const char *text);

/* The command line that gives a command these options, of those that it takes: NULL-terminated, in
 * the arena. */
char *const *ax_daemon_command_line(enum ax_daemon which, const char *self,
                                    const struct ax_daemon_options *o, struct ax_arena *a);

/* As root: makes the data directory, gives it to the user, enters it and becomes that user. As
 * anyone else: makes and enters it. Afterwards every path is relative to the data directory, so
 * that the way to it need not be open to the user. */
int ax_enter_data(const char *data, const char *user, struct ax_err *err);
/* Before that: a descriptor of another directory that the user writes to. Made where it is missing,
 * and then the user's; one that is there is left as it is. */
int ax_open_directory(const char *path, const char *user, struct ax_err *err);

/* SIGTERM and SIGINT end a daemon: they are blocked here, before threads start, and waited for with
 * sigtimedwait on *end. Signals that are errors of calls are ignored. */
void ax_daemon_signals(sigset_t *end);

/* Prints "auspex: TEXT" and returns the status for set-up that a restart cannot mend. */
int ax_daemon_fail(const struct ax_err *err);

#endif
