// SPDX-License-Identifier: Apache-2.0
/* crash-kills: kill -9 of `auspex serve` under load; counts what was answered against what is
 * there.
 *
 * The server's clock runs fast (fast_clock.h), so that it flushes and merges several times a
 * second. A third of the kills come while it starts, the others up to a good second after its first
 * answer. Between some of the rounds the directory is opened here and all that was ever sent is
 * compared; the other rounds start on what the kill left. */
#include "base/clock.h"
#include "fast_clock.h"
#include "ledger.h"
#include "options.h"
#include "senders.h"

#include <curl/curl.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SENDERS      4
#define START_MAX_MS 30000
#define YEAR_MS      (365 * 86400000ll)

struct run {
    const struct crash_options *o;
    char dir[64], data[80], tsdb[96], log[80], listen[32], url[48];
    int64_t clock_began; /* ns */
    uint64_t chance;
    pid_t pid;
    struct ledger ledger;
    struct senders *senders;
    int64_t start_ms; /* how long starts took lately */
    unsigned in_starts, amid_blocks, checks;
    uint64_t blocks;
};

static int64_t clock_of_run;
static int64_t read_fast(void)
{
    return fast_clock(clock_of_run, ax_now_ms() * 1000000) / 1000000;
}

static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    AX_ASSERT(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0);
    AX_ASSERT(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
    close(fd);
    return ntohs(a.sin_port);
}

static void prepare(struct run *r)
{
    snprintf(r->dir, sizeof r->dir, "/tmp/auspex-kills-XXXXXX");
    AX_ASSERT(mkdtemp(r->dir) != NULL && chmod(r->dir, 0755) == 0); /* the server's user goes in */
    snprintf(r->data, sizeof r->data, "%s/data", r->dir);
    snprintf(r->tsdb, sizeof r->tsdb, "%s/tsdb", r->data);
    snprintf(r->log, sizeof r->log, "%s/log", r->dir);
    snprintf(r->listen, sizeof r->listen, "127.0.0.1:%d", free_port());
    snprintf(r->url, sizeof r->url, "http://%s", r->listen);
    r->clock_began = clock_of_run = ax_now_ms() * 1000000;
    r->start_ms = 300;
}

static void become_server(const struct run *r)
{
    char began[32];
    snprintf(began, sizeof began, "%lld", (long long)r->clock_began);
    setenv(FAST_CLOCK_ENV, began, 1);
    setenv("LD_PRELOAD", r->o->clock, 1);
    int log = open(r->log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(log, 1);
    dup2(log, 2);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl(r->o->server, r->o->server, "serve", "--listen", r->listen, "--data", r->data,
          "--retention", "1y", (char *)NULL);
    _exit(127);
}

static void start(struct run *r)
{
    r->pid = fork();
    AX_ASSERT(r->pid >= 0);
    if (r->pid == 0)
        become_server(r);
}

/* False when it ended by itself, which it should not. */
static bool kill_server(struct run *r)
{
    int status;
    kill(r->pid, SIGKILL);
    AX_ASSERT(waitpid(r->pid, &status, 0) == r->pid);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return true;
    fprintf(stderr, "the server ended by itself: status %#x, see %s\n", status, r->log);
    return false;
}

/* False when nothing is answered, and it should be. */
static bool wait_for_answer(struct run *r, uint64_t before)
{
    int64_t began = ax_mono_ns();
    while (senders_stats(r->senders).answered == before) {
        if (ax_mono_ns() - began > START_MAX_MS * 1000000ll) {
            fprintf(stderr, "no answer %d ms after the start, see %s\n", START_MAX_MS, r->log);
            return false;
        }
        ax_sleep_ms(1);
    }
    r->start_ms = (ax_mono_ns() - began) / 1000000 + 1;
    return true;
}

/* Files in blocks/ that MANIFEST does not name: a flush or merge was going on. */
static bool amid_blocks(const struct run *r)
{
    char path[160], line[128];
    unsigned files = 0, named = 0;
    snprintf(path, sizeof path, "%s/blocks", r->tsdb);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        files += e->d_name[0] != '.';
    if (d)
        closedir(d);
    snprintf(path, sizeof path, "%s/MANIFEST", r->tsdb);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        named += strncmp(line, "block ", 6) == 0;
    if (f)
        fclose(f);
    return files != named;
}

static bool one_kill(struct run *r)
{
    uint64_t before = senders_stats(r->senders).answered;
    bool good = true;
    start(r);
    if (ledger_chance(&r->chance, 3) == 0) {
        ax_sleep_ms((int64_t)ledger_chance(&r->chance, (uint64_t)r->start_ms + 20));
    } else {
        good = wait_for_answer(r, before);
        uint64_t most = ledger_chance(&r->chance, 2) ? 100 : 1200;
        ax_sleep_ms((int64_t)ledger_chance(&r->chance, most));
    }
    good = kill_server(r) && good;
    r->in_starts += senders_stats(r->senders).answered == before;
    r->amid_blocks += amid_blocks(r);
    return good;
}

static void warn(const char *text)
{
    fprintf(stderr, "at the check: %s\n", text);
}

/* Opens what the kill left, as the next start would. */
static bool check(struct run *r, struct ledger_verdict *v)
{
    struct ax_intake_options in = {.max_age_ms = YEAR_MS};
    struct ax_store_options st = {
        .dir = r->tsdb, .retention_ms = YEAR_MS, .now_ms = read_fast, .warn = NULL};
    struct ax_intake *intake = ax_intake_new(&in);
    struct ax_store *store;
    struct ax_store_stats stats = {0};
    struct ax_err err = {0};
    senders_pause(r->senders);
    int rc = ax_store_open(&store, &st, intake, &err);
    if (rc == 0) {
        *v = ledger_check(&r->ledger, store, AX_STR("default"), INT64_MIN);
        ax_store_stats(store, &stats);
        ax_store_close(store);
    } else {
        warn(err.text);
    }
    senders_go(r->senders);
    ax_intake_free(intake);
    r->checks++;
    r->blocks = stats.blocks;
    if (stats.damaged)
        warn("damage, where there was only kill -9");
    return rc == 0 && v->lost + v->invented + stats.damaged == 0;
}

/* The highest number that a block had. */
static uint64_t blocks_written(const struct run *r)
{
    char path[160];
    uint64_t most = 0, n;
    snprintf(path, sizeof path, "%s/blocks", r->tsdb);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        struct ax_str name = ax_str(e->d_name);
        if (name.n > 4 && ax_str_u64((struct ax_str){name.p, name.n - 4}, &n) && n > most)
            most = n;
    }
    if (d)
        closedir(d);
    return most;
}

