// SPDX-License-Identifier: Apache-2.0
/* Alertmanager's API v2, as amtool and dashboards speak it. Inside the API only. */
#ifndef AX_API_ALERTMANAGER_H
#define AX_API_ALERTMANAGER_H

#include "api/inner.h"

/* Its errors: a JSON string; or, where the request itself is not understood, code and message. */
void ax_alertmanager_error(struct ax_reply *r, int status, const char *text);
void ax_alertmanager_errno(struct ax_reply *r, const struct ax_err *err);

/* The parameters `filter`, each a matcher. */
int ax_alertmanager_filters(struct ax_request *q, struct ax_matcher **out, size_t *n,
                            struct ax_err *err);

ax_handler ax_silences_get, ax_silences_post, ax_silence_one, ax_silence_delete,
    ax_alertmanager_status, ax_alertmanager_alerts, ax_alertmanager_groups,
    ax_alertmanager_receivers;

#endif
