// SPDX-License-Identifier: Apache-2.0
#include "intake/intake.h"

#include "base/num.h"
#include "intake/inner.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define TEN_MINUTES_MS 600000

struct ax_intake {
    struct ax_intake_options options;
    struct ax_series_table table;
    struct ax_subscriber subscribers[AX_SUBSCRIBERS_MAX];
    size_t nsubscribers;
    _Atomic uint64_t batches, samples, rejected;
};

struct ax_intake *ax_intake_new(const struct ax_intake_options *o)
{
    struct ax_intake *in = ax_calloc(1, sizeof *in);
    in->options = *o;
    if (in->options.max_future_ms == 0)
        in->options.max_future_ms = TEN_MINUTES_MS;
    ax_series_table_init(&in->table, o->max_series ? o->max_series : 10000000,
                         o->max_tenant_series);
    return in;
}

void ax_intake_free(struct ax_intake *in)
{
    if (!in)
        return;
    ax_series_table_free(&in->table);
    free(in);
}

void ax_intake_subscribe(struct ax_intake *in, const struct ax_subscriber *s)
{
    AX_ASSERT(in->nsubscribers < AX_SUBSCRIBERS_MAX);
    in->subscribers[in->nsubscribers++] = *s;
}

bool ax_tenant_ok(struct ax_str tenant)
{
    if (tenant.n == 0 || tenant.n > 150)
        return false;
    for (size_t i = 0; i < tenant.n; i++) {
        char c = tenant.p[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '@' || c == '-';
        if (!ok)
            return false;
    }
    return true;
}

int ax_intake_labels(struct ax_labels_builder *b, struct ax_str tenant, struct ax_arena *a,
                     struct ax_labels *out, struct ax_err *err)
{
    AX_ASSERT(ax_tenant_ok(tenant));
    bool named = false;
    for (size_t i = 0; i < b->n; i++) {
        if (ax_str_eq(b->v[i].name, AX_STR(AX_TENANT_LABEL)))
            return ax_fail(err, -EINVAL, "label " AX_TENANT_LABEL " is reserved");
        named = named || (ax_str_eq(b->v[i].name, AX_STR("__name__")) && b->v[i].value.n);
    }
    if (!named)
        return ax_fail(err, -EINVAL, "a series has no metric name (label __name__)");
    ax_labels_add(b, AX_STR(AX_TENANT_LABEL), tenant);
    return ax_labels_finish(b, a, out, err);
}

/* Remembers the first refusal with the series it happened to; counts them all. */
__attribute__((format(printf, 4, 5))) static void refuse(struct ax_intake_result *r,
                                                         struct ax_labels labels, uint64_t count,
                                                         const char *fmt, ...)
{
    r->rejected += count;
    if (r->reason[0])
        return;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(r->reason, sizeof r->reason, fmt, ap);
    va_end(ap);
    struct ax_buf text = {.max = 4096};
    ax_labels_print(labels, &text);
    if (n > 0 && (size_t)n < sizeof r->reason && text.n)
        snprintf(r->reason + n, sizeof r->reason - (size_t)n, ", series %.*s",
                 (int)(text.n < 160 ? text.n : 160), text.p);
    ax_buf_free(&text);
}

/* For people: a series that is known came without its labels. */
static struct ax_labels labels_of(struct ax_intake *in, struct ax_arena *a,
                                  const struct ax_batch_series *s)
{
    return s->id == AX_SERIES_NONE ? s->labels : ax_intake_series(in, s->id, a);
}

static bool time_ok(const struct ax_intake *in, struct ax_labels labels, int64_t t, int64_t now,
                    struct ax_intake_result *r)
{
    char when[AX_NUM_TEXT], limit[AX_NUM_TEXT];
    if (t > now + in->options.max_future_ms) {
        ax_time_print(t, when);
        ax_duration_print(in->options.max_future_ms, limit);
        refuse(r, labels, 1, "sample of %s is more than %s in the future", when, limit);
        return false;
    }
    if (in->options.max_age_ms && t < now - in->options.max_age_ms) {
        ax_time_print(t, when);
        ax_duration_print(in->options.max_age_ms, limit);
        refuse(r, labels, 1, "sample of %s is older than the retention of %s", when, limit);
        return false;
    }
    return true;
}

/* Keeps the samples that are in bounds, in place. */
static void check_times(struct ax_intake *in, struct ax_arena *a, struct ax_batch_series *s,
                        int64_t now, struct ax_intake_result *r)
{
    int64_t oldest = in->options.max_age_ms ? now - in->options.max_age_ms : INT64_MIN;
    int64_t newest = now + in->options.max_future_ms;
    uint32_t good = 0;
    while (good < s->n && s->samples[good].t <= newest && s->samples[good].t >= oldest)
        good++;
    if (good == s->n)
        return;
    struct ax_sample *kept = AX_NEWS(a, struct ax_sample, s->n);
    struct ax_labels labels = labels_of(in, a, s);
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n; i++)
        if (time_ok(in, labels, s->samples[i].t, now, r))
            kept[n++] = s->samples[i];
    s->samples = kept;
    s->n = n;
}

static void refuse_new(struct ax_intake *in, const struct ax_batch_series *s,
                       struct ax_intake_result *r)
{
    struct ax_str tenant = ax_labels_get(s->labels, AX_STR(AX_TENANT_LABEL));
    if (ax_series_table_live(&in->table) >= in->table.max)
        refuse(r, s->labels, s->n, "the limit of %u series (--max-series) is reached",
               in->table.max);
    else
        refuse(r, s->labels, s->n,
               "tenant %.*s has reached its limit of %u series (--max-tenant-series)",
               (int)tenant.n, tenant.p, in->table.max_tenant);
}

