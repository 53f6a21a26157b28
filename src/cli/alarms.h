// SPDX-License-Identifier: Apache-2.0
/* Inside the command line: alarms of rules and of definitions, as one list. */
#ifndef AX_CLI_ALARMS_H
#define AX_CLI_ALARMS_H

#include "cli/inner.h"

/* What /api/v2/alerts answered, to be looked up in: what holds the telling of those that fire. */
json_t *ax_alarms_told(const json_t *answer);

/* Adds to the list (a JSON array) what the server answered: rules by /api/v1/alerts, definitions by
 * a page of /v2.0/alarms.
 *
 *   {"kind": "rule" or "definition", "id", "name", "state": pending, firing, alarm, ok or
 *    undetermined, "severity", "resource", "since", "value", "labels", "summary",
 *    "held": ["silence ID", "maintenance ID", ...]} */
void ax_alarms_add_rules(json_t *list, const json_t *answer, const json_t *told);
/* The number of alarms of the page. */
size_t ax_alarms_add_definitions(json_t *list, const json_t *answer, const json_t *told);

#endif
