// SPDX-License-Identifier: Apache-2.0
/* A guest's memory in a file: pieces that leave out what is not there, the head that makes it an
 * ELF core, and a worker that gives memory to the scope forensic only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_guest/fake.h"
#include "vmi/worker.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

/* 64 MiB at 0, 64 MiB at 4 GiB; some pages were written, of which one is of zeros. */
static const struct ax_ram_block blocks[] = {
    {.gpa = 0, .size = 64 * MIB, .at = 0},
    {.gpa = UINT64_C(1) << 32, .size = 64 * MIB, .at = 64 * MIB}};
static const uint64_t written[] = {0, 4096, 3 * MIB, 64 * MIB - 4096, 64 * MIB, 100 * MIB + 8192};
static const uint64_t zeros_at = 5 * MIB;

static struct ax_err err;

static void write_page(int fd, uint64_t at, int byte)
{
    uint8_t page[AX_PAGE];
    memset(page, byte, sizeof page);
    assert_int_equal(pwrite(fd, page, sizeof page, (off_t)at), sizeof page);
}

static int guest_file(void)
{
    int fd = memfd_create("guest", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, 128 * MIB), 0);
    for (size_t i = 0; i < AX_ARRAY_LEN(written); i++)
        write_page(fd, written[i], (int)i + 1);
    write_page(fd, zeros_at, 0);
    return fd;
}

static uint64_t blocks_of(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return (uint64_t)st.st_blocks;
}

/* ---- pieces ---- */

/* Puts a piece into a file that is sparse, as who receives it does. */
static uint64_t unfold(struct ax_str piece, int fd, uint64_t at)
{
    struct ax_run run;
    int rc;
    while ((rc = ax_piece_next(&piece, &run, &err)) > 0) {
        at += run.zeros;
        assert_int_equal(pwrite(fd, run.data.p, run.data.n, (off_t)at), run.data.n);
        at += run.data.n;
    }
    assert_int_equal(rc, 0);
    return at;
}

static void a_piece_has_what_was_written_and_no_more(void **state)
{
    struct ax_buf piece = AX_BUF_INIT;
    struct ax_ram *ram;
    struct ax_run run;
    uint64_t covers, data;
    int fd = guest_file();
    uint64_t before = blocks_of(fd);
    assert_int_equal(ax_ram_open_file(&ram, fd, blocks, 2, &err), 0);
    assert_int_equal(ax_piece_read(ram, 0, 64 * MIB, &piece, &err), 0);
    assert_int_equal(ax_piece_check(ax_buf_view(&piece), 64 * MIB, &covers, &data, &err), 0);
    assert_int_equal(covers, 64 * MIB);
    assert_int_equal(data, 4 * AX_PAGE);
    assert_int_equal(piece.n, 4 * AX_PAGE + 3 * 8);
    struct ax_str rest = ax_buf_view(&piece);
    assert_int_equal(ax_piece_next(&rest, &run, &err), 1);
    assert_int_equal(run.zeros, 0);
    assert_int_equal(run.data.n, 2 * AX_PAGE);
    assert_int_equal(run.data.p[0], 1);
    assert_int_equal(run.data.p[AX_PAGE], 2);
    assert_int_equal(ax_piece_next(&rest, &run, &err), 1);
    assert_int_equal(run.zeros, 3 * MIB - 2 * AX_PAGE);
    assert_int_equal(blocks_of(fd), before); /* no page has come into being */
    ax_ram_close(ram);
    ax_buf_free(&piece);
    close(fd);
}