/* The first sample that is out of bounds refuses a whole batch. */
static int check_whole(struct ax_intake *in, const struct ax_batch *b, int64_t now,
                       struct ax_intake_result *r, struct ax_err *err)
{
    int64_t oldest = in->options.max_age_ms ? now - in->options.max_age_ms : INT64_MIN;
    int64_t newest = now + in->options.max_future_ms;
    for (size_t i = 0; i < b->n; i++)
        for (uint32_t k = 0; k < b->v[i].n; k++) {
            int64_t t = b->v[i].samples[k].t;
            if (t >= oldest && t <= newest)
                continue;
            time_ok(in, labels_of(in, b->arena, &b->v[i]), t, now, r);
            return ax_fail(err, -EINVAL, "%s", r->reason);
        }
    return 0;
}

/* Ids and bounds for each series; those with nothing left go. -ENOBUFS when none may be made. */
static int resolve(struct ax_intake *in, struct ax_batch *b, int64_t now,
                   struct ax_intake_result *r, struct ax_err *err)
{
    size_t kept = 0, full = 0;
    int rc = b->whole ? check_whole(in, b, now, r, err) : 0;
    if (rc < 0)
        return rc;
    b->samples = 0;
    for (size_t i = 0; i < b->n; i++) {
        struct ax_batch_series s = b->v[i];
        if (!b->whole)
            check_times(in, b->arena, &s, now, r);
        if (s.n == 0)
            continue;
        if (s.id == AX_SERIES_NONE) {
            s.id = ax_series_table_define(&in->table, s.labels, s.sent, s.nsent);
            if (s.id != AX_SERIES_NONE && kept)
                ax_walk_link(&in->table, b->v[kept - 1].id, s.id);
        }
        if (s.id == AX_SERIES_NONE) {
            full++;
            refuse_new(in, &s, r);
            continue;
        }
        b->samples += s.n;
        if (kept != i || s.id != b->v[i].id || s.n != b->v[i].n)
            b->v[kept] = s;
        kept++;
    }
    b->n = kept;
    if (full && (kept == 0 || b->whole))
        return ax_fail(err, -ENOBUFS, "%s", r->reason);
    return 0;
}

static int append(struct ax_intake *in, const struct ax_batch *b, struct ax_intake_pending *pending,
                  struct ax_err *err)
{
    for (size_t i = 0; i < in->nsubscribers; i++) {
        const struct ax_subscriber *s = &in->subscribers[i];
        int rc = s->append(s->self, b, &pending->tickets[i], err);
        if (rc < 0)
            return rc;
        pending->follows |= (uint32_t)(rc > 0) << i;
    }
    return 0;
}

int ax_intake_offer(struct ax_intake *in, struct ax_batch *b, int64_t now,
                    struct ax_intake_result *result, struct ax_intake_pending *pending,
                    struct ax_err *err)
{
    *result = (struct ax_intake_result){0};
    *pending = (struct ax_intake_pending){0};
    if (!b->held)
        pthread_rwlock_rdlock(&in->table.life);
    int rc = resolve(in, b, now, result, err);
    if (rc == 0 && b->n)
        rc = append(in, b, pending, err);
    if (!b->held)
        pthread_rwlock_unlock(&in->table.life);
    in->batches++;
    in->rejected += result->rejected;
    if (rc == 0)
        result->accepted = pending->samples = b->samples;
    return rc;
}

/* All are asked, also after one that failed: who appended waits for it. */
int ax_intake_settle(struct ax_intake *in, const struct ax_intake_pending *pending,
                     struct ax_err *err)
{
    int first = 0;
    for (size_t i = 0; pending->samples && i < in->nsubscribers; i++) {
        const struct ax_subscriber *s = &in->subscribers[i];
        int rc = s->commit ? s->commit(s->self, pending->tickets[i], first ? NULL : err) : 0;
        first = first ? first : rc;
    }
    in->samples += first == 0 ? pending->samples : 0;
    return first;
}

void ax_intake_follow(struct ax_intake *in, const struct ax_intake_pending *pending)
{
    for (size_t i = 0; i < in->nsubscribers; i++)
        if (pending->follows & 1u << i)
            in->subscribers[i].follow(in->subscribers[i].self, pending->tickets[i]);
}

int ax_intake_push(struct ax_intake *in, struct ax_batch *b, int64_t now,
                   struct ax_intake_result *result, struct ax_err *err)
{
    struct ax_intake_pending pending;
    int rc = ax_intake_offer(in, b, now, result, &pending, err);
    if (rc == 0)
        rc = ax_intake_settle(in, &pending, err);
    if (rc == 0)
        ax_intake_follow(in, &pending);
    if (rc < 0)
        result->accepted = 0;
    return rc;
}

void ax_intake_tell_forgotten(struct ax_intake *in, uint32_t id)
{
    for (size_t i = 0; i < in->nsubscribers; i++)
        if (in->subscribers[i].forget)
            in->subscribers[i].forget(in->subscribers[i].self, id);
}

struct ax_series_table *ax_intake_table(struct ax_intake *in)
{
    return &in->table;
}

void ax_intake_stats(struct ax_intake *in, struct ax_intake_stats *out)
{
    *out = (struct ax_intake_stats){.series = ax_series_table_live(&in->table),
                                    .batches = in->batches,
                                    .samples = in->samples,
                                    .rejected = in->rejected,
                                    .bytes = ax_series_table_bytes(&in->table)};
}
