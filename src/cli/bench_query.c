// SPDX-License-Identifier: Apache-2.0
/* auspex bench query: how long a server takes to answer, and what it costs it. Any server that
 * answers like Prometheus; one connection, kept, one question at a time. */
#include "cli/bench.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/num.h"
#include "cli/bench_proc.h"
#include "cli/bench_send.h"

#include <curl/curl.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_MAX  100000
#define TIMEOUT_S 300L

static const char HELP[] =
    "auspex bench query [FLAGS] [EXPR...]\n"
    "\n"
    "Asks a server (--server) the same again and again and tells how long it took. Without EXPR "
    "some\n"
    "questions over what auspex bench ingest sends.\n"
    "\n"
    "  auspex bench query --pid $(pidof auspex)\n"
    "  auspex bench query --server http://127.0.0.1:9090 'sum by (job) (up)' --runs 100\n"
    "  auspex bench query 'avg_over_time(vm_cpu_usage_percent[1m])' --start 1795219200 \\\n"
    "      --end 1795305600 --step 60s\n"
    "\n"
    "  --pid N           the server's process, whose CPU time is measured\n"
    "  --runs N          how often each is asked (default 20)\n"
    "  --time T          when (default: now)\n"
    "  --start T         a range query from here\n"
    "  --end T           to here\n"
    "  --step DURATION   between its points (default 60s)\n"
    "  --parameter P     added to each question, e.g. nocache=1\n"
    "\n"
    "T: seconds since 1970, or RFC 3339.\n";

static const char *const usual[] = {
    "sum by (host) ({job=\"virt\"})",
    "sum by (host) (vm_cpu_usage_percent)",
    "topk(10, vm_cpu_usage_percent)",
    "topk(10, rate(vm_block_write_bytes_total[5m]))",
    "avg by (cluster) (avg_over_time(vm_memory_used_bytes[10m]))",
};

struct question {
    const struct ax_cli *cli; /* whose things, and who asks */
    const char *server, *time, *start, *end, *step, *parameter;
    pid_t pid;
    unsigned runs;
};

struct timing {
    const char *expr;
    int64_t *took_ns; /* ascending */
    unsigned runs;
    size_t bytes; /* of the answer */
    double cpu_ms;
};

static size_t count(char *p, size_t size, size_t n, void *self)
{
    struct ax_buf *said = self;
    ax_buf_add(said, p, size * n);
    return said->overflow ? 0 : size * n;
}

static void write_url(const struct question *q, const char *expr, struct ax_buf *url)
{
    ax_buf_printf(url, "%s/api/v1/%s", q->server, q->start ? "query_range" : "query");
    ax_path_add(url, "query", expr);
    ax_path_add(url, "time", q->start ? NULL : q->time);
    ax_path_add(url, "start", q->start);
    ax_path_add(url, "end", q->end);
    ax_path_add(url, "step", q->start ? q->step : NULL);
    if (q->parameter)
        ax_buf_printf(url, "&%s", q->parameter);
    ax_buf_byte(url, 0);
}

static int failed(const char *expr, CURLcode rc, long status, const struct ax_buf *said,
                  struct ax_err *err)
{
    struct ax_str text = ax_str_trim(ax_buf_view(said));
    if (rc != CURLE_OK)
        return ax_fail(err, -ECONNREFUSED, "%s: %s", expr, curl_easy_strerror(rc));
    return ax_fail(err, -EINVAL, "%s: HTTP status %ld: %.*s", expr, status,
                   (int)(text.n < 300 ? text.n : 300), text.n ? text.p : "");
}

static int ask_often(CURL *c, const struct question *q, struct timing *t, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf url = AX_BUF_INIT, said = AX_BUF_INIT;
    double cpu0 = ax_proc_cpu(q->pid);
    write_url(q, t->expr, &url);
    curl_easy_setopt(c, CURLOPT_URL, url.p);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &said);
    for (t->runs = 0; t->runs < q->runs; t->runs++) {
        long status = 0;
        ax_buf_clear(&said);
        int64_t t0 = ax_mono_ns();
        CURLcode rc = curl_easy_perform(c);
        t->took_ns[t->runs] = ax_mono_ns() - t0;
        curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
        if (rc != CURLE_OK || status != 200)
            return failed(t->expr, rc, status, &said, err);
    }
    t->cpu_ms = (ax_proc_cpu(q->pid) - cpu0) * 1000 / q->runs;
    t->bytes = said.n;
    ax_bench_sort(t->took_ns, t->runs);
    return 0;
}

static int ask_all(const struct question *q, struct timing *v, size_t n, struct ax_err *err)
{
    int rc = 0;
    CURL *c = curl_easy_init();
    struct curl_slist *headers = ax_client_headers(q->cli, NULL);
    AX_ASSERT(c);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    ax_client_trust(c, q->cli);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, TIMEOUT_S);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, count);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = ask_often(c, q, &v[i], err);
    curl_easy_cleanup(c);
    curl_slist_free_all(headers);
    return rc;
}

