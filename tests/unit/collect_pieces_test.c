// SPDX-License-Identifier: Apache-2.0
/* RAM in pieces as QEMU's command line and its mappings tell of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "collect/vmi/backing.h"

#include <errno.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static struct ax_arena arena;
static struct ax_qemu_pieces q;
static struct ax_ram_pieces pieces;
static struct ax_mapping mapped[AX_RAM_BLOCKS];
static struct ax_err err;

static int read_line(struct ax_str cmdline)
{
    struct ax_qemu_args args;
    ax_qemu_args(cmdline, &args);
    return ax_qemu_pieces(cmdline, &args, &arena, &q, &err);
}
/* Arguments are parted by spaces here. */
static int line(const char *text)
{
    struct ax_str s = ax_arena_str(&arena, ax_str(text));
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == ' ')
            ((char *)(uintptr_t)s.p)[i] = '\0';
    return read_line(s);
}

static int match(const char *maps)
{
    return ax_qemu_match(&q, ax_str(maps), &arena, &pieces, mapped, &err);
}

static void is_slot(size_t i, uint64_t gpa, uint64_t size, uint64_t low)
{
    assert_true(i < q.n);
    assert_int_equal(q.v[i].slot.gpa, gpa);
    assert_int_equal(q.v[i].slot.size, size);
    assert_int_equal(q.v[i].slot.low, low);
    assert_int_equal(q.v[i].slot.high, low < size ? 4 * GIB : 0);
}

static uint64_t may_be(uint64_t from)
{
    for (uint32_t i = 0; i < pieces.n_found; i++)
        if (mapped[i].from == from)
            return pieces.found[i].may_be;
    return UINT64_MAX;
}

static void one_piece(void **state)
{
    assert_int_equal(line("qemu-system-x86_64 -m 256"), 0);
    assert_int_equal(q.n, 0);
    assert_int_equal(line("qemu-kvm -m 256 -numa node,nodeid=0,cpus=0"), 0);
    assert_int_equal(q.n, 0);
    assert_int_equal(line("qemu-kvm -m 256,slots=4,maxmem=2G -M q35"), 0); /* it may be more */
    assert_int_equal(q.n, 1);
    assert_true(q.hotplug && !q.several);
    is_slot(0, 0, 256 * MIB, 256 * MIB);
    assert_int_equal(line("qemu-kvm -m 256,slots=4,maxmem=2G -M microvm"), 0);
    assert_int_equal(q.n, 0);
}

static void nodes(void **state)
{
    assert_int_equal(line("qemu-kvm -m 256 -object memory-backend-memfd,id=a,size=128M,share=on "
                          "-object memory-backend-ram,id=b,size=134217728 "
                          "-numa node,nodeid=1,memdev=a -numa node,nodeid=0,memdev=b"),
                     0);
    assert_int_equal(q.n, 2);
    assert_true(q.several && !q.hotplug);
    is_slot(0, 0, 128 * MIB, 128 * MIB);
    is_slot(1, 128 * MIB, 128 * MIB, 128 * MIB);
    assert_int_equal(q.v[0].backend, AX_BACKEND_RAM); /* node 0, though it stands second */
    assert_int_equal(q.v[1].backend, AX_BACKEND_MEMFD);
}

#define TWO(size)                                                                                  \
    " -object memory-backend-ram,id=a,size=" size " -object memory-backend-ram,id=b,size=" size    \
    " -numa node,memdev=a -numa node,memdev=b"

static void nodes_and_the_hole(void **state)
{
    assert_int_equal(line("qemu-kvm -machine pc-q35-7.2,accel=kvm -m 6G" TWO("3G")), 0);
    is_slot(0, 0, 3 * GIB, 2 * GIB);
    is_slot(1, 5 * GIB, 3 * GIB, 3 * GIB);
    assert_int_equal(line("qemu-kvm -machine pc-i440fx-7.2 -m 6G" TWO("3G")), 0);
    is_slot(0, 0, 3 * GIB, 3 * GIB);
    is_slot(1, 4 * GIB, 3 * GIB, 3 * GIB);
    assert_int_equal(line("qemu-kvm -M q35 -m 2G" TWO("1G")), 0); /* all of it below */
    is_slot(1, GIB, GIB, GIB);
}

