// SPDX-License-Identifier: Apache-2.0
/* Symbols of a kernel whose tables, or the page that says where they are, were damaged. The first
 * byte says which kernel. */
#include "guest_kit.h"

#include "vmi/kallsyms.h"

#include <errno.h>
#include <stdlib.h>

static void ask(struct ax_kallsyms *k, uint64_t text)
{
    struct ax_symbol_wanted w[] = {{.name = "init_task"},
                                   {.name = "runqueues", .kind = AX_SYMBOL_DATA},
                                   {.name = "_etext", .kind = AX_SYMBOL_TEXT},
                                   {.name = "no_such_symbol"}};
    char name[AX_SYMBOL_NAME];
    uint64_t offset;
    size_t found = ax_kallsyms_look_up(k, w, AX_ARRAY_LEN(w)), n = 0;
    for (size_t i = 0; i < AX_ARRAY_LEN(w); i++)
        n += w[i].address != 0;
    AX_ASSERT(n == found);
    for (uint64_t at = 0; at < 5; at++)
        if (ax_kallsyms_name(k, text + at * 77777, name, &offset))
            AX_ASSERT(strnlen(name, sizeof name) < sizeof name);
}

FUZZ_TARGET(p, n)
{
    struct ax_guest guest;
    struct ax_vmcoreinfo info;
    struct ax_kallsyms *k = ax_calloc(1, sizeof *k);
    struct ax_err err = {0};
    if (n < 2)
        return free(k), 0;
    struct fake *g = fuzz_guest(p[0]);
    fuzz_guest_view(g, &guest, &info);
    fake_patch(g, p[1] % 4 == 0 ? FAKE_INFO : FAKE_SYMBOLS, p + 2, n - 2);
    uint64_t gpa = info.gpa;
    if (ax_vmcoreinfo_next(guest.ram, &gpa, &info)) {
        if (ax_kallsyms_find(k, &guest, &info, &err) == 0)
            ask(k, guest.image_from);
        else
            AX_ASSERT(err.code == -ENOENT && err.text[0]);
    }
    ax_ram_close(guest.ram);
    fake_undo(g);
    free(k);
    return 0;
}
