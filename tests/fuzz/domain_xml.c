// SPDX-License-Identifier: Apache-2.0
/* A libvirt domain's XML. */
#include "kit.h"

#include "collect/libvirt/virt.h"

FUZZ_TARGET(p, n)
{
    static struct ax_domain_def d;
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_err err = {0};
    if (ax_domain_xml_parse(fuzz_str(p, n), &a, &d, &err) < 0)
        AX_ASSERT(err.text[0]);
    else
        AX_ASSERT(d.ndisks <= AX_VIRT_DEVICES && d.nnics <= AX_VIRT_DEVICES && d.agent.n);
    ax_arena_free(&a);
    return 0;
}
