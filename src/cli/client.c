// SPDX-License-Identifier: Apache-2.0
#include "cli/inner.h"

#include "base/clock.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX (64u << 20)
#define PATIENCE 10

struct ax_client {
    CURL *curl;
    struct curl_slist *headers;
    const char *server;
    atomic_bool aborted;
    long patience;               /* s */
    char fault[CURL_ERROR_SIZE]; /* of the last transfer, in more words than its code */
};

static size_t on_body(char *p, size_t size, size_t n, void *self)
{
    struct ax_buf *raw = self;
    ax_buf_add(raw, p, size * n);
    return raw->overflow ? 0 : size * n;
}

/* Only the Date header is of interest: doctor compares the clocks by it. */
static size_t on_header(char *p, size_t size, size_t n, void *self)
{
    struct ax_answer *a = self;
    struct ax_str line = ax_str_trim((struct ax_str){p, size * n});
    if (line.n > 5 && line.n < 100 && strncasecmp(line.p, "date:", 5) == 0) {
        char when[100];
        snprintf(when, sizeof when, "%.*s", (int)line.n - 5, line.p + 5);
        time_t t = curl_getdate(when, NULL);
        a->date = t > 0 ? (int64_t)t * 1000 : 0;
    }
    return size * n;
}

static int on_progress(void *self, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct ax_client *client = self;
    return atomic_load(&client->aborted);
}

void ax_client_abort(struct ax_client *c)
{
    atomic_store(&c->aborted, true);
}

struct curl_slist *ax_client_headers(const struct ax_cli *c, struct curl_slist *headers)
{
    char line[4200];
    if (c->tenant) {
        snprintf(line, sizeof line, "X-Scope-OrgID: %s", c->tenant);
        headers = curl_slist_append(headers, line);
    }
    if (c->token) {
        snprintf(line, sizeof line, "Authorization: Bearer %s", c->token);
        headers = curl_slist_append(headers, line);
    }
    return headers;
}

void ax_client_trust(void *curl, const struct ax_cli *c)
{
    if (c->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, c->ca_file);
    if (c->cert)
        curl_easy_setopt(curl, CURLOPT_SSLCERT, c->cert);
    if (c->key)
        curl_easy_setopt(curl, CURLOPT_SSLKEY, c->key);
}

void ax_client_patience(struct ax_client *c, long seconds)
{
    c->patience = seconds;
    curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, seconds * 1000);
}

