// SPDX-License-Identifier: Apache-2.0
/* The real way to look: find the memory of the VM's QEMU, and have a worker in a sandbox read it.
 */
#include "collect/vmi/sight.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

struct eye {
    struct ax_inspector_options o;
    char uuid[AX_UUID_TEXT];
    pid_t pid;
    int process; /* shared memory outlives its QEMU, and would be taken for the guest's */
    struct ax_guest_memory memory;  /* its descriptors are the inspector's */
    struct ax_inspector *inspector; /* NULL: it is to be attached anew */
};

static int find_process(struct eye *e, int pid, struct ax_err *err)
{
    e->pid = pid;
    int rc = pid > 0 ? 0 : ax_guest_process_find("/proc", ax_str(e->uuid), &e->pid, err);
    if (rc < 0)
        return rc;
    e->process = (int)syscall(SYS_pidfd_open, e->pid, 0);
    return e->process < 0 ? ax_fail_errno(err, "process %d", (int)e->pid) : 0;
}

static bool has_ended(int process)
{
    struct pollfd p = {.fd = process, .events = POLLIN};
    return poll(&p, 1, 0) != 0;
}

/* The process may have become another since the last round: only the memory of a QEMU that says it
 * is this VM is taken for it. */
static int check(const struct eye *e, struct ax_err *err)
{
    struct ax_str handle = ax_str(e->memory.handle);
    if (ax_str_starts(handle, AX_STR("vm:")) &&
        ax_str_eq((struct ax_str){handle.p + 3, handle.n - 3}, ax_str(e->uuid)))
        return 0;
    return ax_fail(err, -ESRCH, "process %d is not the QEMU of vm:%s", (int)e->pid, e->uuid);
}

static int attach(struct eye *e, struct ax_err *err)
{
    e->memory = (struct ax_guest_memory){.place.fd = -1};
    int rc = ax_guest_memory_find("/proc", e->pid, &e->memory, err);
    if (rc == 0)
        rc = check(e, err);
    if (rc == 0)
        rc = ax_inspector_new(&e->inspector, &e->memory.place, &e->o, err);
    ax_ram_place_close(&e->memory.place);
    return rc;
}

static void detach(struct eye *e)
{
    ax_inspector_free(e->inspector);
    e->inspector = NULL;
}

static void close_eye(void *handle)
{
    struct eye *e = handle;
    detach(e);
    ax_close_fd(&e->process);
    free(e);
}

#define EXTRACT_MS 18000 /* of a piece: it may have to be swapped in */

static int open_with(const struct ax_sight_vm *vm, const struct ax_inspector_options *o, void **out,
                     struct ax_err *err)
{
    struct eye *e = ax_calloc(1, sizeof *e);
    e->o = *o;
    e->process = -1;
    snprintf(e->uuid, sizeof e->uuid, "%.*s", AX_STR_ARG(vm->uuid));
    int rc = find_process(e, vm->pid, err);
    if (rc == 0)
        rc = attach(e, err);
    if (rc < 0) {
        close_eye(e);
        return rc;
    }
    *out = e;
    return 0;
}

static int open_eye(void *ctx, const struct ax_sight_vm *vm, enum ax_scope scope, void **out,
                    struct ax_err *err)
{
    return open_with(vm, &(struct ax_inspector_options){.scope = scope}, out, err);
}

static int open_extract(void *ctx, const struct ax_sight_vm *vm, void **out, struct ax_err *err)
{
    const struct ax_inspector_options o = {
        .scope = AX_SCOPE_FORENSIC, .extracts = true, .poll_ms = EXTRACT_MS};
    return open_with(vm, &o, out, err);
}

static int map(void *handle, struct ax_memory_map *out, struct ax_err *err)
{
    struct eye *e = handle;
    return ax_inspector_map(e->inspector, out, err);
}

static int piece(void *handle, uint64_t gpa, uint64_t bytes, struct ax_buf *out, struct ax_err *err)
{
    struct eye *e = handle;
    if (has_ended(e->process))
        return ax_fail(err, -ESRCH, "its QEMU has ended");
    return ax_inspector_extract(e->inspector, gpa, bytes, out, err);
}

/* What was read while memory was plugged in or taken out may be of a place where something else is
 * by now: it is read again, of the memory as it is then. */
static int ask(void *handle, unsigned parts, struct ax_buf *json, struct ax_err *err)
{
    struct eye *e = handle;
    size_t before = json->n;
    if (has_ended(e->process))
        return ax_fail(err, -ESRCH, "its QEMU has ended");
    int rc = e->inspector ? 0 : attach(e, err);
    if (rc == 0)
        rc = ax_inspector_ask(e->inspector, parts, json, err);
    if (!e->inspector || !ax_guest_memory_changed("/proc", e->pid, &e->memory))
        return rc;
    json->n = before;
    detach(e);
    rc = attach(e, err);
    return rc < 0 ? rc : ax_inspector_ask(e->inspector, parts, json, err);
}

struct ax_eye ax_eye_real(void)
{
    return (struct ax_eye){.open = open_eye,
                           .ask = ask,
                           .close = close_eye,
                           .open_extract = open_extract,
                           .map = map,
                           .piece = piece};
}
