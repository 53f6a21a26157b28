// SPDX-License-Identifier: Apache-2.0
/* A program of the operator's directory, run without a shell: the payload (that of webhooks) is its
 * standard input, a file, so that it need not be read; exit status 0 is success, 64 (EX_USAGE) to
 * 78 other than 75 (EX_TEMPFAIL) a refusal for good. It gets a group of its own, which is killed
 * when it is late, and what is left of the group when it ends. */
#include "notify/inner.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int payload_file(struct ax_try *t)
{
    int fd = memfd_create("notification", MFD_CLOEXEC);
    if (fd < 0 || ax_write_all(fd, t->body.p, t->body.n) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
        ax_close_fd(&fd);
        return -1;
    }
    return fd;
}

static int spawn(struct ax_try *t, const char *path, int input)
{
    static char env_path[] = "PATH=/usr/local/bin:/usr/bin:/bin", env_lang[] = "LANG=C.UTF-8";
    char *const environment[] = {env_path, env_lang, NULL};
    union { /* posix_spawn takes what it never writes to */
        const char *given;
        char *taken;
    } name = {.given = path};
    char *const argv[] = {name.taken, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, input, 0);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                        POSIX_SPAWN_SETSIGDEF);
    int rc = posix_spawn(&t->pid, path, &files, &attr, argv, environment);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    if (rc != 0)
        t->pid = -1;
    return rc;
}

void ax_script_begin(struct ax_try *t, const struct ax_notify *n, struct ax_str name,
                     const struct ax_letter *l)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf path = AX_BUF_INIT;
    if (!n->o.script_dir) {
        ax_try_finish(t, AX_AGAIN, "no directory of scripts is set on this server");
        return;
    }
    if (!ax_notify_script_ok(name)) {
        ax_try_finish(t, AX_REFUSED, "that is no name of a script");
        return;
    }
    ax_buf_printf(&path, "%s/%.*s%c", n->o.script_dir, AX_STR_ARG(name), 0);
    ax_form_webhook(l, &t->body);
    AX_CLEANUP(ax_close_fd) int input = payload_file(t);
    int rc = input < 0 ? errno : spawn(t, path.p, input);
    if (rc == 0)
        t->pidfd = (int)syscall(SYS_pidfd_open, t->pid, 0);
    if (rc != 0)
        ax_try_finish(t, AX_AGAIN, "the script cannot be started: %s", strerror(rc));
    else if (t->pidfd < 0)
        ax_try_finish(t, AX_AGAIN, "the script cannot be watched: %s", strerror(errno));
}

static void judge(struct ax_try *t, int status)
{
    if (WIFSIGNALED(status)) {
        ax_try_finish(t, AX_AGAIN, "the script was ended by signal %d", WTERMSIG(status));
        return;
    }
    int code = WEXITSTATUS(status);
    bool final = code >= 64 && code <= 78 && code != 75;
    ax_try_finish(t,
                  code == 0 ? AX_SENT
                  : final   ? AX_REFUSED
                            : AX_AGAIN,
                  "the script ended with status %d", code);
}

void ax_script_look(struct ax_try *t, const struct ax_notify *n)
{
    struct pollfd p = {.fd = t->pidfd, .events = POLLIN};
    if (poll(&p, 1, 0) > 0) {
        int status = 0;
        kill(-t->pid, SIGKILL); /* before it is waited for: the number is still its own */
        waitpid(t->pid, &status, 0);
        t->pid = -1;
        judge(t, status);
    } else if (ax_mono_ns() - t->started_ns > n->o.script_ms * 1000000) {
        ax_try_finish(t, AX_AGAIN, "the script took longer than %lld ms and was killed",
                      (long long)n->o.script_ms);
    }
}
