// SPDX-License-Identifier: Apache-2.0
/* Requests are read as they were meant, and refused where they are not ours to answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/inner.h"
#include "api/listen.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static void parameters_are_decoded(void **state)
{
    struct ax_request q = {0};
    ax_params_parse(&q,
                    AX_STR("query=up%7Ba%3D%22b+c%22%7D&match[]=x&match%5B%5D=y&flag&e=&bad=%zz"));
    assert_true(ax_str_eq(ax_param(&q, "query"), AX_STR("up{a=\"b c\"}")));
    assert_true(ax_str_eq(ax_param(&q, "bad"), AX_STR("%zz")));
    assert_non_null(ax_param(&q, "e").p);
    assert_int_equal(ax_param(&q, "e").n, 0);
    assert_null(ax_param(&q, "missing").p);
    size_t pos = 0, n = 0;
    struct ax_str v;
    while (ax_param_next(&q, "match[]", &pos, &v))
        n++;
    assert_int_equal(n, 2);
    ax_arena_free(&q.arena);
}

static void bad_parameters_are_named(void **state)
{
    struct ax_request q = {0};
    struct ax_err err;
    int64_t t = 7;
    uint32_t n;
    ax_params_parse(&q, AX_STR("time=yesterday&limit=-1&start=1.5"));
    assert_int_equal(ax_param_time(&q, "time", 0, &t, &err), -EINVAL);
    assert_non_null(strstr(err.text, "invalid parameter \"time\""));
    assert_int_equal(t, 7);
    assert_int_equal(ax_param_count(&q, "limit", 5, 10, &n, &err), -EINVAL);
    assert_int_equal(ax_param_time(&q, "start", 0, &t, &err), 0);
    assert_int_equal(t, 1500);
    assert_int_equal(ax_param_count(&q, "offset", 5, 10, &n, &err), 0);
    assert_int_equal(n, 5);
    ax_arena_free(&q.arena);
}

static void only_names_of_this_machine_count_as_loopback(void **state)
{
    const char *ours[] = {"localhost", "localhost:8070", "127.0.0.1:8070",
                          "127.1.2.3", "[::1]:8070",     "hv1.localhost:80"};
    const char *theirs[] = {
        "example.com", "127.0.0.1.example.com", "10.0.0.1:8070",        "0.0.0.0:8070",
        "[::]:8070",   "notlocalhost",          "localhost.example.com"};
    for (size_t i = 0; i < AX_ARRAY_LEN(ours); i++)
        assert_true(ax_host_is_loopback(ax_str(ours[i])));
    for (size_t i = 0; i < AX_ARRAY_LEN(theirs); i++)
        assert_false(ax_host_is_loopback(ax_str(theirs[i])));
}

static void listening_is_refused_with_a_remedy(void **state)
{
    static const struct {
        const char *where, *why;
    } cases[] = {{"8070", "is not HOST:PORT"},
                 {"127.0.0.1:99999", "is not HOST:PORT"},
                 {"0.0.0.0:8070", "--auth token"},
                 {"192.0.2.1:8070", "--auth token"}};
    for (size_t i = 0; i < AX_ARRAY_LEN(cases); i++) {
        struct ax_err err = {0};
        assert_int_equal(ax_listen_tcp(cases[i].where, false, &err), -EINVAL);
        assert_non_null(strstr(err.text, cases[i].why));
    }
    struct ax_err err = {0};
    int fd = ax_listen_tcp("127.0.0.1:0", false, &err);
    assert_true(fd >= 0);
    struct ax_arena a = AX_ARENA_INIT;
    const char *same = ax_arena_printf(&a, "127.0.0.1:%d", ax_listen_port(fd)).p;
    assert_int_equal(ax_listen_tcp(same, false, &err), -EADDRINUSE);
    assert_non_null(strstr(err.text, "in use by another program"));
    ax_arena_free(&a);
    close(fd);
    fd = ax_listen_tcp("0.0.0.0:0", true, &err); /* where whoever comes is asked who they are */
    assert_true(fd >= 0);
    close(fd);
}

static struct ax_arena arena; /* of the requests that were routed */

static int route(enum ax_method method, const char *path, struct ax_reply *r)
{
    struct ax_request q = {
        .arena = arena, .method = method, .path = ax_str(path), .tenant = AX_STR("default")};
    *r = (struct ax_reply){.status = 200};
    ax_route(&q, r);
    arena = q.arena;
    return r->status;
}

static void unknown_paths_and_methods_are_told_in_the_form_of_their_face(void **state)
{
    struct ax_reply r;
    assert_int_equal(route(AX_GET, "/api/v1/nothing", &r), 404);
    assert_non_null(memmem(r.body.p, r.body.n, "\"status\":\"error\"", 16));
    ax_buf_free(&r.body);
    assert_int_equal(route(AX_GET, "/auspex/v1/nothing", &r), 404);
    assert_non_null(memmem(r.body.p, r.body.n, "\"code\":\"not_found\"", 18));
    ax_buf_free(&r.body);
    assert_int_equal(route(AX_GET, "/api/v1/write", &r), 405);
    assert_string_equal(r.allow, "POST");
    ax_buf_free(&r.body);
    assert_int_equal(route(AX_POST, "/auspex/v1/resources", &r), 405);
    ax_buf_free(&r.body);
    assert_int_equal(route(AX_GET, "/-/healthy", &r), 200);
    ax_buf_free(&r.body);
    ax_arena_free(&arena);
}

static void told(enum ax_method method, const char *path, int status, const char *title)
{
    struct ax_reply r;
    char wanted[80];
    snprintf(wanted, sizeof wanted, "{\"title\":\"%s\",\"description\":\"", title);
    assert_int_equal(route(method, path, &r), status);
    assert_non_null(memmem(r.body.p, r.body.n, wanted, strlen(wanted)));
    ax_buf_free(&r.body);
}

static void monasca_has_a_form_of_its_own(void **state)
{
    struct ax_reply r;
    told(AX_GET, "/v2.0/nothing", 404, "Not Found");
    told(AX_DELETE, "/v2.0/nothing", 404, "Not Found");
    told(AX_GET, "/v3", 422, "Unprocessable Entity");
    told(AX_GET, "/v1.0", 422, "Unprocessable Entity");
    told(AX_POST, "/v2.0/metrics/names", 405, "Method Not Allowed");
    assert_int_equal(route(AX_PATCH, "/v2.0/metrics/", &r), 405); /* one slash is ignored */
    assert_string_equal(r.allow, "GET, HEAD, POST");
    ax_buf_free(&r.body);
    assert_int_equal(route(AX_GET, "/v2.0/metrics/names/", &r), 200);
    assert_int_equal(route(AX_POST, "/v2.0/metrics", &r), 200);
    assert_int_equal(route(AX_GET, "/v2.0/metrics//", &r), 404);
    ax_buf_free(&r.body);
    ax_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_decoded),
        cmocka_unit_test(bad_parameters_are_named),
        cmocka_unit_test(only_names_of_this_machine_count_as_loopback),
        cmocka_unit_test(listening_is_refused_with_a_remedy),
        cmocka_unit_test(unknown_paths_and_methods_are_told_in_the_form_of_their_face),
        cmocka_unit_test(monasca_has_a_form_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
