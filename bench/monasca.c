// SPDX-License-Identifier: Apache-2.0
/* What POST /v2.0/metrics costs the server: lists of metrics of 5 dimensions each, as agents send
 * them, over several connections that stay open, into a server of its own; each is answered when it
 * is on stable storage.
 *
 *   ninja -C build auspex bench-monasca
 *   build/bench/bench-monasca build/auspex [CONNECTIONS [METRICS [REQUESTS]]]
 *
 * CONNECTIONS (4), METRICS in a request (1000), REQUESTS of each connection in a round (25): each
 * has metrics of its own. A round makes them known and is not counted; then 8 are measured, each
 * sample 10 s after the one before. Prints metrics per CPU-second of the server, with all that it
 * does meanwhile, and per second. */
#include "base/clock.h"
#include "base/digits.h"
#include "base/file.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS           8
#define STEP_MS          10000
#define METRICS_PER_HOST 50
#define TIME_DIGITS      13

/* A request as it goes over the wire; the times are written into it anew for each round. */
struct request {
    struct ax_buf bytes;
    size_t *times; /* where they are */
};

struct sender {
    pthread_t thread;
    int fd;
    struct request *v;
    unsigned n, metrics;
    int64_t t;
    uint64_t refused;
    char answer[512]; /* the first that was no success */
};

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(1);
}

static void put_metric(struct ax_buf *body, unsigned i)
{
    unsigned host = i / METRICS_PER_HOST, what = i % METRICS_PER_HOST;
    ax_buf_printf(body,
                  "{\"name\": \"net.in_bytes_%02u_sec\", \"dimensions\": {\"hostname\": "
                  "\"compute-%05u\", \"device\": \"tap%02u\", \"service\": \"compute\", "
                  "\"component\": \"vm\", \"resource_id\": \"%08x-0000-4000-8000-%012x\"}, "
                  "\"timestamp\": 0000000000000, \"value\": %u.%02u}",
                  what % 10, host, what / 10, host * 2654435761u, host, i * 7919u % 100000, i % 97);
}

static void make(struct request *r, int port, unsigned first, unsigned metrics)
{
    struct ax_buf body = AX_BUF_INIT;
    r->times = ax_calloc(metrics, sizeof *r->times);
    for (unsigned i = 0; i < metrics; i++) {
        ax_buf_cstr(&body, i ? ", " : "[");
        put_metric(&body, first + i);
    }
    ax_buf_byte(&body, ']');
    ax_buf_printf(&r->bytes,
                  "POST /v2.0/metrics HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: "
                  "application/json\r\nX-Auth-Token: bench\r\nContent-Length: %zu\r\n\r\n",
                  port, body.n);
    ax_buf_str(&r->bytes, ax_buf_view(&body));
    ax_buf_free(&body);
    const char *at = r->bytes.p, *end = at + r->bytes.n;
    for (unsigned i = 0; i < metrics; i++) {
        at = (const char *)memmem(at, (size_t)(end - at), "0000000000000,", 14);
        r->times[i] = (size_t)(at++ - r->bytes.p);
    }
}

/* ---- the server ---- */

static int connect_to(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static int free_port(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof any;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&any, n) != 0 ||
        getsockname(fd, (struct sockaddr *)&any, &n) != 0)
        die("a free port");
    close(fd);
    return ntohs(any.sin_port);
}

static pid_t start(char *program, const char *data, int port)
{
    char where[32], dir[128];
    snprintf(where, sizeof where, "127.0.0.1:%d", port);
    snprintf(dir, sizeof dir, "%s", data);
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        char serve[] = "serve", listen[] = "--listen", data_flag[] = "--data";
        char *argv[] = {program, serve, listen, where, data_flag, dir, NULL};
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        execv(program, argv);
        die(program);
    }
    for (int i = 0; i < 600; i++) {
        int fd = connect_to(port);
        if (fd >= 0) {
            close(fd);
            return pid;
        }
        ax_sleep_ms(50);
    }
    kill(pid, SIGTERM);
    fputs("the server did not start\n", stderr);
    exit(1);
}

static double cpu_seconds(pid_t pid)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        die("the server's CPU time");
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- sending ---- */

/* Reads an answer's head; those to POST have no body when all is well. */
static bool is_taken(struct sender *s)
{
    char head[sizeof s->answer];
    size_t n = 0;
    while (n < sizeof head - 1) {
        ssize_t got = recv(s->fd, head + n, sizeof head - 1 - n, 0);
        if (got <= 0)
            break;
        n += (size_t)got;
        if (memmem(head, n, "\r\n\r\n", 4))
            break;
    }
    head[n] = '\0';
    if (strncmp(head, "HTTP/1.1 204", 12) == 0)
        return true;
    if (s->refused == 0)
        memcpy(s->answer, head, sizeof head);
    return false;
}

