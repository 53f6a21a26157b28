// SPDX-License-Identifier: Apache-2.0
/* Opening: manifest, then blocks, then the log on top of them. */
#include "store/inner.h"

#include "base/clock.h"
#include "store/disk.h"
#include "store/listing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool listed(const struct ax_manifest *m, uint64_t file)
{
    for (size_t i = 0; i < m->nblocks; i++)
        if (m->blocks[i] == file)
            return true;
    return false;
}

/* Files that no manifest names were never finished, or have been merged into another. */
static void remove_strays(struct ax_store *s, const struct ax_manifest *m,
                          const struct ax_listing *l)
{
    for (size_t i = 0; i < l->nblocks; i++) {
        char name[AX_BLOCK_NAME];
        ax_block_name(l->blocks[i], name);
        if (!listed(m, l->blocks[i]))
            ax_disk->unlink(s->dir.fd, name);
    }
}

/* Without a manifest nobody knows what was merged: reading everything is right, and only larger. */
static void take_every_block(struct ax_store *s, struct ax_manifest *m, const struct ax_listing *l,
                             const char *why)
{
    ax_store_warn(s, "%s; took every block that is there instead", why);
    s->damaged++;
    for (size_t i = 0; i < l->nblocks; i++)
        ax_manifest_add(m, l->blocks[i]);
}

static int read_manifest(struct ax_store *s, struct ax_manifest *m, struct ax_err *err)
{
    struct ax_listing files;
    struct ax_err why = {0};
    bool placed;
    int rc = ax_listing_read(s->dir.fd, &files, err);
    if (rc < 0)
        return rc;
    rc = ax_manifest_read(s->dir.fd, m, &why);
    if (rc == -ENOENT && !files.nblocks) {
        rc = ax_manifest_write(s->dir.fd, m, &placed, err); /* of a new store */
    } else if (rc == -EBADMSG || rc == -ENOENT) {
        take_every_block(s, m, &files, why.text);
        rc = 0;
    } else if (rc < 0) {
        rc = ax_fail(err, rc, "%s", why.text);
    } else {
        remove_strays(s, m, &files);
    }
    ax_listing_free(&files);
    return rc;
}

/* A block whose index is damaged is set aside under another name, for whoever wants to look. */
static void set_aside(struct ax_store *s, uint64_t file, int code, const char *why)
{
    char name[AX_BLOCK_NAME], aside[AX_BLOCK_NAME + 16];
    ax_block_name(file, name);
    snprintf(aside, sizeof aside, "%s.damaged", name);
    if (code == -ENOENT)
        ax_store_warn(s, "%s: its samples are lost, the rest is served", why);
    else if (ax_disk->rename(s->dir.fd, name, aside) == 0)
        ax_store_warn(s, "%s; it was set aside as %s, the rest is served", why, aside);
    s->damaged++;
}

static int by_order(const void *a, const void *b)
{
    const struct ax_block *x = *(struct ax_block *const *)a, *y = *(struct ax_block *const *)b;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return (x->file > y->file) - (x->file < y->file);
}

static int load_blocks(struct ax_store *s, const struct ax_manifest *m, struct ax_err *err)
{
    s->blocks = ax_calloc(m->nblocks + 1, sizeof(struct ax_block *));
    s->next_file = s->next_order = 1;
    for (size_t i = 0; i < m->nblocks; i++) {
        struct ax_err why = {0};
        struct ax_block *b;
        int rc = ax_block_open(s->dir.fd, m->blocks[i], &b, &why);
        if (m->blocks[i] >= s->next_file)
            s->next_file = m->blocks[i] + 1;
        if (rc == -EBADMSG || rc == -ENOENT || rc == -EIO) {
            set_aside(s, m->blocks[i], rc, why.text);
            continue;
        }
        if (rc < 0)
            return ax_fail(err, rc, "%s", why.text);
        s->blocks[s->nblocks++] = b;
        if (b->order >= s->next_order)
            s->next_order = b->order + 1;
    }
    if (s->nblocks)
        qsort(s->blocks, s->nblocks, sizeof(struct ax_block *), by_order);
    for (size_t i = 0; i < s->nblocks; i++)
        s->doubt = s->blocks[i]->maxt > s->doubt ? s->blocks[i]->maxt : s->doubt;
    return 0;
}

static uint32_t intern(void *ctx, const struct ax_label *l)
{
    struct ax_store *s = ctx;
    return ax_intake_intern(s->intake, l->name, l->value);
}

static uint32_t define(void *ctx, const uint32_t *pairs, size_t n)
{
    struct ax_store *s = ctx;
    return ax_intake_define_pairs(s->intake, pairs, n);
}

static void take(void *ctx, const struct ax_batch *b)
{
    ax_store_take(ctx, b);
}

static void pass_warning(void *ctx, const char *text)
{
    ax_store_warn(ctx, "%s", text);
}

int ax_store_load(struct ax_store *s, struct ax_err *err)
{
    struct ax_manifest m = {0};
    int rc = read_manifest(s, &m, err);
    if (rc == 0)
        rc = load_blocks(s, &m, err);
    s->wal_from = m.wal_from;
    struct ax_wal_replay r = {
        .ctx = s, .pair = intern, .define = define, .take = take, .warn = pass_warning};
    if (rc == 0)
        rc = ax_wal_replay(s->dir.fd, m.wal_from, &r, err);
    if (rc == 0 && s->damaged) /* what was found out shall not be found out again */
        rc = ax_store_publish(s, NULL, NULL, m.wal_from, err);
    if (rc == 0) {
        s->damaged += r.damaged;
        s->active_since = ax_store_now(s);
        s->wal = ax_wal_open(s->dir.fd, r.next_segment, r.bytes, s->options.commit_us, s->intake);
    }
    ax_manifest_free(&m);
    return rc;
}
