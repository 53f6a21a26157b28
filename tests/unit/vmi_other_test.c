// SPDX-License-Identifier: Apache-2.0
/* What is no Linux kernel, what is one without types, two of them in one memory, and one that went
 * away: each has its answer. */
#include "fake_guest/fake.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define MEMORY (32u << 20)

struct blank { /* memory without a kernel */
    int fd;
    uint8_t *mem;
};

static struct blank blank(void)
{
    struct blank b = {.fd = memfd_create("blank", MFD_CLOEXEC)};
    assert_int_equal(ftruncate(b.fd, MEMORY), 0);
    b.mem = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, b.fd, 0);
    assert_ptr_not_equal(b.mem, MAP_FAILED);
    return b;
}

static void assert_answer(struct blank b, const char *word)
{
    struct ax_ram_block block = {.gpa = 0, .size = MEMORY, .at = 0};
    struct ax_vmi_options o = {.scope = AX_SCOPE_STATISTICS};
    struct ax_ram *ram;
    struct ax_vmi *v = NULL;
    struct ax_err err = {0};
    assert_int_equal(ax_ram_open_file(&ram, b.fd, &block, 1, &err), 0);
    assert_int_equal(ax_vmi_attach(&v, ram, &o, &err), -ENOENT);
    assert_null(v);
    if (!strstr(err.text, word))
        fail_msg("'%s' does not speak of '%s'", err.text, word);
    munmap(b.mem, MEMORY);
    close(b.fd);
}

static void memory_that_was_never_touched(void **state)
{
    assert_answer(blank(), "empty");
}

static void memory_full_of_zeros(void **state)
{
    struct blank b = blank();
    memset(b.mem, 0, MEMORY);
    assert_answer(b, "no Linux kernel");
}

