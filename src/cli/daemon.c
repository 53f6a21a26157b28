// SPDX-License-Identifier: Apache-2.0
#include "cli/daemon.h"

#include "base/file.h"
#include "cli/inner.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEVERAL 4u

static const struct flag {
    const char *name;
    unsigned which; /* commands that take it, and whether several times */
    size_t text;    /* offset of a const char *, of a bool where value is NULL, or of a list */
    const char *value, *help;
} flags[] = {
#define FIELD(f) offsetof(struct ax_daemon_options, f)
    {"listen", AX_DAEMON_SERVE, FIELD(listen), "HOST:PORT",
     "where to answer (default 127.0.0.1:8070)"},
    {"data", AX_DAEMON_SERVE | AX_DAEMON_HOST, FIELD(data), "DIR",
     "where everything is kept (default ./var)"},
    {"retention", AX_DAEMON_SERVE, FIELD(retention_text), "TIME",
     "how long samples are kept (default 30d)"},
    {"max-series", AX_DAEMON_SERVE, FIELD(max_series_text), "N",
     "live series at most; more are refused (default 10000000)"},
    {"max-tenant-series", AX_DAEMON_SERVE, FIELD(max_tenant_series_text), "N",
     "the same of each tenant (default: no limit)"},
    {"retention-size", AX_DAEMON_SERVE, FIELD(retention_size_text), "BYTES",
     "above so much the oldest samples go first (512MB, 20GB; default 0: any)"},
    {"tenant-retention", AX_DAEMON_SERVE | SEVERAL, FIELD(tenant_retentions), "NAME=TIME",
     "less than --retention, for one tenant; may be given for several"},
    {"max-tenant-size", AX_DAEMON_SERVE, FIELD(tenant_bytes_text), "BYTES",
     "above so much of blocks a tenant's oldest samples go (default 0: any)"},
    {"tenant-size", AX_DAEMON_SERVE | SEVERAL, FIELD(tenant_sizes), "NAME=BYTES",
     "the same for one tenant, 0: any; may be given for several"},
    {"commit-interval", AX_DAEMON_SERVE, FIELD(commit_text), "TIME",
     "samples wait so long for others to be synced to disk with (default 5ms; 0: for none)"},
    {"rules", AX_DAEMON_SERVE | SEVERAL, FIELD(rules), "FILE",
     "alarm rules in Prometheus's format, also 'DIR/*.yml'; may be given for several; read again "
     "at SIGHUP (default: built-in rules)"},
    {"tenant-rules", AX_DAEMON_SERVE | SEVERAL, FIELD(tenant_rules), "NAME=FILE",
     "the same of one tenant, over its own series; may be given for several"},
    {"alertmanager", AX_DAEMON_SERVE | SEVERAL, FIELD(alertmanagers), "URL",
     "push alarms of rules to this Alertmanager; may be given for several"},
    {"user", AX_DAEMON_SERVE, FIELD(user), "NAME",
     "who the server becomes when started as root (default auspex, else nobody)"},
    {"auth", AX_DAEMON_SERVE, FIELD(auth_text), "WHAT",
     "whom to answer: none = all on this machine (default), token = who has a token of "
     "`auspex admin token`, keystone = also OpenStack's"},
    {"keystone-url", AX_DAEMON_SERVE, FIELD(keystone_url), "URL",
     "Keystone v3, e.g. https://keystone:5000/v3"},
    {"keystone-user", AX_DAEMON_SERVE, FIELD(keystone_user), "NAME",
     "our own user there, who may look at tokens (default auspex)"},
    {"keystone-password-file", AX_DAEMON_SERVE, FIELD(keystone_password_file), "FILE",
     "its password"},
    {"keystone-project", AX_DAEMON_SERVE, FIELD(keystone_project), "NAME",
     "its project (default service)"},
    {"keystone-domain", AX_DAEMON_SERVE, FIELD(keystone_domain), "NAME",
     "the domain of both (default Default)"},
    {"keystone-provider-role", AX_DAEMON_SERVE, FIELD(keystone_provider_role), "NAME",
     "the role whose holders see all tenants (default auspex-provider)"},
    {"keystone-ca", AX_DAEMON_SERVE, FIELD(keystone_ca), "FILE",
     "certificates to trust in (default: the system's)"},
    {"max-tenant-alarms", AX_DAEMON_SERVE, FIELD(max_tenant_alarms_text), "N",
     "alarms of alarm definitions at most, of each tenant (default 1000000)"},
    {"max-tenant-rate", AX_DAEMON_SERVE, FIELD(max_tenant_rate_text), "N",
     "samples a second of each tenant; more are refused (default: no limit)"},
    {"max-tenant-queries", AX_DAEMON_SERVE, FIELD(max_tenant_queries_text), "N",
     "queries of each tenant at once; more are refused (default: no limit)"},
    {"max-query-samples", AX_DAEMON_SERVE, FIELD(max_query_samples_text), "N",
     "samples that one query may take (default 50000000)"},
    {"url", AX_DAEMON_SERVE, FIELD(url), "URL",
     "how people reach this server: links in notifications begin with it"},
    {"smtp-url", AX_DAEMON_SERVE, FIELD(smtp_url), "URL",
     "the mail server, smtp://HOST:PORT or smtps://...; without one mails wait"},
    {"smtp-user", AX_DAEMON_SERVE, FIELD(smtp_user), "NAME", "who we are to it"},
    {"smtp-password-file", AX_DAEMON_SERVE, FIELD(smtp_password_file), "FILE",
     "our password there"},
    {"smtp-starttls", AX_DAEMON_SERVE, FIELD(smtp_starttls), NULL,
     "send mail encrypted or not at all (default: encrypted where the server offers it)"},
    {"mail-from", AX_DAEMON_SERVE, FIELD(mail_from), "ADDRESS",
     "the sender of mails (default auspex@HOST)"},
    {"notify-rate", AX_DAEMON_SERVE, FIELD(notify_rate_text), "N",
     "notifications a second to one method at most; more of them wait (default 10)"},
    {"notify-burst", AX_DAEMON_SERVE, FIELD(notify_burst_text), "N",
     "so many may go at once before that counts (default 20)"},
    {"flap-changes", AX_DAEMON_SERVE, FIELD(flap_changes_text), "N",
     "an alarm that changes more often within --flap-window is flapping: that is told once "
     "(default 6; 0: all is told)"},
    {"flap-window", AX_DAEMON_SERVE, FIELD(flap_window_text), "TIME",
     "and then nothing until it has been steady for so long (default 10m)"},
    {"notify-proxy", AX_DAEMON_SERVE, FIELD(notify_proxy), "URL",
     "a HTTP proxy for notifications (default: none)"},
    {"notify-ca", AX_DAEMON_SERVE, FIELD(notify_ca), "FILE",
     "certificates to trust in when notifying (default: the system's)"},
    {"notify-local", AX_DAEMON_SERVE, FIELD(notify_local), NULL,
     "with --auth: let tenants' notifications go to loopback addresses, too"},
    {"script-dir", AX_DAEMON_SERVE, FIELD(script_dir), "DIR",
     "programs that notification methods may run (default: none)"},
    {"tls-cert", AX_DAEMON_SERVE, FIELD(tls_cert), "FILE",
     "answer by HTTPS, with this certificate (PEM; read again on SIGHUP)"},
    {"tls-key", AX_DAEMON_SERVE, FIELD(tls_key), "FILE", "its private key"},
    {"tls-client-ca", AX_DAEMON_SERVE, FIELD(tls_client_ca), "FILE",
     "clients may show certificates that these have signed (see auspex admin cert)"},
    {"statsd", AX_DAEMON_SERVE, FIELD(statsd), "HOST:PORT",
     "take statsd's metrics by UDP too (default off; 127.0.0.1:8125 by convention)"},
    {"statsd-tenant", AX_DAEMON_SERVE, FIELD(statsd_tenant), "NAME",
     "whose they are (default: default)"},
    {"statsd-interval", AX_DAEMON_SERVE, FIELD(statsd_interval_text), "TIME",
     "so often they become samples (default 10s)"},
    {"statsd-gauge-deltas", AX_DAEMON_SERVE, FIELD(statsd_deltas), NULL,
     "a gauge of +N or -N is a change (default: a value, as Monasca's clients mean it)"},
    {"logs", AX_DAEMON_SERVE, FIELD(logs), "DIR",
     "take logs too (POST /v2.0/logs), into DIR/TENANT.jsonl, for what keeps and searches them "
     "(default off)"},
    {"logs-keep", AX_DAEMON_SERVE, FIELD(logs_keep_text), "BYTES",
     "so much of each tenant, in 8 files of which the oldest goes (default 1GB)"},
    {"server", AX_DAEMON_HOST, FIELD(server), "URL",
     "where to send (default http://127.0.0.1:8070)"},
    {"socket", AX_DAEMON_HOST, FIELD(socket), "PATH", "send over this unix socket instead"},
    {"tenant", AX_DAEMON_HOST, FIELD(tenant), "NAME", "whose the samples are (default: default)"},
    {"token-file", AX_DAEMON_HOST, FIELD(token_file), "FILE",
     "a token for a server that asks for one (auspex admin token add --role agent)"},
    {"ca-file", AX_DAEMON_HOST, FIELD(ca_file), "FILE",
     "whom to trust in for an https:// server (default: the system's)"},
    {"cert", AX_DAEMON_HOST, FIELD(cert), "FILE",
     "a certificate to show the server (auspex admin cert add --role agent)"},
    {"key", AX_DAEMON_HOST, FIELD(key), "FILE", "its private key"},
    {"libvirt", AX_DAEMON_HOST, FIELD(libvirt), "URI",
     "the hypervisor (default qemu:///system); none = leave it out"},
    {"interval", AX_DAEMON_SERVE | AX_DAEMON_HOST, FIELD(interval_text), "TIME",
     "time between two rounds of collecting (default 5s)"},
    {"host-name", AX_DAEMON_HOST, FIELD(host_name), "NAME", "default: the machine's name"},
    {"host-id", AX_DAEMON_HOST, FIELD(host_id), "ID",
     "default: /etc/machine-id, else one made once and kept in the data directory"},
    {"exporter", AX_DAEMON_HOST, FIELD(exporter), "HOST:PORT",
     "serve /metrics too (default off; 127.0.0.1:9177 by convention)"},
    {"set-balloon-period", AX_DAEMON_HOST, FIELD(set_balloon_period), NULL,
     "let domains that report no memory figures do so (changes the domain)"},
#undef FIELD
};

