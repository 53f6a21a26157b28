// SPDX-License-Identifier: Apache-2.0
/* auspex bench ingest: what taking in samples costs a server, and how fast it is. */
#include "cli/bench.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/num.h"
#include "cli/bench_model.h"
#include "cli/bench_send.h"
#include "cli/bench_server.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_PATH      "/api/v1/write"
#define INTERVAL_MAX_MS 86400000
#define BODY_SAMPLES    400000 /* of a request: some 16 MiB decoded, half of what receivers take */

static const char HELP[] =
    "auspex bench ingest [FLAGS]\n"
    "\n"
    "Sends remote write as fast as it is taken: the samples of a pretended site, the same in each\n"
    "run. Without --url into a server of its own, durable as always.\n"
    "\n"
    "  auspex bench ingest\n"
    "  auspex bench ingest --series 1000000 --rounds 6 --prebuild --json\n"
    "  auspex bench ingest --url http://127.0.0.1:9090 --pid $(pidof prometheus) --prebuild\n"
    "\n"
    "  --url URL         send there; " WRITE_PATH " is added when it has no path\n"
    "  --pid N           the server's process, whose cost is measured (default: its own server's)\n"
    "  --series N        how many series (default 100000)\n"
    "  --rounds N        samples of each series (default 40)\n"
    "  --warm-up N       rounds before the measured ones, told apart (default 0)\n"
    "  --interval TIME   between two samples of a series (default 15s)\n"
    "  --start TIME      time of the first round (default: so that the last is now)\n"
    "  --batch N         series in a request (default 2000)\n"
    "  --samples-per-request-series N  samples of each series in a request (default 1)\n"
    "  --connections N   senders at once (default 4)\n"
    "  --rate N          samples per second (default: as fast as they are taken)\n"
    "  --prebuild        make requests before the clock starts, up to 1 GiB of them at a time\n"
    "  --until-gone      the server is going to be killed: end with the first broken connection\n"
    "  --settle TIME     wait so long at the end, and measure again\n"
    "  --dir DIR         where the data go while it runs (default $TMPDIR or /tmp)\n";

struct options {
    struct ax_bench_load load;
    const char *url, *pid, *interval, *start, *rate, *settle, *dir;
    int64_t settle_ms;
};

struct cost { /* of the server, at the end and after it has settled */
    struct ax_proc end, settled;
    bool known;
};

/* ---- the report ---- */

static double us_per_sample(double cpu_s, uint64_t samples)
{
    return samples ? cpu_s * 1e6 / (double)samples : NAN;
}

static void member(struct ax_json *j, const char *key, double v)
{
    ax_json_key(j, key);
    ax_json_num(j, isfinite(v) ? round(v * 1e6) / 1e6 : NAN);
}

static void report_part(struct ax_json *j, const char *key, const struct ax_bench_part *p)
{
    ax_json_key(j, key);
    ax_json_obj(j);
    member(j, "acknowledged", (double)p->acknowledged);
    member(j, "seconds", p->wall_s);
    member(j, "samples_per_second", p->wall_s > 0 ? (double)p->acknowledged / p->wall_s : NAN);
    member(j, "server_cpu_seconds", p->cpu_s);
    member(j, "server_cpu_us_per_sample", us_per_sample(p->cpu_s, p->acknowledged));
    ax_json_end(j);
}

static double settled_cpu(const struct ax_bench_sent *r, const struct cost *c)
{
    return us_per_sample(r->measured.cpu_s + c->settled.cpu_s - c->end.cpu_s,
                         r->measured.acknowledged);
}

static void report_cost(struct ax_json *j, const struct ax_bench_sent *r, const struct cost *c)
{
    if (!c->known)
        return;
    member(j, "resident_bytes", c->end.resident);
    member(j, "settled_cpu_us_per_sample", settled_cpu(r, c));
    member(j, "settled_resident_bytes", c->settled.resident);
    member(j, "settled_anonymous_bytes", c->settled.anonymous);
    member(j, "peak_resident_bytes", c->settled.peak);
}

