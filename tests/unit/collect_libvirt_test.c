// SPDX-License-Identifier: Apache-2.0
/* From what libvirt says to series, resources and events, fed from recorded answers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "collect/libvirt/vm.h"

#include <fcntl.h>

#define UUID    "5c1e0000-0000-4000-8000-000000000001"
#define SPOKE_S 1795317678ll /* balloon.last-update in the fixture */

struct fixture {
    struct ax_arena texts, round; /* texts: the recorded answers */
    struct ax_vms *vms;
    struct ax_emitter e;
    struct ax_batch batch;
    struct ax_seen seen;
    struct ax_virt_param params[128];
    struct ax_virt_record record;
    struct ax_virt_snapshot snapshot;
};

static struct ax_str load(struct ax_arena *a, const char *name)
{
    const char *dir = getenv("FIXTURES");
    struct ax_buf b = AX_BUF_INIT;
    struct ax_str path =
        ax_arena_printf(a, "%s/collect/%s", dir ? dir : "tests/unit/fixtures", name);
    assert_int_equal(ax_file_read(AT_FDCWD, path.p, 1 << 20, &b, NULL), 0);
    struct ax_str s = ax_arena_str(a, ax_buf_view(&b));
    ax_buf_free(&b);
    return s;
}

/* "balloon.current=131072" as virsh domstats prints them. */
static size_t read_params(struct ax_str text, struct ax_virt_param *out)
{
    struct ax_str line, name;
    size_t n = 0;
    while (ax_str_cut(&text, '\n', &line)) {
        if (!ax_str_cut(&line, '=', &name) || !line.p)
            continue;
        double v = NAN;
        out[n++] = (struct ax_virt_param){name, ax_str_double(line, &v) ? v : NAN, line};
    }
    return n;
}

static void set(struct fixture *f, const char *name, double v)
{
    for (size_t i = 0; i < f->record.nparams; i++)
        if (ax_str_eq(f->params[i].name, ax_str(name))) {
            f->params[i].number = v;
            return;
        }
    fail_msg("the fixture has no %s", name);
}

static int setup(void **state)
{
    struct fixture *f = ax_calloc(1, sizeof *f);
    f->vms = ax_vms_new(&(struct ax_vms_options){AX_STR("h1"), AX_STR("node1"), 5000});
    size_t n = read_params(load(&f->texts, "domstats.txt"), f->params);
    f->record = (struct ax_virt_record){.uuid = AX_STR(UUID),
                                        .name = AX_STR("web1"),
                                        .id = 3,
                                        .params = f->params,
                                        .nparams = n,
                                        .xml = load(&f->texts, "domain.xml"),
                                        .pid = 4711,
                                        .process_resident = 214396928,
                                        .process_start = 1795317000000};
    f->snapshot.vms = &f->record;
    f->snapshot.nvms = 1;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ax_vms_free(f->vms);
    ax_emitter_free(&f->e);
    ax_arena_free(&f->texts);
    ax_arena_free(&f->round);
    free(f);
    return 0;
}

static void any_round(struct fixture *f, int64_t now_s, const struct ax_virt_snapshot *s, bool late)
{
    ax_arena_reset(&f->round);
    f->batch = (struct ax_batch){.arena = &f->round};
    f->seen = (struct ax_seen){.arena = &f->round};
    ax_emit_begin(&f->e, &f->batch, now_s * 1000);
    ax_vms_round(f->vms, s, late, &f->e, now_s * 1000, &f->seen);
    ax_emit_end(&f->e);
}

static void round_at(struct fixture *f, int64_t now_s, const struct ax_virt_snapshot *s)
{
    any_round(f, now_s, s, false);
}

/* The series with this name and, if given, this value of a label; NaN when it is not there. */
static double value(const struct fixture *f, const char *name, const char *label, const char *with)
{
    for (size_t i = 0; i < f->batch.n; i++) {
        struct ax_labels l = f->batch.v[i].labels;
        if (ax_str_eq(ax_labels_get(l, AX_STR("__name__")), ax_str(name)) &&
            (!label || ax_str_eq(ax_labels_get(l, ax_str(label)), ax_str(with))))
            return f->batch.v[i].samples[0].v;
    }
    return NAN;
}

#define IS(want, ...) assert_true(fabs(value(f, __VA_ARGS__) - (want)) < 1e-6)
#define ABSENT(...)   assert_true(isnan(value(f, __VA_ARGS__)))

