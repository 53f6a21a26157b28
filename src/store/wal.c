// SPDX-License-Identifier: Apache-2.0
/* Groups: every append joins the group that is being filled; its ticket is the group's number. The
 * committer takes the whole group at once, writes and syncs it, and then `decided` rises. Failed
 * groups are remembered by number.
 *
 *   append -> pending (group g) --committer--> writing -> write, fdatasync -> decided = g -> wake
 */
#include "store/wal.h"

#include "base/clock.h"
#include "store/disk.h"
#include "store/wal_record.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define GROUP_BYTES  (1u << 20)   /* a group this large does not wait for company */
#define BEHIND_BYTES (256u << 20) /* so much unwritten: refuse more */
#define FAILED_KEPT  256

struct ax_wal {
    int dirfd;
    struct ax_intake *intake;
    int64_t commit_us;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work, done;

    /* under the lock */
    struct ax_buf pending;
    int64_t pending_since; /* ns */
    uint64_t group, decided;
    uint64_t seq; /* the segment that pending records are for */
    struct ax_wal_names names;
    uint64_t urgent; /* groups up to it do not wait for company */
    bool stop, failing;
    struct {
        uint64_t group;
        int code;
    } failed[FAILED_KEPT]; /* a ring of the newest; older ones count as failed below `forgotten` */
    uint64_t nfailed, forgotten;
    struct ax_wal_stats stats;

    /* the committer's own */
    struct ax_buf writing;
    int fd;
    uint64_t fd_seq;
    off_t size; /* of the part of the segment that is synced */
};

void ax_wal_name(uint64_t seq, char out[AX_WAL_NAME])
{
    snprintf(out, AX_WAL_NAME, "wal/%010llu.wal", (unsigned long long)seq);
}

static int start_segment(struct ax_wal *w, uint64_t seq)
{
    char name[AX_WAL_NAME];
    ax_wal_name(seq, name);
    if (w->fd >= 0)
        close(w->fd);
    w->fd = openat(w->dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
    if (w->fd < 0)
        return -errno;
    uint8_t head[AX_WAL_HEAD] = {'A', 'X', 'W', 'A', 'L', 0, 0, 0, AX_WAL_VERSION};
    w->fd_seq = seq;
    w->size = 0; /* the head is cut off too when its first group fails */
    int rc = ax_disk_write(w->fd, head, sizeof head);
    return rc == 0 ? ax_disk_sync_directory(w->dirfd, "wal") : rc;
}

static int write_group(struct ax_wal *w, uint64_t seq)
{
    int rc = w->fd < 0 || w->fd_seq != seq ? start_segment(w, seq) : 0;
    if (rc == 0)
        rc = ax_disk_write(w->fd, w->writing.p, w->writing.n);
    if (rc == 0 && ax_disk->fdatasync(w->fd) < 0)
        rc = -errno;
    if (rc == 0) {
        w->size += w->size ? (off_t)w->writing.n : (off_t)(AX_WAL_HEAD + w->writing.n);
        return 0;
    }
    /* What a failed sync left on the disk nobody knows: this segment gets no more. */
    if (w->fd >= 0) {
        if (ftruncate(w->fd, w->size) < 0)
            rc = -errno; /* what stays was not acknowledged, and replay checks each record */
        close(w->fd);
        w->fd = -1;
    }
    return rc;
}

static void remember_failure(struct ax_wal *w, uint64_t group, int code)
{
    size_t at = w->nfailed++ % FAILED_KEPT;
    if (w->nfailed > FAILED_KEPT)
        w->forgotten = w->failed[at].group;
    w->failed[at].group = group;
    w->failed[at].code = code;
}

/* What joined meanwhile leans on labels that the failed group should have named: it fails too. */
static void fail_groups(struct ax_wal *w, uint64_t group, int code)
{
    remember_failure(w, group, code);
    if (w->pending.n) {
        remember_failure(w, w->group, code);
        w->decided = w->group++;
        ax_buf_clear(&w->pending);
    }
    w->seq++;
    w->failing = true;
}

static void wait_for_company(struct ax_wal *w)
{
    int64_t until = w->pending_since + w->commit_us * 1000;
    struct timespec ts = {until / 1000000000, until % 1000000000};
    while (w->pending.n < GROUP_BYTES && w->urgent < w->group && !w->stop)
        if (pthread_cond_timedwait(&w->work, &w->lock, &ts) == ETIMEDOUT)
            return;
}

static void commit_group(struct ax_wal *w)
{
    struct ax_buf swap = w->writing;
    w->writing = w->pending;
    w->pending = swap;
    ax_buf_clear(&w->pending);
    uint64_t group = w->group++, seq = w->seq;
    pthread_mutex_unlock(&w->lock);
    int rc = write_group(w, seq);
    pthread_mutex_lock(&w->lock);
    w->decided = group;
    w->stats.syncs++;
    if (rc == 0) {
        w->stats.bytes += w->writing.n; /* heads of segments do not matter here */
        w->failing = false;
    } else {
        fail_groups(w, group, rc);
    }
    pthread_cond_broadcast(&w->done);
}

static void *committer(void *arg)
{
    struct ax_wal *w = arg;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->pending.n && !w->stop)
            pthread_cond_wait(&w->work, &w->lock);
        if (!w->pending.n)
            break;
        wait_for_company(w);
        commit_group(w);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

struct ax_wal *ax_wal_open(int dirfd, uint64_t first, uint64_t bytes, int64_t commit_us,
                           struct ax_intake *in)
{
    struct ax_wal *w = ax_calloc(1, sizeof *w);
    w->dirfd = dirfd;
    w->intake = in;
    w->commit_us = commit_us;
    w->group = 1;
    w->seq = first;
    w->fd = -1;
    w->stats.bytes = bytes;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->work, &attr);
    pthread_cond_init(&w->done, &attr);
    pthread_condattr_destroy(&attr);
    AX_ASSERT(pthread_create(&w->thread, NULL, committer, w) == 0);
    return w;
}

