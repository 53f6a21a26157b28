// SPDX-License-Identifier: Apache-2.0
/* Notifications over HTTP. Only http and https, nothing is followed, what comes back is bounded. */
#include "notify/inner.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static bool local4(uint32_t a)
{
    return a == INADDR_ANY || a >> 24 == 127 || a >> 16 == 0xa9fe;
}

static bool is_local(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, a, sizeof v4);
        return local4(ntohl(v4.sin_addr.s_addr));
    }
    struct sockaddr_in6 v6;
    uint32_t inner;
    memcpy(&v6, a, sizeof v6);
    memcpy(&inner, v6.sin6_addr.s6_addr + 12, 4);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) || IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr) ||
           IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && local4(ntohl(inner)));
}

/* After names were resolved: a tenant's URL must not reach what trusts this machine. */
static curl_socket_t open_outside(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    if (is_local(&a->addr))
        return CURL_SOCKET_BAD;
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static void write_url(const struct ax_notify *n, enum ax_notify_type type, struct ax_str address,
                      struct ax_buf *out)
{
    static const char api[] = "/api/v2/alerts";
    if (type == AX_NOTIFY_PAGERDUTY)
        address = ax_str(n->o.pagerduty_url);
    if (type == AX_NOTIFY_ALERTMANAGER && !ax_str_ends(address, ax_str(api))) {
        while (address.n && address.p[address.n - 1] == '/')
            address.n--;
        ax_buf_str(out, address);
        ax_buf_cstr(out, api);
    } else {
        ax_buf_str(out, address);
    }
    ax_buf_byte(out, 0);
}

static void write_body(struct ax_try *t, const struct ax_notify *n, struct ax_str address,
                       const struct ax_letter *l, size_t count)
{
    if (ax_words_is_document(l)) {
        ax_buf_str(&t->body, l->x.metrics);
        return;
    }
    switch (t->type) {
    case AX_NOTIFY_SLACK: ax_form_slack(n, l, count, &t->body); break;
    case AX_NOTIFY_PAGERDUTY: ax_form_pagerduty(n, l, address, &t->body); break;
    case AX_NOTIFY_ALERTMANAGER: ax_form_alerts(n, l, count, &t->body); break;
    case AX_NOTIFY_ALERTMANAGER_WEBHOOK: ax_form_alert_webhook(n, l, &t->body); break;
    default: ax_form_webhook(l, &t->body);
    }
}

static void add_header(struct ax_try *t, const char *text)
{
    t->headers = curl_slist_append(t->headers, text);
}

static void set_limits(struct ax_try *t, const struct ax_notify *n, bool own)
{
    curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->easy, CURLOPT_QUICK_EXIT, 1L); /* a resolver that hangs is left behind */
    curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)n->o.timeout_ms);
    curl_easy_setopt(t->easy, CURLOPT_PROXY, n->o.proxy ? n->o.proxy : "");
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, ax_try_answer);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    if (n->o.ca_file)
        curl_easy_setopt(t->easy, CURLOPT_CAINFO, n->o.ca_file);
    if (n->o.refuse_local && !own)
        curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, open_outside);
}

void ax_http_begin(struct ax_try *t, const struct ax_notify *n, struct ax_str address,
                   const struct ax_letter *l, size_t count)
{
    struct ax_buf url = AX_BUF_INIT, key = AX_BUF_INIT;
    write_url(n, t->type, address, &url);
    write_body(t, n, address, l, count);
    ax_buf_cstr(&key, "Idempotency-Key: ");
    ax_words_key(l, count, &key);
    ax_buf_byte(&key, 0);
    add_header(t, "Content-Type: application/json");
    add_header(t, "Expect:");
    if (t->type != AX_NOTIFY_ALERTMANAGER) /* there each alert has its own */
        add_header(t, key.p);
    set_limits(t, n, ax_notify_is_own(l->method));
    curl_easy_setopt(t->easy, CURLOPT_URL, url.p);
    curl_easy_setopt(t->easy, CURLOPT_USERAGENT, "auspex/" AX_VERSION);
    curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->body.p);
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body.n);
    ax_buf_free(&url);
    ax_buf_free(&key);
}

/* Too many requests, too early and a timeout are not the notification's fault. */
static enum ax_outcome judge(long status)
{
    if (status >= 200 && status < 300)
        return AX_SENT;
    if (status >= 400 && status < 500 && status != 408 && status != 425 && status != 429)
        return AX_REFUSED;
    return AX_AGAIN;
}

void ax_http_judge(struct ax_try *t, CURLcode rc)
{
    long status = 0;
    curl_off_t wait_s = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &wait_s);
    if (wait_s > 0)
        t->wait_ms = wait_s < 86400 ? (int64_t)wait_s * 1000 : 86400000;
    if (status >= 200) /* what comes after the head does not matter */
        ax_try_finish(t, judge(status), "it answered %ld", status);
    else if (rc == CURLE_URL_MALFORMAT || rc == CURLE_UNSUPPORTED_PROTOCOL)
        ax_try_finish(t, AX_REFUSED, "%s", curl_easy_strerror(rc));
    else
        ax_try_finish(t, AX_AGAIN, "%s", curl_easy_strerror(rc));
}
