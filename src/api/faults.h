// SPDX-License-Identifier: Apache-2.0
/* What the stream of faults and subscriptions to them share. Inside the API only. */
#ifndef AX_API_FAULTS_H
#define AX_API_FAULTS_H

#include "api/inner.h"

/* Checks a filter as it was asked for, and sets its tenant: the sender's; a provider who names none
 * sees all. */
int ax_fault_check(struct ax_request *q, struct ax_fault_filter *f, struct ax_str severity,
                   struct ax_err *err);

#endif