static const char *command_name(enum ax_daemon which)
{
    return which == AX_DAEMON_RUN ? "run" : which == AX_DAEMON_SERVE ? "serve" : "host";
}

static void print_help(enum ax_daemon which)
{
    static const char *const intro[] = {
        [AX_DAEMON_RUN] =
            "Usage: auspex run [FLAGS]\n\nWatches this machine and its VMs: starts the server and "
            "the collector.\n\n"
            "  auspex run                             # http://127.0.0.1:8070, data in ./var\n"
            "  auspex run --listen 127.0.0.1:9000 --data /var/lib/auspex --retention 90d\n"
            "  auspex run --libvirt none              # this machine only\n",
        [AX_DAEMON_SERVE] =
            "Usage: auspex serve [FLAGS]\n\nThe server alone: takes what collectors and agents "
            "send, answers questions.\n\n"
            "  auspex serve --data /var/lib/auspex\n"
            "  auspex serve --rules my-alarms.yml --retention 100y\n",
        [AX_DAEMON_HOST] =
            "Usage: auspex host [FLAGS]\n\nThe collector alone: samples this machine and its VMs "
            "and sends them to a server.\n\n"
            "  auspex host --server http://127.0.0.1:8070\n"
            "  auspex host --libvirt qemu:///session --interval 10s --exporter 127.0.0.1:9177\n",
    };
    printf("%s\nFlags:\n", intro[which]);
    for (size_t i = 0; i < AX_ARRAY_LEN(flags); i++) {
        char left[64];
        if (!(flags[i].which & which))
            continue;
        snprintf(left, sizeof left, "--%s %s", flags[i].name, flags[i].value ? flags[i].value : "");
        printf("  %-28s %s\n", left, flags[i].help);
    }
    printf("  %-28s this text\n", "--help");
}

