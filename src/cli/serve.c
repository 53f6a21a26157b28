// SPDX-License-Identifier: Apache-2.0
/* auspex serve: the rooms of the server, opened in order and kept going. */
#include "cli/serve.h"
#include "api/api.h"
#include "auth/auth.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/leap.h"
#include "base/log.h"
#include "base/map.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define TICK_MS       100
#define STORE_TICK_MS 1000
#define LOOK_MS       1000
#define HOUSEKEEP_MS  5000
#define FORETELL_MS   10000
#define PRUNE_MS      3600000
#define LARGE_BYTES   (1 << 20)
#define NOTICES_MS    (400 * 86400000ll) /* for so long notices of inspections are listed */

struct server {
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

static void warn(const char *text)
{
    ax_log(AX_LOG_WARN, "%s", text);
}

static int open_store(struct server *s, struct ax_err *err)
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
static int read_secrets(struct server *s, struct ax_err *err)
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

static int open_tls(struct server *s, struct ax_err *err)
{
    struct ax_tls_files files = {s->o->tls_cert, s->o->tls_key, s->o->tls_client_ca};
    if (s->o->tls_cert)
        return ax_tls_open(&s->tls, &files, ax_now_ms(), err);
    if (s->o->auth != AX_AUTH_NONE && !ax_listen_is_loopback(s->tcp_fd))
        warn("tokens and passwords come over the network in the clear: give --tls-cert and "
             "--tls-key, or put a TLS proxy before the server");
    return 0;
}

/* SIGHUP: renewed files. The server is another user by now, who has to be able to read them. */
static void reload_tls(struct server *s)
{
    struct ax_err err;
    if (ax_tls_reload(s->tls, ax_now_ms(), &err) < 0)
        ax_log(AX_LOG_ERROR, "the certificate stays the one before: %s", err.text);
    else
        ax_log(AX_LOG_INFO, "new connections get the certificate as it is now in %s",
               s->o->tls_cert);
}

static int open_auth(struct server *s, struct ax_err *err)
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

static int open_faults(struct server *s, struct ax_err *err)
{
    struct ax_faults_options o = {.sql = s->sql,
                                  .registry = s->registry,
                                  .notify = s->alarming.notify,
                                  .warn = warn_of_faults};
    return ax_faults_open(&s->faults, &o, err);
}

static int open_warrants(struct server *s, struct ax_err *err)
{
    struct ax_warrants_options o = {
        .sql = s->sql, .registry = s->registry, .notify = s->alarming.notify};
    return ax_warrants_open(&s->warrants, &o, err);
}

/* The process has moved into the data directory: errors name paths inside it, so say which it is.
 */
static int open_data(struct server *s, struct ax_err *err)
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

static int open_watchers(struct server *s, struct ax_err *err)
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

static int open_statsd(struct server *s, struct ax_err *err)
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
static int open_logs(struct server *s, struct ax_err *err)
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

static int open_api(struct server *s, struct ax_err *err)
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
static int open_all(struct server *s, struct ax_err *err)
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

/* Blocks, merges and retention may take their time: they have a thread of their own. */
static void *keep_store(void *arg)
{
    struct server *s = arg;
    static struct ax_log_limit limit;
    while (!s->stop) {
        struct ax_err err;
        if (ax_store_tick(s->store, &err) < 0)
            ax_log_limited(&limit, 60, AX_LOG_ERROR, "%s", err.text);
        for (int i = 0; i < STORE_TICK_MS / TICK_MS && !s->stop; i++)
            ax_sleep_ms(TICK_MS);
    }
    return NULL;
}

/* As the store sees it: the thread that keeps the store has a view of its own. */
static bool clock_is_steady(struct server *s, int64_t now)
{
    if (!s->clock.seen) {
        struct ax_store_stats st;
        ax_store_stats(s->store, &st);
        s->clock.seen = st.newest;
    }
    return ax_leap_is_over(&s->clock, now);
}

static void housekeep(struct server *s, int64_t now, int64_t *next_prune)
{
    static struct ax_log_limit limit;
    struct ax_err err = {0};
    int64_t patience = 3 * s->o->interval_ms + 5000;
    bool listened = now - s->listening >= patience; /* or else nobody heard whether they spoke */
    int rc = listened ? ax_registry_expire(s->registry, now, now - patience, &err) : 0;
    bool believed = clock_is_steady(s, now);
    if (rc == 0 && believed && now >= *next_prune) {
        rc = ax_registry_prune(s->registry, now - s->o->retention_ms, &err);
        if (rc == 0)
            rc = ax_stream_prune(s->alarming.stream, now - s->o->retention_ms, &err);
        if (rc == 0)
            rc = ax_dispatch_prune(s->alarming.dispatch, now - s->o->retention_ms, &err);
        if (rc == 0)
            rc = ax_warrants_prune(s->warrants, now - NOTICES_MS, &err);
        *next_prune = now + PRUNE_MS;
    }
    if (rc < 0)
        ax_log_limited(&limit, 60, AX_LOG_ERROR, "%s", err.text);
}

/* A prediction becomes a fault that is to come. */
static int foretell(struct server *s, int64_t now, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_prediction *v;
    size_t n;
    if (now < s->next_foretelling && s->next_foretelling <= now + FORETELL_MS)
        return 0;
    s->next_foretelling = now + FORETELL_MS;
    ax_predictor_snapshot(s->predictor, true, AX_STR_NULL, &a, &v, &n);
    int rc = ax_foretell(s->foretelling, AX_STR("default"), v, n, now, err);
    ax_arena_free(&a);
    return rc;
}

/* Collectors that wait are told when they may read more or less than before. */
static void watch_levels(struct server *s, int64_t now)
{
    static struct ax_log_limit limit;
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_vm_level *v;
    size_t n;
    struct ax_err err;
    uint64_t h = 1;
    if (ax_warrants_levels(s->warrants, now, &a, &v, &n, &err) < 0) {
        ax_log_limited(&limit, 60, AX_LOG_ERROR, "%s", err.text);
        n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t parts[] = {h, ax_hash(v[i].handle.p, v[i].handle.n), (uint64_t)v[i].scope};
        h = ax_hash(parts, sizeof parts);
    }
    if (h != s->levels)
        ax_relay_stir(s->relay);
    s->levels = h;
    ax_arena_free(&a);
}

/* Waits a tick; false at the end. SIGHUP: files are read again. */
static bool wait_tick(struct server *s, const sigset_t *signals)
{
    const struct timespec tick = {0, TICK_MS * 1000000};
    int sig = sigtimedwait(signals, NULL, &tick);
    if (sig == SIGHUP) {
        ax_ruling_want(s->ruling);
        if (s->tls)
            reload_tls(s);
    }
    return sig < 0 || sig == SIGHUP;
}

static void keep_going(struct server *s, const sigset_t *end)
{
    static struct ax_log_limit limit;
    int64_t next_housekeep = ax_now_ms() + HOUSEKEEP_MS, next_prune = 0, next_look = 0;
    s->listening = ax_now_ms();
    while (wait_tick(s, end)) {
        struct ax_err err;
        int64_t now = ax_now_ms();
        ax_alarming_tick(&s->alarming, now);
        if (ax_warrants_tick(s->warrants, now, &err) < 0)
            ax_log_limited(&limit, 60, AX_LOG_ERROR, "%s", err.text);
        if (s->auth && ax_auth_tick(s->auth, now, &err) < 0)
            ax_log_limited(&limit, 60, AX_LOG_ERROR, "%s", err.text);
        if (ax_predictor_tick(s->predictor, now, &err) < 0 || foretell(s, now, &err) < 0)
            ax_log_limited(&limit, 60, AX_LOG_ERROR, "%s", err.text);
        ax_relay_tick(s->relay, ax_mono_ns());
        if (now >= next_look) {
            watch_levels(s, now);
            next_look = now + LOOK_MS;
        }
        if (now >= next_housekeep) {
            housekeep(s, now, &next_prune);
            next_housekeep = now + HOUSEKEEP_MS;
        }
    }
}

static void close_all(struct server *s)
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

static void allow_many_files(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

/* Memory of large requests and of blocks under way goes back to the system when it is freed: of its
 * own, glibc takes it for lasting need after the first time, and keeps a third as much again. */
static void give_memory_back(void)
{
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
}

int ax_cmd_serve(int argc, char **argv)
{
    struct ax_daemon_options o;
    int status = ax_daemon_parse(AX_DAEMON_SERVE, argc, argv, &o);
    if (status != AX_DAEMON_GO)
        return status;
    sigset_t end;
    ax_daemon_signals(&end);
    sigaddset(&end, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &end, NULL);
    allow_many_files();
    give_memory_back();
    ax_log_setup("serve", AX_LOG_INFO);
    struct server s = {.o = &o, .tcp_fd = -1, .unix_fd = -1, .statsd_fd = -1, .logs_fd = -1};
    struct ax_err err;
    if (open_all(&s, &err) < 0) {
        close_all(&s);
        return ax_daemon_fail(&err);
    }
    s.keeping = pthread_create(&s.keeper, NULL, keep_store, &s) == 0;
    const char *colon = strrchr(o.listen, ':');
    ax_log(AX_LOG_INFO, "listening on %s://%.*s:%d/ (data in %s)", s.tls ? "https" : "http",
           (int)(colon - o.listen), o.listen, ax_api_port(s.api), o.data);
    keep_going(&s, &end);
    ax_log(AX_LOG_INFO, "ending");
    close_all(&s);
    return AX_EXIT_OK;
}
