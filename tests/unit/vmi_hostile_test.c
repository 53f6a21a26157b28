// SPDX-License-Identifier: Apache-2.0
/* A guest that lies: whatever it holds, there is an answer in a short time, nothing is read outside
 * of it (the sanitizers watch: each read gets a copy of just its length), and at worst the guest's
 * own data is wrong. */
#include "fake_guest/fake.h"

#include "base/clock.h"
#include "vmi/kernel.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWER 40 /* with copies, and the sanitizers' own work */
#else
#define SLOWER 2
#endif
#define ALL_PARTS (AX_PART_SYSTEM | AX_PART_MEMORY | AX_PART_PROCESSES | AX_PART_LOG)

struct look {
    struct fake *g;
    struct ax_vmi *v;
    struct ax_arena a;
    struct ax_reading r;
    struct ax_err err;
    int rc;
};

static void begin(struct look *l, struct fake_options o)
{
    memset(l, 0, sizeof *l);
    l->g = fake_new(&o);
}

static void attach(struct look *l)
{
    struct ax_vmi_options o = {.scope = AX_SCOPE_DIAGNOSIS};
    int64_t from = ax_cpu_ns();
    l->rc = ax_vmi_attach(&l->v, fake_exact_ram(l->g), &o, &l->err);
    int64_t ms = (ax_cpu_ns() - from) / 1000000;
    if (ms > 500 * SLOWER)
        fail_msg("attaching took %ld ms", ms);
    assert_true(l->rc == 0 || l->err.text[0]);
}

static void look(struct look *l)
{
    int64_t from = ax_cpu_ns();
    l->rc = ax_vmi_read(l->v, ALL_PARTS, &l->a, &l->r, &l->err);
    int64_t ms = (ax_cpu_ns() - from) / 1000000;
    if (ms > 100 * SLOWER)
        fail_msg("one look took %ld ms", ms);
    assert_true(l->rc == 0 || l->err.text[0]);
}

static void end(struct look *l)
{
    ax_vmi_detach(l->v);
    ax_arena_free(&l->a);
    fake_free(l->g);
}

static bool has(const struct look *l, unsigned part)
{
    return l->r.parts & part;
}

/* Without its symbols there is the log, and a reason for each of the rest. */
static void assert_log_alone(struct look *l)
{
    assert_int_equal(l->rc, 0);
    look(l);
    assert_int_equal(l->rc, -ENOTSUP);
    assert_true(has(l, AX_PART_LOG) && !has(l, AX_PART_PROCESSES));
    assert_true(l->r.n_missing > 0 && l->r.missing[0].reason.n > 0);
}

/* --- Before attaching ---------------------------------------------------------------------- */

/* Each table's entries point to the table itself: no walk ends at what it should. */
static void page_tables_that_loop(void **state)
{
    struct look l;
    begin(&l, fake_kernel(FAKE_6_12, 2));
    uint64_t root = fake_symbol(l.g, "init_top_pgt");
    for (uint64_t i = 256; i < 512; i++) {
        uint64_t entry = fake_pa(l.g, root) | 0x63;
        memcpy(fake_at(l.g, root) + 8 * i, &entry, 8);
    }
    attach(&l);
    assert_int_equal(l.rc, -ENOENT);
    end(&l);
}

static void put_copies(struct fake *g, const char *find, const char *with, unsigned n)
{
    uint8_t *info = fake_physical(g, fake_vmcoreinfo(g)), *at;
    for (unsigned i = 0; i < n; i++) {
        uint8_t *copy = fake_physical(g, (uint64_t)AX_PAGE * (i + 16)); /* before the real one */
        memcpy(copy, info, AX_PAGE);
        at = memmem(copy, AX_PAGE, find, strlen(find));
        assert_non_null(at);
        memcpy(at + strlen(find), with, strlen(with));
    }
}

/* Copies that describe no kernel are tried and left; too many of them hide the kernel, which is the
 * guest's own loss. */
static void hundreds_of_descriptions_of_nothing(void **state)
{
    struct look l;
    begin(&l, fake_kernel(FAKE_6_12, 4));
    put_copies(l.g, "SYMBOL(_stext)=", "ffffffffbf", 40);
    attach(&l);
    assert_int_equal(l.rc, 0);
    look(&l);
    assert_int_equal(l.rc, 0);
    end(&l);
    begin(&l, fake_kernel(FAKE_6_12, 4));
    put_copies(l.g, "SYMBOL(_stext)=", "ffffffffbf", 900);
    attach(&l);
    if (l.rc < 0)
        assert_int_equal(l.rc, -ENOENT);
    end(&l);
}

