// SPDX-License-Identifier: Apache-2.0
/* auspex bench recover: fills a server of its own, kills it with SIGKILL in the midst of more, and
 * measures how long it takes to come back and whether all that it acknowledged is there. */
#include "cli/bench.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/bench_model.h"
#include "cli/bench_send.h"
#include "cli/bench_server.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "auspex bench recover [FLAGS]\n"
    "\n"
    "Fills a server of its own, kills it with kill -9 while more is being sent, starts it again: "
    "how\n"
    "long until it is ready, and is anything lost that it had acknowledged? Exit status 1 if so.\n"
    "\n"
    "  auspex bench recover\n"
    "  auspex bench recover --series 1000000 --rounds 3\n"
    "\n"
    "  --series N        how many series (default 100000)\n"
    "  --rounds N        samples of each, 15 s apart, before the kill (default 40)\n"
    "  --seconds N       how long more is sent until the kill (default 5)\n"
    "  --connections N   senders at once (default 4)\n"
    "  --dir DIR         where the data go while it runs (default $TMPDIR or /tmp)\n";

#define MORE_ROUNDS 100000 /* than can be sent before the kill */
#define MORE_MS     10     /* between them, so that the last is not in the future */

struct options {
    unsigned series, rounds, seconds, connections;
    const char *dir;
};

struct result {
    uint64_t acknowledged, stored, unanswered;
    int64_t ready_ns;
    double resident;
};

struct killer {
    struct ax_bench_server *server;
    unsigned seconds;
};

static void *kill_later(void *arg)
{
    const struct killer *k = arg;
    ax_sleep_ms((int64_t)k->seconds * 1000);
    ax_bench_server_kill(k->server);
    return NULL;
}

/* `rounds` of each series as they would come in practice, then more of each until the kill. */
static int fill_and_kill(const struct options *o, struct ax_bench_server *s, struct result *r,
                         int64_t *end_ms, struct ax_err *err)
{
    char url[128];
    snprintf(url, sizeof url, "%s/api/v1/write", s->url);
    struct ax_bench_load load = {.url = url,
                                 .series = o->series,
                                 .rounds = o->rounds,
                                 .batch = 2000,
                                 .per_request = 1,
                                 .connections = o->connections,
                                 .interval_ms = AX_BENCH_ROUND_MS,
                                 .until_gone = true};
    struct ax_bench_sent first = {0}, more = {0};
    struct killer killer = {s, o->seconds};
    pthread_t thread;
    load.first_ms = *end_ms - (int64_t)o->rounds * load.interval_ms;
    int rc = ax_bench_send(&load, &first, err);
    if (rc < 0)
        return rc;
    load.first_ms = first.end_ms;
    load.rounds = MORE_ROUNDS;
    load.interval_ms = MORE_MS;
    int failed = pthread_create(&thread, NULL, kill_later, &killer);
    AX_ASSERT(failed == 0);
    rc = ax_bench_send(&load, &more, err);
    pthread_join(thread, NULL);
    r->acknowledged = first.measured.acknowledged + more.measured.acknowledged;
    r->unanswered = first.unanswered + more.unanswered;
    free(first.latency_ns);
    free(more.latency_ns);
    return rc;
}

/* All samples of one metric, in ms of the site's time from `from` to `to`. */
static int stored_of(struct ax_client *client, const char *name, int64_t from, int64_t to,
                     uint64_t *sum, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf path = AX_BUF_INIT;
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    char expr[256], when[32];
    double v = 0;
    snprintf(expr, sizeof expr, "sum(count_over_time(%s[%llds]))", name,
             (long long)((to - from) / 1000 + 1));
    snprintf(when, sizeof when, "%lld", (long long)(to / 1000));
    ax_buf_cstr(&path, "/api/v1/query");
    ax_path_add(&path, "query", expr);
    ax_path_add(&path, "time", when);
    int rc = ax_client_get(client, ax_path_end(&path), &a, err);
    if (rc < 0)
        return rc;
    const json_t *result = ax_j_array(json_object_get(a.json, "data"), "result");
    const json_t *value = json_object_get(json_array_get(result, 0), "value");
    const char *text = json_string_value(json_array_get(value, 1));
    if (text && ax_str_double(ax_str(text), &v))
        *sum += (uint64_t)v;
    return 0;
}

static int count_stored(const struct ax_bench_server *s, int64_t from, int64_t to, uint64_t *sum,
                        struct ax_err *err)
{
    struct ax_cli cli = {.command = "bench recover", .server = s->url};
    struct ax_client *client = ax_client_new(&cli);
    const char *name;
    int rc = 0;
    for (size_t i = 0; rc == 0 && (name = ax_bench_model_name(i)); i++)
        rc = stored_of(client, name, from, to, sum, err);
    ax_client_free(client);
    return rc;
}

