// SPDX-License-Identifier: Apache-2.0
/* The host's sources, fed from a small tree with the odd things that real trees have: columns of
 * several generations, broken lines, files that are not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collect/collect.h"

struct fixture {
    char proc[512], sys[512], root[512];
    struct ax_collector *c;
    struct ax_arena a;
    struct ax_round r;
};

static void start(struct fixture *f, const char *proc)
{
    const char *dir = getenv("FIXTURES");
    memset(f, 0, sizeof *f);
    snprintf(f->proc, sizeof f->proc, "%s/collect/%s", dir ? dir : "tests/unit/fixtures", proc);
    snprintf(f->sys, sizeof f->sys, "%s/collect/sys", dir ? dir : "tests/unit/fixtures");
    snprintf(f->root, sizeof f->root, "%s/collect/root", dir ? dir : "tests/unit/fixtures");
    struct ax_collect_options o = {.proc = f->proc,
                                   .sys = f->sys,
                                   .rootfs = f->root,
                                   .host_id = AX_STR("h1"),
                                   .host_name = AX_STR("node1"),
                                   .interval_ms = 5000};
    assert_int_equal(ax_collector_new(&f->c, &o, NULL), 0);
}

static int round_at(struct fixture *f, int64_t now)
{
    ax_arena_reset(&f->a);
    return ax_collector_round(f->c, now, &f->a, &f->r);
}

static void end(struct fixture *f)
{
    ax_collector_free(f->c);
    ax_arena_free(&f->a);
}

#define COMMON "handle=\"host:h1\",instance=\"node1\",job=\"node\""

/* The series as people write it, without the labels that all have; NULL = it is not there. */
static const struct ax_sample *find(const struct fixture *f, const char *series)
{
    for (size_t i = 0; i < f->r.batch.n; i++) {
        struct ax_buf b = AX_BUF_INIT;
        ax_labels_print(f->r.batch.v[i].labels, &b);
        ax_buf_byte(&b, '\0');
        bool same = !strcmp(b.p, series);
        ax_buf_free(&b);
        if (same)
            return f->r.batch.v[i].samples;
    }
    return NULL;
}

static void is(const struct fixture *f, const char *series, double v)
{
    const struct ax_sample *s = find(f, series);
    if (!s)
        fail_msg("no %s", series);
    if (s->v < v - 1e-9 || s->v > v + 1e-9)
        fail_msg("%s is %.17g, not %.17g", series, s->v, v);
}

static void absent(const struct fixture *f, const char *series)
{
    if (find(f, series))
        fail_msg("%s should not be there", series);
}

static bool any(const struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->r.batch.n; i++)
        if (ax_str_eq(ax_labels_get(f->r.batch.v[i].labels, AX_STR("__name__")), ax_str(name)))
            return true;
    return false;
}

static void cpu_and_memory(void **state)
{
    struct fixture f;
    start(&f, "proc");
    assert_int_equal(round_at(&f, 1000), 0);
    is(&f, "node_cpu_seconds_total{cpu=\"0\"," COMMON ",mode=\"user\"}", 1.0);
    is(&f, "node_cpu_seconds_total{cpu=\"0\"," COMMON ",mode=\"steal\"}", 0.02);
    is(&f, "node_cpu_guest_seconds_total{cpu=\"0\"," COMMON ",mode=\"nice\"}", 0.05);
    is(&f, "node_cpu_seconds_total{cpu=\"1\"," COMMON ",mode=\"iowait\"}", 0.05);
    absent(&f, "node_cpu_seconds_total{cpu=\"1\"," COMMON ",mode=\"irq\"}");
    is(&f, "node_context_switches_total{" COMMON "}", 98765);
    is(&f, "node_boot_time_seconds{" COMMON "}", 1795000000);
    is(&f, "node_memory_MemAvailable_bytes{" COMMON "}", 9000000 * 1024.0);
    is(&f, "node_memory_Active_anon_bytes{" COMMON "}", 500000 * 1024.0);
    is(&f, "node_memory_HugePages_Total{" COMMON "}", 12);
    assert_false(any(&f, "node_memory_NotANumber_bytes"));
    is(&f, "node_vmstat_oom_kill{" COMMON "}", 4);
    assert_false(any(&f, "node_vmstat_nr_free_pages"));
    end(&f);
}

static void what_the_kernel_does_not_have_is_absent_and_no_failure(void **state)
{
    struct fixture f;
    start(&f, "proc");
    assert_int_equal(round_at(&f, 1000), 0);
    is(&f, "node_pressure_cpu_waiting_seconds_total{" COMMON "}", 9.477149);
    is(&f, "node_pressure_io_stalled_seconds_total{" COMMON "}", 4.306737);
    assert_false(any(&f, "node_pressure_memory_waiting_seconds_total"));
    assert_false(any(&f, "node_nf_conntrack_entries"));
    assert_false(any(&f, "node_entropy_available_bits"));
    end(&f);
    start(&f, "no-such-proc");
    assert_int_equal(round_at(&f, 1000), 0);
    assert_false(any(&f, "node_load1"));
    assert_true(any(&f, "auspex_collector_up"));
    end(&f);
}

