// SPDX-License-Identifier: Apache-2.0
#include "vmi/inspector.h"

#include "base/clock.h"
#include "vmi/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_MS       15000
#define POLL_MS        2000
#define FIRST_PAUSE_MS 500
#define LAST_PAUSE_MS  30000

struct ax_inspector {
    struct ax_ram_place place;
    struct ax_inspector_options o;
    pid_t pid; /* 0: no worker */
    int socket;
    int64_t pause_ms, not_before_ms; /* after a failure */
    char failure[AX_ERR_TEXT / 2];
    struct ax_inspector_counts counts;
    bool blind; /* extracts: the search for the kernel ended the worker */
    uint64_t secret;
    char key[AX_WORKER_KEY + 1]; /* of the plan; empty: there is none */
    struct ax_buf plan;
};

static int64_t mono_ms(void)
{
    return ax_mono_ns() / 1000000;
}

/* ---- descriptors of memory ---- */

static size_t descriptors(struct ax_ram_place *p, int **out)
{
    bool one = p->kind == AX_RAM_FILE || p->kind == AX_RAM_ELF;
    *out = p->kind == AX_RAM_PIECES ? p->pieces.fds : &p->fd;
    return p->kind == AX_RAM_PIECES ? p->pieces.n_fds : one;
}

void ax_ram_place_close(struct ax_ram_place *p)
{
    int *fds;
    size_t n = descriptors(p, &fds);
    for (size_t i = 0; i < n; i++) {
        ax_close_fd(&fds[i]);
        fds[i] = -1;
    }
}

/* Duplicates, none of them below `above`; errno says what is wrong. */
static bool duplicate(struct ax_ram_place *to, const struct ax_ram_place *from, int above)
{
    int *fds;
    bool ok = true;
    *to = *from;
    size_t n = descriptors(to, &fds);
    for (size_t i = 0; i < n; i++) {
        fds[i] = ok ? fcntl(fds[i], F_DUPFD_CLOEXEC, above) : -1;
        ok = ok && fds[i] >= 0;
    }
    if (!ok) {
        int saved = errno;
        ax_ram_place_close(to);
        errno = saved;
    }
    return ok;
}

int ax_inspector_new(struct ax_inspector **out, const struct ax_ram_place *place,
                     const struct ax_inspector_options *o, struct ax_err *err)
{
    const struct ax_ram_pieces *pieces = &place->pieces;
    if (place->n_blocks > AX_RAM_BLOCKS || pieces->n_slots > AX_RAM_BLOCKS ||
        pieces->n_found > AX_RAM_BLOCKS || pieces->n_fds > AX_RAM_BLOCKS)
        return ax_fail(err, -EINVAL, "the VM's RAM is in more than %d pieces", AX_RAM_BLOCKS);
    struct ax_inspector *i = ax_calloc(1, sizeof *i);
    if (!duplicate(&i->place, place, 3)) {
        free(i);
        return ax_fail_errno(err, "guest memory");
    }
    i->o = *o;
    i->o.start_ms = o->start_ms ? o->start_ms : START_MS;
    i->o.poll_ms = o->poll_ms ? o->poll_ms : POLL_MS;
    i->socket = -1;
    if (getrandom(&i->secret, sizeof i->secret, 0) < 0)
        i->secret = (uint64_t)ax_mono_ns();
    *out = i;
    return 0;
}

