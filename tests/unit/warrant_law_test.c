// SPDX-License-Identifier: Apache-2.0
/* What consent and warrants allow, to whom, for how long, and what they do not. */
#include "warrant_kit.h"

static void test_nothing_is_allowed_at_first(void **state)
{
    struct kit *k = *state;
    struct ax_grant g;
    for (int s = AX_SCOPE_STATISTICS; s < AX_SCOPES; s++) {
        assert_int_equal(allow(k, by_provider(VM, (enum ax_scope)s), &g), -EPERM);
        assert_int_equal(allow(k, by_owner(VM, (enum ax_scope)s), &g), -EPERM);
    }
    assert_int_equal(allow(k, by_provider(VM, AX_SCOPE_PROCESSES), &g), -EPERM);
    assert_non_null(strstr(k->err.text, "auspex consent vm:1 set processes"));
    assert_non_null(strstr(k->err.text, "auspex warrant open vm:1 --scope processes"));
    assert_int_equal(allow(k, by_provider(VM, AX_SCOPE_FORENSIC), &g), -EPERM);
    assert_null(strstr(k->err.text, "auspex consent"));
}

static void test_consent_allows_its_scope_and_what_is_below(void **state)
{
    struct kit *k = *state;
    struct ax_grant g;
    must(consent(k, VM, AX_SCOPE_PROCESSES, 0), &k->err);
    must(allow(k, by_provider(VM, AX_SCOPE_STATISTICS), &g), &k->err);
    must(allow(k, by_owner(VM, AX_SCOPE_PROCESSES), &g), &k->err);
    assert_false(g.warrant);
    assert_int_equal(g.scope, AX_SCOPE_PROCESSES);
    assert_true(ax_str_eq(g.tenant, ACME));
    assert_int_equal(allow(k, by_provider(VM, AX_SCOPE_DIAGNOSIS), &g), -EPERM);
    assert_non_null(strstr(k->err.text, "has consented to processes only"));
    assert_int_equal(allow(k, by_provider(VM2, AX_SCOPE_STATISTICS), &g), -EPERM);
}

static void test_consent_for_all_and_a_vm_with_its_own(void **state)
{
    struct kit *k = *state;
    struct ax_grant g;
    must(consent(k, AX_STR(""), AX_SCOPE_DIAGNOSIS, 0), &k->err);
    must(allow(k, by_provider(VM2, AX_SCOPE_DIAGNOSIS), &g), &k->err);
    must(consent(k, VM, AX_SCOPE_STATISTICS, k->now + HOUR), &k->err);
    assert_int_equal(allow(k, by_provider(VM, AX_SCOPE_PROCESSES), &g), -EPERM);
    must(consent(k, VM2, AX_SCOPE_NONE, 0), &k->err);
    assert_int_equal(allow(k, by_provider(VM2, AX_SCOPE_STATISTICS), &g), -EPERM);
    assert_non_null(strstr(k->err.text, "excepted"));
    assert_int_equal(allow(k, by_provider(THEIRS, AX_SCOPE_STATISTICS), &g), -EPERM);
    k->now += HOUR; /* the VM's own is over: that for all counts again */
    must(allow(k, by_provider(VM, AX_SCOPE_DIAGNOSIS), &g), &k->err);
}

static void test_what_nobody_can_consent_to(void **state)
{
    struct kit *k = *state;
    assert_int_equal(consent(k, VM, AX_SCOPE_FORENSIC, 0), -EINVAL);
    assert_int_equal(consent(k, VM, AX_SCOPE_PROCESSES, k->now), -EINVAL);
    assert_int_equal(consent(k, AX_STR(""), AX_SCOPE_NONE, 0), -EINVAL);
    assert_int_equal(consent(k, THEIRS, AX_SCOPE_PROCESSES, 0), -ENOENT);
    assert_int_equal(consent(k, AX_STR("vm:never"), AX_SCOPE_PROCESSES, 0), -ENOENT);
    assert_int_equal(consent(k, AX_STR("host:h"), AX_SCOPE_PROCESSES, 0), -EINVAL);
    struct ax_ledger_entry *v;
    assert_int_equal(entries(k, &v), 0);
}

static void test_consent_ends_when_revoked_or_expired(void **state)
{
    struct kit *k = *state;
    struct ax_grant g;
    struct ax_consent *c;
    size_t n;
    must(consent(k, VM, AX_SCOPE_PROCESSES, k->now + HOUR), &k->err);
    k->now += HOUR - 1;
    must(allow(k, by_provider(VM, AX_SCOPE_PROCESSES), &g), &k->err);
    k->now += 1;
    assert_int_equal(allow(k, by_provider(VM, AX_SCOPE_PROCESSES), &g), -EPERM);
    must(consent(k, VM, AX_SCOPE_PROCESSES, 0), &k->err);
    must(ax_consent_list(k->w, ACME, AX_STR_NULL, k->now, &k->a, &c, &n, &k->err), &k->err);
    assert_int_equal(n, 1);
    assert_true(ax_str_eq(c->who, AX_STR("alice (member)")));
    must(ax_consent_revoke(k->w, ACME, VM, AX_STR("bob"), k->now, &k->err), &k->err);
    assert_int_equal(ax_consent_revoke(k->w, ACME, VM, AX_STR("bob"), k->now, &k->err), -ENOENT);
    assert_int_equal(allow(k, by_provider(VM, AX_SCOPE_STATISTICS), &g), -EPERM);
    struct ax_ledger_entry *v;
    assert_int_equal(entries(k, &v), 3);
    assert_int_equal(v[2].kind, AX_LEDGER_CONSENT_REVOKED);
    assert_true(ax_str_eq(v[2].who, AX_STR("bob")));
}

