// SPDX-License-Identifier: Apache-2.0
/* Methods: what may be one, by tenant, in order, by page. */
#include "notify_kit.h"

static struct ax_arena arena;

static int begin(void **state)
{
    int rc = kit_begin(state);
    kit_open(&(struct ax_notify_options){.script_dir = kit_dir});
    return rc;
}

static int end(void **state)
{
    ax_arena_free(&arena);
    return kit_end(state);
}

static int create(struct ax_str tenant, const char *name, const char *type, const char *address,
                  int64_t period, struct ax_notify_method *out, struct ax_err *err)
{
    struct ax_notify_fields f = {ax_str(name), ax_str(type), ax_str(address), period};
    return ax_notify_create(notify, tenant, &f, &arena, out, err);
}

static void fields_are_checked(void **state)
{
    static const struct {
        const char *type, *address;
        int64_t period;
        int rc;
    } cases[] = {
        {"EMAIL", "a@b", 0, 0},
        {"email", "root@example.org", 60, 0},
        {"EMAIL", "@b", 0, -EINVAL},
        {"EMAIL", "a@", 0, -EINVAL},
        {"EMAIL", "ab", 0, -EINVAL},
        {"EMAIL", "a@b\r\nBcc: c@d", 0, -EINVAL},
        {"EMAIL", "a@b>,<c@d", 0, -EINVAL},
        {"WEBHOOK", "http://h", 0, 0},
        {"WEBHOOK", "HTTPS://user:secret@h:8443/p?q=1", 60, 0},
        {"WEBHOOK", "ftp://h/", 0, -EINVAL},
        {"WEBHOOK", "file:///etc/passwd", 0, -EINVAL},
        {"WEBHOOK", "http://", 0, -EINVAL},
        {"WEBHOOK", "http:///path", 0, -EINVAL},
        {"WEBHOOK", "h:80/x", 0, -EINVAL},
        {"WEBHOOK", "http://h/a b", 0, -EINVAL},
        {"WEBHOOK", "http://h/\r\nX: y", 0, -EINVAL},
        {"WEBHOOK", "http://h", 61, -EINVAL},
        {"WEBHOOK", "http://h", -1, -EINVAL},
        {"Slack", "https://hooks.example.org/x", 0, 0},
        {"ALERTMANAGER", "http://127.0.0.1:9093", 0, 0},
        {"ALERTMANAGER", "127.0.0.1:9093", 0, -EINVAL},
        {"ALERTMANAGER_WEBHOOK", "http://h/x", 0, 0},
        {"PAGERDUTY", "0123456789abcdef", 0, 0},
        {"PAGERDUTY", "key with spaces", 0, -EINVAL},
        {"SCRIPT", "tell-pager", 0, 0},
        {"SCRIPT", "../bin/sh", 0, -EINVAL},
        {"SCRIPT", ".hidden", 0, -EINVAL},
        {"SYSLOG", "local3", 0, 0},
        {"SYSLOG", "kern", 0, -EINVAL},
        {"HIPCHAT", "http://h", 0, -EINVAL},
        {"", "http://h", 0, -EINVAL},
        {"WEBHOOK", "", 0, -EINVAL},
    };
    for (size_t i = 0; i < AX_ARRAY_LEN(cases); i++) {
        char name[16];
        struct ax_notify_method m;
        struct ax_err err = {0};
        snprintf(name, sizeof name, "n%zu", i);
        int rc = create(TENANT, name, cases[i].type, cases[i].address, cases[i].period, &m, &err);
        if (rc != cases[i].rc)
            fail_msg("%s '%s': %d (%s)", cases[i].type, cases[i].address, rc, err.text);
        assert_true(rc == 0 || err.text[0]);
    }
}

static void lengths_are_counted_in_characters(void **state)
{
    char name[600] = "", address[600] = "http://h/";
    struct ax_notify_method m;
    assert_int_equal(create(TENANT, "", "WEBHOOK", "http://h", 0, &m, NULL), -EINVAL);
    for (int i = 0; i < 250; i++)
        memcpy(name + 2 * i, "\xc3\xa4", 3); /* two bytes each */
    assert_int_equal(create(TENANT, name, "WEBHOOK", "http://h", 0, &m, NULL), 0);
    memcpy(name + 500, "x", 2);
    assert_int_equal(create(TENANT, name, "WEBHOOK", "http://h", 0, &m, NULL), -EINVAL);
    for (size_t i = strlen(address); i < 512; i++)
        memcpy(address + i, "a", 2);
    assert_int_equal(create(TENANT, "long", "WEBHOOK", address, 0, &m, NULL), 0);
    memcpy(address + 512, "a", 2);
    assert_int_equal(create(TENANT, "longer", "WEBHOOK", address, 0, &m, NULL), -EINVAL);
    assert_int_equal(create(TENANT, "\xff", "WEBHOOK", "http://h", 0, &m, NULL), -EINVAL);
}