static void four_truths_of_memory(void **state)
{
    struct fixture *f = *state;
    round_at(f, SPOKE_S + 2, &f->snapshot);
    IS(262144 * 1024.0, "vm_memory_maximum_bytes", NULL, NULL);
    IS(131072 * 1024.0, "vm_memory_assigned_bytes", NULL, NULL);
    IS(93776 * 1024.0, "vm_memory_guest_visible_bytes", "source", "balloon");
    IS(58968 * 1024.0, "vm_memory_guest_available_bytes", "source", "balloon");
    IS((93776 - 58968) * 1024.0, "vm_memory_guest_used_bytes", "source", "balloon");
    IS(214396928, "vm_memory_resident_bytes", "source", "process");
    IS(209076 * 1024.0, "vm_memory_resident_bytes", "source", "libvirt");
    IS(2, "vm_memory_age_seconds", "source", "balloon");
    IS(58968 * 1024.0, "libvirt_domain_memory_stats_usable_bytes", "domain", "web1");
    IS(2.5, "libvirt_domain_info_cpu_time_seconds_total", "uuid", UUID);
    IS(0.5, "vm_cpu_delay_seconds_total", "vcpu", "1");
    IS(1, "vm_up", "handle", "vm:" UUID);
}

static void devices_and_their_sums(void **state)
{
    struct fixture *f = *state;
    round_at(f, SPOKE_S, &f->snapshot);
    IS(512, "libvirt_domain_block_stats_read_bytes_total", "target_device", "vda");
    IS(488, "libvirt_domain_block_stats_read_bytes_total", "target_device", "vdb");
    IS(1000, "vm_disk_read_bytes_total", NULL, NULL);
    IS(100, "vm_disk_written_bytes_total", NULL, NULL); /* of the one that tells */
    ABSENT("vm_disk_writes_total", NULL, NULL);         /* none tells */
    IS(852, "libvirt_domain_interface_stats_receive_bytes_total", "target_device", "tap0");
    ABSENT("libvirt_domain_vcpu_time_seconds_total", "vcpu", "64");
    IS(1, "libvirt_domain_openstack_info", "project_name", "shop-project");
    IS(1, "libvirt_domain_block_meta", "source_file", "pool/vol");
}

static void a_silent_guest_has_an_age_and_no_numbers(void **state)
{
    struct fixture *f = *state;
    round_at(f, SPOKE_S + 15, &f->snapshot); /* three periods of 5 s */
    IS(58968 * 1024.0, "vm_memory_guest_available_bytes", NULL, NULL);
    round_at(f, SPOKE_S + 20, &f->snapshot);
    assert_true(ax_is_stale(value(f, "vm_memory_guest_available_bytes", NULL, NULL)));
    assert_true(ax_is_stale(value(f, "libvirt_domain_memory_stats_usable_bytes", NULL, NULL)));
    IS(20, "vm_memory_age_seconds", NULL, NULL);
    assert_non_null(strstr(f->seen.resources[0].attributes.p, "balloon-silent"));
    set(f, "balloon.last-update", 0); /* never spoke */
    round_at(f, SPOKE_S + 25, &f->snapshot);
    ABSENT("vm_memory_guest_available_bytes", NULL, NULL);
    assert_true(ax_is_stale(value(f, "vm_memory_age_seconds", NULL, NULL)));
    IS(131072 * 1024.0, "vm_memory_assigned_bytes", NULL, NULL); /* the host still knows */
}

static void a_stuck_monitor_keeps_the_domain(void **state)
{
    struct fixture *f = *state;
    round_at(f, SPOKE_S, &f->snapshot);
    set(f, "balloon.rss", NAN); /* as NOWAIT leaves it out */
    round_at(f, SPOKE_S + 5, &f->snapshot);
    IS(1, "libvirt_domain_timed_out", "domain", "web1");
    IS(1, "vm_up", NULL, NULL);
    assert_non_null(strstr(f->seen.resources[0].attributes.p, "\"code\":\"monitor\""));
}

static void without_libvirt_the_last_state_stays_and_numbers_end(void **state)
{
    struct fixture *f = *state;
    round_at(f, SPOKE_S, &f->snapshot);
    round_at(f, SPOKE_S + 5, NULL);
    IS(0, "libvirt_up", NULL, NULL);
    IS(1, "libvirt_domain_timed_out", "domain", "web1");
    assert_true(ax_is_stale(value(f, "vm_up", NULL, NULL)));
    assert_int_equal(f->seen.nresources, 1);
    assert_true(ax_str_eq(f->seen.resources[0].state, AX_STR("running")));
    round_at(f, SPOKE_S + 10, &f->snapshot);
    IS(1, "vm_up", NULL, NULL);
}

static void a_late_libvirt_is_no_gap_for_three_rounds(void **state)
{
    struct fixture *f = *state;
    round_at(f, SPOKE_S, &f->snapshot);
    for (int i = 1; i <= 3; i++) {
        any_round(f, SPOKE_S + 5 * i, NULL, true);
        ABSENT("vm_up", NULL, NULL); /* no sample, and no end either */
        assert_false(ax_is_stale(value(f, "vm_up", NULL, NULL)));
        IS(1, "libvirt_domain_timed_out", "domain", "web1");
        IS(5 * i, "vm_memory_age_seconds", NULL, NULL);
    }
    any_round(f, SPOKE_S + 20, NULL, true);
    assert_true(ax_is_stale(value(f, "vm_up", NULL, NULL)));
    any_round(f, SPOKE_S + 25, &f->snapshot, false);
    IS(1, "vm_up", NULL, NULL);
}

