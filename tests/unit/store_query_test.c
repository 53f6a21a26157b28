// SPDX-License-Identifier: Apache-2.0
/* Finding series: matchers, tenants, label names and values, over head and blocks alike; and what
 * damage and wrong directories lead to. */
#include "labels_kit.h"
#include "store_kit.h"

#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

static struct ax_matcher matcher(enum ax_match_op op, const char *name, const char *value)
{
    struct ax_matcher m = {.op = op, .name = ax_str(name), .value = ax_str(value)};
    if (op >= AX_MATCH_RE)
        assert_int_equal(ax_regex_new(m.value, &m.re, NULL), 0);
    return m;
}

/* The vm labels of what one matcher and the tenant select, as one sorted string. */
static void expect(struct kit *k, const char *tenant, enum ax_match_op op, const char *name,
                   const char *value, const char *want)
{
    struct ax_matcher m = matcher(op, name, value);
    struct ax_store_select sel = kit_all(&m, 1);
    sel.tenant = ax_str(tenant);
    struct ax_str *values;
    size_t n;
    assert_int_equal(
        ax_store_label_values(k->store, &sel, AX_STR("vm"), &k->arena, &values, &n, NULL), 0);
    struct ax_series_set set, last;
    assert_int_equal(ax_store_select(k->store, &sel, &k->arena, &set, NULL), 0);
    assert_int_equal(ax_store_last(k->store, &sel, &k->arena, &last, NULL), 0);
    assert_int_equal(set.n, n);
    assert_int_equal(last.n, n);
    char got[128] = "";
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(got + len, sizeof got - len, "%.*s ", AX_STR_ARG(values[i]));
    assert_string_equal(got, want);
    ax_regex_free(m.re);
}

static void write_for(struct kit *k, const char *tenant, const char *name, const char *vm, double v)
{
    struct ax_sample s = {kit_now, v};
    kit_write(k, tenant, name, vm, &s, 1);
}

static void check_matchers(struct kit *k)
{
    expect(k, TENANT, AX_MATCH_EQ, "vm", "a", "a ");
    expect(k, TENANT, AX_MATCH_NE, "vm", "a", "ab b ");
    expect(k, TENANT, AX_MATCH_RE, "vm", "a.*", "a ab ");
    expect(k, TENANT, AX_MATCH_RE, "vm", "a|b", "a b ");
    expect(k, TENANT, AX_MATCH_NRE, "vm", "a.*", "b ");
    expect(k, TENANT, AX_MATCH_EQ, "vm", "", "");
    expect(k, TENANT, AX_MATCH_NE, "vm", "", "a ab b ");
    expect(k, TENANT, AX_MATCH_EQ, "none", "", "a ab b ");
    expect(k, TENANT, AX_MATCH_EQ, "none", "x", "");
    expect(k, TENANT, AX_MATCH_NE, "none", "x", "a ab b ");
    expect(k, TENANT, AX_MATCH_RE, "none", ".*", "a ab b ");
    expect(k, TENANT, AX_MATCH_RE, "none", ".+", "");
    expect(k, "other", AX_MATCH_NE, "vm", "", "c ");
    expect(k, "other", AX_MATCH_EQ, "vm", "a", "");
    expect(k, "nobody", AX_MATCH_NE, "vm", "", "");
    expect(k, TENANT, AX_MATCH_EQ, AX_TENANT_LABEL, "other", "");
}

static void matchers_over_head_and_blocks(void **state)
{
    struct kit *k = *state;
    write_for(k, TENANT, "m", "a", 1);
    write_for(k, TENANT, "m", "ab", 2);
    write_for(k, TENANT, "m", "b", 3);
    write_for(k, "other", "m", "c", 4);
    check_matchers(k); /* head */
    kit_now += 5 * HOUR;
    kit_tick(k, 1);
    assert_int_equal(kit_stats(k).head_samples, 0);
    check_matchers(k); /* block, head's index */
    kit_close(k);
    kit_open(k);
    check_matchers(k); /* block alone */
    write_for(k, TENANT, "m", "b", 5);
    write_for(k, "other", "m", "c", 5);
    check_matchers(k); /* both */
}

static void the_tenant_does_not_show(void **state)
{
    struct kit *k = *state;
    write_for(k, TENANT, "m", "a", 1);
    struct ax_series got = kit_read(k, "m", "a");
    assert_int_equal(count_labels(got.labels), 2);
    assert_true(ax_labels_valid(got.labels.bytes));
    assert_int_equal(ax_labels_get(got.labels, AX_STR(AX_TENANT_LABEL)).n, 0);
    struct ax_store_select sel = kit_all(NULL, 0);
    struct ax_str *names;
    size_t n;
    assert_int_equal(ax_store_label_names(k->store, &sel, &k->arena, &names, &n, NULL), 0);
    assert_int_equal(n, 2);
    assert_true(ax_str_eq(names[0], AX_STR("__name__")) && ax_str_eq(names[1], AX_STR("vm")));
    assert_int_equal(
        ax_store_label_values(k->store, &sel, AX_STR(AX_TENANT_LABEL), &k->arena, &names, &n, NULL),
        0);
    assert_int_equal(n, 0);
    sel.tenant = AX_STR_NULL;
    assert_int_equal(ax_store_label_names(k->store, &sel, &k->arena, &names, &n, NULL), -EINVAL);
}