static void a_name_is_there_once_in_a_tenant(void **state)
{
    struct ax_notify_method a, b, c;
    struct ax_err err = {0};
    assert_int_equal(create(TENANT, "ops", "EMAIL", "a@b", 0, &a, &err), 0);
    assert_int_equal(create(TENANT, "ops", "EMAIL", "c@d", 0, &b, &err), -EEXIST);
    assert_non_null(strstr(err.text, "'ops'"));
    assert_int_equal(create(AX_STR("t2"), "ops", "EMAIL", "c@d", 0, &b, &err), 0);
    assert_int_equal(create(TENANT, "dev", "EMAIL", "c@d", 0, &b, &err), 0);
    struct ax_notify_fields f = {.name = AX_STR("ops"), .period = -1};
    assert_int_equal(ax_notify_update(notify, TENANT, b.id, &f, &arena, &c, &err), -EEXIST);
    assert_int_equal(ax_notify_update(notify, TENANT, a.id, &f, &arena, &c, &err), 0); /* itself */
}

static void tenants_see_and_change_their_own_alone(void **state)
{
    struct ax_str other = AX_STR("t2");
    struct ax_notify_method m, got, *list;
    struct ax_notify_fields f = {.name = AX_STR("mine"), .period = -1};
    size_t n = 1;
    assert_int_equal(create(TENANT, "ops", "EMAIL", "a@b", 60, &m, NULL), 0);
    assert_int_equal(m.id.n, 36);
    assert_int_equal(ax_notify_get(notify, other, m.id, &arena, &got, NULL), -ENOENT);
    assert_int_equal(ax_notify_update(notify, other, m.id, &f, &arena, &got, NULL), -ENOENT);
    assert_int_equal(ax_notify_delete(notify, other, m.id, NULL), -ENOENT);
    assert_int_equal(ax_notify_list(notify, other, AX_STR(""), 0, 0, &arena, &list, &n, NULL), 0);
    assert_int_equal(n, 0);
    ax_sql_lock(sql);
    assert_int_equal(ax_notify_known(notify, other, m.id, NULL), -ENOENT);
    assert_int_equal(ax_notify_known(notify, TENANT, m.id, NULL), 0);
    ax_sql_unlock(sql);
    assert_int_equal(ax_notify_get(notify, TENANT, m.id, &arena, &got, NULL), 0);
    assert_true(ax_str_eq(got.name, AX_STR("ops")) && got.period == 60);
}

static void a_patch_leaves_the_rest(void **state)
{
    struct ax_notify_method m, got;
    struct ax_notify_fields f = {.type = AX_STR("webhook"), .period = -1};
    assert_int_equal(create(TENANT, "ops", "EMAIL", "a@b", 60, &m, NULL), 0);
    /* the address would be no URL: nothing is changed */
    assert_int_equal(ax_notify_update(notify, TENANT, m.id, &f, &arena, &got, NULL), -EINVAL);
    f.address = AX_STR("http://h/x");
    assert_int_equal(ax_notify_update(notify, TENANT, m.id, &f, &arena, &got, NULL), 0);
    assert_int_equal(ax_notify_get(notify, TENANT, m.id, &arena, &got, NULL), 0);
    assert_int_equal(got.type, AX_NOTIFY_WEBHOOK);
    assert_true(ax_str_eq(got.address, f.address) && ax_str_eq(got.name, AX_STR("ops")));
    assert_int_equal(got.period, 60);
    f = (struct ax_notify_fields){.period = 0};
    assert_int_equal(ax_notify_update(notify, TENANT, m.id, &f, &arena, &got, NULL), 0);
    assert_int_equal(got.period, 0);
    assert_int_equal(ax_notify_delete(notify, TENANT, m.id, NULL), 0);
    assert_int_equal(ax_notify_left(notify, TENANT, m.id, NULL), 0);
    assert_int_equal(ax_notify_delete(notify, TENANT, m.id, NULL), -ENOENT);
}

static void names_of(const char *sort_by, int64_t offset, int64_t limit, const char *want)
{
    struct ax_notify_method *list;
    char names[64] = "";
    size_t n;
    struct ax_err err = {0};
    if (ax_notify_list(notify, TENANT, ax_str(sort_by), offset, limit, &arena, &list, &n, &err) < 0)
        fail_msg("%s", err.text);
    for (size_t i = 0, at = 0; i < n; i++)
        at += (size_t)snprintf(names + at, sizeof names - at, "%s ", list[i].name.p);
    assert_string_equal(names, want);
}

