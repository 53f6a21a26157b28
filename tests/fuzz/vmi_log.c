// SPDX-License-Identifier: Apache-2.0
/* The kernel's log with damage in its rings, or in the page that says what they look like. */
#include "guest_kit.h"

#include <errno.h>

FUZZ_TARGET(p, n)
{
    static struct ax_vmi *attached[FAKE_VERSIONS + 1];
    struct ax_vmi_options o = {.scope = AX_SCOPE_DIAGNOSIS, .step_limit = 100000};
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_reading r;
    struct ax_err err = {0};
    if (n < 2)
        return 0;
    unsigned which = p[0] % AX_ARRAY_LEN(attached);
    struct fake *g = fuzz_guest(which);
    bool info = p[1] % 4 == 0;
    struct ax_vmi *v = attached[which];
    if (info || !v) {
        if (info)
            fake_patch(g, FAKE_INFO, p + 2, n - 2);
        int rc = ax_vmi_attach(&v, fake_exact_ram(g), &o, &err);
        if (rc < 0 && !info)
            ax_assert_failed(err.text, __FILE__, __LINE__);
        if (rc < 0)
            return fake_undo(g), 0;
        if (!info)
            attached[which] = v;
    }
    if (!info)
        fake_patch(g, FAKE_LOG, p + 2, n - 2);
    int rc = ax_vmi_read(v, AX_PART_LOG, &a, &r, &err);
    AX_ASSERT(rc == 0 || err.text[0]);
    for (size_t i = 0; rc == 0 && i < r.n_messages; i++)
        AX_ASSERT(r.messages[i].level < 8 && (r.messages[i].text.n == 0 || r.messages[i].text.p));
    fake_undo(g);
    if (info)
        ax_vmi_detach(v);
    ax_arena_free(&a);
    return 0;
}
