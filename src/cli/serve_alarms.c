// SPDX-License-Identifier: Apache-2.0
/* What ties alarms to notifications: each transition is handed to who decides what is told now, in
 * the transaction that writes it. */
#include "api/api.h"
#include "cli/serve.h"

#include "base/log.h"
#include "warrant/warrant.h"

#include <errno.h>
#include <stdlib.h>

#define RELEASE_MS 1000

static bool known_action(void *ctx, struct ax_str tenant, struct ax_str id)
{
    struct ax_alarming *x = ctx;
    struct ax_err err;
    ax_sql_lock(x->sql);
    int rc = ax_notify_known(x->notify, tenant, id, &err);
    ax_sql_unlock(x->sql);
    return rc == 0;
}

static int on_transition(void *ctx, const struct ax_transition *t, struct ax_err *err)
{
    struct ax_alarming *x = ctx;
    struct ax_notice notice = {.tenant = t->tenant,
                               .alarm = t->alarm,
                               .definition = t->definition,
                               .name = t->name,
                               .description = t->description,
                               .severity = ax_str(ax_severity_name(t->severity)),
                               .state = ax_str(ax_state_name(t->state)),
                               .old_state = ax_str(ax_state_name(t->old)),
                               .reason = t->reason,
                               .time = t->at,
                               .since = t->since,
                               .metrics = t->metrics,
                               .link = t->link,
                               .lifecycle_state = t->lifecycle_state};
    /* Without actions too: what the older state is owed ends with it. */
    return ax_dispatch_transition(x->dispatch, &notice, t->actions.v,
                                  t->actions_enabled ? t->actions.n : 0, t->handle, err);
}

static int on_ended(void *ctx, struct ax_str tenant, struct ax_str alarm, struct ax_err *err)
{
    struct ax_alarming *x = ctx;
    return ax_dispatch_ended(x->dispatch, tenant, alarm, err);
}

static int on_rule(void *ctx, const struct ax_notice *x, const struct ax_str *methods, size_t n,
                   struct ax_str handle, struct ax_err *err)
{
    struct ax_alarming *al = ctx;
    return ax_dispatch_transition(al->dispatch, x, methods, n, handle, err);
}

static int on_worded(void *ctx, struct ax_str alarm, struct ax_str annotations, struct ax_err *err)
{
    struct ax_alarming *x = ctx;
    return ax_dispatch_reword(x->dispatch, alarm, annotations, err);
}

void ax_alarming_tell(struct ax_alarming *x, struct ax_alarms_options *o)
{
    o->notify = x->notify;
    o->told = on_rule;
    o->worded = on_worded;
    o->ctx = x;
}

static void on_committed(void *ctx)
{
    struct ax_alarming *x = ctx;
    ax_notify_wake(x->notify);
}

static void warn(void *ctx, const char *text)
{
    static struct ax_log_limit limit;
    ax_log_limited(&limit, 60, AX_LOG_ERROR, "alarms: %s", text);
}

static int find(const char *path, char **out, struct ax_err *err)
{
    if (path && !(*out = realpath(path, NULL)))
        return ax_fail_errno(err, "cannot find %s", path);
    return 0;
}

int ax_alarming_prepare(struct ax_alarming *x, const struct ax_daemon_options *o,
                        struct ax_err *err)
{
    x->o = o;
    int rc = find(o->notify_ca, &x->ca_file, err);
    if (rc == 0)
        rc = find(o->script_dir, &x->script_dir, err);
    if (rc == 0 && o->smtp_password_file)
        rc = ax_secret_read(o->smtp_password_file, x->smtp_password, err);
    return rc;
}

static bool is_quiet(void *ctx, struct ax_str tenant, struct ax_str alarm)
{
    const struct ax_alarming *x = ctx;
    return ax_dispatch_quiet(x->dispatch, tenant, alarm);
}

static int open_notify(struct ax_alarming *x, struct ax_err *err)
{
    const struct ax_daemon_options *o = x->o;
    struct ax_notify_options n = {.rate = o->notify_rate,
                                  .burst = (int)o->notify_burst,
                                  .url = o->url,
                                  .proxy = o->notify_proxy,
                                  .ca_file = x->ca_file,
                                  .refuse_local = o->auth != AX_AUTH_NONE && !o->notify_local,
                                  .smtp_url = o->smtp_url,
                                  .smtp_user = o->smtp_user,
                                  .smtp_password = o->smtp_user ? x->smtp_password : NULL,
                                  .smtp_starttls = o->smtp_starttls,
                                  .mail_from = o->mail_from,
                                  .script_dir = x->script_dir,
                                  .quiet = is_quiet,
                                  .quiet_ctx = x,
                                  .settled = ax_warrants_settled,
                                  .settled_ctx = x->sql};
    return ax_notify_open(&x->notify, x->sql, &n, err);
}

int ax_alarming_open(struct ax_alarming *x, struct ax_sql *sql, struct ax_registry *registry,
                     struct ax_intake *intake, struct ax_store *store, struct ax_err *err)
{
    x->sql = sql;
    struct ax_dispatch_options hold = {.sql = sql,
                                       .registry = registry,
                                       .flap_changes = x->o->flap_changes,
                                       .flap_window_ms = x->o->flap_window_ms};
    int rc = ax_warrants_schema(sql, err);
    if (rc == 0)
        rc = ax_dispatch_open(&x->dispatch, &hold, err);
    if (rc == 0)
        rc = open_notify(x, err);
    if (rc < 0)
        return rc;
    ax_dispatch_use(x->dispatch, x->notify);
    struct ax_stream_options o = {.sql = sql,
                                  .intake = intake,
                                  .registry = registry,
                                  .store = store,
                                  .max_alarms = x->o->max_tenant_alarms,
                                  .known_action = known_action,
                                  .transition = on_transition,
                                  .ended = on_ended,
                                  .committed = on_committed,
                                  .warn = warn,
                                  .ctx = x};
    rc = ax_stream_open(&x->stream, &o, err);
    if (rc == 0)
        rc = ax_api_finish_deletions(x->stream, x->notify, err);
    if (rc < 0)
        return rc;
    struct ax_subscriber sub = ax_stream_subscriber(x->stream);
    ax_intake_subscribe(intake, &sub);
    return 0;
}

void ax_alarming_tick(struct ax_alarming *x, int64_t now)
{
    static struct ax_log_limit limit;
    struct ax_err err;
    ax_stream_tick(x->stream, now);
    if (now < x->next_release && x->next_release <= now + RELEASE_MS)
        return;
    int more = ax_dispatch_tick(x->dispatch, &err);
    if (more < 0)
        ax_log_limited(&limit, 60, AX_LOG_ERROR, "notifications that are held: %s", err.text);
    x->next_release = more > 0 ? now : now + RELEASE_MS;
}

void ax_alarming_close(struct ax_alarming *x)
{
    ax_stream_close(x->stream);
    ax_notify_close(x->notify);
    ax_dispatch_close(x->dispatch);
    explicit_bzero(x->smtp_password, sizeof x->smtp_password);
    free(x->ca_file);
    free(x->script_dir);
}
