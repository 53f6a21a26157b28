// SPDX-License-Identifier: Apache-2.0
/* A request reaches the collector of its host and nobody else, and its answer the one who asked. */
#include "relay/relay.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND 1000000000ll

static struct ax_relay *r;
static struct ax_arena a;
static struct ax_err err;
static const struct ax_relay_at here = {{"acme", 4}, {"host:h1", 7}, {"agent-1", 7}};

static void count(void *ctx)
{
    ++*(int *)ctx;
}

static int setup(void **state)
{
    r = ax_relay_new(&(struct ax_relay_options){.tenant_requests = 2});
    return 0;
}

static int teardown(void **state)
{
    ax_relay_end(r);
    ax_relay_free(r);
    ax_arena_free(&a);
    return 0;
}

static struct ax_relay_wait waiter(int *woken, int64_t until_ns)
{
    return (struct ax_relay_wait){.wake = count, .ctx = woken, .until_ns = until_ns};
}

static struct ax_relay_request request(void)
{
    return (struct ax_relay_request){
        .handle = AX_STR("vm:1"), .scope = AX_SCOPE_PROCESSES, .parts = 5};
}

static size_t take(struct ax_relay_at at, struct ax_relay_request **v)
{
    struct ax_relay_work work;
    ax_relay_take(r, &at, SECOND, &a, &work);
    *v = work.v;
    return work.n;
}

static int answer(struct ax_relay_at at, const char *id, const char *text)
{
    struct ax_buf b = AX_BUF_INIT;
    ax_buf_cstr(&b, text);
    int rc = ax_relay_answer(r, &at, ax_str(id), 0, &b, &err);
    ax_buf_free(&b);
    return rc;
}

static void test_there_and_back(void **state)
{
    int collector = 0, asker = 0;
    bool taken;
    struct ax_buf text = AX_BUF_INIT;
    struct ax_relay_request *v, q = request();
    struct ax_relay_wait c = waiter(&collector, 25 * SECOND), w = waiter(&asker, 20 * SECOND);
    assert_int_equal(ax_relay_listen(r, &here, &c, 0, &err), 0);
    assert_int_equal(collector, 0);
    assert_int_equal(ax_relay_ask(r, here.tenant, here.host, &q, &w, &err), 0);
    assert_int_equal(collector, 1);
    assert_int_equal(take(here, &v), 1);
    assert_string_equal(v[0].id, q.id);
    assert_true(ax_str_eq(v[0].handle, AX_STR("vm:1")));
    assert_int_equal(v[0].parts, 5);
    assert_int_equal(take(here, &v), 0); /* once */
    assert_int_equal(asker, 0);
    assert_int_equal(answer(here, q.id, "{}"), 0);
    assert_int_equal(asker, 1);
    assert_int_equal(ax_relay_collect(r, ax_str(q.id), &text, &taken), 0);
    assert_true(taken);
    assert_true(ax_str_eq(ax_buf_view(&text), AX_STR("{}")));
    ax_buf_free(&text);
}

static void test_others_get_nothing_and_answer_nothing(void **state)
{
    int asker = 0;
    bool taken;
    struct ax_buf text = AX_BUF_INIT;
    struct ax_relay_request *v, q = request();
    struct ax_relay_wait w = waiter(&asker, 20 * SECOND);
    struct ax_relay_at other_host = here, other_tenant = here, other_token = here;
    other_host.host = AX_STR("host:h2");
    other_tenant.tenant = AX_STR("evil");
    other_token.who = AX_STR("agent-2");
    assert_int_equal(ax_relay_ask(r, here.tenant, here.host, &q, &w, &err), 0);
    assert_int_equal(take(other_host, &v), 0);
    assert_int_equal(take(other_tenant, &v), 0);
    assert_int_equal(answer(here, q.id, "early"), -ENOENT); /* it has not taken it */
    assert_int_equal(take(here, &v), 1);
    assert_int_equal(answer(other_host, q.id, "lie"), -ENOENT);
    assert_int_equal(answer(other_tenant, q.id, "lie"), -ENOENT);
    assert_int_equal(answer(other_token, q.id, "lie"), -ENOENT);
    assert_int_equal(answer(here, "00000000-0000-4000-8000-000000000000", "lie"), -ENOENT);
    assert_int_equal(asker, 0);
    ax_relay_tick(r, 20 * SECOND);
    assert_int_equal(asker, 1);
    assert_int_equal(ax_relay_collect(r, ax_str(q.id), &text, &taken), -ETIMEDOUT);
    assert_true(taken);
    assert_int_equal(answer(here, q.id, "late"), -ENOENT);
}

