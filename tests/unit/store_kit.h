// SPDX-License-Identifier: Apache-2.0
/* What the store's tests share: a store in a directory of its own, with a clock that the test
 * sets. */
#ifndef AX_TESTS_STORE_KIT_H
#define AX_TESTS_STORE_KIT_H

#include "store/disk.h"
#include "store/store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HOUR   3600000ll
#define DAY    (24 * HOUR)
#define T0     (1790000000000 / (32 * DAY) * (32 * DAY)) /* where partitions of all widths begin */
#define TENANT "default"

static int64_t kit_now = T0 + HOUR;
static int64_t kit_clock(void)
{
    return kit_now;
}

struct kit {
    char dir[64];
    struct ax_intake *intake;
    struct ax_store *store;
    struct ax_subscriber sub;
    struct ax_arena arena; /* for results */
};

static int64_t kit_commit_us = 200;
static unsigned kit_warnings;
static char kit_warning[AX_ERR_TEXT];
static inline void kit_warn(const char *text)
{
    kit_warnings++;
    snprintf(kit_warning, sizeof kit_warning, "%s", text);
}

static inline int kit_try_open(struct kit *k, int64_t retention, struct ax_err *err)
{
    struct ax_intake_options io = {.max_age_ms = retention};
    k->intake = ax_intake_new(&io);
    struct ax_store_options o = {.dir = k->dir,
                                 .retention_ms = retention,
                                 .commit_us = kit_commit_us,
                                 .now_ms = kit_clock,
                                 .warn = kit_warn};
    int rc = ax_store_open(&k->store, &o, k->intake, err);
    if (rc < 0) {
        ax_intake_free(k->intake);
        return rc;
    }
    k->sub = ax_store_subscriber(k->store);
    return 0;
}

static inline void kit_open(struct kit *k)
{
    struct ax_err err = {0};
    if (kit_try_open(k, 100 * 365 * DAY, &err) < 0)
        fail_msg("%s", err.text);
}

static inline void kit_close(struct kit *k)
{
    ax_store_close(k->store);
    ax_intake_free(k->intake);
    k->store = NULL;
}

static inline int kit_new(void **state)
{
    struct kit *k = calloc(1, sizeof *k);
    snprintf(k->dir, sizeof k->dir, "/tmp/auspex-store-XXXXXX");
    assert_non_null(mkdtemp(k->dir));
    kit_now = T0 + HOUR;
    kit_warnings = 0;
    kit_open(k);
    *state = k;
    return 0;
}

static inline void kit_remove(const char *dir)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
}

static inline int kit_end(void **state)
{
    struct kit *k = *state;
    if (k->store)
        kit_close(k);
    ax_arena_free(&k->arena);
    kit_remove(k->dir);
    free(k);
    return 0;
}

static inline int kit_no_sync(int fd)
{
    return 0;
}

/* A disk that waits for nothing: for tests that are not about what lasts. */
static inline const struct ax_disk *kit_hasty_disk(void)
{
    static struct ax_disk d;
    d = ax_disk_real;
    d.fsync = d.fdatasync = kit_no_sync;
    return &d;
}

static int kit_operations_left;
static inline bool kit_stopped(void)
{
    if (kit_operations_left > 0) {
        kit_operations_left--;
        return false;
    }
    errno = EIO;
    return true;
}

static inline ssize_t kit_stopping_write(int fd, const void *p, size_t n)
{
    return kit_stopped() ? -1 : ax_disk_real.write(fd, p, n);
}

static inline int kit_stopping_sync(int fd)
{
    return kit_stopped() ? -1 : 0;
}

static inline int kit_stopping_rename(int dirfd, const char *from, const char *to)
{
    return kit_stopped() ? -1 : ax_disk_real.rename(dirfd, from, to);
}

static inline int kit_stopping_unlink(int dirfd, const char *name)
{
    return kit_stopped() ? -1 : ax_disk_real.unlink(dirfd, name);
}

