// SPDX-License-Identifier: Apache-2.0
/* The way to the server: its errors become sentences, whatever it answers. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/inner.h"

/* A server that gives one connection one answer, and keeps what it was asked. */
struct canned {
    int fd;
    char url[64], asked[2048];
    const char *answer;
    pthread_t thread;
};

static void *serve(void *self)
{
    struct canned *c = self;
    int fd = accept(c->fd, NULL, NULL);
    ssize_t n = read(fd, c->asked, sizeof c->asked - 1);
    c->asked[n > 0 ? n : 0] = '\0';
    size_t left = strlen(c->answer);
    assert_int_equal(write(fd, c->answer, left), left);
    close(fd);
    return NULL;
}

/* Bound, so that the port is ours; nobody listens yet. */
static void canned_bind(struct canned *c, const char *answer)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    *c = (struct canned){.fd = socket(AF_INET, SOCK_STREAM, 0), .answer = answer};
    assert_int_equal(bind(c->fd, (struct sockaddr *)&at, n), 0);
    assert_int_equal(getsockname(c->fd, (struct sockaddr *)&at, &n), 0);
    snprintf(c->url, sizeof c->url, "http://127.0.0.1:%d", ntohs(at.sin_port));
}

static int get(struct canned *c, const char *answer, const char *tenant, struct ax_answer *out,
               struct ax_err *err)
{
    canned_bind(c, answer);
    assert_int_equal(listen(c->fd, 1), 0);
    pthread_create(&c->thread, NULL, serve, c);
    struct ax_cli cli = {.command = "query", .server = c->url, .tenant = tenant};
    struct ax_client *client = ax_client_new(&cli);
    int rc = ax_client_get(client, "/x?y=1", out, err);
    ax_client_free(client);
    pthread_join(c->thread, NULL);
    close(c->fd);
    return rc;
}

static void fails(const char *answer, int code, const char *words)
{
    struct canned c;
    struct ax_answer a = {0};
    struct ax_err err;
    assert_int_equal(get(&c, answer, NULL, &a, &err), code);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" is not in \"%s\"", words, err.text);
    assert_null(a.json);
}

static void an_answer_comes_with_the_servers_clock(void **state)
{
    struct canned c;
    struct ax_answer a = {0};
    struct ax_err err;
    assert_int_equal(get(&c,
                         "HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 03:00:00 GMT\r\n"
                         "Content-Length: 9\r\n\r\n{\"a\": 1}\n",
                         "acme", &a, &err),
                     0);
    assert_int_equal(a.date, 1795316400000);
    assert_true(ax_j_num(a.json, "a") == 1);
    assert_non_null(strstr(c.asked, "GET /x?y=1 HTTP/1.1\r\n"));
    assert_non_null(strstr(c.asked, "X-Scope-OrgID: acme\r\n"));
    char *text;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    ax_answer_print(&a, out); /* --json: byte for byte, and one line end */
    fclose(out);
    assert_string_equal(text, "{\"a\": 1}\n");
    free(text);
    ax_answer_free(&a);
}

static void the_servers_own_words_are_shown(void **state)
{
    fails("HTTP/1.1 400 Bad\r\nContent-Length: 62\r\n\r\n"
          "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"1:3: parse\"}\n",
          -EINVAL, "1:3: parse");
    fails("HTTP/1.1 404 No\r\nConnection: close\r\n\r\n"
          "{\"error\":{\"code\":\"not_found\",\"message\":\"no such handle\"}}",
          -ENOENT, "no such handle");
    fails("HTTP/1.1 409 No\r\nConnection: close\r\n\r\n"
          "{\"title\":\"Conflict\",\"description\":\"that name is taken\"}",
          -EINVAL, "that name is taken");
}

static void answers_of_other_servers_are_told_as_such(void **state)
{
    fails("HTTP/1.1 502 Bad\r\nConnection: close\r\n\r\n<html>", -EIO, "HTTP status 502");
    fails("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<html>", -EPROTO, "is it Auspex?");
    fails("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", -EPROTO, "is it Auspex?");
    fails("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"a\":", -ECONNREFUSED,
          "cannot reach the server");
}

static void a_server_that_is_not_there_is_told_with_what_to_do(void **state)
{
    struct canned c;
    struct ax_answer a = {0};
    struct ax_err err;
    canned_bind(&c, "");
    struct ax_cli cli = {.command = "query", .server = c.url};
    struct ax_client *client = ax_client_new(&cli);
    assert_int_equal(ax_client_get(client, "/", &a, &err), -ECONNREFUSED);
    ax_client_free(client);
    close(c.fd);
    assert_non_null(strstr(err.text, c.url));
    assert_non_null(strstr(err.text, "is it running? Start it with `auspex run`"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_with_the_servers_clock),
        cmocka_unit_test(the_servers_own_words_are_shown),
        cmocka_unit_test(answers_of_other_servers_are_told_as_such),
        cmocka_unit_test(a_server_that_is_not_there_is_told_with_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
