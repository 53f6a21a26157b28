// SPDX-License-Identifier: Apache-2.0
/* kill -9 at random moments: a process with an intake, a store and the alarms of three definitions
 * is killed a hundred times while it takes samples. Whatever a push was not answered for is sent
 * again, as senders do. In the end the history has each transition that the samples make, once. */
#include "alarm_stream_kit.h"

#include "base/clock.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define SERIES 6
#define PUSHES 60000
#define ROUNDS 100

/* What outlives the killed: the plan, how far it got, and the clock, which pushes advance. */
struct shared {
    _Atomic int64_t now;
    _Atomic uint32_t begun, answered;
    struct push {
        int64_t t;
        uint8_t v[SERIES];
    } push[PUSHES];
};
static struct shared *shared;

static int64_t shared_clock(void)
{
    return shared->now;
}

static void *keep_ticking(void *arg)
{
    struct kit *k = arg;
    for (;;) {
        ax_stream_tick(k->stream, shared->now);
        ax_sleep_ms(1);
    }
    return NULL;
}

static void push(struct kit *k, const struct push *p)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a};
    struct ax_intake_result r;
    struct ax_err err = {0};
    for (int i = 0; i < SERIES; i++) {
        char dims[20];
        snprintf(dims, sizeof dims, "h=%d", i);
        kit_add(&b, "t", "m", dims, p->t, p->v[i]);
    }
    if (ax_intake_push(k->intake, &b, shared->now, &r, &err) < 0)
        _exit(1);
    ax_arena_free(&a);
}

static void push_next(struct kit *k)
{
    uint32_t n = shared->begun;
    struct push *p = &shared->push[n];
    shared->now += 1 + rand() % 4000;
    p->t = shared->now;
    for (int i = 0; i < SERIES; i++)
        p->v[i] = (uint8_t)(rand() % 21);
    shared->begun = n + 1;
    push(k, p);
    shared->answered = n + 1;
}

/* A life. It ends when it is killed, or after `most` pushes. */
static void live(const char *dir, unsigned seed, uint32_t most)
{
    static struct kit k;
    pthread_t ticker;
    struct ax_err err = {0};
    srand(seed);
    snprintf(k.dir, sizeof k.dir, "%s", dir);
    k.stored = true;
    k.clock = shared_clock;
    kit_open(&k);
    if (shared->begun == 0) {
        kit_define_of(&k, "t", "last", "last(m) > 10", "h");
        kit_define_of(&k, "t", "avg", "avg(m) > 10", "h");
        kit_define_of(&k, "t", "max", "max(m) > 18", "h");
    }
    if (pthread_create(&ticker, NULL, keep_ticking, &k))
        _exit(1);
    if (shared->answered < shared->begun) {
        push(&k, &shared->push[shared->answered]);
        shared->answered = shared->begun;
    }
    if (rand() % 4 == 0)
        shared->now += rand() % 30000; /* it was away for a while */
    for (uint32_t i = 0; i < most && shared->begun < PUSHES; i++)
        push_next(&k);
    ax_sleep_ms(50);
    shared->now += 20000;
    ax_sleep_ms(50);
    if (ax_stream_flush(k.stream, &err) < 0)
        _exit(1);
    _exit(0);
}

/* ---- what must be there ---- */

/* Transitions with the value that is the reason. */
struct expected {
    uint8_t state[PUSHES];
    double value[PUSHES];
    size_t n;
};

static void expect(struct expected *e, bool alarm, double value)
{
    uint8_t state = alarm ? AX_ALARM : AX_OK;
    if (e->n && e->state[e->n - 1] == state)
        return;
    e->value[e->n] = value;
    e->state[e->n++] = state;
}

static void expected_last(struct expected *e, int series)
{
    for (uint32_t i = 0; i < shared->begun; i++)
        expect(e, shared->push[i].v[series] > 10, shared->push[i].v[series]);
}

/* The periods that are over, by average or maximum. */
static void expected_periods(struct expected *e, int series, bool max)
{
    for (uint32_t i = 0, from; i < shared->begun;) {
        int64_t slot = shared->push[i].t / 60000;
        double sum = 0, most = 0;
        for (from = i; i < shared->begun && shared->push[i].t / 60000 == slot; i++) {
            sum += shared->push[i].v[series];
            if (most <= 18 && shared->push[i].v[series] > most)
                most = shared->push[i].v[series];
        }
        bool over = (slot + 1) * 60000 + 5000 <= shared->now;
        if (max && (over || most > 18))
            expect(e, most > 18, most);
        if (!max && over)
            expect(e, sum / (i - from) > 10, sum / (i - from));
    }
}

