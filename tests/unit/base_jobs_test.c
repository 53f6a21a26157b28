// SPDX-License-Identifier: Apache-2.0
/* Jobs are done in the order in which they were added; ending does all that were added. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/jobs.h"

#include <pthread.h>

#define JOBS 1000

static struct ax_job jobs[JOBS];
static int done[JOBS], ndone;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void note(void *arg)
{
    pthread_mutex_lock(&lock);
    done[ndone++] = (int)((struct ax_job *)arg - jobs);
    pthread_mutex_unlock(&lock);
}

static struct ax_job *job(int i)
{
    jobs[i] = (struct ax_job){.run = note, .arg = &jobs[i]};
    return &jobs[i];
}

static void one_thread_keeps_the_order(void **state)
{
    struct ax_jobs *j = ax_jobs_start(1);
    ndone = 0;
    for (int i = 0; i < JOBS; i++)
        assert_true(ax_jobs_add(j, job(i)));
    ax_jobs_end(j);
    ax_jobs_free(j);
    assert_int_equal(ndone, JOBS);
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(done[i], i);
}

static void several_threads_do_each_once(void **state)
{
    struct ax_jobs *j = ax_jobs_start(4);
    int times[JOBS] = {0};
    ndone = 0;
    for (int i = 0; i < JOBS; i++)
        assert_true(ax_jobs_add(j, job(i)));
    ax_jobs_end(j);
    for (int i = 0; i < ndone; i++)
        times[done[i]]++;
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(times[i], 1);
    assert_false(ax_jobs_add(j, job(0))); /* ended: whoever adds has to do it */
    assert_int_equal(ndone, JOBS);
    ax_jobs_free(j);
}

/* A job that is not done yet does not keep the others from being done. */
static pthread_barrier_t all_at_work;
static void meet(void *arg)
{
    pthread_barrier_wait(&all_at_work);
}

static void jobs_run_side_by_side(void **state)
{
    struct ax_jobs *j = ax_jobs_start(3);
    struct ax_job meeting[3];
    pthread_barrier_init(&all_at_work, NULL, 3);
    for (int i = 0; i < 3; i++) {
        meeting[i] = (struct ax_job){.run = meet};
        assert_true(ax_jobs_add(j, &meeting[i]));
    }
    ax_jobs_end(j);
    ax_jobs_free(j);
    pthread_barrier_destroy(&all_at_work);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_keeps_the_order),
        cmocka_unit_test(several_threads_do_each_once),
        cmocka_unit_test(jobs_run_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
