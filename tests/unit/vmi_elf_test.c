// SPDX-License-Identifier: Apache-2.0
/* A guest's memory in an ELF core: segments anywhere in the file, tails of zeros, and headers that
 * somebody made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmi/ram.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define GIB4 (UINT64_C(1) << 32)

/* Notes first, so that memory begins at an odd place; 8 pages at 0, 4 at 1 MiB of which the file
 * holds one and a half, 2 at 4 GiB. Byte k of the file's memory is k * 7. */
static struct dump {
    Elf64_Ehdr head;
    Elf64_Phdr segments[4];
    char notes[37];
    uint8_t memory[8 * 4096 + 6144 + 2 * 4096];
} __attribute__((packed)) dump;

static int make(void **state)
{
    const uint64_t at = offsetof(struct dump, memory);
    dump = (struct dump){
        .head = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                 .e_type = ET_CORE,
                 .e_machine = EM_X86_64,
                 .e_phoff = offsetof(struct dump, segments),
                 .e_phentsize = sizeof(Elf64_Phdr),
                 .e_phnum = 4},
        .segments = {{.p_type = PT_NOTE, .p_offset = offsetof(struct dump, notes), .p_filesz = 37},
                     {.p_type = PT_LOAD,
                      .p_paddr = GIB4,
                      .p_offset = at + 8 * 4096 + 6144,
                      .p_filesz = 8192,
                      .p_memsz = 8192},
                     {.p_type = PT_LOAD, .p_offset = at, .p_filesz = 32768, .p_memsz = 32768},
                     {.p_type = PT_LOAD,
                      .p_paddr = 1 << 20,
                      .p_offset = at + 32768,
                      .p_filesz = 6144,
                      .p_memsz = 16384}}};
    for (size_t i = 0; i < sizeof dump.memory; i++)
        dump.memory[i] = (uint8_t)(i * 7);
    return 0;
}

static int file_of(size_t size)
{
    int fd = memfd_create("dump", MFD_CLOEXEC);
    assert_int_equal(write(fd, &dump, size), size);
    return fd;
}

static int open_dump(struct ax_ram **out, size_t size)
{
    struct ax_err err;
    int fd = file_of(size);
    int rc = ax_ram_open_elf(out, fd, &err);
    close(fd);
    return rc;
}

static void reads_by_guest_address(void **state)
{
    struct ax_ram *r = NULL;
    assert_int_equal(open_dump(&r, sizeof dump), 0);
    assert_memory_equal(ax_ram_at(r, 100, 5000), dump.memory + 100, 5000);
    assert_memory_equal(ax_ram_at(r, 1 << 20, 6144), dump.memory + 32768, 6144);
    assert_memory_equal(ax_ram_at(r, GIB4 + 4095, 4097), dump.memory + 32768 + 6144 + 4095, 4097);
    assert_null(ax_ram_at(r, 32768, 1));
    assert_null(ax_ram_at(r, GIB4 + 8191, 2));
    assert_true(ax_ram_contiguous(r));
    ax_ram_close(r);
}

static void a_tail_is_zeros(void **state)
{
    struct ax_ram *r = NULL;
    static const uint8_t zeros[16384];
    assert_int_equal(open_dump(&r, sizeof dump), 0);
    const uint8_t *p = ax_ram_at(r, (1 << 20) + 6000, 1000);
    assert_memory_equal(p, dump.memory + 32768 + 6000, 144);
    assert_memory_equal(p + 144, zeros, 856);
    assert_memory_equal(ax_ram_at(r, (1 << 20) + 6144, 16384 - 6144), zeros, 16384 - 6144);
    assert_null(ax_ram_at(r, (1 << 20) + 16384 - 1, 2));
    ax_ram_begin(r);
    ax_ram_close(r);
}

/* A page of the file, and a tail of 64 MiB that is in none: each read across is a copy. */
static void copies_of_a_tail_take_little_memory(void **state)
{
    struct ax_ram *r = NULL;
    size_t n = 0;
    dump.segments[3].p_memsz = 64u << 20;
    assert_int_equal(open_dump(&r, sizeof dump), 0);
    while (n < 100 && ax_ram_at(r, (1 << 20) + n, AX_RAM_SPAN))
        n++;
    assert_in_range(n, 1, (64u << 20) / AX_RAM_SPAN);
    ax_ram_begin(r);
    assert_non_null(ax_ram_at(r, 1 << 20, AX_RAM_SPAN));
    ax_ram_close(r);
}

