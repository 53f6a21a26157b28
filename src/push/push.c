// SPDX-License-Identifier: Apache-2.0
/* add -> queue in memory -> sender thread -> server
 *             |                 ^
 *             +---> spool ------+     when the queue passes QUEUE_MAX, and at the end
 *
 * Each entry has a number that rises. What is in the spool is older than what is in the queue, so
 * the sender takes the spool's oldest first and keeps the entry in hand until the server took or
 * refused it. */
#include "push/push.h"

#include "base/clock.h"
#include "base/log.h"
#include "push/observation.h"
#include "push/spool.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define QUEUE_MAX       16
#define SERIES_PER_SEND 10000
#define SPOOL_DEFAULT   (64ull << 20)
#define RETRY_MIN_MS    250
#define RETRY_MAX_MS    5000
#define TIMEOUT_MS      15000L
#define GOODBYE_MS      2000
#define ANSWER_MAX      512

struct entry {
    uint64_t number;
    enum ax_spool_kind kind;
    struct ax_buf bytes;
    struct entry *next;
};

struct ax_push {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    struct entry *head, **tail, *current; /* current: in the sender's hand */
    size_t queued;
    uint64_t next_number;
    bool spooling; /* there is a spool directory */
    struct ax_spool spool;
    struct ax_push_stats stats;
    bool quit;
    int64_t quit_at_ns; /* the end of the goodbye */
    CURL *curl;
    struct curl_slist *headers[2]; /* by kind */
    char *urls[2], *unix_socket;
    char answer[ANSWER_MAX], fault[CURL_ERROR_SIZE];
    size_t answer_n;
};

/* ---- the queue (with the lock held) ---- */

static void entry_free(struct entry *e)
{
    if (!e)
        return;
    ax_buf_free(&e->bytes);
    free(e);
}

static struct entry *take_head(struct ax_push *p)
{
    struct entry *e = p->head;
    if (!e)
        return NULL;
    p->head = e->next;
    if (!p->head)
        p->tail = &p->head;
    p->queued--;
    e->next = NULL;
    return e;
}

static void to_spool(struct ax_push *p, struct entry *e)
{
    static struct ax_log_limit limit;
    struct ax_err err = {0};
    if (!p->spooling)
        p->stats.dropped++;
    else if (ax_spool_put(&p->spool, e->number, e->kind, ax_buf_view(&e->bytes), &err) < 0) {
        p->stats.dropped++;
        ax_log_limited(&limit, 60, AX_LOG_WARN, "dropped: %s", err.text);
    }
    entry_free(e);
}

static void spill(struct ax_push *p)
{
    if (!p->spooling) { /* nowhere to go: only the oldest is lost */
        to_spool(p, take_head(p));
        return;
    }
    while (p->head)
        to_spool(p, take_head(p));
}

