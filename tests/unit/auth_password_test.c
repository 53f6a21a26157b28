// SPDX-License-Identifier: Apache-2.0
/* Users: slow hashes, remembered while they are right; logins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "auth/auth.h"
#include "auth/secret.h"
#include "sql/sql.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NOW 1795314600000

static struct ax_sql *sql;
static struct ax_auth *auth;
static struct ax_err err;

static int set_up(void **state)
{
    struct ax_user eve = {.name = AX_STR("eve"), .tenant = AX_STR("acme"), .role = AX_ROLE_MEMBER};
    if (ax_sql_open(&sql, ":memory:", NULL) < 0 ||
        ax_auth_open(&auth, &(struct ax_auth_options){.sql = sql}, NULL) < 0)
        return -1;
    return ax_auth_user_add(auth, &eve, AX_STR("correct horse"), NOW, &err);
}

static int tear_down(void **state)
{
    ax_auth_close(auth);
    ax_sql_close(sql);
    return 0;
}

/* Basic authentication of "eve:correct horse", "eve:wrong password", "bob:correct horse". */
#define EVE   "Basic ZXZlOmNvcnJlY3QgaG9yc2U="
#define WRONG "basic ZXZlOndyb25nIHBhc3N3b3Jk"
#define BOB   "Basic Ym9iOmNvcnJlY3QgaG9yc2U="

static int basic(const char *header, int64_t now, struct ax_who *who)
{
    return ax_auth_check(auth, &(struct ax_claim){.authorization = ax_str(header)}, now, who, &err);
}

static uint64_t hashed(void)
{
    struct ax_auth_stats stats;
    ax_auth_stats(auth, &stats);
    return stats.passwords;
}

static void passwords_are_hashed_as_they_should(void **state)
{
    struct ax_stmt q;
    ax_sql_lock(sql);
    ax_stmt_begin(&q, sql, "SELECT password FROM auth_user");
    assert_true(ax_stmt_row(&q));
    struct ax_str p = ax_stmt_col(&q, 0);
    assert_true(ax_str_starts(p, AX_STR("$argon2id$v=19$m=19456,t=2,p=1$")));
    assert_int_equal(p.n, 31 + 22 + 1 + 43); /* 16 bytes of salt, 32 of hash */
    ax_stmt_end(&q, "", NULL);
    ax_sql_unlock(sql);
}

static void a_right_password_is_hashed_once_in_five_minutes(void **state)
{
    struct ax_who who;
    assert_int_equal(basic(EVE, NOW, &who), 0);
    assert_string_equal(who.name, "eve");
    assert_string_equal(who.tenant, "acme");
    assert_int_equal(who.roles, AX_ROLE_MEMBER);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(basic(EVE, NOW + i, &who), 0);
    assert_int_equal(hashed(), 1);
    assert_int_equal(basic(EVE, NOW + 300001, &who), 0);
    assert_int_equal(hashed(), 2);
}

static void what_takes_time_is_said_to(void **state)
{
    struct ax_who who;
    struct ax_claim c = {.authorization = AX_STR(EVE)};
    assert_int_equal(ax_auth_check_quick(auth, &c, NOW, &who, &err), -EINPROGRESS);
    assert_int_equal(hashed(), 0);
    assert_int_equal(ax_auth_check(auth, &c, NOW, &who, &err), 0);
    assert_int_equal(ax_auth_check_quick(auth, &c, NOW, &who, &err), 0);
}

static void wrong_ones_and_strangers_are_refused_alike(void **state)
{
    struct ax_who who;
    struct ax_err wrong;
    assert_int_equal(basic(WRONG, NOW, &who), -EKEYREJECTED);
    wrong = err;
    assert_int_equal(basic(BOB, NOW, &who), -EKEYREJECTED);
    assert_string_equal(err.text, wrong.text);
    assert_int_equal(hashed(), 2); /* a stranger takes as long */
}

static void who_fails_often_waits(void **state)
{
    struct ax_who who;
    struct ax_claim c = {.authorization = AX_STR(WRONG), .peer = AX_STR("\x7f\0\0\1")};
    for (int i = 0; i < 20; i++)
        assert_int_equal(ax_auth_check(auth, &c, NOW, &who, &err), -EKEYREJECTED);
    for (int i = 0; i < 100; i++)
        assert_int_equal(ax_auth_check(auth, &c, NOW, &who, &err), -EAGAIN);
    assert_int_equal(hashed(), 20);
    c.authorization = AX_STR(EVE);
    assert_int_equal(ax_auth_check(auth, &c, NOW, &who, &err), -EAGAIN);
    assert_int_equal(ax_auth_check(auth, &c, NOW + 3000, &who, &err), 0);
}

