// SPDX-License-Identifier: Apache-2.0
/* What the handlers of /auspex/v1/inspection share (auspex_consent.c, auspex_warrants.c,
 * auspex_notices.c, auspex_ledger.c). Inside the API only. */
#ifndef AX_API_INSPECTION_H
#define AX_API_INSPECTION_H

#include "api/body.h"
#include "warrant/warrant.h"

/* Who asks, as the ledger has it: "alice (member)". */
struct ax_str ax_inspection_who(struct ax_request *q);
bool ax_inspection_is_provider(const struct ax_request *q);
/* Whose things are listed: p == NULL for a provider who names no tenant. */
struct ax_str ax_inspection_tenant(const struct ax_request *q);
/* A tenant does not see before its time what is delayed; a provider sees all (0). */
int64_t ax_inspection_seen_at(const struct ax_request *q);
/* -EPERM unless who asks is of the tenant itself: a provider does not consent for others. */
int ax_inspection_owner_only(const struct ax_request *q, struct ax_err *err);
/* The VM that a path or parameter names: its owner. -ENOENT it is not the tenant's. */
int ax_inspection_vm(struct ax_request *q, struct ax_str handle, struct ax_str *tenant,
                     struct ax_err *err);
bool ax_inspection_flag(const struct ax_request *q, const char *name); /* =1, =true */
int ax_inspection_scope(const json_t *o, struct ax_arena *a, bool none, enum ax_scope *out,
                        struct ax_err *err);
void ax_inspection_text(struct ax_json *j, const char *key, struct ax_str v); /* "" is null */
void ax_inspection_time(struct ax_json *j, const char *key, int64_t ms);

#endif
