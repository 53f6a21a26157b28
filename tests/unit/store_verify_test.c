// SPDX-License-Identifier: Apache-2.0
/* Verifying finds whatever was changed in a store's files, says where, and changes nothing. */
#include "store_kit.h"

#include "store/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { SERIES = 5, SAMPLES = 900 };

struct found {
    unsigned faults;
    char file[64];
    uint64_t from, to, last_done, total;
    bool covers; /* one of the faults has the byte `at` of `name` */
    const char *name;
    uint64_t at;
};

static void on_fault(void *ctx, const struct ax_store_fault *f)
{
    struct found *r = ctx;
    assert_true(f->text[0] && (f->from < f->to || f->to == 0));
    if (r->faults++ == 0) {
        snprintf(r->file, sizeof r->file, "%s", f->file);
        r->from = f->from;
        r->to = f->to;
    }
    r->covers |= r->name && strcmp(r->name, f->file) == 0 &&
                 (f->to == 0 || (f->from <= r->at && r->at < f->to));
}

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
    struct found *r = ctx;
    assert_true(done >= r->last_done && done <= total);
    r->last_done = done;
    r->total = total;
}

static struct ax_store_verified verify(const char *dir, struct found *r)
{
    struct ax_store_verifier v = {on_fault, on_progress, r};
    struct ax_store_verified sums = {0};
    struct ax_err err = {0};
    if (ax_store_verify(dir, &v, &sums, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(sums.faults, r->faults);
    assert_int_equal(r->last_done, r->total);
    return sums;
}

static void write_part(struct kit *k, int from, int to)
{
    for (int s = 0; s < SERIES; s++) {
        struct ax_sample v[SAMPLES];
        char vm[8];
        snprintf(vm, sizeof vm, "%d", s);
        for (int i = from; i < to; i++) /* every other series at times of its own */
            v[i - from] = (struct ax_sample){T0 + i * 40000ll + (s % 2 ? i * i % 999 : 0),
                                             s * 1000 + i * 7919 % 1000 / 7.0};
        kit_write(k, TENANT, "m", vm, v, (size_t)(to - from));
    }
}

/* Blocks, some of them merged, and two log segments. */
static void fill(struct kit *k)
{
    for (int part = 0; part < 6; part++) {
        kit_now = T0 + (part * 100 + 100) * 40000ll + HOUR;
        write_part(k, part * 100, part * 100 + 100);
        kit_now += 3 * HOUR;
        kit_tick(k, 3);
    }
    write_part(k, 600, 750);
    kit_close(k);
    kit_open(k);
    for (int i = 750; i < SAMPLES; i += 10)
        write_part(k, i, i + 10);
}

static void a_whole_store_has_no_fault(void **state)
{
    struct kit *k = *state;
    struct found r = {0};
    struct ax_store_verifier to = {on_fault, NULL, &r};
    struct ax_store_verified sums;
    struct ax_err err = {0};
    fill(k);
    assert_int_equal(ax_store_verify(k->dir, &to, &sums, &err), -EBUSY); /* it is open */
    assert_non_null(strstr(err.text, "using"));
    uint64_t blocks = kit_stats(k).blocks, samples = kit_stats(k).block_samples;
    kit_close(k);
    sums = verify(k->dir, &r);
    assert_int_equal(r.faults, 0);
    assert_true(blocks >= 3 && sums.blocks == blocks && sums.chunks >= blocks);
    assert_int_equal(sums.samples, SERIES * SAMPLES);
    assert_true(sums.samples > samples && sums.segments == 2 && sums.records > 2);
    kit_open(k);
    assert_int_equal(ax_store_compact(k->store, NULL, NULL), 0);
    kit_close(k);
    r = (struct found){0};
    sums = verify(k->dir, &r);
    assert_true(r.faults == 0 && sums.blocks == 1 && sums.segments == 0);
    assert_int_equal(ax_store_verify("/", &to, &sums, &err), -ENOENT);
    kit_open(k);
}

/* One sample needs no payload: then the first section is where payloads else are. */
static void so_has_one_of_one_sample(void **state)
{
    struct kit *k = *state;
    struct found r = {0};
    kit_write1(k, "m", "a", T0, 1);
    assert_int_equal(ax_store_compact(k->store, NULL, NULL), 0);
    kit_close(k);
    assert_int_equal(verify(k->dir, &r).samples, 1);
    assert_int_equal(r.faults, 0);
    kit_open(k);
}

static void flip(const char *path, uint64_t at, int mask)
{
    char c;
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0 && pread(fd, &c, 1, (off_t)at) == 1);
    c = (char)(c ^ mask);
    assert_int_equal(pwrite(fd, &c, 1, (off_t)at), 1);
    close(fd);
}

/* Every byte when there are few, else every so many. */
static void flip_bytes_of(struct kit *k, const char *name)
{
    char path[160];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", k->dir, name);
    assert_int_equal(stat(path, &st), 0);
    uint64_t n = (uint64_t)st.st_size, step = n / 250 + 1;
    for (uint64_t at = 0; at < n; at += step) {
        struct found r = {.name = name, .at = at};
        flip(path, at, 1 << at % 8);
        verify(k->dir, &r);
        if (!r.faults || strcmp(r.file, name) != 0 || !r.covers)
            fail_msg("byte %llu of %s: %u faults, the first in %s, %llu to %llu",
                     (unsigned long long)at, name, r.faults, r.file, (unsigned long long)r.from,
                     (unsigned long long)r.to);
        flip(path, at, 1 << at % 8);
    }
}

static void each_file(struct kit *k, const char *folder, void (*fn)(struct kit *, const char *))
{
    char path[128], name[300];
    snprintf(path, sizeof path, "%s/%s", k->dir, folder);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        snprintf(name, sizeof name, "%s%s%s", folder, *folder ? "/" : "", e->d_name);
        if (e->d_type == DT_REG && strcmp(e->d_name, "LOCK") != 0)
            fn(k, name);
    }
    closedir(d);
}

