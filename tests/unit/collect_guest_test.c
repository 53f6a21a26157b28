// SPDX-License-Identifier: Apache-2.0
/* Where a VM's memory is, from what QEMU's process shows in /proc: made up here, file by file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "collect/collect.h"
#include "collect/vmi/qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

static char proc[] = "/tmp/auspex-guest-XXXXXX";
static struct ax_guest_memory found;
static struct ax_err err;

static void put(const char *name, const char *bytes, size_t n)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", proc, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
}

static void link_to(const char *name, const char *target)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", proc, name);
    unlink(path);
    assert_int_equal(symlink(target, path), 0);
}

static int make(void **state)
{
    char path[256];
    struct ax_err e;
    snprintf(proc, sizeof proc, "/tmp/auspex-guest-XXXXXX");
    if (!mkdtemp(proc))
        return -1;
    snprintf(path, sizeof path, "%s/77/fd", proc);
    ax_mkdirs(path, &e);
    snprintf(path, sizeof path, "%s/77/task/78", proc);
    return ax_mkdirs(path, &e);
}

static int remove_all(void **state)
{
    ax_remove_tree(proc, NULL);
    return 0;
}

#define ARGS(text) put("77/cmdline", text, sizeof text)
#define MAPS(text) put("77/maps", text, sizeof text - 1)

static int find(void)
{
    found = (struct ax_guest_memory){.place.fd = -1};
    return ax_guest_memory_find(proc, 77, &found, &err);
}

static struct ax_qemu_args args_of(struct ax_str cmdline)
{
    struct ax_qemu_args a;
    ax_qemu_args(cmdline, &a);
    return a;
}
#define ARGS_OF(text) args_of((struct ax_str){text, sizeof text})

static void command_lines(void **state)
{
    assert_int_equal(ARGS_OF("/usr/bin/qemu-system-x86_64\0-m\0"
                             "256")
                         .ram,
                     256 * MIB);
    assert_int_equal(ARGS_OF("qemu-system-x86_64\0-m\0"
                             "4G")
                         .ram,
                     4096 * MIB);
    assert_int_equal(ARGS_OF("qemu-kvm\0-m\0size=262144k,slots=4,maxmem=8G").ram, 256 * MIB);
    assert_int_equal(ARGS_OF("qemu-system-x86_64\0--m\0"
                             "1g")
                         .ram,
                     1024 * MIB);
    assert_int_equal(ARGS_OF("qemu-system-x86_64").ram, 128 * MIB);
    assert_int_equal(ARGS_OF("qemu-system-x86_64\0-m\0huge").ram, 0);
    assert_int_equal(ARGS_OF("qemu-system-x86_64\0-m\0"
                             "99999999999999999G")
                         .ram,
                     0);
    assert_int_equal(ARGS_OF("/bin/sh\0-m\0"
                             "256")
                         .ram,
                     0);
    struct ax_qemu_args a =
        ARGS_OF("qemu-system-x86_64\0-machine\0accel=kvm,type=pc-q35-7.2\0-uuid\0"
                "abc\0-incoming\0defer");
    assert_true(ax_str_eq(a.machine, AX_STR("pc-q35-7.2")));
    assert_true(ax_str_eq(a.uuid, AX_STR("abc")));
    assert_true(a.incoming);
    a = ARGS_OF("qemu-system-x86_64\0-M\0q35,accel=tcg\0-machine\0memory-backend=ram");
    assert_true(ax_str_eq(a.machine, AX_STR("q35")));
}

static void anonymous_memory(void **state)
{
    ARGS("qemu-system-x86_64\0-m\0"
         "256\0-machine\0q35\0-uuid\0u-1");
    MAPS("55d0c0000000-55d0c0800000 r-xp 00000000 08:01 11 /usr/bin/qemu-system-x86_64\n"
         "7f00e0000000-7f00f0000000 r--p 00000000 00:00 0\n"
         "7f0100000000-7f0108000000 rw-p 00000000 00:00 0\n"
         "7f0108000000-7f0110000000 rw-p 00000000 00:00 0 \n"
         "7f0110000000-7f0110001000 ---p 00000000 00:00 0 \n"
         "7f0110200000-7f0111200000 rw-p 00000000 00:00 0 \n");
    assert_int_equal(find(), 0);
    assert_string_equal(found.handle, "vm:u-1");
    assert_int_equal(found.place.kind, AX_RAM_PROCESS);
    assert_int_equal(found.place.pid, 77);
    assert_int_equal(found.place.base, 0x7f0100000000);
    assert_int_equal(found.place.n_blocks, 1);
    assert_int_equal(found.place.blocks[0].at, 0x7f0100000000);
    assert_int_equal(found.place.blocks[0].size, 256 * MIB);
}

/* A file stands in for the memfd: what counts is that link, inode and length agree. */
static void shared_memory(void **state)
{
    char ram[256], maps[1024], other[256];
    struct stat st;
    snprintf(ram, sizeof ram, "%s/ram", proc);
    snprintf(other, sizeof other, "%s/other", proc);
    put("ram", "", 0);
    put("other", "", 0);
    assert_int_equal(truncate(ram, 256 * MIB), 0);
    assert_int_equal(stat(ram, &st), 0);
    ARGS("qemu-system-x86_64\0-m\0"
         "256\0-machine\0q35");
    snprintf(maps, sizeof maps,
             "7f0000000000-7f0010000000 rw-p 00000000 00:00 0\n"
             "7f0100000000-7f0110000000 rw-s 00000000 08:01 %llu %s\n",
             (unsigned long long)st.st_ino, ram);
    put("77/maps", maps, strlen(maps));
    link_to("77/fd/3", other);
    link_to("77/fd/4", "/memfd:another (deleted)");
    assert_int_equal(find(), 0); /* no descriptor: by way of the process */
    assert_int_equal(found.place.kind, AX_RAM_PROCESS);
    assert_int_equal(found.place.base, 0x7f0100000000);
    link_to("77/fd/12", ram);
    assert_int_equal(find(), 0);
    assert_int_equal(found.place.kind, AX_RAM_FILE);
    assert_string_equal(found.handle, "process:77");
    assert_int_equal(found.place.base, 0);
    assert_int_equal(found.place.pid, 0);
    assert_int_equal(fcntl(found.place.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    close(found.place.fd);
    assert_int_equal(truncate(ram, 255 * MIB), 0); /* it would end in SIGBUS */
    assert_int_equal(find(), 0);
    assert_int_equal(found.place.kind, AX_RAM_PROCESS);
}

static void layouts(void **state)
{
    MAPS("7f0000000000-7f0140000000 rw-p 00000000 00:00 0\n");
    ARGS("qemu-system-x86_64\0-m\0"
         "5G\0-machine\0pc-q35-7.2");
    assert_int_equal(find(), 0);
    assert_int_equal(found.place.n_blocks, 2);
    assert_int_equal(found.place.blocks[0].size, 0x80000000);
    assert_int_equal(found.place.blocks[1].at, 0x7f0080000000);
    ARGS("qemu-system-x86_64\0-m\0"
         "5G");
    assert_int_equal(find(), 0);
    assert_int_equal(found.place.blocks[0].size, 0xc0000000);
    ARGS("qemu-system-x86_64\0-m\0"
         "5G\0-machine\0microvm");
    assert_int_equal(find(), 0);
    assert_int_equal(found.place.n_blocks, 0); /* both are tried */
}

static void what_cannot_be_told(void **state)
{
    ARGS("qemu-system-x86_64\0-m\0"
         "256");
    MAPS("7f0000000000-7f0000100000 rw-p 00000000 00:00 0\n");
    assert_int_equal(find(), -ENOENT);
    MAPS("7f0000000000-7f0010000000 rw-p 00000000 00:00 0\n"
         "7f0100000000-7f0110000000 rw-p 00000000 00:00 0\n");
    assert_int_equal(find(), -ENOTUNIQ);
    MAPS("zz-7f0010000000 rw-p\n-\n7f0000000000-\n\n7f0000000000-7f0010000000 rw\n");
    assert_int_equal(find(), -ENOENT);
    ARGS("/usr/bin/sleep\0"
         "100");
    assert_int_equal(find(), -EINVAL);
    assert_int_equal(ax_guest_memory_find(proc, 78, &found, &err), -ESRCH);
}

#define STATM(text) put("77/statm", text, sizeof text - 1)

static void memory_that_is_plugged_in(void **state)
{
    ARGS("qemu-system-x86_64\0-m\0"
         "256,slots=2,maxmem=2G");
    MAPS("7f0000000000-7f0010000000 rw-p 00000000 00:00 0\n");
    STATM("80000 1 1\n");
    assert_int_equal(find(), 0);
    assert_int_equal(found.place.kind, AX_RAM_PROCESS); /* the one RAM */
    assert_true(found.changes);
    assert_false(ax_guest_memory_changed(proc, 77, &found));
    MAPS("7f0000000000-7f0010000000 rw-p 00000000 00:00 0\n"
         "7f0100000000-7f0100100000 rw-p 00000000 00:00 0\n");
    STATM("80100 1 1\n");
    assert_false(ax_guest_memory_changed(proc, 77, &found)); /* too small to be memory */
    MAPS("7f0000000000-7f0010000000 rw-p 00000000 00:00 0\n"
         "7f0200000000-7f0220000000 rw-p 00000000 00:00 0\n");
    STATM("140000 1 1\n");
    assert_true(ax_guest_memory_changed(proc, 77, &found));
    assert_int_equal(find(), 0);
    assert_int_equal(found.place.kind, AX_RAM_PIECES);
    assert_int_equal(found.place.pid, 77);
    assert_int_equal(found.place.pieces.n_found, 2);
    assert_int_equal(found.place.pieces.n_slots, 1);
    assert_false(ax_guest_memory_changed(proc, 77, &found));
    found.surveyed_ms -= 60000; /* the same size, but another place */
    MAPS("7f0000000000-7f0010000000 rw-p 00000000 00:00 0\n"
         "7f0300000000-7f0320000000 rw-p 00000000 00:00 0\n");
    assert_true(ax_guest_memory_changed(proc, 77, &found));
    ARGS("qemu-system-x86_64\0-m\0"
         "256");
    assert_int_equal(find(), 0);
    assert_false(found.changes);
}

/* Each piece that is shared has a descriptor of its own; the rest is read from the process. */
static void pieces_of_both_kinds(void **state)
{
    char ram[256], maps[1024];
    struct stat st;
    snprintf(ram, sizeof ram, "%s/node", proc);
    put("node", "", 0);
    assert_int_equal(truncate(ram, 128 * MIB), 0);
    assert_int_equal(stat(ram, &st), 0);
    link_to("77/fd/5", ram);
    snprintf(maps, sizeof maps,
             "7f0000000000-7f0008000000 rw-p 00000000 00:00 0\n"
             "7f0100000000-7f0108000000 rw-s 00000000 08:01 %llu %s\n",
             (unsigned long long)st.st_ino, ram);
    put("77/maps", maps, strlen(maps));
    ARGS("qemu-system-x86_64\0-m\0"
         "256\0-object\0memory-backend-ram,id=a,size=128M\0-object\0"
         "memory-backend-file,id=b,size=128M,share=on\0-numa\0node,memdev=b\0-numa\0"
         "node,memdev=a");
    assert_int_equal(find(), 0);
    const struct ax_ram_pieces *p = &found.place.pieces;
    assert_int_equal(found.place.kind, AX_RAM_PIECES);
    assert_int_equal(p->n_found, 2);
    assert_int_equal(p->n_fds, 1);
    assert_int_equal(p->found[0].file, -1);
    assert_int_equal(p->found[0].may_be, 2);
    assert_int_equal(p->found[1].file, 0);
    assert_int_equal(p->found[1].at, 0);
    assert_int_equal(found.place.pid, 77);
    assert_int_equal(fcntl(p->fds[0], F_GETFL) & O_ACCMODE, O_RDONLY);
    ax_ram_place_close(&found.place);
    assert_int_equal(found.place.pieces.fds[0], -1);
}

#define STAT(ticks) "78 (CPU 0/TCG) S 1 1 1 0 -1 4194304 0 0 0 0 " ticks " 0 20 0 3 0\n"

static void a_migrated_vm_waits_until_it_runs(void **state)
{
    MAPS("7f0000000000-7f0010000000 rw-p 00000000 00:00 0\n");
    ARGS("qemu-system-x86_64\0-m\0"
         "256\0-incoming\0defer");
    assert_int_equal(find(), -EBUSY);
    put("77/task/78/stat", STAT("3 2"), sizeof STAT("3 2") - 1);
    assert_int_equal(find(), -EBUSY);
    put("77/task/78/stat", STAT("300 20"), sizeof STAT("300 20") - 1);
    assert_int_equal(find(), 0);
    link_to("77/fd/9", "anon_inode:[userfaultfd]"); /* post-copy: it runs, and is not all here */
    assert_int_equal(find(), -EBUSY);
    assert_non_null(strstr(err.text, "post-copy"));
}

static void by_uuid(void **state)
{
    pid_t pid = 0;
    ARGS("/usr/bin/qemu-system-x86_64\0-m\0"
         "256\0-uuid\0u-1");
    assert_int_equal(ax_guest_process_find(proc, AX_STR("u-1"), &pid, &err), 0);
    assert_int_equal(pid, 77);
    assert_int_equal(ax_guest_process_find(proc, AX_STR("u-2"), &pid, &err), -ESRCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_lines),
        cmocka_unit_test_setup_teardown(anonymous_memory, make, remove_all),
        cmocka_unit_test_setup_teardown(shared_memory, make, remove_all),
        cmocka_unit_test_setup_teardown(layouts, make, remove_all),
        cmocka_unit_test_setup_teardown(what_cannot_be_told, make, remove_all),
        cmocka_unit_test_setup_teardown(memory_that_is_plugged_in, make, remove_all),
        cmocka_unit_test_setup_teardown(pieces_of_both_kinds, make, remove_all),
        cmocka_unit_test_setup_teardown(a_migrated_vm_waits_until_it_runs, make, remove_all),
        cmocka_unit_test_setup_teardown(by_uuid, make, remove_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
