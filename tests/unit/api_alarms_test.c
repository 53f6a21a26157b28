// SPDX-License-Identifier: Apache-2.0
/* Monasca's alarm half: bodies, paths with ids, and what is answered when a limit is reached or the
 * database takes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/monasca.h"
#include "base/file.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct rooms {
    char dir[64];
    struct ax_sql *sql;
    struct ax_intake *intake;
    struct ax_stream *stream;
    struct ax_notify *notify;
    struct ax_api *api;
};

static void open_data(struct rooms *k)
{
    struct ax_err err = {0};
    char path[96];
    snprintf(path, sizeof path, "%s/registry.db", k->dir);
    k->intake = ax_intake_new(&(struct ax_intake_options){.max_age_ms = 86400000});
    if (ax_sql_open(&k->sql, path, &err) < 0)
        fail_msg("%s", err.text);
    struct ax_notify_options n = {.max_methods = 2};
    if (ax_notify_open(&k->notify, k->sql, &n, &err) < 0)
        fail_msg("%s", err.text);
    struct ax_stream_options s = {.sql = k->sql, .intake = k->intake, .max_definitions = 2};
    if (ax_stream_open(&k->stream, &s, &err) < 0)
        fail_msg("%s", err.text);
    struct ax_api_options o = {.tcp_fd = ax_listen_tcp("127.0.0.1:0", false, &err),
                               .unix_fd = -1,
                               .intake = k->intake,
                               .sql = k->sql,
                               .stream = k->stream,
                               .notify = k->notify};
    if (o.tcp_fd < 0 || ax_api_start(&k->api, &o, &err) < 0)
        fail_msg("%s", err.text);
}

static void close_data(struct rooms *k)
{
    ax_api_stop(k->api);
    ax_stream_close(k->stream);
    ax_notify_close(k->notify);
    ax_sql_close(k->sql);
    ax_intake_free(k->intake);
}

static int open_rooms(void **state)
{
    struct rooms *k = ax_calloc(1, sizeof *k);
    snprintf(k->dir, sizeof k->dir, "/tmp/auspex-api-XXXXXX");
    assert_non_null(mkdtemp(k->dir));
    open_data(k);
    *state = k;
    return 0;
}

static int close_rooms(void **state)
{
    struct rooms *k = *state;
    close_data(k);
    ax_remove_tree(k->dir, NULL);
    free(k);
    return 0;
}

/* The status with which a handler answers; its text stays in `said`. */
static char said[4096];
static int ask(struct rooms *k, ax_handler *handler, enum ax_method method, const char *tenant,
               const char *body)
{
    struct ax_request q = {.api = k->api,
                           .method = method,
                           .rest = AX_STR("some-id"),
                           .tenant = ax_str(tenant),
                           .content_type = AX_STR("application/json")};
    struct ax_reply r = {.status = 200};
    ax_buf_cstr(&q.body, body);
    handler(&q, &r);
    snprintf(said, sizeof said, "%.*s", (int)r.body.n, r.body.n ? r.body.p : "");
    ax_buf_free(&q.body);
    ax_buf_free(&r.body);
    ax_arena_free(&q.arena);
    return r.status;
}

static void a_tenants_limits_are_named(void **state)
{
    static const struct {
        ax_handler *handler;
        const char *bodies[3], *limit;
    } table[] = {
        {ax_monasca_definition_create,
         {"{\"name\":\"a\",\"expression\":\"c > 1\"}", "{\"name\":\"b\",\"expression\":\"c > 1\"}",
          "{\"name\":\"c\",\"expression\":\"c > 1\"}"},
         "limit of 2 alarm definitions"},
        {ax_monasca_method_create,
         {"{\"name\":\"a\",\"type\":\"EMAIL\",\"address\":\"a@b\"}",
          "{\"name\":\"b\",\"type\":\"EMAIL\",\"address\":\"a@b\"}",
          "{\"name\":\"c\",\"type\":\"EMAIL\",\"address\":\"a@b\"}"},
         "limit of 2 notification methods"},
    };
    for (size_t i = 0; i < AX_ARRAY_LEN(table); i++) {
        for (size_t b = 0; b < 2; b++)
            assert_int_equal(ask(*state, table[i].handler, AX_POST, "t", table[i].bodies[b]), 201);
        assert_int_equal(ask(*state, table[i].handler, AX_POST, "t", table[i].bodies[2]), 429);
        if (!strstr(said, table[i].limit) || !strstr(said, "Too Many Requests"))
            fail_msg("%s", said);
        assert_int_equal(ask(*state, table[i].handler, AX_POST, "u", table[i].bodies[2]), 201);
    }
}