int ax_daemon_usage(enum ax_daemon which, const char *what, const char *text)
{
    fprintf(stderr, "auspex: %s%s; see auspex %s --help\n", what, text, command_name(which));
    return AX_EXIT_USAGE;
}

/* False when it was given too often. */
static bool set_field(const struct flag *f, struct ax_daemon_options *o)
{
    void *field = (char *)o + f->text;
    struct ax_flag_values *values = field;
    if ((f->which & SEVERAL) && values->n == AX_FLAG_TIMES)
        return false;
    if (f->which & SEVERAL)
        values->v[values->n++] = optarg;
    else if (f->value)
        *(const char **)field = optarg;
    else
        *(bool *)field = true;
    return true;
}

int ax_daemon_parse(enum ax_daemon which, int argc, char **argv, struct ax_daemon_options *o)
{
    struct option longs[AX_ARRAY_LEN(flags) + 2] = {0};
    *o = (struct ax_daemon_options){.listen = "127.0.0.1:8070",
                                    .data = "./var",
                                    .server = "http://127.0.0.1:8070",
                                    .libvirt = "qemu:///system",
                                    .retention_text = "30d",
                                    .retention_size_text = "0",
                                    .tenant_bytes_text = "0",
                                    .commit_text = "5ms",
                                    .interval_text = "5s",
                                    .statsd_tenant = "default",
                                    .statsd_interval_text = "10s",
                                    .logs_keep_text = "1GB",
                                    .flap_changes_text = "6",
                                    .flap_window_text = "10m",
                                    .auth_text = "none",
                                    .keystone_user = "auspex",
                                    .keystone_project = "service",
                                    .keystone_provider_role = "auspex-provider"};
    int n = 0;
    for (size_t i = 0; i < AX_ARRAY_LEN(flags); i++)
        if (flags[i].which & which)
            longs[n++] =
                (struct option){flags[i].name, flags[i].value ? required_argument : no_argument,
                                NULL, (int)(256 + i)};
    longs[n] = (struct option){"help", no_argument, NULL, 'h'};
    optind = 0;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":h", longs, NULL)) != -1;) {
        if (c == 'h') {
            print_help(which);
            return AX_EXIT_OK;
        }
        if (c == ':')
            return ax_daemon_usage(which, argv[optind - 1], " wants a value");
        if (c < 256)
            return ax_daemon_usage(which, "unknown flag ", argv[optind - 1]);
        const struct flag *f = &flags[c - 256];
        if (!set_field(f, o))
            return ax_daemon_usage(which, f->name, " is given too often");
    }
    if (optind < argc)
        return ax_daemon_usage(which, "unexpected argument ", argv[optind]);
    return ax_daemon_read_values(which, o);
}

