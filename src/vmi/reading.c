// SPDX-License-Identifier: Apache-2.0
#include "vmi/reading_put.h"

const char *const ax_part_names[AX_PARTS] = {
    "system", "memory", "network", "storage", "processes", "modules", "integrity", "log", "stacks"};
const char *const ax_cpu_mode_names[AX_CPU_MODES] = {"user",   "nice", "system",  "idle",
                                                     "iowait", "irq",  "softirq", "steal"};
static void put_missing(struct ax_json *j, const struct ax_reading *r)
{
    ax_json_key(j, "missing");
    ax_json_arr(j);
    for (size_t i = 0; i < r->n_missing; i++) {
        ax_json_obj(j);
        ax_put_str(j, "part", ax_str(ax_part_names[__builtin_ctz(r->missing[i].part)]));
        ax_put_str(j, "reason", r->missing[i].reason);
        ax_json_end(j);
    }
    ax_json_end(j);
}

static void put_parts(struct ax_json *j, const struct ax_reading *r)
{
    if (r->parts & AX_PART_SYSTEM)
        ax_put_system(j, &r->system);
    if (r->parts & AX_PART_MEMORY)
        ax_put_memory(j, &r->memory);
    for (unsigned i = 0; i < AX_PARTS; i++)
        if (r->parts >> i & 1)
            ax_put_lists(j, r, (enum ax_part)(1u << i));
}

void ax_reading_json(struct ax_json *j, const struct ax_reading *r)
{
    ax_json_obj(j);
    ax_put_str(j, "kernel", r->kernel);
    ax_put_str(j, "build_id", r->build_id);
    ax_put_num(j, "attach_seconds", (double)r->attach_ns / 1e9);
    ax_put_num(j, "poll_seconds", (double)r->poll_ns / 1e9);
    put_parts(j, r);
    put_missing(j, r);
    ax_json_end(j);
}
