// SPDX-License-Identifier: Apache-2.0
/* BTF: the kernel's description of its own types, as it lies in its image (or, for a module, in
 * its memory). Offsets of members are looked up by name, through unnamed structs and unions.
 *
 *   header | types: {name, info, size or type} and what the kind needs | strings
 *
 * Types have no index: one pass notes where each begins. The bytes belong to a guest that may
 * change them at any time, so every look loads what it needs once and checks it again. */
#ifndef AX_VMI_BTF_H
#define AX_VMI_BTF_H

#include "base/err.h"
#include "base/str.h"

struct ax_btf; /* looks into `data`, which must outlive it */

/* -EINVAL: no BTF, or of a kind that is not known; the text says what. */
int ax_btf_open(struct ax_btf **out, const uint8_t *data, size_t n, struct ax_err *err);
/* A module's types, which go on where the kernel's end. `base` must outlive it. */
int ax_btf_open_split(struct ax_btf **out, struct ax_btf *base, const uint8_t *data, size_t n,
                      struct ax_err *err);
void ax_btf_close(struct ax_btf *b); /* takes NULL */

/* The offset in bytes of a member: "mm.rss_stat" steps into named members, "__state|state" takes
 * the first that is there. -1: no such type or member. size, if not NULL: bytes of the member. */
int64_t ax_btf_member(struct ax_btf *b, const char *type, const char *path, uint32_t *size);
int64_t ax_btf_size(struct ax_btf *b, const char *type); /* -1: no such struct or union */
/* The value of a constant of a named enum; false when there is none. */
bool ax_btf_enum(struct ax_btf *b, const char *type, const char *constant, int64_t *out);

#endif
