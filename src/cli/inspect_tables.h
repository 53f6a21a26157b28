// SPDX-License-Identifier: Apache-2.0
/* Inside inspect_view: the parts of a reading that are tables, each from its member of the JSON. */
#ifndef AX_CLI_INSPECT_TABLES_H
#define AX_CLI_INSPECT_TABLES_H

#include <jansson.h>
#include <stdio.h>

void ax_inspect_memory(FILE *out, const json_t *part);
void ax_inspect_processes(FILE *out, const json_t *part);
void ax_inspect_modules(FILE *out, const json_t *part);
void ax_inspect_network(FILE *out, const json_t *part);
void ax_inspect_disks(FILE *out, const json_t *part);
void ax_inspect_filesystems(FILE *out, const json_t *part);

#endif
