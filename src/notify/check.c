// SPDX-License-Identifier: Apache-2.0
/* What a method may be. The limits are Monasca's; beyond them an address must not be able to break
 * out of the place where it is used (a mail's envelope, a URL, a directory). */
#include "notify/inner.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#define NAME_MAX_CHARACTERS    250
#define ADDRESS_MAX_CHARACTERS 512

static const char *const type_names[AX_NOTIFY_TYPES] = {
    [AX_NOTIFY_EMAIL] = "EMAIL",
    [AX_NOTIFY_WEBHOOK] = "WEBHOOK",
    [AX_NOTIFY_PAGERDUTY] = "PAGERDUTY",
    [AX_NOTIFY_SLACK] = "SLACK",
    [AX_NOTIFY_ALERTMANAGER] = "ALERTMANAGER",
    [AX_NOTIFY_ALERTMANAGER_WEBHOOK] = "ALERTMANAGER_WEBHOOK",
    [AX_NOTIFY_SCRIPT] = "SCRIPT",
    [AX_NOTIFY_SYSLOG] = "SYSLOG",
};

const char *ax_notify_type_name(enum ax_notify_type type)
{
    return type_names[type];
}

bool ax_notify_type_parse(struct ax_str name, enum ax_notify_type *out)
{
    for (int i = 0; i < AX_NOTIFY_TYPES; i++)
        if (name.n == strlen(type_names[i]) && strncasecmp(name.p, type_names[i], name.n) == 0) {
            *out = (enum ax_notify_type)i;
            return true;
        }
    return false;
}

static bool printable(struct ax_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
            return false;
    return true;
}

static bool has_host(CURLU *u, const char *url)
{
    char *scheme = NULL, *host = NULL;
    bool ok = curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK && host[0] &&
              (strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0);
    curl_free(scheme);
    curl_free(host);
    return ok;
}

bool ax_notify_http_ok(struct ax_str url)
{
    CURLU *u = curl_url();
    struct ax_buf text = AX_BUF_INIT;
    ax_buf_str(&text, url);
    ax_buf_byte(&text, 0);
    const char *host = strstr(text.p, "://"); /* libcurl takes http:///h for http://h */
    bool ok = u && printable(url) && host && host[3] != '/' && has_host(u, text.p);
    ax_buf_free(&text);
    curl_url_cleanup(u);
    return ok;
}

bool ax_notify_mail_ok(struct ax_str a)
{
    const char *at = a.n ? memchr(a.p + 1, '@', a.n - 1) : NULL;
    if (!at || at == a.p + a.n - 1 || !printable(a))
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (strchr("<>,;", a.p[i]))
            return false;
    return true;
}

bool ax_notify_script_ok(struct ax_str name)
{
    return name.n && name.p[0] != '.' && !memchr(name.p, '/', name.n) && printable(name);
}

static int check_address(enum ax_notify_type type, struct ax_str a, struct ax_err *err)
{
    int facility;
    const char *wanted = NULL;
    switch (type) {
    case AX_NOTIFY_EMAIL: wanted = ax_notify_mail_ok(a) ? NULL : "a mail address, NAME@HOST"; break;
    case AX_NOTIFY_PAGERDUTY: wanted = printable(a) ? NULL : "a routing key, without spaces"; break;
    case AX_NOTIFY_SCRIPT:
        wanted = ax_notify_script_ok(a) ? NULL : "the name of a program, without '/'";
        break;
    case AX_NOTIFY_SYSLOG:
        wanted = ax_syslog_facility(a, &facility) ? NULL : "a syslog facility (daemon, local0...)";
        break;
    default: wanted = ax_notify_http_ok(a) ? NULL : "a http or https URL with a host"; break;
    }
    return wanted
               ? ax_fail(err, -EINVAL, "address of type %s: expected %s", type_names[type], wanted)
               : 0;
}

int ax_notify_check(const struct ax_notify_fields *f, enum ax_notify_type *type, struct ax_err *err)
{
    enum ax_notify_type t;
    if (!ax_str_utf8(f->name) || !ax_str_utf8(f->address) ||
        (f->name.n && memchr(f->name.p, 0, f->name.n)))
        return ax_fail(err, -EINVAL, "name and address must be UTF-8 without NUL");
    if (f->name.n == 0 || ax_str_characters(f->name) > NAME_MAX_CHARACTERS)
        return ax_fail(err, -EINVAL, "name: expected 1 to %d characters, got %zu",
                       NAME_MAX_CHARACTERS, ax_str_characters(f->name));
    if (f->address.n == 0 || ax_str_characters(f->address) > ADDRESS_MAX_CHARACTERS)
        return ax_fail(err, -EINVAL, "address: expected 1 to %d characters, got %zu",
                       ADDRESS_MAX_CHARACTERS, ax_str_characters(f->address));
    if (!ax_notify_type_parse(f->type, &t))
        return ax_fail(err, -EINVAL,
                       "type: '%.*s' is none of EMAIL, WEBHOOK, PAGERDUTY, SLACK, "
                       "ALERTMANAGER, ALERTMANAGER_WEBHOOK, SCRIPT, SYSLOG",
                       f->type.n < 40 ? (int)f->type.n : 40, f->type.p ? f->type.p : "");
    if (f->period != 0 && f->period != 60)
        return ax_fail(err, -EINVAL, "period: expected 0 or 60 seconds, got %lld",
                       (long long)f->period);
    int rc = check_address(t, f->address, err);
    if (rc == 0)
        *type = t;
    return rc;
}
