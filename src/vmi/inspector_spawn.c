// SPDX-License-Identifier: Apache-2.0
/* The worker's process, and the descriptors of memory that it is given. */
#include "vmi/inspector_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

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

bool ax_ram_place_duplicate(struct ax_ram_place *to, const struct ax_ram_place *from, int above)
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

/* ---- the process ---- */

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

int ax_inspector_launch(struct ax_inspector *i, struct ax_err *err)
{
    int pair[2];
    struct ax_ram_place memory;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return ax_fail_errno(err, "a socket for the reading process");
    int theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, ABOVE);
    int rc = theirs < 0 || !ax_ram_place_duplicate(&memory, &i->place, ABOVE) ? errno : 0;
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
