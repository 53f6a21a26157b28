// SPDX-License-Identifier: Apache-2.0
/* auspex rules check FILE...: what the server would say of rule files, without a server. */
#include "alarm/alarm.h"
#include "base/file.h"
#include "cli/inner.h"

#include <fcntl.h>
#include <string.h>

#define BYTES_MAX (1u << 20)

static const char help[] =
    "Usage: auspex rules check FILE...\n\n"
    "Reads files of alarm and recording rules as the server would, and tells what is wrong\n"
    "with them, with the place. Exit status 1 when something is. Of a good file: which rules\n"
    "are evaluated as samples arrive, and why others are not.\n\n"
    "  auspex rules check rules/*.yml\n"
    "  auspex rules check my-alarms.yml && kill -HUP $(pidof auspex)\n";

/* How many faults it has. */
static size_t check(const char *path)
{
    struct ax_buf text = {.max = BYTES_MAX * 2};
    struct ax_err err;
    struct ax_rules *r = NULL;
    if (ax_file_read(AT_FDCWD, path, BYTES_MAX, &text, &err) < 0)
        r = ax_rules_broken(AX_STR("default"), path, &err);
    else
        r = ax_rules_read(ax_buf_view(&text), AX_STR("default"), path);
    size_t faults = ax_rules_faults(r), n = ax_rules_count(r);
    if (faults == 0) {
        AX_CLEANUP(ax_buf_free) struct ax_buf said = AX_BUF_INIT;
        ax_rules_describe(r, &said);
        printf("%s: %zu rule%s, no faults\n", path, n, n == 1 ? "" : "s");
        ax_put_lines(stdout, ax_buf_view(&said));
    }
    for (size_t i = 0; i < faults; i++) {
        fputs("auspex: ", stderr);
        ax_put_line(stderr, ax_rules_fault(r, i));
    }
    ax_rules_free(r);
    ax_buf_free(&text);
    return faults;
}

int ax_cmd_rules(int argc, char **argv)
{
    struct ax_cli c = {.command = "rules"};
    int status = ax_cli_parse(&c, argc, argv, NULL, 0, help);
    if (status != AX_CLI_GO)
        return status;
    if (c.nargs < 2 || strcmp(c.args[0], "check") != 0)
        return ax_cli_usage(&c, "expected: rules check FILE...");
    size_t faults = 0;
    for (int i = 1; i < c.nargs; i++)
        faults += check(c.args[i]);
    return faults ? AX_EXIT_ERROR : AX_EXIT_OK;
}