/* As libvirt writes them. */
static void dimms(void **state)
{
    assert_int_equal(
        line("/usr/bin/qemu-system-x86_64 -machine pc-q35-7.2,memory-backend=pc.ram "
             "-m size=4194304k,slots=16,maxmem=16777216k -object "
             "{\"qom-type\":\"memory-backend-memfd\",\"id\":\"pc.ram\",\"share\":true,\"size\":"
             "4294967296} "
             "-object {\"qom-type\":\"memory-backend-file\",\"id\":\"memdimm0\",\"mem-path\":"
             "\"/dev/hugepages/x\",\"size\":1073741824} -device "
             "{\"driver\":\"pc-dimm\",\"node\":0,\"memdev\":\"memdimm0\",\"id\":\"dimm0\",\"slot\":"
             "0,"
             "\"addr\":8589934592} -object "
             "{\"qom-type\":\"memory-backend-ram\",\"id\":\"memdimm1\",\"size\":536870912} -device "
             "{\"driver\":\"pc-dimm\",\"memdev\":\"memdimm1\",\"id\":\"dimm1\"}"),
        0);
    assert_true(q.several && q.hotplug);
    assert_int_equal(q.n, 3);
    is_slot(0, 0, 4 * GIB, 2 * GIB);
    is_slot(1, 8 * GIB, GIB, GIB);
    is_slot(2, 6 * GIB, 512 * MIB, 512 * MIB); /* the first place for one, rounded to GiB */
    assert_int_equal(q.v[0].backend, AX_BACKEND_MEMFD);
    assert_true(ax_str_eq(q.v[1].path, AX_STR("/dev/hugepages/x")));
    assert_true(!q.v[0].slot.plugged && q.v[2].slot.plugged);
}

/* libvirt 9 of nodes and a DIMM that are all of one size; QEMU chooses the address. */
static void libvirt(void **state)
{
    assert_int_equal(
        line("/usr/bin/qemu-system-x86_64 -name guest=px,debug-threads=on -S -machine "
             "pc-q35-7.2,usb=off,dump-guest-core=off -accel tcg -cpu max -m "
             "size=524288k,slots=4,maxmem=8388608k -overcommit mem-lock=off -smp 2 -object "
             "{\"qom-type\":\"memory-backend-ram\",\"id\":\"ram-node0\",\"size\":268435456} -numa "
             "node,nodeid=0,cpus=0,memdev=ram-node0 -object "
             "{\"qom-type\":\"memory-backend-ram\",\"id\":\"ram-node1\",\"size\":268435456} -numa "
             "node,nodeid=1,cpus=1,memdev=ram-node1 -uuid 9b6fba33-75c7-4c69-8b40-b19d79087b0e "
             "-device {\"driver\":\"pcie-root-port\",\"port\":8,\"addr\":\"0x1\"} -object "
             "{\"qom-type\":\"memory-backend-ram\",\"id\":\"memdimm0\",\"size\":268435456} -device "
             "{\"driver\":\"pc-dimm\",\"node\":0,\"memdev\":\"memdimm0\",\"id\":\"dimm0\",\"slot\":"
             "0}"),
        0);
    assert_int_equal(q.n, 3);
    is_slot(1, 256 * MIB, 256 * MIB, 256 * MIB);
    is_slot(2, 4 * GIB, 256 * MIB, 256 * MIB);
    assert_int_equal(match("7f0000000000-7f0010000000 rw-p 00000000 00:00 0\n"
                           "7f0100000000-7f0110000000 rw-p 00000000 00:00 0\n"
                           "7f0200000000-7f0210000000 rw-p 00000000 00:00 0\n"),
                     0);
    assert_int_equal(may_be(0x7f0200000000), 7);
}

static void dimms_one_after_the_other(void **state)
{
    assert_int_equal(line("qemu-kvm -M q35 -m 256,slots=4,maxmem=4G "
                          "-object memory-backend-ram,id=x,size=256M "
                          "-object memory-backend-ram,id=y,size=384M "
                          "-object memory-backend-ram,id=z,size=128M "
                          "-device pc-dimm,memdev=x,addr=0x110000000 "
                          "-device pc-dimm,memdev=y -device pc-dimm,memdev=z"),
                     0);
    is_slot(1, 4 * GIB + 256 * MIB, 256 * MIB, 256 * MIB);
    is_slot(2, 4 * GIB + 512 * MIB, 384 * MIB, 384 * MIB); /* it does not fit before the first */
    is_slot(3, 4 * GIB, 128 * MIB, 128 * MIB);
}

static void what_is_not_found(void **state)
{
    assert_int_equal(line("qemu-kvm -m 256 -device virtio-mem-pci,memdev=v"), -ENOTSUP);
    assert_non_null(strstr(err.text, "virtio-mem"));
    assert_int_equal(line("qemu-kvm -M microvm -m 2G" TWO("1G")), -ENOTSUP);
    assert_int_equal(line("qemu-kvm -M q35,max-ram-below-4g=1G -m 2G" TWO("1G")), -ENOTSUP);
    assert_int_equal(line("qemu-kvm -m 256,slots=1 -device pc-dimm,memdev=nobody"), -ENOTSUP);
    assert_int_equal(line("qemu-kvm -m 3G" TWO("1G")), -ENOTSUP); /* less than the RAM */
    assert_int_equal(line("qemu-kvm -m 1G" TWO("1G")), -ENOTSUP);
    assert_int_equal(line("qemu-kvm -m 1G,slots=1 -object {\"qom-type\":3} -object {{ -numa { "
                          "-device pc-dimm,memdev="),
                     -ENOTSUP);
}

