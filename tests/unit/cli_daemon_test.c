// SPDX-License-Identifier: Apache-2.0
/* The daemons' flags: what tenants may keep, and that `run` hands on what it was given. */
#include "cli/daemon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define DAY (24 * 3600000ll)

static int parse(struct ax_daemon_options *o, char **flags)
{
    int argc = 0;
    while (flags[argc])
        argc++;
    return ax_daemon_parse(AX_DAEMON_RUN, argc, flags, o);
}
#define PARSE(o, ...) parse(o, (char *[]){(char[]){"run"}, __VA_ARGS__, NULL})
#define FLAG(text)    ((char[]){text})
#define REFUSED(...)  assert_int_equal(PARSE(&o, __VA_ARGS__), AX_EXIT_USAGE)

static void tenants_have_limits(void **state)
{
    struct ax_daemon_options o;
    assert_int_equal(PARSE(&o, FLAG("--tenant-retention"), FLAG("a=7d"),
                           FLAG("--max-tenant-size=2GB"), FLAG("--tenant-size=b=0"),
                           FLAG("--tenant-retention=b=30d"), FLAG("--tenant-size=c=10KB")),
                     AX_DAEMON_GO);
    assert_int_equal(o.tenant_bytes, 2ull << 30);
    assert_int_equal(o.nlimits, 3);
    assert_true(ax_str_eq(o.limits[0].tenant, AX_STR("a")));
    assert_true(o.limits[0].retention_ms == 7 * DAY && o.limits[0].bytes == 0);
    assert_true(ax_str_eq(o.limits[1].tenant, AX_STR("b")));
    assert_true(o.limits[1].retention_ms == 30 * DAY && o.limits[1].bytes == UINT64_MAX);
    assert_true(o.limits[2].retention_ms == 0 && o.limits[2].bytes == 10240);
}

static void what_makes_no_sense_is_refused(void **state)
{
    struct ax_daemon_options o;
    REFUSED(FLAG("--tenant-retention=a"));
    REFUSED(FLAG("--tenant-retention==7d"));
    REFUSED(FLAG("--tenant-retention=a b=7d"));
    REFUSED(FLAG("--tenant-retention=a=soon"));
    REFUSED(FLAG("--tenant-retention=a=10m"));
    REFUSED(FLAG("--tenant-retention=a=31d"));
    REFUSED(FLAG("--tenant-size=a=much"));
    REFUSED(FLAG("--max-tenant-size=-1"));
    REFUSED(FLAG("--commit-interval=11s"));
    REFUSED(FLAG("--commit-interval=-1ms"));
    REFUSED(FLAG("--statsd-interval=999ms"));
    REFUSED(FLAG("--statsd-tenant="));
    REFUSED(FLAG("--logs-keep=127MB"));
    REFUSED(FLAG("--logs-keep=much"));
    REFUSED(FLAG("--tls-cert=a.pem"));
    REFUSED(FLAG("--tls-cert=a.pem"), FLAG("--tls-key=a.key"), FLAG("--tls-client-ca=ca.pem"));
    assert_int_equal(PARSE(&o, FLAG("--tenant-retention=a=31d"), FLAG("--retention=31d")),
                     AX_DAEMON_GO);
}

static void no_flag_is_given_too_often(void **state)
{
    static char text[] = "--tenant-size=a=1MB";
    char *flags[AX_FLAG_TIMES + 3] = {text};
    struct ax_daemon_options o;
    for (int i = 0; i < AX_FLAG_TIMES; i++)
        flags[i + 1] = text;
    assert_int_equal(parse(&o, flags), AX_DAEMON_GO);
    flags[AX_FLAG_TIMES + 1] = text;
    assert_int_equal(parse(&o, flags), AX_EXIT_USAGE);
}

static void run_hands_on_what_it_was_given(void **state)
{
    struct ax_daemon_options o, again;
    struct ax_arena a = AX_ARENA_INIT;
    assert_int_equal(PARSE(&o, FLAG("--tenant-retention=a=7d"), FLAG("--tenant-retention=b=8d"),
                           FLAG("--tenant-size=b=1MB"), FLAG("--commit-interval=0"),
                           FLAG("--set-balloon-period")),
                     AX_DAEMON_GO);
    assert_int_equal(o.commit_ms, 0);
    char *const *v = ax_daemon_command_line(AX_DAEMON_SERVE, "auspex", &o, &a);
    int argc = 0;
    char *flags[64];
    for (; v[argc + 1]; argc++)
        flags[argc] = v[argc + 1];
    assert_int_equal(ax_daemon_parse(AX_DAEMON_SERVE, argc, flags, &again), AX_DAEMON_GO);
    assert_int_equal(again.nlimits, 2);
    assert_int_equal(again.limits[1].retention_ms, 8 * DAY);
    assert_int_equal(again.limits[1].bytes, 1 << 20);
    assert_int_equal(again.commit_ms, 0);
    assert_false(again.set_balloon_period);
    ax_arena_free(&a);
}

static void the_usual_commit_takes_five_milliseconds(void **state)
{
    struct ax_daemon_options o;
    assert_int_equal(PARSE(&o, FLAG("--libvirt=none")), AX_DAEMON_GO);
    assert_int_equal(o.commit_ms, 5);
    assert_int_equal(o.nlimits + o.tenant_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tenants_have_limits),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(no_flag_is_given_too_often),
        cmocka_unit_test(run_hands_on_what_it_was_given),
        cmocka_unit_test(the_usual_commit_takes_five_milliseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
