// SPDX-License-Identifier: Apache-2.0
#include "cli/bench_server.h"

#include "api/api.h"
#include "base/clock.h"

#include <curl/curl.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_TIMEOUT_NS 60000000000ll
#define POLL_MS          5

static int free_port(struct ax_err *err)
{
    int fd = ax_listen_tcp("127.0.0.1:0", false, err);
    if (fd < 0)
        return fd;
    int port = ax_listen_port(fd);
    close(fd);
    return port;
}

static size_t swallow(char *p, size_t size, size_t n, void *nobody)
{
    return size * n;
}

static bool is_ready(const struct ax_bench_server *s)
{
    char url[128];
    snprintf(url, sizeof url, "%s/-/ready", s->url);
    CURL *c = curl_easy_init();
    AX_ASSERT(c);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, 10L);
    curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, swallow);
    CURLcode rc = curl_easy_perform(c);
    curl_easy_cleanup(c);
    return rc == CURLE_OK;
}

static void become_server(const struct ax_bench_server *s)
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

int ax_bench_server_start(struct ax_bench_server *s, struct ax_err *err)
{
    int64_t t0 = ax_mono_ns();
    s->pid = fork();
    if (s->pid < 0) {
        s->pid = 0;
        return ax_fail_errno(err, "cannot start a server");
    }
    if (s->pid == 0)
        become_server(s);
    while (ax_mono_ns() - t0 < READY_TIMEOUT_NS) {
        if (is_ready(s)) {
            s->ready_ns = ax_mono_ns() - t0;
            return 0;
        }
        if (waitpid(s->pid, NULL, WNOHANG) != 0) {
            s->pid = 0;
            return ax_fail(err, -EIO, "the server for the measurement ended at once");
        }
        ax_sleep_ms(POLL_MS);
    }
    return ax_fail(err, -EIO, "the server for the measurement was not ready within a minute");
}

int ax_bench_server_open(struct ax_bench_server *s, const char *dir, struct ax_err *err)
{
    int port = free_port(err);
    *s = (struct ax_bench_server){0};
    if (port < 0)
        return port;
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d", port);
    snprintf(s->data, sizeof s->data, "%s/auspex-bench-XXXXXX", dir);
    if (!mkdtemp(s->data)) {
        s->data[0] = '\0';
        return ax_fail_errno(err, "cannot make a directory in %s", dir);
    }
    return ax_bench_server_start(s, err);
}

static void end(struct ax_bench_server *s, int signal)
{
    if (s->pid > 0) {
        kill(s->pid, signal);
        waitpid(s->pid, NULL, 0);
    }
    s->pid = 0;
}

void ax_bench_server_kill(struct ax_bench_server *s)
{
    end(s, SIGKILL);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    return remove(path);
}

void ax_bench_server_close(struct ax_bench_server *s)
{
    end(s, SIGTERM);
    if (s->data[0])
        nftw(s->data, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