static void no_more_than_can_be_held(void **state)
{
    struct ax_str cmdline = AX_STR("qemu-kvm -m 1G,slots=200");
    for (int i = 0; i < 100; i++)
        cmdline = ax_arena_printf(&arena,
                                  "%.*s -object memory-backend-ram,id=o%d,size=1M "
                                  "-device pc-dimm,memdev=o%d",
                                  AX_STR_ARG(cmdline), i, i);
    assert_int_equal(line(cmdline.p), -ENOTSUP);
    assert_non_null(strstr(err.text, "64 pieces"));
}

/* ---- mappings ---- */

static void mappings_that_look_alike(void **state)
{
    assert_int_equal(line("qemu-kvm -m 256" TWO("128M")), 0);
    assert_int_equal(match("7f0000000000-7f0008000000 rw-p 00000000 00:00 0\n"
                           "7f0100000000-7f0108000000 rw-p 00000000 00:00 0\n"
                           "7f0200000000-7f0208000000 rw-s 00000000 00:01 9 /memfd:x (deleted)\n"
                           "7f0300000000-7f0308000000 r--p 00000000 00:00 0\n"),
                     0);
    assert_int_equal(pieces.n_found, 2);
    assert_int_equal(may_be(0x7f0000000000), 3);
    assert_int_equal(may_be(0x7f0100000000), 3);
    assert_int_equal(match("7f0000000000-7f0008000000 rw-p 00000000 00:00 0\n"), 0);
    assert_int_equal(match("7f0000000000-7f0008001000 rw-p 00000000 00:00 0\n"), -ENOENT);
}

static void mappings_by_what_backs_them(void **state)
{
    assert_int_equal(line("qemu-kvm -m 256 -object memory-backend-memfd,id=a,size=128M "
                          "-object memory-backend-file,id=b,size=128M,mem-path=/dev/shm/b "
                          "-numa node,memdev=a -numa node,memdev=b"),
                     0);
    assert_int_equal(match("7f0000000000-7f0004000000 rw-s 00000000 00:01 9 /memfd:x (deleted)\n"
                           "7f0004000000-7f0008000000 rw-s 04000000 00:01 9 /memfd:x (deleted)\n"
                           "7f0100000000-7f0108000000 rw-s 00000000 00:01 7 /dev/shm/b\n"
                           "7f0200000000-7f0208000000 rw-s 00000000 00:01 8 /dev/shm/other\n"
                           "7f0300000000-7f0308000000 rw-p 00000000 00:00 0\n"),
                     0);
    assert_int_equal(pieces.n_found, 2);
    assert_int_equal(may_be(0x7f0000000000), 1); /* in two parts, with different advice */
    assert_int_equal(may_be(0x7f0100000000), 2);
}

static void mappings_that_were_plugged_in(void **state)
{
    assert_int_equal(line("qemu-kvm -m 256,slots=2,maxmem=4G"), 0);
    assert_int_equal(match("55d0c0000000-55d0d0000000 rw-p 00000000 00:00 0 [heap]\n"
                           "7f0000000000-7f0010000000 rw-p 00000000 00:00 0\n"
                           "7f0100000000-7f0120000000 rw-p 00000000 00:00 0\n"
                           "7f0200000000-7f0204000000 rw-p 00000000 00:00 0\n"
                           "7f0300000000-7f0320000000 rw-p 00000000 08:01 5 /usr/lib/x\n"
                           "7f0400000000-7f0440000000 rwxp 00000000 00:00 0\n"),
                     0);
    assert_int_equal(pieces.n_found, 2);
    assert_int_equal(may_be(0x7f0000000000), 1);
    assert_int_equal(may_be(0x7f0100000000), 0);
    assert_int_equal(line("qemu-kvm -m 256,slots=2,maxmem=4G "
                          "-object memory-backend-ram,id=x,size=512M -device pc-dimm,memdev=x"),
                     0);
    assert_int_equal(match("7f0000000000-7f0010000000 rw-p 00000000 00:00 0\n"), 0); /* taken out */
    assert_int_equal(match("7f0000000000-7f0020000000 rw-p 00000000 00:00 0\n"), -ENOENT);
}

static int clear(void **state)
{
    ax_arena_reset(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(one_piece, clear),
        cmocka_unit_test_teardown(nodes, clear),
        cmocka_unit_test_teardown(nodes_and_the_hole, clear),
        cmocka_unit_test_teardown(dimms, clear),
        cmocka_unit_test_teardown(libvirt, clear),
        cmocka_unit_test_teardown(dimms_one_after_the_other, clear),
        cmocka_unit_test_teardown(what_is_not_found, clear),
        cmocka_unit_test_teardown(no_more_than_can_be_held, clear),
        cmocka_unit_test_teardown(mappings_that_look_alike, clear),
        cmocka_unit_test_teardown(mappings_by_what_backs_them, clear),
        cmocka_unit_test_teardown(mappings_that_were_plugged_in, clear),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    ax_arena_free(&arena);
    return rc;
}