static void report_json(const struct options *o, const struct ax_bench_sent *r,
                        const struct cost *c)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    struct ax_json j = {.out = &text};
    uint64_t all = r->warm_up.acknowledged + r->measured.acknowledged;
    ax_json_obj(&j);
    member(&j, "series", o->load.series);
    report_part(&j, "warm_up", &r->warm_up);
    report_part(&j, "measured", &r->measured);
    member(&j, "refused", (double)r->refused);
    member(&j, "unanswered", (double)r->unanswered);
    member(&j, "retries", (double)r->retries);
    member(&j, "wire_bytes_per_sample", all ? (double)r->bytes / (double)all : NAN);
    member(&j, "request_p50_ms", (double)ax_bench_quantile(r->latency_ns, r->requests, 0.5) / 1e6);
    member(&j, "request_p99_ms", (double)ax_bench_quantile(r->latency_ns, r->requests, 0.99) / 1e6);
    report_cost(&j, r, c);
    member(&j, "sender_cpu_seconds", (double)ax_cpu_ns() / 1e9);
    member(&j, "load_average", ax_load_average());
    ax_json_key(&j, "reason");
    ax_json_cstr(&j, r->reason[0] ? r->reason : NULL);
    ax_json_key(&j, "start_ms");
    ax_json_int(&j, o->load.first_ms);
    ax_json_key(&j, "end_ms");
    ax_json_int(&j, r->end_ms);
    ax_json_end(&j);
    printf("%.*s\n", AX_STR_ARG(ax_buf_view(&text)));
}

static void report_people(const struct options *o, const struct ax_bench_sent *r,
                          const struct cost *c)
{
    char now[AX_TEXT], most[AX_TEXT];
    const struct ax_bench_part *m = &r->measured;
    printf("%llu samples of %u series acknowledged in %.2f s: %.0f samples/s\n",
           (unsigned long long)m->acknowledged, o->load.series, m->wall_s,
           (double)m->acknowledged / fmax(m->wall_s, 1e-9));
    if (c->known)
        printf("server: %.3f us of CPU per sample, %s resident, %s at most\n",
               us_per_sample(m->cpu_s, m->acknowledged), ax_text_bytes(c->settled.resident, now),
               ax_text_bytes(c->settled.peak, most));
    printf("requests of %u series, %u samples each: p50 %.2f ms, p99 %.2f ms; load average %.2f\n",
           o->load.batch, o->load.per_request,
           (double)ax_bench_quantile(r->latency_ns, r->requests, 0.5) / 1e6,
           (double)ax_bench_quantile(r->latency_ns, r->requests, 0.99) / 1e6, ax_load_average());
    if (r->refused || r->unanswered)
        printf("%llu samples refused, %llu without an answer; first: %s\n",
               (unsigned long long)r->refused, (unsigned long long)r->unanswered, r->reason);
}

/* ---- flags ---- */

static int read_more(const struct ax_cli *c, struct options *o)
{
    struct ax_err err;
    uint64_t n;
    struct ax_bench_load *l = &o->load;
    if (o->interval && ax_duration_parse(ax_str(o->interval), &l->interval_ms, &err) < 0)
        return ax_cli_usage(c, "--interval: %s", err.text);
    if (l->interval_ms < 1 || l->interval_ms > INTERVAL_MAX_MS)
        return ax_cli_usage(c, "--interval must be from 1ms to 1d");
    if (o->settle && ax_duration_parse(ax_str(o->settle), &o->settle_ms, &err) < 0)
        return ax_cli_usage(c, "--settle: %s", err.text);
    l->first_ms = ax_now_ms() - (int64_t)(l->warm_up + l->rounds) * l->interval_ms;
    if (o->start && ax_time_parse(ax_str(o->start), &l->first_ms, &err) < 0)
        return ax_cli_usage(c, "--start: %s", err.text);
    if (o->rate && (!ax_str_double(ax_str(o->rate), &l->per_second) || !(l->per_second > 0)))
        return ax_cli_usage(c, "--rate: \"%s\" is not a number above 0", o->rate);
    if (o->pid && (!ax_str_u64(ax_str(o->pid), &n) || n == 0 || n > INT32_MAX))
        return ax_cli_usage(c, "--pid: \"%s\" is not a process's number", o->pid);
    if (o->pid)
        l->pid = (pid_t)n;
    if (o->url && !ax_str_starts(ax_str(o->url), AX_STR("http")))
        return ax_cli_usage(c, "--url: \"%s\" does not begin with http", o->url);
    if (o->pid && !o->url)
        return ax_cli_usage(c, "--pid needs --url");
    if ((uint64_t)l->batch * l->per_request > BODY_SAMPLES)
        return ax_cli_usage(c, "a request would hold %llu samples; %u is the most",
                            (unsigned long long)l->batch * l->per_request, BODY_SAMPLES);
    return AX_CLI_GO;
}