/* A process that dies between the method and the definitions that name it. */
static void dies_deleting(const char *path, struct ax_str id)
{
    struct ax_notify *notify;
    struct ax_sql *sql;
    struct ax_err err;
    if (ax_sql_open(&sql, path, &err) < 0 ||
        ax_notify_open(&notify, sql, &(struct ax_notify_options){0}, &err) < 0 ||
        ax_notify_delete(notify, AX_STR("t"), id, &err) < 0)
        _exit(1);
    kill(getpid(), SIGKILL);
}

static void kill_while_deleting(const char *path, struct ax_str id)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        dies_deleting(path, id);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* The rooms whose threads are no more after a fork are opened in the child anew: so the parent has
 * none of them meanwhile. */
static void no_definition_names_a_method_whose_deletion_was_killed(void **state)
{
    struct rooms *k = *state;
    char path[96], body[200];
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_err err = {0};
    struct ax_definition *d;
    size_t n;
    struct ax_notify_method m;
    struct ax_notify_fields f = {AX_STR("ops"), AX_STR("EMAIL"), AX_STR("a@b"), 0};
    assert_int_equal(ax_notify_create(k->notify, AX_STR("t"), &f, &a, &m, &err), 0);
    snprintf(body, sizeof body,
             "{\"name\":\"a\",\"expression\":\"c > 1\",\"alarm_actions\":[\"%.*s\"]}",
             AX_STR_ARG(m.id));
    assert_int_equal(ask(k, ax_monasca_definition_create, AX_POST, "t", body), 201);
    close_data(k);
    snprintf(path, sizeof path, "%s/registry.db", k->dir);
    kill_while_deleting(path, m.id);
    open_data(k);
    assert_int_equal(ax_notify_get(k->notify, AX_STR("t"), m.id, &a, &m, &err), -ENOENT);
    struct ax_definition_filter all = {0};
    assert_int_equal(ax_definition_list(k->stream, AX_STR("t"), &all, &a, &d, &n, &err), 0);
    assert_int_equal(d[0].actions[AX_ALARM].n, 1); /* else nothing was broken off */
    for (int twice = 0; twice < 2; twice++) {
        assert_int_equal(ax_api_finish_deletions(k->stream, k->notify, &err), 0);
        assert_int_equal(ax_definition_list(k->stream, AX_STR("t"), &all, &a, &d, &n, &err), 0);
        assert_int_equal(d[0].actions[AX_ALARM].n, 0);
    }
    ax_arena_free(&a);
}

static void a_database_that_takes_nothing_is_no_fault_of_the_client(void **state)
{
    struct rooms *k = *state;
    struct ax_err err;
    assert_int_equal(ax_sql_exec(k->sql, "PRAGMA query_only=1", &err), 0);
    assert_int_equal(ask(k, ax_monasca_definition_create, AX_POST, "t",
                         "{\"name\":\"a\",\"expression\":\"c > 1\"}"),
                     503);
    assert_non_null(strstr(said, "Service Unavailable"));
    assert_int_equal(ask(k, ax_monasca_method_create, AX_POST, "t",
                         "{\"name\":\"a\",\"type\":\"EMAIL\",\"address\":\"a@b\"}"),
                     503);
    assert_int_equal(ask(k, ax_monasca_definitions, AX_GET, "t", ""), 200);
    assert_int_equal(ask(k, ax_monasca_methods, AX_GET, "t", ""), 200);
    assert_int_equal(ax_sql_exec(k->sql, "PRAGMA query_only=0", &err), 0);
}

