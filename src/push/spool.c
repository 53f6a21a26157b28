// SPDX-License-Identifier: Apache-2.0
#include "push/spool.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRY_MAX (64u << 20)
#define NAME_SIZE 32

static const char *const endings[] = {"rw", "json"};

static void name_of(uint64_t number, enum ax_spool_kind kind, char out[NAME_SIZE])
{
    snprintf(out, NAME_SIZE, "%012" PRIu64 ".%s", number, endings[kind]);
}

static bool parse_name(const char *name, struct ax_spool_entry *out)
{
    struct ax_str rest = ax_str(name), number;
    if (!ax_str_cut(&rest, '.', &number) || !ax_str_u64(number, &out->number))
        return false;
    for (size_t k = 0; k < AX_ARRAY_LEN(endings); k++)
        if (ax_str_eq(rest, ax_str(endings[k]))) {
            out->kind = (enum ax_spool_kind)k;
            return true;
        }
    return false;
}

/* Keeps the order of numbers; an entry mostly belongs at the end. */
static void insert(struct ax_spool *s, struct ax_spool_entry e)
{
    if (s->first && s->n == s->cap) { /* the space in front first */
        memmove(s->v, s->v + s->first, (s->n - s->first) * sizeof *s->v);
        s->n -= s->first;
        s->first = 0;
    }
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->v = ax_realloc(s->v, s->cap * sizeof *s->v);
    }
    size_t i = s->n++;
    for (; i > s->first && s->v[i - 1].number > e.number; i--)
        s->v[i] = s->v[i - 1];
    s->v[i] = e;
    s->bytes += e.size;
}

static int by_number(const void *a, const void *b)
{
    const struct ax_spool_entry *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

static void find_entries(struct ax_spool *s)
{
    int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *e; d && (e = readdir(d));) {
        struct ax_spool_entry entry = {0};
        struct stat st;
        if (ax_str_ends(ax_str(e->d_name), AX_STR(".tmp")))
            unlinkat(s->dir, e->d_name, 0); /* cut off in the middle of writing */
        else if (parse_name(e->d_name, &entry) && fstatat(s->dir, e->d_name, &st, 0) == 0) {
            entry.size = (uint64_t)st.st_size;
            if (s->n == s->cap) {
                s->cap = s->cap ? s->cap * 2 : 64;
                s->v = ax_realloc(s->v, s->cap * sizeof *s->v);
            }
            s->v[s->n++] = entry;
            s->bytes += entry.size;
        }
    }
    if (d)
        closedir(d);
    if (s->n)
        qsort(s->v, s->n, sizeof *s->v, by_number);
}

int ax_spool_open(struct ax_spool *s, const char *path, uint64_t max, struct ax_err *err)
{
    int rc = ax_mkdirs(path, err);
    if (rc < 0)
        return rc;
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return ax_fail_errno(err, "cannot open the spool directory %s", path);
    if (faccessat(dir, ".", W_OK, 0) < 0) {
        rc = ax_fail_errno(err, "cannot write to the spool directory %s", path);
        close(dir);
        return rc;
    }
    *s = (struct ax_spool){.dir = dir, .max = max};
    find_entries(s);
    return 0;
}

void ax_spool_close(struct ax_spool *s)
{
    if (s->dir >= 0)
        close(s->dir);
    free(s->v);
    *s = (struct ax_spool){.dir = -1};
}

uint64_t ax_spool_next_number(const struct ax_spool *s)
{
    return s->n > s->first ? s->v[s->n - 1].number + 1 : 1;
}

const struct ax_spool_entry *ax_spool_oldest(const struct ax_spool *s)
{
    return s->n > s->first ? &s->v[s->first] : NULL;
}

static void unlink_entry(const struct ax_spool *s, const struct ax_spool_entry *e)
{
    char name[NAME_SIZE];
    name_of(e->number, e->kind, name);
    unlinkat(s->dir, name, 0);
}

static void drop_oldest(struct ax_spool *s)
{
    const struct ax_spool_entry *e = &s->v[s->first++];
    unlink_entry(s, e);
    s->bytes -= e->size;
    s->dropped++;
}

static int write_file(struct ax_spool *s, const char *name, struct ax_str bytes, struct ax_err *err)
{
    char tmp[NAME_SIZE + 4];
    snprintf(tmp, sizeof tmp, "%s.tmp", name);
    AX_CLEANUP(ax_close_fd)
    int fd = openat(s->dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return ax_fail_errno(err, "cannot create %s in the spool", tmp);
    int rc = ax_write_all(fd, bytes.p, bytes.n);
    if (rc == 0 && renameat(s->dir, tmp, s->dir, name) < 0)
        rc = -errno;
    if (rc == 0)
        return 0;
    unlinkat(s->dir, tmp, 0);
    return ax_fail(err, rc, "cannot write %s in the spool: %s", name, strerror(-rc));
}

int ax_spool_put(struct ax_spool *s, uint64_t number, enum ax_spool_kind kind, struct ax_str bytes,
                 struct ax_err *err)
{
    char name[NAME_SIZE];
    if (bytes.n > s->max || bytes.n > ENTRY_MAX)
        return ax_fail(err, -EFBIG, "an entry of %zu bytes is larger than the whole spool",
                       bytes.n);
    while (s->n > s->first && s->bytes + bytes.n > s->max)
        drop_oldest(s);
    name_of(number, kind, name);
    int rc = write_file(s, name, bytes, err);
    if (rc == 0)
        insert(s, (struct ax_spool_entry){number, bytes.n, kind});
    return rc;
}

int ax_spool_read(const struct ax_spool *s, const struct ax_spool_entry *e, struct ax_buf *out,
                  struct ax_err *err)
{
    char name[NAME_SIZE];
    name_of(e->number, e->kind, name);
    return ax_file_read(s->dir, name, ENTRY_MAX, out, err);
}

void ax_spool_remove(struct ax_spool *s, uint64_t number)
{
    for (size_t i = s->first; i < s->n; i++) {
        if (s->v[i].number != number)
            continue;
        unlink_entry(s, &s->v[i]);
        s->bytes -= s->v[i].size;
        memmove(s->v + s->first + 1, s->v + s->first, (i - s->first) * sizeof *s->v);
        s->first++;
        return;
    }
}