struct ax_client *ax_client_new(const struct ax_cli *c)
{
    struct ax_client *client = ax_calloc(1, sizeof *client);
    client->curl = curl_easy_init();
    AX_ASSERT(client->curl);
    client->server = c->server;
    client->headers = ax_client_headers(c, NULL);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, client->headers);
    curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, client->fault);
    ax_client_trust(client->curl, c);
    curl_easy_setopt(client->curl, CURLOPT_CONNECTTIMEOUT_MS, 3000L);
    ax_client_patience(client, PATIENCE);
    curl_easy_setopt(client->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(client->curl, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(client->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(client->curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(client->curl, CURLOPT_XFERINFODATA, client);
    curl_easy_setopt(client->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(client->curl, CURLOPT_HEADERFUNCTION, on_header);
    return client;
}

void ax_client_free(struct ax_client *c)
{
    if (!c)
        return;
    curl_easy_cleanup(c->curl);
    curl_slist_free_all(c->headers);
    free(c);
}

void ax_answer_free(struct ax_answer *a)
{
    json_decref(a->json);
    ax_buf_free(&a->raw);
    *a = (struct ax_answer){0};
}

void ax_answer_print(const struct ax_answer *a, FILE *out)
{
    ax_put_json_line(out, ax_str_trim(ax_buf_view(&a->raw)));
}

/* Prometheus says {"error":"text"}, our own face {"error":{"message":"text"}}, Monasca's
 * {"title":"Conflict","description":"text"}. */
static const char *said(const json_t *body)
{
    const json_t *e = json_object_get(body, "error");
    const char *text = json_is_string(e) ? json_string_value(e)
                       : e               ? ax_j_str(e, "message")
                                         : ax_j_str(body, "description");
    return *text ? text : NULL;
}

static int refused(const struct ax_client *c, long status, const struct ax_answer *a,
                   struct ax_err *err)
{
    int code = status == 404 ? -ENOENT : status >= 400 && status < 500 ? -EINVAL : -EIO;
    const char *text = said(a->json);
    if (text)
        return ax_fail(err, code, "%s", text);
    return ax_fail(err, code, "%s answered with HTTP status %ld and no reason; is it Auspex?",
                   c->server, status);
}

static int transfer_failed(const struct ax_client *c, CURLcode rc, const struct ax_answer *a,
                           struct ax_err *err)
{
    if (a->raw.overflow)
        return ax_fail(err, -EFBIG, "the answer is larger than 64 MiB; ask for less");
    if (rc == CURLE_OPERATION_TIMEDOUT)
        return ax_fail(err, -ETIMEDOUT, "the server at %s did not answer within %ld s", c->server,
                       c->patience);
    if (rc == CURLE_URL_MALFORMAT || rc == CURLE_UNSUPPORTED_PROTOCOL)
        return ax_fail(err, -EINVAL,
                       "\"%s\" is not a server's address (expected e.g. http://127.0.0.1:8070)",
                       c->server);
    const char *why = c->fault[0] ? c->fault : curl_easy_strerror(rc);
    if (rc == CURLE_PEER_FAILED_VERIFICATION)
        return ax_fail(err, -EACCES,
                       "the server at %s is not to be trusted: %s (--ca-file names whom to trust)",
                       c->server, why);
    if (rc == CURLE_SSL_CACERT_BADFILE || rc == CURLE_SSL_CERTPROBLEM)
        return ax_fail(err, -EINVAL, "--ca-file, --cert or --key cannot be used: %s", why);
    return ax_fail(err, -ECONNREFUSED,
                   "cannot reach the server at %s: %s; is it running? Start it with `auspex run`",
                   c->server, curl_easy_strerror(rc));
}

static CURLcode transfer(struct ax_client *c, const char *path, struct ax_answer *a)
{
    struct ax_buf url = AX_BUF_INIT;
    ax_buf_printf(&url, "%s%s%c", c->server, path, '\0');
    curl_easy_setopt(c->curl, CURLOPT_URL, url.p);
    curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &a->raw);
    curl_easy_setopt(c->curl, CURLOPT_HEADERDATA, a);
    c->fault[0] = '\0';
    CURLcode rc = curl_easy_perform(c->curl);
    ax_buf_free(&url);
    return rc;
}

/* `empty`: an answer without a body is one, too. */
static int ask(struct ax_client *c, const char *path, bool empty, struct ax_answer *out,
               struct ax_err *err)
{
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {.raw = {.max = BODY_MAX}};
    CURLcode rc = transfer(c, path, &a);
    if (rc != CURLE_OK)
        return transfer_failed(c, rc, &a, err);
    long status = 0;
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    json_error_t where;
    a.json = json_loadb(a.raw.p ? a.raw.p : "", a.raw.n, JSON_ALLOW_NUL, &where);
    if (status < 200 || status > 299)
        return refused(c, status, &a, err);
    if (!a.json && !(empty && a.raw.n == 0))
        return ax_fail(err, -EPROTO, "%s did not answer with JSON (%s, byte %d); is it Auspex?",
                       c->server, where.text, where.position);
    *out = a;
    a = (struct ax_answer){0};
    return 0;
}

int ax_client_bytes(struct ax_client *c, const char *method, const char *path, struct ax_buf *out,
                    struct ax_err *err)
{
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {.raw = {.max = BODY_MAX}};
    long status = 0;
    curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, method);
    CURLcode rc = transfer(c, path, &a);
    curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, NULL);
    if (rc != CURLE_OK)
        return transfer_failed(c, rc, &a, err);
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status > 299) {
        a.json = json_loadb(a.raw.p ? a.raw.p : "", a.raw.n, JSON_ALLOW_NUL, NULL);
        return refused(c, status, &a, err);
    }
    ax_buf_str(out, ax_buf_view(&a.raw));
    return out->overflow ? ax_fail(err, -EFBIG, "the answer is larger than was to be expected") : 0;
}

int ax_client_get(struct ax_client *c, const char *path, struct ax_answer *out, struct ax_err *err)
{
    return ask(c, path, false, out, err);
}

int ax_client_send(struct ax_client *c, const char *method, const char *path, struct ax_str body,
                   struct ax_answer *out, struct ax_err *err)
{
    struct curl_slist *headers = NULL;
    for (const struct curl_slist *h = c->headers; h; h = h->next)
        headers = curl_slist_append(headers, h->data);
    headers = curl_slist_append(headers, "Content-Type: application/json");
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, method);
    if (body.n) {
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE, (long)body.n);
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body.p);
    }
    int rc = ask(c, path, true, out, err);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->headers);
    curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, NULL);
    curl_slist_free_all(headers);
    return rc;
}

void ax_path_escape(struct ax_buf *path, const char *text)
{
    for (const char *p = text; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= '0' && *p <= '9') || strchr("-._~:/", *p);
        if (plain)
            ax_buf_byte(path, (uint8_t)*p);
        else
            ax_buf_printf(path, "%%%02X", (unsigned char)*p);
    }
}

void ax_path_add(struct ax_buf *path, const char *key, const char *value)
{
    if (!value)
        return;
    bool first = !path->n || !memchr(path->p, '?', path->n);
    ax_buf_printf(path, "%c%s=", first ? '?' : '&', key);
    ax_path_escape(path, value);
}

const char *ax_path_end(struct ax_buf *path)
{
    ax_buf_byte(path, 0);
    path->n--;
    return path->p;
}

int ax_client_delete(struct ax_client *client, const char *path, const struct ax_cli *c)
{
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    AX_CLEANUP(ax_buf_free) struct ax_buf whole = AX_BUF_INIT;
    struct ax_err err;
    ax_buf_cstr(&whole, path);
    ax_path_escape(&whole, c->args[1]);
    int rc = ax_client_send(client, "DELETE", ax_path_end(&whole), AX_STR_NULL, &a, &err);
    return rc < 0 ? ax_cli_error(&err) : AX_EXIT_OK;
}
