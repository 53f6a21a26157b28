// SPDX-License-Identifier: Apache-2.0
/* auspex serve: the command, and what goes on while the server runs. */
#include "cli/serve.h"

#include "api/api.h"
#include "auth/auth.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#define TICK_MS       100
#define STORE_TICK_MS 1000
#define LOOK_MS       1000
#define HOUSEKEEP_MS  5000
#define FORETELL_MS   10000
#define PRUNE_MS      3600000
#define LARGE_BYTES   (1 << 20)
#define NOTICES_MS    (400 * 86400000ll) /* for so long notices of inspections are listed */

/* Blocks, merges and retention may take their time: they have a thread of their own. */
static void *keep_store(void *arg)
{
    struct ax_server *s = arg;
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
static bool clock_is_steady(struct ax_server *s, int64_t now)
{
    if (!s->clock.seen) {
        struct ax_store_stats st;
        ax_store_stats(s->store, &st);
        s->clock.seen = st.newest;
    }
    return ax_leap_is_over(&s->clock, now);
}

static void housekeep(struct ax_server *s, int64_t now, int64_t *next_prune)
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
static int foretell(struct ax_server *s, int64_t now, struct ax_err *err)
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
static void watch_levels(struct ax_server *s, int64_t now)
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
static bool wait_tick(struct ax_server *s, const sigset_t *signals)
{
    const struct timespec tick = {0, TICK_MS * 1000000};
    int sig = sigtimedwait(signals, NULL, &tick);
    if (sig == SIGHUP) {
        ax_ruling_want(s->ruling);
        if (s->tls)
            ax_server_reload_tls(s);
    }
    return sig < 0 || sig == SIGHUP;
}

static void keep_going(struct ax_server *s, const sigset_t *end)
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
        ax_api_tick(s->api, ax_mono_ns());
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
    struct ax_server s = {.o = &o, .tcp_fd = -1, .unix_fd = -1, .statsd_fd = -1, .logs_fd = -1};
    struct ax_err err;
    if (ax_server_open(&s, &err) < 0) {
        ax_server_close(&s);
        return ax_daemon_fail(&err);
    }
    s.keeping = pthread_create(&s.keeper, NULL, keep_store, &s) == 0;
    const char *colon = strrchr(o.listen, ':');
    ax_log(AX_LOG_INFO, "listening on %s://%.*s:%d/ (data in %s)", s.tls ? "https" : "http",
           (int)(colon - o.listen), o.listen, ax_api_port(s.api), o.data);
    keep_going(&s, &end);
    ax_log(AX_LOG_INFO, "ending");
    ax_server_close(&s);
    return AX_EXIT_OK;
}