static size_t count_values(struct kit *k, int64_t mint, int64_t maxt)
{
    struct ax_store_select sel = kit_all(NULL, 0);
    struct ax_str *values;
    size_t n;
    sel.mint = mint;
    sel.maxt = maxt;
    assert_int_equal(
        ax_store_label_values(k->store, &sel, AX_STR("vm"), &k->arena, &values, &n, NULL), 0);
    return n;
}

static void label_values_follow_the_time_range(void **state)
{
    struct kit *k = *state;
    kit_write1(k, "m", "early", T0, 1);
    kit_write1(k, "m", "late", T0 + HOUR, 1);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(count_values(k, T0, T0 + HOUR), 2);
        assert_int_equal(count_values(k, T0 - 1, T0 + 5), 1);
        assert_int_equal(count_values(k, T0 + 1, T0 + HOUR - 1), 0);
        kit_now += 5 * HOUR;
        kit_tick(k, 1);
    }
}

static int flip(const char *dir, const char *name, off_t at)
{
    char path[128];
    uint8_t c;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_RDWR);
    if (fd < 0)
        return -1;
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    at = at < 0 ? st.st_size + at : at;
    assert_int_equal(pread(fd, &c, 1, at), 1);
    c ^= 0x10;
    assert_int_equal(pwrite(fd, &c, 1, at), 1);
    close(fd);
    return 0;
}

static void a_damaged_chunk_costs_its_range_only(void **state)
{
    struct kit *k = *state;
    struct ax_sample s[960];
    for (int i = 0; i < 960; i++)
        s[i] = (struct ax_sample){T0 + i * 5000, (i * 7919 % 1000) / 7.0};
    kit_write(k, TENANT, "m", "a", s, 960); /* two chunks */
    kit_write(k, TENANT, "m", "b", s, 960);
    kit_now += 5 * HOUR;
    kit_tick(k, 1);
    assert_int_equal(flip(k->dir, "blocks/0000000001.axb", 100), 0);
    struct ax_store_select sel = kit_all(NULL, 0);
    struct ax_series_set set;
    assert_int_equal(ax_store_select(k->store, &sel, &k->arena, &set, NULL), 0);
    assert_int_equal(set.n, 2);
    assert_int_equal(set.v[0].n + set.v[1].n, 1440);
    assert_true(set.warning.n > 0);
    assert_int_equal(kit_stats(k).damaged, 1);
    sel.mint = T0 + 480 * 5000; /* the half that is whole */
    assert_int_equal(ax_store_select(k->store, &sel, &k->arena, &set, NULL), 0);
    assert_int_equal(set.v[0].n + set.v[1].n, 960);
    assert_int_equal(set.warning.n, 0);
    kit_write(k, TENANT, "m", "a", s, 960); /* no merge may swallow what is left of it */
    kit_now += 5 * HOUR;
    kit_tick(k, 5);
    assert_int_equal(kit_stats(k).blocks, 2);
}

static void a_damaged_index_sets_the_block_aside(void **state)
{
    struct kit *k = *state;
    kit_write1(k, "m", "a", T0, 1);
    kit_now += 5 * HOUR;
    kit_tick(k, 1);
    kit_write1(k, "m", "b", T0, 2);
    kit_close(k);
    assert_int_equal(flip(k->dir, "blocks/0000000001.axb", -140), 0);
    kit_warnings = 0;
    kit_open(k);
    assert_true(kit_warnings > 0);
    assert_non_null(strstr(kit_warning, "set aside"));
    assert_int_equal(kit_stats(k).damaged, 1);
    assert_int_equal(kit_read(k, "m", "a").n, 0);
    assert_int_equal(kit_read(k, "m", "b").n, 1);
    kit_close(k);
    kit_warnings = 0;
    kit_open(k); /* and the next start is quiet about it */
    assert_int_equal(kit_warnings, 0);
    assert_int_equal(kit_read(k, "m", "b").n, 1);
}

static void a_damaged_manifest_is_rebuilt(void **state)
{
    struct kit *k = *state;
    kit_write1(k, "m", "a", T0, 1);
    kit_now += 5 * HOUR;
    kit_tick(k, 1);
    kit_close(k);
    assert_int_equal(flip(k->dir, "MANIFEST", 3), 0);
    kit_open(k);
    assert_int_equal(kit_read(k, "m", "a").n, 1);
    assert_int_equal(kit_stats(k).damaged, 1);
}

