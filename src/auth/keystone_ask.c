// SPDX-License-Identifier: Apache-2.0
/* GET /v3/auth/tokens with the token in question, as a user of our own, whose token is made when
 * Keystone says that the one we have is none (401). */
#include "auth/keystone.h"

#include "base/json.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

#define ANSWER_MAX (256u << 10)
#define TIMEOUT_MS 5000

struct ax_line {
    CURL *curl;
    struct ax_buf body;
    char subject[AX_KEYSTONE_TOKEN + 1]; /* X-Subject-Token of the answer */
};

struct ax_asker {
    char *url;       /* .../v3/auth/tokens */
    char *own_login; /* the body that gets us a token */
    pthread_mutex_t lock;
    char own[AX_KEYSTONE_TOKEN + 1]; /* empty: none yet */
};

bool ax_keystone_token_ok(struct ax_str token)
{
    bool ok = token.n > 0 && token.n <= AX_KEYSTONE_TOKEN;
    for (size_t i = 0; ok && i < token.n; i++)
        ok = token.p[i] > ' ' && token.p[i] < 127;
    return ok;
}

/* ---- a request ---- */

static size_t on_body(char *p, size_t size, size_t n, void *self)
{
    struct ax_buf *b = self;
    ax_buf_add(b, p, size * n);
    return b->overflow ? 0 : size * n;
}

static size_t on_header(char *p, size_t size, size_t n, void *self)
{
    static const char name[] = "X-Subject-Token:";
    struct ax_line *l = self;
    struct ax_str line = {p, size * n};
    if (line.n < sizeof name || strncasecmp(p, name, sizeof name - 1) != 0)
        return size * n;
    struct ax_str value =
        ax_str_trim((struct ax_str){p + sizeof name - 1, line.n - (sizeof name - 1)});
    if (ax_keystone_token_ok(value)) {
        memcpy(l->subject, value.p, value.n);
        l->subject[value.n] = '\0';
    }
    return size * n;
}

