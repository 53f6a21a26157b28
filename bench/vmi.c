// SPDX-License-Identifier: Apache-2.0
/* What looking into a guest costs, on the memory of one that runs (bench/introspection boots it):
 *
 *   bench-vmi attach  FILE|PID ROUNDS          finding the kernel, without and with its plan
 *   bench-vmi poll    FILE|PID ROUNDS          system, memory and processes
 *   bench-vmi storm   FILE|PID ROUNDS          lists torn by forks: noticed, given up, told as
 * truth bench-vmi guests  FILE COUNT SECONDS AUSPEX  COUNT workers, vital signs once a second
 *
 * One line of JSON each. Times are CPU time of this thread (guests: of all processes). */
#include "vmi/vmi.h"
#include "base/clock.h"
#include "collect/collect.h"
#include "vmi/inspector.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench-vmi: %s\n", what);
    exit(1);
}

static struct ax_str plan_text;
static char plan_key[64];

static bool get_plan(void *self, const char *key, struct ax_buf *out)
{
    (void)self;
    if (!plan_text.n || strcmp(key, plan_key) != 0)
        return false;
    ax_buf_str(out, plan_text);
    return true;
}

static void put_plan(void *self, const char *key, struct ax_str plan)
{
    static struct ax_arena kept;
    (void)self;
    snprintf(plan_key, sizeof plan_key, "%s", key);
    plan_text = ax_arena_str(&kept, plan);
}

/* --- The guest ------------------------------------------------------------------------------ */

static uint64_t number(const char *s)
{
    uint64_t n;
    if (!ax_str_u64(ax_str(s), &n))
        die("a number was expected");
    return n;
}

static void place_of(const char *what, struct ax_ram_place *p)
{
    struct ax_guest_memory m;
    struct ax_err err;
    struct stat st;
    uint64_t pid;
    if (ax_str_u64(ax_str(what), &pid)) {
        if (ax_guest_memory_find("/proc", (pid_t)pid, &m, &err) < 0)
            die(err.text);
        *p = m.place;
        return;
    }
    *p = (struct ax_ram_place){.kind = AX_RAM_FILE, .fd = open(what, O_RDONLY | O_CLOEXEC)};
    if (p->fd < 0 || fstat(p->fd, &st) < 0)
        die(what);
    p->size = (uint64_t)st.st_size;
    p->n_blocks = ax_ram_layout(p->size, 0, p->blocks);
}

static struct ax_vmi *attach(const char *what, bool with_plan)
{
    static const struct ax_plan_store store = {.get = get_plan, .put = put_plan};
    struct ax_vmi_options o = {.scope = AX_SCOPE_PROCESSES, .now_ms = ax_now_ms()};
    struct ax_ram_place p;
    struct ax_ram *ram;
    struct ax_vmi *v;
    struct ax_err err;
    place_of(what, &p);
    o.plans = with_plan ? &store : NULL;
    int rc = p.kind == AX_RAM_PROCESS ? ax_ram_open_process(&ram, p.pid, p.blocks, p.n_blocks, &err)
                                      : ax_ram_open_file(&ram, p.fd, p.blocks, p.n_blocks, &err);
    ax_close_fd(&p.fd);
    if (rc < 0 || ax_vmi_attach(&v, ram, &o, &err) < 0)
        die(err.text);
    return v;
}

/* --- Attach and poll ------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void tell(const char *name, int64_t *ns, size_t n, const char *more)
{
    qsort(ns, n, sizeof *ns, by_value);
    printf("{\"what\": \"%s\", \"rounds\": %zu, \"min_us\": %.3f, \"median_us\": %.3f%s}\n", name,
           n, (double)ns[0] / 1e3, (double)ns[n / 2] / 1e3, more);
}

static void bench_attach(const char *what, size_t rounds, bool with_plan)
{
    int64_t *ns = ax_calloc(rounds, sizeof *ns);
    if (with_plan)
        ax_vmi_detach(attach(what, true)); /* makes it */
    for (size_t i = 0; i < rounds; i++) {
        int64_t begin = ax_thread_cpu_ns();
        struct ax_vmi *v = attach(what, with_plan);
        ns[i] = ax_thread_cpu_ns() - begin;
        ax_vmi_detach(v);
    }
    tell(with_plan ? "attach with plan" : "attach", ns, rounds, "");
    free(ns);
}

static void bench_poll(const char *what, size_t rounds)
{
    const unsigned parts = AX_PART_SYSTEM | AX_PART_MEMORY | AX_PART_PROCESSES;
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    int64_t *ns = ax_calloc(rounds, sizeof *ns);
    struct ax_vmi *v = attach(what, false);
    struct ax_reading r;
    struct ax_err err;
    char more[96];
    for (int i = 0; i < 3; i++) /* the first one learns which pages there are */
        (void)ax_vmi_read(v, parts, &a, &r, &err);
    uint64_t calls = ax_vmi_ram_counts(v).calls;
    for (size_t i = 0; i < rounds; i++) {
        ax_arena_reset(&a);
        int64_t begin = ax_thread_cpu_ns();
        if (ax_vmi_read(v, parts, &a, &r, &err) < 0)
            die(err.text);
        ns[i] = ax_thread_cpu_ns() - begin;
    }
    snprintf(more, sizeof more, ", \"processes\": %zu, \"calls_per_poll\": %.2f", r.n_processes,
             (double)(ax_vmi_ram_counts(v).calls - calls) / (double)rounds);
    tell("poll", ns, rounds, more);
    ax_vmi_detach(v);
    free(ns);
}

