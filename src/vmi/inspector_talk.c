// SPDX-License-Identifier: Apache-2.0
/* What an inspector hears of its worker, of which it believes nothing. */
#include "vmi/inspector_inner.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_PAUSE_MS 500
#define LAST_PAUSE_MS  30000
#define PLANS_MAX      8 /* words about plans in one start */

/* ---- failures ---- */

int ax_inspector_failed(struct ax_inspector *i, struct ax_err *err)
{
    i->pause_ms = i->pause_ms ? i->pause_ms * 2 : FIRST_PAUSE_MS;
    if (i->pause_ms > LAST_PAUSE_MS)
        i->pause_ms = LAST_PAUSE_MS;
    i->not_before_ms = ax_inspector_now_ms() + i->pause_ms;
    snprintf(i->failure, sizeof i->failure, "%s", err->text);
    return err->code;
}

static int too_late(struct ax_inspector *i, int ms, struct ax_err *err)
{
    ax_inspector_end(i);
    i->counts.late++;
    return ax_fail(err, -ETIMEDOUT, "the guest's memory could not be read within %d ms", ms);
}

/* The socket is at its end: the worker is dead, or as good as that. */
static int has_died(struct ax_inspector *i, struct ax_err *err)
{
    int status = 0, waited = 0;
    for (; waited < 1000 && waitpid(i->pid, &status, WNOHANG) == 0; waited += 5)
        ax_sleep_ms(5);
    if (waited < 1000)
        i->pid = 0; /* it is buried */
    ax_inspector_end(i);
    i->counts.died++;
    int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (sig == SIGBUS)
        return ax_fail(err, -EIO, "the guest's memory went away while it was read");
    if (sig == SIGSYS)
        return ax_fail(err, -EIO, "the reading process tried what it may not do, and was ended");
    if (sig)
        return ax_fail(err, -EIO, "the reading process was ended by signal %d (%s)", sig,
                       strsignal(sig));
    return ax_fail(err, -EIO, "the reading process ended with status %d", WEXITSTATUS(status));
}

int ax_inspector_nonsense(struct ax_inspector *i, struct ax_err *err)
{
    ax_inspector_end(i);
    i->counts.died++;
    return ax_fail(err, -EIO, "the reading process answered nonsense, and was ended");
}

/* ---- talking ---- */

int ax_inspector_tell(struct ax_inspector *i, const void *p, size_t n, struct ax_err *err)
{
    /* It fits into the socket's buffer: the worker reads nothing ahead, and plans are small. */
    ssize_t sent = send(i->socket, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent == (ssize_t)n ? 0 : has_died(i, err);
}

static int receive(struct ax_inspector *i, void *out, size_t n, int64_t deadline, int ms,
                   struct ax_err *err)
{
    for (char *to = out; n > 0;) {
        ssize_t got = recv(i->socket, to, n, MSG_DONTWAIT);
        if (got > 0) {
            to += got;
            n -= (size_t)got;
            continue;
        }
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            return has_died(i, err);
        int64_t left = deadline - ax_inspector_now_ms();
        struct pollfd f = {.fd = i->socket, .events = POLLIN};
        if (left <= 0 || (poll(&f, 1, (int)left) == 0))
            return too_late(i, ms, err);
    }
    return 0;
}

/* The worker asks for a plan. It gets the one that the last worker has made of this guest's kernel,
 * and never another guest's: a worker's word is worth no more than its guest's. */
static int give_plan(struct ax_inspector *i, const char *key, struct ax_err *err)
{
    struct ax_str plan = strcmp(key, i->key) == 0 ? ax_buf_view(&i->plan) : AX_STR_NULL;
    struct ax_worker_plan head = {(uint32_t)plan.n};
    int rc = ax_inspector_tell(i, &head, sizeof head, err);
    return rc == 0 && plan.n ? ax_inspector_tell(i, plan.p, plan.n, err) : rc;
}

static void keep_plan(struct ax_inspector *i, const char *key, const char *plan, size_t n)
{
    ax_buf_clear(&i->plan);
    ax_buf_add(&i->plan, plan, n);
    memcpy(i->key, key, sizeof i->key);
}

static bool is_key(const char *key)
{
    return strspn(key, "0123456789abcdef") == AX_WORKER_KEY;
}

/* What comes before the answer: about plans. */
static int talk_of_plan(struct ax_inspector *i, const struct ax_worker_answer *a, int64_t deadline,
                        int ms, struct ax_err *err)
{
    char key[AX_WORKER_KEY + 1] = "";
    if (a->len < AX_WORKER_KEY || a->len > AX_WORKER_KEY + AX_WORKER_PLAN)
        return ax_inspector_nonsense(i, err);
    size_t n = a->len - AX_WORKER_KEY;
    AX_CLEANUP(ax_free_ptr) char *plan = ax_malloc(n + 1);
    int rc = receive(i, key, AX_WORKER_KEY, deadline, ms, err);
    if (rc == 0)
        rc = receive(i, plan, n, deadline, ms, err);
    if (rc < 0)
        return rc;
    if (!is_key(key) || (a->code == AX_WORKER_WANTS_PLAN) != (n == 0))
        return ax_inspector_nonsense(i, err);
    if (a->code == AX_WORKER_WANTS_PLAN)
        return give_plan(i, key, err);
    keep_plan(i, key, plan, n);
    return 0;
}

/* The head of an answer, after what is to be said of plans. */
static int take_head(struct ax_inspector *i, bool starting, int64_t deadline, int ms,
                     struct ax_worker_answer *a, struct ax_err *err)
{
    for (int n = 0; n < PLANS_MAX; n++) {
        int rc = receive(i, a, sizeof *a, deadline, ms, err);
        if (rc < 0)
            return rc;
        if (a->magic != AX_WORKER_MAGIC || a->code > AX_WORKER_HAS_PLAN || a->code < -4095 ||
            (a->code > 0 && !starting))
            return ax_inspector_nonsense(i, err);
        if (a->code <= 0)
            return 0;
        rc = talk_of_plan(i, a, deadline, ms, err);
        if (rc < 0)
            return rc;
    }
    return ax_inspector_nonsense(i, err);
}

int ax_inspector_take(struct ax_inspector *i, bool starting, int ms, struct ax_buf *json,
                      bool *fatal, struct ax_err *err)
{
    int64_t deadline = ax_inspector_now_ms() + ms;
    struct ax_worker_answer a;
    char text[AX_ERR_TEXT] = "";
    *fatal = true;
    int rc = take_head(i, starting, deadline, ms, &a, err);
    if (rc < 0)
        return rc;
    if (a.code && a.len >= sizeof text)
        return ax_inspector_nonsense(i, err);
    if (a.len > AX_WORKER_JSON) {
        ax_inspector_end(i);
        i->counts.died++;
        return ax_fail(err, -E2BIG, "the answer would be over %u MiB", AX_WORKER_JSON >> 20);
    }
    if (a.code == 0) {
        char *to = a.len ? ax_buf_reserve(json, a.len) : text;
        rc = to ? receive(i, to, a.len, deadline, ms, err)
                : ax_fail(err, -E2BIG, "no room for an answer of %" PRIu32 " bytes", a.len);
        *fatal = rc < 0;
        json->n += rc == 0 ? a.len : 0;
        return rc;
    }
    rc = receive(i, text, a.len, deadline, ms, err);
    *fatal = rc < 0;
    return rc < 0 ? rc : ax_fail(err, a.code, "%s", text);
}
