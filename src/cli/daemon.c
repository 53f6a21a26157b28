// SPDX-License-Identifier: Apache-2.0
#include "cli/daemon.h"

#include "base/file.h"
#include "base/num.h"

#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct flag {
    const char *name;
    unsigned which; /* commands that take it */
    size_t text;    /* offset of a const char *, or of a bool where value is NULL */
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
    {"rules", AX_DAEMON_SERVE, FIELD(rules), "FILE",
     "alarm rules in Prometheus's format (default: built-in rules)"},
    {"user", AX_DAEMON_SERVE, FIELD(user), "NAME",
     "who the server becomes when started as root (default auspex, else nobody)"},
    {"server", AX_DAEMON_HOST, FIELD(server), "URL",
     "where to send (default http://127.0.0.1:8070)"},
    {"socket", AX_DAEMON_HOST, FIELD(socket), "PATH", "send over this unix socket instead"},
    {"tenant", AX_DAEMON_HOST, FIELD(tenant), "NAME", "whose the samples are (default: default)"},
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
        printf("  %-24s %s\n", left, flags[i].help);
    }
    printf("  %-24s this text\n", "--help");
}

static int usage(enum ax_daemon which, const char *what, const char *text)
{
    fprintf(stderr, "auspex: %s%s; see auspex %s --help\n", what, text, command_name(which));
    return AX_EXIT_USAGE;
}

static int read_durations(enum ax_daemon which, struct ax_daemon_options *o)
{
    const struct {
        const char *text, *flag;
        int64_t *out, least;
    } v[] = {{o->retention_text, "--retention", &o->retention_ms, 3600000},
             {o->interval_text, "--interval", &o->interval_ms, 1000}};
    for (size_t i = 0; i < AX_ARRAY_LEN(v); i++) {
        struct ax_err err;
        if (ax_duration_parse(ax_str(v[i].text), v[i].out, &err) < 0) {
            ax_err_wrap(&err, "%s", v[i].flag);
            return usage(which, err.text, "");
        }
        if (*v[i].out < v[i].least)
            return usage(which, v[i].flag, i ? " is below 1s" : " is below 1h");
    }
    return AX_DAEMON_GO;
}

static int read_counts(enum ax_daemon which, struct ax_daemon_options *o)
{
    const struct {
        const char *text, *flag;
        uint32_t *out;
    } v[] = {{o->max_series_text, "--max-series", &o->max_series},
             {o->max_tenant_series_text, "--max-tenant-series", &o->max_tenant_series}};
    for (size_t i = 0; i < AX_ARRAY_LEN(v); i++) {
        uint64_t n;
        if (!v[i].text)
            continue;
        if (!ax_str_u64(ax_str(v[i].text), &n) || n == 0 || n > INT32_MAX)
            return usage(which, v[i].flag, " wants a whole number above 0");
        *v[i].out = (uint32_t)n;
    }
    return AX_DAEMON_GO;
}

/* "20GB": units are powers of 1024, as Prometheus has them; none: bytes. */
static int read_size(enum ax_daemon which, struct ax_daemon_options *o)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB"};
    struct ax_str text = ax_str(o->retention_size_text), number = text;
    while (number.n && (number.p[number.n - 1] < '0' || number.p[number.n - 1] > '9'))
        number.n--;
    struct ax_str unit = {number.p + number.n, text.n - number.n};
    size_t u = 0;
    while (unit.n && u < AX_ARRAY_LEN(units) && !ax_str_eq(unit, ax_str(units[u])))
        u++;
    uint64_t n;
    if (u == AX_ARRAY_LEN(units) || !ax_str_u64(number, &n) || n > UINT64_MAX >> 10 * u)
        return usage(which, "--retention-size: expected bytes, such as 512MB or 20GB, not ",
                     o->retention_size_text);
    o->retention_bytes = n << 10 * u;
    return AX_DAEMON_GO;
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
                                    .interval_text = "5s"};
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
            return usage(which, argv[optind - 1], " wants a value");
        if (c < 256)
            return usage(which, "unknown flag ", argv[optind - 1]);
        const struct flag *f = &flags[c - 256];
        void *field = (char *)o + f->text;
        if (f->value)
            *(const char **)field = optarg;
        else
            *(bool *)field = true;
    }
    if (optind < argc)
        return usage(which, "unexpected argument ", argv[optind]);
    int status = read_durations(which, o);
    if (status == AX_DAEMON_GO)
        status = read_counts(which, o);
    return status == AX_DAEMON_GO ? read_size(which, o) : status;
}

char *const *ax_daemon_command_line(enum ax_daemon which, const char *self,
                                    const struct ax_daemon_options *o, struct ax_arena *a)
{
    const char **v = AX_NEWS(a, const char *, AX_ARRAY_LEN(flags) + 3);
    size_t n = 0;
    v[n++] = self;
    v[n++] = command_name(which);
    for (size_t i = 0; i < AX_ARRAY_LEN(flags); i++) {
        const char *field = (const char *)o + flags[i].text;
        if (!(flags[i].which & which))
            continue;
        if (flags[i].value && *(const char *const *)field)
            v[n++] = ax_arena_printf(a, "--%s=%s", flags[i].name, *(const char *const *)field).p;
        else if (!flags[i].value && *(const bool *)field)
            v[n++] = ax_arena_printf(a, "--%s", flags[i].name).p;
    }
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
    fprintf(stderr, "auspex: %s\n", err->text);
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

int ax_enter_data(const char *data, const char *user, struct ax_err *err)
{
    const struct passwd *pw = NULL;
    if (geteuid() == 0) {
        pw = getpwnam(user ? user : "auspex");
        if (!pw && !user)
            pw = getpwnam("nobody");
        if (!pw)
            return ax_fail(err, -EINVAL, "there is no user %s on this machine",
                           user ? user : "auspex or nobody");
    }
    int rc = ax_mkdirs(data, err);
    if (rc < 0)
        return rc;
    if (chdir(data) < 0)
        return ax_fail_errno(err, "cannot enter the data directory %s", data);
    if (pw && pw->pw_uid != 0)
        rc = become_user(data, pw, err);
    if (rc == 0 && access(".", R_OK | W_OK | X_OK) < 0)
        return ax_fail_errno(err, "the data directory %s cannot be written", data);
    return rc;
}