static void *send_round(void *arg)
{
    struct sender *s = arg;
    char digits[AX_DIGITS_MAX];
    if (ax_digits_print((uint64_t)s->t, digits) != TIME_DIGITS)
        die("a clock of this century");
    for (unsigned i = 0; i < s->n; i++) {
        struct request *r = &s->v[i];
        for (unsigned k = 0; k < s->metrics; k++)
            memcpy(r->bytes.p + r->times[k], digits, TIME_DIGITS);
        if (ax_write_all(s->fd, r->bytes.p, r->bytes.n) < 0 || !is_taken(s)) {
            s->refused++;
            break;
        }
    }
    return NULL;
}

static void run_round(struct sender *v, unsigned n, int64_t t)
{
    for (unsigned i = 0; i < n; i++) {
        v[i].t = t;
        if (pthread_create(&v[i].thread, NULL, send_round, &v[i]) != 0)
            die("a thread");
    }
    for (unsigned i = 0; i < n; i++)
        pthread_join(v[i].thread, NULL);
    for (unsigned i = 0; i < n; i++)
        if (v[i].refused) {
            fprintf(stderr, "a request was not taken: %s\n", v[i].answer);
            exit(1);
        }
}

/* Of the best round, and of all. */
struct spent {
    double cpu, wall, all_cpu;
};

static struct spent measure(pid_t pid, struct sender *v, unsigned n)
{
    struct spent best = {1e9, 1e9, 0};
    int64_t t = ax_now_ms() - (ROUNDS + 1) * STEP_MS;
    run_round(v, n, t);
    double before = cpu_seconds(pid);
    for (int i = 0; i < ROUNDS; i++) {
        double cpu = cpu_seconds(pid);
        int64_t t0 = ax_mono_ns();
        run_round(v, n, t += STEP_MS);
        double wall = (double)(ax_mono_ns() - t0) / 1e9;
        cpu = cpu_seconds(pid) - cpu;
        best.cpu = cpu < best.cpu ? cpu : best.cpu;
        best.wall = wall < best.wall ? wall : best.wall;
    }
    best.all_cpu = cpu_seconds(pid) - before;
    return best;
}

static unsigned number(int argc, char **argv, int i, unsigned otherwise)
{
    uint64_t n = otherwise;
    if (argc > i && (!ax_str_u64(ax_str(argv[i]), &n) || n < 1 || n > 10000)) {
        fputs("usage: bench-monasca AUSPEX [CONNECTIONS [METRICS [REQUESTS]]]\n", stderr);
        exit(2);
    }
    return (unsigned)n;
}

int main(int argc, char **argv)
{
    unsigned n = number(argc, argv, 2, 4), metrics = number(argc, argv, 3, 1000);
    unsigned requests = number(argc, argv, 4, 25);
    char dir[] = "/tmp/bench-monasca-XXXXXX", data[64];
    if (argc < 2 || !mkdtemp(dir))
        die("usage: bench-monasca AUSPEX [CONNECTIONS [METRICS [REQUESTS]]]");
    signal(SIGPIPE, SIG_IGN);
    snprintf(data, sizeof data, "%s/data", dir);
    int port = free_port();
    pid_t pid = start(argv[1], data, port);
    struct sender *v = ax_calloc(n, sizeof *v);
    size_t bytes = 0;
    for (unsigned i = 0; i < n; i++) {
        v[i] = (struct sender){.fd = connect_to(port), .n = requests, .metrics = metrics};
        v[i].v = ax_calloc(requests, sizeof *v[i].v);
        for (unsigned k = 0; k < requests; k++) {
            make(&v[i].v[k], port, (i * requests + k) * metrics, metrics);
            bytes += v[i].v[k].bytes.n;
        }
    }
    struct spent best = measure(pid, v, n);
    double all = (double)n * requests * metrics;
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    ax_remove_tree(dir, NULL);
    printf("%u metrics a request, %u connections, %.0f bytes a metric\n"
           "best of %d rounds: %.0f metrics per CPU-second (%.0f ns each), %.0f per second\n"
           "all of them: %.0f metrics per CPU-second\n",
           metrics, n, (double)bytes / all, ROUNDS, all / best.cpu, best.cpu / all * 1e9,
           all / best.wall, all * ROUNDS / best.all_cpu);
    return 0;
}
