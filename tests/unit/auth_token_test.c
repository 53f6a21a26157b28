// SPDX-License-Identifier: Apache-2.0
/* Tokens: made once, found fast, gone when they are revoked or expired, whoever did it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "auth/auth.h"
#include "base/clock.h"
#include "sql/sql.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW 1795314600000

static char dir[64], path[96];
static struct ax_sql *sql;
static struct ax_auth *auth;
static struct ax_err err;

static int set_up(void **state)
{
    snprintf(dir, sizeof dir, "/tmp/auspex-auth-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/registry.db", dir);
    if (ax_sql_open(&sql, path, NULL) < 0)
        return -1;
    return ax_auth_open(&auth, &(struct ax_auth_options){.sql = sql}, NULL);
}

static int tear_down(void **state)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    ax_auth_close(auth);
    ax_sql_close(sql);
    for (size_t i = 0; i < AX_ARRAY_LEN(endings); i++) {
        char file[128];
        snprintf(file, sizeof file, "%s%s", path, endings[i]);
        unlink(file);
    }
    return rmdir(dir);
}

static int64_t add(const char *tenant, enum ax_role role, int64_t expires, char *text)
{
    struct ax_token t = {
        .tenant = ax_str(tenant), .role = role, .name = AX_STR("a test"), .expires = expires};
    int64_t id = 0;
    assert_int_equal(ax_auth_token_add(auth, &t, NOW, text, &id, &err), 0);
    return id;
}

static int bearer(struct ax_auth *a, const char *token, int64_t now, struct ax_who *who)
{
    char header[256];
    snprintf(header, sizeof header, "Bearer %s", token);
    return ax_auth_check(a, &(struct ax_claim){.authorization = ax_str(header)}, now, who, &err);
}

static void a_token_says_whose_it_is(void **state)
{
    char text[AX_TOKEN_TEXT], other[AX_TOKEN_TEXT];
    struct ax_who who;
    add("acme", AX_ROLE_READER, NOW + 1000, text);
    add("other", AX_ROLE_AGENT, 0, other);
    assert_int_equal(strlen(text), AX_TOKEN_TEXT - 1);
    assert_memory_equal(text, "axt_", 4);
    assert_string_not_equal(text, other);
    assert_int_equal(bearer(auth, text, NOW, &who), 0);
    assert_string_equal(who.tenant, "acme");
    assert_string_equal(who.name, "a test");
    assert_int_equal(who.roles, AX_ROLE_READER);
    assert_int_equal(who.expires, NOW + 1000);
    struct ax_claim c = {.x_auth_token = ax_str(other)};
    assert_int_equal(ax_auth_check(auth, &c, NOW, &who, &err), 0);
    assert_string_equal(who.tenant, "other");
}

/* What is stolen with the file is of no use. */
static void the_database_holds_no_token(void **state)
{
    char text[AX_TOKEN_TEXT];
    add("acme", AX_ROLE_MEMBER, 0, text);
    struct ax_stmt q;
    ax_sql_lock(sql);
    ax_stmt_begin(&q, sql, "SELECT digest FROM auth_token");
    assert_true(ax_stmt_row(&q));
    struct ax_str digest = ax_stmt_col(&q, 0);
    assert_int_equal(digest.n, 64);
    ax_stmt_end(&q, "", NULL);
    ax_sql_unlock(sql);
    FILE *f = fopen(path, "r");
    char bytes[1 << 16];
    assert_non_null(f);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, f)) > 0;)
        assert_null(memmem(bytes, n, text, strlen(text)));
    fclose(f);
}

static void an_expired_token_is_told_apart(void **state)
{
    char text[AX_TOKEN_TEXT];
    struct ax_who who;
    int64_t id;
    add("acme", AX_ROLE_MEMBER, NOW + 1000, text);
    assert_int_equal(bearer(auth, text, NOW + 999, &who), 0);
    assert_int_equal(bearer(auth, text, NOW + 1000, &who), -EKEYEXPIRED);
    struct ax_token past = {.tenant = AX_STR("acme"), .role = AX_ROLE_MEMBER, .expires = NOW};
    assert_int_equal(ax_auth_token_add(auth, &past, NOW, text, &id, &err), -EINVAL);
}