/* Ends the worker, however it fares; returns its wait status. */
static int end_worker(struct ax_inspector *i)
{
    int status = 0;
    ax_close_fd(&i->socket);
    i->socket = -1;
    if (i->pid) {
        kill(i->pid, SIGKILL);
        while (waitpid(i->pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    i->pid = 0;
    return status;
}

void ax_inspector_free(struct ax_inspector *i)
{
    if (!i)
        return;
    end_worker(i);
    ax_ram_place_close(&i->place);
    ax_buf_free(&i->plan);
    free(i);
}

struct ax_inspector_counts ax_inspector_counts(const struct ax_inspector *i)
{
    return i->counts;
}

/* ---- failures ---- */

static int failed(struct ax_inspector *i, struct ax_err *err)
{
    i->pause_ms = i->pause_ms ? i->pause_ms * 2 : FIRST_PAUSE_MS;
    if (i->pause_ms > LAST_PAUSE_MS)
        i->pause_ms = LAST_PAUSE_MS;
    i->not_before_ms = mono_ms() + i->pause_ms;
    snprintf(i->failure, sizeof i->failure, "%s", err->text);
    return err->code;
}

static int too_late(struct ax_inspector *i, int ms, struct ax_err *err)
{
    end_worker(i);
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
    end_worker(i);
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

static int nonsense(struct ax_inspector *i, struct ax_err *err)
{
    end_worker(i);
    i->counts.died++;
    return ax_fail(err, -EIO, "the reading process answered nonsense, and was ended");
}

/* ---- talking ---- */

static int tell(struct ax_inspector *i, const void *p, size_t n, struct ax_err *err)
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
        int64_t left = deadline - mono_ms();
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
    int rc = tell(i, &head, sizeof head, err);
    return rc == 0 && plan.n ? tell(i, plan.p, plan.n, err) : rc;
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
        return nonsense(i, err);
    size_t n = a->len - AX_WORKER_KEY;
    AX_CLEANUP(ax_free_ptr) char *plan = ax_malloc(n + 1);
    int rc = receive(i, key, AX_WORKER_KEY, deadline, ms, err);
    if (rc == 0)
        rc = receive(i, plan, n, deadline, ms, err);
    if (rc < 0)
        return rc;
    if (!is_key(key) || (a->code == AX_WORKER_WANTS_PLAN) != (n == 0))
        return nonsense(i, err);
    if (a->code == AX_WORKER_WANTS_PLAN)
        return give_plan(i, key, err);
    keep_plan(i, key, plan, n);
    return 0;
}

#define PLANS_MAX 8 /* words about plans in one start */

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
            return nonsense(i, err);
        if (a->code <= 0)
            return 0;
        rc = talk_of_plan(i, a, deadline, ms, err);
        if (rc < 0)
            return rc;
    }
    return nonsense(i, err);
}

/* An answer, which ends in *json, or as the error that it is. *fatal: no worker is left. */
static int take_answer(struct ax_inspector *i, bool starting, int ms, struct ax_buf *json,
                       bool *fatal, struct ax_err *err)
{
    int64_t deadline = mono_ms() + ms;
    struct ax_worker_answer a;
    char text[AX_ERR_TEXT] = "";
    *fatal = true;
    int rc = take_head(i, starting, deadline, ms, &a, err);
    if (rc < 0)
        return rc;
    if (a.code && a.len >= sizeof text)
        return nonsense(i, err);
    if (a.len > AX_WORKER_JSON) {
        end_worker(i);
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

/* ---- starting ---- */

/* In the child: the socket at 3, the memory from 4 on, nothing else but /dev/null. They come from
 * numbers above, so that none is overwritten by another. */
static int spawn(struct ax_inspector *i, int socket, struct ax_ram_place *memory)
{
    static char name[] = "auspex", command[] = "inspect", flag[] = "--worker";
    char *const own[] = {name, command, flag, NULL}, *const none[] = {NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t no_signal, every_signal;
    int *fds, n = (int)descriptors(memory, &fds);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attr);
    for (int fd = 0; fd < 3; fd++)
        posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&files, socket, AX_WORKER_SOCKET);
    for (int k = 0; k < n; k++)
        posix_spawn_file_actions_adddup2(&files, fds[k], AX_WORKER_MEMORY + k);
    posix_spawn_file_actions_addclosefrom_np(&files, AX_WORKER_MEMORY + n);
    sigemptyset(&no_signal);
    sigfillset(&every_signal);
    posix_spawnattr_setsigmask(&attr, &no_signal);
    posix_spawnattr_setsigdefault(&attr, &every_signal);
    posix_spawnattr_setflags(&attr,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    int rc = posix_spawn(&i->pid, i->o.program ? i->o.program : "/proc/self/exe", &files, &attr,
                         i->o.args ? i->o.args : own, none);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    if (rc)
        i->pid = 0;
    return rc;
}

#define ABOVE (AX_WORKER_MEMORY + AX_RAM_BLOCKS) /* the numbers that a worker finds its own at */

static int launch(struct ax_inspector *i, struct ax_err *err)
{
    int pair[2];
    struct ax_ram_place memory;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return ax_fail_errno(err, "a socket for the reading process");
    int theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, ABOVE);
    int rc = theirs < 0 || !duplicate(&memory, &i->place, ABOVE) ? errno : 0;
    if (rc == 0) {
        rc = spawn(i, theirs, &memory);
        ax_ram_place_close(&memory);
    }
    close(pair[1]);
    ax_close_fd(&theirs);
    if (rc) {
        close(pair[0]);
        errno = rc;
        return ax_fail_errno(err, "starting the reading process");
    }
    i->socket = pair[0];
    return 0;
}

static int start(struct ax_inspector *i, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf nothing = AX_BUF_INIT;
    struct ax_worker_hello hello = {.magic = AX_WORKER_MAGIC,
                                    .scope = i->o.scope,
                                    .extracts = i->o.extracts,
                                    .blind = i->blind,
                                    .budget_ms = (uint64_t)i->o.start_ms,
                                    .secret = i->secret,
                                    .place = i->place};
    bool fatal;
    int64_t wait = i->not_before_ms - mono_ms();
    if (wait > 0)
        return ax_fail(err, -EAGAIN, "%s; the next attempt is in %" PRId64 " ms", i->failure, wait);
    int rc = launch(i, err);
    if (rc < 0)
        return failed(i, err);
    i->counts.starts++;
    rc = tell(i, &hello, sizeof hello, err);
    if (rc == 0)
        rc = take_answer(i, true, i->o.start_ms, &nothing, &fatal, err);
    if (rc < 0) {
        end_worker(i);
        return failed(i, err);
    }
    return 0;
}

static int exchange(struct ax_inspector *i, struct ax_worker_request q, struct ax_buf *out,
                    struct ax_err *err)
{
    size_t before = out->n;
    bool fatal = true;
    q.magic = AX_WORKER_MAGIC;
    q.budget_ms = (uint64_t)i->o.poll_ms;
    int rc = tell(i, &q, sizeof q, err);
    if (rc == 0)
        rc = take_answer(i, false, i->o.poll_ms, out, &fatal, err);
    if (rc < 0 && fatal) {
        end_worker(i);
        out->n = before;
        return failed(i, err);
    }
    i->counts.polls++;
    i->pause_ms = 0;
    return rc;
}

static int ask_once(struct ax_inspector *i, unsigned parts, struct ax_buf *json, struct ax_err *err)
{
    const struct ax_worker_request q = {.what = AX_WORKER_LOOK, .parts = parts};
    int rc = i->pid ? 0 : start(i, err);
    return rc < 0 ? rc : exchange(i, q, json, err);
}

int ax_inspector_ask(struct ax_inspector *i, unsigned parts, struct ax_buf *json,
                     struct ax_err *err)
{
    int rc = ask_once(i, parts, json, err);
    if (rc == -ESTALE) { /* another kernel by now: a new worker finds it */
        end_worker(i);
        rc = ask_once(i, parts, json, err);
    }
    if (rc == -ESTALE)
        end_worker(i);
    return rc;
}

/* ---- extracts ---- */

static bool ended_worker(int rc)
{
    return rc == -EIO || rc == -ETIMEDOUT;
}

int ax_inspector_map(struct ax_inspector *i, struct ax_memory_map *out, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    int rc = i->pid ? 0 : start(i, err);
    if (i->o.extracts && ended_worker(rc) && !i->blind) { /* a guest must not keep it from being */
        i->blind = true;
        i->not_before_ms = 0;
        rc = start(i, err);
    }
    if (rc == 0)
        rc = exchange(i, (struct ax_worker_request){.what = AX_WORKER_MAP}, &b, err);
    if (rc == 0 && b.n != sizeof *out)
        return nonsense(i, err);
    if (rc == 0)
        memcpy(out, b.p, sizeof *out);
    return rc;
}

int ax_inspector_extract(struct ax_inspector *i, uint64_t gpa, uint64_t bytes, struct ax_buf *piece,
                         struct ax_err *err)
{
    const struct ax_worker_request q = {.what = AX_WORKER_EXTRACT, .gpa = gpa, .bytes = bytes};
    size_t before = piece->n;
    uint64_t covers, data;
    int rc = i->pid ? exchange(i, q, piece, err)
                    : ax_fail(err, -EIO, "the reading process is gone%s%s",
                              i->failure[0] ? ": " : "", i->failure);
    if (rc == 0 && ax_piece_check((struct ax_str){piece->p + before, piece->n - before}, bytes,
                                  &covers, &data, NULL) < 0)
        rc = nonsense(i, err);
    if (rc < 0)
        piece->n = before;
    return rc;
}
