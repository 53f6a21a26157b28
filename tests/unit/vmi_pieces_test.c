// SPDX-License-Identifier: Apache-2.0
/* RAM in pieces: put together, and told apart by what a kernel would have left in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmi/pieces.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB  (UINT64_C(1) << 20)
#define GIB  (UINT64_C(1) << 30)
#define SIZE (4 * MIB)
#define BASE UINT64_C(0xffff9a4000000000) /* of the direct map */
#define MANY 20                           /* pages that say where they lie; enough to be believed */

/* Up to four pieces, one behind the other in one file. */
static struct {
    int fd;
    struct ax_ram *ram;
    struct ax_ram_pieces p;
    struct ax_ram_part parts[AX_RAM_BLOCKS];
    struct ax_pieces_placed ways[AX_PIECES_WAYS];
    struct ax_err err;
} t;

static int make(void **state)
{
    const struct ax_ram_block all = {0, 4 * SIZE, 0};
    memset(&t, 0, sizeof t);
    t.fd = memfd_create("pieces", MFD_CLOEXEC);
    assert_int_equal(ftruncate(t.fd, 4 * SIZE), 0);
    assert_int_equal(ax_ram_open_file(&t.ram, t.fd, &all, 1, &t.err), 0);
    return 0;
}

static int unmake(void **state)
{
    ax_ram_close(t.ram);
    close(t.fd);
    return 0;
}

static void slot(uint64_t gpa, uint64_t low, uint64_t high, bool plugged)
{
    t.p.slots[t.p.n_slots++] = (struct ax_ram_slot){gpa, SIZE, low, high, plugged};
}

static void found(uint64_t may_be)
{
    uint32_t i = t.p.n_found++;
    t.parts[i] = (struct ax_ram_part){t.ram, i * SIZE};
    t.p.found[i] = (struct ax_ram_found){.at = i * SIZE, .size = SIZE, .may_be = may_be};
}

static void write_word(uint64_t at, uint64_t word)
{
    assert_int_equal(pwrite(t.fd, &word, 8, (off_t)at), 8);
}

/* Pages of a piece, from `offset` on, each with the head of an empty list in it, as if `offset` lay
 * at gpa. */
static void says(unsigned piece, uint64_t offset, uint64_t gpa, unsigned pages, unsigned at)
{
    for (unsigned i = 0; i < pages; i++) {
        uint64_t within = i * AX_PAGE * 3 + at, file = piece * SIZE + offset + within;
        write_word(file, BASE + gpa + within);
        write_word(file + 8, BASE + gpa + within);
    }
}

static int place(void)
{
    return ax_pieces_place(&t.p, t.parts, t.ways, &t.err);
}

/* Where a byte of a piece lies in the guest's memory; UINT64_MAX: nowhere. */
static uint64_t address_of(unsigned way, unsigned piece, uint64_t offset)
{
    const struct ax_pieces_placed *w = &t.ways[way];
    uint64_t from = piece * SIZE + offset;
    for (size_t i = 0; i < w->n; i++)
        if (from >= w->out[i].from && from - w->out[i].from < w->out[i].size)
            return w->out[i].gpa + (from - w->out[i].from);
    return UINT64_MAX;
}

static void two_that_look_alike(void **state)
{
    slot(0, SIZE, 0, false);
    slot(SIZE, SIZE, 0, false);
    found(3);
    found(3);
    says(0, 0, SIZE, MANY, 0x100); /* the first that was found is the second node */
    says(1, MIB, MIB, MANY, 0x340);
    assert_int_equal(place(), 1);
    assert_int_equal(address_of(0, 0, 0), SIZE);
    assert_int_equal(address_of(0, 1, 0), 0);
    assert_int_equal(t.ways[0].left_out, 0);
}

