// SPDX-License-Identifier: Apache-2.0
/* The process that reads guest memory, in the hands of whoever wrote that memory: whatever it
 * tries, it dies alone, and the inspector has an error to tell. This program is its own worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "vmi/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE (1u << 20)

/* What the worker is told to do; it comes in place of the parts. */
enum deed {
    ANSWER = 1,
    REFUSE,
    STALE,
    READ_LAST_PAGE,
    LIST_FILES,
    SPIN,
    SLEEP,
    HUGE_ANSWER,
    HUGE_CLAIM,
    NONSENSE,
    TALKATIVE_ERROR,
    LEAVE,
    SORT,
    TELL_PLAN,
    /* from here on: each ends with SIGSYS */
    OPEN,
    MAKE_SOCKET,
    TRACE,
    SIGNAL,
    READ_PARENT,
    WRITE_PARENT,
    MAP_CODE,
    MAKE_CODE,
    FORK,
    EXEC,
    RAISE_LIMIT,
    CHANGE_USER,
    WRITE_ELSEWHERE,
    READ_ELSEWHERE,
    DEEDS
};

/* ---- the worker ---- */

#define KEY "0123456789abcdef0123456789abcdef"

static struct ax_buf plan; /* as it was given to us */

/* By scope: one that never ends, one that finds nothing, one that asks for a plan. */
static int attach(void **out, struct ax_ram *ram, const struct ax_vmi_options *o,
                  struct ax_err *err)
{
    for (volatile int on = o->scope == AX_SCOPE_FORENSIC; on;)
        ;
    if (o->scope == AX_SCOPE_PROCESSES && !o->plans->get(o->plans->self, KEY, &plan))
        o->plans->put(o->plans->self, KEY, AX_STR("the plan"));
    if (o->scope == AX_SCOPE_DIAGNOSIS) {
        ax_ram_close(ram);
        return ax_fail(err, -ENOENT, "no Linux kernel");
    }
    *out = ram;
    return 0;
}

static void claim(uint32_t magic, int code, uint32_t len)
{
    struct ax_worker_answer a = {magic, code, len};
    ax_write_all(AX_WORKER_SOCKET, &a, sizeof a);
}

static int try_what_is_forbidden(enum deed deed)
{
    char byte;
    struct iovec local = {&byte, 1}, remote = {&local, 1};
    char *const args[] = {NULL};
    struct rlimit l = {100, 100};
    switch (deed) {
    case OPEN: return open("/etc/passwd", O_RDONLY);
    case MAKE_SOCKET: return socket(AF_INET, SOCK_STREAM, 0);
    case TRACE: return (int)ptrace(PTRACE_SEIZE, 1, NULL, NULL);
    case SIGNAL: return kill(1, 0);
    case READ_PARENT: return (int)process_vm_readv(1, &local, 1, &remote, 1, 0);
    case WRITE_PARENT: return (int)process_vm_writev(1, &local, 1, &remote, 1, 0);
    case MAP_CODE:
        return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
               MAP_FAILED;
    case MAKE_CODE: return mprotect((void *)((uintptr_t)&l & ~4095ul), 4096, PROT_EXEC | PROT_READ);
    case FORK: return fork();
    case EXEC: return execve("/bin/true", args, args);
    case RAISE_LIMIT: return setrlimit(RLIMIT_NOFILE, &l);
    case CHANGE_USER: return setuid(0);
    case WRITE_ELSEWHERE: return (int)write(2, "x", 1);
    case READ_ELSEWHERE: return (int)read(0, &byte, 1);
    default: return 0;
    }
}

static uint64_t to_sort[100000];

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(uint64_t));
}

