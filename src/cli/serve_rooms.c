// SPDX-License-Identifier: Apache-2.0
/* The rooms of the server, opened in order, each with what it needs of those before it. */
#include "api/api.h"
#include "auth/auth.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/serve.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static void warn(const char *text)
{
    ax_log(AX_LOG_WARN, "%s", text);
}

static int open_store(struct ax_server *s, struct ax_err *err)
{
    struct ax_intake_options in = {.max_age_ms = s->o->retention_ms,
                                   .max_series = s->o->max_series,
                                   .max_tenant_series = s->o->max_tenant_series};
    struct ax_store_options st = {.dir = "tsdb",
                                  .retention_ms = s->o->retention_ms,
                                  .retention_bytes = s->o->retention_bytes,
                                  .tenant_bytes = s->o->tenant_bytes,
                                  .limits = s->o->limits,
                                  .nlimits = s->o->nlimits,
                                  .commit_us = s->o->commit_ms * 1000,
                                  .warn = warn};
    s->intake = ax_intake_new(&in);
    int rc = ax_store_open(&s->store, &st, s->intake, err);
    if (rc < 0)
        return rc;
    struct ax_subscriber sub = ax_store_subscriber(s->store);
    ax_intake_subscribe(s->intake, &sub);
    return 0;
}

/* Read while there still are the privileges, and where paths still mean what they said. */
static int read_secrets(struct ax_server *s, struct ax_err *err)
{
    int rc = ax_alarming_prepare(&s->alarming, s->o, err);
    if (rc < 0)
        return rc;
    if (s->o->auth != AX_AUTH_KEYSTONE)
        return 0;
    if (s->o->keystone_ca && !(s->keystone_ca = realpath(s->o->keystone_ca, NULL)))
        return ax_fail_errno(err, "cannot find %s", s->o->keystone_ca);
    return ax_secret_read(s->o->keystone_password_file, s->keystone_password, err);
}

static int open_tls(struct ax_server *s, struct ax_err *err)
{
    struct ax_tls_files files = {s->o->tls_cert, s->o->tls_key, s->o->tls_client_ca};
    if (s->o->tls_cert)
        return ax_tls_open(&s->tls, &files, ax_now_ms(), err);
    if (s->o->auth != AX_AUTH_NONE && !ax_listen_is_loopback(s->tcp_fd))
        warn("tokens and passwords come over the network in the clear: give --tls-cert and "
             "--tls-key, or put a TLS proxy before the server");
    return 0;
}

void ax_server_reload_tls(struct ax_server *s)
{
    struct ax_err err;
    if (ax_tls_reload(s->tls, ax_now_ms(), &err) < 0)
        ax_log(AX_LOG_ERROR, "the certificate stays the one before: %s", err.text);
    else
        ax_log(AX_LOG_INFO, "new connections get the certificate as it is now in %s",
               s->o->tls_cert);
}

static int open_auth(struct ax_server *s, struct ax_err *err)
{
    struct ax_keystone_options keystone = {.url = s->o->keystone_url,
                                           .user = s->o->keystone_user,
                                           .password = s->keystone_password,
                                           .project = s->o->keystone_project,
                                           .user_domain = s->o->keystone_domain,
                                           .project_domain = s->o->keystone_domain,
                                           .provider_role = s->o->keystone_provider_role,
                                           .ca_file = s->keystone_ca};
    struct ax_auth_options o = {.sql = s->sql,
                                .keystone = s->o->auth == AX_AUTH_KEYSTONE ? &keystone : NULL};
    return s->o->auth == AX_AUTH_NONE ? 0 : ax_auth_open(&s->auth, &o, err);
}

static void warn_of_faults(const char *text)
{
    static struct ax_log_limit limit;
    ax_log_limited(&limit, 60, AX_LOG_ERROR, "faults: %s", text);
}

