// SPDX-License-Identifier: Apache-2.0
#include "senders.h"

#include "base/clock.h"
#include "fast_clock.h"
#include "push/push.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define HOUR 3600000ll
#define DAY  (24 * HOUR)

struct sender {
    struct senders *all;
    pthread_t thread;
    uint32_t number;
    uint64_t chance;
    CURL *curl;
    struct curl_slist *headers;
    struct ax_buf body;
    size_t places[LEDGER_SERIES];
};
struct senders {
    struct ledger *ledger;
    int64_t clock_began;
    _Atomic bool stop;
    _Atomic uint64_t answered, cut, odd;
    pthread_rwlock_t sending; /* shared by requests, exclusive while paused */
    unsigned n;
    struct sender v[8];
};

static size_t swallow(char *p, size_t size, size_t n, void *to)
{
    return size * n;
}

static CURL *writer(const char *base, struct curl_slist **headers)
{
    char url[128];
    CURL *c = curl_easy_init();
    snprintf(url, sizeof url, "%s/api/v1/write", base);
    *headers = curl_slist_append(NULL, "Content-Type: application/x-protobuf");
    *headers = curl_slist_append(*headers, "Content-Encoding: snappy");
    *headers = curl_slist_append(*headers, "Expect:");
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, *headers);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, 30L);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, swallow);
    return c;
}

/* Mostly of now, some late by hours, a few by weeks: each start of the server then has the last
 * days, a day and a month to put in blocks. */
static int64_t some_time(struct sender *s)
{
    static const int64_t late[] = {60000, 60000, 60000, 60000, HOUR, 5 * HOUR, 30 * HOUR, 40 * DAY};
    int64_t now = fast_clock(s->all->clock_began, ax_now_ms() * 1000000) / 1000000;
    return now - (int64_t)ledger_chance(&s->chance, (uint64_t)late[ledger_chance(&s->chance, 8)]);
}

static void fill(struct sender *s)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_batch b = {.arena = &a};
    struct ax_sample v[8];
    for (uint32_t i = s->number; i < LEDGER_SERIES; i += s->all->n) {
        s->places[i] = ledger_place(s->all->ledger, i);
        size_t n = ledger_chance(&s->chance, 8);
        for (size_t k = 0; k < n; k++) {
            int64_t t = some_time(s);
            v[k] = (struct ax_sample){t, ledger_value(i, t)};
            ledger_send(s->all->ledger, i, t);
        }
        if (n)
            ax_batch_add(&b, ledger_labels(i, AX_STR_NULL, &a), v, n);
    }
    ax_buf_clear(&s->body);
    int rc = ax_remote_write_encode(&b, &s->body, NULL);
    AX_ASSERT(rc == 0);
    ax_arena_free(&a);
}

/* False when there was no answer. */
static bool send_one(struct sender *s)
{
    long status = 0;
    fill(s);
    curl_easy_setopt(s->curl, CURLOPT_POSTFIELDS, s->body.p);
    curl_easy_setopt(s->curl, CURLOPT_POSTFIELDSIZE, (long)s->body.n);
    if (curl_easy_perform(s->curl) != CURLE_OK) {
        s->all->cut++;
        return false;
    }
    curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 204) {
        s->all->odd++;
        return true;
    }
    for (uint32_t i = s->number; i < LEDGER_SERIES; i += s->all->n)
        ledger_ack(s->all->ledger, i, s->places[i]);
    s->all->answered++;
    return true;
}

static void *send_on(void *arg)
{
    struct sender *s = arg;
    while (!s->all->stop) {
        pthread_rwlock_rdlock(&s->all->sending);
        bool answered = s->all->stop || send_one(s);
        pthread_rwlock_unlock(&s->all->sending);
        ax_sleep_ms(answered ? 0 : 2);
    }
    return NULL;
}

/* Who pauses must not wait for senders that come again at once. */
static void init_lock(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(lock, &attr);
    pthread_rwlockattr_destroy(&attr);
}

struct senders *senders_start(struct ledger *l, const char *url, int64_t clock_began, unsigned n,
                              uint64_t seed)
{
    struct senders *s = ax_calloc(1, sizeof *s);
    s->ledger = l;
    s->clock_began = clock_began;
    s->n = n;
    AX_ASSERT(n <= AX_ARRAY_LEN(s->v));
    init_lock(&s->sending);
    for (unsigned i = 0; i < n; i++) {
        struct sender *x = &s->v[i];
        *x = (struct sender){.all = s, .number = i, .chance = ledger_mix(seed + i)};
        x->curl = writer(url, &x->headers);
        int rc = pthread_create(&x->thread, NULL, send_on, x);
        AX_ASSERT(rc == 0);
    }
    return s;
}

void senders_pause(struct senders *s)
{
    pthread_rwlock_wrlock(&s->sending);
}

void senders_go(struct senders *s)
{
    pthread_rwlock_unlock(&s->sending);
}

struct senders_stats senders_stats(struct senders *s)
{
    return (struct senders_stats){s->answered, s->cut, s->odd};
}

void senders_stop(struct senders *s)
{
    s->stop = true;
    for (unsigned i = 0; i < s->n; i++) {
        pthread_join(s->v[i].thread, NULL);
        curl_slist_free_all(s->v[i].headers);
        curl_easy_cleanup(s->v[i].curl);
        ax_buf_free(&s->v[i].body);
    }
    pthread_rwlock_destroy(&s->sending);
    free(s);
}
