// SPDX-License-Identifier: Apache-2.0
#include "vmi/sandbox.h"

#include "base/buf.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY   65534
#define HEADROOM (UINT64_C(1536) << 20) /* address space beyond the guest memory that is mapped */

#if !defined(__has_feature)
#define __has_feature(x) 0 /* gcc 12 */
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define LIMITS_MEMORY 0 /* the sanitizer's shadow takes terabytes of addresses */
#else
#define LIMITS_MEMORY 1
#endif

static uint64_t address_space(void)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    struct ax_str rest, word;
    uint64_t pages = 0;
    if (ax_file_read(AT_FDCWD, "/proc/self/statm", 4096, &b, NULL) == 0) {
        rest = ax_buf_view(&b);
        if (ax_str_word(&rest, &word))
            ax_str_u64(word, &pages);
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int limit(int what, rlim_t n, struct ax_err *err)
{
    struct rlimit l = {n, n};
    return setrlimit((__rlimit_resource_t)what, &l) < 0 ? ax_fail_errno(err, "setting a limit") : 0;
}

static int set_limits(struct ax_err *err)
{
    static const int none[] = {RLIMIT_CORE, RLIMIT_FSIZE, RLIMIT_NPROC, RLIMIT_MEMLOCK};
    uint64_t now = address_space();
    int rc = LIMITS_MEMORY && now ? limit(RLIMIT_AS, now + HEADROOM, err) : 0;
    for (size_t i = 0; i < sizeof none / sizeof *none && rc == 0; i++)
        rc = limit(none[i], 0, err);
    return rc == 0 ? limit(RLIMIT_NOFILE, 1, err) : rc; /* 0 would forbid to poll one */
}

/* From root to nobody where that is possible (not in every container), with no capability but
 * that of reading the one process. Who has none reads as the user that it is. */
static int give_up_rights(bool ptrace, struct ax_err *err)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct caps[2] = {0}, had[2];
    if (syscall(SYS_capget, &head, had) < 0)
        return ax_fail_errno(err, "asking for our capabilities");
    if (ptrace)
        caps[0].permitted = caps[0].effective = had[0].permitted & 1u << CAP_SYS_PTRACE;
    bool stay = ptrace && caps[0].permitted == 0;
    if (!stay && geteuid() == 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0) {
        if (setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0)
            (void)!setresuid(NOBODY, NOBODY, NOBODY);
    }
    if (syscall(SYS_capset, &head, caps) < 0)
        return ax_fail_errno(err, "giving up capabilities");
    return 0;
}

struct rule {
    int call;
    unsigned n;
    struct scmp_arg_cmp args[2];
};

static int add_rules(scmp_filter_ctx f, const struct rule *rules, size_t n)
{
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = seccomp_rule_add_array(f, SCMP_ACT_ALLOW, rules[i].call, rules[i].n, rules[i].args);
    return rc;
}

/* Memory of our own may come and go, but never become code. */
static int fill(scmp_filter_ctx f, int talk, pid_t pid)
{
    const struct rule always[] = {
        {SCMP_SYS(read), 1, {SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)talk, 0)}},
        {SCMP_SYS(write), 1, {SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)talk, 0)}},
        {SCMP_SYS(pread64), 0, {{0}}}, /* from what is open: the map of the guest's pages */
        {SCMP_SYS(lseek), 0, {{0}}},
        {SCMP_SYS(close), 0, {{0}}},
        {SCMP_SYS(poll), 0, {{0}}},
        {SCMP_SYS(mmap), 1, {SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)}},
        {SCMP_SYS(munmap), 0, {{0}}},
        {SCMP_SYS(mremap), 0, {{0}}},
        {SCMP_SYS(madvise), 0, {{0}}},
        {SCMP_SYS(brk), 0, {{0}}},
        {SCMP_SYS(clock_gettime), 0, {{0}}},
        {SCMP_SYS(setitimer), 0, {{0}}}, /* the budget of a poll */
        {SCMP_SYS(restart_syscall), 0, {{0}}},
        {SCMP_SYS(rt_sigreturn), 0, {{0}}},
        {SCMP_SYS(exit), 0, {{0}}},
        {SCMP_SYS(exit_group), 0, {{0}}},
    };
    const struct rule one_process = {
        SCMP_SYS(process_vm_readv), 1, {SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)pid, 0)}};
    int rc = add_rules(f, always, sizeof always / sizeof *always);
    return rc == 0 && pid > 0 ? add_rules(f, &one_process, 1) : rc;
}

static int filter_calls(int talk, pid_t pid, struct ax_err *err)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!f)
        return ax_fail(err, -ENOTSUP, "this kernel has no seccomp filters");
    int rc = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (rc == 0)
        rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 1);
    if (rc == 0)
        rc = fill(f, talk, pid);
    if (rc == 0)
        rc = seccomp_load(f);
    seccomp_release(f);
    return rc < 0 ? ax_fail(err, rc, "the filter of system calls was refused") : 0;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(int));
}

/* glibc's qsort asks, once, how much memory the machine has when it sorts more than a little. */
static void ask_what_libraries_ask(void)
{
    int v[1024] = {1};
    qsort(v, sizeof v / sizeof *v, sizeof *v, compare);
}

int ax_sandbox_enter(int talk, pid_t pid, struct ax_err *err)
{
    /* A sanitizer's handlers would want to do more than they may. */
    signal(SIGBUS, SIG_DFL);
    signal(SIGSEGV, SIG_DFL);
    ask_what_libraries_ask();
    int rc = set_limits(err);
    if (rc == 0)
        rc = give_up_rights(pid > 0, err);
    if (rc == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        rc = ax_fail_errno(err, "closing our memory to others");
    return rc < 0 ? rc : filter_calls(talk, pid, err);
}
