// SPDX-License-Identifier: Apache-2.0
/* Mail: a message and its way to the SMTP server. All text from outside goes into the body as
 * base64 or into the subject as an encoded word, so that nothing in it can begin a header. */
#include "notify/inner.h"

#include <time.h>

static void base64(struct ax_str s, size_t line, struct ax_buf *out)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t column = 0;
    for (size_t i = 0; i < s.n; i += 3) {
        size_t left = s.n - i;
        uint32_t v = (uint32_t)(uint8_t)s.p[i] << 16;
        v |= left > 1 ? (uint32_t)(uint8_t)s.p[i + 1] << 8 : 0;
        v |= left > 2 ? (uint32_t)(uint8_t)s.p[i + 2] : 0;
        ax_buf_byte(out, (uint8_t)digit[v >> 18]);
        ax_buf_byte(out, (uint8_t)digit[v >> 12 & 63]);
        ax_buf_byte(out, left > 1 ? (uint8_t)digit[v >> 6 & 63] : '=');
        ax_buf_byte(out, left > 2 ? (uint8_t)digit[v & 63] : '=');
        column += 4;
        if (line && column >= line) {
            ax_buf_cstr(out, "\r\n");
            column = 0;
        }
    }
}

/* Encoded words of at most 39 bytes of text each, cut between characters (RFC 2047). */
static void write_subject(const struct ax_letter *l, size_t count, struct ax_buf *out)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf words = AX_BUF_INIT;
    ax_words_subjects(l, count, &words);
    struct ax_str rest = ax_buf_view(&words);
    ax_buf_cstr(out, "Subject:");
    while (rest.n) {
        struct ax_str part = ax_words_cut(rest, 39);
        ax_buf_cstr(out, " =?UTF-8?B?");
        base64(part, 0, out);
        ax_buf_cstr(out, rest.n > part.n ? "?=\r\n" : "?=");
        rest = (struct ax_str){rest.p + part.n, rest.n - part.n};
    }
    ax_buf_cstr(out, "\r\n");
}

void ax_form_mail(const struct ax_notify *n, const struct ax_letter *l, size_t count,
                  struct ax_str to, struct ax_buf *out)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT, key = AX_BUF_INIT;
    const char *host = strrchr(n->o.mail_from, '@');
    char date[64];
    struct tm tm;
    time_t now = (time_t)(l->now / 1000);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", gmtime_r(&now, &tm));
    ax_words_key(l, count, &key);
    ax_buf_printf(out, "From: <%s>\r\nTo: <%.*s>\r\nDate: %s\r\n", n->o.mail_from, AX_STR_ARG(to),
                  date);
    ax_buf_printf(out, "Message-ID: <%.*s%s>\r\nIdempotency-Key: %.*s\r\n",
                  AX_STR_ARG(ax_buf_view(&key)), host ? host : "@auspex",
                  AX_STR_ARG(ax_buf_view(&key)));
    write_subject(l, count, out);
    ax_buf_cstr(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                     "Content-Type: text/plain; charset=utf-8\r\n"
                     "Content-Transfer-Encoding: base64\r\n\r\n");
    ax_words_texts(n, l, count, &text);
    base64(ax_buf_view(&text), 76, out);
    ax_buf_cstr(out, "\r\n");
}

static size_t read_body(char *to, size_t size, size_t count, void *arg)
{
    struct ax_try *t = arg;
    size_t left = t->body.n - t->at, n = size * count < left ? size * count : left;
    memcpy(to, t->body.p + t->at, n);
    t->at += n;
    return n;
}

static void set_server(struct ax_try *t, const struct ax_notify *n)
{
    curl_easy_setopt(t->easy, CURLOPT_URL, n->o.smtp_url);
    curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(t->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)n->o.mail_ms);
    curl_easy_setopt(t->easy, CURLOPT_USE_SSL,
                     (long)(n->o.smtp_starttls ? CURLUSESSL_ALL : CURLUSESSL_TRY));
    if (n->o.ca_file)
        curl_easy_setopt(t->easy, CURLOPT_CAINFO, n->o.ca_file);
    if (n->o.smtp_user) {
        curl_easy_setopt(t->easy, CURLOPT_USERNAME, n->o.smtp_user);
        curl_easy_setopt(t->easy, CURLOPT_PASSWORD, n->o.smtp_password);
    }
}

void ax_mail_begin(struct ax_try *t, const struct ax_notify *n, struct ax_str address,
                   const struct ax_letter *l, size_t count)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf to = AX_BUF_INIT;
    if (!n->o.smtp_url) {
        ax_try_finish(t, AX_AGAIN, "no mail server is set on this server");
        return;
    }
    if (!ax_notify_mail_ok(address)) {
        ax_try_finish(t, AX_REFUSED, "that is no mail address");
        return;
    }
    ax_buf_printf(&to, "<%.*s>%c", AX_STR_ARG(address), 0);
    ax_form_mail(n, l, count, address, &t->body);
    set_server(t, n);
    t->to = curl_slist_append(NULL, to.p);
    curl_easy_setopt(t->easy, CURLOPT_MAIL_FROM, n->o.mail_from);
    curl_easy_setopt(t->easy, CURLOPT_MAIL_RCPT, t->to);
    curl_easy_setopt(t->easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, read_body);
    curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->body.n);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, ax_try_answer);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
}

/* 55x says that this mail or its receiver is not wanted. Other 5xx (530, 535...) are between the
 * two servers, and the operator may mend that. */
void ax_mail_judge(struct ax_try *t, CURLcode rc)
{
    long status = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    bool refused = status >= 550 && status < 560 && rc != CURLE_LOGIN_DENIED;
    if (rc == CURLE_OK)
        ax_try_finish(t, AX_SENT, "the mail server took it");
    else if (status)
        ax_try_finish(t, refused ? AX_REFUSED : AX_AGAIN, "mail: %s (it answered %ld)",
                      curl_easy_strerror(rc), status);
    else
        ax_try_finish(t, AX_AGAIN, "mail: %s", curl_easy_strerror(rc));
}