static void test_a_warrant_is_the_providers_and_ends(void **state)
{
    struct kit *k = *state;
    struct ax_grant g;
    struct ax_warrant x;
    must(open_warrant(k, VM, AX_SCOPE_DIAGNOSIS, 0, 0, &x), &k->err);
    assert_true(ax_str_eq(x.tenant, ACME));
    assert_true(x.expires == k->now + DAY);
    must(allow(k, by_provider(VM, AX_SCOPE_DIAGNOSIS), &g), &k->err);
    assert_true(g.warrant);
    assert_int_equal(allow(k, by_owner(VM, AX_SCOPE_DIAGNOSIS), &g), -EPERM);
    assert_int_equal(allow(k, by_provider(VM, AX_SCOPE_FORENSIC), &g), -EPERM);
    assert_int_equal(allow(k, by_provider(VM2, AX_SCOPE_STATISTICS), &g), -EPERM);
    k->now += DAY;
    assert_int_equal(allow(k, by_provider(VM, AX_SCOPE_DIAGNOSIS), &g), -EPERM);
    assert_int_equal(ax_warrant_close(k->w, x.id, AX_STR("root"), k->now, &k->err), -EALREADY);
    must(open_warrant(k, VM, AX_SCOPE_STATISTICS, 0, 0, &x), &k->err);
    must(ax_warrant_close(k->w, x.id, AX_STR("root"), k->now, &k->err), &k->err);
    assert_int_equal(ax_warrant_close(k->w, x.id, AX_STR("root"), k->now, &k->err), -EALREADY);
    assert_int_equal(ax_warrant_close(k->w, AX_STR("x"), AX_STR("root"), k->now, &k->err), -ENOENT);
    assert_int_equal(allow(k, by_provider(VM, AX_SCOPE_STATISTICS), &g), -EPERM);
}

static void test_warrants_that_are_refused(void **state)
{
    struct kit *k = *state;
    struct ax_warrant x;
    static char longer[AX_WARRANT_REASON + 2];
    memset(longer, 'r', AX_WARRANT_REASON + 1);
    const char *const reasons[] = {"", "  \n", longer, "\xff"};
    assert_int_equal(open_warrant(k, VM, AX_SCOPE_NONE, 0, 0, &x), -EINVAL);
    assert_int_equal(open_warrant(k, VM, AX_SCOPE_PROCESSES, k->now, 0, &x), -EINVAL);
    assert_int_equal(open_warrant(k, VM, AX_SCOPE_PROCESSES, k->now + 30 * DAY + 1, 0, &x),
                     -EINVAL);
    assert_int_equal(open_warrant(k, VM, AX_SCOPE_DIAGNOSIS, 0, k->now + DAY, &x), -EINVAL);
    assert_int_equal(open_warrant(k, VM, AX_SCOPE_FORENSIC, 0, k->now, &x), -EINVAL);
    assert_int_equal(open_warrant(k, VM, AX_SCOPE_FORENSIC, 0, k->now + 90 * DAY + 1, &x), -EINVAL);
    assert_int_equal(open_warrant(k, AX_STR("vm:never"), AX_SCOPE_PROCESSES, 0, 0, &x), -ENOENT);
    for (size_t i = 0; i < AX_ARRAY_LEN(reasons); i++) {
        x = (struct ax_warrant){.handle = VM,
                                .scope = AX_SCOPE_PROCESSES,
                                .reason = ax_str(reasons[i]),
                                .who = AX_STR("root")};
        assert_int_equal(ax_warrant_open(k->w, &x, k->now, &k->a, &k->err), -EINVAL);
    }
    x = (struct ax_warrant){.tenant = AX_STR("other"),
                            .handle = VM,
                            .scope = AX_SCOPE_PROCESSES,
                            .reason = AX_STR("r"),
                            .who = AX_STR("root")};
    assert_int_equal(ax_warrant_open(k->w, &x, k->now, &k->a, &k->err), -ENOENT);
    must(open_warrant(k, VM, AX_SCOPE_FORENSIC, k->now + 30 * DAY, k->now + 90 * DAY, &x), &k->err);
    struct ax_ledger_entry *v;
    assert_int_equal(entries(k, &v), 1);
}