static int measure(const struct options *o, struct ax_bench_server *s, struct result *r,
                   struct ax_err *err)
{
    struct ax_proc p = {.resident = NAN};
    int64_t end_ms = ax_now_ms() - (int64_t)MORE_ROUNDS * MORE_MS;
    int64_t from = end_ms - (int64_t)(o->rounds + 1) * AX_BENCH_ROUND_MS;
    int rc = fill_and_kill(o, s, r, &end_ms, err);
    if (rc == 0)
        rc = ax_bench_server_start(s, err);
    if (rc < 0)
        return rc;
    r->ready_ns = s->ready_ns;
    if (ax_proc_read(s->pid, &p, NULL) == 0)
        r->resident = p.resident;
    return count_stored(s, from, ax_now_ms() + 60000, &r->stored, err);
}

static uint64_t lost(const struct result *r)
{
    return r->acknowledged > r->stored ? r->acknowledged - r->stored : 0;
}

/* More than was sent, answered or not. */
static uint64_t invented(const struct result *r)
{
    uint64_t most = r->acknowledged + r->unanswered;
    return r->stored > most ? r->stored - most : 0;
}

static void report_json(const struct options *o, const struct result *r)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    struct ax_json j = {.out = &text};
    const struct {
        const char *key;
        double v;
    } members[] = {{"series", o->series},
                   {"acknowledged", (double)r->acknowledged},
                   {"unanswered", (double)r->unanswered},
                   {"stored", (double)r->stored},
                   {"lost", (double)lost(r)},
                   {"invented", (double)invented(r)},
                   {"ready_seconds", (double)(r->ready_ns / 1000000) / 1000},
                   {"resident_bytes", r->resident},
                   {"load_average", ax_load_average()}};
    ax_json_obj(&j);
    for (size_t i = 0; i < AX_ARRAY_LEN(members); i++) {
        ax_json_key(&j, members[i].key);
        ax_json_num(&j, members[i].v);
    }
    ax_json_end(&j);
    printf("%.*s\n", AX_STR_ARG(ax_buf_view(&text)));
}

static void report_people(const struct options *o, const struct result *r)
{
    char resident[AX_TEXT];
    printf("ready %.3f s after its start, %s resident; %u series, load average %.2f\n"
           "%llu samples were acknowledged before the kill, %llu not answered, %llu are there:\n"
           "%llu lost, %llu invented\n",
           (double)r->ready_ns / 1e9, ax_text_bytes(r->resident, resident), o->series,
           ax_load_average(), (unsigned long long)r->acknowledged,
           (unsigned long long)r->unanswered, (unsigned long long)r->stored,
           (unsigned long long)lost(r), (unsigned long long)invented(r));
}

int ax_bench_recover(int argc, char **argv)
{
    struct ax_cli c;
    struct ax_err err;
    struct options o = {.series = 100000, .rounds = 40, .seconds = 5, .connections = 4};
    const char *series = NULL, *rounds = NULL, *seconds = NULL, *connections = NULL, *dir = NULL;
    const struct ax_flag flags[] = {{"series", 0, &series, NULL},
                                    {"rounds", 0, &rounds, NULL},
                                    {"seconds", 0, &seconds, NULL},
                                    {"connections", 0, &connections, NULL},
                                    {"dir", 0, &dir, NULL}};
    int status = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    const struct ax_count_flag counts[] = {{"series", series, 25, 10000000, &o.series},
                                           {"rounds", rounds, 1, 100000, &o.rounds},
                                           {"seconds", seconds, 1, 3600, &o.seconds},
                                           {"connections", connections, 1, 64, &o.connections}};
    if (status == AX_CLI_GO)
        status = ax_cli_expect(&c, 0, 0, "");
    if (status == AX_CLI_GO)
        status = ax_bench_counts(&c, counts, AX_ARRAY_LEN(counts));
    if (status != AX_CLI_GO)
        return status;
    struct ax_bench_server s;
    struct result r = {0};
    int rc = ax_bench_server_open(&s, ax_bench_dir(dir), &err);
    if (rc == 0)
        rc = measure(&o, &s, &r, &err);
    ax_bench_server_close(&s);
    if (rc < 0)
        return ax_cli_error(&err);
    if (c.json)
        report_json(&o, &r);
    else
        report_people(&o, &r);
    return lost(&r) || invented(&r) ? AX_EXIT_ERROR : AX_EXIT_OK;
}
