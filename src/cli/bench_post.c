// SPDX-License-Identifier: Apache-2.0
#include "cli/bench_post.h"

#include "base/buf.h"
#include "base/clock.h"
#include "cli/inner.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES      200
#define RETRY_MS   50 /* when the server does not say after how long */
#define TIMEOUT_S  300L
#define ANSWER_MAX 4096

static size_t keep_answer(char *p, size_t size, size_t n, void *self)
{
    ax_buf_add(self, p, size * n);
    return size * n;
}

void ax_bench_poster_open(struct ax_bench_poster *p, const char *url, const struct ax_cli *cli)
{
    static const char *const lines[] = {"Content-Type: application/x-protobuf",
                                        "Content-Encoding: snappy",
                                        "X-Prometheus-Remote-Write-Version: 0.1.0", "Expect:"};
    struct curl_slist *headers = NULL;
    for (size_t i = 0; i < AX_ARRAY_LEN(lines); i++)
        headers = curl_slist_append(headers, lines[i]);
    if (cli)
        headers = ax_client_headers(cli, headers);
    CURL *c = curl_easy_init();
    AX_ASSERT(c && headers);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    if (cli)
        ax_client_trust(c, cli);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, TIMEOUT_S);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, keep_answer);
    p->curl = c;
    p->headers = headers;
}

void ax_bench_poster_close(struct ax_bench_poster *p)
{
    curl_easy_cleanup(p->curl);
    curl_slist_free_all(p->headers);
    free(p->latency_ns);
}

static void keep_rate(struct ax_bench_poster *p, unsigned samples)
{
    int64_t now = ax_mono_ns();
    if (!(p->per_second > 0))
        return;
    if (p->due_ns == 0)
        p->due_ns = now;
    if (p->due_ns > now)
        ax_sleep_ms((p->due_ns - now) / 1000000);
    p->due_ns += (int64_t)(samples * 1e9 / p->per_second);
}

static void remember(struct ax_bench_poster *p, const char *what, struct ax_str said)
{
    if (!p->reason[0])
        snprintf(p->reason, sizeof p->reason, "%s%.*s", what, (int)(said.n < 300 ? said.n : 300),
                 said.n ? said.p : "");
}

static void unanswered(struct ax_bench_poster *p, CURLcode rc, unsigned samples)
{
    remember(p, curl_easy_strerror(rc), AX_STR_NULL);
    p->unanswered += samples;
    if (p->until_gone || rc == CURLE_COULDNT_CONNECT)
        atomic_store(p->gone, true);
}

static void answered(struct ax_bench_poster *p, long status, struct ax_str said, unsigned samples)
{
    char what[48];
    if (status >= 200 && status < 300) {
        p->acknowledged += samples;
        return;
    }
    snprintf(what, sizeof what, "HTTP status %ld: ", status);
    remember(p, what, ax_str_trim(said));
    p->refused += samples;
}

static void keep_latency(struct ax_bench_poster *p, int64_t ns)
{
    if (p->requests == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 256;
        p->latency_ns = ax_realloc(p->latency_ns, p->cap * sizeof *p->latency_ns);
    }
    p->latency_ns[p->requests++] = ns;
}

/* True: it is to be tried again, after *wait_ms. */
static bool busy(CURL *c, long status, int64_t *wait_ms)
{
    curl_off_t seconds = 0;
    curl_easy_getinfo(c, CURLINFO_RETRY_AFTER, &seconds);
    *wait_ms = seconds > 0 ? (int64_t)seconds * 1000 : RETRY_MS;
    return status == 429 || status >= 500;
}

void ax_bench_post(struct ax_bench_poster *p, const char *body, size_t n, unsigned samples)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf said = {.max = ANSWER_MAX};
    keep_rate(p, samples);
    curl_easy_setopt(p->curl, CURLOPT_WRITEDATA, &said);
    curl_easy_setopt(p->curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(p->curl, CURLOPT_POSTFIELDSIZE, (long)n);
    for (unsigned tries = 1;; tries++) {
        long status = 0;
        int64_t wait_ms, t0 = ax_mono_ns();
        CURLcode rc = curl_easy_perform(p->curl);
        int64_t took = ax_mono_ns() - t0;
        if (rc != CURLE_OK) {
            unanswered(p, rc, samples);
            return;
        }
        curl_easy_getinfo(p->curl, CURLINFO_RESPONSE_CODE, &status);
        if (!busy(p->curl, status, &wait_ms) || tries == TRIES) {
            keep_latency(p, took);
            p->bytes += n;
            answered(p, status, ax_buf_view(&said), samples);
            return;
        }
        p->retries++;
        ax_buf_clear(&said);
        ax_sleep_ms(wait_ms);
    }
}