static int read_parts(void *v, unsigned parts, struct ax_buf *json, struct ax_err *err)
{
    uint64_t word = 0;
    int open_files = 0;
    switch ((enum deed)parts) {
    case ANSWER: ax_buf_cstr(json, "{\"kernel\":\"6.1\"}"); return 0;
    case REFUSE: return ax_fail(err, -EPERM, "beyond the scope");
    case STALE: return ax_fail(err, -ESTALE, "another kernel");
    case READ_LAST_PAGE:
        ax_ram_begin(v);
        if (!ax_ram_read(v, SIZE - 4096, &word, 8))
            return ax_fail(err, -ENOENT, "nothing there");
        ax_buf_printf(json, "%llu", (unsigned long long)word);
        return 0;
    case LIST_FILES:
        for (int fd = 0; fd < 1024; fd++)
            open_files += lseek(fd, 0, SEEK_CUR) >= 0 || errno != EBADF;
        ax_buf_printf(json, "%d", open_files);
        return 0;
    case SPIN:
        for (volatile int on = 1; on;)
            ;
        return 0;
    case SLEEP: poll(NULL, 0, -1); return 0;
    case HUGE_ANSWER:
        for (int i = 0; i < 40 << 10; i++)
            ax_buf_printf(json, "%1024d", i);
        return 0;
    case HUGE_CLAIM: claim(AX_WORKER_MAGIC, 0, UINT32_MAX); return 0;
    case NONSENSE: claim(12345, 0, 0); return 0;
    case TALKATIVE_ERROR: claim(AX_WORKER_MAGIC, -EIO, 100000); return 0;
    case SORT:
        qsort(to_sort, AX_ARRAY_LEN(to_sort), sizeof *to_sort, compare);
        ax_buf_cstr(json, "sorted");
        return 0;
    case TELL_PLAN: ax_buf_str(json, ax_buf_view(&plan)); return 0;
    case LEAVE: return (int)syscall(SYS_exit_group, 7);
    default: ax_buf_printf(json, "%d", try_what_is_forbidden((enum deed)parts)); return 0;
    }
}

static void detach(void *v)
{
    ax_ram_close(v);
}

/* ---- the inspector ---- */

static char name[] = "worker", flag[] = "--worker";
static char *const args[] = {name, flag, NULL};
static const struct ax_inspector_options options = {
    .scope = AX_SCOPE_STATISTICS, .start_ms = 20000, .poll_ms = 20000, .args = args};
static struct ax_ram_place place;
static struct ax_inspector *inspector;
static struct ax_buf answer;
static struct ax_err err;

static int open_inspector(const struct ax_inspector_options *o)
{
    return ax_inspector_new(&inspector, &place, o, &err);
}

static int start(void **state)
{
    const uint64_t word = 77;
    place = (struct ax_ram_place){
        .kind = AX_RAM_FILE, .fd = memfd_create("guest", MFD_CLOEXEC), .size = SIZE};
    if (place.fd < 0 || ftruncate(place.fd, SIZE) < 0 ||
        pwrite(place.fd, &word, 8, SIZE - 4096) != 8)
        return -1;
    return open_inspector(&options);
}

static int stop(void **state)
{
    ax_inspector_free(inspector);
    ax_buf_free(&answer);
    answer = (struct ax_buf)AX_BUF_INIT;
    if (place.fd >= 0)
        close(place.fd);
    return 0;
}

static int ask(unsigned deed)
{
    ax_buf_clear(&answer);
    return ax_inspector_ask(inspector, deed, &answer, &err);
}

