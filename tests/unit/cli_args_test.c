// SPDX-License-Identifier: Apache-2.0
/* Flags: where the server is, what a command gets, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/inner.h"

static const char *kind;
static bool gone;
static struct ax_cli cli;

/* Parses "resources" with these words, of which the last is NULL. */
static int parse(const char *const *words)
{
    static char copies[9][64] = {"resources"};
    static char *argv[10]; /* cli.args points into it */
    int argc = 1;
    argv[0] = copies[0];
    const struct ax_flag flags[] = {{"kind", 'k', &kind, NULL}, {"gone", 'g', NULL, &gone}};
    kind = NULL;
    gone = false;
    for (; *words; words++, argc++) {
        snprintf(copies[argc], sizeof copies[0], "%s", *words);
        argv[argc] = copies[argc];
    }
    argv[argc] = NULL;
    return ax_cli_parse(&cli, argc, argv, flags, AX_ARRAY_LEN(flags), "help\n");
}
#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void flags_are_read_in_both_forms_and_any_order(void **state)
{
    assert_int_equal(PARSE("web1", "--kind", "vm", "-g", "--json"), AX_CLI_GO);
    assert_string_equal(kind, "vm");
    assert_true(gone && cli.json);
    assert_int_equal(cli.nargs, 1);
    assert_string_equal(cli.args[0], "web1");
    assert_int_equal(PARSE("-khost"), AX_CLI_GO);
    assert_string_equal(kind, "host");
    assert_false(gone);
}

static void the_server_comes_from_flag_environment_or_default(void **state)
{
    unsetenv("AUSPEX_SERVER");
    assert_int_equal(PARSE("-g"), AX_CLI_GO);
    assert_string_equal(cli.server, "http://127.0.0.1:8070");
    setenv("AUSPEX_SERVER", "http://there:1/", 1);
    assert_int_equal(PARSE("-g"), AX_CLI_GO);
    assert_string_equal(cli.server, "http://there:1");
    assert_int_equal(PARSE("--server", "http://here:2//"), AX_CLI_GO);
    assert_string_equal(cli.server, "http://here:2");
    unsetenv("AUSPEX_SERVER");
}

static void what_is_no_flag_is_bad_usage(void **state)
{
    assert_int_equal(PARSE("--kimd", "vm"), AX_EXIT_USAGE);
    assert_int_equal(PARSE("-z"), AX_EXIT_USAGE);
    assert_int_equal(PARSE("--kind"), AX_EXIT_USAGE);
    assert_int_equal(PARSE("--gone=yes"), AX_EXIT_USAGE);
}

static void the_number_of_arguments_is_checked(void **state)
{
    assert_int_equal(PARSE("a", "b"), AX_CLI_GO);
    assert_int_equal(ax_cli_expect(&cli, 0, 1, "x"), AX_EXIT_USAGE);
    assert_int_equal(ax_cli_expect(&cli, 3, 3, "x"), AX_EXIT_USAGE);
    assert_int_equal(ax_cli_expect(&cli, 1, 2, "x"), AX_CLI_GO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_are_read_in_both_forms_and_any_order),
        cmocka_unit_test(the_server_comes_from_flag_environment_or_default),
        cmocka_unit_test(what_is_no_flag_is_bad_usage),
        cmocka_unit_test(the_number_of_arguments_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
