// SPDX-License-Identifier: Apache-2.0
/* Who commits again and again does not keep out who waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sql/sql.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TURNS 400

static struct ax_sql *sql;
static atomic_bool quit;
static atomic_int held;

static void *hold_again_and_again(void *arg)
{
    while (!quit) {
        ax_sql_lock(sql);
        held++;
        for (int64_t until = ax_mono_ns() + 1000000; ax_mono_ns() < until;)
            ; /* at work, so that it has the lock again before who waits has woken up */
        ax_sql_unlock(sql);
    }
    return NULL;
}

static void the_lock_goes_to_who_waited_longest(void **state)
{
    char path[] = "/tmp/auspex-sql-XXXXXX";
    pthread_t hog;
    close(mkstemp(path));
    assert_int_equal(ax_sql_open(&sql, path, NULL), 0);
    pthread_create(&hog, NULL, hold_again_and_again, NULL);
    while (held == 0)
        ax_sleep_ms(1);
    int overtaken = 0;
    for (int i = 0; i < TURNS; i++) {
        ax_sleep_ms(3); /* the other one is at it again */
        int before = held;
        ax_sql_lock(sql);
        int passed = held - before;
        ax_sql_unlock(sql);
        overtaken += passed > 2; /* more than the one that had it, and one that came before us */
    }
    quit = true;
    pthread_join(hog, NULL);
    ax_sql_close(sql);
    unlink(path);
    assert_true(overtaken <= 2); /* a busy machine may stop us between counting and waiting */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lock_goes_to_who_waited_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
