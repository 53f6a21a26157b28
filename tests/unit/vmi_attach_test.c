// SPDX-License-Identifier: Apache-2.0
/* What is read from a guest is what was put in: every kernel, either paging, any layout. */
#include "fake_guest/fake.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct ax_vmi *attach(struct fake *g, enum ax_scope scope)
{
    struct ax_vmi_options o = {.scope = scope};
    struct ax_vmi *v = NULL;
    struct ax_err err = {0};
    if (ax_vmi_attach(&v, fake_exact_ram(g), &o, &err) < 0)
        fail_msg("%s", err.text);
    return v;
}

static void read_parts(struct ax_vmi *v, unsigned parts, struct ax_arena *a, struct ax_reading *r)
{
    struct ax_err err = {0};
    if (ax_vmi_read(v, parts, a, r, &err) < 0)
        fail_msg("%s", err.text);
}

static const struct ax_process *find(const struct ax_reading *r, int32_t pid)
{
    const struct ax_process *found = NULL;
    for (size_t i = 0; i < r->n_processes; i++)
        if (r->processes[i].pid == pid) {
            assert_null(found);
            found = &r->processes[i];
        }
    return found;
}

static void assert_process(const struct fake_process *want, const struct ax_process *p)
{
    assert_string_equal(p->name, want->name);
    assert_int_equal(p->state, want->state);
    assert_int_equal(p->ppid, want->ppid);
    assert_int_equal(p->uid, want->uid);
    assert_int_equal(p->threads, want->threads);
    assert_int_equal(p->kernel_thread, want->kernel_thread);
    assert_int_equal(p->rss, want->rss_pages * AX_PAGE);
    assert_int_equal(p->swap, want->swap_pages * AX_PAGE);
    assert_int_equal(p->user_us, want->user_ns / 1000);
    assert_int_equal(p->system_us, want->system_ns / 1000);
    assert_int_equal(p->switches, want->switches);
    assert_int_equal(p->start_us, want->start_ns / 1000);
    assert_int_equal(p->task, want->task);
}

static void assert_processes(struct fake *g, const struct ax_reading *r)
{
    const struct fake_process *want;
    size_t n = fake_processes(g, &want), shown = 0;
    for (size_t i = 0; i < n; i++) {
        const struct ax_process *p = find(r, want[i].pid);
        shown += !want[i].hidden;
        if (want[i].hidden)
            assert_null(p);
        else {
            assert_non_null(p);
            assert_process(&want[i], p);
        }
    }
    assert_int_equal(r->n_processes, shown);
}

static void assert_system(const struct fake_options *o, const struct ax_system *s)
{
    int64_t n = o->cpus;
    assert_string_equal(s->hostname.p, "fake-guest");
    assert_int_equal(s->state, o->panicked ? AX_GUEST_PANICKED : AX_GUEST_RUNNING);
    assert_true(fabs(s->uptime - 1000) < 0.01);
    assert_true(s->time == 1790000000);
    assert_true(s->load[0] == 0.5 && s->load[1] == 1 && s->load[2] == 1.5);
    assert_int_equal(s->cpus_online, n);
    assert_int_equal(s->runnable, n * (n + 1) / 2);
    assert_int_equal(s->switches, 1000 * n * (n + 1) / 2);
    assert_int_equal(s->uninterruptible, 2);
    assert_int_equal(s->forks, 4711);
    for (int m = 0; m < AX_CPU_MODES; m++)
        assert_int_equal(s->cpu_us[m], n * 1000000 *
                                           (m == AX_CPU_USER      ? 1
                                            : m == AX_CPU_NICE    ? 2
                                            : m == AX_CPU_SYSTEM  ? 3
                                            : m == AX_CPU_IDLE    ? 4
                                            : m == AX_CPU_IOWAIT  ? 5
                                            : m == AX_CPU_IRQ     ? 6
                                            : m == AX_CPU_SOFTIRQ ? 7
                                                                  : 8));
    assert_int_equal(s->tainted, 1 << 12);
    assert_int_equal(s->oom_kills, n * (n - 1) / 2);
    assert_int_equal(s->page_faults, 5000 * n);
    assert_int_equal(s->swap_out_pages, 9 * n);
    assert_true(s->has_pressure);
    assert_int_equal(s->io.some_us, 5000);
    assert_int_equal(s->memory.full_us, 20000);
    assert_int_equal(s->cpu.some_us, 25000);
    assert_true(s->memory.some_avg10 == 3 && s->io.full_avg10 == 2);
    /* what the kernel adds up there means nothing for a whole system, and /proc has 0 */
    assert_true(s->cpu.full_us == 0 && s->cpu.full_avg10 == 0);
}

