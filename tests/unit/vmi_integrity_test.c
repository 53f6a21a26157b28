// SPDX-License-Identifier: Apache-2.0
/* What hides is found, by its name and once; a sound kernel gives nothing. In every kernel that can
 * be faked. */
#include "fake_guest/fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void look(struct fake_options o, struct ax_arena *a, struct ax_reading *r)
{
    struct ax_vmi_options vo = {.scope = AX_SCOPE_PROCESSES};
    struct ax_vmi *v = NULL;
    struct ax_err err = {0};
    struct fake *g = fake_new(&o);
    if (ax_vmi_attach(&v, fake_exact_ram(g), &vo, &err) < 0 ||
        ax_vmi_read(v, AX_PART_INTEGRITY | AX_PART_MODULES, a, r, &err) < 0)
        fail_msg("%s, seed %lu: %s", o.release, o.seed, err.text);
    ax_vmi_detach(v);
    fake_free(g);
}

static void assert_one(struct fake_options o, const char *kind, const char *what)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_reading r;
    look(o, &a, &r);
    if (r.n_tampering != 1)
        fail_msg("%s: %zu findings", kind, r.n_tampering);
    assert_string_equal(r.tampering[0].kind, kind);
    if (!memmem(r.tampering[0].what.p, r.tampering[0].what.n, what, strlen(what)))
        fail_msg("'%s' does not name '%s'", r.tampering[0].what.p, what);
    assert_true(r.tampering[0].text.n > 20);
    ax_arena_free(&a);
}

static void a_sound_kernel(void **state)
{
    for (enum fake_version version = 0; version < FAKE_VERSIONS; version++) {
        struct ax_arena a = AX_ARENA_INIT;
        struct ax_reading r;
        look(fake_kernel(version, version + 2), &a, &r);
        assert_int_equal(r.n_tampering, 0);
        assert_int_equal(r.n_modules, 3);
        const struct ax_module *m = &r.modules[1];
        assert_string_equal(m->name.p, "ext4_ish");
        assert_int_equal(m->size, 0x4000);
        assert_int_equal(m->references, 1);
        assert_string_equal(m->state, "live");
        assert_string_equal(m->taints.p, "O");
        ax_arena_free(&a);
    }
}

static void whatever_hides(void **state)
{
    for (enum fake_version version = 0; version < FAKE_VERSIONS; version++) {
        struct fake_options o = fake_kernel(version, version + 5);
        o.hidden_module = "rootkit";
        assert_one(o, "hidden_module", "rootkit");
        o.hidden_module = NULL;
        o.hidden_process = "miner";
        assert_one(o, "hidden_process", "miner");
        o.hidden_process = NULL;
        o.hooked_call = "stat";
        assert_one(o, "system_call", "5");
        o.hooked_call = NULL;
        o.hooked_vector = "page fault";
        assert_one(o, "interrupt", "14");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_kernel),
        cmocka_unit_test(whatever_hides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
