// SPDX-License-Identifier: Apache-2.0
#include "store/listing.h"

#include "store/block.h"
#include "store/wal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int list(int dirfd, const char *folder, struct ax_str ending, uint64_t **out, size_t *n,
                struct ax_err *err)
{
    int fd = openat(dirfd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        int rc = ax_fail_errno(err, "cannot list %s/", folder);
        ax_close_fd(&fd);
        return rc;
    }
    for (struct dirent *e; (e = readdir(d));) {
        struct ax_str name = ax_str(e->d_name);
        uint64_t number;
        if (!ax_str_ends(name, ending) ||
            !ax_str_u64((struct ax_str){name.p, name.n - ending.n}, &number))
            continue;
        *out = ax_realloc(*out, (*n + 1) * sizeof **out);
        (*out)[(*n)++] = number;
    }
    closedir(d);
    if (*n)
        qsort(*out, *n, sizeof **out, by_number);
    return 0;
}

int ax_listing_read(int dirfd, struct ax_listing *out, struct ax_err *err)
{
    struct ax_listing l = {0};
    int rc = list(dirfd, "blocks", AX_STR(".axb"), &l.blocks, &l.nblocks, err);
    if (rc == 0)
        rc = list(dirfd, "wal", AX_STR(".wal"), &l.segments, &l.nsegments, err);
    if (rc < 0)
        ax_listing_free(&l);
    else
        *out = l;
    return rc;
}

void ax_listing_free(struct ax_listing *l)
{
    free(l->blocks);
    free(l->segments);
    *l = (struct ax_listing){0};
}

static uint64_t bytes_of(int dirfd, const char *name)
{
    struct stat st;
    return fstatat(dirfd, name, &st, 0) == 0 ? (uint64_t)st.st_size : 0;
}

uint64_t ax_listing_bytes(int dirfd, const struct ax_listing *l, const struct ax_manifest *m,
                          uint64_t *total)
{
    char block[AX_BLOCK_NAME], segment[AX_WAL_NAME];
    uint64_t log = 0;
    for (size_t i = 0; i < l->nsegments; i++) {
        ax_wal_name(l->segments[i], segment);
        log += l->segments[i] < m->wal_from ? 0 : bytes_of(dirfd, segment);
    }
    *total = log;
    for (size_t i = 0; i < m->nblocks; i++) {
        ax_block_name(m->blocks[i], block);
        *total += bytes_of(dirfd, block);
    }
    return log;
}
