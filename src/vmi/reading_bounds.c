// SPDX-License-Identifier: Apache-2.0
#include "base/json_bounds.h"
#include "vmi/inspector.h"

#define LONG_LIST  65536u /* processes, messages: beyond, what is known of each is over 32 MiB */
#define OF_PROCESS 18u    /* values, with the object itself */
#define OF_MESSAGE 6u
#define REST       150000u /* file systems, modules, devices, disks, stacks, numbers */
#define REST_LISTS 16384u
#define DEPTH      8u /* stacks: 4, and what a collector wraps them in */

int ax_reading_check_bounds(struct ax_str json, struct ax_err *err)
{
    static const struct ax_json_bounds max = {
        .values = LONG_LIST * (OF_PROCESS + OF_MESSAGE) + REST,
        .lists = LONG_LIST * 2 + REST_LISTS,
        .depth = DEPTH,
    };
    return ax_json_check_bounds(json, &max, err);
}
