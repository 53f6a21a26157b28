// SPDX-License-Identifier: Apache-2.0
/* Who may do what, and for whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "auth/auth.h"

#include <errno.h>
#include <stdio.h>

#define R AX_MAY_READ
#define W AX_MAY_WRITE
#define D AX_MAY_DEFINE
#define A AX_MAY_ADMIN
#define O AX_MAY_OTHER_TENANT
#define L AX_MAY_COLLECT
#define C AX_MAY_CONSENT /* the owner's alone: not the provider's */

static void each_role_may_what_the_table_says(void **state)
{
    static const struct {
        unsigned roles, may;
    } table[] = {{AX_ROLE_PROVIDER, R | W | D | A | O | L},
                 {AX_ROLE_MEMBER, R | W | D | C},
                 {AX_ROLE_READER, R},
                 {AX_ROLE_AGENT, W | L},
                 {AX_ROLE_DELEGATE, R | W | O},
                 {0, 0},
                 {AX_ROLE_READER | AX_ROLE_AGENT, R | W | L},
                 {AX_ROLE_MEMBER | AX_ROLE_DELEGATE, R | W | D | O | C}};
    for (size_t i = 0; i < AX_ARRAY_LEN(table); i++)
        for (unsigned what = 1; what < 128; what++)
            assert_int_equal(ax_role_may(table[i].roles, what), (table[i].may & what) == what);
}

static void roles_have_names(void **state)
{
    enum ax_role role = AX_ROLE_READER;
    for (unsigned bit = 1; bit <= AX_ROLE_DELEGATE; bit <<= 1) {
        assert_true(ax_role_parse(ax_str(ax_role_name((enum ax_role)bit)), &role));
        assert_int_equal(role, bit);
    }
    assert_false(ax_role_parse(AX_STR("root"), &role));
    assert_false(ax_role_parse(AX_STR(""), &role));
    assert_false(ax_role_parse(AX_STR("Member"), &role));
    assert_int_equal(role, AX_ROLE_DELEGATE);
}

static void a_refusal_says_what_is_missing(void **state)
{
    struct ax_err err;
    struct ax_who who = {.roles = AX_ROLE_READER, .name = "eve"};
    assert_int_equal(ax_who_may(&who, R, &err), 0);
    assert_int_equal(ax_who_may(&who, R | W, &err), -EPERM);
    assert_string_equal(err.text, "eve may not send samples (role reader)");
    who.roles = 0;
    assert_int_equal(ax_who_may(&who, R, &err), -EPERM);
    assert_string_equal(err.text, "eve may not read (role none)");
}

static void only_some_act_for_others(void **state)
{
    struct ax_err err;
    struct ax_str tenant = AX_STR("untouched");
    struct ax_who who = {.tenant = "acme", .name = "eve"};
    for (unsigned bit = 1; bit <= AX_ROLE_DELEGATE; bit <<= 1) {
        bool others = bit == AX_ROLE_PROVIDER || bit == AX_ROLE_DELEGATE;
        who.roles = bit;
        assert_int_equal(ax_who_tenant(&who, AX_STR("other"), &tenant, &err), others ? 0 : -EPERM);
        assert_true(ax_str_eq(tenant, others ? AX_STR("other") : AX_STR("untouched")));
        assert_int_equal(ax_who_tenant(&who, AX_STR("acme"), &tenant, &err), 0);
        assert_true(ax_str_eq(tenant, AX_STR("acme")));
        assert_int_equal(ax_who_tenant(&who, AX_STR_NULL, &tenant, &err), 0);
        assert_true(ax_str_eq(tenant, AX_STR("acme")));
        assert_int_equal(ax_who_tenant(&who, AX_STR("a|b"), &tenant, &err), -EINVAL);
        tenant = AX_STR("untouched");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_role_may_what_the_table_says),
                                       cmocka_unit_test(roles_have_names),
                                       cmocka_unit_test(a_refusal_says_what_is_missing),
                                       cmocka_unit_test(only_some_act_for_others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