static void disks_of_three_kernel_generations(void **state)
{
    struct fixture f;
    start(&f, "proc");
    round_at(&f, 1000);
    is(&f, "node_disk_read_bytes_total{device=\"sda\"," COMMON "}", 200 * 512);
    is(&f, "node_disk_io_time_seconds_total{device=\"sda\"," COMMON "}", 0.9);
    absent(&f, "node_disk_discards_completed_total{device=\"sda\"," COMMON "}");
    is(&f, "node_disk_discard_time_seconds_total{device=\"vda\"," COMMON "}", 0.015);
    absent(&f, "node_disk_flush_requests_total{device=\"vda\"," COMMON "}");
    is(&f, "node_disk_flush_requests_time_seconds_total{device=\"nvme0n1\"," COMMON "}", 0.017);
    absent(&f, "node_disk_io_now{device=\"sda1\"," COMMON "}");
    absent(&f, "node_disk_io_now{device=\"nvme0n1p1\"," COMMON "}");
    absent(&f, "node_disk_io_now{device=\"loop0\"," COMMON "}");
    end(&f);
}

static void networks_and_sockets(void **state)
{
    struct fixture f;
    start(&f, "proc");
    round_at(&f, 1000);
    is(&f, "node_network_transmit_carrier_total{device=\"eth0\"," COMMON "}", 11);
    is(&f, "node_network_receive_packets_total{device=\"veth0\"," COMMON "}", 6);
    absent(&f, "node_network_transmit_bytes_total{device=\"veth0\"," COMMON "}");
    is(&f, "node_network_speed_bytes{device=\"eth0\"," COMMON "}", 1.25e9);
    is(&f, "node_network_up{device=\"eth0\"," COMMON "}", 1);
    absent(&f, "node_network_up{device=\"veth0\"," COMMON "}");
    is(&f, "node_netstat_Tcp_RetransSegs{" COMMON "}", 42);
    is(&f, "node_netstat_TcpExt_ListenOverflows{" COMMON "}", 2);
    is(&f, "node_netstat_Udp_InDatagrams{" COMMON "}", 5);
    assert_false(any(&f, "node_netstat_Udp_NoPorts")); /* its value is missing */
    is(&f, "node_sockstat_TCP_mem_bytes{" COMMON "}", 8192);
    end(&f);
}

#define ROOT_FS "device=\"/dev/vda1\",fstype=\"ext4\",handle=\"host:h1\",instance=\"node1\","
#define MNT_FS  "device=\"/dev/sd b\",fstype=\"xfs\",handle=\"host:h1\",instance=\"node1\","

static void file_systems(void **state)
{
    struct fixture f;
    start(&f, "proc");
    round_at(&f, 1000);
    is(&f, "node_filesystem_readonly{" ROOT_FS "job=\"node\",mountpoint=\"/\"}", 0);
    is(&f, "node_filesystem_readonly{" MNT_FS "job=\"node\",mountpoint=\"/mnt\"}", 1);
    assert_non_null(
        find(&f, "node_filesystem_avail_bytes{" ROOT_FS "job=\"node\",mountpoint=\"/\"}"));
    is(&f,
       "node_filesystem_device_error{device=\"server:/gone\",fstype=\"nfs4\",handle=\"host:h1\","
       "instance=\"node1\",job=\"node\",mountpoint=\"/gone\"}",
       1);
    absent(&f,
           "node_filesystem_readonly{device=\"server:/gone\",fstype=\"nfs4\",handle=\"host:h1\","
           "instance=\"node1\",job=\"node\",mountpoint=\"/gone\"}");
    end(&f);
}

static void the_host_is_seen_as_a_resource(void **state)
{
    struct fixture f;
    start(&f, "proc");
    round_at(&f, 1000);
    assert_int_equal(f.r.seen.nresources, 1);
    const struct ax_resource *r = &f.r.seen.resources[0];
    assert_int_equal(r->kind, AX_KIND_HOST);
    assert_true(ax_str_eq(r->handle, AX_STR("host:h1")));
    assert_true(ax_str_eq(r->state, AX_STR("up")));
    assert_true(r->since == 1795000000000);
    assert_non_null(strstr(r->attributes.p, "\"memory_bytes\":16384000000"));
    end(&f);
}

static void the_scrape_text_is_grouped_and_typed(void **state)
{
    struct fixture f;
    start(&f, "proc");
    round_at(&f, 1000);
    struct ax_buf b = AX_BUF_INIT;
    ax_round_text(&f.r, &b);
    ax_buf_byte(&b, '\0');
    assert_non_null(
        strstr(b.p, "\n# TYPE node_cpu_seconds_total counter\nnode_cpu_seconds_total{"));
    assert_non_null(strstr(b.p, "# TYPE node_load1 gauge\nnode_load1{" COMMON "} 0.5\n"));
    assert_non_null(strstr(b.p, "# TYPE node_vmstat_oom_kill untyped\n"));
    const char *first = strstr(b.p, "# TYPE node_cpu_seconds_total ");
    assert_null(strstr(first + 1, "# TYPE node_cpu_seconds_total "));
    ax_buf_free(&b);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu_and_memory),
        cmocka_unit_test(what_the_kernel_does_not_have_is_absent_and_no_failure),
        cmocka_unit_test(disks_of_three_kernel_generations),
        cmocka_unit_test(networks_and_sockets),
        cmocka_unit_test(file_systems),
        cmocka_unit_test(the_host_is_seen_as_a_resource),
        cmocka_unit_test(the_scrape_text_is_grouped_and_typed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
