// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "cli/admin.h"
#include "cli/daemon.h"
#include "cli/inspect.h"
#include "sql/sql.h"
#include "warrant/warrant.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int enter(const struct ax_inspect_record *r, struct ax_err *err)
{
    char store[4200];
    struct stat st;
    snprintf(store, sizeof store, "%s/tsdb", r->data);
    return stat(store, &st) == 0 ? ax_admin_enter(r->data, err)
                                 : ax_enter_data(r->data, r->user, err);
}

static int append(const struct ax_inspect_record *r, struct ax_str who, int64_t *sequence,
                  struct ax_err *err)
{
    struct ax_sql *sql = NULL;
    struct ax_ledger *ledger = NULL;
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct ax_ledger_entry e = {.time = ax_now_ms(),
                                .kind = r->ends ? AX_LEDGER_EXTRACT_ENDED : AX_LEDGER_USE,
                                .scope = r->scope,
                                .who = who,
                                .tenant = AX_STR(""),
                                .handle = ax_str(r->handle),
                                .reason = ax_str(r->reason),
                                .grant = AX_STR(""),
                                .detail = ax_str(r->detail)};
    int rc = ax_sql_open(&sql, "registry.db", err);
    if (rc == 0)
        rc = ax_ledger_open(&ledger, sql, "ledger.head", err);
    if (rc == 0)
        rc = ax_ledger_append(ledger, &e, &a, err);
    *sequence = e.sequence;
    ax_ledger_close(ledger);
    ax_sql_close(sql);
    return rc;
}

/* What the child says. */
struct outcome {
    struct ax_err err;
    int64_t sequence;
};

static void record(const struct ax_inspect_record *r, int pipe_end)
{
    struct outcome o = {0};
    char who[256];
    const struct passwd *user = getpwuid(getuid());
    snprintf(who, sizeof who, "%.200s (on the machine itself)", user ? user->pw_name : "unknown");
    if (enter(r, &o.err) == 0)
        append(r, ax_str(who), &o.sequence, &o.err);
    (void)!write(pipe_end, &o, sizeof o);
    _exit(o.err.code ? 1 : 0);
}

int ax_inspect_record(const struct ax_inspect_record *r, struct ax_err *err)
{
    const char *nothing = r->ends ? "" : "nothing was read, as ";
    int ends[2], status;
    struct outcome told = {0};
    if (pipe(ends) < 0)
        return ax_fail_errno(err, "writing to the ledger");
    pid_t pid = fork();
    if (pid == 0)
        record(r, ends[1]);
    close(ends[1]);
    ssize_t n = pid < 0 ? 0 : read(ends[0], &told, sizeof told);
    close(ends[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (n == (ssize_t)sizeof told && told.err.code < 0)
        return ax_fail(err, told.err.code, "%sthe ledger in %s cannot be written: %s", nothing,
                       r->data, told.err.text);
    if (pid < 0 || n != (ssize_t)sizeof told || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return ax_fail(err, -EIO, "%sthe ledger in %s cannot be written", nothing, r->data);
    if (r->sequence)
        *r->sequence = told.sequence;
    return 0;
}