struct ax_line *ax_line_new(const struct ax_keystone_options *o)
{
    struct ax_line *l = ax_calloc(1, sizeof *l);
    long timeout = (long)(o->timeout_ms ? o->timeout_ms : TIMEOUT_MS);
    l->curl = curl_easy_init();
    AX_ASSERT(l->curl);
    l->body.max = ANSWER_MAX;
    curl_easy_setopt(l->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(l->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(l->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(l->curl, CURLOPT_USERAGENT, "auspex/" AX_VERSION);
    curl_easy_setopt(l->curl, CURLOPT_TIMEOUT_MS, timeout);
    curl_easy_setopt(l->curl, CURLOPT_CONNECTTIMEOUT_MS, timeout < 2000 ? timeout : 2000);
    curl_easy_setopt(l->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(l->curl, CURLOPT_WRITEDATA, &l->body);
    curl_easy_setopt(l->curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(l->curl, CURLOPT_HEADERDATA, l);
    if (o->ca_file)
        curl_easy_setopt(l->curl, CURLOPT_CAINFO, o->ca_file);
    return l;
}

void ax_line_free(struct ax_line *l)
{
    if (!l)
        return;
    curl_easy_cleanup(l->curl);
    ax_buf_free(&l->body);
    free(l);
}

/* The HTTP status, or -EHOSTUNREACH. */
static int transfer(struct ax_line *l, const char *url, struct curl_slist *headers,
                    struct ax_err *err)
{
    long status = 0;
    ax_buf_clear(&l->body);
    l->body.overflow = false;
    l->subject[0] = '\0';
    curl_easy_setopt(l->curl, CURLOPT_URL, url);
    curl_easy_setopt(l->curl, CURLOPT_HTTPHEADER, headers);
    CURLcode rc = curl_easy_perform(l->curl);
    if (l->body.overflow)
        return ax_fail(err, -EHOSTUNREACH, "Keystone's answer has more than 256 KiB");
    if (rc != CURLE_OK)
        return ax_fail(err, -EHOSTUNREACH, "cannot reach Keystone at %s: %s", url,
                       curl_easy_strerror(rc));
    curl_easy_getinfo(l->curl, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

/* ---- our own token ---- */

static void member(struct ax_json *j, const char *key, const char *value)
{
    ax_json_key(j, key);
    ax_json_cstr(j, value);
}

static void named(struct ax_json *j, const char *key, const char *name, const char *domain)
{
    ax_json_key(j, key);
    ax_json_obj(j);
    member(j, "name", name);
    ax_json_key(j, "domain");
    ax_json_obj(j);
    member(j, "name", domain ? domain : "Default");
    ax_json_end(j);
}

static char *login_body(const struct ax_keystone_options *o)
{
    struct ax_buf out = AX_BUF_INIT;
    struct ax_json j = {.out = &out};
    ax_json_obj(&j);
    ax_json_key(&j, "auth");
    ax_json_obj(&j);
    ax_json_key(&j, "identity");
    ax_json_obj(&j);
    ax_json_key(&j, "methods");
    ax_json_arr(&j);
    ax_json_cstr(&j, "password");
    ax_json_end(&j);
    ax_json_key(&j, "password");
    ax_json_obj(&j);
    named(&j, "user", o->user, o->user_domain);
    member(&j, "password", o->password);
    ax_json_end(&j);
    ax_json_end(&j);
    ax_json_end(&j);
    ax_json_key(&j, "scope");
    ax_json_obj(&j);
    named(&j, "project", o->project, o->project_domain);
    ax_json_end(&j);
    ax_json_end(&j);
    ax_json_end(&j);
    ax_json_end(&j);
    ax_buf_byte(&out, 0);
    return out.p;
}

/* `had` is what Keystone refused, or empty; another may have renewed it meanwhile. */
static int own_token(struct ax_asker *a, struct ax_line *l, const char *had,
                     char out[AX_KEYSTONE_TOKEN + 1], struct ax_err *err)
{
    int rc = 0;
    pthread_mutex_lock(&a->lock);
    if (!a->own[0] || strcmp(a->own, had) == 0) {
        struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
        a->own[0] = '\0';
        curl_easy_setopt(l->curl, CURLOPT_POSTFIELDS, a->own_login);
        rc = transfer(l, a->url, headers, err);
        curl_slist_free_all(headers);
        if (rc == 201 && l->subject[0])
            memcpy(a->own, l->subject, sizeof a->own);
        else if (rc >= 0)
            rc = ax_fail(err, -EHOSTUNREACH,
                         "Keystone gives the service's own user no token (HTTP status %d): are its "
                         "name, password, project and domains right?",
                         rc);
    }
    if (rc >= 0)
        memcpy(out, a->own, sizeof a->own);
    pthread_mutex_unlock(&a->lock);
    return rc < 0 ? rc : 0;
}

/* ---- the question ---- */

static struct curl_slist *header(struct curl_slist *list, const char *name, struct ax_str value)
{
    char line[AX_KEYSTONE_TOKEN + 64];
    snprintf(line, sizeof line, "%s: %.*s", name, AX_STR_ARG(value));
    return curl_slist_append(list, line);
}

/* The HTTP status, or an error. */
static int question(struct ax_asker *a, struct ax_line *l, const char *own, struct ax_str token,
                    struct ax_err *err)
{
    struct ax_buf url = AX_BUF_INIT;
    struct curl_slist *headers = header(NULL, "X-Auth-Token", ax_str(own));
    headers = header(headers, "X-Subject-Token", token);
    ax_buf_printf(&url, "%s?nocatalog%c", a->url, '\0');
    curl_easy_setopt(l->curl, CURLOPT_HTTPGET, 1L);
    int status = transfer(l, url.p, headers, err);
    curl_slist_free_all(headers);
    ax_buf_free(&url);
    return status;
}

static int judge(int status, struct ax_line *l, struct ax_buf *json, struct ax_err *err)
{
    switch (status) {
    case 200: ax_buf_str(json, ax_buf_view(&l->body)); return 0;
    case 404: return ax_fail(err, -EKEYREJECTED, "Keystone does not know the token");
    case 401: return ax_fail(err, -EHOSTUNREACH, "Keystone refuses its own new token (401)");
    case 403:
        return ax_fail(err, -EHOSTUNREACH,
                       "Keystone does not let the service's own user look at tokens (403): give it "
                       "the role admin or service");
    default: return ax_fail(err, -EHOSTUNREACH, "Keystone answered with HTTP status %d", status);
    }
}

int ax_asker_ask(struct ax_asker *a, struct ax_line *l, struct ax_str token, struct ax_buf *json,
                 struct ax_err *err)
{
    char own[AX_KEYSTONE_TOKEN + 1] = "";
    int status = 401;
    for (int tries = 0; tries < 2 && status == 401; tries++) {
        int rc = own_token(a, l, tries ? own : "", own, err);
        if (rc < 0)
            return rc;
        status = question(a, l, own, token, err);
    }
    return status < 0 ? status : judge(status, l, json, err);
}

/* ---- beginning and end ---- */

struct ax_asker *ax_asker_new(const struct ax_keystone_options *o)
{
    struct ax_asker *a = ax_calloc(1, sizeof *a);
    struct ax_str base = ax_str(o->url);
    struct ax_buf url = AX_BUF_INIT;
    while (base.n && base.p[base.n - 1] == '/')
        base.n--;
    ax_buf_printf(&url, "%.*s%s/auth/tokens%c", AX_STR_ARG(base),
                  ax_str_ends(base, AX_STR("/v3")) ? "" : "/v3", '\0');
    a->url = url.p;
    a->own_login = login_body(o);
    pthread_mutex_init(&a->lock, NULL);
    return a;
}

void ax_asker_free(struct ax_asker *a)
{
    if (!a)
        return;
    explicit_bzero(a->own_login, strlen(a->own_login));
    explicit_bzero(a->own, sizeof a->own);
    pthread_mutex_destroy(&a->lock);
    free(a->own_login);
    free(a->url);
    free(a);
}