static void wrong_tokens_keep_nobody_from_their_password(void **state)
{
    struct ax_who who;
    struct ax_claim c = {.x_auth_token = AX_STR("axt_"), .peer = AX_STR("\x7f\0\0\1")};
    for (int i = 0; i < 100; i++)
        assert_int_equal(ax_auth_check(auth, &c, NOW, &who, &err),
                         i < 20 ? -EKEYREJECTED : -EAGAIN);
    c.x_auth_token = AX_STR_NULL;
    c.authorization = AX_STR(EVE);
    assert_int_equal(ax_auth_check(auth, &c, NOW, &who, &err), 0);
}

static void changes_of_a_user_count_at_once(void **state)
{
    struct ax_who who;
    char text[AX_TOKEN_TEXT], header[128];
    assert_int_equal(ax_auth_login(auth, AX_STR("eve"), AX_STR("correct horse"), AX_STR_NULL,
                                   AX_STR_NULL, NOW, 60000, text, &who, &err),
                     0);
    snprintf(header, sizeof header, "Bearer %s", text);
    assert_int_equal(basic(header, NOW, &who), 0);
    assert_string_equal(who.name, "eve");
    assert_int_equal(who.roles, AX_ROLE_MEMBER);
    assert_int_equal(basic(header, NOW + 60000, &who), -EKEYEXPIRED);

    assert_int_equal(ax_auth_user_disable(auth, AX_STR("eve"), true, &err), 0);
    assert_int_equal(basic(header, NOW, &who), -EKEYREJECTED);
    assert_int_equal(basic(EVE, NOW, &who), -EKEYREJECTED);
    assert_int_equal(ax_auth_user_disable(auth, AX_STR("eve"), false, &err), 0);
    assert_int_equal(basic(header, NOW, &who), -EKEYREJECTED); /* that login is over */
    assert_int_equal(basic(EVE, NOW, &who), 0);
    assert_int_equal(ax_auth_user_password(auth, AX_STR("eve"), AX_STR("battery staple"), &err), 0);
    assert_int_equal(basic(EVE, NOW, &who), -EKEYREJECTED);
    assert_int_equal(ax_auth_user_remove(auth, AX_STR("eve"), &err), 0);
    assert_int_equal(ax_auth_user_remove(auth, AX_STR("eve"), &err), -ENOENT);
    assert_int_equal(ax_auth_user_disable(auth, AX_STR("eve"), true, &err), -ENOENT);
}

static void logins_are_bounded(void **state)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena arena = AX_ARENA_INIT;
    struct ax_token *v;
    struct ax_who who;
    size_t n;
    char first[AX_TOKEN_TEXT], text[AX_TOKEN_TEXT], header[128];
    for (int i = 0; i < 40; i++)
        assert_int_equal(ax_auth_login(auth, AX_STR("eve"), AX_STR("correct horse"), AX_STR_NULL,
                                       AX_STR_NULL, NOW, 60000, i ? text : first, &who, &err),
                         0);
    assert_int_equal(ax_auth_tokens(auth, &arena, &v, &n, &err), 0);
    assert_int_equal(n, 32);
    snprintf(header, sizeof header, "Bearer %s", first);
    assert_int_equal(basic(header, NOW, &who), -EKEYREJECTED);
    snprintf(header, sizeof header, "Bearer %s", text);
    assert_int_equal(basic(header, NOW, &who), 0);
}

static void a_login_ends_when_its_user_leaves(void **state)
{
    struct ax_token t = {.tenant = AX_STR("acme"), .role = AX_ROLE_READER, .name = AX_STR("kept")};
    char text[AX_TOKEN_TEXT], kept[AX_TOKEN_TEXT], header[128];
    struct ax_who who;
    int64_t id;
    bool ended;
    assert_int_equal(ax_auth_login(auth, AX_STR("eve"), AX_STR("correct horse"), AX_STR_NULL,
                                   AX_STR_NULL, NOW, 60000, text, &who, &err),
                     0);
    assert_int_equal(ax_auth_token_add(auth, &t, NOW, kept, &id, &err), 0);
    snprintf(header, sizeof header, "bearer  %s", text);
    struct ax_claim c = {.authorization = ax_str(header)};
    assert_int_equal(ax_auth_logout(auth, &c, &ended, &err), 0);
    assert_true(ended);
    assert_int_equal(basic(header, NOW, &who), -EKEYREJECTED);
    assert_int_equal(ax_auth_logout(auth, &c, &ended, &err), 0);
    assert_false(ended);
    c = (struct ax_claim){.x_auth_token = ax_str(kept)};
    assert_int_equal(ax_auth_logout(auth, &c, &ended, &err), 0);
    assert_false(ended); /* no login has made it */
    assert_int_equal(ax_auth_check(auth, &c, NOW, &who, &err), 0);
    assert_int_equal(ax_auth_logout(auth, &(struct ax_claim){0}, &ended, &err), 0);
    assert_false(ended);
}

