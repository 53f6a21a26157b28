// SPDX-License-Identifier: Apache-2.0
/* Extracts of memory that the server has begun: each has a worker of its own from its begin to its
 * end, so that another QEMU is never taken for the first. */
#include "collect/vmi/sight.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define KEEP_NS 60000000000ll

static void drop(struct ax_sight *s, struct ax_sight_extracted *x)
{
    if (x->eye)
        s->o.eye.close(x->eye);
    free(x->handle);
    *x = (struct ax_sight_extracted){0};
}

void ax_sight_forget_extracts(struct ax_sight *s)
{
    for (size_t i = 0; i < AX_SIGHT_EXTRACTS; i++)
        drop(s, &s->extracts[i]);
}

void ax_sight_rest_extracts(struct ax_sight *s, int64_t now_ns)
{
    for (size_t i = 0; i < AX_SIGHT_EXTRACTS; i++)
        if (s->extracts[i].eye && now_ns - s->extracts[i].used_ns > KEEP_NS)
            drop(s, &s->extracts[i]);
}

static struct ax_sight_extracted *find(struct ax_sight *s, struct ax_str id)
{
    for (size_t i = 0; i < AX_SIGHT_EXTRACTS; i++)
        if (ax_str_eq(ax_str(s->extracts[i].id), id))
            return &s->extracts[i];
    return NULL;
}

static int begin(struct ax_sight *s, const struct ax_sight_extract *q, int pid,
                 struct ax_sight_extracted **out, struct ax_err *err)
{
    struct ax_sight_vm vm = {.uuid = {q->handle.p + 3, q->handle.n - 3}, .pid = pid};
    ax_sight_rest_extracts(s, ax_mono_ns());
    struct ax_sight_extracted *x = find(s, AX_STR(""));
    if (!x)
        return ax_fail(err, -EAGAIN, "%d extracts are under way on this host, and no more at once",
                       AX_SIGHT_EXTRACTS);
    int rc = s->o.eye.open_extract(s->o.eye.ctx, &vm, &x->eye, err);
    if (rc < 0) {
        x->eye = NULL;
        return rc;
    }
    snprintf(x->id, sizeof x->id, "%.*s", AX_STR_ARG(q->id));
    x->handle = ax_malloc(q->handle.n + 1);
    memcpy(x->handle, q->handle.p, q->handle.n);
    x->handle[q->handle.n] = '\0';
    *out = x;
    return 0;
}

int ax_sight_extract_map(struct ax_sight *s, const struct ax_sight_extract *q,
                         struct ax_memory_map *out, struct ax_err *err)
{
    struct ax_sight_known vm;
    struct ax_sight_extracted *x;
    int rc = q->id.n == AX_UUID_TEXT - 1 ? ax_sight_find_running(s, q->handle, &vm, err)
                                         : ax_fail(err, -EINVAL, "no extract's id");
    if (rc == 0)
        rc = begin(s, q, vm.pid, &x, err);
    if (rc < 0)
        return rc;
    rc = s->o.eye.map(x->eye, out, err);
    x->used_ns = ax_mono_ns();
    if (rc < 0)
        drop(s, x);
    return rc;
}

int ax_sight_extract_piece(struct ax_sight *s, const struct ax_sight_extract *q, struct ax_buf *out,
                           struct ax_err *err)
{
    struct ax_sight_known vm;
    struct ax_sight_extracted *x = q->id.n ? find(s, q->id) : NULL;
    if (!x || !ax_str_eq(ax_str(x->handle), q->handle))
        return ax_fail(err, -ESRCH,
                       "the extract is not under way on its host any more: the collector there "
                       "was restarted, or was not asked for a minute");
    int rc = ax_sight_find_running(s, q->handle, &vm, err);
    if (rc == 0)
        rc = s->o.eye.piece(x->eye, q->from, q->bytes, out, err);
    x->used_ns = ax_mono_ns();
    if (rc < 0)
        drop(s, x);
    return rc;
}

void ax_sight_extract_end(struct ax_sight *s, struct ax_str id)
{
    struct ax_sight_extracted *x = id.n ? find(s, id) : NULL;
    if (x)
        drop(s, x);
}
