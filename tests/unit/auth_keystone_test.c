// SPDX-License-Identifier: Apache-2.0
/* Keystone as seen from here: a small server that answers as it is told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "auth/auth.h"
#include "auth/keystone.h"
#include "base/clock.h"
#include "sql/sql.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define NOW 1795314600000 /* 2026-11-22T02:30:00Z */

/* ---- the stand-in: one request per connection ---- */

static struct {
    int fd, port;
    pthread_t thread;
    atomic_int logins, questions, delay_ms, login_status, question_status;
    _Atomic(const char *) body;
    char own[64]; /* the token that it gave us last */
    char seen[8192];
} ks;

#define GOOD                                                                                       \
    "{\"token\":{\"user\":{\"id\":\"u1\",\"name\":\"eve\"},\"project\":{\"id\":\"p1\","            \
    "\"name\":\"demo\"},\"roles\":[{\"id\":\"1\",\"name\":\"monasca-user\"},"                      \
    "{\"id\":\"2\",\"name\":\"other\"}],\"expires_at\":\"2026-11-22T03:30:00.000000Z\"}}"

static void send_text(int fd, const char *text, size_t n)
{
    for (ssize_t sent; n > 0 && (sent = send(fd, text, n, MSG_NOSIGNAL)) > 0;) {
        text += sent;
        n -= (size_t)sent;
    }
}

/* The whole request as far as it is announced. */
static void read_request(int fd, char *text, size_t room)
{
    size_t n = 0;
    for (ssize_t got; n < room - 1 && (got = recv(fd, text + n, room - 1 - n, 0)) > 0;) {
        n += (size_t)got;
        text[n] = '\0';
        const char *end = strstr(text, "\r\n\r\n"), *length = strstr(text, "Content-Length: ");
        if (end && (!length || n >= (size_t)(end + 4 - text) + strtoul(length + 16, NULL, 10)))
            return;
    }
}

static void reply(int fd)
{
    static int number;
    char text[8192] = "", head[512];
    read_request(fd, text, sizeof text);
    if (ks.delay_ms)
        ax_sleep_ms(ks.delay_ms);
    const char *body = "";
    int status;
    if (strncmp(text, "POST /v3/auth/tokens ", 21) == 0) {
        ks.logins++;
        status = ks.login_status;
        snprintf(ks.own, sizeof ks.own, "own-%d", ++number);
    } else {
        char mine[128];
        snprintf(mine, sizeof mine, "X-Auth-Token: %s\r\n", ks.own);
        ks.questions++;
        status = strstr(text, mine) ? ks.question_status : 401;
        body = ks.body;
    }
    memcpy(ks.seen, text, sizeof text);
    snprintf(head, sizeof head,
             "HTTP/1.1 %d Whatever\r\nx-subject-token: %s\r\nContent-Length: %zu\r\nConnection: "
             "close\r\n\r\n",
             status, ks.own, strlen(body));
    send_text(fd, head, strlen(head));
    send_text(fd, body, strlen(body));
}

static void *stand_in(void *arg)
{
    for (int fd; (fd = accept(ks.fd, NULL, NULL)) >= 0;) {
        reply(fd);
        close(fd);
    }
    return NULL;
}

static void listen_at(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int on = 1;
    ks.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(ks.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(ks.fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(ks.fd, 64), 0);
    assert_int_equal(getsockname(ks.fd, (struct sockaddr *)&a, &n), 0);
    ks.port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&ks.thread, NULL, stand_in, NULL), 0);
}

static void go_away(void)
{
    if (ks.fd < 0)
        return;
    shutdown(ks.fd, SHUT_RDWR);
    pthread_join(ks.thread, NULL);
    close(ks.fd);
    ks.fd = -1;
}

/* ---- */

static struct ax_sql *sql;
static struct ax_auth *auth;
static struct ax_err err;
static struct ax_who who;

