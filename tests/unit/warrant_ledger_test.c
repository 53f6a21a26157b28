// SPDX-License-Identifier: Apache-2.0
/* The ledger: nothing in it can be changed, taken out, put in or cut off unnoticed; processes
 * append to it side by side; a kill leaves it whole. */
#include "warrant_kit.h"

#include "base/clock.h"
#include "base/file.h"

#include <fcntl.h>
#include <signal.h>

#define ENTRIES 6

static void write_some(struct kit *k)
{
    struct ax_grant g;
    must(consent(k, VM, AX_SCOPE_PROCESSES, 0), &k->err);
    for (int i = 0; i < ENTRIES - 2; i++, k->now++)
        must(use(k, by_provider(VM, AX_SCOPE_PROCESSES), &g), &k->err);
    must(ax_consent_revoke(k->w, ACME, VM, AX_STR("bob"), k->now, &k->err), &k->err);
}

/* As somebody with the sqlite3 program would. */
static void tamper(struct kit *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void tamper(struct kit *k, const char *fmt, ...)
{
    char text[1024];
    struct ax_sql *sql;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    must(ax_sql_open(&sql, k->path, &k->err), &k->err);
    must(ax_sql_exec(sql, text, &k->err), &k->err);
    ax_sql_close(sql);
}

static void keep(struct kit *k)
{
    tamper(k, "DROP TABLE IF EXISTS saved; CREATE TABLE saved AS SELECT * FROM ledger");
}

static void put_back(struct kit *k)
{
    tamper(k, "DELETE FROM ledger; INSERT INTO ledger SELECT * FROM saved");
    assert_true(verify(k, "").intact);
}

static void assert_bad(struct kit *k, int64_t entry, const char *word)
{
    struct ax_ledger_report r = verify(k, "");
    if (r.intact || r.bad != entry || !strstr(r.fault, word))
        fail_msg("expected %s at %lld, got %s at %lld", word, (long long)entry,
                 r.intact ? "intact" : r.fault, (long long)r.bad);
}

static void test_whole(void **state)
{
    struct kit *k = *state;
    struct ax_ledger_entry *v;
    assert_true(verify(k, "").intact);
    write_some(k);
    assert_int_equal(entries(k, &v), ENTRIES);
    struct ax_ledger_report r = verify(k, v[2].hash.p);
    assert_true(r.intact);
    assert_int_equal(r.entries, ENTRIES);
    assert_int_equal(r.found, 3);
    assert_string_equal(r.head, v[ENTRIES - 1].hash.p);
    for (int i = 1; i < ENTRIES; i++)
        assert_true(ax_str_eq(v[i].previous, v[i - 1].hash));
    restart(k);
    assert_true(verify(k, "").intact);
}

static void test_a_changed_value_of_any_column_in_any_row(void **state)
{
    struct kit *k = *state;
    static const char *const columns[] = {"time",   "kind",         "scope",    "who",
                                          "tenant", "handle",       "reason",   "grant_id",
                                          "detail", "hidden_until", "previous", "hash"};
    static const char *const values[] = {"time + 1",
                                         "'use-refused'",
                                         "'forensic'",
                                         "who || 'x'",
                                         "tenant || 'x'",
                                         "handle || 'x'",
                                         "reason || 'x'",
                                         "grant_id || 'x'",
                                         "detail || 'x'",
                                         "hidden_until + 1",
                                         "replace(previous, substr(previous, 7, 1), '.')",
                                         "replace(hash, substr(hash, 7, 1), '.')"};
    write_some(k);
    keep(k);
    for (size_t c = 0; c < AX_ARRAY_LEN(columns); c++)
        for (int row = 1; row <= ENTRIES; row++) {
            if (row == 1 && strcmp(columns[c], "previous") == 0)
                tamper(k, "UPDATE ledger SET previous = '1' WHERE sequence = 1");
            else
                tamper(k, "UPDATE ledger SET %s = %s WHERE sequence = %d", columns[c], values[c],
                       row);
            assert_bad(k, row, "changed");
            put_back(k);
        }
}

/* Other types and bytes that read as the same. */
static void test_a_value_of_another_type(void **state)
{
    struct kit *k = *state;
    static const char *const changes[] = {"time = time + 0.25",     "hidden_until = 0.5",
                                          "reason = x''",           "detail = CAST(detail AS BLOB)",
                                          "kind = 'nothing known'", "scope = 'all'",
                                          "reason = x'ff'"};
    write_some(k);
    keep(k);
    for (size_t i = 0; i < AX_ARRAY_LEN(changes); i++) {
        tamper(k, "UPDATE ledger SET %s WHERE sequence = 3", changes[i]);
        assert_bad(k, 3, "changed");
        put_back(k);
    }
}

static void test_a_row_taken_out(void **state)
{
    struct kit *k = *state;
    write_some(k);
    keep(k);
    for (int row = 1; row < ENTRIES; row++) {
        tamper(k, "DELETE FROM ledger WHERE sequence = %d", row);
        assert_bad(k, row, "removed");
        put_back(k);
        tamper(k,
               "DELETE FROM ledger WHERE sequence = %d; UPDATE ledger SET sequence = sequence - 1 "
               "WHERE sequence > %d",
               row, row);
        assert_bad(k, row, "changed");
        put_back(k);
    }
}

static void test_a_row_put_in(void **state)
{
    struct kit *k = *state;
    write_some(k);
    keep(k);
    tamper(k, "INSERT INTO ledger SELECT 0, time, kind, scope, who, tenant, handle, reason, "
              "grant_id, detail, hidden_until, previous, hash FROM ledger WHERE sequence = 1");
    assert_bad(k, 0, "inserted");
    put_back(k);
    tamper(k, "INSERT INTO ledger SELECT 100, time, kind, scope, who, tenant, handle, reason, "
              "grant_id, detail, hidden_until, previous, hash FROM ledger WHERE sequence = 3");
    assert_bad(k, ENTRIES + 1, "removed");
    put_back(k);
}

/* A forger who knows the program: a row with a hash that is right. */
static void forge(struct kit *k, int64_t after, const char *who)
{
    struct ax_ledger_entry *v;
    size_t n = entries(k, &v);
    assert_true((size_t)after <= n);
    char other[96], head[128];
    snprintf(other, sizeof other, "%s/forger.db", k->dir);
    snprintf(head, sizeof head, "%s/forger.head", k->dir);
    unlink(other);
    unlink(head);
    struct ax_sql *sql;
    struct ax_ledger *l;
    must(ax_sql_open(&sql, other, &k->err), &k->err);
    must(ax_ledger_open(&l, sql, head, &k->err), &k->err);
    for (int64_t i = 0; i < after; i++) {
        struct ax_ledger_entry e = v[i];
        must(ax_ledger_append(l, &e, &k->a, &k->err), &k->err);
        assert_true(ax_str_eq(e.hash, v[i].hash));
    }
    struct ax_ledger_entry e = {.time = T0, .kind = AX_LEDGER_USE, .who = ax_str(who)};
    must(ax_ledger_append(l, &e, &k->a, &k->err), &k->err);
    ax_ledger_close(l);
    ax_sql_close(sql);
    tamper(k,
           "UPDATE ledger SET sequence = -sequence WHERE sequence > %lld;"
           "UPDATE ledger SET sequence = 1 - sequence WHERE sequence < 0;"
           "ATTACH '%s' AS f; INSERT INTO ledger SELECT * FROM f.ledger WHERE sequence = %lld",
           (long long)after, other, (long long)after + 1);
}

static void test_a_forged_row(void **state)
{
    struct kit *k = *state;
    write_some(k);
    keep(k);
    forge(k, 3, "forger"); /* between 3 and 4, which is 5 now: its number is not what was hashed */
    assert_bad(k, 5, "changed");
    put_back(k);
    forge(k, ENTRIES, "forger"); /* at the end */
    assert_bad(k, ENTRIES + 1, "inserted");
    put_back(k);
}

static void test_the_end_cut_off(void **state)
{
    struct kit *k = *state;
    struct ax_grant g;
    write_some(k);
    keep(k);
    for (int last = 0; last < ENTRIES; last++) {
        tamper(k, "DELETE FROM ledger WHERE sequence > %d", last);
        assert_bad(k, last + 1, "cut off");
        /* Nothing covers it up: what comes next is refused. */
        assert_int_equal(use(k, by_provider(VM, AX_SCOPE_PROCESSES), &g), -EUCLEAN);
        assert_int_equal(consent(k, VM, AX_SCOPE_PROCESSES, 0), -EUCLEAN);
        assert_bad(k, last + 1, "cut off");
        put_back(k);
    }
    must(consent(k, VM, AX_SCOPE_PROCESSES, 0), &k->err);
}

static void test_the_table_dropped(void **state)
{
    struct kit *k = *state;
    struct ax_ledger_report r;
    write_some(k);
    tamper(k, "DROP TABLE ledger");
    r = verify_from_outside(k, "");
    assert_false(r.intact);
    assert_non_null(strstr(r.fault, "cut off"));
}

static void set_head(struct kit *k, const char *text)
{
    must(ax_file_replace(AT_FDCWD, k->head, text, strlen(text), &k->err), &k->err);
}

static void test_the_second_file(void **state)
{
    struct kit *k = *state;
    struct ax_ledger_entry *v;
    struct ax_grant g;
    char text[256];
    write_some(k);
    entries(k, &v);
    static const char *const nonsense[] = {"", "x", "6", "6 \n", "-6 00", "6 zz\nmore"};
    for (size_t i = 0; i < AX_ARRAY_LEN(nonsense); i++) {
        set_head(k, nonsense[i]);
        assert_bad(k, ENTRIES, "ledger.head is damaged");
        assert_int_equal(use(k, by_provider(VM, AX_SCOPE_PROCESSES), &g), -EUCLEAN);
    }
    snprintf(text, sizeof text, "6 %s\n", v[4].hash.p);
    set_head(k, text);
    assert_bad(k, ENTRIES, "changed");
    snprintf(text, sizeof text, "5 %s\n", v[4].hash.p);
    set_head(k, text);
    assert_bad(k, ENTRIES, "inserted");
    snprintf(text, sizeof text, "7 %s\n", v[5].hash.p);
    set_head(k, text);
    assert_bad(k, ENTRIES + 1, "cut off");
    unlink(k->head);
    assert_bad(k, ENTRIES, "ledger.head is missing");
    assert_int_equal(use(k, by_provider(VM, AX_SCOPE_PROCESSES), &g), -EUCLEAN);
    restart(k); /* does not make a new one */
    assert_bad(k, ENTRIES, "ledger.head is missing");
    struct ax_warrants_stats s;
    assert_int_equal(use(k, by_provider(VM, AX_SCOPE_PROCESSES), &g), -EUCLEAN);
    must(ax_warrants_stats(k->w, k->now, &s, &k->err), &k->err);
    assert_false(s.intact);
}

/* Between its two writings of the second file a process may die: both ends are right. */
static void test_a_crash_around_the_commit(void **state)
{
    struct kit *k = *state;
    struct ax_ledger_entry *v;
    struct ax_grant g;
    char text[300];
    write_some(k);
    entries(k, &v);
    snprintf(text, sizeof text, "5 %s\n6 %s\n", v[4].hash.p, v[5].hash.p); /* it was committed */
    set_head(k, text);
    assert_true(verify(k, "").intact);
    must(consent(k, VM, AX_SCOPE_PROCESSES, 0), &k->err);
    must(use(k, by_provider(VM, AX_SCOPE_PROCESSES), &g), &k->err);
    entries(k, &v);
    snprintf(text, sizeof text, "8 %s\n9 %s\n", v[7].hash.p, v[5].hash.p); /* it was not */
    set_head(k, text);
    assert_true(verify(k, "").intact);
    must(use(k, by_provider(VM, AX_SCOPE_PROCESSES), &g), &k->err);
    assert_true(verify(k, "").intact);
}

/* Somebody writes all of it anew, the second file, too: who kept a hash knows. */
static void test_a_ledger_written_anew(void **state)
{
    struct kit *k = *state;
    struct ax_ledger_entry *v;
    char old[AX_LEDGER_HASH], command[400];
    write_some(k);
    entries(k, &v);
    snprintf(old, sizeof old, "%s", v[4].hash.p);
    keep(k);
    forge(k, 3, "forger");
    put_back(k);
    tamper(k, "DELETE FROM ledger");
    tamper(k, "ATTACH '%s/forger.db' AS f; INSERT INTO ledger SELECT * FROM f.ledger", k->dir);
    snprintf(command, sizeof command, "cp %s/forger.head %s", k->dir, k->head);
    assert_int_equal(system(command), 0);
    assert_true(verify(k, "").intact);
    struct ax_ledger_report r = verify(k, old);
    assert_false(r.intact);
    assert_int_equal(r.bad, 0);
    assert_non_null(strstr(r.fault, old));
}

static void test_texts_that_cannot_be_kept_are_refused(void **state)
{
    struct kit *k = *state;
    struct ax_ledger *l = ax_warrants_ledger(k->w);
    static char long_text[AX_LEDGER_TEXT_MAX + 1];
    memset(long_text, 'x', sizeof long_text);
    const struct ax_str bad[] = {AX_STR("\xff"), AX_STR("a\0b"), {long_text, sizeof long_text}};
    for (size_t i = 0; i < AX_ARRAY_LEN(bad); i++) {
        struct ax_ledger_entry e = {.time = T0, .kind = AX_LEDGER_USE, .reason = bad[i]};
        assert_int_equal(ax_ledger_append(l, &e, &k->a, &k->err), -EINVAL);
    }
    assert_int_equal(verify(k, "").entries, 0);
}

/* ---- several processes ---- */

/* In a process of its own: appends until it has n, or is killed; a byte to `done` for each. */
static void append_many(struct kit *k, int n, int done)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_err err = {0};
    struct ax_sql *sql;
    struct ax_ledger *l;
    int rc = ax_sql_open(&sql, k->path, &err);
    rc = rc < 0 ? rc : ax_ledger_open(&l, sql, k->head, &err);
    for (int i = 0; rc == 0 && i < n; i++) {
        struct ax_ledger_entry e = {.time = T0 + i, .kind = AX_LEDGER_USE, .who = AX_STR("child")};
        rc = ax_ledger_append(l, &e, &a, &err);
        if (rc == 0 && done >= 0 && write(done, ".", 1) != 1)
            break;
    }
    if (rc < 0)
        fprintf(stderr, "%s\n", err.text);
    _exit(rc < 0);
}

