// SPDX-License-Identifier: Apache-2.0
/* auspex admin: the keeper's commands for the data. */
#include "cli/admin.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char HELP[] = "auspex admin compact [--data DIR]\n"
                           "auspex admin verify [--data DIR]\n"
                           "auspex admin backup [--data DIR] --to DIR\n"
                           "auspex admin restore --from DIR [--data DIR]\n"
                           "auspex admin snapshots [--data DIR] [--delete NAME]\n"
                           "auspex admin token add|list|revoke ...\n"
                           "auspex admin cert add|list|revoke ...\n"
                           "auspex admin user add|list|password|disable|enable|remove ...\n"
                           "auspex admin ledger verify|show|export ...\n"
                           "\n"
                           "Looks after the data of a server, and who may speak to it.\n"
                           "\n"
                           "  auspex admin backup --data /var/lib/auspex --to /backup/auspex\n"
                           "  auspex admin verify --data /backup/auspex\n"
                           "  auspex admin restore --from /backup/auspex --data /var/lib/new\n"
                           "  auspex admin compact --data /var/lib/auspex\n"
                           "  auspex admin token add --tenant acme --role reader\n"
                           "\n"
                           "Each tells its flags: auspex admin backup --help\n";

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"compact", ax_admin_compact}, {"verify", ax_admin_verify},       {"backup", ax_admin_backup},
    {"restore", ax_admin_restore}, {"snapshots", ax_admin_snapshots}, {"token", ax_admin_token},
    {"cert", ax_admin_cert},       {"user", ax_admin_user},           {"ledger", ax_admin_ledger}};

static int become_owner(const char *data, const struct stat *st, struct ax_err *err)
{
    if (geteuid() != 0 || st->st_uid == 0)
        return 0;
    if (setgroups(0, NULL) < 0 || setgid(st->st_gid) < 0 || setuid(st->st_uid) < 0)
        return ax_fail_errno(err, "cannot become the owner of %s", data);
    return 0;
}

int ax_admin_enter(const char *data, struct ax_err *err)
{
    struct stat st, store;
    if (stat(data, &st) < 0)
        return ax_fail_errno(err, "cannot enter the data directory %s", data);
    if (chdir(data) < 0)
        return ax_fail_errno(err, "cannot enter the data directory %s", data);
    if (stat("tsdb", &store) < 0)
        return ax_fail(err, -ENOENT,
                       "%s is no data directory of a server: there is no tsdb in it (expected "
                       "what `auspex serve --data` was given)",
                       data);
    umask(0077);
    return become_owner(data, &st, err);
}

void ax_admin_tell(void *ctx, const char *text)
{
    fputs("auspex: ", stderr);
    ax_put_line(stderr, text);
}

bool ax_admin_snapshot_name(const char *name)
{
    return *name && *name != '.' && !strchr(name, '/');
}

int ax_admin_copy_head(const char *from, const char *to, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    char source[4200], target[4200];
    snprintf(source, sizeof source, "%s/ledger.head", from);
    snprintf(target, sizeof target, "%s/ledger.head", to);
    int rc = ax_file_read(AT_FDCWD, source, 4096, &b, err);
    return rc == -ENOENT ? 0 : rc < 0 ? rc : ax_file_replace(AT_FDCWD, target, b.p, b.n, err);
}

static uint64_t bytes;

static int add_file(const char *path, const struct stat *st, int type, struct FTW *at)
{
    bytes += type == FTW_F ? (uint64_t)st->st_size : 0;
    return 0;
}

uint64_t ax_admin_tree_bytes(const char *path)
{
    bytes = 0;
    nftw(path, add_file, 16, FTW_PHYS);
    return bytes;
}

/* Without the name of a command: --help, or the error. */
static int none(int argc, char **argv)
{
    struct ax_cli c;
    int status = ax_cli_parse(&c, argc, argv, NULL, 0, HELP);
    if (status == AX_CLI_GO)
        status = ax_cli_expect(
            &c, 1, INT32_MAX,
            "what to do (compact, verify, backup, restore, snapshots, token, cert, user, ledger)");
    if (status == AX_CLI_GO)
        status = ax_cli_usage(&c, "there is no admin command \"%s\"", c.args[0]);
    return status;
}

int ax_cmd_admin(int argc, char **argv)
{
    char name[32];
    for (size_t i = 0; argc > 1 && i < AX_ARRAY_LEN(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0) {
            snprintf(name, sizeof name, "admin %s", commands[i].name);
            argv[1] = name;
            return commands[i].run(argc - 1, argv + 1);
        }
    return none(argc, argv);
}
