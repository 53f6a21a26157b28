// SPDX-License-Identifier: Apache-2.0
/* VMCOREINFO: a page in which every Linux kernel describes itself for crash dumps, as lines
 *
 *   OSRELEASE=6.1.0-51-cloud-amd64
 *   SYMBOL(init_uts_ns)=ffffffff9dc2b9c0      hex without 0x
 *   OFFSET(uts_namespace.name)=4              decimal, perhaps negative
 *   KERNELOFFSET=1b200000                     hex
 *
 * It lies somewhere in the RAM, at the begin of a page. Other pages with the same text (a log, a
 * file) lack some of the keys, but a guest can make as many good copies as it likes: finding is
 * only a proposal, and attaching (kernel.h) demands that the kernel described is there. */
#ifndef AX_VMI_VMCOREINFO_H
#define AX_VMI_VMCOREINFO_H

#include "vmi/ram.h"

struct ax_vmcoreinfo {
    char text[AX_PAGE]; /* a copy: the guest cannot change it under our eyes */
    size_t n;
    uint64_t gpa;
};

/* The next page at or above *gpa that has the form; *gpa is then behind it. False at the end. */
bool ax_vmcoreinfo_next(struct ax_ram *r, uint64_t *gpa, struct ax_vmcoreinfo *out);

/* Is the page still the one that was found? (A guest that reboots has another.) */
bool ax_vmcoreinfo_same(struct ax_ram *r, const struct ax_vmcoreinfo *v);

/* The value behind "KEY="; false when there is none. */
bool ax_vmcoreinfo_text(const struct ax_vmcoreinfo *v, struct ax_str key, struct ax_str *out);
bool ax_vmcoreinfo_hex(const struct ax_vmcoreinfo *v, struct ax_str key, uint64_t *out);
bool ax_vmcoreinfo_number(const struct ax_vmcoreinfo *v, struct ax_str key, int64_t *out);

#endif