static void test_processes_append_side_by_side(void **state)
{
    struct kit *k = *state;
    pid_t pids[3];
    int status;
    for (int i = 0; i < 3; i++)
        if ((pids[i] = fork()) == 0)
            append_many(k, 30, -1);
    for (int i = 0; i < 10; i++) {
        struct ax_ledger_entry e = {.time = T0, .kind = AX_LEDGER_USE, .who = AX_STR("parent")};
        must(ax_ledger_append(ax_warrants_ledger(k->w), &e, &k->a, &k->err), &k->err);
        assert_true(verify_from_outside(k, "").intact); /* while they append */
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    struct ax_ledger_report r = verify(k, "");
    assert_true(r.intact);
    assert_int_equal(r.entries, 100);
}

static void test_killed_anywhere_it_is_whole(void **state)
{
    struct kit *k = *state;
    int done[2], status, total = 0;
    char dots[4096];
    for (int round = 0; round < 25; round++) {
        assert_int_equal(pipe(done), 0);
        pid_t pid = fork();
        if (pid == 0)
            append_many(k, 100000, done[1]);
        close(done[1]);
        ax_sleep_ms(5 + round * 3);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        ssize_t n = read(done[0], dots, sizeof dots);
        close(done[0]);
        struct ax_ledger_report r = verify(k, "");
        total += (int)n;
        if (!r.intact)
            fail_msg("after a kill: %s at %lld", r.fault, (long long)r.bad);
        assert_in_range(r.entries, total, total + round + 1); /* each kill: one more, or none */
    }
    struct ax_ledger_entry e = {.time = T0, .kind = AX_LEDGER_USE, .who = AX_STR("parent")};
    must(ax_ledger_append(ax_warrants_ledger(k->w), &e, &k->a, &k->err), &k->err);
    assert_true(total > 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_whole),
        T(test_a_changed_value_of_any_column_in_any_row),
        T(test_a_value_of_another_type),
        T(test_a_row_taken_out),
        T(test_a_row_put_in),
        T(test_a_forged_row),
        T(test_the_end_cut_off),
        T(test_the_table_dropped),
        T(test_the_second_file),
        T(test_a_crash_around_the_commit),
        T(test_a_ledger_written_anew),
        T(test_texts_that_cannot_be_kept_are_refused),
        T(test_processes_append_side_by_side),
        T(test_killed_anywhere_it_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
