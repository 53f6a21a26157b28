// SPDX-License-Identifier: Apache-2.0
/* What the targets of room vmi share: fake guests that are made once and damaged by each input. */
#ifndef AX_TESTS_FUZZ_GUEST_KIT_H
#define AX_TESTS_FUZZ_GUEST_KIT_H

#include "kit.h"

#include "fake_guest/fake.h"
#include "vmi/guest.h"
#include "vmi/vmcoreinfo.h"

/* One of a few small guests, each another kernel; the same for the same n. */
struct fake *fuzz_guest(unsigned n);

/* What the lower half needs to know of it, as attaching would set it up from an undamaged one. The
 * caller closes guest->ram. */
void fuzz_guest_view(struct fake *g, struct ax_guest *guest, struct ax_vmcoreinfo *info);

#endif