static void add(struct ax_push *p, enum ax_spool_kind kind, struct ax_buf bytes)
{
    struct entry *e = ax_calloc(1, sizeof *e);
    e->kind = kind;
    e->bytes = bytes;
    pthread_mutex_lock(&p->lock);
    e->number = p->next_number++;
    *p->tail = e;
    p->tail = &e->next;
    if (++p->queued > QUEUE_MAX)
        spill(p);
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

void ax_push_batch(struct ax_push *p, const struct ax_batch *b)
{
    static struct ax_log_limit limit;
    for (size_t i = 0; i < b->n; i += SERIES_PER_SEND) {
        size_t n = b->n - i < SERIES_PER_SEND ? b->n - i : SERIES_PER_SEND;
        struct ax_batch part = {.arena = b->arena, .v = b->v + i, .n = n};
        struct ax_buf bytes = AX_BUF_INIT;
        struct ax_err err = {0};
        if (ax_remote_write_encode(&part, &bytes, &err) == 0) {
            add(p, AX_SPOOL_SAMPLES, bytes);
            continue;
        }
        ax_buf_free(&bytes);
        ax_log_limited(&limit, 60, AX_LOG_WARN, "dropped: %s", err.text);
        pthread_mutex_lock(&p->lock);
        p->stats.dropped++;
        pthread_mutex_unlock(&p->lock);
    }
}

void ax_push_observation(struct ax_push *p, const struct ax_observation *o)
{
    struct ax_buf bytes = AX_BUF_INIT;
    ax_observation_json(o, &bytes);
    add(p, AX_SPOOL_OBSERVATION, bytes);
}

void ax_push_stats(struct ax_push *p, struct ax_push_stats *out)
{
    pthread_mutex_lock(&p->lock);
    *out = p->stats;
    out->dropped += p->spool.dropped;
    out->spool_bytes = p->spool.bytes;
    out->spool_entries = p->spool.n - p->spool.first;
    pthread_mutex_unlock(&p->lock);
}

/* ---- sending (without the lock) ---- */

static size_t keep_answer(char *data, size_t size, size_t n, void *arg)
{
    struct ax_push *p = arg;
    size_t room = ANSWER_MAX - p->answer_n, take = size * n < room ? size * n : room;
    memcpy(p->answer + p->answer_n, data, take);
    p->answer_n += take;
    return size * n;
}

static int stop_when_late(void *arg, curl_off_t dt, curl_off_t d, curl_off_t ut, curl_off_t u)
{
    struct ax_push *p = arg;
    pthread_mutex_lock(&p->lock);
    bool late = p->quit && ax_mono_ns() > p->quit_at_ns;
    pthread_mutex_unlock(&p->lock);
    return late;
}

enum outcome { SENT, REFUSED, AGAIN };

/* Too many requests, a timeout and a token that expired are not the entry's fault. */
static enum outcome judge(long status)
{
    if (status >= 200 && status < 300)
        return SENT;
    if (status >= 400 && status < 500 && status != 401 && status != 408 && status != 429)
        return REFUSED;
    return AGAIN;
}

static enum outcome post(struct ax_push *p, const struct entry *e)
{
    static struct ax_log_limit away, refused;
    p->answer_n = 0;
    p->fault[0] = '\0';
    curl_easy_setopt(p->curl, CURLOPT_URL, p->urls[e->kind]);
    curl_easy_setopt(p->curl, CURLOPT_HTTPHEADER, p->headers[e->kind]);
    curl_easy_setopt(p->curl, CURLOPT_POSTFIELDS, e->bytes.p);
    curl_easy_setopt(p->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)e->bytes.n);
    CURLcode rc = curl_easy_perform(p->curl);
    long status = 0;
    curl_easy_getinfo(p->curl, CURLINFO_RESPONSE_CODE, &status);
    enum outcome outcome = rc == CURLE_OK ? judge(status) : AGAIN;
    if (outcome == REFUSED)
        ax_log_limited(&refused, 10, AX_LOG_WARN, "the server refused an entry (%ld): %.*s", status,
                       (int)p->answer_n, p->answer);
    else if (outcome == AGAIN && rc == CURLE_OK)
        ax_log_limited(&away, 60, AX_LOG_WARN, "the server can't take data now (%ld): %.*s", status,
                       (int)p->answer_n, p->answer);
    else if (outcome == AGAIN)
        ax_log_limited(&away, 60, AX_LOG_WARN, "cannot reach the server at %s: %s",
                       p->urls[e->kind], p->fault[0] ? p->fault : curl_easy_strerror(rc));
    return outcome;
}

/* The spool's oldest as an entry; what can't be read is dropped. With the lock held. */
static struct entry *take_spooled(struct ax_push *p)
{
    const struct ax_spool_entry *s;
    while (p->spooling && (s = ax_spool_oldest(&p->spool))) {
        struct entry *e = ax_calloc(1, sizeof *e);
        e->number = s->number;
        e->kind = s->kind;
        if (ax_spool_read(&p->spool, s, &e->bytes, NULL) == 0 && e->bytes.n)
            return e;
        entry_free(e);
        p->stats.dropped++;
        ax_spool_remove(&p->spool, s->number);
    }
    return NULL;
}