static void only_who_may_logs_in_to_another_tenant(void **state)
{
    struct ax_user pam = {
        .name = AX_STR("pam"), .tenant = AX_STR("home"), .role = AX_ROLE_PROVIDER};
    char text[AX_TOKEN_TEXT] = "untouched", header[128];
    struct ax_who who;
    assert_int_equal(ax_auth_login(auth, AX_STR("eve"), AX_STR("correct horse"), AX_STR("other"),
                                   AX_STR_NULL, NOW, 60000, text, &who, &err),
                     -EPERM);
    assert_string_equal(text, "untouched");
    assert_int_equal(ax_auth_user_add(auth, &pam, AX_STR("of a provider"), NOW, &err), 0);
    assert_int_equal(ax_auth_login(auth, AX_STR("pam"), AX_STR("of a provider"), AX_STR("other"),
                                   AX_STR_NULL, NOW, 60000, text, &who, &err),
                     0);
    assert_string_equal(who.tenant, "other");
    snprintf(header, sizeof header, "Bearer %s", text);
    assert_int_equal(basic(header, NOW, &who), 0);
    assert_string_equal(who.tenant, "other");
    assert_string_equal(who.name, "pam");
}

static void bad_users_are_not_made(void **state)
{
    struct ax_user u = {.name = AX_STR("eve"), .tenant = AX_STR("acme"), .role = AX_ROLE_READER};
    assert_int_equal(ax_auth_user_add(auth, &u, AX_STR("long enough"), NOW, &err), -EEXIST);
    assert_string_equal(err.text, "there is a user eve already");
    u.name = AX_STR("bob");
    assert_int_equal(ax_auth_user_add(auth, &u, AX_STR("short"), NOW, &err), -EINVAL);
    u.name = AX_STR("b:b");
    assert_int_equal(ax_auth_user_add(auth, &u, AX_STR("long enough"), NOW, &err), -EINVAL);
    u.name = AX_STR("");
    assert_int_equal(ax_auth_user_add(auth, &u, AX_STR("long enough"), NOW, &err), -EINVAL);
    u = (struct ax_user){.name = AX_STR("bob"), .tenant = AX_STR("/"), .role = AX_ROLE_READER};
    assert_int_equal(ax_auth_user_add(auth, &u, AX_STR("long enough"), NOW, &err), -EINVAL);
}

static atomic_int right, busy;

static void *check_eve(void *arg)
{
    struct ax_who who;
    struct ax_err e;
    int rc = ax_auth_check(auth, &(struct ax_claim){.authorization = AX_STR(EVE)}, NOW, &who, &e);
    right += rc == 0;
    busy += rc == -EBUSY;
    return NULL;
}

/* 19 MiB each: not for everybody at once. */
static void few_are_hashed_at_once(void **state)
{
    pthread_t threads[24];
    for (size_t i = 0; i < AX_ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, check_eve, NULL), 0);
    for (size_t i = 0; i < AX_ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(right + busy, 24);
    assert_true(right >= 1);
    assert_in_range(hashed(), 1, 2); /* those that waited found it in the cache */
}

static void base64_is_read_to_the_letter(void **state)
{
    static const struct {
        const char *text;
        int n; /* -1: it is none */
    } cases[] = {{"", 0},       {"TQ==", 1},      {"TQ", 1},     {"TWE=", 2},    {"TWFu", 3},
                 {"TWFuTQ", 4}, {"T", -1},        {"TWFuT", -1}, {"TW\nFu", -1}, {"TQ=", -1},
                 {"====", -1},  {"TQ==TQ==", -1}, {"TW-u", -1},  {"TQ===", -1}};
    for (size_t i = 0; i < AX_ARRAY_LEN(cases); i++) {
        char out[8];
        size_t n = 99;
        bool ok = ax_base64_decode(ax_str(cases[i].text), out, sizeof out, &n);
        assert_int_equal(ok ? (int)n : -1, cases[i].n);
    }
    char out[2];
    size_t n;
    assert_true(ax_base64_decode(AX_STR("TWE="), out, 2, &n));
    assert_memory_equal(out, "Ma", 2);
    assert_false(ax_base64_decode(AX_STR("TWFu"), out, 2, &n));
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {T(passwords_are_hashed_as_they_should),
                                       T(a_right_password_is_hashed_once_in_five_minutes),
                                       T(what_takes_time_is_said_to),
                                       T(wrong_ones_and_strangers_are_refused_alike),
                                       T(who_fails_often_waits),
                                       T(wrong_tokens_keep_nobody_from_their_password),
                                       T(changes_of_a_user_count_at_once),
                                       T(logins_are_bounded),
                                       T(a_login_ends_when_its_user_leaves),
                                       T(only_who_may_logs_in_to_another_tenant),
                                       T(bad_users_are_not_made),
                                       T(few_are_hashed_at_once),
                                       cmocka_unit_test(base64_is_read_to_the_letter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
