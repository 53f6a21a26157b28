// SPDX-License-Identifier: Apache-2.0
/* What `auspex inspect` prints of a reading. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/inspect_view.h"
#include "vmi/vmi.h"

static bool well;

static char *shown(const char *reading)
{
    json_error_t where;
    json_t *j = json_loads(reading, 0, &where);
    if (!j)
        fail_msg("line %d: %s", where.line, where.text);
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    well = ax_inspect_show(out, j);
    fclose(out);
    json_decref(j);
    return text;
}

static void has(const char *text, const char *part)
{
    assert_non_null(text);
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void words_and_parts(void **state)
{
    assert_int_equal(ax_inspect_parts("ps"), AX_PART_PROCESSES);
    assert_int_equal(ax_inspect_parts("mem"), AX_PART_MEMORY | AX_PART_SYSTEM);
    assert_int_equal(ax_inspect_parts("all"), AX_PART_ALL);
    assert_int_equal(ax_inspect_parts("pss"), 0);
}

static void processes(void **state)
{
    char *text = shown(
        "{\"kernel\":\"6.1.0-56-cloud-amd64\",\"attach_seconds\":0.0121,\"poll_seconds\":0.000009,"
        "\"processes\":[{\"pid\":1,\"ppid\":0,\"uid\":0,\"name\":\"init\",\"state\":\"S\","
        "\"kernel_thread\":false,\"threads\":1,\"rss_bytes\":1572864,\"cpu_seconds\":3.5,"
        "\"age_seconds\":7300},{\"pid\":9,\"ppid\":2,\"uid\":0,\"name\":\"jbd2/vda-8\","
        "\"state\":\"D\",\"kernel_thread\":true,\"threads\":1,\"rss_bytes\":0,\"cpu_seconds\":0,"
        "\"age_seconds\":100,\"blocked_seconds\":12.2}]}");
    has(text, "Linux 6.1.0-56-cloud-amd64  (kernel found in 12 ms, read in 9 us)");
    has(text, "1.5 MiB");
    has(text, "2 h");
    has(text, "D 12 s");
    has(text, "[jbd2/vda-8]");
    assert_true(well);
    free(text);
}

static void what_is_missing_is_told(void **state)
{
    char *text = shown("{\"kernel\":\"5.10\",\"memory\":{\"total_bytes\":1073741824,"
                       "\"available_bytes\":536870912},\"missing\":[{\"part\":\"network\","
                       "\"reason\":\"this kernel has\\u001b no BTF\"}]}");
    has(text, "1.0 GiB");
    has(text, "50 %");
    has(text, "not read: network: this kernel has? no BTF");
    assert_true(well);
    free(text);
}

static void a_guest_does_not_steer_the_terminal(void **state)
{
    char *text =
        shown("{\"kernel\":\"6.1\\u001b\\u009b2J\",\"system\":{\"hostname\":\"a\\u202eb\","
              "\"state\":\"\\u009bs\",\"taint_flags\":[\"\\u001bc\"]},"
              "\"processes\":[{\"pid\":1,\"name\":\"\\u009bx\\u2066\"}],"
              "\"messages\":[{\"time_seconds\":1,\"text\":\"one\\u009b\\u001b\\ntwo\\u2028\"}],"
              "\"stacks\":[{\"pid\":1,\"name\":\"\\u0085\",\"frames\":[\"f\\u009b\"]}]}");
    has(text, "a?b: Linux 6.1??2J, ?s");
    has(text, "tainted: ?c\n");
    has(text, "?x?");
    has(text, "] one??\n");
    has(text, "] two?\n");
    for (const char *p = text; *p; p++)
        if ((*p & 0x80) || ((unsigned char)*p < 0x20 && *p != '\n'))
            fail_msg("byte %02x in:\n%s", (unsigned char)*p, text);
    free(text);
}

static void a_panic_is_not_well(void **state)
{
    char *text =
        shown("{\"kernel\":\"6.1\",\"system\":{\"state\":\"panicked\",\"panic_cpu\":0,"
              "\"hostname\":\"web1\",\"uptime_seconds\":500},\"messages\":[{\"sequence\":1,"
              "\"time_seconds\":12.5,\"level\":0,\"text\":\"Kernel panic\\nCPU: 0\"}]}");
    has(text, "web1: Linux 6.1, panicked on CPU 0, up 8 min");
    has(text, "[   12.500000] Kernel panic\n[   12.500000] CPU: 0\n");
    assert_false(well);
    free(text);
}

static void tampering_is_not_well(void **state)
{
    char *text = shown("{\"kernel\":\"6.1\",\"integrity\":{\"ok\":false,\"findings\":[{\"kind\":"
                       "\"hidden_module\",\"what\":\"rk\",\"text\":\"in no list\"}]}}");
    has(text, "hidden_module rk: in no list");
    assert_false(well);
    free(text);
    free(shown("{\"kernel\":\"6.1\",\"integrity\":{\"ok\":true,\"findings\":[]}}"));
    assert_true(well);
}

static void every_part_has_a_table(void **state)
{
    char *text = shown(
        "{\"kernel\":\"6.1\",\"modules\":[{\"name\":\"xfs\",\"size_bytes\":2097152,"
        "\"references\":1,\"state\":\"live\",\"taints\":\"OE\"}],\"network\":[{\"name\":\"eth0\","
        "\"up\":true,\"carrier\":false,\"mtu\":1500,\"receive_bytes_total\":2048,"
        "\"transmit_errors_total\":77}],\"disks\":[{\"name\":\"vda\",\"size_bytes\":1073741824,"
        "\"in_flight\":3}],\"filesystems\":[{\"device\":\"vda\",\"type\":\"ext4\",\"mountpoint\":"
        "\"/"
        "data\",\"read_only\":true,\"size_bytes\":1000,\"free_bytes\":250}],\"stacks\":[{\"pid\":"
        "9,\"name\":\"sync\",\"blocked_seconds\":30,\"frames\":[\"io_schedule+0x12\"]}]}");
    has(text, "2.0 MiB");
    has(text, "up, no carrier");
    has(text, "77");
    has(text, "1.0 GiB");
    has(text, "75 %");
    has(text, "/data (read-only)");
    has(text, "9 sync, blocked for 30 s at least\n    io_schedule+0x12");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_parts),
        cmocka_unit_test(processes),
        cmocka_unit_test(what_is_missing_is_told),
        cmocka_unit_test(a_guest_does_not_steer_the_terminal),
        cmocka_unit_test(a_panic_is_not_well),
        cmocka_unit_test(tampering_is_not_well),
        cmocka_unit_test(every_part_has_a_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
