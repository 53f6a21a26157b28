// SPDX-License-Identifier: Apache-2.0
#include "auth/peers.h"

#include "auth/secret.h"

#include <pthread.h>
#include <stdlib.h>

#define SETS     1024
#define WAYS     4
#define BURST    20
#define EVERY_MS 3000

/* A bucket is one number: the time at which all failures will be forgiven. */
struct bucket {
    uint64_t tag;
    int64_t clean;
};

/* What is still held against this one, in ms. */
static int64_t debt(const struct bucket *b, int64_t now)
{
    int64_t ms = b->clean - now;
    return ms < 0 || ms > (BURST + 1) * EVERY_MS ? 0 : ms; /* so much: the clock was put back */
}

struct ax_peers {
    pthread_mutex_t lock;
    uint8_t key[AX_DIGEST]; /* so that nobody can choose an address that shares another's bucket */
    struct bucket v[SETS][WAYS];
};

struct ax_peers *ax_peers_new(void)
{
    struct ax_peers *p = ax_calloc(1, sizeof *p);
    pthread_mutex_init(&p->lock, NULL);
    ax_secret_random(p->key, sizeof p->key);
    return p;
}

void ax_peers_free(struct ax_peers *p)
{
    if (!p)
        return;
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static uint64_t tag_of(const struct ax_peers *p, enum ax_peers_kind kind, struct ax_str peer)
{
    uint8_t digest[AX_DIGEST];
    const char which = (char)kind;
    struct ax_str parts[] = {
        {(const char *)p->key, sizeof p->key}, {&which, 1}, {peer.p, peer.n == 16 ? 8 : peer.n}};
    uint64_t tag;
    ax_secret_digest(parts, AX_ARRAY_LEN(parts), digest);
    memcpy(&tag, digest, sizeof tag);
    return tag;
}

/* The peer's bucket, else the one that is clean first; with the lock held. */
static struct bucket *find(struct ax_peers *p, uint64_t tag)
{
    struct bucket *set = p->v[tag % SETS], *place = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].tag == tag)
            return &set[i];
        if (set[i].clean < place->clean)
            place = &set[i];
    }
    return place;
}

bool ax_peers_may(struct ax_peers *p, enum ax_peers_kind kind, struct ax_str peer, int64_t now)
{
    if (peer.n == 0)
        return true;
    uint64_t tag = tag_of(p, kind, peer);
    pthread_mutex_lock(&p->lock);
    const struct bucket *b = find(p, tag);
    bool may = b->tag != tag || debt(b, now) <= (BURST - 1) * EVERY_MS;
    pthread_mutex_unlock(&p->lock);
    return may;
}

void ax_peers_failed(struct ax_peers *p, enum ax_peers_kind kind, struct ax_str peer, int64_t now)
{
    if (peer.n == 0)
        return;
    uint64_t tag = tag_of(p, kind, peer);
    pthread_mutex_lock(&p->lock);
    struct bucket *b = find(p, tag);
    int64_t owed = b->tag == tag ? debt(b, now) : 0;
    if (owed < BURST * EVERY_MS)
        *b = (struct bucket){tag, now + owed + EVERY_MS};
    pthread_mutex_unlock(&p->lock);
}
