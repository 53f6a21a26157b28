// SPDX-License-Identifier: Apache-2.0
/* Domain XML: what is taken from it, and that hostile documents are errors and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "collect/libvirt/virt.h"

#include <fcntl.h>

static struct ax_arena arena;
static struct ax_domain_def def;

static int parse(struct ax_str xml)
{
    return ax_domain_xml_parse(xml, &arena, &def, NULL);
}

#define SAME(field, text) assert_true(ax_str_eq(def.field, AX_STR(text)))

static void a_real_domain(void **state)
{
    const char *dir = getenv("FIXTURES");
    struct ax_buf b = AX_BUF_INIT;
    struct ax_str path =
        ax_arena_printf(&arena, "%s/collect/domain.xml", dir ? dir : "tests/unit/fixtures");
    assert_int_equal(ax_file_read(AT_FDCWD, path.p, 1 << 20, &b, NULL), 0);
    assert_int_equal(parse(ax_buf_view(&b)), 0);
    SAME(name, "web1");
    SAME(type, "kvm");
    SAME(machine, "q35");
    SAME(agent, "connected");
    assert_true(def.balloon);
    assert_int_equal(def.balloon_period, 5);
    assert_int_equal(def.ndisks, 3);
    SAME(disks[0].source, "/images/web1.img");
    SAME(disks[1].source, "pool/vol");
    assert_int_equal(def.disks[2].source.n, 0);
    assert_int_equal(def.nnics, 1);
    SAME(nics[0].source, "br0");
    SAME(nova_flavor, "m1.small");
    SAME(project_id, "p-1");
    ax_buf_free(&b);
}

static void what_is_missing_is_none(void **state)
{
    assert_int_equal(
        parse(AX_STR("<domain><devices><memballoon model='none'/></devices></domain>")), 0);
    assert_false(def.balloon);
    SAME(agent, "none");
    assert_int_equal(def.name.n, 0);
    assert_int_equal(parse(AX_STR("<domain><devices><memballoon model='virtio'><stats period='-9'/>"
                                  "</memballoon></devices></domain>")),
                     0);
    assert_int_equal(def.balloon_period, 0);
}

static void hostile_documents_are_errors(void **state)
{
    static const char *const documents[] = {
        "",
        "<domain",
        "<network/>",
        "<!DOCTYPE domain [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
        "<domain><name>&x;</name></domain>",
        "<!DOCTYPE d [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
        "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>]><domain><name>&c;</name></domain>",
        "<domain><name>\xff\xfe</name></domain>",
    };
    for (size_t i = 0; i < AX_ARRAY_LEN(documents); i++) {
        struct ax_err err = {0};
        def.name = AX_STR("untouched");
        assert_true(ax_domain_xml_parse(ax_str(documents[i]), &arena, &def, &err) < 0);
        SAME(name, "untouched");
        assert_true(err.text[0] != '\0');
    }
}

static void depth_and_size_are_bounded(void **state)
{
    struct ax_buf b = AX_BUF_INIT;
    ax_buf_cstr(&b, "<domain>");
    for (int i = 0; i < 100000; i++)
        ax_buf_cstr(&b, "<a>");
    assert_true(parse(ax_buf_view(&b)) < 0);
    ax_buf_clear(&b);
    ax_buf_cstr(&b, "<domain><devices>");
    for (int i = 0; i < 1000; i++)
        ax_buf_printf(&b, "<disk><target dev='d%d'/></disk>", i);
    ax_buf_cstr(&b, "</devices></domain>");
    assert_int_equal(parse(ax_buf_view(&b)), 0);
    assert_int_equal(def.ndisks, AX_VIRT_DEVICES);
    ax_buf_clear(&b);
    ax_buf_cstr(&b, "<domain><name>");
    for (int i = 0; i < 200000; i++)
        ax_buf_cstr(&b, "name");
    ax_buf_cstr(&b, "</name></domain>");
    assert_int_equal(parse(ax_buf_view(&b)), 0);
    assert_int_equal(def.name.n, 4096); /* cut, not carried along */
    for (int i = 0; i < 200000; i++)
        ax_buf_cstr(&b, "name");
    assert_true(parse(ax_buf_view(&b)) < 0);
    ax_buf_free(&b);
}

static int teardown(void **state)
{
    ax_arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_real_domain),
        cmocka_unit_test(what_is_missing_is_none),
        cmocka_unit_test(hostile_documents_are_errors),
        cmocka_unit_test(depth_and_size_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