void ax_wal_close(struct ax_wal *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->work);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    if (w->fd >= 0)
        close(w->fd);
    ax_buf_free(&w->pending);
    ax_buf_free(&w->writing);
    ax_wal_names_free(&w->names);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->work);
    pthread_cond_destroy(&w->done);
    free(w);
}

int ax_wal_append(struct ax_wal *w, const struct ax_batch *b, uint64_t *ticket, struct ax_err *err)
{
    pthread_mutex_lock(&w->lock);
    if (w->pending.n > BEHIND_BYTES) {
        pthread_mutex_unlock(&w->lock);
        return ax_fail(err, -ENOBUFS, "the disk is %u MiB behind in writing the log: send slower",
                       BEHIND_BYTES >> 20);
    }
    if (!w->pending.n)
        w->pending_since = ax_mono_ns();
    if (b->now)
        w->urgent = w->group;
    if (!w->pending.n || w->pending.n >= GROUP_BYTES || b->now)
        pthread_cond_signal(&w->work);
    ax_wal_encode(&w->pending, b, w->intake, &w->names, (uint32_t)w->seq);
    AX_ASSERT(!w->pending.overflow);
    *ticket = w->group;
    pthread_mutex_unlock(&w->lock);
    return 0;
}

static int outcome(const struct ax_wal *w, uint64_t group)
{
    if (group <= w->forgotten)
        return -EIO;
    size_t n = w->nfailed < FAILED_KEPT ? w->nfailed : FAILED_KEPT;
    for (size_t i = 0; i < n; i++)
        if (w->failed[i].group == group)
            return w->failed[i].code;
    return 0;
}

int ax_wal_commit(struct ax_wal *w, uint64_t ticket, struct ax_err *err)
{
    pthread_mutex_lock(&w->lock);
    while (w->decided < ticket)
        pthread_cond_wait(&w->done, &w->lock);
    int rc = outcome(w, ticket);
    pthread_mutex_unlock(&w->lock);
    if (rc == -ENOSPC || rc == -EDQUOT)
        return ax_fail(err, rc, "no space left for the log in wal/: free some or add a disk");
    return rc ? ax_fail(err, rc, "cannot write the log in wal/: %s", strerror(-rc)) : 0;
}

bool ax_wal_failing(struct ax_wal *w)
{
    pthread_mutex_lock(&w->lock);
    bool failing = w->failing;
    pthread_mutex_unlock(&w->lock);
    return failing;
}

uint64_t ax_wal_rotate(struct ax_wal *w)
{
    pthread_mutex_lock(&w->lock);
    w->urgent = w->group;
    pthread_cond_broadcast(&w->work);
    while (w->decided + 1 < w->group || w->pending.n)
        pthread_cond_wait(&w->done, &w->lock);
    uint64_t keep = ++w->seq;
    pthread_mutex_unlock(&w->lock);
    return keep;
}

void ax_wal_drop(struct ax_wal *w, uint64_t keep)
{
    uint64_t freed = ax_wal_delete_below(w->dirfd, keep);
    pthread_mutex_lock(&w->lock);
    w->stats.bytes -= freed < w->stats.bytes ? freed : w->stats.bytes;
    pthread_mutex_unlock(&w->lock);
}

void ax_wal_stats(struct ax_wal *w, struct ax_wal_stats *out)
{
    pthread_mutex_lock(&w->lock);
    *out = w->stats;
    pthread_mutex_unlock(&w->lock);
}
