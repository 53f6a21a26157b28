// SPDX-License-Identifier: Apache-2.0
#include "api/api.h"
#include "base/clock.h"
#include "cli/bench.h"
#include "push/push.h"

#include <curl/curl.h>
#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEP_MS          15000
#define SERIES_PER_VM    25
#define START_TIMEOUT_MS 20000

struct server {
    pid_t pid;
    char url[64], data[512];
};

struct sender {
    const struct ax_bench *b;
    const struct server *server;
    unsigned from, to; /* its series */
    int64_t first_ms;
    uint64_t samples, failed;
    int64_t *latency_ns;
    size_t requests;
};

static size_t swallow(char *p, size_t size, size_t n, void *to)
{
    if (to)
        ax_buf_add(to, p, size * n);
    return size * n;
}

/* ---- the server ---- */

static int free_port(struct ax_err *err)
{
    int fd = ax_listen_tcp("127.0.0.1:0", err);
    if (fd < 0)
        return fd;
    int port = ax_listen_port(fd);
    close(fd);
    return port;
}

static int answers(const struct server *s, const char *path, struct ax_buf *out)
{
    char url[128];
    snprintf(url, sizeof url, "%s%s", s->url, path);
    CURL *c = curl_easy_init();
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, 10L);
    curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, out);
    CURLcode rc = curl_easy_perform(c);
    curl_easy_cleanup(c);
    return rc == CURLE_OK;
}

static void become_server(const struct server *s)
{
    char self[] = "/proc/self/exe", serve[] = "serve", listen[] = "--listen", data[] = "--data";
    char retention[] = "--retention", year[] = "1y";
    char where[64], dir[512];
    snprintf(where, sizeof where, "%s", s->url + strlen("http://"));
    snprintf(dir, sizeof dir, "%s", s->data);
    char *argv[] = {self, serve, listen, where, data, dir, retention, year, NULL};
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    execv(self, argv);
    _exit(127);
}

static int start_server(struct server *s, const char *dir, struct ax_err *err)
{
    int port = free_port(err);
    if (port < 0)
        return port;
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d", port);
    snprintf(s->data, sizeof s->data, "%s/auspex-bench-XXXXXX", dir);
    if (!mkdtemp(s->data))
        return ax_fail_errno(err, "cannot make a directory in %s", dir);
    s->pid = fork();
    if (s->pid < 0)
        return ax_fail_errno(err, "cannot start a server");
    if (s->pid == 0)
        become_server(s);
    for (int waited = 0; waited < START_TIMEOUT_MS; waited += 50) {
        if (answers(s, "/-/ready", NULL))
            return 0;
        if (waitpid(s->pid, NULL, WNOHANG) != 0) {
            s->pid = 0;
            break;
        }
        ax_sleep_ms(50);
    }
    return ax_fail(err, -EIO, "the server for the measurement did not start");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    return remove(path);
}

static void stop_server(struct server *s)
{
    if (s->pid > 0) {
        kill(s->pid, SIGTERM);
        waitpid(s->pid, NULL, 0);
    }
    if (s->data[0])
        nftw(s->data, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static double metric(const struct server *s, const char *name)
{
    struct ax_buf text = AX_BUF_INIT;
    double v = 0;
    if (answers(s, "/metrics", &text)) {
        struct ax_str rest = ax_buf_view(&text), line, word;
        while (ax_str_cut(&rest, '\n', &line))
            if (ax_str_word(&line, &word) && ax_str_eq(word, ax_str(name)) &&
                ax_str_word(&line, &word))
                ax_str_double(word, &v);
    }
    ax_buf_free(&text);
    return v;
}

/* ---- the senders ---- */

static struct ax_labels series_labels(struct ax_arena *a, unsigned i)
{
    struct ax_labels_builder b;
    struct ax_labels out = {AX_STR_NULL};
    unsigned vm = i / SERIES_PER_VM, kind = i % SERIES_PER_VM;
    b.n = 0;
    b.too_many = false;
    ax_labels_add(&b, AX_STR("__name__"), ax_arena_printf(a, "vm_bench_metric_%02u_total", kind));
    ax_labels_add(&b, AX_STR("job"), AX_STR("bench"));
    ax_labels_add(&b, AX_STR("host"), ax_arena_printf(a, "host-%03u.example", vm / 40));
    ax_labels_add(&b, AX_STR("vm"), ax_arena_printf(a, "vm-%06u", vm));
    ax_labels_add(&b, AX_STR("vm_uuid"),
                  ax_arena_printf(a, "%08x-0000-4000-8000-%012x", vm * 2654435761u, vm));
    int rc = ax_labels_finish(&b, a, &out, NULL);
    AX_ASSERT(rc == 0);
    return out;
}

/* A mix as VMs make it: constants, slow gauges, counters with noise. Reproducible. */
static double value(unsigned series, unsigned round)
{
    uint32_t x = (series * 2654435761u) ^ (round * 40503u);
    x ^= x >> 13;
    x *= 2246822519u;
    x ^= x >> 16;
    switch (series % 5) {
    case 0: return 0;
    case 1: return (double)(series % 64) * 1048576;
    case 2: return (double)(round * 1500u + x % 900u);
    case 3: return (double)(4096ull * (round * 80ull + x % 40u));
    default: return (double)(x % 10000u) / 100;
    }
}

static void post(CURL *c, struct sender *s, const struct ax_buf *body, size_t samples)
{
    long status = 0;
    int64_t t0 = ax_mono_ns();
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, body->p);
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)body->n);
    CURLcode rc = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    s->latency_ns[s->requests++] = ax_mono_ns() - t0;
    if (rc == CURLE_OK && status == 204)
        s->samples += samples;
    else
        s->failed++;
}