/* Consent first, which the owner knows of best; then what they know of, the narrowest first. */
static void test_which_of_several_counts(void **state)
{
    struct kit *k = *state;
    struct ax_grant g;
    struct ax_warrant hidden, wide, narrow;
    must(open_warrant(k, VM, AX_SCOPE_FORENSIC, 0, k->now + DAY, &hidden), &k->err);
    must(allow(k, by_provider(VM, AX_SCOPE_STATISTICS), &g), &k->err);
    assert_string_equal(g.id, hidden.id.p);
    must(open_warrant(k, VM, AX_SCOPE_FORENSIC, 0, 0, &wide), &k->err);
    must(open_warrant(k, VM, AX_SCOPE_PROCESSES, 0, 0, &narrow), &k->err);
    must(allow(k, by_provider(VM, AX_SCOPE_STATISTICS), &g), &k->err);
    assert_string_equal(g.id, narrow.id.p);
    must(allow(k, by_provider(VM, AX_SCOPE_FORENSIC), &g), &k->err);
    assert_string_equal(g.id, wide.id.p);
    must(consent(k, VM, AX_SCOPE_PROCESSES, 0), &k->err);
    must(allow(k, by_provider(VM, AX_SCOPE_STATISTICS), &g), &k->err);
    assert_false(g.warrant);
    struct ax_inspection by = by_provider(VM, AX_SCOPE_STATISTICS);
    by.grant = hidden.id;
    must(allow(k, by, &g), &k->err);
    assert_string_equal(g.id, hidden.id.p);
    by.grant = AX_STR("no such");
    assert_int_equal(allow(k, by, &g), -EPERM);
}

static void test_another_tenants_vm_is_not_there(void **state)
{
    struct kit *k = *state;
    struct ax_grant g;
    struct ax_inspection x = by_owner(THEIRS, AX_SCOPE_STATISTICS);
    assert_int_equal(use(k, x, &g), -ENOENT);
    assert_int_equal(use(k, by_owner(AX_STR("vm:never"), AX_SCOPE_STATISTICS), &g), -ENOENT);
    assert_int_equal(use(k, by_provider(AX_STR("nonsense"), AX_SCOPE_STATISTICS), &g), -EINVAL);
    struct ax_ledger_entry *v;
    assert_int_equal(entries(k, &v), 0);
}

static void test_refusals_are_written_once_a_minute(void **state)
{
    struct kit *k = *state;
    struct ax_grant g;
    struct ax_ledger_entry *v;
    for (int i = 0; i < 5; i++, k->now += 1000)
        assert_int_equal(use(k, by_provider(VM, AX_SCOPE_PROCESSES), &g), -EPERM);
    assert_int_equal(use(k, by_provider(VM, AX_SCOPE_DIAGNOSIS), &g), -EPERM);
    assert_int_equal(entries(k, &v), 2);
    assert_int_equal(v[0].kind, AX_LEDGER_USE_REFUSED);
    k->now += MINUTE;
    assert_int_equal(use(k, by_provider(VM, AX_SCOPE_PROCESSES), &g), -EPERM);
    assert_int_equal(entries(k, &v), 3);
    struct ax_warrants_stats s;
    must(ax_warrants_stats(k->w, k->now, &s, &k->err), &k->err);
    assert_int_equal(s.refused, 7);
    assert_true(verify(k, "").intact);
}

static void test_levels(void **state)
{
    struct kit *k = *state;
    struct ax_vm_level *v;
    struct ax_warrant x;
    size_t n;
    must(consent(k, AX_STR(""), AX_SCOPE_STATISTICS, 0), &k->err);
    must(open_warrant(k, VM2, AX_SCOPE_DIAGNOSIS, 0, 0, &x), &k->err);
    must(ax_warrants_levels(k->w, k->now, &k->a, &v, &n, &k->err), &k->err);
    assert_int_equal(n, 3);
    assert_int_equal(v[0].scope, AX_SCOPE_STATISTICS);
    assert_int_equal(v[1].scope, AX_SCOPE_DIAGNOSIS);
    assert_int_equal(v[2].scope, AX_SCOPE_NONE);
    assert_true(ax_str_eq(v[2].tenant, AX_STR("other")));
}

static void test_scopes_have_names_and_an_order(void **state)
{
    enum ax_scope s;
    assert_true(AX_SCOPE_NONE < AX_SCOPE_STATISTICS && AX_SCOPE_DIAGNOSIS < AX_SCOPE_FORENSIC);
    for (int i = AX_SCOPE_STATISTICS; i < AX_SCOPES; i++) {
        assert_true(ax_scope_parse(ax_str(ax_scope_name((enum ax_scope)i)), &s));
        assert_int_equal(s, i);
    }
    assert_false(ax_scope_parse(AX_STR("none"), &s));
    assert_false(ax_scope_parse(AX_STR("everything"), &s));
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_nothing_is_allowed_at_first),
        T(test_consent_allows_its_scope_and_what_is_below),
        T(test_consent_for_all_and_a_vm_with_its_own),
        T(test_what_nobody_can_consent_to),
        T(test_consent_ends_when_revoked_or_expired),
        T(test_a_warrant_is_the_providers_and_ends),
        T(test_warrants_that_are_refused),
        T(test_which_of_several_counts),
        T(test_another_tenants_vm_is_not_there),
        T(test_refusals_are_written_once_a_minute),
        T(test_levels),
        T(test_scopes_have_names_and_an_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