static void a_flipped_bit_is_found_wherever_it_is(void **state)
{
    struct kit *k = *state;
    struct found r = {0};
    fill(k);
    kit_close(k);
    each_file(k, "", flip_bytes_of);
    each_file(k, "wal", flip_bytes_of);
    each_file(k, "blocks", flip_bytes_of);
    verify(k->dir, &r);
    assert_int_equal(r.faults, 0); /* looking changed nothing */
    kit_open(k);
}

/* Cut short, grown, gone. */
static void maim(struct kit *k, const char *name)
{
    char path[160], away[200];
    struct stat st;
    bool block = strstr(name, "blocks/"), log = strstr(name, "wal/");
    snprintf(path, sizeof path, "%s/%s", k->dir, name);
    snprintf(away, sizeof away, "%s-away", k->dir);
    assert_int_equal(stat(path, &st), 0);
    for (int how = 0; how < 4; how++) {
        struct found r = {0};
        char command[400];
        if (how == 3 && log) /* who takes a whole segment away leaves a log */
            continue;
        snprintf(command, sizeof command, "cp -p '%s' '%s'", path, away);
        assert_int_equal(system(command), 0);
        switch (how) {
        case 0: assert_int_equal(truncate(path, st.st_size - 1), 0); break;
        case 1: assert_int_equal(truncate(path, block ? st.st_size / 2 : 9), 0); break;
        case 2: assert_int_equal(truncate(path, st.st_size + 5), 0); break;
        default: assert_int_equal(unlink(path), 0);
        }
        verify(k->dir, &r);
        if (!r.faults || strcmp(r.file, name) != 0)
            fail_msg("%s maimed (%d): %u faults", name, how, r.faults);
        assert_int_equal(rename(away, path), 0);
    }
}

static void what_is_cut_grown_or_gone_is_found(void **state)
{
    struct kit *k = *state;
    fill(k);
    kit_close(k);
    each_file(k, "", maim);
    each_file(k, "wal", maim);
    each_file(k, "blocks", maim);
    kit_open(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_whole_store_has_no_fault, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(so_has_one_of_one_sample, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(a_flipped_bit_is_found_wherever_it_is, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(what_is_cut_grown_or_gone_is_found, kit_new, kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
