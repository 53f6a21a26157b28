// SPDX-License-Identifier: Apache-2.0
#include "vmi/worker.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* The plans of this guest's last kernels, for when it reboots. They are never shared between
 * guests: this process has read one guest's memory, and its word is worth no more than that. */
#define PLANS 4
static struct {
    char key[40];
    struct ax_buf text;
} plans[PLANS];

static bool get_plan(void *self, const char *key, struct ax_buf *out)
{
    (void)self;
    for (size_t i = 0; i < PLANS; i++) {
        if (strcmp(plans[i].key, key) != 0)
            continue;
        ax_buf_str(out, ax_buf_view(&plans[i].text));
        return true;
    }
    return false;
}

static void put_plan(void *self, const char *key, struct ax_str plan)
{
    static size_t next;
    size_t i = next++ % PLANS;
    (void)self;
    snprintf(plans[i].key, sizeof plans[i].key, "%s", key);
    ax_buf_clear(&plans[i].text);
    ax_buf_str(&plans[i].text, plan);
}

static int attach(void **out, struct ax_ram *ram, enum ax_scope scope, struct ax_err *err)
{
    static const struct ax_plan_store store = {.get = get_plan, .put = put_plan};
    struct ax_vmi *v;
    const struct ax_vmi_options o = {.scope = scope, .plans = &store, .now_ms = ax_now_ms()};
    int rc = ax_vmi_attach(&v, ram, &o, err);
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

/* Straight out of the process: what others would do at exit is none of a locked-in worker's. */
int ax_inspector_worker(void)
{
    static const struct ax_worker_reader reader = {attach, read_parts, detach};
    _exit(ax_worker_serve(&reader));
}