static void has_text(const char *part)
{
    if (!strstr(err.text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, err.text);
}

static void answered(const char *text)
{
    assert_true(ax_str_eq(ax_buf_view(&answer), ax_str(text)));
}

static void answers(void **state)
{
    assert_int_equal(ask(ANSWER), 0);
    answered("{\"kernel\":\"6.1\"}");
    assert_int_equal(ask(REFUSE), -EPERM);
    assert_string_equal(err.text, "beyond the scope");
    answered("");
    assert_int_equal(ask(READ_LAST_PAGE), 0);
    answered("77");
    assert_int_equal(ask(SORT), 0); /* with memory that the library takes for it */
    struct ax_inspector_counts c = ax_inspector_counts(inspector);
    assert_int_equal(c.starts, 1);
    assert_int_equal(c.polls, 4);
    assert_int_equal(c.late + c.died, 0);
}

static void forbidden_calls_end_it(void **state)
{
    for (unsigned deed = OPEN; deed < DEEDS; deed++) {
        ax_inspector_free(inspector);
        assert_int_equal(open_inspector(&options), 0);
        int rc = ask(deed);
        if (rc != -EIO || !strstr(err.text, "what it may not do"))
            fail_msg("deed %u: %d, %s", deed, rc, err.text);
        assert_int_equal(ax_inspector_counts(inspector).died, 1);
    }
}

static void it_holds_nothing_but_what_it_needs(void **state)
{
    assert_int_equal(ask(LIST_FILES), 0);
    answered("5"); /* three times /dev/null, the socket, the guest's memory */
}

/* The kernel's word for it, about the one child that we have. */
static void status_has(const char *line)
{
    static struct ax_buf text;
    char path[64];
    int pid = 0;
    ax_buf_clear(&text);
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    assert_int_equal(ax_file_read(AT_FDCWD, path, 4096, &text, NULL), 0);
    for (size_t i = 0; i < text.n && text.p[i] >= '0'; i++)
        pid = pid * 10 + text.p[i] - '0';
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    ax_buf_clear(&text);
    assert_int_equal(ax_file_read(AT_FDCWD, path, 65536, &text, NULL), 0);
    ax_buf_byte(&text, 0);
    if (!strstr(text.p, line))
        fail_msg("\"%s\" is not in:\n%s", line, text.p);
    ax_buf_free(&text);
}

static void it_has_no_rights(void **state)
{
    assert_int_equal(ask(ANSWER), 0);
    status_has("\nSeccomp:\t2\n");
    status_has("\nNoNewPrivs:\t1\n");
    status_has("\nCapEff:\t0000000000000000\n");
    status_has("\nCapPrm:\t0000000000000000\n");
}

static void too_slow_is_killed(void **state)
{
    static const unsigned deeds[] = {SPIN, SLEEP};
    struct ax_inspector_options o = options;
    o.poll_ms = 200;
    for (size_t i = 0; i < 2; i++) {
        ax_inspector_free(inspector);
        assert_int_equal(open_inspector(&o), 0);
        assert_int_equal(ask(deeds[i]), -ETIMEDOUT);
        has_text("within 200 ms");
        assert_int_equal(ax_inspector_counts(inspector).late, 1);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    }
}

static void a_search_without_end_is_killed(void **state)
{
    struct ax_inspector_options o = options;
    o.scope = AX_SCOPE_FORENSIC;
    o.start_ms = 300;
    ax_inspector_free(inspector);
    assert_int_equal(open_inspector(&o), 0);
    assert_int_equal(ask(ANSWER), -ETIMEDOUT);
}

static void no_kernel_is_told(void **state)
{
    struct ax_inspector_options o = options;
    o.scope = AX_SCOPE_DIAGNOSIS;
    ax_inspector_free(inspector);
    assert_int_equal(open_inspector(&o), 0);
    assert_int_equal(ask(ANSWER), -ENOENT);
    assert_string_equal(err.text, "no Linux kernel");
    assert_int_equal(ask(ANSWER), -EAGAIN);
    has_text("no Linux kernel; the next attempt is in");
}

static void lies_are_refused(void **state)
{
    static const struct {
        unsigned deed;
        int code;
    } lies[] = {{HUGE_CLAIM, -E2BIG}, {NONSENSE, -EIO}, {TALKATIVE_ERROR, -EIO}, {LEAVE, -EIO}};
    for (size_t i = 0; i < AX_ARRAY_LEN(lies); i++) {
        ax_inspector_free(inspector);
        assert_int_equal(open_inspector(&options), 0);
        assert_int_equal(ask(lies[i].deed), lies[i].code);
        assert_int_equal(ax_inspector_counts(inspector).died, 1);
    }
    has_text("status 7");
}

/* Its own overflow it tells itself, and lives. */
static void a_huge_answer_is_an_error(void **state)
{
    assert_int_equal(ask(HUGE_ANSWER), -E2BIG);
    assert_int_equal(ask(ANSWER), 0);
    assert_int_equal(ax_inspector_counts(inspector).starts, 1);
}

static void memory_that_goes_away(void **state)
{
    assert_int_equal(ask(READ_LAST_PAGE), 0);
    assert_int_equal(ftruncate(place.fd, 4096), 0);
    assert_int_equal(ask(READ_LAST_PAGE), -EIO);
    has_text("went away");
}

static void it_comes_back_after_a_pause(void **state)
{
    assert_int_equal(ask(LEAVE), -EIO);
    assert_int_equal(ask(ANSWER), -EAGAIN);
    int64_t from = ax_mono_ns();
    while (ask(ANSWER) == -EAGAIN && ax_mono_ns() - from < 20000000000)
        ax_sleep_ms(20);
    answered("{\"kernel\":\"6.1\"}");
    assert_in_range((ax_mono_ns() - from) / 1000000, 300, 20000);
    assert_int_equal(ax_inspector_counts(inspector).starts, 2);
}

static void another_kernel_takes_another_worker(void **state)
{
    assert_int_equal(ask(ANSWER), 0);
    assert_int_equal(ask(STALE), -ESTALE); /* the new one says the same */
    assert_int_equal(ax_inspector_counts(inspector).starts, 2);
    assert_int_equal(ask(ANSWER), 0);
}

/* The first worker makes it, the second is given it. */
static void plans_are_kept(void **state)
{
    struct ax_inspector_options o = options;
    o.scope = AX_SCOPE_PROCESSES;
    ax_inspector_free(inspector);
    assert_int_equal(open_inspector(&o), 0);
    assert_int_equal(ask(TELL_PLAN), 0);
    answered("");
    assert_int_equal(ask(STALE), -ESTALE);
    assert_int_equal(ask(TELL_PLAN), 0);
    answered("the plan");
}

static void memory_of_a_process(void **state)
{
    int ready[2];
    char byte;
    uint8_t *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        memcpy(memory + SIZE - 4096, &(uint64_t){123}, 8);
        (void)!write(ready[1], "", 1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    ax_inspector_free(inspector);
    close(place.fd);
    place = (struct ax_ram_place){.kind = AX_RAM_PROCESS,
                                  .fd = -1,
                                  .pid = pid,
                                  .base = (uint64_t)(uintptr_t)memory,
                                  .size = SIZE};
    assert_int_equal(open_inspector(&options), 0);
    assert_int_equal(ask(READ_LAST_PAGE), 0);
    answered("123");
    assert_int_equal(ask(READ_LAST_PAGE), 0);
    assert_int_equal(ask(READ_PARENT), -EIO); /* no other process than this one */
    has_text("what it may not do");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    munmap(memory, SIZE);
}

/* Figures for whoever wants them: VMI_FIGURES=1 prints what a start and a question cost. */
static void figures(void **state)
{
    if (!getenv("VMI_FIGURES"))
        return;
    int64_t from = ax_mono_ns();
    assert_int_equal(ask(ANSWER), 0);
    int64_t first = ax_mono_ns() - from;
    from = ax_mono_ns();
    for (int i = 0; i < 1000; i++)
        assert_int_equal(ask(ANSWER), 0);
    printf("# first answer after %.1f ms, then %.1f us each\n", (double)first / 1e6,
           (double)(ax_mono_ns() - from) / 1e6);
}

int main(int argc, char **argv)
{
    static const struct ax_worker_reader reader = {attach, read_parts, detach, NULL};
    if (argc == 2 && strcmp(argv[1], flag) == 0)
        _exit(ax_worker_serve(&reader));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers, start, stop),
        cmocka_unit_test_setup_teardown(forbidden_calls_end_it, start, stop),
        cmocka_unit_test_setup_teardown(it_holds_nothing_but_what_it_needs, start, stop),
        cmocka_unit_test_setup_teardown(it_has_no_rights, start, stop),
        cmocka_unit_test_setup_teardown(too_slow_is_killed, start, stop),
        cmocka_unit_test_setup_teardown(a_search_without_end_is_killed, start, stop),
        cmocka_unit_test_setup_teardown(no_kernel_is_told, start, stop),
        cmocka_unit_test_setup_teardown(lies_are_refused, start, stop),
        cmocka_unit_test_setup_teardown(a_huge_answer_is_an_error, start, stop),
        cmocka_unit_test_setup_teardown(memory_that_goes_away, start, stop),
        cmocka_unit_test_setup_teardown(it_comes_back_after_a_pause, start, stop),
        cmocka_unit_test_setup_teardown(another_kernel_takes_another_worker, start, stop),
        cmocka_unit_test_setup_teardown(plans_are_kept, start, stop),
        cmocka_unit_test_setup_teardown(memory_of_a_process, start, stop),
        cmocka_unit_test_setup_teardown(figures, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
