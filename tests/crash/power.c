// SPDX-License-Identifier: Apache-2.0
#include "power.h"

#include "ledger.h"
#include "store/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512
#define DIRS   3

/* A file, whatever it is called. It is held open so that its number is not given to another. */
struct image {
    ino_t ino;
    int held;
    bool decided;
    struct ax_buf durable, now; /* decided: durable is what survived */
};
struct entry {
    char name[48];
    size_t image;
};
struct names {
    struct entry *v;
    size_t n;
};
struct dir {
    const char *path;
    ino_t ino;
    struct names durable, now;
};

static struct {
    pthread_mutex_t lock;
    char root[128];
    uint64_t ops, cut_at, seed;
    bool off, holes, rare;
    struct image *images;
    size_t nimages;
    struct dir dirs[DIRS];
} power = {.lock = PTHREAD_MUTEX_INITIALIZER,
           .dirs = {{.path = "."}, {.path = "wal"}, {.path = "blocks"}}};

static bool heads(void)
{
    return ledger_chance(&power.seed, 2);
}

static void path_of(const struct dir *d, const char *name, char out[256])
{
    snprintf(out, 256, "%s/%s/%s", power.root, d->path, name);
}

/* For what only grows, as the log does, but for when it is cut back: then all of it. */
static void read_rest(int fd, struct ax_buf *out)
{
    char piece[16384];
    struct stat st;
    ssize_t n;
    if (fstat(fd, &st) == 0 && (size_t)st.st_size < out->n)
        ax_buf_clear(out);
    while ((n = pread(fd, piece, sizeof piece, (off_t)out->n)) > 0)
        ax_buf_add(out, piece, (size_t)n);
}

/* Takes over the descriptor when the file was not known. */
static size_t image_of(int fd)
{
    struct stat st;
    AX_ASSERT(fstat(fd, &st) == 0);
    for (size_t i = 0; i < power.nimages; i++)
        if (power.images[i].ino == st.st_ino) {
            close(fd);
            return i;
        }
    power.images = ax_realloc(power.images, (power.nimages + 1) * sizeof *power.images);
    power.images[power.nimages] = (struct image){.ino = st.st_ino, .held = fd};
    return power.nimages++;
}

static void list_names(const struct dir *d, struct names *out)
{
    char path[256];
    path_of(d, "", path);
    DIR *dir = opendir(path);
    AX_ASSERT(dir != NULL);
    out->n = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        int fd = e->d_type == DT_REG ? openat(dirfd(dir), e->d_name, O_RDONLY) : -1;
        if (fd < 0)
            continue;
        out->v = ax_realloc(out->v, (out->n + 1) * sizeof *out->v);
        struct entry *x = &out->v[out->n++];
        snprintf(x->name, sizeof x->name, "%s", e->d_name);
        x->image = image_of(fd);
    }
    closedir(dir);
}

/* The moment itself: what is on the disk now may come back, what is done from here on may not. */
static void cut(void)
{
    power.off = true;
    for (int i = 0; i < DIRS; i++)
        list_names(&power.dirs[i], &power.dirs[i].now);
    for (size_t i = 0; i < power.nimages; i++)
        read_rest(power.images[i].held, &power.images[i].now);
}

enum state { ON, GOING, OFF };

/* Begins an operation; GOING is for the one in which the power goes, which ends it with gone(). */
static enum state begin(bool rare)
{
    pthread_mutex_lock(&power.lock);
    if (power.off)
        return OFF;
    return (rare || !power.rare) && ++power.ops >= power.cut_at ? GOING : ON;
}

static int end(enum state state, long result)
{
    int code = errno;
    if (state == GOING)
        cut();
    pthread_mutex_unlock(&power.lock);
    errno = state == ON ? code : EIO;
    return state == ON ? (int)result : -1;
}

static ssize_t power_write(int fd, const void *p, size_t n)
{
    enum state state = begin(false);
    if (state == GOING)
        n = ledger_chance(&power.seed, n + 1);
    return end(state, state == OFF ? -1 : write(fd, p, n));
}

static ssize_t power_pread(int fd, void *p, size_t n, off_t at)
{
    enum state state = begin(false);
    return end(state, state == OFF ? -1 : pread(fd, p, n, at));
}

/* A log's descriptor is for writing only. */
static int open_again(int fd)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, O_RDONLY);
    AX_ASSERT(again >= 0);
    return again;
}

static void make_durable(int fd, bool only_grows)
{
    struct stat st;
    AX_ASSERT(fstat(fd, &st) == 0);
    if (!S_ISDIR(st.st_mode)) {
        size_t i = image_of(open_again(fd)); /* which may move the images */
        struct image *x = &power.images[i];
        if (!only_grows) /* a .tmp that an earlier cut left is written anew */
            ax_buf_clear(&x->durable);
        read_rest(x->held, &x->durable);
        return;
    }
    for (int i = 0; i < DIRS; i++)
        if (power.dirs[i].ino == st.st_ino)
            list_names(&power.dirs[i], &power.dirs[i].durable);
}

