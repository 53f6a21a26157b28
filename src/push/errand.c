// SPDX-License-Identifier: Apache-2.0
#include "push/client.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ax_errand {
    CURL *curl;
    struct curl_slist *headers;
    char *url;
    _Atomic bool stopped;
    char fault[CURL_ERROR_SIZE];
};

int ax_push_trust(CURL *curl, const struct ax_push_options *o, struct ax_err *err)
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
        curl_easy_setopt(curl, files[i].option, files[i].path);
    }
    return 0;
}

char *ax_push_join(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    while (na && a[na - 1] == '/')
        na--;
    char *s = ax_malloc(na + nb + 1);
    memcpy(s, a, na);
    memcpy(s + na, b, nb + 1);
    return s;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct ax_buf *out = arg;
    ax_buf_add(out, data, size * n);
    return out->overflow ? 0 : size * n;
}

static int on_progress(void *arg, curl_off_t dt, curl_off_t d, curl_off_t ut, curl_off_t u)
{
    struct ax_errand *e = arg;
    return e->stopped;
}

static void add_header(struct ax_errand *e, const char *name, const char *value)
{
    if (!value || !value[0])
        return;
    struct ax_buf b = AX_BUF_INIT;
    ax_buf_printf(&b, "%s%s%c", name, value, '\0');
    e->headers = curl_slist_append(e->headers, b.p);
    ax_buf_free(&b);
}

int ax_errand_new(struct ax_errand **out, const struct ax_push_options *o, struct ax_err *err)
{
    struct ax_errand *e = ax_calloc(1, sizeof *e);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    e->url = ax_push_join(o->url, "");
    e->curl = curl_easy_init();
    AX_ASSERT(e->curl);
    add_header(e, "X-Scope-OrgID: ", o->tenant);
    add_header(e, "Authorization: Bearer ", o->token);
    e->headers = curl_slist_append(e->headers, "Content-Type: application/json");
    e->headers = curl_slist_append(e->headers, "Expect:");
    curl_easy_setopt(e->curl, CURLOPT_HTTPHEADER, e->headers);
    curl_easy_setopt(e->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(e->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e->curl, CURLOPT_USERAGENT, "auspex/" AX_VERSION);
    curl_easy_setopt(e->curl, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
    curl_easy_setopt(e->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e->curl, CURLOPT_ERRORBUFFER, e->fault);
    curl_easy_setopt(e->curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(e->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(e->curl, CURLOPT_XFERINFODATA, e);
    if (o->unix_socket && o->unix_socket[0])
        curl_easy_setopt(e->curl, CURLOPT_UNIX_SOCKET_PATH, o->unix_socket);
    int rc = ax_push_trust(e->curl, o, err);
    if (rc < 0)
        ax_errand_free(e);
    else
        *out = e;
    return rc;
}

void ax_errand_free(struct ax_errand *e)
{
    if (!e)
        return;
    curl_easy_cleanup(e->curl);
    curl_slist_free_all(e->headers);
    free(e->url);
    free(e);
}

void ax_errand_stop(struct ax_errand *e)
{
    e->stopped = true;
}

static int failed(const struct ax_errand *e, CURLcode rc, struct ax_err *err)
{
    const char *why = e->fault[0] ? e->fault : curl_easy_strerror(rc);
    if (rc == CURLE_ABORTED_BY_CALLBACK)
        return ax_fail(err, -ECANCELED, "stopped");
    if (rc == CURLE_OPERATION_TIMEDOUT)
        return ax_fail(err, -ETIMEDOUT, "the server at %s does not answer", e->url);
    return ax_fail(err, -ECONNREFUSED, "cannot reach the server at %s: %s", e->url, why);
}

int ax_errand_ask(struct ax_errand *e, const char *path, struct ax_str body, int64_t timeout_ms,
                  struct ax_buf *answer, struct ax_err *err)
{
    AX_CLEANUP(ax_free_ptr) char *url = ax_push_join(e->url, path);
    e->fault[0] = '\0';
    curl_easy_setopt(e->curl, CURLOPT_URL, url);
    curl_easy_setopt(e->curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(e->curl, CURLOPT_WRITEDATA, answer);
    if (body.n) {
        curl_easy_setopt(e->curl, CURLOPT_POST, 1L);
        curl_easy_setopt(e->curl, CURLOPT_POSTFIELDS, body.p);
        curl_easy_setopt(e->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
    } else {
        curl_easy_setopt(e->curl, CURLOPT_HTTPGET, 1L);
    }
    CURLcode rc = curl_easy_perform(e->curl);
    long status = 0;
    curl_easy_getinfo(e->curl, CURLINFO_RESPONSE_CODE, &status);
    return rc == CURLE_OK ? (int)status : failed(e, rc, err);
}