static void a_piece_is_bounded(void **state)
{
    struct ax_buf piece = AX_BUF_INIT;
    struct ax_ram *ram;
    uint64_t covers, data;
    int fd = memfd_create("guest", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, 16 * MIB), 0);
    for (uint64_t at = MIB; at < 9 * MIB; at += AX_PAGE)
        write_page(fd, at, 7);
    const struct ax_ram_block one = {.size = 16 * MIB};
    assert_int_equal(ax_ram_open_file(&ram, fd, &one, 1, &err), 0);
    assert_int_equal(ax_piece_read(ram, 0, 16 * MIB, &piece, &err), 0);
    assert_int_equal(ax_piece_check(ax_buf_view(&piece), 16 * MIB, &covers, &data, &err), 0);
    assert_int_equal(data, AX_EXTRACT_DATA);
    assert_int_equal(covers, MIB + AX_EXTRACT_DATA);
    static const uint64_t wrong[][2] = {{1, AX_PAGE},
                                        {0, 1},
                                        {0, 0},
                                        {0, 32 * MIB},
                                        {16 * MIB, AX_PAGE},
                                        {UINT64_MAX - 4095, AX_PAGE}};
    for (size_t i = 0; i < AX_ARRAY_LEN(wrong); i++)
        assert_int_equal(ax_piece_read(ram, wrong[i][0], wrong[i][1], &piece, &err), -EINVAL);
    ax_ram_close(ram);
    ax_buf_free(&piece);
    close(fd);
}

static void nonsense_is_no_piece(void **state)
{
    static const char short_head[7], endless[8] = {0, 0, 0, 0, 1, 0, 0, 0}, nothing[8];
    static const char huge[8] = {-1, -1, -1, -1, 0, 0, 0, 0};
    uint64_t covers, data;
    const struct ax_str wrong[] = {{short_head, 7}, {endless, 8}, {nothing, 8}, {huge, 8}, {"", 0}};
    for (size_t i = 0; i < AX_ARRAY_LEN(wrong); i++)
        assert_int_equal(ax_piece_check(wrong[i], MIB, &covers, &data, &err), -EINVAL);
}

/* ---- the file ---- */

static struct ax_memory_map map_of(const struct ax_ram_block *b, size_t n)
{
    struct ax_memory_map m = {.n = n};
    memcpy(m.blocks, b, n * sizeof *b);
    m.vmcoreinfo_n = (size_t)snprintf(m.vmcoreinfo, sizeof m.vmcoreinfo, "OSRELEASE=6.1\n");
    return m;
}

/* All of an extract into a new file. */
static int write_file(const struct ax_extract *x, struct ax_ram *ram)
{
    struct ax_buf piece = AX_BUF_INIT;
    int fd = memfd_create("extract", MFD_CLOEXEC);
    uint64_t gpa, bytes;
    ax_extract_head(x, &piece);
    uint64_t at = unfold(ax_buf_view(&piece), fd, 0);
    while (ax_extract_at(x, at, &gpa, &bytes)) {
        ax_buf_clear(&piece);
        assert_int_equal(ax_piece_read(ram, gpa, bytes, &piece, &err), 0);
        at = unfold(ax_buf_view(&piece), fd, at);
    }
    assert_int_equal(at, x->size);
    assert_int_equal(ftruncate(fd, (off_t)at), 0);
    ax_buf_free(&piece);
    return fd;
}

static void the_reader_reads_what_was_written(void **state)
{
    struct ax_memory_map m = map_of(blocks, 2);
    struct ax_ram *ram, *back;
    struct ax_extract x;
    int fd = guest_file();
    assert_int_equal(ax_ram_open_file(&ram, fd, blocks, 2, &err), 0);
    assert_int_equal(ax_extract_plan(&x, &m, 0, 0, &err), 0);
    int file = write_file(&x, ram);
    assert_in_range(blocks_of(file) * 512, 7 * AX_PAGE, 8 * AX_PAGE); /* and the head's page */
    assert_int_equal(ax_ram_open_elf(&back, file, &err), 0);
    const struct ax_ram_block *b;
    assert_int_equal(ax_ram_blocks(back, &b), 2);
    assert_int_equal(b[1].gpa, UINT64_C(1) << 32);
    assert_int_equal(b[1].size, 64 * MIB);
    for (size_t i = 0; i < AX_ARRAY_LEN(written); i++) {
        uint64_t gpa =
            written[i] < 64 * MIB ? written[i] : written[i] - 64 * MIB + (UINT64_C(1) << 32);
        const uint8_t *p = ax_ram_at(back, gpa, AX_PAGE);
        assert_true(p && p[0] == i + 1 && p[AX_PAGE - 1] == i + 1);
    }
    assert_int_equal(*ax_ram_at(back, 2 * AX_PAGE, 1), 0);
    ax_ram_close(back);
    ax_ram_close(ram);
    ax_extract_free(&x);
    close(file);
    close(fd);
}