static void test_a_silent_host_is_known_as_one(void **state)
{
    int collector = 0;
    struct ax_relay_wait c = waiter(&collector, 25 * SECOND);
    assert_false(ax_relay_heard(r, here.tenant, here.host, SECOND, 60 * SECOND));
    assert_int_equal(ax_relay_listen(r, &here, &c, SECOND, &err), 0);
    assert_true(ax_relay_heard(r, here.tenant, here.host, 500 * SECOND, 60 * SECOND));
    ax_relay_tick(r, 25 * SECOND);
    assert_int_equal(collector, 1);
    assert_true(ax_relay_heard(r, here.tenant, here.host, 61 * SECOND, 60 * SECOND));
    assert_false(ax_relay_heard(r, here.tenant, here.host, 62 * SECOND, 60 * SECOND));
    assert_false(ax_relay_heard(r, AX_STR("evil"), here.host, SECOND, 60 * SECOND));
}

static void test_a_new_collector_takes_the_place_of_a_dead_connection(void **state)
{
    int old = 0, new = 0, asker = 0;
    struct ax_relay_request *v, q = request();
    struct ax_relay_wait c1 = waiter(&old, 25 * SECOND), c2 = waiter(&new, 25 * SECOND),
                         w = waiter(&asker, 20 * SECOND);
    assert_int_equal(ax_relay_listen(r, &here, &c1, 0, &err), 0);
    assert_int_equal(ax_relay_listen(r, &here, &c2, 0, &err), 0);
    assert_int_equal(old, 1);
    assert_true(c1.replaced);
    assert_int_equal(ax_relay_ask(r, here.tenant, here.host, &q, &w, &err), 0);
    assert_int_equal(old, 1);
    assert_int_equal(new, 1);
    assert_false(c2.replaced);
    assert_int_equal(take(here, &v), 1);
    ax_relay_end(r); /* who waits is on this stack */
}

static void test_it_is_taken_even_when_there_is_work_at_once(void **state)
{
    int old = 0;
    struct ax_relay_wait c = waiter(&old, 25 * SECOND);
    assert_int_equal(ax_relay_listen(r, &here, &c, 0, &err), 0);
    ax_relay_come(r, &here, AX_STR_NULL, SECOND);
    assert_int_equal(old, 1);
    assert_true(c.replaced);
}

/* What `at` is given when it comes and says what it has got. */
static struct ax_relay_work come(struct ax_relay_at at, const char *got)
{
    struct ax_relay_work work;
    ax_relay_come(r, &at, got ? ax_str(got) : AX_STR_NULL, SECOND);
    ax_relay_take(r, &at, SECOND, &a, &work);
    return work;
}

static void test_what_was_given_to_a_dead_connection_is_given_again(void **state)
{
    int asker = 0;
    bool taken;
    struct ax_buf text = AX_BUF_INIT;
    struct ax_relay_request q = request();
    struct ax_relay_wait w = waiter(&asker, 20 * SECOND);
    struct ax_relay_work first = come(here, "");
    assert_int_equal(first.n, 0);
    assert_int_equal(ax_relay_ask(r, here.tenant, here.host, &q, &w, &err), 0);
    struct ax_relay_work lost = come(here, first.id);
    assert_int_equal(lost.n, 1);
    struct ax_relay_work again = come(here, first.id);
    assert_int_equal(again.n, 1);
    assert_string_equal(again.v[0].id, q.id);
    assert_int_equal(come(here, again.id).n, 0); /* it is being answered */
    assert_int_equal(come(here, "").n, 1);       /* by one that has died */
    assert_int_equal(answer(here, q.id, "{}"), 0);
    assert_int_equal(answer(here, q.id, "{}"), -ENOENT);
    assert_int_equal(come(here, "").n, 0);
    assert_int_equal(asker, 1);
    assert_int_equal(ax_relay_collect(r, ax_str(q.id), &text, &taken), 0);
    ax_buf_free(&text);
}

static void test_what_is_being_answered_is_not_given_again(void **state)
{
    int asker = 0;
    struct ax_relay_request q1 = request(), q2 = request();
    struct ax_relay_wait w1 = waiter(&asker, 20 * SECOND), w2 = waiter(&asker, 20 * SECOND);
    struct ax_relay_at other = here, silent = here;
    other.host = AX_STR("host:h2");
    silent.who = AX_STR("agent-2");
    assert_int_equal(ax_relay_ask(r, here.tenant, here.host, &q1, &w1, &err), 0);
    struct ax_relay_work one = come(here, "");
    assert_int_equal(ax_relay_ask(r, here.tenant, here.host, &q2, &w2, &err), 0);
    struct ax_relay_work two = come(here, one.id);
    assert_int_equal(two.n, 1);
    assert_string_equal(two.v[0].id, q2.id);
    struct ax_relay_work none = come(here, two.id);
    assert_int_equal(none.n, 0);
    assert_int_equal(come(here, none.id).n, 0);
    assert_int_equal(come(silent, NULL).n, 0); /* which does not say */
    assert_int_equal(come(other, "").n, 0);
    assert_int_equal(answer(here, q1.id, "{}"), 0);
    assert_int_equal(answer(here, q2.id, "{}"), 0);
    ax_relay_end(r); /* who waits is on this stack */
}

