// SPDX-License-Identifier: Apache-2.0
#include "store/manifest.h"

#include "base/file.h"
#include "store/crc32c.h"
#include "store/disk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME         "MANIFEST"
#define MANIFEST_MAX (16u << 20)

void ax_manifest_add(struct ax_manifest *m, uint64_t block)
{
    m->blocks = ax_realloc(m->blocks, (m->nblocks + 1) * sizeof *m->blocks);
    m->blocks[m->nblocks++] = block;
}

void ax_manifest_free(struct ax_manifest *m)
{
    free(m->blocks);
    *m = (struct ax_manifest){0};
}

static bool read_line(struct ax_manifest *m, struct ax_str line)
{
    struct ax_str word, number;
    uint64_t n;
    if (!ax_str_word(&line, &word) || !ax_str_word(&line, &number) || !ax_str_u64(number, &n))
        return false;
    if (ax_str_eq(word, AX_STR("block")))
        ax_manifest_add(m, n);
    else if (ax_str_eq(word, AX_STR("wal")))
        m->wal_from = n;
    else
        return false;
    return true;
}

static bool parse(struct ax_str text, struct ax_manifest *m)
{
    char end[32];
    size_t body = text.n;
    if (body < 2 || text.p[body - 1] != '\n')
        return false;
    for (body--; body && text.p[body - 1] != '\n';)
        body--;
    int n = snprintf(end, sizeof end, "crc32c %08" PRIx32 "\n", ax_crc32c(0, text.p, body));
    struct ax_str rest = {text.p, body}, line;
    if (!ax_str_eq((struct ax_str){text.p + body, text.n - body}, (struct ax_str){end, (size_t)n}))
        return false;
    while (ax_str_cut(&rest, '\n', &line))
        if (line.n && !read_line(m, line))
            return false;
    return true;
}

int ax_manifest_read(int dirfd, struct ax_manifest *out, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    struct ax_err why = {0};
    int rc = ax_file_read(dirfd, NAME, MANIFEST_MAX, &b, &why);
    struct ax_manifest m = {0};
    if (rc == 0 && !parse(ax_buf_view(&b), &m))
        rc = ax_fail(&why, -EBADMSG, NAME " is damaged: it does not match its checksum");
    if (rc < 0) {
        ax_manifest_free(&m);
        return ax_fail(err, rc, "%s", why.text);
    }
    *out = m;
    return 0;
}

int ax_manifest_write(int dirfd, const struct ax_manifest *m, bool *placed, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    ax_buf_printf(&b, "wal %" PRIu64 "\n", m->wal_from);
    for (size_t i = 0; i < m->nblocks; i++)
        ax_buf_printf(&b, "block %" PRIu64 "\n", m->blocks[i]);
    ax_buf_printf(&b, "crc32c %08" PRIx32 "\n", ax_crc32c(0, b.p, b.n));
    return ax_disk_replace(dirfd, NAME, b.p, b.n, placed, err);
}