static double ms(const struct timing *t, double q)
{
    return (double)(ax_bench_quantile(t->took_ns, t->runs, q) / 1000) / 1000;
}

static void report_json(const struct timing *v, size_t n)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    struct ax_json j = {.out = &text};
    ax_json_obj(&j);
    ax_json_key(&j, "load_average");
    ax_json_num(&j, ax_load_average());
    ax_json_key(&j, "queries");
    ax_json_arr(&j);
    for (size_t i = 0; i < n; i++) {
        const struct {
            const char *key;
            double v;
        } members[] = {{"min_ms", ms(&v[i], 0)},
                       {"p50_ms", ms(&v[i], 0.5)},
                       {"max_ms", ms(&v[i], 1)},
                       {"server_cpu_ms", v[i].cpu_ms},
                       {"bytes", (double)v[i].bytes}};
        ax_json_obj(&j);
        ax_json_key(&j, "query");
        ax_json_cstr(&j, v[i].expr);
        for (size_t k = 0; k < AX_ARRAY_LEN(members); k++) {
            ax_json_key(&j, members[k].key);
            ax_json_num(&j, members[k].v);
        }
        ax_json_end(&j);
    }
    ax_json_end(&j);
    ax_json_end(&j);
    printf("%.*s\n", AX_STR_ARG(ax_buf_view(&text)));
}

static void report_people(const struct timing *v, size_t n)
{
    static const struct ax_column columns[] = {{"QUERY", AX_LEFT},   {"LEAST", AX_RIGHT},
                                               {"MIDDLE", AX_RIGHT}, {"MOST", AX_RIGHT},
                                               {"CPU", AX_RIGHT},    {"ANSWER", AX_RIGHT}};
    struct ax_table *t = ax_table_new(stdout, columns, AX_ARRAY_LEN(columns));
    char text[AX_TEXT];
    for (size_t i = 0; i < n; i++) {
        const double times[] = {ms(&v[i], 0), ms(&v[i], 0.5), ms(&v[i], 1), v[i].cpu_ms};
        ax_table_cell(t, v[i].expr);
        for (size_t k = 0; k < AX_ARRAY_LEN(times); k++) {
            snprintf(text, sizeof text, "%.2f ms", times[k]);
            ax_table_cell(t, isfinite(times[k]) ? text : NULL);
        }
        ax_table_cell(t, ax_text_bytes((double)v[i].bytes, text));
    }
    ax_table_free(t);
    printf("load average %.2f\n", ax_load_average());
}

static int read_flags(struct ax_cli *c, int argc, char **argv, struct question *q)
{
    const char *runs = NULL, *pid = NULL;
    unsigned number = 0;
    const struct ax_flag flags[] = {{"pid", 0, &pid, NULL},
                                    {"runs", 0, &runs, NULL},
                                    {"time", 0, &q->time, NULL},
                                    {"start", 0, &q->start, NULL},
                                    {"end", 0, &q->end, NULL},
                                    {"step", 0, &q->step, NULL},
                                    {"parameter", 0, &q->parameter, NULL}};
    int status = ax_cli_parse(c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    const struct ax_count_flag counts[] = {{"runs", runs, 1, RUNS_MAX, &q->runs},
                                           {"pid", pid, 1, INT32_MAX, &number}};
    if (status == AX_CLI_GO)
        status = ax_bench_counts(c, counts, AX_ARRAY_LEN(counts));
    if (status != AX_CLI_GO)
        return status;
    if (!q->start != !q->end)
        return ax_cli_usage(c, "--start and --end need each other");
    q->pid = (pid_t)number;
    q->server = c->server;
    return AX_CLI_GO;
}

int ax_bench_query(int argc, char **argv)
{
    struct ax_cli c;
    struct ax_err err;
    struct question q = {.cli = &c, .runs = 20, .step = "60s"};
    int status = read_flags(&c, argc, argv, &q);
    if (status != AX_CLI_GO)
        return status;
    struct ax_arena a = AX_ARENA_INIT;
    size_t n = c.nargs ? (size_t)c.nargs : AX_ARRAY_LEN(usual);
    struct timing *v = AX_NEWS(&a, struct timing, n);
    for (size_t i = 0; i < n; i++) {
        v[i].expr = c.nargs ? c.args[i] : usual[i];
        v[i].took_ns = AX_NEWS(&a, int64_t, q.runs);
    }
    int rc = ask_all(&q, v, n, &err);
    if (rc == 0 && c.json)
        report_json(v, n);
    else if (rc == 0)
        report_people(v, n);
    ax_arena_free(&a);
    return rc < 0 ? ax_cli_error(&err) : AX_EXIT_OK;
}
