// SPDX-License-Identifier: Apache-2.0
/* auspex admin snapshots: which there are, and away with one. */
#include "base/file.h"
#include "base/json.h"
#include "cli/admin.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char HELP[] =
    "auspex admin snapshots [--data DIR] [--delete NAME]\n"
    "\n"
    "Lists the snapshots in a data directory, oldest first, or removes one. A server makes them "
    "when\n"
    "asked by POST /auspex/v1/admin/snapshot. They take no space of their own until the server "
    "has\n"
    "merged or deleted the blocks that they have in common with it.\n"
    "\n"
    "  auspex admin snapshots --data /var/lib/auspex\n"
    "  auspex admin snapshots --delete 20261122T065901Z-1230000\n"
    "\n"
    "  -d, --data DIR      what `auspex serve --data` is given (default ./var)\n"
    "      --delete NAME   removes that one\n";

static int is_snapshot(const struct dirent *e)
{
    return ax_admin_snapshot_name(e->d_name);
}

static void list_json(struct dirent *const *found, int n)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    struct ax_json j = {.out = &text};
    ax_json_obj(&j);
    ax_json_key(&j, "snapshots");
    ax_json_arr(&j);
    for (int i = 0; i < n; i++) {
        char path[300];
        snprintf(path, sizeof path, AX_ADMIN_SNAPSHOTS "/%s", found[i]->d_name);
        ax_json_obj(&j);
        ax_json_key(&j, "name");
        ax_json_cstr(&j, found[i]->d_name);
        ax_json_key(&j, "bytes");
        ax_json_int(&j, (int64_t)ax_admin_tree_bytes(path));
        ax_json_end(&j);
    }
    ax_json_end(&j);
    ax_json_end(&j);
    ax_put_json_line(stdout, ax_buf_view(&text));
}

static void list_people(struct dirent *const *found, int n)
{
    const struct ax_column columns[] = {{"NAME", AX_LEFT}, {"SIZE", AX_RIGHT}};
    struct ax_table *t = ax_table_new(stdout, columns, AX_ARRAY_LEN(columns));
    for (int i = 0; i < n; i++) {
        char path[300], size[AX_TEXT];
        snprintf(path, sizeof path, AX_ADMIN_SNAPSHOTS "/%s", found[i]->d_name);
        ax_table_cell(t, found[i]->d_name);
        ax_table_cell(t, ax_text_bytes((double)ax_admin_tree_bytes(path), size));
    }
    ax_table_free(t);
}

static int list(bool json, struct ax_err *err)
{
    struct dirent **found = NULL;
    int n = scandir(AX_ADMIN_SNAPSHOTS, &found, is_snapshot, alphasort);
    if (n < 0 && errno != ENOENT)
        return ax_fail_errno(err, "cannot list " AX_ADMIN_SNAPSHOTS);
    n = n < 0 ? 0 : n; /* there never was one */
    if (json)
        list_json(found, n);
    else
        list_people(found, n);
    for (int i = 0; i < n; i++)
        free(found[i]);
    free(found);
    return 0;
}

static int delete (const char *name, struct ax_err *err)
{
    char path[300];
    struct stat st;
    snprintf(path, sizeof path, AX_ADMIN_SNAPSHOTS "/%s", name);
    if (!ax_admin_snapshot_name(name) || stat(path, &st) < 0)
        return ax_fail(err, -ENOENT, "there is no snapshot \"%s\"", name);
    return ax_remove_tree(path, err);
}

int ax_admin_snapshots(int argc, char **argv)
{
    struct ax_cli c;
    struct ax_err err;
    const char *data = AX_ADMIN_DATA, *name = NULL;
    const struct ax_flag flags[] = {{"data", 'd', &data, NULL}, {"delete", 0, &name, NULL}};
    int status = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (status == AX_CLI_GO)
        status = ax_cli_expect(&c, 0, 0, "");
    if (status != AX_CLI_GO)
        return status;
    int rc = ax_admin_enter(data, &err);
    if (rc == 0)
        rc = name ? delete (name, &err) : list(c.json, &err);
    return rc < 0 ? ax_cli_error(&err) : AX_EXIT_OK;
}