static int open_faults(struct ax_server *s, struct ax_err *err)
{
    struct ax_faults_options o = {.sql = s->sql,
                                  .registry = s->registry,
                                  .notify = s->alarming.notify,
                                  .warn = warn_of_faults};
    return ax_faults_open(&s->faults, &o, err);
}

static int open_warrants(struct ax_server *s, struct ax_err *err)
{
    struct ax_warrants_options o = {
        .sql = s->sql, .registry = s->registry, .notify = s->alarming.notify};
    return ax_warrants_open(&s->warrants, &o, err);
}

/* The process has moved into the data directory: errors name paths inside it, so say which it is.
 */
static int open_data(struct ax_server *s, struct ax_err *err)
{
    int rc = open_store(s, err);
    if (rc == 0)
        rc = ax_sql_open(&s->sql, "registry.db", err);
    if (rc == 0)
        rc = ax_registry_open(&s->registry, s->sql, err);
    if (rc == 0)
        rc = open_auth(s, err);
    if (rc == 0)
        rc = ax_alarming_open(&s->alarming, s->sql, s->registry, s->intake, s->store, err);
    if (rc == 0)
        rc = open_faults(s, err);
    if (rc == 0)
        rc = open_warrants(s, err);
    return rc < 0 ? ax_err_wrap(err, "%s", s->o->data) : 0;
}

static int open_watchers(struct ax_server *s, struct ax_err *err)
{
    struct ax_source src = ax_source_of_store(s->store, AX_STR("default"));
    struct ax_alarms_options al = {.source = src,
                                   .sql = s->sql,
                                   .registry = s->registry,
                                   .intake = s->intake,
                                   .stream = s->alarming.stream,
                                   .interval_ms = s->o->interval_ms,
                                   .url = s->o->url};
    ax_alarming_tell(&s->alarming, &al);
    struct ax_predictor_options pr = {
        .source = src, .intake = s->intake, .tenant = AX_STR("default")};
    int rc = ax_notify_alertmanagers(s->alarming.notify, s->o->alertmanagers.v,
                                     s->o->alertmanagers.n, err);
    if (rc == 0)
        rc = ax_ruling_open(s->ruling, &al, err);
    if (rc == 0)
        rc = ax_predictor_new(&s->predictor, &pr, err);
    return rc < 0 ? rc : ax_foretelling_open(&s->foretelling, s->sql, s->registry, err);
}

static void warn_of_statsd(const char *text)
{
    static struct ax_log_limit limit;
    ax_log_limited(&limit, 60, AX_LOG_WARN, "%s", text);
}

static int open_statsd(struct ax_server *s, struct ax_err *err)
{
    char hostname[256] = "";
    if (s->statsd_fd < 0)
        return 0;
    gethostname(hostname, sizeof hostname - 1);
    struct ax_statsd_options o = {.fd = s->statsd_fd,
                                  .intake = s->intake,
                                  .tenant = ax_str(s->o->statsd_tenant),
                                  .hostname = ax_str(hostname),
                                  .interval_ms = s->o->statsd_interval_ms,
                                  .deltas = s->o->statsd_deltas,
                                  .warn = warn_of_statsd};
    ax_log(AX_LOG_INFO, "statsd on UDP port %d, for the tenant %s", ax_statsd_port(s->statsd_fd),
           s->o->statsd_tenant);
    return ax_statsd_open(&s->statsd, &o, err);
}

static void warn_of_logs(const char *text)
{
    static struct ax_log_limit limit;
    ax_log_limited(&limit, 60, AX_LOG_ERROR, "%s", text);
}

/* As the user that the server has become. */
static int open_logs(struct ax_server *s, struct ax_err *err)
{
    if (s->logs_fd < 0)
        return 0;
    if (faccessat(s->logs_fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) < 0)
        return ax_fail_errno(err, "the server's user cannot write to --logs %s", s->o->logs);
    struct ax_logs_options o = {
        .dirfd = s->logs_fd, .keep_bytes = s->o->logs_keep, .warn = warn_of_logs};
    ax_log(AX_LOG_INFO, "logs go to %s", s->o->logs);
    int rc = ax_logs_open(&s->logs, &o, err);
    return rc < 0 ? ax_err_wrap(err, "--logs %s", s->o->logs) : 0;
}

