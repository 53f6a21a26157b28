// SPDX-License-Identifier: Apache-2.0
/* The list of processes while processes come and go as fast as a fork storm makes them: those that
 * stay are told in each look, each once and with its own name; a look that is given up is rare. */
#include "fake_guest/fake.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define STAYING 24
#define PASSING 32u
#define POLLS   8000

/* Both ends of a link as the kernel sees them: pointers into the guest's memory. */
struct node {
    uint64_t va;
    _Atomic uint64_t *next, *prev, *start; /* start: of the process, ns after boot */
};

struct storm {
    struct node head, passing[PASSING], at[4096]; /* at: head, those that stay, the rest */
    size_t n;
    atomic_bool stop;
    uint64_t moves;
};

static struct node node_of(struct fake *g, uint64_t task)
{
    uint64_t va = task + fake_offset(g, "task_struct.tasks");
    return (struct node){va, (_Atomic uint64_t *)(void *)fake_at(g, va),
                         (_Atomic uint64_t *)(void *)fake_at(g, va + 8),
                         (_Atomic uint64_t *)(void *)fake_at(
                             g, task + fake_offset(g, "task_struct.start_boottime"))};
}

static struct node find(const struct storm *s, uint64_t va)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->at[i].va == va)
            return s->at[i];
    abort();
}

/* In the order of list_del_rcu and list_add_rcu. */
static void unlink_node(const struct storm *s, struct node n)
{
    struct node next = find(s, *n.next), prev = find(s, *n.prev);
    *next.prev = prev.va;
    *prev.next = next.va;
    *n.prev = UINT64_C(0xdead000000000122);
}

static void link_node(const struct storm *s, struct node n, struct node prev)
{
    struct node next = find(s, *prev.next);
    *n.next = next.va;
    *n.prev = prev.va;
    *prev.next = n.va;
    *next.prev = n.va;
}

/* One after the other goes and comes again at once in another place among those that stay: a look
 * that stood on it and went on would miss some or see some twice. (The kernel adds at the end only,
 * and takes its time before memory is used again: less can go wrong there.) */
static void *storm(void *arg)
{
    struct storm *s = arg;
    struct timespec pause = {.tv_nsec = 20000};
    for (size_t i = 0; !s->stop; i++) {
        struct node n = s->passing[i % PASSING];
        unlink_node(s, n);
        *n.start += 1000000; /* it is another one's memory now */
        link_node(s, n, s->at[1 + i * 7 % STAYING]);
        s->moves++;
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static struct storm *prepare(struct fake *g)
{
    struct storm *s = calloc(1, sizeof *s);
    const struct fake_process *p;
    s->at[s->n++] = s->head = node_of(g, fake_symbol(g, "init_task"));
    for (size_t i = 0; i < PASSING; i++) {
        char name[16];
        snprintf(name, sizeof name, "passing-%zu", i);
        s->passing[i] = node_of(g, fake_fork(g, name, 'R'));
    }
    size_t n = fake_processes(g, &p);
    for (size_t i = 0; i < n; i++)
        s->at[s->n++] = node_of(g, p[i].task);
    return s;
}

static void assert_all_there(const struct fake_process *want, const struct ax_reading *r)
{
    int32_t seen[STAYING] = {0};
    for (size_t i = 0; i < r->n_processes; i++) {
        const struct ax_process *p = &r->processes[i];
        if (strncmp(p->name, "passing-", 8) == 0)
            continue;
        size_t k = 0;
        while (k < STAYING && want[k].pid != p->pid)
            k++;
        if (k == STAYING)
            fail_msg("pid %d, '%s', was never there", p->pid, p->name);
        assert_string_equal(p->name, want[k].name);
        seen[k]++;
    }
    for (size_t k = 0; k < STAYING; k++)
        if (seen[k] != 1)
            fail_msg("'%s' was told %d times", want[k].name, seen[k]);
}

static void a_fork_storm(void **state)
{
    struct fake_options o = fake_kernel(FAKE_6_12, 4);
    o.processes = STAYING - 3;
    o.ram = 128u << 20;
    struct fake *g = fake_new(&o);
    struct storm *s = prepare(g);
    struct ax_vmi_options vo = {.scope = AX_SCOPE_PROCESSES};
    struct ax_vmi *v = NULL;
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_reading r;
    const struct fake_process *want;
    pthread_t thread;
    fake_processes(g, &want); /* those that stay were the first */
    assert_int_equal(ax_vmi_attach(&v, fake_ram(g), &vo, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, storm, s), 0);
    for (int i = 0; i < POLLS; i++) {
        int rc = ax_vmi_read(v, AX_PART_PROCESSES, &a, &r, NULL);
        assert_true(rc == 0 || rc == -EAGAIN);
        if (rc == 0)
            assert_all_there(want, &r);
        ax_arena_reset(&a);
    }
    s->stop = true;
    pthread_join(thread, NULL);
    struct ax_vmi_counts c = ax_vmi_counts(v);
    print_message("%lu polls while %lu processes came and went: %lu walks repeated, %lu given up\n",
                  c.polls, s->moves, c.retried, c.given_up);
    assert_true(s->moves > 100);
    assert_true(c.given_up * 1000 <= c.polls);
    ax_vmi_detach(v);
    ax_arena_free(&a);
    fake_free(g);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_fork_storm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