/* The page is right but for the symbols: each copy makes the reader search the whole image. */
static void hundreds_of_kernels_without_symbols(void **state)
{
    struct look l;
    begin(&l, fake_kernel(FAKE_6_12, 4));
    put_copies(l.g, "SYMBOL(kallsyms_names)=", "ffffffff81000000", 900);
    memset(fake_at(l.g, fake_symbol(l.g, "kallsyms_token_table")), 'x', 200);
    attach(&l);
    assert_log_alone(&l);
    end(&l);
}

/* The mark by which old kernels' tables are found, all over the image. */
static void an_image_full_of_token_tables(void **state)
{
    static const char digits[] = "0\0"
                                 "1\0"
                                 "2\0"
                                 "3\0"
                                 "4\0"
                                 "5\0"
                                 "6\0"
                                 "7\0"
                                 "8\0"
                                 "9";
    struct look l;
    begin(&l, fake_kernel(FAKE_5_10, 4));
    uint64_t from = fake_symbol(l.g, "_stext"), to = from + (1u << 20);
    for (; from < to; from += sizeof digits)
        memcpy(fake_at(l.g, from), digits, sizeof digits);
    memset(fake_at(l.g, fake_symbol(l.g, "kallsyms_token_table")), 'x', 200);
    attach(&l);
    assert_log_alone(&l);
    end(&l);
}

static void tables_of_symbols_that_are_too_big(void **state)
{
    static const uint32_t counts[] = {0, 1, 255, 1999999, 2000001, UINT32_MAX};
    for (size_t i = 0; i < AX_ARRAY_LEN(counts); i++) {
        struct look l;
        begin(&l, fake_kernel(FAKE_6_12, 5 + i));
        memcpy(fake_at(l.g, fake_symbol(l.g, "kallsyms_num_syms")), &counts[i], 4);
        attach(&l);
        assert_log_alone(&l);
        end(&l);
    }
}

/* --- After attaching ----------------------------------------------------------------------- */

static uint64_t nth_task(struct fake *g, size_t i)
{
    const struct fake_process *p;
    size_t n = fake_processes(g, &p);
    assert_true(i < n);
    return p[i].task;
}

static void a_list_that_never_comes_back(void **state)
{
    struct look l;
    begin(&l, fake_kernel(FAKE_6_12, 6));
    attach(&l);
    uint64_t a = nth_task(l.g, 5), b = nth_task(l.g, 9);
    fake_put(l.g, b, "task_struct.tasks.next", a + fake_offset(l.g, "task_struct.tasks"));
    look(&l);
    assert_int_equal(l.rc, -EAGAIN);
    assert_false(has(&l, AX_PART_PROCESSES));
    assert_true(has(&l, AX_PART_SYSTEM) && has(&l, AX_PART_LOG));
    assert_int_equal(ax_vmi_counts(l.v).given_up, 1);
    end(&l);
}

/* Each process has the same threads, one of which follows itself. */
static void threads_without_end(void **state)
{
    struct look l;
    struct fake_options o = fake_kernel(FAKE_6_12, 8);
    o.processes = 3000;
    begin(&l, o);
    attach(&l);
    uint64_t first = nth_task(l.g, 4), signal = fake_get(l.g, first, "task_struct.signal");
    uint64_t node = first + fake_offset(l.g, "task_struct.thread_node");
    fake_put(l.g, signal, "signal_struct.nr_threads", 65000);
    fake_put(l.g, signal, "signal_struct.thread_head.next", node);
    fake_put(l.g, first, "task_struct.thread_node.next", node);
    for (size_t i = 4; i < 3000; i++)
        fake_put(l.g, nth_task(l.g, i), "task_struct.signal", signal);
    look(&l);
    assert_int_equal(l.rc, -EAGAIN);
    assert_false(has(&l, AX_PART_PROCESSES));
    end(&l);
}

