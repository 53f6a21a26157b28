// SPDX-License-Identifier: Apache-2.0
/* Looks that somebody has asked for. Whoever asks once asks again: the way into the VM is kept for
 * a while. */
#include "collect/vmi/sight.h"

#include <errno.h>
#include <stdlib.h>

#define KEEP_NS 30000000000ll

static void drop(struct ax_sight *s, struct ax_sight_kept *k)
{
    if (k->eye)
        s->o.eye.close(k->eye);
    free(k->handle);
    *k = (struct ax_sight_kept){0};
}

void ax_sight_forget_kept(struct ax_sight *s)
{
    for (size_t i = 0; i < AX_SIGHT_KEPT; i++)
        drop(s, &s->kept[i]);
    ax_sight_forget_extracts(s);
}

void ax_sight_rest(struct ax_sight *s, int64_t now_ns)
{
    for (size_t i = 0; i < AX_SIGHT_KEPT; i++)
        if (s->kept[i].eye && now_ns - s->kept[i].used_ns > KEEP_NS)
            drop(s, &s->kept[i]);
    ax_sight_rest_extracts(s, now_ns);
}

static struct ax_sight_kept *find_kept(struct ax_sight *s, struct ax_str handle,
                                       enum ax_scope scope)
{
    struct ax_sight_kept *oldest = &s->kept[0];
    for (size_t i = 0; i < AX_SIGHT_KEPT; i++) {
        struct ax_sight_kept *k = &s->kept[i];
        if (k->eye && k->scope == scope && ax_str_eq(ax_str(k->handle), handle))
            return k;
        if (!k->eye || (oldest->eye && k->used_ns < oldest->used_ns))
            oldest = k;
    }
    drop(s, oldest);
    return oldest;
}

static int open_kept(struct ax_sight *s, struct ax_sight_kept *k, struct ax_str handle,
                     enum ax_scope scope, int pid, struct ax_err *err)
{
    struct ax_sight_vm vm = {.uuid = {handle.p + 3, handle.n - 3}, .pid = pid};
    if (k->eye)
        return 0;
    int rc = s->o.eye.open(s->o.eye.ctx, &vm, scope, &k->eye, err);
    if (rc < 0) {
        k->eye = NULL;
        return rc;
    }
    k->handle = ax_malloc(handle.n + 1);
    memcpy(k->handle, handle.p, handle.n);
    k->handle[handle.n] = '\0';
    k->scope = scope;
    return 0;
}

int ax_sight_find_running(struct ax_sight *s, struct ax_str handle, struct ax_sight_known *vm,
                          struct ax_err *err)
{
    pthread_mutex_lock(&s->lock);
    bool here = ax_sight_find(s, handle, vm);
    pthread_mutex_unlock(&s->lock);
    if (!here)
        return ax_fail(err, -ESRCH, "%.*s is not on this host", AX_STR_ARG(handle));
    if (!vm->runs)
        return ax_fail(err, -ESRCH, "%s is not running: it has no memory to look into", vm->name);
    return 0;
}

/* What the server would not take in is not sent either: whoever asked is told why. */
static int ask(struct ax_sight *s, struct ax_sight_kept *k, unsigned parts, struct ax_buf *json,
               struct ax_err *err)
{
    size_t before = json->n;
    int rc = s->o.eye.ask(k->eye, parts, json, err);
    if (rc == 0)
        rc = ax_reading_check_bounds((struct ax_str){json->p + before, json->n - before}, err);
    if (rc < 0)
        json->n = before;
    return rc;
}

/* What was kept may be of no use any more (another QEMU has taken the place of the first): then it
 * is tried anew, once. */
int ax_sight_look(struct ax_sight *s, struct ax_str handle, enum ax_scope scope, unsigned parts,
                  struct ax_buf *json, struct ax_err *err)
{
    struct ax_sight_known vm;
    int rc = ax_sight_find_running(s, handle, &vm, err);
    if (rc < 0)
        return rc;
    struct ax_sight_kept *k = find_kept(s, handle, scope);
    for (bool old = k->eye != NULL;; old = false) {
        rc = open_kept(s, k, handle, scope, vm.pid, err);
        if (rc == 0)
            rc = ask(s, k, parts, json, err);
        if (rc == 0)
            k->used_ns = ax_mono_ns();
        else
            drop(s, k);
        if (rc == 0 || !old)
            return rc;
    }
}