static double value_of(const struct ax_history_row *h, struct ax_arena *a)
{
    const char *at = strstr(ax_arena_cstr(a, h->reason), "values: [");
    return at ? strtod(at + 9, NULL) : -1;
}

/* An OK that a period gives when it is over may have been overtaken by the ALARM of the next, which
 * comes at once: then neither is told, unless the alarm was UNDETERMINED before. */
static bool overtaken(const struct expected *e, size_t j)
{
    return j + 1 < e->n && e->state[j] == AX_OK && e->state[j + 1] == AX_ALARM;
}

/* Is the history from i on what is expected from j on? *far is how far it is. */
static bool matches(const struct ax_history_row *h, const double *values, size_t n, size_t i,
                    const struct expected *e, size_t j, bool max, size_t *far)
{
    *far = i > *far ? i : *far;
    if (i == n && j == e->n)
        return true;
    if (i < n && j < e->n && h[i].state == e->state[j] && fabs(values[i] - e->value[j]) < 1e-9 &&
        matches(h, values, n, i + 1, e, j + 1, max, far))
        return true;
    return max && overtaken(e, j) && matches(h, values, n, i, e, j ? j + 2 : 1, max, far);
}

static void compare(struct kit *k, const char *name, const struct ax_history_row *h, size_t n,
                    const struct expected *e)
{
    double *values = ax_arena_array(&k->arena, n, sizeof *values);
    size_t far = 0;
    for (size_t i = 0; i < n; i++)
        values[i] = value_of(&h[i], &k->arena);
    if (!matches(h, values, n, 0, e, 0, name[0] == 'm', &far))
        fail_msg("%s: %zu transitions, expected %zu, different from number %zu on: %s by %g", name,
                 n, e->n, far, far < n ? ax_state_name(h[far].state) : "none",
                 far < n ? values[far] : 0);
}

static void check_alarm(struct kit *k, const struct ax_alarm_row *row)
{
    struct ax_history_row *h;
    struct ax_err err;
    size_t n;
    int series = -1;
    static struct expected e;
    e.n = 0;
    for (size_t i = 0; i + 5 < row->metrics.n; i++)
        if (memcmp(row->metrics.p + i, "\"h\":\"", 5) == 0)
            series = row->metrics.p[i + 5] - '0';
    assert_in_range(series, 0, SERIES - 1);
    const char *name = kit_text(k, row->definition_name);
    if (strcmp(name, "last") == 0)
        expected_last(&e, series);
    else
        expected_periods(&e, series, strcmp(name, "max") == 0);
    assert_int_equal(ax_alarm_history(k->stream, AX_STR("t"),
                                      &(struct ax_history_filter){.alarm = row->id}, &k->arena, &h,
                                      &n, &err),
                     0);
    compare(k, name, h, n, &e);
    for (size_t i = 1; i < n; i++)
        assert_int_equal(h[i].old, h[i - 1].state);
}

static void nothing_is_lost_or_told_twice(void **state)
{
    char dir[] = "/tmp/auspex-stream-XXXXXX", command[64];
    int status;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    assert_non_null(mkdtemp(dir));
    shared->now = T0;
    unsigned seed = (unsigned)getpid();
    srand(seed);
    for (int round = 0; round <= ROUNDS; round++) {
        bool last = round == ROUNDS;
        uint32_t before = shared->answered;
        pid_t pid = fork();
        if (pid == 0)
            live(dir, seed + (unsigned)round, last ? 10 : PUSHES);
        if (!last) {
            for (int ms = 0; ms < 2000 && shared->answered == before; ms++)
                ax_sleep_ms(1);
            ax_sleep_ms(rand() % 30);
            kill(pid, SIGKILL);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (last)
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    print_message("seed %u: %u pushes\n", seed, shared->begun);
    static struct kit k;
    size_t n;
    snprintf(k.dir, sizeof k.dir, "%s", dir);
    k.o.manual = true;
    kit_now = shared->now;
    kit_open(&k);
    struct ax_alarm_row *v = kit_alarms(&k, &(struct ax_alarm_filter){0}, &n);
    assert_int_equal(n, 3 * SERIES);
    for (size_t i = 0; i < n; i++)
        check_alarm(&k, &v[i]);
    kit_close(&k);
    ax_arena_free(&k.arena);
    munmap(shared, sizeof *shared);
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_lost_or_told_twice)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
