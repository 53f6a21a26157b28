// SPDX-License-Identifier: Apache-2.0
/* auspex admin backup: all data into another directory, whether the server runs or not. */
#include "base/file.h"
#include "base/json.h"
#include "cli/admin.h"
#include "sql/sql.h"
#include "store/store.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char HELP[] =
    "auspex admin backup [--data DIR] --to DIR2\n"
    "\n"
    "Copies all data into another directory, also of another file system. A running server is\n"
    "asked for a snapshot and goes on; all it has acknowledged until then is in the backup. Of\n"
    "blocks that are in DIR2 from a former backup nothing is copied: they never change.\n"
    "\n"
    "  auspex admin backup --data /var/lib/auspex --to /backup/auspex\n"
    "  auspex admin verify --data /backup/auspex\n"
    "\n"
    "  -d, --data DIR   what `auspex serve --data` is given (default ./var)\n"
    "      --to DIR2    where to; made when it is not there\n";

#define SOCKET       "auspex.sock" /* of a running server, in its data directory */
#define SNAPSHOT_MAX 128
#define ANSWER_MAX   65536
#define TIMEOUT_S    600L

static size_t on_body(char *p, size_t size, size_t n, void *self)
{
    struct ax_buf *b = self;
    ax_buf_add(b, p, size * n);
    return b->overflow ? 0 : size * n;
}

static CURLcode post(const char *url, struct ax_buf *answer, long *status)
{
    CURL *c = curl_easy_init();
    AX_ASSERT(c);
    curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, SOCKET);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, "");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, TIMEOUT_S);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, answer);
    CURLcode rc = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, status);
    curl_easy_cleanup(c);
    return rc;
}

/* The snapshot's path; empty when no server answers. */
static int ask_for_snapshot(char path[SNAPSHOT_MAX], struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf answer = {.max = ANSWER_MAX};
    long status = 0;
    *path = '\0';
    CURLcode rc = post("http://localhost/auspex/v1/admin/snapshot", &answer, &status);
    if (rc == CURLE_COULDNT_CONNECT)
        return 0;
    if (rc != CURLE_OK)
        return ax_fail(err, -EIO, "the server did not make a snapshot: %s", curl_easy_strerror(rc));
    json_t *said = json_loadb(answer.p ? answer.p : "", answer.n, 0, NULL);
    const char *name = ax_j_str(said, "name");
    int result = 0;
    if (status != 200 || !ax_admin_snapshot_name(name))
        result = ax_fail(err, -EIO, "the server did not make a snapshot: HTTP status %ld: %s",
                         status, ax_j_str(json_object_get(said, "error"), "message"));
    else
        snprintf(path, SNAPSHOT_MAX, AX_ADMIN_SNAPSHOTS "/%s", name);
    json_decref(said);
    return result;
}

static int sync_path(const char *path, struct ax_err *err)
{
    AX_CLEANUP(ax_close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? ax_fail_errno(err, "cannot write %s", path) : 0;
}

static int copy_registry(const char *from, const char *to, struct ax_err *err)
{
    char fresh[4200], final[4200];
    snprintf(fresh, sizeof fresh, "%s/registry.db.new", to);
    snprintf(final, sizeof final, "%s/registry.db", to);
    unlink(fresh);
    int rc = ax_sql_copy_file(from, fresh, err);
    if (rc == 0)
        rc = sync_path(fresh, err);
    if (rc == 0 && rename(fresh, final) < 0)
        rc = ax_fail_errno(err, "cannot place %s", final);
    return rc == 0 ? sync_path(to, err) : rc;
}

/* Paths are the snapshot's, or those of the data themselves when `from` is empty. */
static int copy_all(const char *from, const char *to, struct ax_store_copied *c, struct ax_err *err)
{
    char store[SNAPSHOT_MAX + 16], registry[SNAPSHOT_MAX + 16], copy[4200];
    const char *slash = *from ? "/" : "";
    struct ax_store_teller teller = {ax_admin_tell, NULL};
    snprintf(store, sizeof store, "%s%stsdb", from, slash);
    snprintf(registry, sizeof registry, "%s%sregistry.db", from, slash);
    snprintf(copy, sizeof copy, "%s/tsdb", to);
    int rc = ax_store_backup(store, copy, &teller, c, err);
    if (rc == -EBUSY)
        return ax_fail(err, rc,
                       "a server has the data open and does not answer at " SOCKET
                       ": is it still starting? Try again, or stop it");
    if (rc == 0)
        rc = copy_registry(registry, to, err);
    return rc < 0 ? rc : ax_admin_copy_head(*from ? from : ".", to, err);
}

static int back_up(const char *data, const char *to, struct ax_store_copied *c, bool *online,
                   struct ax_err *err)
{
    char snapshot[SNAPSHOT_MAX];
    int rc = ax_mkdirs(to, err);
    AX_CLEANUP(ax_free_ptr) char *there = rc == 0 ? realpath(to, NULL) : NULL;
    if (rc == 0 && !there)
        return ax_fail_errno(err, "cannot find %s", to);
    if (rc < 0)
        return rc;
    if (chdir(data) < 0)
        return ax_fail_errno(err, "cannot enter the data directory %s", data);
    rc = ask_for_snapshot(snapshot, err);
    *online = *snapshot;
    if (rc == 0)
        rc = copy_all(snapshot, there, c, err);
    if (*snapshot)
        ax_remove_tree(snapshot, NULL);
    return rc < 0 ? ax_err_wrap(err, "%s", data) : 0;
}

static void report(const struct ax_cli *c, const struct ax_store_copied *s, bool online)
{
    char copied[AX_TEXT], kept[AX_TEXT];
    if (!c->json) {
        printf("%s copied in %llu files, %s in %llu blocks was there already%s\n",
               ax_text_bytes((double)s->bytes, copied), (unsigned long long)s->files,
               ax_text_bytes((double)s->kept_bytes, kept), (unsigned long long)s->kept_files,
               online ? "; the server goes on" : "");
        return;
    }
    printf("{\"online\":%s,\"copied_files\":%llu,\"copied_bytes\":%llu,\"kept_files\":%llu,"
           "\"kept_bytes\":%llu}\n",
           online ? "true" : "false", (unsigned long long)s->files, (unsigned long long)s->bytes,
           (unsigned long long)s->kept_files, (unsigned long long)s->kept_bytes);
}

int ax_admin_backup(int argc, char **argv)
{
    struct ax_cli c;
    struct ax_err err;
    struct ax_store_copied copied = {0};
    bool online = false;
    const char *data = AX_ADMIN_DATA, *to = NULL;
    const struct ax_flag flags[] = {{"data", 'd', &data, NULL}, {"to", 0, &to, NULL}};
    int status = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (status == AX_CLI_GO)
        status = ax_cli_expect(&c, 0, 0, "");
    if (status == AX_CLI_GO && !to)
        status = ax_cli_usage(&c, "--to DIR2 is missing");
    if (status != AX_CLI_GO)
        return status;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (back_up(data, to, &copied, &online, &err) < 0)
        return ax_cli_error(&err);
    report(&c, &copied, online);
    return AX_EXIT_OK;
}