static void errors_have_their_status(void **state)
{
    static const struct {
        int code, status;
    } table[] = {{-EINVAL, 422}, {-EBADMSG, 400}, {-EDOM, 400},  {-EPERM, 401},
                 {-ENOENT, 404}, {-EEXIST, 409},  {-EFBIG, 413}, {-EDQUOT, 429},
                 {-ENOSPC, 507}, {-EROFS, 503},   {-EBUSY, 503}, {-EIO, 503}};
    for (size_t i = 0; i < AX_ARRAY_LEN(table); i++) {
        struct ax_reply r = {.status = 200};
        struct ax_err err;
        ax_fail(&err, table[i].code, "why");
        ax_monasca_failed(&r, &err);
        assert_int_equal(r.status, table[i].status);
        ax_buf_free(&r.body);
    }
}

/* ---- bodies ---- */

struct fields {
    struct ax_str text, maybe;
    struct ax_strs list;
    int64_t whole;
    bool yes;
};

static int read_body(struct ax_request *q, const char *body, unsigned needed, struct fields *f,
                     unsigned *given, struct ax_err *err)
{
    const struct ax_monasca_field fields[] = {
        {"text", AX_FIELD_STRING, 1, &f->text},  {"maybe", AX_FIELD_MAYBE_STRING, 2, &f->maybe},
        {"list", AX_FIELD_STRINGS, 4, &f->list}, {"whole", AX_FIELD_WHOLE, 8, &f->whole},
        {"yes", AX_FIELD_BOOL, 16, &f->yes},     {.name = "links"}};
    *f = (struct fields){0};
    ax_buf_clear(&q->body);
    ax_buf_cstr(&q->body, body);
    return ax_monasca_body(q, fields, AX_ARRAY_LEN(fields), needed, given, err);
}

static void bodies_are_read_field_by_field(void **state)
{
    struct ax_request q = {0};
    struct fields f;
    struct ax_err err;
    unsigned given;
    assert_int_equal(read_body(&q,
                               "{\"text\":\"p\\u00e4iv\\u00e4\\\"\",\"maybe\":null,\"list\":[\"a\","
                               "\"\"],\"whole\":-7,\"yes\":true,\"links\":{\"any\":[1]}}",
                               1, &f, &given, &err),
                     0);
    assert_int_equal(given, 1 | 4 | 8 | 16);
    assert_true(ax_str_eq(f.text, AX_STR("p\xc3\xa4iv\xc3\xa4\"")));
    assert_int_equal(f.list.n, 2);
    assert_true(ax_str_eq(f.list.v[0], AX_STR("a")) && f.list.v[1].n == 0);
    assert_true(f.whole == -7 && f.yes);
    assert_int_equal(read_body(&q, "{}", 0, &f, &given, &err), 0);
    assert_int_equal(given, 0);
    ax_buf_free(&q.body);
    ax_arena_free(&q.arena);
}