/* What sanitizers say of the server ends the test, too. */
static bool log_is_clean(const struct run *r)
{
    char line[512];
    bool clean = true;
    FILE *f = fopen(r->log, "r");
    while (f && fgets(line, sizeof line, f))
        if (strstr(line, "ERROR: AddressSanitizer") || strstr(line, "runtime error:")) {
            fputs(line, stderr);
            clean = false;
        }
    if (f)
        fclose(f);
    return clean;
}

static void report(struct run *r, unsigned kills, const struct ledger_verdict *v)
{
    struct senders_stats s = senders_stats(r->senders);
    printf("%u kills (seed %" PRIu64 "): %u before the first answer, %u amid writing blocks; %u "
           "checks\n",
           kills, r->o->seed, r->in_starts, r->amid_blocks, r->checks);
    printf("  %" PRIu64 " requests answered, %" PRIu64 " cut, %" PRIu64 " refused; %" PRIu64
           " blocks written, %" PRIu64 " left\n",
           s.answered, s.cut, s.odd, blocks_written(r), r->blocks);
    printf("  %" PRIu64 " samples sent, %" PRIu64 " acknowledged, %" PRIu64 " stored: %" PRIu64
           " lost, %" PRIu64 " invented\n",
           v->sent, v->acknowledged, v->stored, v->lost, v->invented);
}

static void finish(struct run *r, bool good)
{
    char command[128];
    senders_stop(r->senders);
    ledger_free(&r->ledger);
    snprintf(command, sizeof command, "rm -rf '%s'", r->dir);
    if (good)
        AX_ASSERT(system(command) == 0);
    else
        fprintf(stderr, "the directory is in %s\n", r->dir);
}

int main(int argc, char **argv)
{
    struct crash_options o = {.seed = 1, .rounds = 20};
    struct run r = {.o = &o};
    struct ledger_verdict v = {0};
    if (!crash_options(argc, argv, &o) || !o.server || !o.clock)
        return 2;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    prepare(&r);
    r.chance = ledger_mix(o.seed);
    r.senders = senders_start(&r.ledger, r.url, r.clock_began, SENDERS, o.seed);
    bool good = true;
    unsigned kills = 0;
    while (kills < o.rounds && good) {
        good = one_kill(&r);
        kills++;
        if (ledger_chance(&r.chance, 3) == 0 || kills == o.rounds || !good)
            good = check(&r, &v) && good;
    }
    good = good && senders_stats(r.senders).odd == 0 && log_is_clean(&r);
    report(&r, kills, &v);
    finish(&r, good);
    printf("%d passed, %d failed\n", good, !good);
    return good ? 0 : 1;
}