static void every_byte_of_a_block_may_flip(void **state)
{
    struct kit *k = *state;
    char path[96], aside[128], manifest[96];
    struct stat st;
    kit_write1(k, "m", "a", T0, 1.25);
    kit_write1(k, "m", "b", T0, 2.5);
    kit_now += 5 * HOUR;
    kit_tick(k, 1);
    kit_close(k);
    snprintf(path, sizeof path, "%s/blocks/0000000001.axb", k->dir);
    snprintf(aside, sizeof aside, "%s.damaged", path);
    snprintf(manifest, sizeof manifest, "%s/MANIFEST", k->dir);
    AX_CLEANUP(ax_buf_free) struct ax_buf listed = AX_BUF_INIT;
    assert_int_equal(ax_file_read(AT_FDCWD, manifest, 4096, &listed, NULL), 0);
    assert_int_equal(stat(path, &st), 0);
    for (off_t at = 0; at < st.st_size; at++) {
        flip(k->dir, "blocks/0000000001.axb", at);
        kit_open(k);
        struct ax_series a = kit_read(k, "m", "a"), b = kit_read(k, "m", "b");
        assert_true(a.n == 0 || a.v[0] == 1.25);
        assert_true(b.n == 0 || b.v[0] == 2.5);
        kit_close(k);
        if (access(path, F_OK) < 0) {
            assert_int_equal(rename(aside, path), 0);
            assert_int_equal(ax_file_replace(AT_FDCWD, manifest, listed.p, listed.n, NULL), 0);
        }
        flip(k->dir, "blocks/0000000001.axb", at);
    }
    kit_open(k);
    assert_int_equal(kit_read(k, "m", "a").n, 1);
}

static void two_on_one_directory(void **state)
{
    struct kit *k = *state, second = {0};
    struct ax_err err = {0};
    memcpy(second.dir, k->dir, sizeof second.dir);
    assert_int_equal(kit_try_open(&second, DAY, &err), -EBUSY);
    char want[128];
    snprintf(want, sizeof want, "another auspex is using %s (pid %d)", k->dir, (int)getpid());
    assert_string_equal(err.text, want);
    kit_write1(k, "m", "a", T0, 1); /* the first goes on */
}

static void another_version_is_left_alone(void **state)
{
    struct kit *k = *state;
    struct ax_err err = {0};
    char path[96];
    kit_write1(k, "m", "a", T0, 1);
    kit_close(k);
    snprintf(path, sizeof path, "%s/VERSION", k->dir);
    FILE *f = fopen(path, "w");
    fputs("auspex-store 9\n", f);
    fclose(f);
    assert_int_equal(kit_try_open(k, DAY, &err), -EINVAL);
    assert_non_null(strstr(err.text, "auspex-store 9"));
    f = fopen(path, "w");
    fputs(AX_STORE_FORMAT_BEFORE, f);
    fclose(f);
    kit_open(k);
    assert_int_equal(kit_read(k, "m", "a").n, 1);
    char found[32] = "";
    f = fopen(path, "r"); /* an older auspex must not take what is written now for damaged */
    assert_non_null(fgets(found, sizeof found, f));
    fclose(f);
    assert_string_equal(found, AX_STORE_FORMAT);
}

static void a_directory_that_cannot_be(void **state)
{
    struct kit k = {.dir = "/proc/nothing/here"};
    struct ax_err err = {0};
    assert_true(kit_try_open(&k, DAY, &err) < 0);
    assert_non_null(strstr(err.text, "/proc/nothing"));
}

static void cardinality_tells_where_series_come_from(void **state)
{
    struct kit *k = *state;
    struct ax_cardinality c;
    struct ax_sample s = {T0, 1};
    for (int i = 0; i < 30; i++) {
        char vm[8];
        snprintf(vm, sizeof vm, "%d", i);
        kit_write1(k, "many", vm, T0, 1);
        if (i < 3)
            kit_write1(k, "few", vm, T0, 1);
    }
    kit_write(k, "other", "many", "x", &s, 1);
    assert_int_equal(ax_store_cardinality(k->store, AX_STR(TENANT), 4, &k->arena, &c, NULL), 0);
    assert_int_equal(c.series, 33);
    assert_int_equal(c.npairs, 32);
    assert_int_equal(c.metrics.n, 2);
    assert_true(ax_str_eq(c.metrics.v[0].value, AX_STR("many")) && c.metrics.v[0].series == 30);
    assert_true(ax_str_eq(c.metrics.v[1].value, AX_STR("few")) && c.metrics.v[1].series == 3);
    assert_int_equal(c.labels.n, 2);
    assert_true(ax_str_eq(c.labels.v[0].name, AX_STR("vm")) && c.labels.v[0].values == 30);
    assert_int_equal(c.labels.v[0].series, 33);
    assert_int_equal(c.pairs.n, 4);
    assert_true(ax_str_eq(c.pairs.v[2].value, AX_STR("0")) && c.pairs.v[2].series == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(matchers_over_head_and_blocks, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(the_tenant_does_not_show, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(label_values_follow_the_time_range, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(a_damaged_chunk_costs_its_range_only, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(a_damaged_index_sets_the_block_aside, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(a_damaged_manifest_is_rebuilt, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(every_byte_of_a_block_may_flip, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(two_on_one_directory, kit_new, kit_end),
        cmocka_unit_test_setup_teardown(another_version_is_left_alone, kit_new, kit_end),
        cmocka_unit_test(a_directory_that_cannot_be),
        cmocka_unit_test_setup_teardown(cardinality_tells_where_series_come_from, kit_new, kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