/* RAM goes on above 4 GiB where the hole begins: within a piece, if need be. */
static void a_piece_with_the_hole_in_it(void **state)
{
    slot(0, SIZE, 0, false);
    slot(SIZE, MIB, 4 * GIB, false);
    slot(4 * GIB + 3 * MIB, SIZE, 0, false);
    for (int i = 0; i < 3; i++)
        found(7);
    says(0, 0, 4 * GIB + 3 * MIB, MANY, 0);
    says(1, 2 * MIB, 4 * GIB + MIB, MANY, 0);
    says(2, 0, 0, MANY, 0);
    assert_int_equal(place(), 1);
    assert_int_equal(address_of(0, 1, 0), SIZE);
    assert_int_equal(address_of(0, 1, MIB), 4 * GIB);
    assert_int_equal(address_of(0, 0, 5), 4 * GIB + 3 * MIB + 5);
    assert_int_equal(address_of(0, 2, 5), 5);
}

/* One says where it lies, and nobody says relative to what: the kernel must tell. */
static void when_only_one_speaks(void **state)
{
    slot(0, SIZE, 0, false);
    slot(GIB, SIZE, 0, false);
    found(3);
    found(3);
    says(1, 0, 0, MANY, 0);
    assert_int_equal(place(), 2);
    assert_int_not_equal(address_of(0, 0, 0), address_of(1, 0, 0));
    assert_int_not_equal(address_of(0, 1, 0), address_of(1, 1, 0));
    found(4); /* another one that can be in one place only settles it */
    slot(2 * GIB, SIZE, 0, false);
    says(2, 0, 2 * GIB, MANY, 0);
    assert_int_equal(place(), 1);
    assert_int_equal(address_of(0, 1, 0), 0);
    assert_int_equal(address_of(0, 0, 0), GIB);
}

static void when_nobody_speaks(void **state)
{
    slot(0, SIZE, 0, false);
    slot(SIZE, SIZE, 0, false);
    found(1);
    found(2);
    assert_int_equal(place(), 1); /* each can be in one place only */
    assert_int_equal(address_of(0, 1, 0), SIZE);
    t.p.found[0].may_be = t.p.found[1].may_be = 3;
    assert_int_equal(place(), -ENOENT);
    says(0, 0, 0, 3, 0); /* three pages are no proof */
    assert_int_equal(place(), -ENOENT);
}

static void what_does_not_agree(void **state)
{
    slot(0, SIZE, 0, false);
    slot(SIZE, SIZE, 0, false);
    found(1);
    found(2);
    says(0, 0, 0, MANY, 0);
    says(1, 0, SIZE + 5 * GIB, MANY, 0); /* where the command line does not put it */
    assert_int_equal(place(), -ENOTUNIQ);
    t.p.found[0].may_be = t.p.found[1].may_be = 3;
    says(1, 0, 0, MANY, 0); /* both say that they are the first */
    assert_int_equal(place(), -ENOTUNIQ);
}

/* The map of struct page has heads of empty lists as well, and lies elsewhere. */
static void the_map_of_pages_is_not_heard(void **state)
{
    slot(0, SIZE, 0, false);
    slot(SIZE, SIZE, 0, false);
    found(3);
    found(3);
    says(0, 0, SIZE, MANY, 64 + 8);
    says(1, 0, 0, MANY, 8);
    assert_int_equal(place(), -ENOENT);
}

static void what_was_plugged_in(void **state)
{
    t.p.hotplug = true;
    slot(0, SIZE, 0, false);
    slot(4 * GIB, SIZE, 0, true);
    found(1);
    found(2);
    found(0);
    says(0, 0, 0, MANY, 0);
    assert_int_equal(place(), 1);
    assert_int_equal(t.ways[0].left_out, 2 * SIZE); /* a DIMM may be another by now */
    assert_int_equal(address_of(0, 1, 0), UINT64_MAX);
    says(1, 0, 4 * GIB, MANY, 0);
    says(2, 0, 6 * GIB, MANY, 0);
    assert_int_equal(place(), 1);
    assert_int_equal(t.ways[0].left_out, 0);
    assert_int_equal(address_of(0, 1, 0), 4 * GIB);
    assert_int_equal(address_of(0, 2, 1), 6 * GIB + 1);
    says(2, 0, 4 * GIB + MIB, MANY, 0); /* no room there */
    assert_int_equal(place(), 1);
    assert_int_equal(address_of(0, 2, 0), UINT64_MAX);
}

/* ---- the RAM that is put together of them ---- */

static struct ax_ram *joined(const struct ax_ram_piece *v, size_t n)
{
    struct ax_ram *r = NULL;
    return ax_ram_open_pieces(&r, v, n, &t.err) == 0 ? r : NULL;
}