/* --- Torn lists ----------------------------------------------------------------------------- */

#define PIDS (1u << 22)
struct known {
    int64_t start_us; /* which process had this number last */
    uint64_t seen;    /* number of the last poll that had it; 0: none */
};

/* A process that is not in one list and, with the same begin, in a later one, was left out. */
static void judge(struct known *known, const struct ax_reading *r, uint64_t poll, uint64_t *wrong)
{
    for (size_t i = 0; i < r->n_processes; i++) {
        const struct ax_process *p = &r->processes[i];
        if (p->pid <= 0 || (uint32_t)p->pid >= PIDS || p->name[0] == '\0') {
            ++*wrong;
            continue;
        }
        struct known *k = &known[p->pid];
        if (k->start_us == p->start_us && k->seen == poll)
            ++*wrong; /* twice in one list */
        if (k->start_us == p->start_us && k->seen + 1 < poll)
            ++*wrong; /* was away in between */
        *k = (struct known){.start_us = p->start_us, .seen = poll};
    }
}

static void bench_storm(const char *what, size_t rounds)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
    struct known *known = ax_calloc(PIDS, sizeof *known);
    struct ax_vmi *v = attach(what, false);
    struct ax_reading r;
    struct ax_err err;
    uint64_t wrong = 0, told = 0;
    for (size_t i = 0; i < rounds; i++) {
        ax_arena_reset(&a);
        if (ax_vmi_read(v, AX_PART_PROCESSES, &a, &r, &err) == 0)
            judge(known, &r, ++told, &wrong);
    }
    struct ax_vmi_counts c = ax_vmi_counts(v);
    printf("{\"what\": \"storm\", \"polls\": %llu, \"walked_again\": %llu, \"given_up\": %llu, "
           "\"wrong\": %llu, \"processes\": %zu}\n",
           (unsigned long long)c.polls, (unsigned long long)c.retried,
           (unsigned long long)c.given_up, (unsigned long long)wrong, r.n_processes);
    ax_vmi_detach(v);
    free(known);
}

/* --- Many guests ---------------------------------------------------------------------------- */

static double used(int who)
{
    struct rusage u;
    getrusage(who, &u);
    return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void ask_all(struct ax_inspector **i, size_t n, int64_t per_round_ns)
{
    struct ax_buf json = AX_BUF_INIT;
    struct ax_err err;
    int64_t begin = ax_mono_ns();
    for (size_t k = 0; k < n; k++) {
        ax_buf_clear(&json);
        if (ax_inspector_ask(i[k], AX_PART_SYSTEM | AX_PART_MEMORY, &json, &err) < 0)
            die(err.text);
        int64_t due = begin + per_round_ns * (int64_t)(k + 1) / (int64_t)n; /* spread */
        ax_sleep_ms((due - ax_mono_ns()) / 1000000);
    }
    ax_buf_free(&json);
}

/* Workers' time counts only once they have ended: a run of one round tells what starting costs. */
static double guests_cpu(const char *what, size_t count, size_t seconds, const char *program)
{
    struct ax_inspector **i = ax_calloc(count, sizeof(struct ax_inspector *));
    struct ax_inspector_options o = {
        .scope = AX_SCOPE_STATISTICS, .program = program, .poll_ms = 10000};
    struct ax_ram_place p;
    struct ax_err err;
    double before = used(RUSAGE_SELF) + used(RUSAGE_CHILDREN);
    place_of(what, &p);
    for (size_t k = 0; k < count; k++)
        if (ax_inspector_new(&i[k], &p, &o, &err) < 0)
            die(err.text);
    for (size_t s = 0; s < seconds; s++)
        ask_all(i, count, s == 0 ? 0 : 1000000000);
    for (size_t k = 0; k < count; k++)
        ax_inspector_free(i[k]);
    ax_close_fd(&p.fd);
    free(i);
    return used(RUSAGE_SELF) + used(RUSAGE_CHILDREN) - before;
}

static void bench_guests(const char *what, size_t count, size_t seconds, const char *program)
{
    double begin = guests_cpu(what, count, 1, program);
    double all = guests_cpu(what, count, seconds + 1, program);
    printf("{\"what\": \"guests\", \"guests\": %zu, \"seconds\": %zu, \"start_cpu_seconds\": %.3f, "
           "\"share_of_a_core\": %.4f, \"us_per_poll\": %.1f}\n",
           count, seconds, begin, (all - begin) / (double)seconds,
           (all - begin) * 1e6 / (double)(count * seconds));
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "attach") == 0) {
        bench_attach(argv[2], number(argv[3]), false);
        bench_attach(argv[2], number(argv[3]), true);
    } else if (argc == 4 && strcmp(argv[1], "poll") == 0) {
        bench_poll(argv[2], number(argv[3]));
    } else if (argc == 4 && strcmp(argv[1], "storm") == 0) {
        bench_storm(argv[2], number(argv[3]));
    } else if (argc == 6 && strcmp(argv[1], "guests") == 0) {
        bench_guests(argv[2], number(argv[3]), number(argv[4]), argv[5]);
    } else {
        die("usage: bench-vmi attach|poll|storm FILE|PID ROUNDS, or guests FILE COUNT SECONDS "
            "AUSPEX");
    }
    return 0;
}
