// SPDX-License-Identifier: Apache-2.0
#include "kit.h"

#include "base/file.h"
#include "intake/intake.h"
#include "store/block.h"
#include "store/crc32c.h"
#include "store/wal.h"
#include "store/wal_record.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char root[] = "/dev/shm/auspex-fuzz-XXXXXX";
static pid_t owner;

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    return at->level ? remove(path) : 0;
}

void fuzz_empty(void)
{
    nftw(fuzz_dir(), remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void remove_all(void)
{
    if (getpid() != owner)
        return;
    fuzz_empty();
    rmdir(root);
}

const char *fuzz_dir(void)
{
    if (owner)
        return root;
    AX_ASSERT(mkdtemp(root) != NULL);
    owner = getpid();
    atexit(remove_all);
    return root;
}

int fuzz_dirfd(void)
{
    static int fd = -1;
    if (fd < 0)
        fd = open(fuzz_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AX_ASSERT(fd >= 0);
    return fd;
}

const char *fuzz_path(const char *name)
{
    static char path[512];
    AX_ASSERT((size_t)snprintf(path, sizeof path, "%s/%s", fuzz_dir(), name) < sizeof path);
    return path;
}

void fuzz_write(const char *name, const void *p, size_t n)
{
    char dir[512];
    snprintf(dir, sizeof dir, "%s", fuzz_path(name));
    *strrchr(dir, '/') = '\0';
    int fd = open(fuzz_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        AX_ASSERT(ax_mkdirs(dir, NULL) == 0);
        fd = open(fuzz_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    }
    AX_ASSERT(fd >= 0 && ax_write_all(fd, p, n) == 0);
    close(fd);
}

static void seal_footer(uint8_t *p, size_t n, void *footer, size_t size)
{
    uint32_t crc = 0;
    char *at = (char *)footer + offsetof(struct ax_block_footer, crc);
    memcpy(at, &crc, sizeof crc);
    crc = ax_crc32c(0, footer, size);
    memcpy(at, &crc, sizeof crc);
    memcpy(p + n - size, footer, size);
}

#define SEAL(type, p, n)                                                                           \
    do {                                                                                           \
        type f;                                                                                    \
        memcpy(&f, p + n - sizeof f, sizeof f);                                                    \
        for (size_t i = 0; i < AX_ARRAY_LEN(f.section); i++)                                       \
            if (f.section[i].at <= n && f.section[i].len <= n - f.section[i].at)                   \
                f.section[i].crc = ax_crc32c(0, p + f.section[i].at, f.section[i].len);            \
        seal_footer(p, n, &f, sizeof f);                                                           \
    } while (0)

void fuzz_seal_block(uint8_t *p, size_t n)
{
    size_t new = sizeof(struct ax_block_footer), old = sizeof(struct ax_block_footer_1);
    if (n >= new &&memcmp(p + n - new, "AXBLOCK\n", 8) == 0)
        SEAL(struct ax_block_footer, p, n);
    else if (n >= old)
        SEAL(struct ax_block_footer_1, p, n);
}

void fuzz_seal_log(uint8_t *p, size_t n)
{
    for (size_t at = AX_WAL_HEAD; at + AX_WAL_RECORD_HEAD <= n;) {
        uint32_t head[3];
        memcpy(head, p + at, sizeof head);
        if (head[0] != AX_WAL_MAGIC || head[1] > n - at - AX_WAL_RECORD_HEAD)
            return;
        head[2] = ax_crc32c(0, p + at + AX_WAL_RECORD_HEAD, head[1]);
        memcpy(p + at, head, sizeof head);
        at += AX_WAL_RECORD_HEAD + head[1];
    }
}

struct ax_labels fuzz_labels(struct ax_arena *a, const char *tenant, ...)
{
    struct ax_labels_builder b = {0};
    struct ax_labels labels;
    va_list ap;
    va_start(ap, tenant);
    for (const char *name; (name = va_arg(ap, const char *));)
        ax_labels_add(&b, ax_str(name), ax_str(va_arg(ap, const char *)));
    va_end(ap);
    int rc = tenant ? ax_intake_labels(&b, ax_str(tenant), a, &labels, NULL)
                    : ax_labels_finish(&b, a, &labels, NULL);
    AX_ASSERT(rc == 0);
    return labels;
}