static CURL *writer(const struct server *s, struct curl_slist **headers)
{
    char url[128];
    CURL *c = curl_easy_init();
    snprintf(url, sizeof url, "%s/api/v1/write", s->url);
    *headers = curl_slist_append(NULL, "Content-Type: application/x-protobuf");
    *headers = curl_slist_append(*headers, "Content-Encoding: snappy");
    *headers = curl_slist_append(*headers, "Expect:");
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, *headers);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, NULL);
    return c;
}

static void *send_all(void *arg)
{
    struct sender *s = arg;
    struct curl_slist *headers;
    CURL *c = writer(s->server, &headers);
    struct ax_arena names = AX_ARENA_INIT, a = AX_ARENA_INIT;
    struct ax_labels *labels = AX_NEWS(&names, struct ax_labels, s->to - s->from);
    struct ax_buf body = AX_BUF_INIT;
    for (unsigned i = s->from; i < s->to; i++)
        labels[i - s->from] = series_labels(&names, i);
    for (unsigned round = 0; round < s->b->rounds; round++) {
        for (unsigned i = s->from; i < s->to;) {
            struct ax_batch batch = {.arena = &a};
            for (unsigned k = 0; k < s->b->batch && i < s->to; k++, i++) {
                struct ax_sample x = {s->first_ms + (int64_t)round * STEP_MS, value(i, round)};
                ax_batch_add(&batch, labels[i - s->from], &x, 1);
            }
            ax_buf_clear(&body);
            if (ax_remote_write_encode(&batch, &body, NULL) == 0)
                post(c, s, &body, batch.samples);
            ax_arena_reset(&a);
        }
    }
    ax_buf_free(&body);
    ax_arena_free(&a);
    ax_arena_free(&names);
    curl_slist_free_all(headers);
    curl_easy_cleanup(c);
    return NULL;
}

static void measure(const struct ax_bench *b, const struct server *server,
                    struct ax_bench_result *r)
{
    struct sender *v = ax_calloc(b->connections, sizeof *v);
    pthread_t *threads = ax_calloc(b->connections, sizeof *threads);
    unsigned share = (b->series + b->connections - 1) / b->connections;
    size_t most = ((size_t)share / b->batch + 1) * b->rounds;
    int64_t first = ax_now_ms() - (int64_t)b->rounds * STEP_MS;
    double cpu0 = metric(server, "process_cpu_seconds_total");
    int64_t t0 = ax_mono_ns();
    r->latency_ns = ax_calloc(most * b->connections, sizeof *r->latency_ns);
    for (unsigned i = 0; i < b->connections; i++) {
        unsigned to = (i + 1) * share < b->series ? (i + 1) * share : b->series;
        unsigned from = i * share < to ? i * share : to;
        v[i] = (struct sender){
            b, server, from, to, first, 0, 0, ax_calloc(most, sizeof *v[i].latency_ns), 0};
        int rc = pthread_create(&threads[i], NULL, send_all, &v[i]);
        AX_ASSERT(rc == 0);
    }
    for (unsigned i = 0; i < b->connections; i++) {
        pthread_join(threads[i], NULL);
        r->samples += v[i].samples;
        r->failed += v[i].failed;
        memcpy(r->latency_ns + r->requests, v[i].latency_ns, v[i].requests * sizeof *r->latency_ns);
        r->requests += v[i].requests;
        free(v[i].latency_ns);
    }
    r->wall_s = (double)(ax_mono_ns() - t0) / 1e9;
    r->cpu_s = metric(server, "process_cpu_seconds_total") - cpu0;
    r->resident = metric(server, "process_resident_memory_bytes");
    free(threads);
    free(v);
}

int ax_bench_ingest(const struct ax_bench *b, struct ax_bench_result *out, struct ax_err *err)
{
    struct server s = {0};
    curl_global_init(CURL_GLOBAL_DEFAULT);
    fprintf(stderr, "starting a server in %s ...\n", b->dir);
    int rc = start_server(&s, b->dir, err);
    if (rc == 0) {
        fprintf(stderr, "sending %u rounds of %u series ...\n", b->rounds, b->series);
        measure(b, &s, out);
    }
    stop_server(&s);
    return rc;
}