static void bodies_are_refused_with_the_field(void **state)
{
    static const struct {
        const char *body;
        int rc;
        const char *why;
    } table[] = {{"", -EBADMSG, "no JSON"},
                 {"{", -EBADMSG, "line 1"},
                 {"{}x", -EBADMSG, "no JSON"},
                 {"{\"text\":\"\\u0000\"}", -EBADMSG, "no JSON"},
                 {"{\"text\":\"a\",\"text\":\"b\"}", -EBADMSG, "duplicate"},
                 {"{\"whole\":99999999999999999999}", -EBADMSG, "no JSON"},
                 {"[]", -EINVAL, "no JSON object"},
                 {"{\"other\":1}", -EINVAL, "\"other\""},
                 {"{\"text\":1}", -EINVAL, "text is not a string"},
                 {"{\"text\":null}", -EINVAL, "text is not a string"},
                 {"{\"maybe\":1}", -EINVAL, "maybe is not a string"},
                 {"{\"list\":\"a\"}", -EINVAL, "list is not a list of strings"},
                 {"{\"list\":[\"a\",1]}", -EINVAL, "list is not a list of strings"},
                 {"{\"whole\":1.0}", -EINVAL, "whole is not a whole number"},
                 {"{\"whole\":true}", -EINVAL, "whole is not a whole number"},
                 {"{\"yes\":1}", -EINVAL, "yes is not true or false"},
                 {"{\"maybe\":null}", -EINVAL, "maybe is missing"}};
    struct ax_request q = {0};
    struct fields f;
    for (size_t i = 0; i < AX_ARRAY_LEN(table); i++) {
        struct ax_err err = {0};
        unsigned given = 77;
        int rc = read_body(&q, table[i].body, 2, &f, &given, &err);
        if (rc != table[i].rc || !strstr(err.text, table[i].why) || given != 77)
            fail_msg("%s: %d, %s", table[i].body, rc, err.text);
    }
    ax_buf_free(&q.body);
    ax_arena_free(&q.arena);
}

/* ---- paths ---- */

static void ids_in_paths_are_one_part_of_them(void **state)
{
    static const struct {
        enum ax_method method;
        const char *path, *rest;
        ax_handler *handler;
        int status;
    } table[] = {
        {AX_GET, "/v2.0/alarms/x", "x", ax_monasca_alarm, 200},
        {AX_GET, "/v2.0/alarms/x/", "x", ax_monasca_alarm, 200},
        {AX_PATCH, "/v2.0/alarms/x", "x", ax_monasca_alarm_edit, 200},
        {AX_GET, "/v2.0/alarms/x/state-history", "x", ax_monasca_alarm_history, 200},
        {AX_GET, "/v2.0/alarms/state-history", NULL, ax_monasca_history, 200},
        {AX_GET, "/v2.0/alarms/count", NULL, ax_monasca_alarm_count, 200},
        {AX_DELETE, "/v2.0/alarms/count", NULL, NULL, 405},
        {AX_POST, "/v2.0/alarms/x", NULL, NULL, 405},
        {AX_GET, "/v2.0/alarms//state-history", NULL, NULL, 404},
        {AX_GET, "/v2.0/alarms/x/y/state-history", NULL, NULL, 404},
        {AX_GET, "/v2.0/alarms/x/y", NULL, NULL, 404},
        {AX_POST, "/v2.0/notification-methods/x/test", "x", ax_monasca_method_test, 200},
        {AX_PUT, "/v2.0/notification-methods/types", NULL, NULL, 405},
    };
    for (size_t i = 0; i < AX_ARRAY_LEN(table); i++) {
        struct ax_request q = {.method = table[i].method, .path = ax_str(table[i].path)};
        struct ax_reply r = {.status = 200};
        const struct ax_route *route = ax_route(&q, &r);
        if ((route ? route->handler : NULL) != table[i].handler || r.status != table[i].status ||
            (table[i].rest && !ax_str_eq(q.rest, ax_str(table[i].rest))))
            fail_msg("%s: status %d, rest %.*s", table[i].path, r.status, AX_STR_ARG(q.rest));
        ax_buf_free(&r.body);
        ax_arena_free(&q.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_tenants_limits_are_named, open_rooms, close_rooms),
        cmocka_unit_test_setup_teardown(no_definition_names_a_method_whose_deletion_was_killed,
                                        open_rooms, close_rooms),
        cmocka_unit_test_setup_teardown(a_database_that_takes_nothing_is_no_fault_of_the_client,
                                        open_rooms, close_rooms),
        cmocka_unit_test(errors_have_their_status),
        cmocka_unit_test(bodies_are_read_field_by_field),
        cmocka_unit_test(bodies_are_refused_with_the_field),
        cmocka_unit_test(ids_in_paths_are_one_part_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