static int set_up(void **state)
{
    char url[64];
    ks.logins = ks.questions = ks.delay_ms = 0;
    ks.login_status = 201;
    ks.question_status = 200;
    ks.body = GOOD;
    snprintf(ks.own, sizeof ks.own, "none");
    listen_at(0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", ks.port);
    struct ax_keystone_options o = {.url = url,
                                    .user = "aus\"pex",
                                    .password = "secret",
                                    .project = "service",
                                    .provider_role = "auspex-provider",
                                    .timeout_ms = 1000};
    if (ax_sql_open(&sql, ":memory:", NULL) < 0)
        return -1;
    return ax_auth_open(&auth, &(struct ax_auth_options){sql, &o}, &err);
}

static int tear_down(void **state)
{
    ax_auth_close(auth);
    ax_sql_close(sql);
    go_away();
    return 0;
}

static int check(const char *token, int64_t now)
{
    return ax_auth_check(auth, &(struct ax_claim){.x_auth_token = ax_str(token)}, now, &who, &err);
}

static void a_token_is_asked_about_once(void **state)
{
    for (int i = 0; i < 100; i++)
        assert_int_equal(check("t1", NOW + i), 0);
    assert_int_equal(ks.questions, 1);
    assert_int_equal(ks.logins, 1);
    assert_string_equal(who.tenant, "p1");
    assert_string_equal(who.name, "eve");
    assert_int_equal(who.roles, AX_ROLE_MEMBER);
    assert_int_equal(who.expires, NOW + 3600000);
    assert_non_null(strstr(ks.seen, "GET /v3/auth/tokens?nocatalog "));
    assert_non_null(strstr(ks.seen, "X-Subject-Token: t1\r\n"));
    assert_int_equal(check("t2", NOW), 0); /* with the same token of our own */
    assert_int_equal(ks.logins, 1);
    assert_int_equal(check("t1", NOW + 5 * 60000 + 1), 0); /* after five minutes again */
    assert_int_equal(ks.questions, 3);
    assert_int_equal(check("t1", NOW + 3600000), -EKEYEXPIRED);
    assert_int_equal(ax_auth_check_quick(auth, &(struct ax_claim){.x_auth_token = AX_STR("t3")},
                                         NOW, &who, &err),
                     -EINPROGRESS);
}

static void our_own_login_is_in_good_form(void **state)
{
    ks.question_status = 404;
    ks.login_status = 500;
    assert_int_equal(check("t1", NOW), -EHOSTUNREACH);
    assert_non_null(strstr(ks.seen, "Content-Type: application/json"));
    assert_non_null(strstr(
        ks.seen, "{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":"
                 "{\"name\":\"aus\\\"pex\",\"domain\":{\"name\":\"Default\"},\"password\":"
                 "\"secret\"}}},\"scope\":{\"project\":{\"name\":\"service\",\"domain\":"
                 "{\"name\":\"Default\"}}}}}"));
}

static void a_new_token_of_our_own_when_the_old_is_none(void **state)
{
    assert_int_equal(check("t1", NOW), 0);
    snprintf(ks.own, sizeof ks.own, "restarted"); /* with other keys */
    assert_int_equal(check("t2", NOW), 0);
    assert_int_equal(ks.logins, 2);
    assert_int_equal(ks.questions, 3);
    ks.question_status = 401; /* whatever we come with */
    assert_int_equal(check("t3", NOW), -EHOSTUNREACH);
    assert_int_equal(ks.logins, 3);
}

static void a_refusal_holds_for_ten_seconds(void **state)
{
    ks.question_status = 404;
    for (int i = 0; i < 10; i++)
        assert_int_equal(check("bad", NOW), -EKEYREJECTED);
    assert_int_equal(ks.questions, 1);
    ks.question_status = 200;
    assert_int_equal(check("bad", NOW + 9999), -EKEYREJECTED);
    assert_int_equal(check("bad", NOW + 10000), 0);
}

static void tokens_that_are_no_header_are_not_sent(void **state)
{
    static const char *const bad[] = {"a b", "a\r\nX-Evil: 1", "\x7f", "caf\xc3\xa9"};
    char long_one[5000];
    for (size_t i = 0; i < AX_ARRAY_LEN(bad); i++)
        assert_int_equal(check(bad[i], NOW), -EKEYREJECTED);
    memset(long_one, 'x', sizeof long_one);
    long_one[4999] = '\0';
    assert_int_equal(check(long_one, NOW), -EKEYREJECTED);
    assert_int_equal(ks.questions, 0);
    assert_int_equal(check("axt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", NOW), -EKEYREJECTED);
    assert_int_equal(ks.questions, 0); /* ours, and unknown */
}

static void when_it_is_away_what_is_known_goes_on(void **state)
{
    assert_int_equal(check("t1", NOW), 0);
    int port = ks.port;
    go_away();
    assert_int_equal(check("t2", NOW + 1000), -EHOSTUNREACH);
    assert_int_equal(check("t1", NOW + 1000), 0);
    assert_int_equal(check("t1", NOW + 5 * 60000), -EHOSTUNREACH); /* its time is over */
    listen_at(port);
    assert_int_equal(check("t2", NOW + 5 * 60000 + 100), -EHOSTUNREACH); /* not tried again yet */
    assert_int_equal(ks.questions, 1);
    assert_int_equal(check("t2", NOW + 5 * 60000 + 2000), 0);
}

static void one_that_hangs_holds_nobody_for_long(void **state)
{
    ks.delay_ms = 1500;
    int64_t start = ax_mono_ns();
    assert_int_equal(check("t1", NOW), -EHOSTUNREACH);
    assert_in_range((ax_mono_ns() - start) / 1000000, 900, 1450);
    assert_int_equal(check("t2", NOW), -EHOSTUNREACH); /* at once */
    assert_true((ax_mono_ns() - start) / 1000000 < 1500);
}

static void odd_answers_are_no_verdict(void **state)
{
    static char huge[300 << 10];
    static const char *const bodies[] = {
        "",
        "no JSON",
        "{}",
        "[]",
        "null",
        "{\"token\":null}",
        "{\"token\":{}}",
        "{\"token\":{\"project\":{\"id\":\"p1\"},\"expires_at\":\"soon\"}}",
        "{\"token\":{\"project\":{\"id\":\"a b\"},\"expires_at\":\"2026-11-22T03:30:00Z\"}}",
        "{\"token\":{\"project\":{\"id\":\"p1\"},\"expires_at\":17953146}}"};
    for (size_t i = 0; i < AX_ARRAY_LEN(bodies); i++) {
        ks.body = bodies[i];
        assert_int_equal(check("t1", NOW + (int64_t)i * 3000), -EHOSTUNREACH);
    }
    memset(huge, ' ', sizeof huge - 1);
    ks.body = huge;
    assert_int_equal(check("t1", NOW + 60000), -EHOSTUNREACH);
    static const int statuses[] = {204, 301, 400, 403, 410, 429, 500, 503};
    for (size_t i = 0; i < AX_ARRAY_LEN(statuses); i++) {
        ks.question_status = statuses[i];
        ks.body = GOOD;
        assert_int_equal(check("t1", NOW + 90000 + (int64_t)i * 3000), -EHOSTUNREACH);
    }
}

static void roles_are_mapped(void **state)
{
    static const struct {
        const char *roles;
        unsigned mine;
    } cases[] = {
        {"{\"name\":\"monasca-agent\"}", AX_ROLE_AGENT},
        {"{\"name\":\"monasca-read-only-user\"}", AX_ROLE_READER},
        {"{\"name\":\"admin\"},{\"name\":\"monasca-user\"}", AX_ROLE_DELEGATE | AX_ROLE_MEMBER},
        {"{\"name\":\"auspex-provider\"}", AX_ROLE_PROVIDER},
        {"{\"name\":\"provider\"},{\"name\":\"Admin\"},{\"name\":7},null,{}", 0},
        {"", 0}};
    for (size_t i = 0; i < AX_ARRAY_LEN(cases); i++) {
        char json[512];
        snprintf(json, sizeof json,
                 "{\"token\":{\"project\":{\"id\":\"p1\"},\"roles\":[%s],"
                 "\"expires_at\":\"2026-11-22T03:30:00.000000Z\"}}",
                 cases[i].roles);
        assert_int_equal(ax_keystone_said(ax_str(json), "auspex-provider", &who, &err), 0);
        assert_int_equal(who.roles, cases[i].mine);
    }
    assert_int_equal(ax_who_may(&who, AX_MAY_READ, &err), -EPERM);
    assert_int_equal(ax_keystone_said(AX_STR("{\"token\":{\"user\":{\"name\":\"eve\"},"
                                             "\"expires_at\":\"2026-11-22T03:30:00.000000Z\"}}"),
                                      NULL, &who, &err),
                     -EKEYREJECTED); /* not for a project */
}

static atomic_int right;

static void *check_one(void *token)
{
    struct ax_who mine;
    struct ax_err e;
    struct ax_claim c = {.x_auth_token = ax_str(token)};
    right += ax_auth_check(auth, &c, NOW, &mine, &e) == 0 && strcmp(mine.tenant, "p1") == 0;
    return NULL;
}

static void many_at_once_ask_once(void **state)
{
    pthread_t threads[8];
    static char same[] = "t1";
    ks.delay_ms = 200;
    right = 0;
    for (size_t i = 0; i < AX_ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, check_one, same), 0);
    for (size_t i = 0; i < AX_ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(right, 8);
    assert_int_equal(ks.questions, 1);
    assert_int_equal(ks.logins, 1);
}

static void different_ones_wait_for_a_line(void **state)
{
    pthread_t threads[10];
    static char names[10][8];
    right = 0;
    for (size_t i = 0; i < AX_ARRAY_LEN(threads); i++) {
        snprintf(names[i], sizeof names[i], "t%zu", i);
        assert_int_equal(pthread_create(&threads[i], NULL, check_one, names[i]), 0);
    }
    for (size_t i = 0; i < AX_ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(right, 10);
    assert_int_equal(ks.questions, 10);
    assert_int_equal(ks.logins, 1);
}

static void guesses_are_throttled_before_keystone_hears_of_them(void **state)
{
    ks.question_status = 404;
    for (int i = 0; i < 200; i++) {
        char token[32];
        snprintf(token, sizeof token, "guess-%d", i);
        struct ax_claim c = {.x_auth_token = ax_str(token), .peer = AX_STR("\x0a\x01\x02\x03")};
        assert_int_equal(ax_auth_check(auth, &c, NOW, &who, &err),
                         i < 20 ? -EKEYREJECTED : -EAGAIN);
    }
    assert_int_equal(ks.questions, 20);
}

static void options_are_checked(void **state)
{
    struct ax_keystone *k;
    struct ax_keystone_options o = {.url = "keystone:5000", .user = "u", .password = "p"};
    assert_int_equal(ax_keystone_new(&k, &o, &err), -EINVAL);
    o.url = "https://keystone:5000/v3";
    assert_int_equal(ax_keystone_new(&k, &o, &err), -EINVAL);
    o.project = "service";
    assert_int_equal(ax_keystone_new(&k, &o, &err), 0);
    ax_keystone_free(k);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {T(a_token_is_asked_about_once),
                                       T(our_own_login_is_in_good_form),
                                       T(a_new_token_of_our_own_when_the_old_is_none),
                                       T(a_refusal_holds_for_ten_seconds),
                                       T(tokens_that_are_no_header_are_not_sent),
                                       T(when_it_is_away_what_is_known_goes_on),
                                       T(one_that_hangs_holds_nobody_for_long),
                                       T(odd_answers_are_no_verdict),
                                       T(roles_are_mapped),
                                       T(many_at_once_ask_once),
                                       T(different_ones_wait_for_a_line),
                                       T(guesses_are_throttled_before_keystone_hears_of_them),
                                       cmocka_unit_test(options_are_checked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
