// SPDX-License-Identifier: Apache-2.0
/* auspex bench ingest: what taking in samples costs on this machine. Starts a server of its own
 * with a data directory of its own, so that nothing of the user's is touched, and removes both. */
#include "cli/bench.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/num.h"
#include "cli/inner.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char HELP[] =
    "Usage: auspex bench ingest [FLAGS]\n\n"
    "Measures remote write into a server of its own, durable as always.\n\n"
    "  auspex bench ingest\n"
    "  auspex bench ingest --series 1000000 --rounds 6 --json\n\n"
    "Flags:\n"
    "  --series N        how many series (default 100000)\n"
    "  --rounds N        samples of each series, 15 s apart (default 40)\n"
    "  --batch N         samples in a request (default 2000)\n"
    "  --connections N   senders at once (default 4)\n"
    "  --dir DIR         where the data go while it runs (default $TMPDIR or /tmp)\n";

static int64_t by_value(const int64_t *v, size_t n, double q)
{
    return n ? v[(size_t)((double)(n - 1) * q)] : 0;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void report(const struct ax_bench *b, const struct ax_bench_result *r, bool json)
{
    double per_sample = (r->cpu_s / (double)r->samples) * 1e6;
    int64_t p50 = by_value(r->latency_ns, r->requests, 0.5);
    int64_t p99 = by_value(r->latency_ns, r->requests, 0.99);
    char rss[AX_TEXT];
    if (json) {
        printf("{\"series\":%u,\"samples\":%llu,\"seconds\":%.3f,\"samples_per_second\":%.0f,"
               "\"server_cpu_us_per_sample\":%.4f,\"request_p50_ms\":%.3f,\"request_p99_ms\":%.3f,"
               "\"server_resident_bytes\":%.0f,\"refused\":%llu}\n",
               b->series, (unsigned long long)r->samples, r->wall_s, (double)r->samples / r->wall_s,
               per_sample, (double)p50 / 1e6, (double)p99 / 1e6, r->resident,
               (unsigned long long)r->failed);
        return;
    }
    printf("%llu samples of %u series in %.2f s: %.0f samples/s, all durable when answered\n"
           "server: %.3f us of CPU per sample, %s resident\n"
           "requests of %u samples: p50 %.2f ms, p99 %.2f ms; %llu failed\n",
           (unsigned long long)r->samples, b->series, r->wall_s, (double)r->samples / r->wall_s,
           per_sample, ax_text_bytes(r->resident, rss), b->batch, (double)p50 / 1e6,
           (double)p99 / 1e6, (unsigned long long)r->failed);
}

static int read_count(const struct ax_cli *c, const char *flag, const char *text, uint64_t max,
                      unsigned *out)
{
    uint64_t v;
    if (!text)
        return AX_CLI_GO;
    if (!ax_str_u64(ax_str(text), &v) || v == 0 || v > max)
        return ax_cli_usage(c, "--%s: \"%s\" is not a whole number from 1 to %llu", flag, text,
                            (unsigned long long)max);
    *out = (unsigned)v;
    return AX_CLI_GO;
}

int ax_cmd_bench(int argc, char **argv)
{
    struct ax_cli c = {0};
    const char *series = NULL, *rounds = NULL, *batch = NULL, *connections = NULL, *dir = NULL;
    const struct ax_flag flags[] = {{"series", 0, &series, NULL},
                                    {"rounds", 0, &rounds, NULL},
                                    {"batch", 0, &batch, NULL},
                                    {"connections", 0, &connections, NULL},
                                    {"dir", 0, &dir, NULL}};
    int status = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (status == AX_CLI_GO)
        status = ax_cli_expect(&c, 1, 1, "what to measure (ingest)");
    if (status == AX_CLI_GO && strcmp(c.args[0], "ingest") != 0)
        status = ax_cli_usage(&c, "there is no bench \"%s\" (expected ingest)", c.args[0]);
    struct ax_bench b = {.series = 100000, .rounds = 40, .batch = 2000, .connections = 4};
    const struct {
        const char *flag, *text;
        uint64_t max;
        unsigned *out;
    } counts[] = {{"series", series, 10000000, &b.series},
                  {"rounds", rounds, 100000, &b.rounds},
                  {"batch", batch, 20000, &b.batch},
                  {"connections", connections, 64, &b.connections}};
    for (size_t i = 0; status == AX_CLI_GO && i < AX_ARRAY_LEN(counts); i++)
        status = read_count(&c, counts[i].flag, counts[i].text, counts[i].max, counts[i].out);
    if (status != AX_CLI_GO)
        return status;
    const char *tmp = getenv("TMPDIR");
    b.dir = dir ? dir : tmp ? tmp : "/tmp";
    struct ax_bench_result r = {0};
    struct ax_err err;
    if (ax_bench_ingest(&b, &r, &err) < 0)
        return ax_cli_error(&err);
    qsort(r.latency_ns, r.requests, sizeof *r.latency_ns, ascending);
    report(&b, &r, c.json);
    free(r.latency_ns);
    return r.failed ? AX_EXIT_ERROR : AX_EXIT_OK;
}
