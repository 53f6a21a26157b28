// SPDX-License-Identifier: Apache-2.0
/* auspex top: the command. */
#include "cli/top.h"

#include "base/num.h"

#include <string.h>
#include <unistd.h>

static const char HELP[] =
    "auspex top [--interval SECONDS] [--sort KEY] [--once]\n"
    "\n"
    "Hosts and virtual machines, live: CPU, memory as the guest uses it, as it was given, and as "
    "it\n"
    "lies on the host; disk and network traffic; and what is foretold to run out.\n"
    "\n"
    "  auspex top\n"
    "  auspex top --once               one frame as plain text\n"
    "  auspex top --json               the same as JSON\n"
    "\n"
    "  -i, --interval SECONDS  between looks (default 2)\n"
    "  -s, --sort KEY          risk (default), name, state, cpu, memory, disk or net\n"
    "  -1, --once              print one frame and end\n"
    "\n"
    "Keys: arrows, Page Up/Down, Home, End: choose; Enter: details; r n s c m d w: sort by risk,\n"
    "name, state, CPU, memory, disk, network; Space: look now; q: quit.\n";

static const struct sort_key {
    const char *name;
    int key;
    enum ax_top_sort sort;
} sort_keys[] = {{"risk", 'r', AX_TOP_RISK},     {"name", 'n', AX_TOP_NAME},
                 {"state", 's', AX_TOP_STATE},   {"cpu", 'c', AX_TOP_CPU},
                 {"memory", 'm', AX_TOP_MEMORY}, {"disk", 'd', AX_TOP_DISK},
                 {"net", 'w', AX_TOP_NET}};

bool ax_top_sort_by_key(int key, enum ax_top_sort *out)
{
    for (size_t i = 0; i < AX_ARRAY_LEN(sort_keys); i++)
        if (key == sort_keys[i].key) {
            *out = sort_keys[i].sort;
            return true;
        }
    return false;
}

int ax_cmd_top(int argc, char **argv)
{
    const char *interval = "2", *sort = "risk";
    bool just_once = false;
    const struct ax_flag flags[] = {{"interval", 'i', &interval, NULL},
                                    {"sort", 's', &sort, NULL},
                                    {"once", '1', NULL, &just_once}};
    struct ax_cli c;
    double seconds;
    int rc = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (rc != AX_CLI_GO || (rc = ax_cli_expect(&c, 0, 0, "")) != AX_CLI_GO)
        return rc;
    size_t by = 0;
    while (by < AX_ARRAY_LEN(sort_keys) && strcmp(sort_keys[by].name, sort) != 0)
        by++;
    if (by == AX_ARRAY_LEN(sort_keys))
        return ax_cli_usage(&c, "nothing is sorted by \"%s\"", sort);
    if (!ax_str_double(ax_str(interval), &seconds) || !(seconds >= 0.2 && seconds <= 3600))
        return ax_cli_usage(&c, "--interval is %s, not 0.2 to 3600 seconds", interval);
    if (just_once || c.json)
        return ax_top_once(&c, sort_keys[by].sort);
    if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
        return ax_cli_usage(&c, "the live view needs a terminal; use --once for plain text");
    return ax_top_live(&c, sort_keys[by].sort, (int64_t)(seconds * 1000));
}