static void the_head_is_that_of_a_core(void **state)
{
    struct ax_memory_map m = map_of(blocks, 2);
    struct ax_extract x;
    Elf64_Ehdr h;
    Elf64_Phdr p[3];
    Elf64_Nhdr n;
    assert_int_equal(ax_extract_plan(&x, &m, 0, 0, &err), 0);
    memcpy(&h, x.head.p, sizeof h);
    memcpy(p, x.head.p + h.e_phoff, sizeof p);
    memcpy(&n, x.head.p + p[0].p_offset, sizeof n);
    assert_int_equal(h.e_type, ET_CORE);
    assert_int_equal(h.e_phnum, 3);
    assert_int_equal(p[0].p_type, PT_NOTE);
    assert_int_equal(n.n_descsz, m.vmcoreinfo_n);
    assert_string_equal(x.head.p + p[0].p_offset + sizeof n, "VMCOREINFO");
    assert_memory_equal(x.head.p + p[0].p_offset + sizeof n + 12, m.vmcoreinfo, m.vmcoreinfo_n);
    assert_int_equal(p[2].p_paddr, UINT64_C(1) << 32);
    assert_int_equal(p[2].p_offset, p[1].p_offset + p[1].p_filesz);
    assert_int_equal(p[2].p_offset + p[2].p_filesz, x.size);
    assert_int_equal(x.head.n % AX_PAGE, 0);
    ax_extract_free(&x);
}

/* Other tools read the kernel's page tables where the kernel sees them. */
static void the_image_has_its_virtual_address(void **state)
{
    struct ax_memory_map m = map_of(blocks, 2);
    struct ax_extract x;
    Elf64_Ehdr h;
    Elf64_Phdr p[5];
    m.vmcoreinfo_n = (size_t)snprintf(m.vmcoreinfo, sizeof m.vmcoreinfo,
                                      "SYMBOL(_stext)=ffffffff92000000\n"
                                      "SYMBOL(swapper_pg_dir)=ffffffff93000000\n"
                                      "NUMBER(phys_base)=-285212672\n"); /* to 16 MiB */
    assert_int_equal(ax_extract_plan(&x, &m, 0, 0, &err), 0);
    memcpy(&h, x.head.p, sizeof h);
    memcpy(p, x.head.p + h.e_phoff, sizeof p);
    assert_int_equal(h.e_phnum, 4); /* the image goes on to the block's end */
    assert_int_equal(p[1].p_paddr, 0);
    assert_int_equal(p[1].p_memsz, 16 * MIB);
    assert_int_equal(p[2].p_paddr, 16 * MIB);
    assert_true(p[2].p_vaddr == UINT64_C(0xffffffff92000000));
    assert_int_equal(p[2].p_memsz, 48 * MIB);
    assert_int_equal(p[2].p_offset, p[1].p_offset + p[1].p_filesz);
    assert_int_equal(p[3].p_vaddr, 0);
    assert_int_equal(p[3].p_offset + p[3].p_filesz, x.size);
    ax_extract_free(&x);
}

static void a_range_is_of_whole_pages(void **state)
{
    struct ax_memory_map m = map_of(blocks, 2);
    struct ax_extract x;
    assert_int_equal(ax_extract_plan(&x, &m, 4097, 1, &err), 0);
    assert_int_equal(x.n, 1);
    assert_int_equal(x.blocks[0].gpa, 4096);
    assert_int_equal(x.blocks[0].size, 4096);
    ax_extract_free(&x);
    assert_int_equal(ax_extract_plan(&x, &m, 60 * MIB, UINT64_C(1) << 32, &err), 0);
    assert_int_equal(x.n, 2);
    assert_int_equal(x.blocks[0].size, 4 * MIB);
    assert_int_equal(x.blocks[1].size, 60 * MIB);
    ax_extract_free(&x);
    assert_int_equal(ax_extract_plan(&x, &m, 64 * MIB, MIB, &err), -EINVAL); /* between the two */
    assert_non_null(strstr(err.text, "0x100000000 to 0x103ffffff"));
    assert_int_equal(ax_extract_plan(&x, &m, UINT64_MAX - 5, 0, &err), -EINVAL);
}