static void wrong_credentials_are_refused(void **state)
{
    static const char *const headers[] = {"Bearer",
                                          "Bearer ",
                                          "Bearer axt_",
                                          "Bearer axt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                          "Bearer AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                          "Negotiate abc",
                                          "Basic",
                                          "Basic !!!",
                                          "Basic bm9jb2xvbg==",
                                          "axt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    struct ax_who who;
    for (size_t i = 0; i < AX_ARRAY_LEN(headers); i++) {
        struct ax_claim c = {.authorization = ax_str(headers[i])};
        assert_int_equal(ax_auth_check(auth, &c, NOW, &who, &err), -EKEYREJECTED);
    }
    assert_int_equal(ax_auth_check(auth, &(struct ax_claim){0}, NOW, &who, &err), -ENOKEY);
    char text[AX_TOKEN_TEXT];
    add("acme", AX_ROLE_MEMBER, 0, text);
    text[20] = text[20] == 'x' ? 'y' : 'x';
    assert_int_equal(bearer(auth, text, NOW, &who), -EKEYREJECTED);
}

static void a_token_goes_as_a_password_too(void **state)
{
    struct ax_who who;
    char text[AX_TOKEN_TEXT], header[256] = "Basic ";
    add("acme", AX_ROLE_MEMBER, 0, text);
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char pair[64], *at = header + 6; /* 51 bytes: no padding */
    snprintf(pair, sizeof pair, "any:%s", text);
    for (size_t i = 0; i < strlen(pair); i += 3) {
        unsigned v = (unsigned)(uint8_t)pair[i] << 16 | (unsigned)(uint8_t)pair[i + 1] << 8 |
                     (uint8_t)pair[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            *at++ = digits[v >> shift & 63];
    }
    *at = '\0';
    struct ax_claim c = {.authorization = ax_str(header)};
    assert_int_equal(ax_auth_check(auth, &c, NOW, &who, &err), 0);
    assert_string_equal(who.tenant, "acme");
}

static void revoking_works_at_once(void **state)
{
    struct ax_who who;
    char text[AX_TOKEN_TEXT];
    int64_t id = add("acme", AX_ROLE_MEMBER, 0, text);
    assert_int_equal(bearer(auth, text, NOW, &who), 0);
    assert_int_equal(ax_auth_token_revoke(auth, id, NOW, &err), 0);
    assert_int_equal(bearer(auth, text, NOW, &who), -EKEYREJECTED);
    assert_int_equal(ax_auth_token_revoke(auth, id, NOW, &err), -ENOENT);
    assert_int_equal(ax_auth_token_revoke(auth, id + 1, NOW, &err), -ENOENT);
}

/* A child is the keeper's command beside the server. */
static void in_another_process(void (*act)(struct ax_auth *a, int64_t id), int64_t id)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct ax_sql *s;
        struct ax_auth *a;
        if (ax_sql_open(&s, path, NULL) < 0 ||
            ax_auth_open(&a, &(struct ax_auth_options){.sql = s}, NULL) < 0)
            _exit(1);
        act(a, id);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

static void revoke_it(struct ax_auth *a, int64_t id)
{
    if (ax_auth_token_revoke(a, id, NOW, NULL) < 0)
        _exit(2);
}

static void add_user(struct ax_auth *a, int64_t id)
{
    struct ax_user u = {.name = AX_STR("eve"), .tenant = AX_STR("acme"), .role = AX_ROLE_READER};
    if (ax_auth_user_add(a, &u, AX_STR("long enough"), NOW, NULL) < 0)
        _exit(2);
}

static void revoking_by_another_process_is_seen_with_the_next_look(void **state)
{
    struct ax_who who;
    struct ax_auth_stats stats;
    char text[AX_TOKEN_TEXT];
    int64_t id = add("acme", AX_ROLE_MEMBER, 0, text);
    assert_int_equal(ax_auth_tick(auth, NOW, &err), 0);
    in_another_process(revoke_it, id);
    assert_int_equal(ax_auth_tick(auth, NOW + 100, &err), 0); /* too early to look again */
    assert_int_equal(bearer(auth, text, NOW, &who), 0);
    assert_int_equal(ax_auth_tick(auth, NOW + 600, &err), 0);
    assert_int_equal(bearer(auth, text, NOW, &who), -EKEYREJECTED);
    in_another_process(add_user, 0);
    assert_int_equal(ax_auth_tick(auth, NOW + 1200, &err), 0);
    ax_auth_stats(auth, &stats);
    assert_int_equal(stats.users, 1);
    assert_int_equal(stats.tokens, 0);
}

static void when_a_token_was_used_is_kept(void **state)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena arena = AX_ARENA_INIT;
    struct ax_token *v;
    struct ax_who who;
    size_t n;
    char text[AX_TOKEN_TEXT], other[AX_TOKEN_TEXT];
    add("acme", AX_ROLE_MEMBER, 0, text);
    assert_int_equal(bearer(auth, text, NOW + 5000, &who), 0);
    add("acme", AX_ROLE_MEMBER, 0, other); /* the roll is made anew meanwhile */
    assert_int_equal(ax_auth_tick(auth, NOW + 6000, &err), 0);
    assert_int_equal(ax_auth_tokens(auth, &arena, &v, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_int_equal(v[0].used, NOW + 5000);
    assert_int_equal(v[1].used, 0);
    assert_int_equal(bearer(auth, text, NOW + 70000, &who), 0);
    assert_int_equal(ax_auth_tick(auth, NOW + 80000, &err), 0); /* no news within ten minutes */
    assert_int_equal(ax_auth_tokens(auth, &arena, &v, &n, &err), 0);
    assert_int_equal(v[0].used, NOW + 5000);
}

static void long_expired_tokens_go(void **state)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena arena = AX_ARENA_INIT;
    struct ax_token *v;
    size_t n;
    char text[AX_TOKEN_TEXT];
    add("acme", AX_ROLE_MEMBER, NOW + 1000, text);
    assert_int_equal(ax_auth_tick(auth, NOW + 20ll * 86400000, &err), 0);
    assert_int_equal(ax_auth_tokens(auth, &arena, &v, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(ax_auth_tick(auth, NOW + 40ll * 86400000, &err), 0);
    assert_int_equal(ax_auth_tokens(auth, &arena, &v, &n, &err), 0);
    assert_int_equal(n, 0);
}

static void bad_tokens_are_not_made(void **state)
{
    char text[AX_TOKEN_TEXT] = "untouched", name[200];
    int64_t id = -1;
    memset(name, 'n', sizeof name);
    struct ax_token bad[] = {
        {.tenant = AX_STR(""), .role = AX_ROLE_MEMBER},
        {.tenant = AX_STR("a b"), .role = AX_ROLE_MEMBER},
        {.tenant = AX_STR("acme"), .role = AX_ROLE_MEMBER, .name = AX_STR("a\nb")},
        {.tenant = AX_STR("acme"), .role = AX_ROLE_MEMBER, .name = AX_STR("\xff")},
        {.tenant = AX_STR("acme"), .role = AX_ROLE_MEMBER, .name = {name, sizeof name}}};
    for (size_t i = 0; i < AX_ARRAY_LEN(bad); i++)
        assert_int_equal(ax_auth_token_add(auth, &bad[i], NOW, text, &id, &err), -EINVAL);
    assert_string_equal(text, "untouched");
    assert_int_equal(id, -1);
}

/* A flood is slowed down per address, takes no memory, and shuts nobody out who has a token. */
static void a_flood_of_wrong_tokens(void **state)
{
    struct ax_who who;
    struct ax_auth_stats stats;
    char text[AX_TOKEN_TEXT], wrong[AX_TOKEN_TEXT];
    const char here[4] = {10, 0, 0, 1}, there[4] = {10, 0, 0, 2};
    add("acme", AX_ROLE_MEMBER, 0, text);
    memcpy(wrong, text, sizeof wrong);
    struct ax_claim c = {.x_auth_token = ax_str(wrong), .peer = {here, 4}};
    int rejected = 0, slowed = 0;
    size_t before = mallinfo2().uordblks;
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(wrong + 30, sizeof wrong - 30, "%017u", i);
        int rc = ax_auth_check(auth, &c, NOW, &who, &err);
        rejected += rc == -EKEYREJECTED;
        slowed += rc == -EAGAIN;
    }
    assert_int_equal(mallinfo2().uordblks, before);
    assert_int_equal(rejected, 20);
    assert_int_equal(slowed, 4980);
    c.peer = (struct ax_str){there, 4};
    assert_int_equal(ax_auth_check(auth, &c, NOW, &who, &err), -EKEYREJECTED);
    c = (struct ax_claim){.x_auth_token = ax_str(text), .peer = {here, 4}};
    assert_int_equal(ax_auth_check(auth, &c, NOW, &who, &err), 0);
    c.x_auth_token = ax_str(wrong); /* one more each three seconds */
    assert_int_equal(ax_auth_check(auth, &c, NOW + 3000, &who, &err), -EKEYREJECTED);
    assert_int_equal(ax_auth_check(auth, &c, NOW + 3000, &who, &err), -EAGAIN);
    ax_auth_stats(auth, &stats);
    assert_int_equal(stats.throttled, 4981);
}

/* Attackers with a million addresses neither. */
static void a_flood_from_everywhere(void **state)
{
    struct ax_who who;
    char peer[16] = {0x20, 0x01};
    struct ax_claim c = {.x_auth_token = AX_STR("axt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
                         .peer = {peer, sizeof peer}};
    size_t before = mallinfo2().uordblks;
    for (uint32_t i = 0; i < 20000; i++) {
        memcpy(peer + 4, &i, sizeof i); /* another /64 each */
        assert_int_equal(ax_auth_check(auth, &c, NOW, &who, &err), -EKEYREJECTED);
    }
    assert_int_equal(mallinfo2().uordblks, before);
    for (uint32_t i = 0; i < 25; i++) {
        memcpy(peer + 12, &i, sizeof i); /* the same /64 */
        assert_int_equal(ax_auth_check(auth, &c, NOW, &who, &err),
                         i < 19 ? -EKEYREJECTED : -EAGAIN);
    }
}

static char shared[AX_TOKEN_TEXT];

static void *check_for_ever(void *arg)
{
    struct ax_who who;
    for (int i = 0; i < 20000; i++)
        if (bearer(auth, shared, NOW + i, &who) != 0 || strcmp(who.tenant, "acme") != 0)
            return arg;
    return NULL;
}

static void checks_and_changes_at_once(void **state)
{
    pthread_t threads[4];
    void *wrong;
    add("acme", AX_ROLE_MEMBER, 0, shared);
    for (size_t i = 0; i < AX_ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, check_for_ever, shared), 0);
    for (int i = 0; i < 30; i++) {
        char text[AX_TOKEN_TEXT];
        int64_t id = add("other", AX_ROLE_READER, 0, text);
        assert_int_equal(ax_auth_token_revoke(auth, id, NOW, &err), 0);
    }
    for (size_t i = 0; i < AX_ARRAY_LEN(threads); i++) {
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
}

/* Generous enough for sanitizers on a busy machine; a look into the database takes longer. */
static void a_check_is_fast(void **state)
{
    struct ax_who who;
    char text[AX_TOKEN_TEXT];
    for (int i = 0; i < 100; i++)
        add("acme", AX_ROLE_MEMBER, 0, text);
    struct ax_claim c = {.x_auth_token = ax_str(text)};
    int64_t best = INT64_MAX;
    for (int round = 0; round < 20; round++) {
        int64_t start = ax_mono_ns();
        for (int i = 0; i < 5000; i++)
            if (ax_auth_check(auth, &c, NOW + i, &who, &err) != 0)
                fail();
        int64_t each = (ax_mono_ns() - start) / 5000;
        best = each < best ? each : best;
    }
    print_message("# a check takes %lld ns\n", (long long)best);
    assert_true(best < 10000);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {T(a_token_says_whose_it_is),
                                       T(the_database_holds_no_token),
                                       T(an_expired_token_is_told_apart),
                                       T(wrong_credentials_are_refused),
                                       T(a_token_goes_as_a_password_too),
                                       T(revoking_works_at_once),
                                       T(revoking_by_another_process_is_seen_with_the_next_look),
                                       T(when_a_token_was_used_is_kept),
                                       T(long_expired_tokens_go),
                                       T(bad_tokens_are_not_made),
                                       T(a_flood_of_wrong_tokens),
                                       T(a_flood_from_everywhere),
                                       T(checks_and_changes_at_once),
                                       T(a_check_is_fast)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