static void a_search_leaves_out_the_tail(void **state)
{
    struct ax_ram *r = NULL;
    uint64_t gpa = 0, end = 0, n = 0;
    static const uint64_t expected[][2] = {
        {0, 32768}, {1 << 20, (1 << 20) + 8192}, {GIB4, GIB4 + 8192}};
    assert_int_equal(open_dump(&r, sizeof dump), 0);
    for (; ax_ram_data(r, &gpa, &end); gpa = end) {
        assert_true(n < 3 && gpa == expected[n][0] && end == expected[n][1]);
        ax_ram_drop(r, gpa, end);
        n++;
    }
    assert_int_equal(n, 3);
    assert_memory_equal(ax_ram_at(r, 100, 5000), dump.memory + 100, 5000);
    ax_ram_close(r);
}

static void neighbours_are_one_block(void **state)
{
    struct ax_ram *r = NULL;
    const struct ax_ram_block *blocks;
    dump.segments[3].p_paddr = 32768;
    assert_int_equal(open_dump(&r, sizeof dump), 0);
    assert_int_equal(ax_ram_blocks(r, &blocks), 2);
    assert_int_equal(blocks[0].size, 32768 + 16384);
    assert_memory_equal(ax_ram_at(r, 32000, 4000), dump.memory + 32000, 4000);
    ax_ram_close(r);
}

static void refused(void **state)
{
    struct ax_ram *r = NULL;
    assert_int_equal(open_dump(&r, sizeof dump - 1), -EINVAL); /* cut short */
    assert_int_equal(open_dump(&r, 20), -EINVAL);
    assert_int_equal(open_dump(&r, 0), -EINVAL);
    dump.head.e_machine = EM_AARCH64;
    assert_int_equal(open_dump(&r, sizeof dump), -EINVAL);
    make(NULL);
    dump.head.e_phnum = 5000;
    assert_int_equal(open_dump(&r, sizeof dump), -EINVAL);
    make(NULL);
    dump.head.e_phoff = UINT64_MAX - 8;
    assert_int_equal(open_dump(&r, sizeof dump), -EINVAL);
    make(NULL);
    dump.segments[1].p_offset = UINT64_MAX - 100;
    assert_int_equal(open_dump(&r, sizeof dump), -EINVAL);
    make(NULL);
    dump.segments[1].p_paddr = 4096; /* overlaps the one at 0 */
    assert_int_equal(open_dump(&r, sizeof dump), -EINVAL);
    make(NULL);
    dump.segments[1].p_paddr = UINT64_MAX - 4095;
    assert_int_equal(open_dump(&r, sizeof dump), -EINVAL);
    assert_null(r);
}

/* Whatever the headers say: an error, or memory that can be read from end to end. */
static void made_up_headers(void **state)
{
    static uint8_t copy[AX_RAM_SPAN];
    unsigned seed = 1, opened = 0;
    for (int round = 0; round < 20000; round++) {
        struct ax_ram *r = NULL;
        make(NULL);
        for (int k = 0; k < 3; k++) {
            size_t at = (size_t)rand_r(&seed) % offsetof(struct dump, notes);
            ((uint8_t *)&dump)[at] = (uint8_t)rand_r(&seed);
        }
        if (open_dump(&r, sizeof dump) < 0)
            continue;
        const struct ax_ram_block *blocks;
        size_t n = ax_ram_blocks(r, &blocks);
        for (size_t i = 0; i < n; i++) {
            size_t len = blocks[i].size < 65536 ? blocks[i].size : 65536;
            assert_true(ax_ram_read(r, blocks[i].gpa, copy, len));
            assert_true(ax_ram_read(r, blocks[i].gpa + blocks[i].size - len, copy, len));
        }
        opened++;
        ax_ram_close(r);
    }
    assert_in_range(opened, 100, 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(reads_by_guest_address, make),
        cmocka_unit_test_setup(a_tail_is_zeros, make),
        cmocka_unit_test_setup(copies_of_a_tail_take_little_memory, make),
        cmocka_unit_test_setup(a_search_leaves_out_the_tail, make),
        cmocka_unit_test_setup(neighbours_are_one_block, make),
        cmocka_unit_test_setup(refused, make),
        cmocka_unit_test_setup(made_up_headers, make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