static void reading_across_pieces(void **state)
{
    uint64_t word;
    const struct ax_ram_piece v[] = {
        {t.ram, SIZE, 0, SIZE}, {t.ram, 0, SIZE, SIZE}, {t.ram, 2 * SIZE, 4 * GIB, SIZE}};
    struct ax_ram *r = joined(v, 3);
    assert_non_null(r);
    assert_true(ax_ram_contiguous(r));
    write_word(2 * SIZE - 8, 1); /* the end of the second is the end of the first block */
    write_word(0, 2);
    write_word(SIZE, 3);
    write_word(2 * SIZE, 4);
    ax_ram_begin(r);
    assert_true(ax_ram_read(r, 0, &word, 8) && word == 3);
    assert_true(ax_ram_read(r, 4 * GIB, &word, 8) && word == 4);
    const uint8_t *across = ax_ram_at(r, SIZE - 8, 16);
    const uint64_t both[] = {1, 2};
    assert_non_null(across);
    assert_memory_equal(across, both, 16);
    assert_ptr_equal(ax_ram_at(r, SIZE - 4, 8), across + 4); /* no second copy */
    ax_ram_begin(r);
    assert_non_null(ax_ram_at(r, SIZE - 8, 16));
    write_word(SIZE - 8, 5);
    assert_null(ax_ram_at(r, 2 * SIZE - 8, 16)); /* what follows lies elsewhere */
    assert_int_equal(ax_ram_counts(r).beyond, 0);
    assert_null(ax_ram_at(r, 3 * SIZE, 1));
    assert_int_equal(ax_ram_counts(r).beyond, 1);
    ax_ram_close(r);
}

static void searching_in_pieces(void **state)
{
    const struct ax_ram_piece v[] = {{t.ram, SIZE, 0, SIZE}, {t.ram, MIB, 8 * GIB, MIB}};
    struct ax_ram *r = joined(v, 2);
    uint64_t gpa = 0, end = 0;
    assert_non_null(r);
    write_word(SIZE + 8 * AX_PAGE, 1);
    write_word(0, 1); /* in none of them */
    write_word(MIB + AX_PAGE, 1);
    write_word(3 * MIB, 1);
    assert_true(ax_ram_data(r, &gpa, &end));
    assert_int_equal(gpa, 8 * AX_PAGE);
    gpa = end;
    assert_true(ax_ram_data(r, &gpa, &end));
    assert_int_equal(gpa, 8 * GIB + AX_PAGE);
    assert_int_equal(end, 8 * GIB + 2 * AX_PAGE);
    ax_ram_drop(r, gpa, end);
    gpa = end;
    assert_false(ax_ram_data(r, &gpa, &end));
    ax_ram_close(r);
}

static void pieces_that_cannot_be(void **state)
{
    const struct ax_ram_piece twice[] = {{t.ram, 0, 0, SIZE}, {t.ram, SIZE, MIB, SIZE}};
    const struct ax_ram_piece beyond[] = {{t.ram, 3 * SIZE, 0, 2 * SIZE}};
    const struct ax_ram_piece odd[] = {{t.ram, 12, 0, SIZE}};
    assert_null(joined(twice, 2));
    assert_null(joined(beyond, 1));
    assert_null(joined(odd, 1));
    assert_null(joined(odd, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_that_look_alike, make, unmake),
        cmocka_unit_test_setup_teardown(a_piece_with_the_hole_in_it, make, unmake),
        cmocka_unit_test_setup_teardown(when_only_one_speaks, make, unmake),
        cmocka_unit_test_setup_teardown(when_nobody_speaks, make, unmake),
        cmocka_unit_test_setup_teardown(what_does_not_agree, make, unmake),
        cmocka_unit_test_setup_teardown(the_map_of_pages_is_not_heard, make, unmake),
        cmocka_unit_test_setup_teardown(what_was_plugged_in, make, unmake),
        cmocka_unit_test_setup_teardown(reading_across_pieces, make, unmake),
        cmocka_unit_test_setup_teardown(searching_in_pieces, make, unmake),
        cmocka_unit_test_setup_teardown(pieces_that_cannot_be, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