static void assert_memory(const struct ax_memory *m, int64_t cpus)
{
    assert_int_equal(m->total, 16000 * 4096);
    assert_int_equal(m->free, 8000 * 4096);
    /* free - reserve + (files - mark) + (slab and other - half of it); mark = 2 * 150 + 5 */
    assert_int_equal(m->available, (8000 - 500 + (2700 - 305) + (640 - 305)) * 4096);
    assert_int_equal(m->buffers, 100 * 4096);
    assert_int_equal(m->cached, (3000 - 100 - 11) * 4096);
    assert_int_equal(m->active_anon, 1200 * 4096);
    assert_int_equal(m->slab_reclaimable, 600 * 4096);
    assert_int_equal(m->slab, 1300 * 4096);
    assert_int_equal(m->anonymous, 2200 * 4096);
    assert_int_equal(m->kernel_stack, 1600 * 1024);
    assert_int_equal(m->page_tables, 120 * 4096);
    assert_int_equal(m->committed, (5000 - 10 * cpus) * 4096);
    assert_int_equal(m->commit_limit, (8000 + 4000) * 4096);
    assert_int_equal(m->swap_total, 4000 * 4096);
    assert_int_equal(m->swap_free, 3500 * 4096);
}

/* The newest records, without a gap, as they were written. */
static void assert_log(const struct fake_options *o, const struct ax_reading *r)
{
    assert_true(r->n_messages > 20 && r->n_messages <= o->log_records);
    for (size_t i = 0; i < r->n_messages; i++) {
        const struct ax_message *m = &r->messages[i];
        size_t n = o->log_records - r->n_messages + i;
        char text[128];
        snprintf(text, sizeof text, "message %zu%.*s", n, (int)(n % 60),
                 ": this is a longer text so that records differ in length");
        assert_int_equal(m->sequence, n);
        assert_int_equal(m->time_us, n * 1000);
        assert_int_equal(m->level, n % 8);
        assert_int_equal(m->text.n, strlen(text));
        assert_memory_equal(m->text.p, text, m->text.n);
    }
}

static void check(struct fake_options o)
{
    struct fake *g = fake_new(&o);
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_reading r;
    print_message("%s, seed %lu: %d levels, KASLR %lx\n", o.release, o.seed, o.five_levels ? 5 : 4,
                  o.kaslr);
    struct ax_vmi *v = attach(g, AX_SCOPE_DIAGNOSIS);
    for (int poll = 0; poll < 2; poll++) {
        read_parts(v, AX_PART_SYSTEM | AX_PART_MEMORY | AX_PART_PROCESSES | AX_PART_LOG, &a, &r);
        assert_string_equal(r.kernel.p, o.release);
        assert_system(&o, &r.system);
        assert_memory(&r.memory, o.cpus);
        assert_processes(g, &r);
        assert_log(&o, &r);
        assert_int_equal(r.torn, 0);
    }
    ax_vmi_detach(v);
    ax_arena_free(&a);
    fake_free(g);
}

static void every_kernel_gives_what_was_put_in(void **state)
{
    for (enum fake_version version = 0; version < FAKE_VERSIONS; version++)
        for (uint64_t seed = 1; seed < 9; seed++)
            check(fake_kernel(version, seed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_gives_what_was_put_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
