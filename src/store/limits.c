// SPDX-License-Identifier: Apache-2.0
/* What single tenants may keep. Blocks have the samples of all: one with some that are no longer to
 * be kept is written anew without them, as deletion does it. One block or one partition in a tick,
 * and only when there is nothing to be merged. */
#include "store/rewrite.h"

#include "store/partition.h"
#include "store/tenants.h"

#include <errno.h>
#include <stdlib.h>

#define LOOK_MS 10000 /* after one that found nothing: there may be many tenants */

static const struct ax_tenant_limit *limit_of(const struct ax_store *s, struct ax_str tenant)
{
    static const struct ax_tenant_limit none;
    for (size_t i = 0; i < s->options.nlimits; i++)
        if (ax_str_eq(s->options.limits[i].tenant, tenant))
            return &s->options.limits[i];
    return &none;
}

/* One that is damaged where there are samples of others stays: each tick would find that out again.
 */
static int give_up(struct ax_rewrite *w, struct ax_block *b, int rc, struct ax_err *err)
{
    ax_rewrite_cancel(w);
    if (rc != -EIO)
        return rc;
    b->whole = true;
    ax_store_warn(w->store, "what tenants may no longer keep stays until its block is deleted: %s",
                  err ? err->text : "it is damaged");
    return 0;
}

/* ---- by age ---- */

/* The series of those who may no longer keep what is in the block: NULL when there are none. */
static roaring_bitmap_t *too_old(const struct ax_store *s, const struct ax_block *b, int64_t now)
{
    struct ax_index_view ix = ax_block_index(b);
    roaring_bitmap_t *all = NULL;
    for (size_t i = 0; b->parts && !b->whole && i < b->parts->n; i++) {
        const struct ax_tenant_part *p = &b->parts->v[i];
        int64_t keep = limit_of(s, p->tenant)->retention_ms;
        if (!keep || b->maxt >= now - keep)
            continue;
        roaring_bitmap_t *one = ix.get(b, p->handle);
        if (all) {
            roaring_bitmap_or_inplace(all, one);
            roaring_bitmap_free(one);
        } else {
            all = one;
        }
    }
    return all;
}

static int expire_in(struct ax_store *s, struct ax_block *b, const roaring_bitmap_t *series,
                     struct ax_err *err)
{
    struct ax_rewrite w = {.store = s, .mint = INT64_MIN, .maxt = INT64_MAX};
    int rc = ax_rewrite_block(&w, b, series, err);
    rc = rc < 0 ? give_up(&w, b, rc, err) : ax_rewrite_publish(&w, err);
    ax_rewrite_done(&w);
    return rc;
}

static int expire(struct ax_store *s, int64_t now, bool *did, struct ax_err *err)
{
    for (size_t i = 0; i < s->nblocks && s->options.nlimits; i++) {
        roaring_bitmap_t *series = too_old(s, s->blocks[i], now);
        if (!series)
            continue;
        int rc = expire_in(s, s->blocks[i], series, err);
        roaring_bitmap_free(series);
        *did = true;
        return rc;
    }
    return 0;
}

/* ---- by size ---- */

static bool may_shrink(const struct ax_block *b, struct ax_str tenant)
{
    return !b->whole && ax_tenant_part(b, tenant);
}

/* The blocks of a tenant's oldest partition; none when only the newest is left. As for all. */
static struct ax_block_list oldest_blocks(const struct ax_store *s, struct ax_str tenant)
{
    struct ax_block_list list = {0};
    int64_t oldest = INT64_MAX, newest = INT64_MIN;
    for (size_t i = 0; i < s->nblocks; i++) {
        const struct ax_block *b = s->blocks[i];
        if (!may_shrink(b, tenant))
            continue;
        oldest = b->mint < oldest ? b->mint : oldest;
        newest = b->maxt > newest ? b->maxt : newest;
    }
    int64_t end = oldest <= newest ? ax_partition_of(oldest, newest).end : INT64_MAX;
    for (size_t i = 0; i < s->nblocks && newest >= end; i++) {
        struct ax_block *b = s->blocks[i];
        if (may_shrink(b, tenant) && b->mint < end && b->maxt < newest)
            ax_block_list_add(&list, b);
    }
    return list;
}

static int shrink(struct ax_store *s, struct ax_str tenant, const struct ax_block_list *l,
                  struct ax_err *err)
{
    struct ax_rewrite w = {.store = s, .mint = INT64_MIN, .maxt = INT64_MAX};
    int rc = 0;
    for (size_t i = 0; i < l->n && rc == 0; i++) {
        struct ax_index_view ix = ax_block_index(l->v[i]);
        roaring_bitmap_t *series = ix.get(l->v[i], ax_tenant_part(l->v[i], tenant)->handle);
        rc = ax_rewrite_block(&w, l->v[i], series, err);
        roaring_bitmap_free(series);
        if (rc < 0)
            rc = give_up(&w, l->v[i], rc, err);
        if (l->v[i]->whole)
            break;
    }
    if (rc == 0)
        rc = ax_rewrite_publish(&w, err);
    ax_rewrite_done(&w);
    return rc;
}

static int shrink_one(struct ax_store *s, bool *did, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_block_list l = {0};
    struct ax_tenant_bytes *t;
    size_t n, i = 0;
    int rc = 0;
    ax_store_tenants(s, &a, &t, &n);
    for (; i < n && !l.n; i++) {
        uint64_t own = limit_of(s, t[i].tenant)->bytes, most = own ? own : s->options.tenant_bytes;
        if (most && t[i].bytes > most)
            l = oldest_blocks(s, t[i].tenant);
    }
    *did = l.n > 0;
    if (l.n)
        rc = shrink(s, t[i - 1].tenant, &l, err);
    free(l.v);
    ax_arena_free(&a);
    return rc;
}

int ax_store_limit_tenants(struct ax_store *s, struct ax_err *err)
{
    int64_t now = ax_store_now(s), since = now - s->limits_seen;
    bool did = false;
    if ((!s->options.nlimits && !s->options.tenant_bytes) || (since >= 0 && since < LOOK_MS))
        return 0;
    int rc = ax_store_clock_is_steady(s, now) ? expire(s, now, &did, err) : 0;
    if (rc == 0 && !did)
        rc = shrink_one(s, &did, err);
    if (rc == 0 && !did)
        s->limits_seen = now;
    return rc;
}
