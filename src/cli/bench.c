// SPDX-License-Identifier: Apache-2.0
/* auspex bench: what Auspex, or another server, can do on this machine. */
#include "cli/bench.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "auspex bench ingest [FLAGS]\n"
    "auspex bench query [FLAGS] [EXPR...]\n"
    "auspex bench recover [FLAGS]\n"
    "\n"
    "Measures this machine: taking in samples, answering queries, coming back after kill -9. "
    "Without\n"
    "--url a server of its own is started, with data of its own, and both are removed.\n"
    "\n"
    "  auspex bench ingest\n"
    "  auspex bench ingest --url http://127.0.0.1:9090 --pid $(pidof prometheus)\n"
    "  auspex bench query --url http://127.0.0.1:8070 'sum by (host) (vm_cpu_usage_percent)'\n"
    "  auspex bench recover --series 1000000 --rounds 3\n"
    "\n"
    "Each tells its flags: auspex bench ingest --help\n";

static const struct bench {
    const char *name;
    int (*run)(int argc, char **argv);
} benches[] = {
    {"ingest", ax_bench_ingest}, {"query", ax_bench_query}, {"recover", ax_bench_recover}};

int ax_bench_counts(const struct ax_cli *c, const struct ax_count_flag *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t x;
        if (!v[i].text)
            continue;
        if (!ax_str_u64(ax_str(v[i].text), &x) || x < v[i].min || x > v[i].max)
            return ax_cli_usage(c, "--%s: \"%s\" is not a whole number from %u to %u", v[i].name,
                                v[i].text, v[i].min, v[i].max);
        *v[i].out = (unsigned)x;
    }
    return AX_CLI_GO;
}

const char *ax_bench_dir(const char *dir)
{
    const char *tmp = getenv("TMPDIR");
    return dir ? dir : tmp && *tmp ? tmp : "/tmp";
}

/* Without the name of a bench: --help, or the error. */
static int none(int argc, char **argv)
{
    struct ax_cli c;
    int status = ax_cli_parse(&c, argc, argv, NULL, 0, HELP);
    if (status == AX_CLI_GO)
        status = ax_cli_expect(&c, 1, INT32_MAX, "what to measure (ingest, query, recover)");
    if (status == AX_CLI_GO)
        status = ax_cli_usage(&c, "there is no bench \"%s\" (expected ingest, query or recover)",
                              c.args[0]);
    return status;
}

int ax_cmd_bench(int argc, char **argv)
{
    char name[32];
    curl_global_init(CURL_GLOBAL_DEFAULT);
    for (size_t i = 0; argc > 1 && i < AX_ARRAY_LEN(benches); i++)
        if (strcmp(argv[1], benches[i].name) == 0) {
            snprintf(name, sizeof name, "bench %s", benches[i].name);
            argv[1] = name;
            return benches[i].run(argc - 1, argv + 1);
        }
    return none(argc, argv);
}