static void rest(struct ax_push *p, int64_t ms)
{
    int64_t until = ax_mono_ns() + ms * 1000000;
    struct timespec ts = {until / 1000000000, until % 1000000000};
    while (!p->quit && pthread_cond_timedwait(&p->wake, &p->lock, &ts) != ETIMEDOUT)
        ;
}

/* One entry, with the lock held but for the sending itself. */
static enum outcome send_one(struct ax_push *p)
{
    pthread_mutex_unlock(&p->lock);
    enum outcome outcome = post(p, p->current);
    pthread_mutex_lock(&p->lock);
    if (outcome == AGAIN) {
        p->stats.retries++;
        return AGAIN;
    }
    p->stats.sent += outcome == SENT;
    p->stats.rejected += outcome == REFUSED;
    if (p->spooling)
        ax_spool_remove(&p->spool, p->current->number);
    entry_free(p->current);
    p->current = NULL;
    return outcome;
}

static void *run(void *arg)
{
    struct ax_push *p = arg;
    int64_t pause_ms = RETRY_MIN_MS;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        bool late = p->quit && ax_mono_ns() > p->quit_at_ns;
        if (!late && !p->current && !(p->current = take_spooled(p)))
            p->current = take_head(p);
        if (late || (p->quit && !p->current))
            break;
        if (!p->current) {
            pthread_cond_wait(&p->wake, &p->lock);
        } else if (send_one(p) != AGAIN) {
            pause_ms = RETRY_MIN_MS;
        } else if (p->quit) {
            break; /* the server is away: no use in waiting for it */
        } else {
            rest(p, pause_ms);
            pause_ms = pause_ms * 2 < RETRY_MAX_MS ? pause_ms * 2 : RETRY_MAX_MS;
        }
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* ---- beginning and end ---- */

static char *join(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    while (na && a[na - 1] == '/')
        na--;
    char *s = ax_malloc(na + nb + 1);
    memcpy(s, a, na);
    memcpy(s + na, b, nb + 1);
    return s;
}

static void add_header(struct ax_push *p, const char *name, const char *value)
{
    if (!value || !value[0])
        return;
    AX_CLEANUP(ax_free_ptr) char *header = join(name, value);
    for (size_t k = 0; k < 2; k++)
        p->headers[k] = curl_slist_append(p->headers[k], header);
}

static void set_headers(struct ax_push *p, const struct ax_push_options *o)
{
    static const char *const samples[] = {"Content-Type: application/x-protobuf",
                                          "Content-Encoding: snappy",
                                          "X-Prometheus-Remote-Write-Version: 0.1.0", "Expect:"};
    for (size_t i = 0; i < AX_ARRAY_LEN(samples); i++)
        p->headers[AX_SPOOL_SAMPLES] = curl_slist_append(p->headers[AX_SPOOL_SAMPLES], samples[i]);
    p->headers[AX_SPOOL_OBSERVATION] =
        curl_slist_append(p->headers[AX_SPOOL_OBSERVATION], "Content-Type: application/json");
    p->headers[AX_SPOOL_OBSERVATION] =
        curl_slist_append(p->headers[AX_SPOOL_OBSERVATION], "Expect:");
    add_header(p, "X-Scope-OrgID: ", o->tenant);
    add_header(p, "Authorization: Bearer ", o->token);
}

static int set_tls(struct ax_push *p, const struct ax_push_options *o, struct ax_err *err)
{
    const struct {
        CURLoption option;
        const char *path;
    } files[] = {
        {CURLOPT_CAINFO, o->ca_file}, {CURLOPT_SSLCERT, o->cert}, {CURLOPT_SSLKEY, o->key}};
    for (size_t i = 0; i < AX_ARRAY_LEN(files); i++) {
        if (!files[i].path)
            continue;
        if (access(files[i].path, R_OK) < 0)
            return ax_fail_errno(err, "cannot read %s", files[i].path);
        curl_easy_setopt(p->curl, files[i].option, files[i].path);
    }
    return 0;
}

static void set_curl(struct ax_push *p)
{
    curl_easy_setopt(p->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(p->curl, CURLOPT_POST, 1L);
    curl_easy_setopt(p->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(p->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(p->curl, CURLOPT_USERAGENT, "auspex/" AX_VERSION);
    curl_easy_setopt(p->curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(p->curl, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
    curl_easy_setopt(p->curl, CURLOPT_WRITEFUNCTION, keep_answer);
    curl_easy_setopt(p->curl, CURLOPT_WRITEDATA, p);
    curl_easy_setopt(p->curl, CURLOPT_ERRORBUFFER, p->fault);
    curl_easy_setopt(p->curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(p->curl, CURLOPT_XFERINFOFUNCTION, stop_when_late);
    curl_easy_setopt(p->curl, CURLOPT_XFERINFODATA, p);
    if (p->unix_socket)
        curl_easy_setopt(p->curl, CURLOPT_UNIX_SOCKET_PATH, p->unix_socket);
}

static void destroy(struct ax_push *p)
{
    entry_free(p->current);
    while (p->head)
        entry_free(take_head(p));
    if (p->spooling)
        ax_spool_close(&p->spool);
    if (p->curl)
        curl_easy_cleanup(p->curl);
    for (size_t k = 0; k < 2; k++) {
        curl_slist_free_all(p->headers[k]);
        free(p->urls[k]);
    }
    free(p->unix_socket);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
    free(p);
}

static int start(struct ax_push *p, const struct ax_push_options *o, struct ax_err *err)
{
    if (!o->url || !o->url[0])
        return ax_fail(err, -EINVAL, "no URL to push to (expected http://HOST:PORT)");
    if (o->spool_dir) {
        uint64_t max = o->spool_max ? o->spool_max : SPOOL_DEFAULT;
        int rc = ax_spool_open(&p->spool, o->spool_dir, max, err);
        if (rc < 0)
            return rc;
        p->spooling = true;
        p->next_number = ax_spool_next_number(&p->spool);
    }
    p->urls[AX_SPOOL_SAMPLES] = join(o->url, "/api/v1/write");
    p->urls[AX_SPOOL_OBSERVATION] = join(o->url, "/auspex/v1/observations");
    if (o->unix_socket && o->unix_socket[0])
        p->unix_socket = ax_strdup(o->unix_socket);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    p->curl = curl_easy_init();
    if (!p->curl)
        return ax_fail(err, -ENOMEM, "cannot set up the HTTP client");
    set_headers(p, o);
    set_curl(p);
    int rc = set_tls(p, o, err);
    if (rc < 0)
        return rc;
    rc = pthread_create(&p->thread, NULL, run, p);
    return rc ? ax_fail(err, -rc, "cannot start the sender: %s", strerror(rc)) : 0;
}

int ax_push_new(struct ax_push **out, const struct ax_push_options *o, struct ax_err *err)
{
    struct ax_push *p = ax_calloc(1, sizeof *p);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    p->tail = &p->head;
    p->next_number = 1;
    int rc = start(p, o, err);
    if (rc < 0)
        destroy(p);
    else
        *out = p;
    return rc;
}

void ax_push_free(struct ax_push *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->quit = true;
    p->quit_at_ns = ax_mono_ns() + GOODBYE_MS * 1000000ll;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    if (p->current && p->spooling) { /* it may be there already, then it came from there */
        ax_spool_remove(&p->spool, p->current->number);
        to_spool(p, p->current);
        p->current = NULL;
    }
    if (p->spooling)
        spill(p);
    destroy(p);
}