static int open_api(struct ax_server *s, struct ax_err *err)
{
    s->relay = ax_relay_new(&(struct ax_relay_options){0});
    s->unix_fd = ax_listen_unix("auspex.sock", err);
    if (s->unix_fd < 0)
        return s->unix_fd;
    struct ax_api_options o = {.tcp_fd = s->tcp_fd,
                               .unix_fd = s->unix_fd,
                               .tls = s->tls,
                               .intake = s->intake,
                               .store = s->store,
                               .sql = s->sql,
                               .registry = s->registry,
                               .auth = s->auth,
                               .alarms = ax_ruling_alarms(s->ruling),
                               .reload = ax_ruling_reload,
                               .reloaded = ax_ruling_last,
                               .reload_ctx = s->ruling,
                               .stream = s->alarming.stream,
                               .notify = s->alarming.notify,
                               .dispatch = s->alarming.dispatch,
                               .faults = s->faults,
                               .warrants = s->warrants,
                               .relay = s->relay,
                               .predictor = s->predictor,
                               .statsd = s->statsd,
                               .logs = s->logs,
                               .retention_ms = s->o->retention_ms,
                               .max_tenant_series = s->o->max_tenant_series,
                               .max_tenant_rate = s->o->max_tenant_rate,
                               .max_tenant_queries = s->o->max_tenant_queries,
                               .max_query_samples = s->o->max_query_samples,
                               .collect_interval_ms = s->o->interval_ms};
    return ax_api_start(&s->api, &o, err);
}

/* What could fail for the user's reasons comes first; nothing that is stored is touched before. */
int ax_server_open(struct ax_server *s, struct ax_err *err)
{
    int rc = ax_ruling_prepare(&s->ruling, s->o, err);
    if (rc == 0)
        rc = read_secrets(s, err);
    if (rc == 0)
        rc = s->tcp_fd = ax_listen_tcp(s->o->listen, s->o->auth != AX_AUTH_NONE, err);
    if (rc >= 0)
        rc = open_tls(s, err);
    if (rc >= 0 && s->o->statsd)
        rc = s->statsd_fd = ax_statsd_listen(s->o->statsd, err);
    if (rc >= 0 && s->o->logs)
        rc = s->logs_fd = ax_open_directory(s->o->logs, s->o->user, err);
    if (rc >= 0)
        rc = ax_enter_data(s->o->data, s->o->user, err);
    if (rc == 0)
        rc = open_data(s, err);
    if (rc == 0)
        rc = open_watchers(s, err);
    if (rc == 0)
        rc = open_statsd(s, err);
    if (rc == 0)
        rc = open_logs(s, err);
    return rc < 0 ? rc : open_api(s, err);
}

void ax_server_close(struct ax_server *s)
{
    ax_api_stop(s->api);
    ax_relay_end(s->relay);
    ax_relay_free(s->relay);
    ax_statsd_close(s->statsd);
    ax_logs_close(s->logs);
    s->stop = true;
    if (s->keeping)
        pthread_join(s->keeper, NULL);
    ax_foretelling_close(s->foretelling);
    ax_predictor_free(s->predictor);
    ax_ruling_close(s->ruling);
    ax_warrants_close(s->warrants);
    ax_faults_close(s->faults);
    ax_alarming_close(&s->alarming);
    ax_store_close(s->store);
    ax_intake_free(s->intake);
    ax_tls_close(s->tls);
    ax_auth_close(s->auth);
    free(s->keystone_ca);
    ax_registry_close(s->registry);
    ax_sql_close(s->sql);
    if (s->unix_fd >= 0)
        unlink("auspex.sock");
}
