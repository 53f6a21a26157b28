// SPDX-License-Identifier: Apache-2.0
/* Client certificates in the table of tokens: the same roles, ends and revocation, and never taken
 * for a token, as a fingerprint is no secret. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "auth/secret.h"
#include "sql/sql.h"

#include <errno.h>
#include <stdio.h>

#define NOW    1795314600000
#define TOKEN  "axt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define SHA256 "85b53625758877bebfe9fcbf335cc8bc6118596b2f887863f9f8d5dd1c3e689a" /* of TOKEN */

static struct ax_sql *sql;
static struct ax_auth *auth;
static struct ax_err err;

static int set_up(void **state)
{
    if (ax_sql_open(&sql, ":memory:", NULL) < 0)
        return -1;
    return ax_auth_open(&auth, &(struct ax_auth_options){.sql = sql}, NULL);
}

static int tear_down(void **state)
{
    ax_auth_close(auth);
    ax_sql_close(sql);
    return 0;
}

static int add(const char *fingerprint, int64_t expires, int64_t *id)
{
    struct ax_token t = {.tenant = AX_STR("acme"),
                         .role = AX_ROLE_AGENT,
                         .name = AX_STR("web1"),
                         .expires = expires};
    return ax_auth_certificate_add(auth, &t, ax_str(fingerprint), NOW, id, &err);
}

static int show(const struct ax_claim *with, int64_t now, struct ax_who *who)
{
    uint8_t digest[AX_DIGEST];
    struct ax_claim c = *with;
    assert_true(ax_digest_parse(AX_STR(SHA256), digest));
    c.certificate = (struct ax_str){(const char *)digest, sizeof digest};
    return ax_auth_check_quick(auth, &c, now, who, &err);
}

static void it_stands_for_a_token(void **state)
{
    struct ax_who who;
    int64_t id;
    assert_int_equal(show(&(struct ax_claim){0}, NOW, &who), -EKEYREJECTED);
    assert_int_equal(add(SHA256, NOW + 1000, &id), 0);
    assert_int_equal(show(&(struct ax_claim){0}, NOW, &who), 0);
    assert_string_equal(who.tenant, "acme");
    assert_string_equal(who.name, "web1");
    assert_int_equal(who.roles, AX_ROLE_AGENT);
    assert_int_equal(show(&(struct ax_claim){0}, NOW + 1000, &who), -EKEYEXPIRED);
    assert_int_equal(ax_auth_token_revoke(auth, id, NOW, &err), 0);
    assert_int_equal(show(&(struct ax_claim){0}, NOW, &who), -EKEYREJECTED);
}

static void what_is_said_counts_more(void **state)
{
    struct ax_who who;
    int64_t id;
    assert_int_equal(add(SHA256, 0, &id), 0);
    assert_int_equal(show(&(struct ax_claim){.x_auth_token = AX_STR("wrong")}, NOW, &who),
                     -EKEYREJECTED);
    assert_int_equal(show(&(struct ax_claim){.authorization = AX_STR("Bearer x")}, NOW, &who),
                     -EKEYREJECTED);
}

static void kinds_are_not_mixed(void **state)
{
    struct ax_who who;
    struct ax_claim token = {.x_auth_token = AX_STR(TOKEN)};
    char text[AX_TOKEN_TEXT];
    uint8_t digest[AX_DIGEST];
    int64_t id;
    assert_int_equal(add(SHA256, 0, &id), 0);
    assert_int_equal(ax_auth_check_quick(auth, &token, NOW, &who, &err), -EKEYREJECTED);
    struct ax_token t = {.tenant = AX_STR("acme"), .role = AX_ROLE_PROVIDER};
    assert_int_equal(ax_auth_token_add(auth, &t, NOW, text, &id, &err), 0);
    struct ax_str made = ax_str(text);
    ax_secret_digest(&made, 1, digest);
    struct ax_claim c = {.certificate = {(const char *)digest, sizeof digest}};
    assert_int_equal(ax_auth_check_quick(auth, &c, NOW, &who, &err), -EKEYREJECTED);
}

static void one_that_was_not_verified_says_why(void **state)
{
    struct ax_who who;
    struct ax_claim c = {.certificate_fault = AX_STR("it has expired")};
    assert_int_equal(ax_auth_check_quick(auth, &c, NOW, &who, &err), -EKEYREJECTED);
    assert_non_null(strstr(err.text, "not accepted: it has expired"));
}

static void fingerprints_come_as_openssl_prints_them(void **state)
{
    struct ax_who who;
    char colons[96];
    size_t n = 0;
    int64_t id;
    for (size_t i = 0; i < 64; i++) {
        char c = SHA256[i];
        if (i && i % 2 == 0)
            colons[n++] = ':';
        colons[n++] = (char)(c >= 'a' ? c - 32 : c);
    }
    colons[n] = '\0';
    assert_int_equal(add(colons, 0, &id), 0);
    assert_int_equal(show(&(struct ax_claim){0}, NOW, &who), 0);
    assert_int_equal(add("", 0, &id), -EINVAL);
    assert_int_equal(add("12:34", 0, &id), -EINVAL);
    assert_int_equal(add(SHA256 "00", 0, &id), -EINVAL);
    assert_int_equal(add("zz" SHA256, 0, &id), -EINVAL);
}

static void it_may_come_back_when_it_is_over(void **state)
{
    struct ax_who who;
    int64_t id, again;
    assert_int_equal(add(SHA256, 0, &id), 0);
    assert_int_equal(add(SHA256, 0, &again), -EEXIST);
    assert_non_null(strstr(err.text, "in force already"));
    assert_int_equal(ax_auth_token_revoke(auth, id, NOW, &err), 0);
    assert_int_equal(add(SHA256, 0, &again), 0);
    assert_int_equal(show(&(struct ax_claim){0}, NOW, &who), 0);
}

static void run_sql(const char *text)
{
    struct ax_stmt q;
    assert_int_equal(ax_sql_begin(sql, &err), 0);
    ax_stmt_begin(&q, sql, text);
    assert_int_equal(ax_sql_end(sql, ax_stmt_run(&q, "changing", &err), &err), 0);
}

static void tokens_of_before_are_tokens(void **state)
{
    struct ax_who who;
    char text[AX_TOKEN_TEXT];
    int64_t id;
    struct ax_token t = {.tenant = AX_STR("acme"), .role = AX_ROLE_READER};
    assert_int_equal(ax_auth_token_add(auth, &t, NOW, text, &id, &err), 0);
    ax_auth_close(auth);
    run_sql("ALTER TABLE auth_token DROP COLUMN certificate");
    run_sql("UPDATE room SET version = 1 WHERE name = 'auth'");
    assert_int_equal(ax_auth_open(&auth, &(struct ax_auth_options){.sql = sql}, &err), 0);
    struct ax_claim c = {.x_auth_token = ax_str(text)};
    assert_int_equal(ax_auth_check_quick(auth, &c, NOW, &who, &err), 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(it_stands_for_a_token),
        T(what_is_said_counts_more),
        T(kinds_are_not_mixed),
        T(one_that_was_not_verified_says_why),
        T(fingerprints_come_as_openssl_prints_them),
        T(it_may_come_back_when_it_is_over),
        T(tokens_of_before_are_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