static void lists_are_sorted_and_paged(void **state)
{
    struct ax_notify_method m, *list;
    size_t n;
    create(TENANT, "b", "EMAIL", "1@x", 0, &m, NULL);
    create(TENANT, "a", "WEBHOOK", "http://h/2", 0, &m, NULL);
    create(TENANT, "c", "EMAIL", "3@x", 0, &m, NULL);
    names_of("name", 0, 0, "a b c ");
    names_of("name desc", 0, 0, "c b a ");
    names_of("type asc,name DESC", 0, 0, "c b a ");
    names_of("address", 0, 0, "b c a ");
    names_of("name", 1, 1, "b ");
    names_of("name", 3, 1, "");
    static const char *const bad[] = {"nam",        "name up",       "name; DROP TABLE method",
                                      "name,,type", "name asc desc", ","};
    for (size_t i = 0; i < AX_ARRAY_LEN(bad); i++)
        assert_int_equal(
            ax_notify_list(notify, TENANT, ax_str(bad[i]), 0, 0, &arena, &list, &n, NULL), -EINVAL);
}

static size_t leavers(struct ax_notify_leaver **v)
{
    size_t n = 77;
    assert_int_equal(ax_notify_leavers(notify, &arena, v, &n, NULL), 0);
    return n;
}

static void a_deleted_method_is_leaving_until_nobody_names_it(void **state)
{
    struct ax_notify_leaver *v;
    struct ax_notify_method m;
    create(TENANT, "ops", "EMAIL", "a@b", 60, &m, NULL);
    assert_int_equal(leavers(&v), 0);
    assert_int_equal(ax_notify_delete(notify, TENANT, m.id, NULL), 0);
    assert_int_equal(ax_notify_get(notify, TENANT, m.id, &arena, &m, NULL), -ENOENT);
    kit_reopen(&(struct ax_notify_options){0});
    assert_int_equal(leavers(&v), 1);
    assert_true(ax_str_eq(v[0].tenant, TENANT) && ax_str_eq(v[0].id, m.id));
    assert_int_equal(ax_notify_delete(notify, TENANT, m.id, NULL), 0); /* goes on with it */
    assert_int_equal(ax_notify_delete(notify, AX_STR("other"), m.id, NULL), -ENOENT);
    assert_int_equal(ax_notify_left(notify, TENANT, m.id, NULL), 0);
    assert_int_equal(leavers(&v), 0);
    assert_int_equal(ax_notify_delete(notify, TENANT, m.id, NULL), -ENOENT);
}

static void there_are_no_scripts_without_a_directory_of_them(void **state)
{
    struct ax_notify_method m;
    struct ax_err err = {0};
    assert_true(ax_notify_offers(notify, AX_NOTIFY_SCRIPT));
    kit_reopen(&(struct ax_notify_options){0});
    assert_false(ax_notify_offers(notify, AX_NOTIFY_SCRIPT));
    assert_true(ax_notify_offers(notify, AX_NOTIFY_EMAIL));
    assert_int_equal(create(TENANT, "s", "SCRIPT", "tell", 0, &m, &err), -EINVAL);
    assert_non_null(strstr(err.text, "no scripts"));
}

static void options_are_checked(void **state)
{
    static const struct ax_notify_options bad[] = {{.smtp_url = "http://h"},
                                                   {.smtp_url = "smtp://h", .smtp_user = "u"},
                                                   {.mail_from = "nobody"},
                                                   {.pagerduty_url = "file:///x"},
                                                   {.script_dir = "/nowhere"}};
    for (size_t i = 0; i < AX_ARRAY_LEN(bad); i++) {
        struct ax_notify *n;
        struct ax_err err = {0};
        assert_true(ax_notify_open(&n, sql, &bad[i], &err) < 0);
        assert_true(err.text[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fields_are_checked, begin, end),
        cmocka_unit_test_setup_teardown(lengths_are_counted_in_characters, begin, end),
        cmocka_unit_test_setup_teardown(a_name_is_there_once_in_a_tenant, begin, end),
        cmocka_unit_test_setup_teardown(tenants_see_and_change_their_own_alone, begin, end),
        cmocka_unit_test_setup_teardown(a_patch_leaves_the_rest, begin, end),
        cmocka_unit_test_setup_teardown(lists_are_sorted_and_paged, begin, end),
        cmocka_unit_test_setup_teardown(a_deleted_method_is_leaving_until_nobody_names_it, begin,
                                        end),
        cmocka_unit_test_setup_teardown(there_are_no_scripts_without_a_directory_of_them, begin,
                                        end),
        cmocka_unit_test_setup_teardown(options_are_checked, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
