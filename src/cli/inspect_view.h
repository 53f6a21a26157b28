// SPDX-License-Identifier: Apache-2.0
/* What `auspex inspect` prints of a reading (the JSON of ax_reading_json), whoever has read it:
 * a worker of ours, or a server. */
#ifndef AX_CLI_INSPECT_VIEW_H
#define AX_CLI_INSPECT_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define AX_INSPECT_WORDS "ps, dmesg, mem, modules, net, integrity, storage, stacks or all"

/* The parts (enum ax_part, vmi/vmi.h) that a word of the command line asks for; 0: no such word.
 */
unsigned ax_inspect_parts(const char *word);

/* Each part that is there, as a table or as text, and why those are missing that are. False: what
 * was seen is not well (the guest has panicked or oopsed, or something in its kernel was tampered
 * with). */
bool ax_inspect_show(FILE *out, const json_t *reading);
/* The same of a reading that is not shown. */
bool ax_inspect_well(const json_t *reading);

#endif