/* Its time is the asker's: nobody does what nobody waits for. */
static void test_what_came_back_is_over_in_its_time(void **state)
{
    int asker = 0;
    bool taken;
    struct ax_buf text = AX_BUF_INIT;
    struct ax_relay_request q = request();
    struct ax_relay_wait w = waiter(&asker, 20 * SECOND);
    assert_int_equal(ax_relay_ask(r, here.tenant, here.host, &q, &w, &err), 0);
    assert_int_equal(come(here, "").n, 1);
    ax_relay_come(r, &here, AX_STR(""), SECOND);
    ax_relay_tick(r, 20 * SECOND);
    assert_int_equal(asker, 1);
    assert_int_equal(come(here, "").n, 0);
    assert_int_equal(ax_relay_collect(r, ax_str(q.id), &text, &taken), -ETIMEDOUT);
    assert_false(taken);
}

static void test_a_request_that_waits_is_there_at_once_and_a_stir_wakes(void **state)
{
    int collector = 0, asker = 0;
    struct ax_relay_request *v, q = request();
    struct ax_relay_wait c = waiter(&collector, 25 * SECOND), w = waiter(&asker, 20 * SECOND);
    assert_int_equal(ax_relay_ask(r, here.tenant, here.host, &q, &w, &err), 0);
    assert_int_equal(ax_relay_listen(r, &here, &c, 0, &err), 0);
    assert_int_equal(collector, 1);
    assert_int_equal(take(here, &v), 1);
    assert_int_equal(ax_relay_listen(r, &here, &c, 0, &err), 0);
    assert_int_equal(collector, 1);
    ax_relay_stir(r);
    assert_int_equal(collector, 2);
    assert_int_equal(asker, 0);
    ax_relay_end(r); /* who waits is on this stack */
}

static void test_a_tenant_has_a_limit(void **state)
{
    int asker = 0;
    struct ax_relay_request q1 = request(), q2 = request(), q3 = request(), q4 = request();
    struct ax_relay_wait w1 = waiter(&asker, SECOND), w2 = waiter(&asker, SECOND),
                         w3 = waiter(&asker, SECOND), w4 = waiter(&asker, SECOND);
    assert_int_equal(ax_relay_ask(r, here.tenant, here.host, &q1, &w1, &err), 0);
    assert_int_equal(ax_relay_ask(r, here.tenant, here.host, &q2, &w2, &err), 0);
    assert_int_equal(ax_relay_ask(r, here.tenant, here.host, &q3, &w3, &err), -EAGAIN);
    assert_int_equal(ax_relay_ask(r, AX_STR("other"), here.host, &q4, &w4, &err), 0);
    ax_relay_end(r); /* who waits is on this stack */
}

/* What comes after the end does not wait. */
static void test_the_end_wakes_all(void **state)
{
    int collector = 0, asker = 0, late = 0;
    bool taken;
    struct ax_buf text = AX_BUF_INIT;
    struct ax_relay_request q = request(), q2 = request();
    struct ax_relay_at other = here;
    other.host = AX_STR("host:h2");
    struct ax_relay_wait c = waiter(&collector, 25 * SECOND), w = waiter(&asker, 20 * SECOND),
                         c2 = waiter(&late, 25 * SECOND), w2 = waiter(&late, 25 * SECOND);
    assert_int_equal(ax_relay_listen(r, &other, &c, 0, &err), 0);
    assert_int_equal(ax_relay_ask(r, here.tenant, here.host, &q, &w, &err), 0);
    ax_relay_end(r);
    assert_int_equal(collector, 1);
    assert_int_equal(asker, 1);
    assert_int_equal(ax_relay_listen(r, &other, &c2, 0, &err), 0);
    assert_int_equal(ax_relay_ask(r, here.tenant, here.host, &q2, &w2, &err), 0);
    assert_int_equal(late, 2);
    assert_int_equal(ax_relay_collect(r, ax_str(q.id), &text, &taken), -ETIMEDOUT);
    assert_false(taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_there_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_others_get_nothing_and_answer_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_silent_host_is_known_as_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_new_collector_takes_the_place_of_a_dead_connection,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_it_is_taken_even_when_there_is_work_at_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_what_was_given_to_a_dead_connection_is_given_again,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_being_answered_is_not_given_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_what_came_back_is_over_in_its_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_request_that_waits_is_there_at_once_and_a_stir_wakes,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_tenant_has_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_end_wakes_all, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
