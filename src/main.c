// SPDX-License-Identifier: Apache-2.0
/* Picks the command, nothing else. */
#include "base/str.h"
#include "cli/cli.h"

#include <string.h>

static const struct ax_command commands[] = {
    {"run", ax_cmd_run, "Run", "watch this machine: server and collector together"},
    {"serve", ax_cmd_serve, "Run", "the server alone"},
    {"host", ax_cmd_host, "Run", "the collector alone"},
    {"top", ax_cmd_top, "See", "live view of hosts and VMs"},
    {"resources", ax_cmd_resources, "See", "list hosts, VMs, volumes, networks"},
    {"status", ax_cmd_status, "See", "one resource, by handle or name"},
    {"predict", ax_cmd_predict, "See", "what will run out, when, and how sure that is"},
    {"inspect", ax_cmd_inspect, "See", "what a guest's kernel knows, from its memory"},
    {"alarms", ax_cmd_alarms, "See", "what is pending or firing"},
    {"events", ax_cmd_events, "See", "what happened"},
    {"query", ax_cmd_query, "See", "ask in PromQL"},
    {"maintenance", ax_cmd_maintenance, "Quiet", "what is down on purpose, and raises nothing"},
    {"notify", ax_cmd_notify, "Quiet", "who is told of alarms, and whether that works"},
    {"consent", ax_cmd_consent, "Look into", "how far others may look into the memory of your VMs"},
    {"warrant", ax_cmd_warrant, "Look into", "what the provider may look into without consent"},
    {"notices", ax_cmd_notices, "Look into", "who looked into your VMs"},
    {"import", ax_cmd_import, "Move", "bring in samples from files"},
    {"export", ax_cmd_export, "Move", "write out every sample of series"},
    {"doctor", ax_cmd_doctor, "Mend", "what is missing for full sight, with remedies"},
    {"rules", ax_cmd_rules, "Mend", "check files of alarm rules"},
    {"admin", ax_cmd_admin, "Mend", "compact, verify, back up and restore the data"},
    {"bench", ax_cmd_bench, "Mend", "measure ingestion on this machine"},
    {"version", ax_cmd_version, "Mend", "version of program and formats"},
};

int main(int argc, char **argv)
{
    size_t n = AX_ARRAY_LEN(commands);
    if (argc < 2) {
        ax_help_print(stderr, commands, n);
        return AX_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        ax_help_print(stdout, commands, n);
        return AX_EXIT_OK;
    }
    const char *name = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
    const struct ax_command *c = ax_command_find(name, commands, n);
    return c ? c->run(argc - 1, argv + 1) : ax_command_unknown(name, commands, n);
}