static int sync_one(int fd, bool rare)
{
    enum state state = begin(rare);
    if (state == ON || (state == GOING && heads()))
        make_durable(fd, !rare);
    return end(state, 0);
}

static int power_fsync(int fd)
{
    return sync_one(fd, true);
}

static int power_fdatasync(int fd)
{
    return sync_one(fd, false);
}

static int power_rename(int dirfd, const char *from, const char *to)
{
    enum state state = begin(true);
    bool done = state == ON || (state == GOING && heads());
    return end(state, done ? renameat(dirfd, from, dirfd, to) : -1);
}

static int power_unlink(int dirfd, const char *name)
{
    enum state state = begin(true);
    bool done = state == ON || (state == GOING && heads());
    return end(state, done ? unlinkat(dirfd, name, 0) : -1);
}

const struct ax_disk power_disk = {
    power_write, power_fsync, power_fdatasync, power_pread, power_rename, power_unlink,
};

void power_on(const struct power_plan *plan)
{
    snprintf(power.root, sizeof power.root, "%s", plan->root);
    power.ops = 0;
    power.cut_at = plan->cut_at;
    power.seed = plan->seed;
    power.off = false;
    power.holes = plan->holes;
    power.rare = plan->rare;
    for (int i = 0; i < DIRS; i++) {
        char path[256];
        struct stat st;
        path_of(&power.dirs[i], "", path);
        AX_ASSERT(stat(path, &st) == 0);
        power.dirs[i].ino = st.st_ino;
        list_names(&power.dirs[i], &power.dirs[i].durable);
    }
    for (size_t i = 0; i < power.nimages; i++)
        read_rest(power.images[i].held, &power.images[i].durable);
}

bool power_is_off(void)
{
    pthread_mutex_lock(&power.lock);
    bool off = power.off;
    pthread_mutex_unlock(&power.lock);
    return off;
}

/* What was synced stays; of what was written after it, by chance. */
static void decide(struct image *x)
{
    struct ax_buf *d = &x->durable;
    if (x->decided)
        return;
    x->decided = true;
    size_t from = d->n, more = x->now.n > from ? x->now.n - from : 0;
    more = heads() && heads() ? more : ledger_chance(&power.seed, more + 1);
    if (more)
        ax_buf_add(d, x->now.p + from, more);
    for (size_t at = from; power.holes && at < d->n; at = (at / SECTOR + 1) * SECTOR) {
        size_t to = (at / SECTOR + 1) * SECTOR;
        if (ledger_chance(&power.seed, 4) == 0)
            memset(d->p + at, 0, (to < d->n ? to : d->n) - at);
    }
}

static const struct entry *find(const struct names *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i].name, name) == 0)
            return &l->v[i];
    return NULL;
}

static void put_back(const struct dir *d, const struct entry *x)
{
    char path[256];
    path_of(d, x->name, path);
    struct image *image = &power.images[x->image];
    decide(image);
    AX_CLEANUP(ax_close_fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    AX_ASSERT(fd >= 0);
    for (size_t at = 0; at < image->durable.n;) {
        ssize_t n = write(fd, image->durable.p + at, image->durable.n - at);
        AX_ASSERT(n > 0);
        at += (size_t)n;
    }
}

static void wipe(const struct dir *d)
{
    struct names left = {0};
    list_names(d, &left);
    for (size_t i = 0; i < left.n; i++) {
        char path[256];
        path_of(d, left.v[i].name, path);
        AX_ASSERT(unlink(path) == 0);
    }
    free(left.v);
}

/* Each name is what it was or what it is, and a name that is in only one of them is or is not. */
static void restore(struct dir *d)
{
    wipe(d);
    for (size_t i = 0; i < d->durable.n; i++) {
        const struct entry *was = &d->durable.v[i], *is = find(&d->now, was->name);
        const struct entry *back = is && is->image == was->image ? was : heads() ? was : is;
        if (back)
            put_back(d, back);
    }
    for (size_t i = 0; i < d->now.n; i++)
        if (!find(&d->durable, d->now.v[i].name) && heads())
            put_back(d, &d->now.v[i]);
}

void power_restore(void)
{
    if (!power.off)
        cut();
    for (int i = 0; i < DIRS; i++) {
        struct dir *d = &power.dirs[i];
        restore(d);
        free(d->durable.v);
        free(d->now.v);
        d->durable = d->now = (struct names){0};
    }
    for (size_t i = 0; i < power.nimages; i++) {
        close(power.images[i].held);
        ax_buf_free(&power.images[i].durable);
        ax_buf_free(&power.images[i].now);
    }
    free(power.images);
    power.images = NULL;
    power.nimages = 0;
}
