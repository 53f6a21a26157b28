// SPDX-License-Identifier: Apache-2.0
#include "push/post.h"
#include "push/client.h"

#include "base/log.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_MS 15000L
#define ANSWER_MAX 512

struct ax_post {
    CURL *curl;
    struct curl_slist *headers[2]; /* by kind */
    char *urls[2], *unix_socket;
    char answer[ANSWER_MAX], fault[CURL_ERROR_SIZE];
    size_t answer_n;
    bool (*late)(void *ctx);
    void *ctx;
};

/* ---- sending ---- */

static size_t keep_answer(char *data, size_t size, size_t n, void *arg)
{
    struct ax_post *p = arg;
    size_t room = ANSWER_MAX - p->answer_n, take = size * n < room ? size * n : room;
    memcpy(p->answer + p->answer_n, data, take);
    p->answer_n += take;
    return size * n;
}

static int stop_when_late(void *arg, curl_off_t dt, curl_off_t d, curl_off_t ut, curl_off_t u)
{
    const struct ax_post *p = arg;
    return p->late(p->ctx);
}

/* Too many requests, a timeout and a token that expired are not the entry's fault. */
static enum ax_posted judge(long status)
{
    if (status >= 200 && status < 300)
        return AX_POST_SENT;
    if (status >= 400 && status < 500 && status != 401 && status != 408 && status != 429)
        return AX_POST_REFUSED;
    return AX_POST_AGAIN;
}

enum ax_posted ax_post_send(struct ax_post *p, enum ax_spool_kind kind, struct ax_str bytes)
{
    static struct ax_log_limit away, refused;
    p->answer_n = 0;
    p->fault[0] = '\0';
    curl_easy_setopt(p->curl, CURLOPT_URL, p->urls[kind]);
    curl_easy_setopt(p->curl, CURLOPT_HTTPHEADER, p->headers[kind]);
    curl_easy_setopt(p->curl, CURLOPT_POSTFIELDS, bytes.p);
    curl_easy_setopt(p->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)bytes.n);
    CURLcode rc = curl_easy_perform(p->curl);
    long status = 0;
    curl_easy_getinfo(p->curl, CURLINFO_RESPONSE_CODE, &status);
    enum ax_posted outcome = rc == CURLE_OK ? judge(status) : AX_POST_AGAIN;
    if (outcome == AX_POST_REFUSED)
        ax_log_limited(&refused, 10, AX_LOG_WARN, "the server refused an entry (%ld): %.*s", status,
                       (int)p->answer_n, p->answer);
    else if (outcome == AX_POST_AGAIN && rc == CURLE_OK)
        ax_log_limited(&away, 60, AX_LOG_WARN, "the server can't take data now (%ld): %.*s", status,
                       (int)p->answer_n, p->answer);
    else if (outcome == AX_POST_AGAIN)
        ax_log_limited(&away, 60, AX_LOG_WARN, "cannot reach the server at %s: %s", p->urls[kind],
                       p->fault[0] ? p->fault : curl_easy_strerror(rc));
    return outcome;
}

/* ---- beginning and end ---- */

static void add_header(struct ax_post *p, const char *name, const char *value)
{
    if (!value || !value[0])
        return;
    AX_CLEANUP(ax_free_ptr) char *header = ax_push_join(name, value);
    for (size_t k = 0; k < 2; k++)
        p->headers[k] = curl_slist_append(p->headers[k], header);
}

static void set_headers(struct ax_post *p, const struct ax_push_options *o)
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

static void set_curl(struct ax_post *p)
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

void ax_post_close(struct ax_post *p)
{
    if (!p)
        return;
    if (p->curl)
        curl_easy_cleanup(p->curl);
    for (size_t k = 0; k < 2; k++) {
        curl_slist_free_all(p->headers[k]);
        free(p->urls[k]);
    }
    free(p->unix_socket);
    free(p);
}

static int begin(struct ax_post *p, const struct ax_push_options *o, struct ax_err *err)
{
    p->urls[AX_SPOOL_SAMPLES] = ax_push_join(o->url, "/api/v1/write");
    p->urls[AX_SPOOL_OBSERVATION] = ax_push_join(o->url, "/auspex/v1/observations");
    if (o->unix_socket && o->unix_socket[0])
        p->unix_socket = ax_strdup(o->unix_socket);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    p->curl = curl_easy_init();
    if (!p->curl)
        return ax_fail(err, -ENOMEM, "cannot set up the HTTP client");
    set_headers(p, o);
    set_curl(p);
    return ax_push_trust(p->curl, o, err);
}

int ax_post_open(struct ax_post **out, const struct ax_push_options *o, bool (*late)(void *ctx),
                 void *ctx, struct ax_err *err)
{
    struct ax_post *p = ax_calloc(1, sizeof *p);
    p->late = late;
    p->ctx = ctx;
    int rc = begin(p, o, err);
    if (rc < 0)
        ax_post_close(p);
    else
        *out = p;
    return rc;
}
