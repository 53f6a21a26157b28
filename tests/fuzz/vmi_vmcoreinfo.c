// SPDX-License-Identifier: Apache-2.0
/* A page that may be VMCOREINFO, found in a RAM of four pages: values are views of the copy. */
#include "guest_kit.h"

#include <sys/mman.h>
#include <unistd.h>

static void ask(const struct ax_vmcoreinfo *v, const char *name)
{
    struct ax_str key = ax_str(name), text;
    uint64_t u;
    int64_t i;
    (void)ax_vmcoreinfo_hex(v, key, &u);
    (void)ax_vmcoreinfo_number(v, key, &i);
    if (ax_vmcoreinfo_text(v, key, &text))
        AX_ASSERT(text.p > v->text && text.p + text.n <= v->text + v->n && v->n <= AX_PAGE);
}

FUZZ_TARGET(p, n)
{
    static int fd = -1;
    static uint8_t *mem;
    struct ax_ram_block block = {.gpa = 0, .size = 4ull * AX_PAGE, .at = 0};
    struct ax_vmcoreinfo v;
    uint64_t gpa = 0;
    if (fd < 0) {
        fd = memfd_create("page", MFD_CLOEXEC);
        AX_ASSERT(ftruncate(fd, (off_t)block.size) == 0);
        mem = mmap(NULL, block.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        AX_ASSERT(mem != MAP_FAILED);
    }
    memset(mem, 0, block.size);
    memcpy(mem + 2u * AX_PAGE, p, n < AX_PAGE ? n : AX_PAGE);
    struct ax_ram *ram = fake_exact_ram_of(fd, mem, &block, 1);
    while (ax_vmcoreinfo_next(ram, &gpa, &v)) {
        AX_ASSERT(v.gpa == 2u * AX_PAGE && gpa > v.gpa);
        ask(&v, "OSRELEASE");
        ask(&v, "SYMBOL(init_uts_ns)");
        ask(&v, "KERNELOFFSET");
        ask(&v, "NUMBER(phys_base)");
        ask(&v, "OFFSET(printk_info.seq)");
        AX_ASSERT(ax_vmcoreinfo_same(ram, &v));
    }
    ax_ram_close(ram);
    return 0;
}