/* The flag as often as it was given. */
static size_t put_flag(const struct flag *f, const struct ax_daemon_options *o, const char **v,
                       struct ax_arena *a)
{
    const void *field = (const char *)o + f->text;
    const struct ax_flag_values *values = field;
    if (!f->value && *(const bool *)field)
        v[0] = ax_arena_printf(a, "--%s", f->name).p;
    if (!f->value)
        return *(const bool *)field;
    size_t n = (f->which & SEVERAL) ? values->n : *(const char *const *)field != NULL;
    for (size_t i = 0; i < n; i++)
        v[i] = ax_arena_printf(a, "--%s=%s", f->name,
                               (f->which & SEVERAL) ? values->v[i] : *(const char *const *)field)
                   .p;
    return n;
}

char *const *ax_daemon_command_line(enum ax_daemon which, const char *self,
                                    const struct ax_daemon_options *o, struct ax_arena *a)
{
    size_t most = 3, n = 0;
    for (size_t i = 0; i < AX_ARRAY_LEN(flags); i++)
        most += flags[i].which & SEVERAL ? AX_FLAG_TIMES : 1;
    const char **v = AX_NEWS(a, const char *, most);
    v[n++] = self;
    v[n++] = command_name(which);
    for (size_t i = 0; i < AX_ARRAY_LEN(flags); i++)
        if (flags[i].which & which)
            n += put_flag(&flags[i], o, v + n, a);
    return (char *const *)(uintptr_t)v;
}

