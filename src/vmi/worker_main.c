// SPDX-License-Identifier: Apache-2.0
#include "vmi/worker.h"

#include <errno.h>
#include <unistd.h>

static int attach(void **out, struct ax_ram *ram, const struct ax_vmi_options *o,
                  struct ax_err *err)
{
    struct ax_vmi *v;
    int rc = ax_vmi_attach(&v, ram, o, err);
    if (rc == 0)
        *out = v;
    return rc;
}

/* A part that could not be read is no error as long as another could: it is in `missing`. */
static int read_parts(void *v, unsigned parts, struct ax_buf *json, struct ax_err *err)
{
    static struct ax_arena a;
    struct ax_reading r = {0};
    struct ax_json j = {.out = json};
    ax_arena_reset(&a);
    int rc = ax_vmi_read(v, parts, &a, &r, err);
    if (rc < 0 && (rc == -EPERM || rc == -ESTALE || r.parts == 0))
        return rc;
    ax_reading_json(&j, &r);
    return 0;
}

static void detach(void *v)
{
    ax_vmi_detach(v);
}

static struct ax_str vmcoreinfo(void *v)
{
    return ax_vmi_vmcoreinfo(v);
}

/* Straight out of the process: what others would do at exit is none of a locked-in worker's. */
int ax_inspector_worker(void)
{
    static const struct ax_worker_reader reader = {attach, read_parts, detach, vmcoreinfo};
    _exit(ax_worker_serve(&reader));
}
