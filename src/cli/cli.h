// SPDX-License-Identifier: Apache-2.0
/* The command line: one file per command, and what src/main.c needs to choose among them.
 *
 * A command gets its own name as argv[0] and returns the exit status of the program:
 *   0  well
 *   1  an error, told on stderr in one sentence that begins with "auspex: "
 *   2  bad usage
 *   3  found, but not well (status: gone or not running; doctor: warnings or failures)
 * Data go to stdout, everything else to stderr. */
#ifndef AX_CLI_CLI_H
#define AX_CLI_CLI_H

#include <stddef.h>
#include <stdio.h>

#define AX_EXIT_OK     0
#define AX_EXIT_ERROR  1
#define AX_EXIT_USAGE  2
#define AX_EXIT_UNWELL 3

int ax_cmd_run(int argc, char **argv);
int ax_cmd_serve(int argc, char **argv);
int ax_cmd_host(int argc, char **argv);
int ax_cmd_bench(int argc, char **argv);
int ax_cmd_admin(int argc, char **argv);
int ax_cmd_resources(int argc, char **argv);
int ax_cmd_status(int argc, char **argv);
int ax_cmd_query(int argc, char **argv);
int ax_cmd_predict(int argc, char **argv);
int ax_cmd_inspect(int argc, char **argv);
int ax_cmd_alarms(int argc, char **argv);
int ax_cmd_events(int argc, char **argv);
int ax_cmd_rules(int argc, char **argv);
int ax_cmd_maintenance(int argc, char **argv);
int ax_cmd_consent(int argc, char **argv);
int ax_cmd_warrant(int argc, char **argv);
int ax_cmd_notices(int argc, char **argv);
int ax_cmd_notify(int argc, char **argv);
int ax_cmd_top(int argc, char **argv);
int ax_cmd_doctor(int argc, char **argv);
int ax_cmd_import(int argc, char **argv);
int ax_cmd_export(int argc, char **argv);
int ax_cmd_version(int argc, char **argv);

/* The program's table of commands, which src/main.c owns: group by group, in the order in which
 * `auspex --help` shows them. */
struct ax_command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *group;   /* "See", "Run", ...; commands of one group follow each other */
    const char *summary; /* one line, no full stop */
};

const struct ax_command *ax_command_find(const char *name, const struct ax_command *v, size_t n);
/* Groups, a line for each command, three examples. */
void ax_help_print(FILE *out, const struct ax_command *v, size_t n);
/* `auspex qurey`: says so, offers what is near, returns AX_EXIT_USAGE. */
int ax_command_unknown(const char *name, const struct ax_command *v, size_t n);

/* The name nearest to a mistyped word, NULL when none is near enough to be meant. */
const char *ax_suggest(const char *word, const char *const *names, size_t n);

#endif
