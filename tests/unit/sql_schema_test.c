// SPDX-License-Identifier: Apache-2.0
/* Several rooms keep tables in one file, each with a version of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sql/sql.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[64];
static struct ax_sql *sql;

static int open_file(void **state)
{
    snprintf(path, sizeof path, "/tmp/auspex-sql-XXXXXX");
    close(mkstemp(path));
    return ax_sql_open(&sql, path, NULL);
}

static int remove_file(void **state)
{
    ax_sql_close(sql);
    return unlink(path);
}

static int64_t count(const char *text)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, sql, text);
    int64_t n = ax_stmt_row(&q) ? ax_stmt_col_int(&q, 0) : -1;
    return ax_stmt_end(&q, "counting in", NULL) < 0 ? -1 : n;
}

static const char *const steps[] = {"CREATE TABLE a(x TEXT UNIQUE); INSERT INTO a VALUES('1');",
                                    "ALTER TABLE a ADD COLUMN y TEXT", "this is no statement"};

static void each_step_is_taken_once(void **state)
{
    assert_int_equal(ax_sql_schema(sql, "a", steps, 1, NULL), 0);
    assert_int_equal(ax_sql_schema(sql, "b", NULL, 0, NULL), 0);
    assert_int_equal(ax_sql_schema(sql, "a", steps, 1, NULL), 0);
    assert_int_equal(ax_sql_schema(sql, "a", steps, 2, NULL), 0);
    assert_int_equal(count("SELECT count(*) FROM a WHERE y IS NULL"), 1);
}

static void statements_share_a_parameter_up_to_the_first_that_fails(void **state)
{
    static const char *const texts[] = {"INSERT INTO p VALUES(?)", "INSERT INTO q VALUES(?)"};
    static const char *const wrong[] = {"INSERT INTO r VALUES(?)", "INSERT INTO p VALUES(?)"};
    assert_int_equal(ax_sql_exec(sql, "CREATE TABLE p(x); CREATE TABLE q(x)", NULL), 0);
    assert_int_equal(ax_stmt_each_str(sql, texts, 2, AX_STR("a"), "writing", NULL), 0);
    assert_int_equal(ax_stmt_each_int(sql, texts, 2, 7, "writing", NULL), 0);
    assert_true(ax_stmt_each_int(sql, wrong, 2, 8, "writing", NULL) < 0);
    assert_int_equal(count("SELECT count(*) FROM p, q WHERE p.x = q.x"), 2);
    assert_int_equal(count("SELECT count(*) FROM p WHERE x = 8"), 0);
}

static void a_step_that_fails_leaves_all_as_it_was(void **state)
{
    struct ax_err err = {0};
    assert_true(ax_sql_schema(sql, "a", steps, 3, &err) < 0);
    assert_non_null(strstr(err.text, "syntax error"));
    assert_int_equal(count("SELECT count(*) FROM sqlite_master WHERE name = 'a'"), 0);
}

static void tables_of_a_newer_program_are_refused(void **state)
{
    struct ax_err err = {0};
    assert_int_equal(ax_sql_schema(sql, "a", steps, 2, NULL), 0);
    assert_int_equal(ax_sql_schema(sql, "a", steps, 1, &err), -EINVAL);
    assert_string_equal(err.text, "the tables of a have version 2, this program knows version 1: "
                                  "use the program that wrote them, or another data directory");
}

static void what_has_to_be_unique_is_told_apart(void **state)
{
    assert_int_equal(ax_sql_schema(sql, "a", steps, 1, NULL), 0);
    assert_int_equal(ax_sql_begin(sql, NULL), 0);
    int rc = ax_sql_exec(sql, "INSERT INTO a VALUES('2'); INSERT INTO a VALUES('1');", NULL);
    assert_int_equal(rc, -EEXIST);
    assert_int_equal(ax_sql_end(sql, rc, NULL), -EEXIST);
    assert_int_equal(count("SELECT count(*) FROM a"), 1);
}

#define FILE_OF_ITS_OWN(test) cmocka_unit_test_setup_teardown(test, open_file, remove_file)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_OF_ITS_OWN(statements_share_a_parameter_up_to_the_first_that_fails),
        FILE_OF_ITS_OWN(each_step_is_taken_once),
        FILE_OF_ITS_OWN(a_step_that_fails_leaves_all_as_it_was),
        FILE_OF_ITS_OWN(tables_of_a_newer_program_are_refused),
        FILE_OF_ITS_OWN(what_has_to_be_unique_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
