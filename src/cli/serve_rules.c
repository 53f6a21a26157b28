// SPDX-License-Identifier: Apache-2.0
/* The rules of the server: their thread, and what reads their files again. */
#include "cli/rule_files.h"
#include "cli/serve.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define TICK_MS 100

struct ax_ruling {
    struct ax_rule_files where;
    struct ax_alarms *alarms;
    struct ax_rules **first; /* read by prepare, for open */
    size_t nfirst;
    pthread_mutex_t lock; /* one reload at a time */
    pthread_t thread, hearer;
    bool running, hearing;
    _Atomic bool stop, wanted;
    _Atomic bool well;
    _Atomic int64_t well_at;
};

/* Logs every fault, and tells them a line each. */
static size_t tell_faults(struct ax_rules **files, size_t n, struct ax_buf *said)
{
    size_t told = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < ax_rules_faults(files[i]); k++, told++) {
            const char *text = ax_rules_fault(files[i], k);
            ax_log(AX_LOG_ERROR, "rules not in force: %s", text);
            if (said)
                ax_buf_printf(said, "%s\n", text);
        }
    return told;
}

static void note_outcome(struct ax_ruling *x, bool well)
{
    x->well = well;
    if (well)
        x->well_at = ax_now_ms();
}

int ax_ruling_reload(void *ruling, struct ax_buf *said)
{
    struct ax_ruling *x = ruling;
    struct ax_rules **files;
    size_t n = 0, faults = 0;
    struct ax_err err;
    pthread_mutex_lock(&x->lock);
    ax_rule_files_look_again(&x->where);
    int rc = ax_rule_files_read(&x->where, &files, &n, &err);
    if (rc == 0) {
        faults = tell_faults(files, n, said);
        rc = ax_alarms_load(x->alarms, files, n, ax_now_ms(), &err);
        free(files);
    }
    if (rc < 0) {
        ax_log(AX_LOG_ERROR, "rules: %s", err.text);
        ax_buf_printf(said, "%s\n", err.text);
    }
    note_outcome(x, rc == 0 && faults == 0);
    if (rc == 0 && faults == 0)
        ax_log(AX_LOG_INFO, "rules are in force as they are in %zu file%s", n, n == 1 ? "" : "s");
    pthread_mutex_unlock(&x->lock);
    return rc < 0 ? rc : faults ? -EINVAL : 0;
}

void ax_ruling_last(void *ruling, bool *well, int64_t *at)
{
    struct ax_ruling *x = ruling;
    *well = x->well;
    *at = x->well_at;
}

void ax_ruling_want(struct ax_ruling *x)
{
    x->wanted = true;
}

struct ax_alarms *ax_ruling_alarms(struct ax_ruling *x)
{
    return x->alarms;
}

/* ---- beginning and end ---- */

int ax_ruling_prepare(struct ax_ruling **out, const struct ax_daemon_options *o, struct ax_err *err)
{
    struct ax_ruling *x = *out = ax_calloc(1, sizeof *x);
    pthread_mutex_init(&x->lock, NULL);
    int rc = ax_rule_files_open(&x->where, o, err);
    if (rc == 0)
        rc = ax_rule_files_read(&x->where, &x->first, &x->nfirst, err);
    return rc;
}

/* A file without a good rule, now and before, is one that was not meant. */
static int check_first(struct ax_ruling *x, struct ax_err *err)
{
    for (size_t i = 0; i < x->nfirst; i++) {
        const struct ax_rules *f = x->first[i];
        if (ax_rules_faults(f) && ax_rules_count(f) == 0 && !ax_alarms_remember(x->alarms, f))
            return ax_fail(err, -EINVAL, "%s", ax_rules_fault(f, 0));
    }
    return 0;
}

static void *keep_ruling(void *arg)
{
    struct ax_ruling *x = arg;
    while (!x->stop) {
        if (atomic_exchange(&x->wanted, false)) {
            struct ax_buf said = AX_BUF_INIT;
            ax_ruling_reload(x, &said);
            ax_buf_free(&said);
        }
        ax_alarms_tick(x->alarms, ax_now_ms());
        ax_sleep_ms(TICK_MS);
    }
    return NULL;
}

/* Rules that samples decide do not wait for those that the store is asked for. */
static void *keep_hearing(void *arg)
{
    struct ax_ruling *x = arg;
    while (!x->stop) {
        ax_alarms_hear(x->alarms, ax_now_ms());
        ax_alarms_wait(x->alarms, TICK_MS);
    }
    return NULL;
}

int ax_ruling_open(struct ax_ruling *x, const struct ax_alarms_options *o, struct ax_err *err)
{
    x->alarms = ax_alarms_new(o);
    int rc = check_first(x, err);
    if (rc < 0)
        return rc;
    size_t faults = tell_faults(x->first, x->nfirst, NULL);
    rc = ax_alarms_load(x->alarms, x->first, x->nfirst, ax_now_ms(), err);
    x->nfirst = 0; /* they are the alarms' */
    if (rc < 0)
        return rc;
    note_outcome(x, faults == 0);
    x->running = pthread_create(&x->thread, NULL, keep_ruling, x) == 0;
    x->hearing = pthread_create(&x->hearer, NULL, keep_hearing, x) == 0;
    return x->running && x->hearing ? 0 : ax_fail(err, -EAGAIN, "no thread for the rules");
}

void ax_ruling_close(struct ax_ruling *x)
{
    if (!x)
        return;
    x->stop = true;
    if (x->running)
        pthread_join(x->thread, NULL);
    if (x->hearing)
        pthread_join(x->hearer, NULL);
    ax_alarms_free(x->alarms);
    for (size_t i = 0; i < x->nfirst; i++)
        ax_rules_free(x->first[i]);
    free(x->first);
    ax_rule_files_close(&x->where);
    pthread_mutex_destroy(&x->lock);
    free(x);
}
