// SPDX-License-Identifier: Apache-2.0
#include "cli/transfer.h"

#include "base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define SILENCE_SECONDS 60L

void ax_transfer_open(struct ax_transfer *t, const struct ax_cli *c, const char *header)
{
    *t = (struct ax_transfer){.curl = curl_easy_init(), .server = c->server};
    AX_ASSERT(t->curl);
    t->headers = curl_slist_append(NULL, "Expect:");
    if (header)
        t->headers = curl_slist_append(t->headers, header);
    t->headers = ax_client_headers(c, t->headers);
    curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, t->headers);
    ax_client_trust(t->curl, c);
    curl_easy_setopt(t->curl, CURLOPT_CONNECTTIMEOUT_MS, 3000L);
    curl_easy_setopt(t->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(t->curl, CURLOPT_LOW_SPEED_TIME, SILENCE_SECONDS);
    curl_easy_setopt(t->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS_STR, "http,https");
}

void ax_transfer_close(struct ax_transfer *t)
{
    curl_easy_cleanup(t->curl);
    curl_slist_free_all(t->headers);
}

int ax_transfer_run(struct ax_transfer *t, const char *path, const struct ax_buf *body,
                    long *status, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf url = AX_BUF_INIT;
    ax_buf_printf(&url, "%s%s%c", t->server, path, '\0');
    curl_easy_setopt(t->curl, CURLOPT_URL, url.p);
    if (body) {
        curl_easy_setopt(t->curl, CURLOPT_POST, 1L);
        curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, body->p);
        curl_easy_setopt(t->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->n);
    }
    CURLcode rc = curl_easy_perform(t->curl);
    if (rc == CURLE_OPERATION_TIMEDOUT)
        return ax_fail(err, -ETIMEDOUT, "the server at %s was silent for %ld s", t->server,
                       SILENCE_SECONDS);
    if (rc != CURLE_OK)
        return ax_fail(err, -ECONNREFUSED, "the way to the server at %s broke: %s; is it running?",
                       t->server, curl_easy_strerror(rc));
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, status);
    return 0;
}

uint64_t ax_transfer_number(const struct ax_transfer *t, const char *header)
{
    struct curl_header *h;
    uint64_t n = 0;
    if (curl_easy_header(t->curl, header, 0, CURLH_HEADER, -1, &h) == CURLHE_OK)
        ax_str_u64(ax_str(h->value), &n);
    return n;
}

int ax_transfer_refused(long status, const struct ax_buf *answer, struct ax_err *err)
{
    json_error_t where;
    json_t *json = json_loadb(answer->p ? answer->p : "", answer->n, 0, &where);
    const char *text = ax_j_str(json, "error");
    if (!*text)
        text = ax_j_str(json_object_get(json, "error"), "message");
    int rc = *text ? ax_fail(err, -EINVAL, "%s", text)
                   : ax_fail(err, -EPROTO, "the server answered with HTTP status %ld: %.*s", status,
                             (int)(answer->n < 200 ? answer->n : 200), answer->p ? answer->p : "");
    json_decref(json);
    return rc;
}

void ax_progress_begin(struct ax_progress *p)
{
    *p = (struct ax_progress){.on = isatty(STDERR_FILENO)};
}

void ax_progress_tell(struct ax_progress *p, const char *fmt, ...)
{
    int64_t now = ax_mono_ns();
    if (!p->on || now < p->next_ns)
        return;
    p->next_ns = now + 100000000;
    va_list ap;
    va_start(ap, fmt);
    fputs("\r\033[K", stderr);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fflush(stderr);
}

void ax_progress_end(struct ax_progress *p)
{
    if (p->on)
        fputs("\r\033[K", stderr);
}