static void a_rename_keeps_the_handle(void **state)
{
    struct fixture *f = *state;
    round_at(f, SPOKE_S, &f->snapshot);
    f->record.name = AX_STR("web-new");
    round_at(f, SPOKE_S + 5, &f->snapshot);
    IS(1, "vm_up", "vm", "web-new");
    assert_true(ax_is_stale(value(f, "vm_up", "vm", "web1")));
    assert_true(ax_str_eq(f->seen.resources[0].handle, AX_STR("vm:" UUID)));
    assert_true(f->seen.resources[0].since == 1795317000000); /* when its process began */
}

/* Memory runs low and springs back: the mark of a kill inside. */
static void memory_goes(struct fixture *f, int64_t at_s, double usable_share)
{
    set(f, "balloon.last-update", (double)at_s);
    set(f, "balloon.usable", 93776 * usable_share);
    round_at(f, at_s, &f->snapshot);
}

static void a_spring_back_is_a_suspected_oom(void **state)
{
    struct fixture *f = *state;
    memory_goes(f, SPOKE_S, 0.5);
    memory_goes(f, SPOKE_S + 5, 0.04);
    assert_int_equal(f->seen.nevents, 0);
    memory_goes(f, SPOKE_S + 10, 0.63);
    assert_int_equal(f->seen.nevents, 1);
    assert_true(ax_str_eq(f->seen.events[0].what, AX_STR("oom-suspected")));
    assert_true(ax_str_eq(f->seen.events[0].text,
                          AX_STR("web1's available memory sprang from 4 % to 63 % within 5 s after "
                                 "running low: its kernel probably killed a process")));
    memory_goes(f, SPOKE_S + 15, 0.64);
    assert_int_equal(f->seen.nevents, 0);
}

static void what_looks_like_it_but_is_not(void **state)
{
    struct fixture *f = *state;
    memory_goes(f, SPOKE_S, 0.12); /* was not low */
    memory_goes(f, SPOKE_S + 5, 0.60);
    assert_int_equal(f->seen.nevents, 0);
    memory_goes(f, SPOKE_S + 10, 0.04);
    f->record.id = 4; /* restarted */
    memory_goes(f, SPOKE_S + 15, 0.60);
    assert_int_equal(f->seen.nevents, 0);
    memory_goes(f, SPOKE_S + 20, 0.04);
    set(f, "balloon.current", 200000); /* was given more */
    memory_goes(f, SPOKE_S + 25, 0.60);
    assert_int_equal(f->seen.nevents, 0);
    memory_goes(f, SPOKE_S + 30, 0.04);
    memory_goes(f, SPOKE_S + 60, 0.60); /* nobody looked in between */
    assert_int_equal(f->seen.nevents, 0);
}

static void volumes_are_known_by_what_they_are(void **state)
{
    struct fixture *f = *state;
    struct ax_virt_volume v = {
        .path = AX_STR("/images/web1.img"), .inode = 7, .born_ns = 1, .exists = true};
    round_at(f, SPOKE_S, &f->snapshot);
    assert_false(ax_vms_volumes_known(f->vms)); /* its definition has just become known */
    struct ax_virt_question *q = ax_vms_question(f->vms, SPOKE_S * 1000);
    assert_int_equal(q->npaths, 1); /* rbd and the empty drive are no files */
    assert_string_equal(q->paths[0], "/images/web1.img");
    ax_virt_question_free(q);
    f->record.volumes = &v;
    f->record.nvolumes = 1;
    round_at(f, SPOKE_S + 5, &f->snapshot);
    assert_true(ax_vms_volumes_known(f->vms));
    struct ax_str first = ax_arena_str(&f->texts, f->seen.resources[1].handle);
    assert_non_null(strstr(f->seen.resources[1].attributes.p, "\"capacity_bytes\":67108864"));
    v.born_ns = 2; /* the same path and inode, another file */
    round_at(f, SPOKE_S + 10, &f->snapshot);
    assert_false(ax_str_eq(first, f->seen.resources[1].handle));
    v.exists = false;
    round_at(f, SPOKE_S + 15, &f->snapshot);
    assert_int_equal(f->seen.nresources, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(four_truths_of_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(devices_and_their_sums, setup, teardown),
        cmocka_unit_test_setup_teardown(a_silent_guest_has_an_age_and_no_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stuck_monitor_keeps_the_domain, setup, teardown),
        cmocka_unit_test_setup_teardown(without_libvirt_the_last_state_stays_and_numbers_end, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_late_libvirt_is_no_gap_for_three_rounds, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rename_keeps_the_handle, setup, teardown),
        cmocka_unit_test_setup_teardown(a_spring_back_is_a_suspected_oom, setup, teardown),
        cmocka_unit_test_setup_teardown(what_looks_like_it_but_is_not, setup, teardown),
        cmocka_unit_test_setup_teardown(volumes_are_known_by_what_they_are, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