/* A disk that stops when kit_operations_left are done, as a process does that is killed. */
static inline const struct ax_disk *kit_stopping_disk(void)
{
    static struct ax_disk d;
    d = ax_disk_real;
    d.write = kit_stopping_write;
    d.fsync = d.fdatasync = kit_stopping_sync;
    d.rename = kit_stopping_rename;
    d.unlink = kit_stopping_unlink;
    return &d;
}

/* The canonical labels of NAME{vm="VM"} of a tenant. */
static inline struct ax_labels kit_labels(struct ax_arena *a, const char *tenant, const char *name,
                                          const char *vm)
{
    struct ax_labels_builder b = {0};
    struct ax_labels l;
    ax_labels_add(&b, AX_STR("__name__"), ax_str(name));
    ax_labels_add(&b, AX_STR("vm"), ax_str(vm));
    assert_int_equal(ax_intake_labels(&b, ax_str(tenant), a, &l, NULL), 0);
    return l;
}

/* Adds samples to a batch of one's own, with the id set as the intake would. */
static inline void kit_add(struct kit *k, struct ax_batch *b, const char *tenant, const char *name,
                           const char *vm, const struct ax_sample *s, size_t n)
{
    struct ax_labels l = kit_labels(b->arena, tenant, name, vm);
    ax_batch_add(b, l, s, n);
    b->v[b->n - 1].id = ax_intake_define(k->intake, l);
}

static inline int kit_send(struct kit *k, const struct ax_batch *b, struct ax_err *err)
{
    uint64_t ticket;
    int rc = k->sub.append(k->sub.self, b, &ticket, err);
    return rc < 0 ? rc : k->sub.commit(k->sub.self, ticket, err);
}

static inline void kit_write_batch(struct kit *k, struct ax_batch b, const char *tenant,
                                   const char *name, const char *vm, const struct ax_sample *s,
                                   size_t n)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_err err = {0};
    struct ax_walk walk; /* so that the id stays what it is until it is in the store */
    b.arena = &a;
    ax_walk_begin(&walk, k->intake, ax_str(tenant));
    kit_add(k, &b, tenant, name, vm, s, n);
    int rc = kit_send(k, &b, &err);
    ax_walk_end(&walk);
    if (rc < 0)
        fail_msg("%s", err.text);
    ax_arena_free(&a);
}

static inline void kit_write(struct kit *k, const char *tenant, const char *name, const char *vm,
                             const struct ax_sample *s, size_t n)
{
    kit_write_batch(k, (struct ax_batch){0}, tenant, name, vm, s, n);
}

static inline void kit_write1(struct kit *k, const char *name, const char *vm, int64_t t, double v)
{
    struct ax_sample s = {t, v};
    kit_write(k, TENANT, name, vm, &s, 1);
}

static inline struct ax_store_select kit_all(const struct ax_matcher *m, size_t n)
{
    return (struct ax_store_select){.tenant = ax_str(TENANT),
                                    .matchers = m,
                                    .nmatchers = n,
                                    .mint = -(1ll << 60),
                                    .maxt = 1ll << 60};
}

/* The series NAME{vm="VM"}; n == 0 when there is none. */
static inline struct ax_series kit_read(struct kit *k, const char *name, const char *vm)
{
    struct ax_matcher m[] = {{.op = AX_MATCH_EQ, .name = AX_STR("__name__"), .value = ax_str(name)},
                             {.op = AX_MATCH_EQ, .name = AX_STR("vm"), .value = ax_str(vm)}};
    struct ax_store_select sel = kit_all(m, 2);
    struct ax_series_set set;
    assert_int_equal(ax_store_select(k->store, &sel, &k->arena, &set, NULL), 0);
    assert_true(set.n <= 1);
    return set.n ? set.v[0] : (struct ax_series){0};
}

static inline void kit_tick(struct kit *k, int times)
{
    struct ax_err err = {0};
    for (int i = 0; i < times; i++)
        if (ax_store_tick(k->store, &err) < 0)
            fail_msg("%s", err.text);
}

static inline struct ax_store_stats kit_stats(struct kit *k)
{
    struct ax_store_stats st;
    ax_store_stats(k->store, &st);
    return st;
}

#endif
