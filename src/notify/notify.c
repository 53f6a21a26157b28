// SPDX-License-Identifier: Apache-2.0
#include "notify/inner.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int64_t ax_notify_now(const struct ax_notify *n)
{
    return n->o.now ? n->o.now(n->o.now_ctx) : ax_now_ms();
}

/* ---- options ---- */

static void set_defaults(struct ax_notify_options *o)
{
    int *const counts[] = {&o->transfers, &o->width, &o->mails,
                           &o->scripts,   &o->burst, &o->max_methods};
    static const int count_defaults[] = {256, 4, 8, 4, 20, 10000};
    int64_t *const times[] = {&o->timeout_ms,   &o->mail_ms,      &o->script_ms,
                              &o->retry_min_ms, &o->retry_max_ms, &o->max_age_ms};
    static const int64_t time_defaults[] = {5000, 15000, 30000, 1000, 300000, 4 * 3600000};
    for (size_t i = 0; i < AX_ARRAY_LEN(counts); i++)
        *counts[i] = *counts[i] > 0 ? *counts[i] : count_defaults[i];
    for (size_t i = 0; i < AX_ARRAY_LEN(times); i++)
        *times[i] = *times[i] > 0 ? *times[i] : time_defaults[i];
    if (!(o->rate > 0))
        o->rate = 10;
    if (!o->pagerduty_url)
        o->pagerduty_url = "https://events.pagerduty.com/v2/enqueue";
    if (!o->syslog_path)
        o->syslog_path = "/dev/log";
}

static void copy_strings(struct ax_notify *n)
{
    struct ax_notify_options *o = &n->o;
    const char **const strings[] = {
        &o->url,           &o->proxy,     &o->ca_file,       &o->smtp_url,   &o->smtp_user,
        &o->smtp_password, &o->mail_from, &o->pagerduty_url, &o->script_dir, &o->syslog_path};
    char host[256] = "localhost";
    gethostname(host, sizeof host - 1);
    for (size_t i = 0; i < AX_ARRAY_LEN(strings); i++)
        if (*strings[i])
            *strings[i] = ax_arena_cstr(&n->strings, ax_str(*strings[i]));
    if (!o->mail_from)
        o->mail_from = ax_arena_printf(&n->strings, "auspex@%s", host).p;
}

static int check(const struct ax_notify_options *o, struct ax_err *err)
{
    if (o->smtp_url && !ax_str_starts(ax_str(o->smtp_url), AX_STR("smtp://")) &&
        !ax_str_starts(ax_str(o->smtp_url), AX_STR("smtps://")))
        return ax_fail(err, -EINVAL, "the mail server must be smtp://HOST[:PORT] or smtps://...");
    if (!o->smtp_user != !o->smtp_password)
        return ax_fail(err, -EINVAL, "the mail server's user and password belong together");
    if (!ax_notify_mail_ok(ax_str(o->mail_from)))
        return ax_fail(err, -EINVAL, "mails cannot be from '%s': expected NAME@HOST", o->mail_from);
    if (!ax_notify_http_ok(ax_str(o->pagerduty_url)))
        return ax_fail(err, -EINVAL, "PagerDuty's URL must be http or https");
    if (o->script_dir && access(o->script_dir, R_OK | X_OK) < 0)
        return ax_fail_errno(err, "the directory of scripts, %s", o->script_dir);
    return 0;
}

/* ---- beginning and end ---- */

int ax_notify_open(struct ax_notify **out, struct ax_sql *sql, const struct ax_notify_options *o,
                   struct ax_err *err)
{
    struct ax_notify *n = ax_calloc(1, sizeof *n);
    n->sql = sql;
    n->o = *o;
    set_defaults(&n->o);
    copy_strings(n);
    int rc = check(&n->o, err);
    if (rc == 0)
        rc = ax_outbox_schema(sql, err);
    if (rc == 0)
        rc = ax_sender_start(n, err);
    if (rc < 0)
        ax_notify_close(n);
    else
        *out = n;
    return rc;
}

void ax_notify_close(struct ax_notify *n)
{
    if (!n)
        return;
    ax_sender_stop(n->sender);
    ax_arena_free(&n->strings);
    free(n);
}

void ax_notify_wake(struct ax_notify *n)
{
    ax_sender_wake(n->sender);
}

void ax_notify_stats(struct ax_notify *n, struct ax_notify_stats *out)
{
    ax_sender_stats(n->sender, out);
    out->voided = n->voided;
    out->unknown = n->unknown;
}

/* ---- the test ---- */

static void run_test(struct ax_notify *n, const struct ax_notify_method *m,
                     const struct ax_letter *l, struct ax_try *t)
{
    ax_try_begin(t, n, m->type, m->address, l, 1);
    if (t->easy && !t->done)
        ax_try_curl(t, curl_easy_perform(t->easy));
    while (!t->done) {
        struct pollfd p = {.fd = t->pidfd, .events = POLLIN};
        poll(&p, 1, 50);
        ax_script_look(t, n);
    }
}

int ax_notify_test(struct ax_notify *n, struct ax_str tenant, struct ax_str id,
                   struct ax_notify_said *said, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_notify_method m = {0};
    struct ax_try t;
    int64_t now = ax_notify_now(n);
    int rc = ax_notify_get(n, tenant, id, &a, &m, err);
    if (rc == 0) {
        struct ax_str key = ax_arena_printf(&a, "test-%s-%lld", m.id.p, (long long)now);
        struct ax_letter l = {.x = {.tenant = tenant,
                                    .alarm = key,
                                    .name = AX_STR("Test of a notification method"),
                                    .description = AX_STR("Somebody tries whether it works."),
                                    .severity = AX_STR("LOW"),
                                    .state = AX_STR("ALARM"),
                                    .old_state = AX_STR("OK"),
                                    .reason = AX_STR("This is a test: nothing has happened."),
                                    .time = now},
                              .method = m.id,
                              .key = key,
                              .now = now,
                              .test = true};
        run_test(n, &m, &l, &t);
        said->took_ms = (ax_mono_ns() - t.started_ns) / 1000000;
        snprintf(said->text, sizeof said->text, "%s%s%s", t.text, t.answer[0] ? ": " : "",
                 t.answer);
        if (t.outcome != AX_SENT)
            rc = ax_fail(err, -EIO, "the test was not delivered: %s", said->text);
        ax_try_end(&t);
    }
    ax_arena_free(&a);
    return rc;
}
