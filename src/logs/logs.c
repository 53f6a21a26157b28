// SPDX-License-Identifier: Apache-2.0
/* Groups: appends wait in a queue; the writer takes all of it at once, and while it writes and
 * syncs that, the next group gathers.
 *
 *   append -> queue --writer--> lines into the tenants' files -> sync each -> done, of each */
#include "logs/logs.h"

#include "logs/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define TENANT_MAX 150

struct ax_logs {
    struct ax_logs_place place;
    void (*warn)(const char *text);
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work, idle;

    /* under the lock */
    struct ax_logs_append *first, **last;
    bool writing, stop;

    _Atomic uint64_t received, bytes, syncs, refused[AX_LOGS_REASONS];
};

bool ax_logs_tenant_ok(struct ax_str tenant)
{
    if (tenant.n == 0 || tenant.n > TENANT_MAX || tenant.p[0] == '.')
        return false;
    for (size_t i = 0; i < tenant.n; i++) {
        char c = tenant.p[i], low = (char)(c | 0x20);
        if (!((low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || memchr("._@-", c, 4)))
            return false;
    }
    return true;
}

/* ---- the writer ---- */

static int tell(const char *name, int code, struct ax_err *err)
{
    if (code == -ENOSPC || code == -EDQUOT)
        return ax_fail(err, -ENOSPC, "no space left for logs in %s: free some or keep less", name);
    return ax_fail(err, -EIO, "cannot write logs to %s: %s", name, strerror(-code));
}

static void fail(struct ax_logs *l, struct ax_logs_append *a, const char *name, int code)
{
    tell(name, code, &a->err);
    if (l->warn)
        l->warn(a->err.text);
}

/* All appends of the tenant from `a` on. */
static void write_tenant(struct ax_logs *l, struct ax_logs_append *a)
{
    struct ax_logs_file f;
    struct ax_str tenant = a->tenant;
    struct ax_logs_append *from = a;
    int opened = ax_logs_file_open(&f, &l->place, tenant);
    for (; a; a = a->next) {
        if (!ax_str_eq(a->tenant, tenant))
            continue;
        int rc = opened < 0 ? opened : ax_logs_file_add(&f, a->lines);
        a->written = true;
        if (rc < 0)
            fail(l, a, f.name, rc);
    }
    int rc = opened < 0 ? 0 : ax_logs_file_sync(&f);
    l->syncs += opened == 0;
    for (a = from; rc < 0 && a; a = a->next)
        if (ax_str_eq(a->tenant, tenant) && !a->err.code)
            fail(l, a, f.name, rc);
    ax_logs_file_close(&f);
}

static void write_group(struct ax_logs *l, struct ax_logs_append *group)
{
    for (struct ax_logs_append *a = group; a; a = a->next)
        if (!a->written)
            write_tenant(l, a);
    for (struct ax_logs_append *a = group, *next; a; a = next) {
        next = a->next;
        l->received += a->err.code ? 0 : a->n;
        l->bytes += a->err.code ? 0 : a->lines.n;
        a->done(a->ctx);
    }
}

static void *writer(void *arg)
{
    struct ax_logs *l = arg;
    pthread_mutex_lock(&l->lock);
    for (;;) {
        while (!l->first && !l->stop)
            pthread_cond_wait(&l->work, &l->lock);
        if (!l->first)
            break;
        struct ax_logs_append *group = l->first;
        l->first = NULL;
        l->last = &l->first;
        l->writing = true;
        pthread_mutex_unlock(&l->lock);
        write_group(l, group);
        pthread_mutex_lock(&l->lock);
        l->writing = false;
        pthread_cond_broadcast(&l->idle);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* ---- opening and closing ---- */

static int mend_all(struct ax_logs *l, struct ax_err *err)
{
    int fd = openat(l->place.dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return ax_fail_errno(err, "cannot read the directory for logs");
    for (struct dirent *e; rc == 0 && (e = readdir(dir));) {
        struct ax_str name = ax_str(e->d_name), tenant = name;
        if (!ax_str_ends(name, AX_STR(AX_LOGS_SUFFIX)))
            continue;
        tenant.n -= strlen(AX_LOGS_SUFFIX);
        if (ax_logs_tenant_ok(tenant))
            rc = ax_logs_file_mend(&l->place, e->d_name);
        if (rc < 0)
            ax_fail(err, rc, "cannot look at %s in the directory for logs: %s", e->d_name,
                    strerror(-rc));
    }
    closedir(dir);
    return rc;
}

/* Two servers would cut off each other's lines. */
static int take_directory(int dirfd, struct ax_err *err)
{
    if (flock(dirfd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return ax_fail(err, -EBUSY, "another server writes logs into that directory");
    return ax_fail_errno(err, "cannot lock the directory for logs");
}

static void release(struct ax_logs *l)
{
    close(l->place.dirfd);
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->work);
    pthread_cond_destroy(&l->idle);
    free(l);
}

int ax_logs_open(struct ax_logs **out, const struct ax_logs_options *o, struct ax_err *err)
{
    struct ax_logs *l = ax_calloc(1, sizeof *l);
    l->place = (struct ax_logs_place){o->dirfd, o->keep_bytes / AX_LOGS_FILES,
                                      o->sync ? o->sync : fdatasync};
    l->warn = o->warn;
    l->last = &l->first;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->work, NULL);
    pthread_cond_init(&l->idle, NULL);
    int rc = take_directory(o->dirfd, err);
    if (rc == 0)
        rc = mend_all(l, err);
    if (rc < 0) {
        release(l);
        return rc;
    }
    AX_ASSERT(pthread_create(&l->thread, NULL, writer, l) == 0);
    *out = l;
    return 0;
}

void ax_logs_close(struct ax_logs *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_signal(&l->work);
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
    release(l);
}

void ax_logs_flush(struct ax_logs *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    while (l->first || l->writing)
        pthread_cond_wait(&l->idle, &l->lock);
    pthread_mutex_unlock(&l->lock);
}

int ax_logs_append(struct ax_logs *l, struct ax_logs_append *a, struct ax_err *err)
{
    if (!ax_logs_tenant_ok(a->tenant))
        return ax_fail(err, -EINVAL,
                       "the logs of a tenant whose name begins with a dot have no file");
    if (a->lines.n > AX_LOGS_APPEND_MAX)
        return ax_fail(err, -EFBIG, "the logs are more than %u MiB", AX_LOGS_APPEND_MAX >> 20);
    a->err.code = 0;
    a->written = false;
    a->next = NULL;
    pthread_mutex_lock(&l->lock);
    *l->last = a;
    l->last = &a->next;
    pthread_cond_signal(&l->work);
    pthread_mutex_unlock(&l->lock);
    return 0;
}

void ax_logs_refused(struct ax_logs *l, enum ax_logs_refusal why)
{
    l->refused[why]++;
}

void ax_logs_stats(struct ax_logs *l, struct ax_logs_stats *out)
{
    *out = (struct ax_logs_stats){.received = l->received, .bytes = l->bytes, .syncs = l->syncs};
    for (int i = 0; i < AX_LOGS_REASONS; i++)
        out->refused[i] = l->refused[i];
}