static void memory_that_is_encrypted(void **state)
{
    struct blank b = blank();
    uint64_t z = 1;
    for (size_t i = 0; i < MEMORY; i += 8) {
        z = z * UINT64_C(6364136223846793005) + 1442695040888963407u;
        uint64_t x = (z ^ z >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
        memcpy(b.mem + i, &x, 8);
    }
    assert_answer(b, "encrypted");
}

static void a_windows_guest(void **state)
{
    struct blank b = blank();
    static const char root[] = "C:\\Windows";
    for (unsigned i = 0; i < 64; i++)
        memcpy(b.mem + (1u << 20) + i * 16384, "MZ\x90", 4);
    for (size_t i = 0; i < sizeof root; i++) /* UTF-16, at its place in KUSER_SHARED_DATA */
        b.mem[(3u << 20) + 0x30 + 2 * i] = (uint8_t)root[i];
    assert_answer(b, "Windows");
}

static void a_kernel_that_is_only_booting(void **state)
{
    struct blank b = blank();
    memcpy(b.mem + (5u << 20) + 100, "Linux version 6.1.0", 20);
    assert_answer(b, "Linux");
}

static void kernels_for_other_machines(void **state)
{
    static const char narrow[] = "OSRELEASE=6.1.0-50-686\nPAGESIZE=4096\n"
                                 "SYMBOL(swapper_pg_dir)=cce74000\nSYMBOL(_stext)=cc200000\n";
    static const char arm[] = "OSRELEASE=6.1.0-50-arm64\nSYMBOL(swapper_pg_dir)=ffffd5c0a3e5a000\n"
                              "NUMBER(VA_BITS)=48\nNUMBER(kimage_voffset)=0xffffd5c062000000\n";
    struct blank b = blank();
    memcpy(b.mem + (5u << 20) + 100, "Linux version 6.1.0", 20);
    memcpy(b.mem + (6u << 20), narrow, sizeof narrow);
    assert_answer(b, "32-bit x86");
    b = blank();
    memcpy(b.mem + (6u << 20), arm, sizeof arm);
    assert_answer(b, "64-bit ARM");
}

static void other_kernels_by_their_names(void **state)
{
    static const char *const versions[] = {
        "@(#)FreeBSD 14.1-RELEASE releng/14.1-n267679-10e31f0946d8 GENERIC",
        "@(#)NetBSD 9.3 (GENERIC) #0: Thu Aug  4 15:30:37 UTC 2022", "@(#)OpenBSD 7.5 (GENERIC.MP)",
        "@(#)DragonFly 6.4-RELEASE"};
    for (size_t i = 0; i < AX_ARRAY_LEN(versions); i++) {
        struct blank b = blank();
        const char *name = versions[i] + 4;
        memcpy(b.mem + (7u << 20) - 4, "@(#)", 4); /* a page ends in the mark */
        memcpy(b.mem + (9u << 20) + 100, "@(#)cat.c 8.2", 13);
        memcpy(b.mem + (9u << 20) + 200, versions[i], strlen(versions[i]));
        char word[32];
        snprintf(word, sizeof word, "a %.*s guest", (int)strcspn(name, " "), name);
        assert_answer(b, word);
    }
}

/* --- With a kernel ---------------------------------------------------------------------------- */

static struct ax_vmi *attach(struct fake *g, int64_t now_ms)
{
    struct ax_vmi_options o = {.scope = AX_SCOPE_DIAGNOSIS, .now_ms = now_ms};
    struct ax_vmi *v = NULL;
    struct ax_err err = {0};
    if (ax_vmi_attach(&v, fake_exact_ram(g), &o, &err) < 0)
        fail_msg("%s", err.text);
    return v;
}

/* Numbers and the log come from symbols alone; what needs types says that they are missing. */
static void a_kernel_without_types(void **state)
{
    for (enum fake_version version = 0; version < FAKE_VERSIONS; version++) {
        struct fake_options o = fake_kernel(version, version + 3);
        struct ax_arena a = AX_ARENA_INIT;
        struct ax_reading r;
        struct ax_err err = {0};
        o.btf = false;
        struct fake *g = fake_new(&o);
        struct ax_vmi *v = attach(g, INT64_C(1700000000000)); /* its own clock is not known */
        assert_int_equal(
            ax_vmi_read(v, AX_PART_SYSTEM | AX_PART_MEMORY | AX_PART_PROCESSES | AX_PART_LOG, &a,
                        &r, &err),
            -ENOTSUP);
        assert_non_null(strstr(err.text, "BTF"));
        assert_int_equal(r.n_missing, 1);
        assert_int_equal(r.missing[0].part, AX_PART_PROCESSES);
        assert_int_equal(r.parts, AX_PART_SYSTEM | AX_PART_MEMORY | AX_PART_LOG);
        assert_true(fabs(r.system.uptime - 1000) < 0.01);
        assert_true(r.system.load[1] == 1);
        assert_int_equal(r.memory.total, 16000 * 4096);
        assert_true(r.n_messages > 20);
        ax_vmi_detach(v);
        ax_arena_free(&a);
        fake_free(g);
    }
}

/* The kernel from before a restart is still complete, but its clock stands. */
static void of_two_kernels_the_living_one(void **state)
{
    for (int order = 0; order < 2; order++) {
        struct fake_options old = fake_kernel(FAKE_6_1, 4), now = fake_kernel(FAKE_6_12, 9);
        old.load = order ? 40u << 20 : 16u << 20;
        now.load = order ? 16u << 20 : 40u << 20;
        old.heap = now.heap = 0;
        struct fake *first = fake_new(&old), *second = fake_beside(first, &now);
        uint64_t tk = fake_symbol(second, "tk_core");
        int64_t later = 1790000500;
        for (unsigned at = 0; at < 64; at++) { /* where the fake has put it */
            uint64_t v;
            memcpy(&v, fake_at(second, tk + 8ull * at), 8);
            if (v == 1790000000)
                memcpy(fake_at(second, tk + 8ull * at), &later, 8);
        }
        struct ax_vmi *v = attach(first, order ? 1790000500 * INT64_C(1000) : 0);
        struct ax_arena a = AX_ARENA_INIT;
        struct ax_reading r;
        assert_int_equal(ax_vmi_read(v, AX_PART_SYSTEM, &a, &r, NULL), 0);
        assert_string_equal(r.kernel.p, now.release);
        ax_vmi_detach(v);
        ax_arena_free(&a);
        fake_free(second);
        fake_free(first);
    }
}

static void a_guest_that_was_restarted(void **state)
{
    struct fake_options o = fake_kernel(FAKE_6_12, 6);
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_reading r;
    struct ax_err err = {0};
    struct fake *g = fake_new(&o);
    struct ax_vmi *v = attach(g, 0);
    assert_int_equal(ax_vmi_read(v, AX_PART_SYSTEM, &a, &r, &err), 0);
    /* The page is free memory again, and something else has it now. */
    memset(fake_physical(g, fake_vmcoreinfo(g)), 0x5a, AX_PAGE);
    assert_int_equal(ax_vmi_read(v, AX_PART_SYSTEM, &a, &r, &err), -ESTALE);
    ax_vmi_detach(v);
    fake_free(g);
    /* Or the page is there, and the first task is not. */
    g = fake_new(&o);
    v = attach(g, 0);
    memset(fake_at(g, fake_symbol(g, "init_task")), 0, fake_size(g, "task_struct"));
    assert_int_equal(ax_vmi_read(v, AX_PART_SYSTEM, &a, &r, &err), -ESTALE);
    ax_vmi_detach(v);
    fake_free(g);
    ax_arena_free(&a);
}

static void more_than_is_granted(void **state)
{
    struct fake_options o = fake_kernel(FAKE_6_12, 7);
    struct fake *g = fake_new(&o);
    struct ax_vmi_options vo = {.scope = AX_SCOPE_PROCESSES};
    struct ax_vmi *v = NULL;
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_reading r = {.parts = 77};
    struct ax_err err = {0};
    assert_int_equal(ax_vmi_attach(&v, fake_ram(g), &vo, &err), 0);
    assert_int_equal(ax_vmi_read(v, AX_PART_SYSTEM | AX_PART_LOG, &a, &r, &err), -EPERM);
    assert_int_equal(r.parts, 77);
    assert_non_null(strstr(err.text, "diagnosis"));
    assert_int_equal(ax_vmi_read(v, AX_PART_PROCESSES, &a, &r, &err), 0);
    ax_vmi_detach(v);
    ax_arena_free(&a);
    fake_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_that_was_never_touched),
        cmocka_unit_test(memory_full_of_zeros),
        cmocka_unit_test(memory_that_is_encrypted),
        cmocka_unit_test(a_windows_guest),
        cmocka_unit_test(a_kernel_that_is_only_booting),
        cmocka_unit_test(kernels_for_other_machines),
        cmocka_unit_test(other_kernels_by_their_names),
        cmocka_unit_test(a_kernel_without_types),
        cmocka_unit_test(of_two_kernels_the_living_one),
        cmocka_unit_test(a_guest_that_was_restarted),
        cmocka_unit_test(more_than_is_granted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