static int read_flags(struct ax_cli *c, int argc, char **argv, struct options *o)
{
    struct ax_bench_load *l = &o->load;
    const char *series = NULL, *rounds = NULL, *warm = NULL, *batch = NULL, *each = NULL;
    const char *connections = NULL;
    const struct ax_flag flags[] = {{"url", 0, &o->url, NULL},
                                    {"pid", 0, &o->pid, NULL},
                                    {"series", 0, &series, NULL},
                                    {"rounds", 0, &rounds, NULL},
                                    {"warm-up", 0, &warm, NULL},
                                    {"interval", 0, &o->interval, NULL},
                                    {"start", 0, &o->start, NULL},
                                    {"batch", 0, &batch, NULL},
                                    {"samples-per-request-series", 0, &each, NULL},
                                    {"connections", 0, &connections, NULL},
                                    {"rate", 0, &o->rate, NULL},
                                    {"prebuild", 0, NULL, &l->prebuild},
                                    {"until-gone", 0, NULL, &l->until_gone},
                                    {"settle", 0, &o->settle, NULL},
                                    {"dir", 0, &o->dir, NULL}};
    int status = ax_cli_parse(c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    const struct ax_count_flag counts[] = {
        {"series", series, 1, 10000000, &l->series},
        {"rounds", rounds, 1, 1000000, &l->rounds},
        {"warm-up", warm, 0, 1000000, &l->warm_up},
        {"batch", batch, AX_BENCH_SERIES_PER_NODE, 100000, &l->batch},
        {"samples-per-request-series", each, 1, 1000, &l->per_request},
        {"connections", connections, 1, 64, &l->connections}};
    if (status == AX_CLI_GO)
        status = ax_cli_expect(c, 0, 0, "");
    if (status == AX_CLI_GO)
        status = ax_bench_counts(c, counts, AX_ARRAY_LEN(counts));
    if (status != AX_CLI_GO)
        return status;
    unsigned nodes = (l->series + AX_BENCH_SERIES_PER_NODE - 1) / AX_BENCH_SERIES_PER_NODE;
    l->series = nodes * AX_BENCH_SERIES_PER_NODE;
    if (l->connections > nodes)
        l->connections = nodes;
    return read_more(c, o);
}

/* ---- the bench ---- */

static char *write_url(const char *base, char out[1024])
{
    const char *host = strstr(base, "://");
    bool has_path = host && strchr(host + 3, '/');
    snprintf(out, 1024, "%s%s", base, has_path ? "" : WRITE_PATH);
    return out;
}

static int measure(struct options *o, struct ax_bench_sent *sent, struct cost *cost,
                   struct ax_err *err)
{
    int rc = ax_bench_send(&o->load, sent, err);
    if (rc < 0)
        return rc;
    cost->known = o->load.pid && ax_proc_read(o->load.pid, &cost->end, NULL) == 0;
    if (o->settle_ms)
        ax_sleep_ms(o->settle_ms);
    cost->known = cost->known && ax_proc_read(o->load.pid, &cost->settled, NULL) == 0;
    return 0;
}

static int with_own_server(struct options *o, struct ax_bench_sent *sent, struct cost *cost,
                           struct ax_err *err)
{
    struct ax_bench_server s;
    char url[1024];
    const char *dir = ax_bench_dir(o->dir);
    fprintf(stderr, "starting a server in %s ...\n", dir);
    int rc = ax_bench_server_open(&s, dir, err);
    if (rc == 0) {
        fprintf(stderr, "sending %u rounds of %u series ...\n", o->load.warm_up + o->load.rounds,
                o->load.series);
        o->load.url = write_url(s.url, url);
        o->load.pid = s.pid;
        rc = measure(o, sent, cost, err);
    }
    ax_bench_server_close(&s);
    return rc;
}

int ax_bench_ingest(int argc, char **argv)
{
    struct ax_cli c;
    struct ax_err err;
    struct ax_bench_sent sent = {0};
    struct cost cost = {0};
    char url[1024];
    struct options o = {.load = {.series = 100000,
                                 .rounds = 40,
                                 .batch = 2000,
                                 .per_request = 1,
                                 .connections = 4,
                                 .interval_ms = AX_BENCH_ROUND_MS}};
    int status = read_flags(&c, argc, argv, &o);
    if (status != AX_CLI_GO)
        return status;
    o.load.cli = &c;
    if (o.url)
        o.load.url = write_url(o.url, url);
    int rc = o.url ? measure(&o, &sent, &cost, &err) : with_own_server(&o, &sent, &cost, &err);
    if (rc < 0)
        return ax_cli_error(&err);
    if (c.json)
        report_json(&o, &sent, &cost);
    else
        report_people(&o, &sent, &cost);
    free(sent.latency_ns);
    bool whole = sent.refused == 0 && (sent.unanswered == 0 || o.load.until_gone);
    return whole ? AX_EXIT_OK : AX_EXIT_ERROR;
}