void ax_daemon_signals(sigset_t *end)
{
    sigemptyset(end);
    sigaddset(end, SIGTERM);
    sigaddset(end, SIGINT);
    pthread_sigmask(SIG_BLOCK, end, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file-size limit is an error of write(2), not our end */
}

int ax_daemon_fail(const struct ax_err *err)
{
    ax_cli_error(err);
    return AX_EXIT_USAGE;
}

static uid_t give_uid;
static gid_t give_gid;

static int give_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    if (st->st_uid == give_uid)
        return 0;
    return lchown(path, give_uid, give_gid);
}

static int become_user(const char *data, const struct passwd *pw, struct ax_err *err)
{
    give_uid = pw->pw_uid;
    give_gid = pw->pw_gid;
    if (nftw(".", give_one, 16, FTW_PHYS | FTW_MOUNT) != 0)
        return ax_fail_errno(err, "cannot give %s to the user %s", data, pw->pw_name);
    if (setgroups(0, NULL) < 0 || setgid(pw->pw_gid) < 0 || setuid(pw->pw_uid) < 0)
        return ax_fail_errno(err, "cannot become the user %s", pw->pw_name);
    return 0;
}

/* Whom root becomes; NULL: nobody else. */
static int find_user(const char *user, const struct passwd **out, struct ax_err *err)
{
    *out = NULL;
    if (geteuid() != 0)
        return 0;
    *out = getpwnam(user ? user : "auspex");
    if (!*out && !user)
        *out = getpwnam("nobody");
    return *out ? 0
                : ax_fail(err, -EINVAL, "there is no user %s on this machine",
                          user ? user : "auspex or nobody");
}

int ax_open_directory(const char *path, const char *user, struct ax_err *err)
{
    const struct passwd *pw;
    bool there = access(path, F_OK) == 0;
    int rc = find_user(user, &pw, err);
    if (rc == 0)
        rc = ax_mkdirs(path, err);
    if (rc < 0)
        return rc;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ax_fail_errno(err, "cannot open the directory %s", path);
    if (!there && (fchmod(fd, 0750) < 0 || (pw && fchown(fd, pw->pw_uid, pw->pw_gid) < 0))) {
        rc = ax_fail_errno(err, "cannot give %s to the server's user", path);
        close(fd);
        return rc;
    }
    return fd;
}

int ax_enter_data(const char *data, const char *user, struct ax_err *err)
{
    const struct passwd *pw;
    int rc = find_user(user, &pw, err);
    if (rc == 0)
        rc = ax_mkdirs(data, err);
    if (rc < 0)
        return rc;
    if (chdir(data) < 0)
        return ax_fail_errno(err, "cannot enter the data directory %s", data);
    umask(0077); /* what is written is for the server alone: every tenant's samples, hashes */
    if (pw && pw->pw_uid != 0)
        rc = become_user(data, pw, err);
    if (rc == 0 && access(".", R_OK | W_OK | X_OK) < 0)
        return ax_fail_errno(err, "the data directory %s cannot be written", data);
    return rc;
}
