// SPDX-License-Identifier: Apache-2.0
/* Any file of the store may be damaged anywhere: flipped bits, lost sectors, cut short, grown,
 * gone. What is served then is right, what is missing is told, and the store goes on. */
#include "store_kit.h"

#include "base/num.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { SERIES = 5, SAMPLES = 900, ROUNDS = 300 };

struct file {
    char path[128];
    struct ax_buf bytes;
};
static struct file files[32];
static size_t nfiles;
static unsigned seed;

static double value_of(int series, int i)
{
    return series * 1000 + i * 7919 % 1000 / 7.0;
}

static int64_t time_of(int i)
{
    return T0 + i * 40000ll; /* ten hours */
}

static void write_part(struct kit *k, int from, int to)
{
    for (int s = 0; s < SERIES; s++) {
        struct ax_sample v[SAMPLES];
        char vm[8];
        snprintf(vm, sizeof vm, "%d", s);
        for (int i = from; i < to; i++)
            v[i - from] = (struct ax_sample){time_of(i), value_of(s, i)};
        kit_write(k, TENANT, "m", vm, v, (size_t)(to - from));
    }
}

/* Blocks, some of them merged, and two log segments. */
static void fill(struct kit *k)
{
    for (int part = 0; part < 6; part++) {
        kit_now = time_of(part * 100 + 100) + HOUR;
        write_part(k, part * 100, part * 100 + 100);
        kit_now += 3 * HOUR;
        kit_tick(k, 3);
    }
    assert_true(kit_stats(k).blocks >= 3);
    write_part(k, 600, 750);
    kit_close(k);
    kit_open(k);
    for (int i = 750; i < SAMPLES; i += 10)
        write_part(k, i, i + 10);
    kit_close(k);
}

static void note_files(const char *root, const char *dir)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", root, dir);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_type != DT_REG || strcmp(e->d_name, "LOCK") == 0)
            continue;
        assert_true(nfiles < AX_ARRAY_LEN(files));
        struct file *f = &files[nfiles++];
        char piece[4096];
        snprintf(f->path, sizeof f->path, "%s/%s", path, e->d_name);
        int fd = open(f->path, O_RDONLY);
        for (ssize_t n; (n = read(fd, piece, sizeof piece)) > 0;)
            ax_buf_add(&f->bytes, piece, (size_t)n);
        close(fd);
    }
    closedir(d);
}

static void write_file(const char *path, const char *p, size_t n)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(n == 0 || fwrite(p, n, 1, f) == 1);
    fclose(f);
}

static void restore(struct kit *k)
{
    char command[256];
    snprintf(command, sizeof command, "rm -f %s/* %s/wal/* %s/blocks/* 2>&-", k->dir, k->dir,
             k->dir);
    assert_true(system(command) >= 0);
    for (size_t i = 0; i < nfiles; i++)
        write_file(files[i].path, files[i].bytes.p, files[i].bytes.n);
}

static size_t below(size_t n)
{
    return n ? ((size_t)rand_r(&seed) << 15 ^ (size_t)rand_r(&seed)) % n : 0;
}

/* False when the loss cannot be noticed: who cuts a log between two records leaves a log. */
static bool damage(const struct file *f)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    ax_buf_add(&b, f->bytes.p, f->bytes.n);
    size_t at = below(b.n), n = 1 + below(600);
    n = n < b.n - at ? n : b.n - at;
    bool log = strstr(f->path, "/wal/"), noticed = true;
    switch (below(6)) {
    case 0: b.p[at] = (char)(b.p[at] ^ (1 << below(8))); break;
    case 1:
        for (size_t i = 0; i < n; i++)
            b.p[at + i] = (char)rand_r(&seed);
        break;
    case 2: memset(b.p + at, 0, n); break;
    case 3:
        b.n = at;
        noticed = !log;
        break;
    case 4: ax_buf_add(&b, f->bytes.p, n < 16 ? n : 16); break;
    default:
        if (strstr(f->path, "/blocks/")) {
            assert_int_equal(unlink(f->path), 0);
            return true;
        }
    }
    write_file(f->path, b.p, b.n);
    return noticed;
}

/* All that is served is right; how much that is. */
static size_t check_served(struct kit *k, bool *told)
{
    struct ax_store_select sel = kit_all(NULL, 0);
    struct ax_series_set set;
    size_t n = 0;
    assert_int_equal(ax_store_select(k->store, &sel, &k->arena, &set, NULL), 0);
    for (size_t i = 0; i < set.n; i++) {
        uint64_t s;
        assert_true(ax_str_u64(ax_labels_get(set.v[i].labels, AX_STR("vm")), &s) && s < SERIES);
        for (size_t j = 0; j < set.v[i].n; j++) {
            int number = (int)((set.v[i].t[j] - T0) / 40000);
            assert_int_equal(set.v[i].t[j], time_of(number));
            assert_true(set.v[i].v[j] == value_of((int)s, number));
        }
        n += set.v[i].n;
    }
    *told = set.warning.n || kit_warnings || kit_stats(k).damaged;
    return n;
}

static void one_round(struct kit *k, size_t *worst)
{
    const struct file *f = &files[below(nfiles)];
    struct ax_err err = {0};
    bool told;
    restore(k);
    bool must_tell = damage(f);
    kit_warnings = 0;
    int rc = kit_try_open(k, 100 * 365 * DAY, &err);
    if (rc < 0) { /* of another version, as far as anybody can tell */
        assert_true(rc == -EINVAL && strstr(f->path, "VERSION") != NULL && err.text[0]);
        return;
    }
    size_t n = check_served(k, &told);
    if (n < SERIES * SAMPLES && must_tell && !told)
        fail_msg("%zu samples are missing without a word: %s", SERIES * SAMPLES - n, f->path);
    *worst = n < *worst ? n : *worst;
    kit_write1(k, "m", "0", time_of(SAMPLES), value_of(0, SAMPLES));
    kit_now += 5 * HOUR;
    kit_tick(k, 4); /* goes on: flushes and merges what is whole */
    size_t again = check_served(k, &told);
    assert_true(again <= n + 1 && (again == n + 1 || told));
    kit_close(k);
}

static void whatever_is_damaged_the_rest_is_right(void **state)
{
    struct kit *k = *state;
    size_t worst = SERIES * SAMPLES;
    seed = 3;
    fill(k);
    note_files(k->dir, ".");
    note_files(k->dir, "wal");
    note_files(k->dir, "blocks");
    assert_true(nfiles >= 7);
    for (int i = 0; i < ROUNDS; i++) {
        one_round(k, &worst);
        ax_arena_reset(&k->arena);
    }
    assert_true(worst > SERIES * SAMPLES / 4); /* one file is not all */
    restore(k);
    for (size_t i = 0; i < nfiles; i++)
        ax_buf_free(&files[i].bytes);
    kit_open(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whatever_is_damaged_the_rest_is_right, kit_new, kit_end),
    };
    ax_disk = kit_hasty_disk();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
