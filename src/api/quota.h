// SPDX-License-Identifier: Apache-2.0
/* Limits of what one tenant may ask for at once. Inside the API only. Threads: any. */
#ifndef AX_API_QUOTA_H
#define AX_API_QUOTA_H

#include "base/err.h"
#include "base/str.h"

struct ax_quotas;

/* Samples a second, and reading requests under way, of each tenant; 0 = as many as they like. */
struct ax_quotas *ax_quotas_new(uint32_t rate, uint32_t reading);
void ax_quotas_free(struct ax_quotas *s); /* NULL is fine */

/* Before samples are taken: -EDQUOT when the tenant has sent too many. Afterwards: how many. */
int ax_quota_admit(struct ax_quotas *s, struct ax_str tenant, struct ax_err *err);
void ax_quota_charge(struct ax_quotas *s, struct ax_str tenant, uint64_t samples);

/* -EDQUOT when enough of the tenant's are under way; else to be ended. */
int ax_quota_read(struct ax_quotas *s, struct ax_str tenant, struct ax_err *err);
void ax_quota_read_end(struct ax_quotas *s, struct ax_str tenant);

uint64_t ax_quotas_refused(const struct ax_quotas *s);

#endif