static void a_map_that_makes_no_sense_is_refused(void **state)
{
    const struct ax_ram_block wrong[][2] = {
        {{.gpa = 0, .size = MIB}, {.gpa = MIB - 4096, .size = MIB}},
        {{.gpa = MIB, .size = MIB}, {.gpa = 0, .size = MIB}},
        {{.gpa = 0, .size = 0}, {.gpa = MIB, .size = MIB}},
        {{.gpa = 1, .size = MIB}, {.gpa = 2 * MIB, .size = MIB}},
        {{.gpa = 0, .size = MIB}, {.gpa = MIB, .size = UINT64_C(1) << 60}},
        {{.gpa = 0, .size = MIB}, {.gpa = UINT64_C(1) << 60, .size = MIB}},
    };
    struct ax_extract x;
    for (size_t i = 0; i < AX_ARRAY_LEN(wrong); i++) {
        struct ax_memory_map m = map_of(wrong[i], 2);
        assert_int_equal(ax_extract_plan(&x, &m, 0, 0, &err), -EINVAL);
    }
    struct ax_memory_map m = map_of(blocks, 2);
    m.n = AX_RAM_BLOCKS + 1;
    assert_int_equal(ax_extract_plan(&x, &m, 0, 0, &err), -EINVAL);
    m.n = 0;
    assert_int_equal(ax_extract_plan(&x, &m, 0, 0, &err), -EINVAL);
    static const uint64_t no_size[] = {1, MIB + 1, (UINT64_C(1) << 52) + 4096, 0 - UINT64_C(4096)};
    for (size_t i = 0; i < AX_ARRAY_LEN(no_size); i++) {
        m = map_of(blocks, 2);
        m.left_out = no_size[i];
        assert_int_equal(ax_extract_plan(&x, &m, 0, 0, &err), -EINVAL);
    }
}

/* It may lie wherever nothing else does. */
static void what_is_left_out_is_told_where_it_may_lie(void **state)
{
    static const struct {
        uint64_t from, bytes, left_out;
    } ranges[] = {{0, 0, 2 * MIB},
                  {0, 64 * MIB, 0},
                  {MIB, 4097, 0},
                  {0, 64 * MIB + 1, 2 * MIB},
                  {(UINT64_C(1) << 32) + MIB, 0, 2 * MIB},
                  {UINT64_C(1) << 32, 64 * MIB, 0}};
    struct ax_memory_map m = map_of(blocks, 2);
    struct ax_extract x;
    m.left_out = 2 * MIB;
    for (size_t i = 0; i < AX_ARRAY_LEN(ranges); i++) {
        assert_int_equal(ax_extract_plan(&x, &m, ranges[i].from, ranges[i].bytes, &err), 0);
        assert_int_equal(x.left_out, ranges[i].left_out);
        ax_extract_free(&x);
    }
}

/* ---- the worker ---- */

static char name[] = "worker", flag[] = "--worker";
static char *const args[] = {name, flag, NULL};

static int inspector_of(struct ax_inspector **out, int fd, enum ax_scope scope, bool extracts)
{
    const struct ax_inspector_options o = {
        .scope = scope, .extracts = extracts, .start_ms = 20000, .poll_ms = 20000, .args = args};
    struct ax_ram_place place = {.kind = AX_RAM_FILE, .fd = fd, .size = 128 * MIB, .n_blocks = 2};
    memcpy(place.blocks, blocks, sizeof blocks);
    return ax_inspector_new(out, &place, &o, &err);
}

