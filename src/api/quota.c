// SPDX-License-Identifier: Apache-2.0
/* What a tenant may ask for at once, so that its neighbours get their share: samples per second, by
 * a bucket that holds two seconds of them, and reading requests under way.
 *
 * A request is let in while there is anything in the bucket, whatever its size, and its samples are
 * taken out afterwards: how many they are is known when they are decoded. */
#include "api/quota.h"

#include "base/clock.h"
#include "base/map.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BURST_S 2
#define KEPT    10000 /* tenants, before those at rest are forgotten */

struct use {
    char *tenant;
    double samples; /* in the bucket; below 0 by what the last request took too much */
    int64_t at;     /* ns: when that was so */
    uint32_t reading;
};

struct ax_quotas {
    pthread_mutex_t lock;
    struct ax_map uses; /* tenant -> struct use */
    size_t sweep_at;    /* as many of them: look whom to forget */
    uint32_t rate, reading;
    uint64_t refused; /* atomic */
};

struct ax_quotas *ax_quotas_new(uint32_t rate, uint32_t reading)
{
    struct ax_quotas *s = ax_calloc(1, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    s->rate = rate;
    s->reading = reading;
    s->sweep_at = KEPT;
    return s;
}

/* The bucket as it is now. */
static void refill(const struct ax_quotas *s, struct use *u, int64_t now)
{
    double most = (double)s->rate * BURST_S;
    u->samples += (double)(now - u->at) / 1e9 * s->rate;
    u->samples = u->samples < most ? u->samples : most;
    u->at = now;
}

/* All, or those that are as if they had never come. */
static void forget(struct ax_quotas *s, bool all, int64_t now)
{
    struct ax_map kept = AX_MAP_INIT;
    size_t pos = 0;
    struct ax_str key;
    uint64_t value;
    while (ax_map_next(&s->uses, &pos, &key, &value)) {
        struct use *u = (struct use *)(uintptr_t)value;
        refill(s, u, now);
        if (!all && (u->reading || u->samples < (double)s->rate * BURST_S)) {
            ax_map_put(&kept, key, value);
            continue;
        }
        free(u->tenant);
        free(u);
    }
    ax_map_free(&s->uses);
    s->uses = kept;
    s->sweep_at = kept.n * 2 > KEPT ? kept.n * 2 : KEPT;
}

void ax_quotas_free(struct ax_quotas *s)
{
    if (!s)
        return;
    forget(s, true, ax_mono_ns());
    ax_map_free(&s->uses);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* With the lock. */
static struct use *use_of(struct ax_quotas *s, struct ax_str tenant)
{
    uint64_t found;
    int64_t now = ax_mono_ns();
    if (ax_map_get(&s->uses, tenant, &found)) {
        refill(s, (struct use *)(uintptr_t)found, now);
        return (struct use *)(uintptr_t)found;
    }
    if (s->uses.n >= s->sweep_at)
        forget(s, false, now);
    struct use *u = ax_calloc(1, sizeof *u);
    u->tenant = ax_calloc(1, tenant.n + 1);
    memcpy(u->tenant, tenant.p, tenant.n);
    u->samples = (double)s->rate * BURST_S;
    u->at = now;
    ax_map_put(&s->uses, ax_str(u->tenant), (uintptr_t)u);
    return u;
}

static int refuse(struct ax_quotas *s)
{
    __atomic_add_fetch(&s->refused, 1, __ATOMIC_RELAXED);
    return -EDQUOT;
}

int ax_quota_admit(struct ax_quotas *s, struct ax_str tenant, struct ax_err *err)
{
    if (!s->rate)
        return 0;
    pthread_mutex_lock(&s->lock);
    double left = use_of(s, tenant)->samples;
    pthread_mutex_unlock(&s->lock);
    if (left > 0)
        return 0;
    return ax_fail(
        err, refuse(s),
        "the limit of %u samples a second of the tenant %.*s is reached: again in %.1f s", s->rate,
        AX_STR_ARG(tenant), -left / s->rate + 0.1);
}

void ax_quota_charge(struct ax_quotas *s, struct ax_str tenant, uint64_t samples)
{
    if (!s->rate)
        return;
    pthread_mutex_lock(&s->lock);
    use_of(s, tenant)->samples -= (double)samples;
    pthread_mutex_unlock(&s->lock);
}

int ax_quota_read(struct ax_quotas *s, struct ax_str tenant, struct ax_err *err)
{
    if (!s->reading)
        return 0;
    pthread_mutex_lock(&s->lock);
    struct use *u = use_of(s, tenant);
    bool may = u->reading < s->reading;
    u->reading += may;
    pthread_mutex_unlock(&s->lock);
    return may ? 0
               : ax_fail(
                     err, refuse(s),
                     "the limit of %u queries at once of the tenant %.*s is reached: again when "
                     "one of them has ended",
                     s->reading, AX_STR_ARG(tenant));
}

void ax_quota_read_end(struct ax_quotas *s, struct ax_str tenant)
{
    if (!s->reading)
        return;
    pthread_mutex_lock(&s->lock);
    use_of(s, tenant)->reading--;
    pthread_mutex_unlock(&s->lock);
}

uint64_t ax_quotas_refused(const struct ax_quotas *s)
{
    return __atomic_load_n(&s->refused, __ATOMIC_RELAXED);
}
