// SPDX-License-Identifier: Apache-2.0
/* auspex admin restore: a data directory from a backup. */
#include "base/file.h"
#include "cli/admin.h"
#include "sql/sql.h"
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char HELP[] =
    "auspex admin restore --from DIR2 [--data DIR]\n"
    "\n"
    "Makes a data directory from a backup (or from a snapshot). DIR must be new or empty: nothing\n"
    "is ever overwritten. All is read again and compared with its checksums before it counts; of "
    "a\n"
    "backup that is damaged nothing is restored. When root does this, all becomes that user's who\n"
    "owns DIR.\n"
    "\n"
    "  auspex admin restore --from /backup/auspex --data /var/lib/auspex\n"
    "\n"
    "      --from DIR2   the backup\n"
    "  -d, --data DIR    where to (default ./var)\n";

#define UNDER_WAY ".restoring" /* in DIR, until all is there and was verified */

static int expect_empty(const char *data, struct ax_err *err)
{
    DIR *d = opendir(".");
    bool empty = true;
    if (!d)
        return ax_fail_errno(err, "cannot list %s", data);
    for (struct dirent *e; (e = readdir(d));)
        empty = empty && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
                          strcmp(e->d_name, UNDER_WAY) == 0);
    closedir(d);
    return empty ? 0
                 : ax_fail(err, -EEXIST,
                           "%s is not empty, and nothing is overwritten: name another directory, "
                           "or move that away",
                           data);
}

struct faults {
    unsigned n;
    char first[AX_ERR_TEXT];
};

static void store_fault(void *ctx, const struct ax_store_fault *f)
{
    struct faults *faults = ctx;
    if (!faults->n++)
        snprintf(faults->first, sizeof faults->first, "tsdb/%s: %s", f->file, f->text);
}

static void registry_fault(void *ctx, const char *text)
{
    struct faults *faults = ctx;
    if (!faults->n++)
        snprintf(faults->first, sizeof faults->first, "registry.db: %s", text);
}

static int verify(struct ax_store_verified *sums, struct ax_err *err)
{
    struct faults faults = {0};
    struct ax_store_verifier to = {store_fault, NULL, &faults};
    int rc = ax_store_verify(UNDER_WAY "/tsdb", &to, sums, err);
    if (rc == 0)
        rc = ax_sql_verify(UNDER_WAY "/registry.db", registry_fault, &faults, err);
    if (rc == 0 && faults.n)
        rc = ax_fail(err, -EBADMSG,
                     "the backup is damaged (%u faults; auspex admin verify lists them), nothing "
                     "was restored: %s",
                     faults.n, faults.first);
    return rc;
}

static struct stat owner;
static int give_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    return lchown(path, owner.st_uid, owner.st_gid);
}

static int give_to_owner(struct ax_err *err)
{
    if (geteuid() != 0)
        return 0;
    if (stat(".", &owner) < 0 || nftw(UNDER_WAY, give_one, 16, FTW_PHYS) != 0)
        return ax_fail_errno(err, "cannot give the files to the owner of the directory");
    return 0;
}

static int place(struct ax_err *err)
{
    AX_CLEANUP(ax_close_fd) int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ledger = access(UNDER_WAY "/ledger.head", F_OK) == 0;
    if (fd < 0 || rename(UNDER_WAY "/registry.db", "registry.db") < 0 ||
        (ledger && rename(UNDER_WAY "/ledger.head", "ledger.head") < 0) ||
        rename(UNDER_WAY "/tsdb", "tsdb") < 0 || rmdir(UNDER_WAY) < 0 || fsync(fd) < 0)
        return ax_fail_errno(err, "cannot place what was restored");
    return 0;
}

static int sync_registry(struct ax_err *err)
{
    AX_CLEANUP(ax_close_fd) int file = open(UNDER_WAY "/registry.db", O_RDONLY | O_CLOEXEC);
    AX_CLEANUP(ax_close_fd) int dir = open(UNDER_WAY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return file < 0 || dir < 0 || fsync(file) < 0 || fsync(dir) < 0
               ? ax_fail_errno(err, "cannot write " UNDER_WAY)
               : 0;
}

static int copy(const char *from, struct ax_err *err)
{
    char store[4200], registry[4200];
    struct ax_store_copied c;
    struct ax_store_teller teller = {ax_admin_tell, NULL};
    snprintf(store, sizeof store, "%s/tsdb", from);
    snprintf(registry, sizeof registry, "%s/registry.db", from);
    int rc = ax_store_backup(store, UNDER_WAY "/tsdb", &teller, &c, err);
    if (rc == 0)
        rc = ax_sql_copy_file(registry, UNDER_WAY "/registry.db", err);
    if (rc == 0)
        rc = ax_admin_copy_head(from, UNDER_WAY, err);
    return rc == 0 ? sync_registry(err) : rc;
}

static int restore(const char *from, const char *data, struct ax_store_verified *sums,
                   struct ax_err *err)
{
    AX_CLEANUP(ax_free_ptr) char *there = realpath(from, NULL);
    if (!there)
        return ax_fail_errno(err, "cannot find the backup %s", from);
    int rc = ax_mkdirs(data, err);
    if (rc == 0 && chdir(data) < 0)
        rc = ax_fail_errno(err, "cannot enter %s", data);
    if (rc == 0)
        rc = expect_empty(data, err);
    if (rc < 0)
        return rc;
    ax_remove_tree(UNDER_WAY, NULL); /* of one that was interrupted */
    rc = copy(there, err);
    if (rc == 0)
        rc = verify(sums, err);
    if (rc == 0)
        rc = give_to_owner(err);
    if (rc < 0) {
        ax_remove_tree(UNDER_WAY, NULL);
        return ax_err_wrap(err, "%s", from);
    }
    return place(err);
}

int ax_admin_restore(int argc, char **argv)
{
    struct ax_cli c;
    struct ax_err err;
    struct ax_store_verified sums = {0};
    const char *data = AX_ADMIN_DATA, *from = NULL;
    const struct ax_flag flags[] = {{"data", 'd', &data, NULL}, {"from", 0, &from, NULL}};
    char size[AX_TEXT];
    int status = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (status == AX_CLI_GO)
        status = ax_cli_expect(&c, 0, 0, "");
    if (status == AX_CLI_GO && !from)
        status = ax_cli_usage(&c, "--from DIR2 is missing");
    if (status != AX_CLI_GO)
        return status;
    if (restore(from, data, &sums, &err) < 0)
        return ax_cli_error(&err);
    if (c.json)
        printf("{\"samples\":%llu,\"bytes\":%llu}\n", (unsigned long long)sums.samples,
               (unsigned long long)sums.bytes);
    else
        printf("restored and verified: %llu samples in %s\n", (unsigned long long)sums.samples,
               ax_text_bytes((double)sums.bytes, size));
    return AX_EXIT_OK;
}
