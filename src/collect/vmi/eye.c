// SPDX-License-Identifier: Apache-2.0
/* The real way to look: find the memory of the VM's QEMU, and have a worker in a sandbox read it.
 */
#include "collect/vmi/sight.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

struct eye {
    struct ax_inspector *inspector;
    int process; /* shared memory outlives its QEMU, and would be taken for the guest's */
};

static int find(const struct ax_sight_vm *vm, int *process, struct ax_guest_memory *out,
                struct ax_err *err)
{
    pid_t pid = vm->pid;
    int rc = pid > 0 ? 0 : ax_guest_process_find("/proc", vm->uuid, &pid, err);
    if (rc < 0)
        return rc;
    *process = (int)syscall(SYS_pidfd_open, pid, 0);
    if (*process < 0)
        return ax_fail_errno(err, "process %d", (int)pid);
    return ax_guest_memory_find("/proc", pid, out, err);
}

static bool has_ended(int process)
{
    struct pollfd p = {.fd = process, .events = POLLIN};
    return poll(&p, 1, 0) != 0;
}

/* The process may have become another since the last round: only the memory of a QEMU that says it
 * is this VM is taken for it. */
static int check(const struct ax_sight_vm *vm, const struct ax_guest_memory *m, struct ax_err *err)
{
    struct ax_str handle = ax_str(m->handle);
    if (ax_str_starts(handle, AX_STR("vm:")) &&
        ax_str_eq((struct ax_str){handle.p + 3, handle.n - 3}, vm->uuid))
        return 0;
    return ax_fail(err, -ESRCH, "process %d is not the QEMU of vm:%.*s", vm->pid,
                   AX_STR_ARG(vm->uuid));
}

#define EXTRACT_MS 18000 /* of a piece: it may have to be swapped in */

static int open_with(const struct ax_sight_vm *vm, const struct ax_inspector_options *o, void **out,
                     struct ax_err *err)
{
    struct eye e = {.process = -1};
    struct ax_guest_memory m = {.place.fd = -1};
    int rc = find(vm, &e.process, &m, err);
    if (rc == 0)
        rc = check(vm, &m, err);
    if (rc == 0)
        rc = ax_inspector_new(&e.inspector, &m.place, o, err);
    ax_close_fd(&m.place.fd);
    if (rc < 0) {
        ax_close_fd(&e.process);
        return rc;
    }
    struct eye *eye = ax_calloc(1, sizeof *eye);
    *eye = e;
    *out = eye;
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

static int ask(void *handle, unsigned parts, struct ax_buf *json, struct ax_err *err)
{
    struct eye *e = handle;
    if (has_ended(e->process))
        return ax_fail(err, -ESRCH, "its QEMU has ended");
    return ax_inspector_ask(e->inspector, parts, json, err);
}

static void close_eye(void *handle)
{
    struct eye *e = handle;
    ax_inspector_free(e->inspector);
    ax_close_fd(&e->process);
    free(e);
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
