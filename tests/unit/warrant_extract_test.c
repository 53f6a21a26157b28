// SPDX-License-Identifier: Apache-2.0
/* Extracts in the ledger: an entry before, an entry after with the hash, also when the server was
 * killed between; nothing but a forensic warrant allows one. */
#include "warrant_kit.h"

static int begin(struct kit *k, struct ax_inspection x, char id[AX_WARRANT_ID], int64_t *sequence)
{
    struct ax_grant g;
    return ax_warrants_extract(k->w, &x, AX_STR("all of its memory"), k->now, &k->a, id, &g,
                               sequence, &k->err);
}

static void only_a_forensic_warrant_allows_it(void **state)
{
    struct kit *k = *state;
    struct ax_warrant x;
    struct ax_ledger_entry *e;
    char id[AX_WARRANT_ID];
    int64_t sequence;
    must(consent(k, VM, AX_SCOPE_DIAGNOSIS, 0), &k->err);
    must(open_warrant(k, VM, AX_SCOPE_DIAGNOSIS, 0, 0, &x), &k->err);
    assert_int_equal(begin(k, by_provider(VM, AX_SCOPE_STATISTICS), id, &sequence), -EPERM);
    assert_int_equal(begin(k, by_owner(VM, AX_SCOPE_STATISTICS), id, &sequence), -EPERM);
    size_t n = entries(k, &e);
    assert_int_equal(e[n - 1].kind, AX_LEDGER_USE_REFUSED);
    assert_int_equal(e[n - 1].scope, AX_SCOPE_FORENSIC);
    must(open_warrant(k, VM, AX_SCOPE_FORENSIC, 0, 0, &x), &k->err);
    assert_int_equal(begin(k, by_owner(VM, AX_SCOPE_FORENSIC), id, &sequence), -EPERM);
    must(begin(k, by_provider(VM, AX_SCOPE_STATISTICS), id, &sequence), &k->err);
}

static void begin_and_end_are_on_record(void **state)
{
    struct kit *k = *state;
    struct ax_warrant x;
    struct ax_ledger_entry *e;
    struct ax_inspection_notice *v;
    struct ax_extract_end how = {.size = 8192, .data = 4096};
    char id[AX_WARRANT_ID];
    int64_t began, ended;
    must(open_warrant(k, VM, AX_SCOPE_FORENSIC, 0, 0, &x), &k->err);
    must(begin(k, by_provider(VM, AX_SCOPE_FORENSIC), id, &began), &k->err);
    assert_int_equal(entries(k, &e), 2);
    assert_int_equal(e[1].sequence, began);
    assert_int_equal(e[1].kind, AX_LEDGER_USE);
    assert_int_equal(e[1].scope, AX_SCOPE_FORENSIC);
    assert_non_null(strstr(e[1].detail.p, id));
    assert_non_null(strstr(e[1].detail.p, "of all of its memory"));
    size_t told = 0;
    for (size_t i = notices(k, &v); i-- > 0;)
        told += ax_str_eq(v[i].kind, AX_STR("use")) && strstr(v[i].text.p, "of all of its memory");
    assert_int_equal(told, 1);
    memset(how.sha256, 'a', sizeof how.sha256 - 1);
    must(ax_warrants_extract_end(k->w, ax_str(id), &how, k->now, &ended, &k->err), &k->err);
    assert_int_equal(entries(k, &e), 3);
    assert_int_equal(e[2].sequence, ended);
    assert_int_equal(e[2].kind, AX_LEDGER_EXTRACT_ENDED);
    assert_true(ax_str_eq(e[2].grant, x.id));
    assert_non_null(strstr(e[2].detail.p, "complete: file of 8192 bytes, 4096 of them read"));
    assert_non_null(strstr(e[2].detail.p, how.sha256));
    assert_null(strstr(e[2].detail.p, "not in it"));
    assert_int_equal(ax_warrants_extract_end(k->w, ax_str(id), &how, k->now, &ended, &k->err),
                     -ENOENT);
    assert_true(verify(k, "").intact);
}

static void a_delayed_notice_hides_both(void **state)
{
    struct kit *k = *state;
    struct ax_warrant x;
    struct ax_ledger_entry *e;
    struct ax_extract_end how = {.why = AX_STR("the disk is full"), .left_out = 1 << 27};
    char id[AX_WARRANT_ID];
    int64_t sequence;
    must(open_warrant(k, VM, AX_SCOPE_FORENSIC, 0, T0 + 5 * DAY, &x), &k->err);
    must(begin(k, by_provider(VM, AX_SCOPE_FORENSIC), id, &sequence), &k->err);
    must(ax_warrants_extract_end(k->w, ax_str(id), &how, k->now, &sequence, &k->err), &k->err);
    assert_int_equal(entries(k, &e), 3);
    for (int i = 0; i < 3; i++)
        assert_true(e[i].hidden_until == T0 + 5 * DAY);
    assert_non_null(strstr(e[2].detail.p, "broken off (the disk is full)"));
    assert_non_null(strstr(e[2].detail.p, "; 134217728 bytes of memory that seem to have been"));
}

static void a_killed_server_has_ended_it(void **state)
{
    struct kit *k = *state;
    struct ax_warrant x;
    struct ax_ledger_entry *e;
    struct ax_extract_end how = {0};
    char id[AX_WARRANT_ID];
    int64_t sequence;
    must(open_warrant(k, VM, AX_SCOPE_FORENSIC, 0, 0, &x), &k->err);
    must(begin(k, by_provider(VM, AX_SCOPE_FORENSIC), id, &sequence), &k->err);
    restart(k);
    assert_int_equal(entries(k, &e), 3);
    assert_int_equal(e[2].kind, AX_LEDGER_EXTRACT_ENDED);
    assert_non_null(strstr(e[2].detail.p, id));
    assert_non_null(strstr(e[2].detail.p, "the server ended meanwhile"));
    restart(k);
    assert_int_equal(entries(k, &e), 3);
    assert_int_equal(ax_warrants_extract_end(k->w, ax_str(id), &how, k->now, &sequence, &k->err),
                     -ENOENT);
}

/* Of "abc", which everybody knows, and of zeros that need not be there. */
static void digests(void **state)
{
    struct ax_digest *d = ax_digest_new(), *zeros = ax_digest_new(), *same = ax_digest_new();
    static const char none[70000];
    char a[AX_LEDGER_HASH], b[AX_LEDGER_HASH];
    ax_digest_add(d, AX_STR("a"));
    ax_digest_copy(d, a);
    ax_digest_add(d, AX_STR("bc"));
    ax_digest_copy(d, a);
    assert_string_equal(a, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    ax_digest_zeros(zeros, sizeof none);
    ax_digest_add(same, (struct ax_str){none, sizeof none});
    ax_digest_copy(zeros, a);
    ax_digest_copy(same, b);
    assert_string_equal(a, b);
    ax_digest_free(d);
    ax_digest_free(zeros);
    ax_digest_free(same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_a_forensic_warrant_allows_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(begin_and_end_are_on_record, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_delayed_notice_hides_both, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_killed_server_has_ended_it, set_up, tear_down),
        cmocka_unit_test(digests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
