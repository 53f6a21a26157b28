// SPDX-License-Identifier: Apache-2.0
/* Identifiers have the form that others know, and are read back as they were printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/uuid.h"

static void they_print_with_their_version_and_read_back(void **state)
{
    for (int i = 0; i < 1000; i++) {
        char text[AX_UUID_TEXT + 1];
        struct ax_uuid again, u = i % 2 ? ax_uuid_random() : ax_uuid_at(1790000040000);
        ax_uuid_print(&u, text);
        assert_int_equal(strlen(text), AX_UUID_TEXT);
        assert_int_equal(text[14], i % 2 ? '4' : '7');
        assert_non_null(strchr("89ab", text[19]));
        assert_true(ax_uuid_parse(ax_str(text), &again));
        assert_memory_equal(&u, &again, sizeof u);
    }
}

static void those_made_later_sort_later(void **state)
{
    struct ax_uuid a = ax_uuid_at(1790000040000), b = ax_uuid_at(1790000040001);
    struct ax_uuid c = ax_uuid_at(1790000040001);
    assert_true(memcmp(&a, &b, sizeof a) < 0);
    assert_memory_equal(&b, &c, 6);
    assert_memory_not_equal(&b, &c, sizeof b);
}

static void other_forms_are_refused(void **state)
{
    static const char *const wrong[] = {"",
                                        "01234567-89ab-7def-8123-456789abcde",
                                        "01234567-89ab-7def-8123-456789abcdef0",
                                        "01234567-89AB-7def-8123-456789abcdef",
                                        "0123456789ab-7def-8123-456789abcdef00",
                                        "012345678-9ab-7def-8123-456789abcdef",
                                        "01234567-89ab-7def-8123-456789abcdeg"};
    struct ax_uuid u;
    assert_true(ax_uuid_parse(AX_STR("01234567-89ab-7def-8123-456789abcdef"), &u));
    for (size_t i = 0; i < AX_ARRAY_LEN(wrong); i++)
        assert_false(ax_uuid_parse(ax_str(wrong[i]), &u));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_print_with_their_version_and_read_back),
        cmocka_unit_test(those_made_later_sort_later),
        cmocka_unit_test(other_forms_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
