// SPDX-License-Identifier: Apache-2.0
#include "vmi/worker.h"

#include "base/clock.h"
#include "base/file.h"
#include "vmi/sandbox.h"
#include "vmi/worker_pieces.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#define LAYOUTS 2 /* of one piece */
#define WAYS    AX_PIECES_WAYS

struct worker {
    const struct ax_worker_reader *reader;
    struct ax_worker_hello hello;
    struct ax_ram *rams[WAYS];    /* one for each layout that may be the guest's */
    struct ax_ram *extract[WAYS]; /* the same once more, for extracts; NULL: none are made */
    struct ax_worker_pieces pieces;
    size_t layout; /* that the kernel was found by */
    void *attached;
    struct ax_plan_store plans;
};

/* False: the inspector has hung up. */
static bool hear(void *out, size_t n)
{
    for (char *to = out; n > 0;) {
        ssize_t got = read(AX_WORKER_SOCKET, to, n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        to += got;
        n -= (size_t)got;
    }
    return true;
}

static bool say_two(int code, struct ax_str first, struct ax_str second)
{
    struct ax_worker_answer a = {AX_WORKER_MAGIC, code, (uint32_t)(first.n + second.n)};
    return ax_write_all(AX_WORKER_SOCKET, &a, sizeof a) == 0 &&
           ax_write_all(AX_WORKER_SOCKET, first.p, first.n) == 0 &&
           ax_write_all(AX_WORKER_SOCKET, second.p, second.n) == 0;
}

static bool say(int code, struct ax_str text)
{
    return say_two(code, text, AX_STR_NULL);
}

/* The inspector keeps the plans: it has files, we have none. */
static bool get_plan(void *self, const char *key, struct ax_buf *out)
{
    struct ax_worker_plan plan;
    (void)self;
    if (!say(AX_WORKER_WANTS_PLAN, ax_str(key)) || !hear(&plan, sizeof plan) || plan.len == 0 ||
        plan.len > AX_WORKER_PLAN)
        return false;
    char *to = ax_buf_reserve(out, plan.len);
    if (!to || !hear(to, plan.len))
        return false;
    out->n += plan.len;
    return true;
}

static void put_plan(void *self, const char *key, struct ax_str plan)
{
    (void)self;
    if (plan.n <= AX_WORKER_PLAN)
        say_two(AX_WORKER_HAS_PLAN, ax_str(key), plan);
}

/* CPU time from now on, after which the kernel ends us: the inspector's deadline has passed long
 * before, but it may be gone. */
static void allow(uint64_t ms)
{
    struct itimerval t = {.it_value = {.tv_sec = (time_t)(ms / 1000) + 1}};
    setitimer(ITIMER_PROF, &t, NULL);
}

static int open_blocks(const struct ax_ram_place *p, const struct ax_ram_block *blocks, size_t n,
                       struct ax_ram **out, struct ax_err *err)
{
    if (p->kind == AX_RAM_PROCESS)
        return ax_ram_open_process(out, p->pid, blocks, n, err);
    return ax_ram_open_file(out, AX_WORKER_MEMORY, blocks, n, err);
}

static int open_layouts(const struct ax_ram_place *p, struct ax_ram *rams[LAYOUTS],
                        struct ax_err *err)
{
    struct ax_ram_block blocks[2];
    size_t n, found = 0;
    int rc = 0;
    for (unsigned which = 0; which < LAYOUTS && rc == 0; which++) {
        n = ax_ram_layout(p->size, which, blocks);
        for (size_t i = 0; i < n; i++)
            blocks[i].at += p->base;
        if (n)
            rc = open_blocks(p, blocks, n, &rams[found++], err);
    }
    return rc == 0 && found == 0 ? ax_fail(err, -EINVAL, "the guest has no memory") : rc;
}

static int open_rams(const struct ax_ram_place *p, struct ax_ram *rams[LAYOUTS], struct ax_err *err)
{
    if (p->kind == AX_RAM_ELF)
        return ax_ram_open_elf(&rams[0], AX_WORKER_MEMORY, err);
    if (p->n_blocks)
        return open_blocks(p, p->blocks, p->n_blocks, &rams[0], err);
    return open_layouts(p, rams, err);
}

/* What is extracted is opened for that alone: with any lesser scope there is nothing to read. */
static int open_memory(struct worker *w, struct ax_err *err)
{
    const struct ax_ram_place *p = &w->hello.place;
    if (w->hello.extracts && w->hello.scope != AX_SCOPE_FORENSIC)
        return ax_fail(err, -EPERM, "memory is extracted with the scope forensic only");
    if (p->kind == AX_RAM_PIECES)
        return ax_worker_pieces_open(&w->pieces, p, err);
    int rc = open_rams(p, w->rams, err);
    if (rc == 0 && w->hello.extracts)
        rc = open_rams(p, w->extract, err);
    if (p->kind != AX_RAM_PROCESS)
        close(AX_WORKER_MEMORY); /* the rams have their own */
    return rc;
}

/* The layout under which a kernel is found is the right one. The first error is the one that is
 * told: where there is no kernel, there is none either way. */
static int attach(struct worker *w, struct ax_err *err)
{
    struct ax_err later;
    const struct ax_vmi_options o = {
        .scope = (enum ax_scope)w->hello.scope, .plans = &w->plans, .now_ms = ax_now_ms()};
    w->plans = (struct ax_plan_store){.secret = w->hello.secret, .get = get_plan, .put = put_plan};
    int rc = -ENOENT;
    for (size_t i = 0; i < WAYS && !w->attached && w->rams[i]; i++) {
        struct ax_ram *ram = w->rams[i];
        w->rams[i] = NULL;
        int tried = w->reader->attach(&w->attached, ram, &o, i == 0 ? err : &later);
        if (i == 0 || tried == 0)
            rc = tried;
        if (tried == 0) {
            w->layout = i;
            w->pieces.ram = ram;
        }
    }
    for (size_t i = 0; i < WAYS; i++) {
        ax_ram_close(w->rams[i]);
        w->rams[i] = NULL;
    }
    return rc;
}

static int begin(struct worker *w, struct ax_err *err)
{
    int rc = open_memory(w, err);
    if (rc == 0)
        rc = ax_sandbox_enter(AX_WORKER_SOCKET, w->hello.place.pid, err);
    if (rc < 0)
        return rc;
    allow(w->hello.budget_ms);
    if (w->hello.place.kind == AX_RAM_PIECES)
        rc = ax_worker_pieces_join(&w->pieces, w->rams, w->hello.extracts ? w->extract : NULL, err);
    if (rc < 0)
        return rc;
    rc = w->hello.blind ? 0 : attach(w, err);
    if (!w->attached && w->pieces.n_rams && w->extract[1])
        return ax_fail(err, -ENOTUNIQ,
                       "the VM's RAM is in pieces, and without its kernel it is not known which is "
                       "which");
    return w->hello.extracts ? 0 : rc;
}

/* ---- answers ---- */

static int look(struct worker *w, const struct ax_worker_request *q, struct ax_buf *json,
                struct ax_err *err)
{
    if (!w->attached) /* only one for extracts comes so far without */
        return ax_fail(err, -ENOENT, "no kernel was found");
    if (ax_worker_pieces_news(&w->pieces))
        return ax_fail(err, -ESTALE, "memory was plugged into the guest");
    return w->reader->read(w->attached, q->parts, json, err);
}

static void put_map(struct worker *w, struct ax_ram *ram, struct ax_buf *out)
{
    struct ax_memory_map m = {0};
    const struct ax_ram_block *blocks;
    struct ax_str text = AX_STR("");
    if (w->attached && w->reader->vmcoreinfo)
        text = w->reader->vmcoreinfo(w->attached);
    m.n = ax_ram_blocks(ram, &blocks);
    memcpy(m.blocks, blocks, m.n * sizeof *blocks);
    m.vmcoreinfo_n = text.n <= sizeof m.vmcoreinfo ? text.n : 0;
    if (m.vmcoreinfo_n)
        memcpy(m.vmcoreinfo, text.p, m.vmcoreinfo_n);
    m.left_out = w->pieces.left_out[w->layout];
    ax_buf_add(out, &m, sizeof m);
}

/* Guest-physical memory, without a translation: user space, too. */
static int extract(struct worker *w, const struct ax_worker_request *q, struct ax_buf *out,
                   struct ax_err *err)
{
    struct ax_ram *ram = w->extract[w->layout];
    if (w->hello.scope != AX_SCOPE_FORENSIC || !ram)
        return ax_fail(err, -EPERM, "this needs scope forensic, and %s is granted",
                       ax_scope_name((enum ax_scope)w->hello.scope));
    if (q->what == AX_WORKER_EXTRACT)
        return ax_piece_read(ram, q->gpa, q->bytes, out, err);
    put_map(w, ram, out);
    return 0;
}

static bool answer(struct worker *w, const struct ax_worker_request *q)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf json = {.max = AX_WORKER_JSON};
    struct ax_err err = {0};
    allow(q->budget_ms);
    int rc = q->what == AX_WORKER_LOOK ? look(w, q, &json, &err) : extract(w, q, &json, &err);
    if (rc == 0 && json.overflow)
        rc = ax_fail(&err, -E2BIG, "the answer would be over %u MiB", AX_WORKER_JSON >> 20);
    return say(rc, rc < 0 ? ax_str(err.text) : ax_buf_view(&json)) && rc != -ESTALE;
}

int ax_worker_serve(const struct ax_worker_reader *reader)
{
    struct worker w = {.reader = reader};
    struct ax_worker_request q;
    struct ax_err err = {0};
    if (!hear(&w.hello, sizeof w.hello) || w.hello.magic != AX_WORKER_MAGIC)
        return 2;
    int rc = begin(&w, &err);
    bool on = say(rc, rc < 0 ? ax_str(err.text) : AX_STR_NULL) && rc == 0;
    while (on && hear(&q, sizeof q) && q.magic == AX_WORKER_MAGIC)
        on = answer(&w, &q);
    if (w.attached)
        reader->detach(w.attached);
    for (size_t i = 0; i < WAYS; i++)
        ax_ram_close(w.extract[i]);
    ax_worker_pieces_close(&w.pieces);
    return 0;
}