static void only_the_scope_forensic_gets_memory(void **state)
{
    struct ax_inspector *i;
    struct ax_memory_map m;
    int fd = guest_file();
    for (int scope = AX_SCOPE_STATISTICS; scope < AX_SCOPE_FORENSIC; scope++) {
        assert_int_equal(inspector_of(&i, fd, (enum ax_scope)scope, true), 0);
        assert_int_equal(ax_inspector_map(i, &m, &err), -EPERM);
        ax_inspector_free(i);
    }
    /* One that was not started for it has nothing to extract from, whatever its scope. */
    const struct fake_options o = fake_kernel(FAKE_6_1, 1);
    struct fake *g = fake_new(&o);
    struct ax_buf b = AX_BUF_INIT;
    struct ax_ram_place place = {.kind = AX_RAM_FILE, .fd = fake_fd(g), .size = o.ram};
    place.n_blocks = fake_blocks(g, place.blocks);
    for (int scope = AX_SCOPE_STATISTICS; scope <= AX_SCOPE_FORENSIC; scope++) {
        const struct ax_inspector_options io = {
            .scope = (enum ax_scope)scope, .start_ms = 20000, .args = args};
        assert_int_equal(ax_inspector_new(&i, &place, &io, &err), 0);
        assert_int_equal(ax_inspector_ask(i, AX_PART_SYSTEM, &b, &err), 0);
        assert_int_equal(ax_inspector_map(i, &m, &err), -EPERM);
        assert_int_equal(ax_inspector_extract(i, 0, AX_PAGE, &b, &err), -EPERM);
        ax_inspector_free(i);
    }
    ax_buf_free(&b);
    fake_free(g);
    close(fd);
}

static void a_guest_without_a_kernel_is_extracted_too(void **state)
{
    struct ax_buf piece = AX_BUF_INIT;
    struct ax_inspector *i;
    struct ax_memory_map m;
    uint64_t covers, data;
    int fd = guest_file();
    assert_int_equal(inspector_of(&i, fd, AX_SCOPE_FORENSIC, true), 0);
    assert_int_equal(ax_inspector_map(i, &m, &err), 0);
    assert_int_equal(m.n, 2);
    assert_int_equal(m.vmcoreinfo_n, 0);
    assert_int_equal(m.left_out, 0);
    assert_int_equal(ax_inspector_ask(i, AX_PART_SYSTEM, &piece, &err), -ENOENT);
    assert_int_equal(ax_inspector_extract(i, 0, 64 * MIB, &piece, &err), 0);
    assert_int_equal(ax_piece_check(ax_buf_view(&piece), 64 * MIB, &covers, &data, &err), 0);
    assert_int_equal(data, 4 * AX_PAGE);
    assert_int_equal(ax_inspector_extract(i, 64 * MIB, MIB, &piece, &err), -EINVAL);
    assert_int_equal(ax_inspector_counts(i).starts, 1);
    ax_inspector_free(i);
    ax_buf_free(&piece);
    close(fd);
}

/* One whose place is known, and two that may have been plugged in. */
static void the_worker_tells_what_it_leaves_out(void **state)
{
    const struct ax_inspector_options o = {
        .scope = AX_SCOPE_FORENSIC, .extracts = true, .start_ms = 20000, .args = args};
    struct ax_ram_place place = {.kind = AX_RAM_PIECES, .fd = -1};
    struct ax_ram_pieces *p = &place.pieces;
    struct ax_inspector *i;
    struct ax_memory_map m;
    int fd = guest_file();
    p->slots[p->n_slots++] = (struct ax_ram_slot){.size = 64 * MIB, .low = 64 * MIB};
    p->found[p->n_found++] = (struct ax_ram_found){.size = 64 * MIB, .may_be = 1};
    p->found[p->n_found++] = (struct ax_ram_found){.at = 64 * MIB, .size = 48 * MIB};
    p->found[p->n_found++] = (struct ax_ram_found){.at = 112 * MIB, .size = 16 * MIB};
    p->fds[p->n_fds++] = fd;
    p->hotplug = true;
    assert_int_equal(ax_inspector_new(&i, &place, &o, &err), 0);
    assert_int_equal(ax_inspector_map(i, &m, &err), 0);
    assert_int_equal(m.n, 1);
    assert_int_equal(m.blocks[0].size, 64 * MIB);
    assert_int_equal(m.left_out, 64 * MIB);
    ax_inspector_free(i);
    close(fd);
}

