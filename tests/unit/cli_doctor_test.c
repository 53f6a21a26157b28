// SPDX-License-Identifier: Apache-2.0
/* The doctor's judgement of what a server tells, and of a data directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/num.h"
#include "cli/doctor.h"

static int64_t now;

/* The finding with this code; NULL when there is none. */
static const struct ax_finding *found(const struct ax_findings *f, const char *code)
{
    for (size_t i = 0; i < f->n; i++)
        if (ax_str_eq(f->v[i].code, ax_str(code)))
            return &f->v[i];
    return NULL;
}

static void has(const struct ax_findings *f, const char *code, enum ax_finding_level level)
{
    const struct ax_finding *x = found(f, code);
    assert_non_null(x);
    assert_int_equal(x->level, level);
    if (level != AX_FINDING_OK)
        assert_true(x->remedy.n > 0);
}

static struct ax_findings of_server(const char *version, int damaged, int rejected, int64_t date)
{
    struct ax_findings f = {0};
    struct ax_answer status = {.date = date};
    status.json = json_pack("{s:s,s:f,s:i,s:i,s:{s:i}}", "version", version, "uptime_seconds", 60.0,
                            "series", 10, "rejected_total", rejected, "store", "damaged", damaged);
    ax_check_server(&f, &status, "http://x", now);
    ax_answer_free(&status);
    return f;
}

static void a_sound_server_is_all_well(void **state)
{
    struct ax_findings f = of_server(AX_VERSION, 0, 0, now);
    assert_int_equal(ax_findings_worst(&f), AX_FINDING_OK);
    ax_findings_free(&f);
}

static void damage_refusals_clocks_and_versions_are_told(void **state)
{
    struct ax_findings f = of_server("9.9", 2, 7, now - 60000);
    has(&f, "store-damaged", AX_FINDING_FAIL);
    has(&f, "samples-rejected", AX_FINDING_INFO);
    has(&f, "clock", AX_FINDING_WARN);
    has(&f, "version", AX_FINDING_INFO);
    ax_findings_free(&f);
}

static void a_silent_host_and_a_failing_collector_are_warnings(void **state)
{
    struct ax_findings f = {0};
    json_t *hosts =
        json_pack("[{s:s,s:s,s:{s:i,s:[{s:s,s:b,s:s}]}}]", "name", "node1", "last_seen",
                  "2026-11-22T02:58:00.000Z", "attributes", "interval_seconds", 5, "collectors",
                  "name", "libvirt", "up", 0, "error", "connection refused");
    ax_check_hosts(&f, hosts, now);
    has(&f, "host-silent", AX_FINDING_WARN);
    has(&f, "collector", AX_FINDING_WARN);
    assert_non_null(strstr(found(&f, "collector")->text.p, "connection refused"));
    json_decref(hosts);
    ax_findings_free(&f);
}

static void findings_of_machines_are_taken_over_once(void **state)
{
    struct ax_findings f = {0};
    json_t *vms = json_pack(
        "[{s:s,s:s,s:{s:[{s:s,s:s,s:s,s:s},{s:s,s:s,s:s,s:s},{s:s,s:s,s:s,s:s}]}}]", "handle",
        "vm:1", "name", "web1", "attributes", "findings", "level", "warn", "code", "balloon-period",
        "text", "none", "remedy", "virsh", "level", "warn", "code", "balloon-period", "text",
        "none", "remedy", "virsh", "level", "ok", "code", "agent", "text", "there", "remedy", "");
    ax_check_attributes(&f, vms);
    assert_int_equal(f.n, 1);
    has(&f, "balloon-period", AX_FINDING_WARN);
    assert_true(ax_str_eq(f.v[0].handle, AX_STR("vm:1")));
    assert_true(ax_str_eq(f.v[0].text, AX_STR("web1: none")));
    json_decref(vms);
    ax_findings_free(&f);
}

static void a_data_directory_is_tried_and_left_as_it_was(void **state)
{
    char dir[] = "/tmp/cli-doctor-XXXXXX";
    struct ax_findings f = {0};
    assert_non_null(mkdtemp(dir));
    ax_check_data(&f, dir);
    assert_non_null(found(&f, "data-space"));
    assert_true(found(&f, "data-write") || found(&f, "data-slow"));
    assert_int_equal(rmdir(dir), 0); /* nothing was left behind */
    ax_check_data(&f, dir);
    has(&f, "data-open", AX_FINDING_FAIL);
    ax_findings_free(&f);
}

int main(void)
{
    ax_time_parse(AX_STR("2026-11-22T03:00:00Z"), &now, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_server_is_all_well),
        cmocka_unit_test(damage_refusals_clocks_and_versions_are_told),
        cmocka_unit_test(a_silent_host_and_a_failing_collector_are_warnings),
        cmocka_unit_test(findings_of_machines_are_taken_over_once),
        cmocka_unit_test(a_data_directory_is_tried_and_left_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
