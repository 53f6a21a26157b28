// SPDX-License-Identifier: Apache-2.0
/* What the daemons' flags say: times, sizes, counts, whom to answer, and what single tenants may
 * keep. */
#include "cli/daemon.h"

#include "base/num.h"
#include "logs/logs.h"

#include <errno.h>
#include <string.h>

#define FLAP_MOST 1000 /* times that are kept of each alarm */

static int read_durations(enum ax_daemon which, struct ax_daemon_options *o)
{
    const struct {
        const char *text, *flag;
        int64_t *out, least, most;
        const char *bounds;
    } v[] = {
        {o->retention_text, "--retention", &o->retention_ms, 3600000, INT64_MAX, " is below 1h"},
        {o->interval_text, "--interval", &o->interval_ms, 1000, INT64_MAX, " is below 1s"},
        {o->statsd_interval_text, "--statsd-interval", &o->statsd_interval_ms, 1000, 3600000,
         " is not between 1s and 1h"},
        {o->flap_window_text, "--flap-window", &o->flap_window_ms, 1000, 86400000ll,
         " is not between 1s and 1d"},
        {o->commit_text, "--commit-interval", &o->commit_ms, 0, 10000, " is above 10s"}};
    for (size_t i = 0; i < AX_ARRAY_LEN(v); i++) {
        struct ax_err err;
        if (ax_duration_parse(ax_str(v[i].text), v[i].out, &err) < 0) {
            ax_err_wrap(&err, "%s", v[i].flag);
            return ax_daemon_usage(which, err.text, "");
        }
        if (*v[i].out < v[i].least || *v[i].out > v[i].most)
            return ax_daemon_usage(which, v[i].flag, v[i].bounds);
    }
    return AX_DAEMON_GO;
}

static int read_flap_changes(enum ax_daemon which, struct ax_daemon_options *o)
{
    uint64_t n;
    if (!ax_str_u64(ax_str(o->flap_changes_text), &n) || n > FLAP_MOST)
        return ax_daemon_usage(which, "--flap-changes wants a whole number up to 1000, not ",
                               o->flap_changes_text);
    o->flap_changes = (uint32_t)n;
    return AX_DAEMON_GO;
}

static int read_counts(enum ax_daemon which, struct ax_daemon_options *o)
{
    const struct {
        const char *text, *flag;
        uint32_t *out;
    } v[] = {{o->max_series_text, "--max-series", &o->max_series},
             {o->max_tenant_series_text, "--max-tenant-series", &o->max_tenant_series},
             {o->max_tenant_alarms_text, "--max-tenant-alarms", &o->max_tenant_alarms},
             {o->max_tenant_rate_text, "--max-tenant-rate", &o->max_tenant_rate},
             {o->max_tenant_queries_text, "--max-tenant-queries", &o->max_tenant_queries},
             {o->max_query_samples_text, "--max-query-samples", &o->max_query_samples},
             {o->notify_rate_text, "--notify-rate", &o->notify_rate},
             {o->notify_burst_text, "--notify-burst", &o->notify_burst}};
    for (size_t i = 0; i < AX_ARRAY_LEN(v); i++) {
        uint64_t n;
        if (!v[i].text)
            continue;
        if (!ax_str_u64(ax_str(v[i].text), &n) || n == 0 || n > INT32_MAX)
            return ax_daemon_usage(which, v[i].flag, " wants a whole number above 0");
        *v[i].out = (uint32_t)n;
    }
    return AX_DAEMON_GO;
}

/* "20GB": units are powers of 1024, as Prometheus has them; none: bytes. */
static bool parse_size(struct ax_str text, uint64_t *out)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB"};
    struct ax_str number = text;
    while (number.n && (number.p[number.n - 1] < '0' || number.p[number.n - 1] > '9'))
        number.n--;
    struct ax_str unit = {number.p + number.n, text.n - number.n};
    size_t u = 0;
    while (unit.n && u < AX_ARRAY_LEN(units) && !ax_str_eq(unit, ax_str(units[u])))
        u++;
    uint64_t n;
    if (u == AX_ARRAY_LEN(units) || !ax_str_u64(number, &n) || n > UINT64_MAX >> 10 * u)
        return false;
    *out = n << 10 * u;
    return true;
}

static int read_sizes(enum ax_daemon which, struct ax_daemon_options *o)
{
    if (!parse_size(ax_str(o->retention_size_text), &o->retention_bytes))
        return ax_daemon_usage(which,
                               "--retention-size: expected bytes, such as 512MB or 20GB, not ",
                               o->retention_size_text);
    if (!parse_size(ax_str(o->tenant_bytes_text), &o->tenant_bytes))
        return ax_daemon_usage(which,
                               "--max-tenant-size: expected bytes, such as 512MB or 20GB, not ",
                               o->tenant_bytes_text);
    if (!parse_size(ax_str(o->logs_keep_text), &o->logs_keep) || o->logs_keep < AX_LOGS_KEEP_MIN)
        return ax_daemon_usage(which, "--logs-keep: expected at least 128MB, not ",
                               o->logs_keep_text);
    return AX_DAEMON_GO;
}