static void counts_beyond_all_measure(void **state)
{
    struct look l;
    begin(&l, fake_kernel(FAKE_6_12, 10));
    attach(&l);
    uint32_t many = UINT32_MAX;
    memcpy(fake_at(l.g, fake_symbol(l.g, "nr_cpu_ids")), &many, 4);
    uint64_t task = nth_task(l.g, 6), prb;
    fake_put(l.g, fake_get(l.g, task, "task_struct.signal"), "signal_struct.nr_threads", many);
    memcpy(&prb, fake_at(l.g, fake_symbol(l.g, "prb")), 8);
    fake_put(l.g, prb, "printk_ringbuffer.desc_ring.count_bits", 63);
    fake_put(l.g, prb, "printk_ringbuffer.text_data_ring.size_bits", 63);
    look(&l);
    assert_false(has(&l, AX_PART_LOG));
    fake_put(l.g, prb, "printk_ringbuffer.desc_ring.count_bits", 22);
    fake_put(l.g, prb, "printk_ringbuffer.text_data_ring.size_bits", 27);
    fake_put(l.g, prb, "printk_ringbuffer.desc_ring.tail_id", 0);
    look(&l);
    end(&l);
}

static void put_pages(struct fake *g, const char *item, int64_t pages)
{
    uint64_t at = fake_symbol(g, "vm_node_stat") + 8 * fake_constant(g, item);
    memcpy(fake_at(g, at), &pages, sizeof pages);
}

/* What is computed of such counts is unknown. */
static void counts_that_cannot_be_added(void **state)
{
    struct look l;
    begin(&l, fake_kernel(FAKE_6_12, 11));
    attach(&l);
    put_pages(l.g, "NR_ACTIVE_FILE", INT64_MIN + 1);
    put_pages(l.g, "NR_INACTIVE_FILE", INT64_MIN + 1);
    put_pages(l.g, "NR_FILE_PAGES", 0);
    put_pages(l.g, "NR_SWAPCACHE", INT64_MAX);
    look(&l);
    assert_true(has(&l, AX_PART_MEMORY));
    assert_int_equal(l.r.memory.available, AX_UNKNOWN);
    assert_int_equal(l.r.memory.cached, AX_UNKNOWN);
    assert_int_equal(l.r.memory.active_file, AX_UNKNOWN);
    end(&l);
}

static void pointers_to_where_memory_ends(void **state)
{
    struct look l;
    struct fake_options o = fake_kernel(FAKE_6_12, 12);
    static const char *const fields[] = {"signal", "mm", "cred", "files", "real_parent"};
    begin(&l, o);
    attach(&l);
    uint64_t direct = 0;
    memcpy(&direct, fake_at(l.g, fake_symbol(l.g, "page_offset_base")), 8);
    const uint64_t places[] = {
        direct + o.ram - 8, direct + o.ram, direct + o.ram - 4096,       0, 1,
        0x400000,           UINT64_MAX - 7, UINT64_C(0x8000000000000000)};
    for (size_t f = 0; f < AX_ARRAY_LEN(fields); f++)
        for (size_t i = 0; i < AX_ARRAY_LEN(places); i++) {
            char path[64];
            snprintf(path, sizeof path, "task_struct.%s", fields[f]);
            uint64_t task = nth_task(l.g, 6), was = fake_get(l.g, task, path);
            fake_put(l.g, task, path, places[i]);
            look(&l);
            assert_true(has(&l, AX_PART_PROCESSES));
            fake_put(l.g, task, path, was);
        }
    end(&l);
}

static void names_without_an_end(void **state)
{
    struct look l;
    begin(&l, fake_kernel(FAKE_6_1, 14));
    attach(&l);
    uint64_t task = nth_task(l.g, 6), uts = fake_symbol(l.g, "init_uts_ns");
    memset(fake_at(l.g, task + fake_offset(l.g, "task_struct.comm")), 'A', 16);
    memset(fake_at(l.g, uts + fake_offset(l.g, "uts_namespace.name.nodename")), 0xff, 65);
    look(&l);
    assert_int_equal(l.rc, 0);
    assert_string_equal(l.r.processes[6].name, "AAAAAAAAAAAAAAA");
    assert_int_equal(l.r.system.hostname.n, 65);
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    struct ax_json j = {.out = &b};
    ax_reading_json(&j, &l.r);
    assert_true(ax_str_utf8(ax_buf_view(&b)));
    end(&l);
}

/* --- What one read leads to ----------------------------------------------------------------- */

#define FREE  (UINT64_C(16) << 20) /* at the end of RAM, which nothing is in */
#define STEPS 500000u

static struct fake_options with_room(uint64_t seed, size_t processes)
{
    struct fake_options o = fake_kernel(FAKE_6_12, seed);
    o.hole = 0;
    o.ram = UINT64_C(256) << 20;
    o.processes = processes;
    return o;
}

