// SPDX-License-Identifier: Apache-2.0
#include "supervise/supervise.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_CHILDREN     8
#define BAD_SETUP        2   /* exit status that no restart can mend */
#define FIRST_DELAY_MS   500 /* before a restart; doubles with each */
#define LONGEST_DELAY_MS 30000
#define STEADY_MS        60000 /* a child that lived this long begins anew with the first delay */
#define GRACE_MS         10000

struct living {
    const struct ax_child *child;
    pid_t pid; /* 0: dead */
    int64_t started_ms, restart_ms, delay_ms;
};

static int64_t mono_ms(void)
{
    return ax_mono_ns() / 1000000;
}

static void become(const struct ax_child *c, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (c->rereads)
        signal(SIGHUP, SIG_DFL); /* under nohup it is ignored, and would stay so */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) /* it died before the line above */
        _exit(1);
    execv(c->argv[0], c->argv);
    ax_log(AX_LOG_ERROR, "cannot start %s: %s", c->argv[0], strerror(errno));
    _exit(BAD_SETUP);
}

static void start(struct living *l)
{
    pid_t self = getpid(), pid = fork();
    if (pid == 0)
        become(l->child, self);
    l->started_ms = mono_ms();
    if (pid < 0) {
        ax_log(AX_LOG_ERROR, "cannot fork for %s: %s", l->child->name, strerror(errno));
        l->restart_ms = l->started_ms + LONGEST_DELAY_MS;
        return;
    }
    l->pid = pid;
}

static void plan_restart(struct living *l, int status)
{
    int64_t now = mono_ms();
    if (now - l->started_ms > STEADY_MS || l->delay_ms == 0)
        l->delay_ms = FIRST_DELAY_MS;
    else if (l->delay_ms < LONGEST_DELAY_MS)
        l->delay_ms *= 2;
    l->pid = 0;
    l->restart_ms = now + l->delay_ms;
    if (WIFSIGNALED(status))
        ax_log(AX_LOG_WARN, "%s was ended by signal %d; starting it again in %lld ms",
               l->child->name, WTERMSIG(status), (long long)l->delay_ms);
    else
        ax_log(AX_LOG_WARN, "%s ended with status %d; starting it again in %lld ms", l->child->name,
               WEXITSTATUS(status), (long long)l->delay_ms);
}

/* Collects the dead. Returns the status that ends everything, or -1. */
static int reap(struct living *v, int n)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (int i = 0; i < n; i++) {
            if (v[i].pid != pid)
                continue;
            plan_restart(&v[i], status);
            if (WIFEXITED(status) && WEXITSTATUS(status) == BAD_SETUP)
                return BAD_SETUP;
        }
    }
    return -1;
}

static bool wait_dead(struct living *l, int64_t deadline)
{
    while (mono_ms() < deadline) {
        if (waitpid(l->pid, NULL, WNOHANG) != 0)
            return true;
        ax_sleep_ms(20);
    }
    return false;
}

static void end_all(struct living *v, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        if (!v[i].pid)
            continue;
        kill(v[i].pid, SIGTERM);
        if (!wait_dead(&v[i], mono_ms() + GRACE_MS)) {
            ax_log(AX_LOG_WARN, "%s did not end in time: killing it", v[i].child->name);
            kill(v[i].pid, SIGKILL);
            waitpid(v[i].pid, NULL, 0);
        }
        v[i].pid = 0;
    }
}

static void start_due(struct living *v, int n)
{
    for (int i = 0; i < n; i++)
        if (!v[i].pid && mono_ms() >= v[i].restart_ms)
            start(&v[i]);
}

int ax_supervise(const struct ax_child *children, int n, struct ax_err *err)
{
    struct living v[MAX_CHILDREN] = {0};
    sigset_t wanted;
    if (n > MAX_CHILDREN)
        return ax_fail(err, -EINVAL, "at most %d processes can be supervised", MAX_CHILDREN);
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGCHLD);
    sigaddset(&wanted, SIGHUP);
    sigprocmask(SIG_BLOCK, &wanted, NULL);
    for (int i = 0; i < n; i++)
        v[i].child = &children[i];
    int status = -1;
    while (status < 0) {
        start_due(v, n);
        struct timespec tick = {0, 200000000};
        int sig = sigtimedwait(&wanted, NULL, &tick);
        for (int i = 0; i < n && sig == SIGHUP; i++)
            if (v[i].pid && v[i].child->rereads)
                kill(v[i].pid, SIGHUP);
        if (sig == SIGTERM || sig == SIGINT)
            status = 0;
        else
            status = reap(v, n);
    }
    end_all(v, n);
    return status;
}
