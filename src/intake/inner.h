// SPDX-License-Identifier: Apache-2.0
/* Inside the intake: label sets as sets of numbered pairs.
 *
 *   pair table     name=value  <->  pair     each pair's bytes once, as remote write carries them
 *   series table   set of pairs  <->  id     a set is a few numbers, in the order of its sender
 *
 * That is what makes a series cheap to keep (a number instead of the bytes of each label, which a
 * VM's series share) and cheap to recognise: the labels of a request are compared with the bytes of
 * the pairs one after the other, in full. */
#ifndef AX_INTAKE_INNER_H
#define AX_INTAKE_INNER_H

#include "intake/intake.h"

#include <pthread.h>

/* What has a number lies in pages that never move, so that who has the number needs no lock. */
#define AX_PAGE  4096u
#define AX_PAGES 16384u /* 67 million */

/* Numbers by a hash: open addressing, linear probing. The caller compares what they stand for:
 *     for (id = ax_ids_first(t, hash, &at); id != AX_SERIES_NONE; id = ax_ids_next(t, hash, &at))
 */
struct ax_id_slot;
struct ax_ids {
    struct ax_id_slot *slots;
    size_t cap, n;
};
uint32_t ax_ids_first(const struct ax_ids *t, uint32_t hash, size_t *at);
uint32_t ax_ids_next(const struct ax_ids *t, uint32_t hash, size_t *at);
void ax_ids_add(struct ax_ids *t, uint32_t hash, uint32_t id);
void ax_ids_remove(struct ax_ids *t, uint32_t hash, uint32_t id); /* it must be there */
void ax_ids_free(struct ax_ids *t);

struct ax_pair {
    char *wire; /* owned: a Label message with its tag, 0a LEN 0a LEN name 12 LEN value */
    uint32_t n; /* bytes of it */
    uint32_t value_n;
    uint16_t name_n;
    uint8_t name_at; /* where the name begins; the value is at the end */
    bool tenant;     /* it is __tenant__=... */
    uint32_t refs;   /* series that have it */
};

struct ax_pair_table {
    struct ax_pair *pages[AX_PAGES];
    struct ax_ids ids;
    uint32_t n; /* numbers given so far */
    uint32_t *free;
    size_t nfree, cap_free;
    size_t bytes; /* of all wire forms */
};

struct ax_pair *ax_pair_get(const struct ax_pair_table *t, uint32_t pair);
struct ax_label ax_pair_label(const struct ax_pair *p);
uint32_t ax_pair_find(const struct ax_pair_table *t, const struct ax_label *l);
/* Finds or makes; a new one has no refs yet. The label is checked by the caller. */
uint32_t ax_pair_intern(struct ax_pair_table *t, const struct ax_label *l);
void ax_pair_unref(struct ax_pair_table *t, uint32_t pair); /* the last one makes it free */
void ax_pair_table_free(struct ax_pair_table *t);
/* The pair's part of canonical label bytes: how many, and written to `at`; returns behind them. */
size_t ax_pair_canonical_size(const struct ax_pair *p);
char *ax_pair_canonical(const struct ax_pair *p, char *at);

/* A series. `next` is what followed it last time, a guess that spares look-ups (walk.c). */
struct ax_set {
    uint32_t next; /* atomic */
    uint8_t n;
    bool sorted; /* the pairs are in the order of their names */
    bool retired;
    uint32_t pairs[];
};

struct ax_series_table {
    pthread_rwlock_t life; /* shared by who has ids, from finding them to having used them */
    pthread_rwlock_t lock; /* all but the pages' contents; taken after life */
    struct ax_set **pages[AX_PAGES];
    struct ax_ids ids;
    uint32_t n, live;    /* ids given so far; series that there are */
    uint32_t max;        /* how many there may be */
    uint32_t max_tenant; /* and of one tenant */
    uint32_t *free;      /* ids of forgotten series */
    size_t nfree, cap_free;
    size_t set_bytes;
    struct ax_pair_table pairs;
};

void ax_series_table_init(struct ax_series_table *t, uint32_t max, uint32_t max_tenant);
void ax_series_table_free(struct ax_series_table *t);
/* NULL when there is no such series (any more). */
struct ax_set *ax_series_table_get(const struct ax_series_table *t, uint32_t id);
/* The series with these pairs, in any order. Under the lock. */
uint32_t ax_series_table_find(const struct ax_series_table *t, const uint32_t *pairs, size_t n);
/* Finds or makes. `sent`, which may be none, are the labels without the tenant in the order in
 * which they came. AX_SERIES_NONE: a limit is reached. */
uint32_t ax_series_table_define(struct ax_series_table *t, struct ax_labels labels,
                                const struct ax_label *sent, size_t nsent);
uint32_t ax_series_table_live(struct ax_series_table *t);
uint64_t ax_series_table_bytes(struct ax_series_table *t); /* an estimate */
/* As define, but for what is stored already: limits are for what is new. */
uint32_t ax_series_table_define_pairs(struct ax_series_table *t, const uint32_t *pairs, size_t n);

/* Notes what followed a series. */
void ax_walk_link(struct ax_series_table *t, uint32_t before, uint32_t id);

struct ax_series_table *ax_intake_table(struct ax_intake *in);
void ax_intake_tell_forgotten(struct ax_intake *in, uint32_t id); /* to subscribers */

#endif