static uint64_t room(struct fake *g, uint64_t at)
{
    uint64_t direct;
    assert_true(fake_used(g) <= (UINT64_C(256) << 20) - FREE && at < FREE);
    memcpy(&direct, fake_at(g, fake_symbol(g, "page_offset_base")), 8);
    return direct + (UINT64_C(256) << 20) - FREE + at;
}

static void put(struct fake *g, uint64_t at, const char *path, uint64_t v)
{
    memcpy(fake_physical(g, (UINT64_C(256) << 20) - FREE + at + fake_offset(g, path)), &v,
           fake_size(g, path));
}

/* Each process has as many open files as the reader counts. */
static void maps_of_files_without_end(void **state)
{
    struct look l;
    begin(&l, with_room(16, 3000));
    memset(fake_physical(l.g, (UINT64_C(256) << 20) - FREE + 8192), 0xff, (1u << 20) / 8);
    put(l.g, 0, "files_struct.fdt", room(l.g, 4096));
    put(l.g, 4096, "fdtable.max_fds", 1u << 20);
    put(l.g, 4096, "fdtable.open_fds", room(l.g, 8192));
    for (size_t i = 4; i < 3000; i++)
        fake_put(l.g, nth_task(l.g, i), "task_struct.files", room(l.g, 0));
    attach(&l);
    l.v->options.step_limit = STEPS;
    l.rc = ax_vmi_read(l.v, AX_PART_PROCESSES, &l.a, &l.r, &l.err);
    assert_int_equal(l.rc, -EAGAIN);
    end(&l);
}

#define MODULES 4000u

static void make_modules(struct fake *g)
{
    uint64_t head = fake_symbol(g, "modules"), list = fake_offset(g, "module.list"), first;
    size_t size = fake_size(g, "module"), room_of = 2048;
    assert_true(size <= room_of);
    memcpy(&first, fake_at(g, head), 8);
    for (uint64_t i = 0; i < MODULES; i++) {
        memcpy(fake_physical(g, (UINT64_C(256) << 20) - FREE + i * room_of),
               fake_at(g, first - list), size);
        put(g, i * room_of, "module.list.next",
            i + 1 < MODULES ? room(g, (i + 1) * room_of) + list : head);
        put(g, i * room_of, "module.list.prev", i ? room(g, (i - 1) * room_of) + list : head);
    }
    fake_put(g, head, "list_head.next", room(g, 0) + list);
    fake_put(g, head, "list_head.prev", room(g, (MODULES - 1) * room_of) + list);
}

/* Each word of each stack may be in each of the modules. */
static void stacks_full_of_what_is_in_no_module(void **state)
{
    struct look l;
    begin(&l, with_room(18, 20));
    make_modules(l.g);
    uint64_t stack = room(l.g, 12 << 20), word = stack;
    for (size_t i = 0; i < 16384; i += 8)
        memcpy(fake_physical(l.g, (UINT64_C(256) << 20) - FREE + (12 << 20) + i), &word, 8);
    for (size_t i = 0; i < 10; i++) {
        uint64_t task = fake_fork(l.g, "stuck", 'D');
        fake_put(l.g, task, "task_struct.stack", stack);
        fake_put(l.g, task, "task_struct.thread.sp", stack);
        fake_put(l.g, task, "task_struct.se.exec_start", 1);
    }
    attach(&l);
    l.v->options.step_limit = STEPS;
    l.rc = ax_vmi_read(l.v, AX_PART_STACKS, &l.a, &l.r, &l.err);
    assert_int_equal(l.rc, 0);
    assert_true(l.v->guest.exhausted);
    end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_tables_that_loop),
        cmocka_unit_test(hundreds_of_descriptions_of_nothing),
        cmocka_unit_test(hundreds_of_kernels_without_symbols),
        cmocka_unit_test(an_image_full_of_token_tables),
        cmocka_unit_test(tables_of_symbols_that_are_too_big),
        cmocka_unit_test(a_list_that_never_comes_back),
        cmocka_unit_test(threads_without_end),
        cmocka_unit_test(counts_beyond_all_measure),
        cmocka_unit_test(counts_that_cannot_be_added),
        cmocka_unit_test(pointers_to_where_memory_ends),
        cmocka_unit_test(maps_of_files_without_end),
        cmocka_unit_test(stacks_full_of_what_is_in_no_module),
        cmocka_unit_test(names_without_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