/* What is read back has the same kernel in it, by its note, and by its memory. */
static void a_kernel_is_found_again(void **state)
{
    const struct fake_options o = fake_kernel(FAKE_6_12, 3);
    struct fake *g = fake_new(&o);
    struct ax_ram_place place = {.kind = AX_RAM_FILE, .fd = fake_fd(g), .size = o.ram};
    const struct ax_inspector_options io = {
        .scope = AX_SCOPE_FORENSIC, .extracts = true, .start_ms = 20000, .args = args};
    struct ax_inspector *i;
    struct ax_memory_map m;
    struct ax_extract x;
    struct ax_vmi *v;
    place.n_blocks = fake_blocks(g, place.blocks);
    assert_int_equal(ax_inspector_new(&i, &place, &io, &err), 0);
    assert_int_equal(ax_inspector_map(i, &m, &err), 0);
    assert_true(m.vmcoreinfo_n > 100);
    assert_non_null(memmem(m.vmcoreinfo, m.vmcoreinfo_n, o.release, strlen(o.release)));
    assert_int_equal(ax_extract_plan(&x, &m, 0, 0, &err), 0);
    struct ax_ram *ram = fake_ram(g), *back;
    int file = write_file(&x, ram);
    assert_int_equal(ax_ram_open_elf(&back, file, &err), 0);
    const struct ax_vmi_options vo = {.scope = AX_SCOPE_PROCESSES};
    assert_int_equal(ax_vmi_attach(&v, back, &vo, &err), 0);
    ax_vmi_detach(v);
    ax_ram_close(ram);
    ax_inspector_free(i);
    ax_extract_free(&x);
    close(file);
    fake_free(g);
}

/* Anonymous memory: pages that were never written are holes; when the process ends, so does it. */
static void the_memory_of_a_process(void **state)
{
    struct ax_buf piece = AX_BUF_INIT;
    int ready[2];
    char byte;
    uint64_t covers, data;
    uint8_t *memory =
        mmap(NULL, 16 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(madvise(memory, 16 * MIB, MADV_NOHUGEPAGE), 0);
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        memory[0] = 1;
        memset(memory + 3 * MIB, 5, 2 * AX_PAGE);
        (void)!write(ready[1], "", 1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    const struct ax_ram_block one = {.size = 16 * MIB, .at = (uint64_t)(uintptr_t)memory};
    struct ax_ram *ram;
    assert_int_equal(ax_ram_open_process(&ram, pid, &one, 1, &err), 0);
    assert_int_equal(ax_piece_read(ram, 0, 16 * MIB, &piece, &err), 0);
    assert_int_equal(ax_piece_check(ax_buf_view(&piece), 16 * MIB, &covers, &data, &err), 0);
    assert_int_equal(covers, 16 * MIB);
    assert_int_equal(data, 3 * AX_PAGE);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_int_equal(ax_piece_read(ram, 0, 16 * MIB, &piece, &err), -ESRCH);
    ax_ram_close(ram);
    ax_buf_free(&piece);
    munmap(memory, 16 * MIB);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], flag) == 0)
        return ax_inspector_worker();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_piece_has_what_was_written_and_no_more),
        cmocka_unit_test(a_piece_is_bounded),
        cmocka_unit_test(nonsense_is_no_piece),
        cmocka_unit_test(the_reader_reads_what_was_written),
        cmocka_unit_test(the_head_is_that_of_a_core),
        cmocka_unit_test(the_image_has_its_virtual_address),
        cmocka_unit_test(a_range_is_of_whole_pages),
        cmocka_unit_test(a_map_that_makes_no_sense_is_refused),
        cmocka_unit_test(what_is_left_out_is_told_where_it_may_lie),
        cmocka_unit_test(only_the_scope_forensic_gets_memory),
        cmocka_unit_test(a_guest_without_a_kernel_is_extracted_too),
        cmocka_unit_test(the_worker_tells_what_it_leaves_out),
        cmocka_unit_test(a_kernel_is_found_again),
        cmocka_unit_test(the_memory_of_a_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