/* "NAME=VALUE" of a tenant: its limits, and where the value begins; NULL when there is no name. */
static struct ax_tenant_limit *limits_of(struct ax_daemon_options *o, const char *text,
                                         struct ax_str *value)
{
    const char *equals = strchr(text, '=');
    struct ax_str name = {text, equals ? (size_t)(equals - text) : 0};
    if (!ax_tenant_ok(name))
        return NULL;
    *value = ax_str(equals + 1);
    for (size_t i = 0; i < o->nlimits; i++)
        if (ax_str_eq(o->limits[i].tenant, name))
            return &o->limits[i];
    o->limits[o->nlimits] = (struct ax_tenant_limit){.tenant = name};
    return &o->limits[o->nlimits++];
}

static int read_tenant_retention(enum ax_daemon which, struct ax_daemon_options *o,
                                 const char *text)
{
    struct ax_str value;
    struct ax_err err;
    struct ax_tenant_limit *l = limits_of(o, text, &value);
    if (!l)
        return ax_daemon_usage(
            which, "--tenant-retention: expected NAME=TIME, such as team-a=7d, not ", text);
    if (ax_duration_parse(value, &l->retention_ms, &err) < 0) {
        ax_err_wrap(&err, "--tenant-retention %s", text);
        return ax_daemon_usage(which, err.text, "");
    }
    if (l->retention_ms < 3600000 || l->retention_ms > o->retention_ms) {
        ax_fail(&err, -EINVAL, "--tenant-retention %s is %s%s", text,
                l->retention_ms < 3600000 ? "below 1h" : "longer than --retention ",
                l->retention_ms < 3600000 ? "" : o->retention_text);
        return ax_daemon_usage(which, err.text, "");
    }
    return AX_DAEMON_GO;
}

static int read_tenant_size(enum ax_daemon which, struct ax_daemon_options *o, const char *text)
{
    struct ax_str value;
    struct ax_tenant_limit *l = limits_of(o, text, &value);
    if (!l || !parse_size(value, &l->bytes))
        return ax_daemon_usage(
            which, "--tenant-size: expected NAME=BYTES, such as team-a=20GB, not ", text);
    if (!l->bytes)
        l->bytes = UINT64_MAX;
    return AX_DAEMON_GO;
}

static int read_tenants(enum ax_daemon which, struct ax_daemon_options *o)
{
    int status = AX_DAEMON_GO;
    for (size_t i = 0; i < o->tenant_retentions.n && status == AX_DAEMON_GO; i++)
        status = read_tenant_retention(which, o, o->tenant_retentions.v[i]);
    for (size_t i = 0; i < o->tenant_sizes.n && status == AX_DAEMON_GO; i++)
        status = read_tenant_size(which, o, o->tenant_sizes.v[i]);
    return status;
}

static int read_mail(enum ax_daemon which, struct ax_daemon_options *o)
{
    if (!o->smtp_user != !o->smtp_password_file)
        return ax_daemon_usage(which, "--smtp-user and --smtp-password-file go together", "");
    return AX_DAEMON_GO;
}

static int read_auth(enum ax_daemon which, struct ax_daemon_options *o)
{
    static const char *const names[] = {"none", "token", "keystone"};
    size_t i = 0;
    while (i < AX_ARRAY_LEN(names) && strcmp(o->auth_text, names[i]) != 0)
        i++;
    if (i == AX_ARRAY_LEN(names))
        return ax_daemon_usage(which, "--auth: expected none, token or keystone, not ",
                               o->auth_text);
    o->auth = (enum ax_daemon_auth)i;
    if (o->auth == AX_AUTH_KEYSTONE && (!o->keystone_url || !o->keystone_password_file))
        return ax_daemon_usage(
            which, "--auth keystone wants --keystone-url and --keystone-password-file", "");
    return AX_DAEMON_GO;
}

static int read_tls(enum ax_daemon which, struct ax_daemon_options *o)
{
    if (!o->tls_cert != !o->tls_key)
        return ax_daemon_usage(which, "--tls-cert and --tls-key go together", "");
    if (o->tls_client_ca && !o->tls_cert)
        return ax_daemon_usage(which, "--tls-client-ca wants --tls-cert and --tls-key", "");
    if (o->tls_client_ca && o->auth == AX_AUTH_NONE)
        return ax_daemon_usage(
            which, "--tls-client-ca wants --auth token or keystone: with none nobody is asked", "");
    if (!o->cert != !o->key)
        return ax_daemon_usage(which, "--cert and --key go together", "");
    return AX_DAEMON_GO;
}

static int read_statsd(enum ax_daemon which, struct ax_daemon_options *o)
{
    return ax_tenant_ok(ax_str(o->statsd_tenant))
               ? AX_DAEMON_GO
               : ax_daemon_usage(which, "--statsd-tenant: expected 1 to 150 of A-Za-z0-9._@-, not ",
                                 o->statsd_tenant);
}

int ax_daemon_read_values(enum ax_daemon which, struct ax_daemon_options *o)
{
    int status = read_durations(which, o);
    if (status == AX_DAEMON_GO)
        status = read_counts(which, o);
    if (status == AX_DAEMON_GO)
        status = read_flap_changes(which, o);
    if (status == AX_DAEMON_GO)
        status = read_sizes(which, o);
    if (status == AX_DAEMON_GO)
        status = read_auth(which, o);
    if (status == AX_DAEMON_GO)
        status = read_mail(which, o);
    if (status == AX_DAEMON_GO)
        status = read_tls(which, o);
    if (status == AX_DAEMON_GO)
        status = read_statsd(which, o);
    return status == AX_DAEMON_GO ? read_tenants(which, o) : status;
}
