// SPDX-License-Identifier: Apache-2.0
/* The collector on this machine's own /proc and a real libvirt, in its test driver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "collect/collect.h"

static struct ax_collector *start(const char *uri)
{
    struct ax_collector *c = NULL;
    struct ax_collect_options o = {.host_id = AX_STR("h1"),
                                   .host_name = AX_STR("node1"),
                                   .libvirt_uri = uri,
                                   .interval_ms = 10000};
    assert_int_equal(ax_collector_new(&c, &o, NULL), 0);
    return c;
}

static const struct ax_resource *seen(const struct ax_round *r, enum ax_kind kind)
{
    for (size_t i = 0; i < r->seen.nresources; i++)
        if (r->seen.resources[i].kind == kind)
            return &r->seen.resources[i];
    return NULL;
}

static double value(const struct ax_round *r, const char *name)
{
    for (size_t i = 0; i < r->batch.n; i++)
        if (ax_str_eq(ax_labels_get(r->batch.v[i].labels, AX_STR("__name__")), ax_str(name)))
            return r->batch.v[i].samples[0].v;
    return -1;
}

static void the_test_driver_s_domain_is_seen(void **state)
{
    struct ax_collector *c = start("test:///default");
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_round r;
    assert_int_equal(ax_collector_round(c, ax_now_ms(), &a, &r), 0);
    const struct ax_resource *vm = seen(&r, AX_KIND_VM);
    assert_non_null(vm);
    assert_true(ax_str_eq(vm->name, AX_STR("test")));
    assert_true(ax_str_eq(vm->state, AX_STR("running")));
    assert_true(r.seen.complete[AX_KIND_VM]);
    assert_non_null(seen(&r, AX_KIND_NETWORK));
    assert_true(value(&r, "vm_up") == 1);
    assert_true(value(&r, "libvirt_up") == 1);
    assert_true(value(&r, "node_memory_MemTotal_bytes") > 0);
    for (size_t i = 0; i < r.batch.n; i++)
        assert_true(ax_labels_valid(r.batch.v[i].labels.bytes));
    ax_collector_free(c);
    ax_arena_free(&a);
}

static void without_libvirtd_the_host_is_still_seen(void **state)
{
    struct ax_collector *c = start("qemu+unix:///system?socket=/nonexistent/libvirt-sock");
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_round r;
    assert_int_equal(ax_collector_round(c, ax_now_ms(), &a, &r), 1);
    assert_true(value(&r, "libvirt_up") == 0);
    assert_true(value(&r, "node_memory_MemTotal_bytes") > 0);
    assert_false(r.seen.complete[AX_KIND_VM]); /* nothing is said to be gone */
    const struct ax_resource *host = seen(&r, AX_KIND_HOST);
    assert_non_null(host);
    assert_non_null(strstr(host->attributes.p, "libvirt-connect"));
    ax_collector_free(c);
    ax_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_test_driver_s_domain_is_seen),
        cmocka_unit_test(without_libvirtd_the_host_is_still_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
