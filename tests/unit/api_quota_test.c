// SPDX-License-Identifier: Apache-2.0
/* Limits of what one tenant may ask for at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/quota.h"
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>

#define A AX_STR("a")
#define B AX_STR("b")

static void who_sends_too_much_waits_and_others_do_not(void **state)
{
    struct ax_quotas *s = ax_quotas_new(1000, 0);
    struct ax_err err = {0};
    assert_int_equal(ax_quota_admit(s, A, &err), 0);
    ax_quota_charge(s, A, 2200); /* a request may be larger than what is left */
    assert_int_equal(ax_quota_admit(s, A, &err), -EDQUOT);
    assert_non_null(strstr(err.text, "1000 samples a second of the tenant a"));
    assert_int_equal(ax_quota_admit(s, B, &err), 0);
    ax_sleep_ms(300);
    assert_int_equal(ax_quota_admit(s, A, &err), 0);
    assert_int_equal(ax_quotas_refused(s), 1);
    ax_quotas_free(s);
}

static void a_bucket_holds_no_more_than_two_seconds(void **state)
{
    struct ax_quotas *s = ax_quotas_new(10, 0);
    struct ax_err err;
    ax_quota_charge(s, A, 0);
    ax_sleep_ms(200);
    ax_quota_charge(s, A, 21);
    assert_int_equal(ax_quota_admit(s, A, &err), -EDQUOT);
    ax_quotas_free(s);
}

static void so_many_queries_at_once_and_no_more(void **state)
{
    struct ax_quotas *s = ax_quotas_new(0, 2);
    struct ax_err err = {0};
    assert_int_equal(ax_quota_read(s, A, &err), 0);
    assert_int_equal(ax_quota_read(s, A, &err), 0);
    assert_int_equal(ax_quota_read(s, A, &err), -EDQUOT);
    assert_non_null(strstr(err.text, "2 queries at once of the tenant a"));
    assert_int_equal(ax_quota_read(s, B, &err), 0);
    ax_quota_read_end(s, A);
    assert_int_equal(ax_quota_read(s, A, &err), 0);
    ax_quotas_free(s);
}

static void without_limits_nothing_is_kept(void **state)
{
    struct ax_quotas *s = ax_quotas_new(0, 0);
    struct ax_err err;
    ax_quota_charge(s, A, UINT64_MAX);
    for (int i = 0; i < 100; i++)
        assert_int_equal(ax_quota_admit(s, A, &err) + ax_quota_read(s, A, &err), 0);
    ax_quotas_free(s);
}

static void tenants_at_rest_are_forgotten(void **state)
{
    struct ax_quotas *s = ax_quotas_new(1, 1);
    struct ax_err err;
    char name[16];
    assert_int_equal(ax_quota_read(s, A, &err), 0);
    for (int i = 0; i < 30000; i++) {
        struct ax_str tenant = {name, (size_t)snprintf(name, sizeof name, "t%d", i)};
        assert_int_equal(ax_quota_admit(s, tenant, &err), 0);
    }
    assert_int_equal(ax_quota_read(s, A, &err), -EDQUOT); /* one that is not, is not */
    ax_quotas_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_sends_too_much_waits_and_others_do_not),
        cmocka_unit_test(a_bucket_holds_no_more_than_two_seconds),
        cmocka_unit_test(so_many_queries_at_once_and_no_more),
        cmocka_unit_test(without_limits_nothing_is_kept),
        cmocka_unit_test(tenants_at_rest_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
