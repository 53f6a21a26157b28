// SPDX-License-Identifier: Apache-2.0
/* The relay: what somebody wants to know of a VM's inside waits here until the collector of the
 * VM's host comes and asks whether there is something for it, and the answer goes back.
 *
 *   asker ──── ask ───> request ──take──> collector of the host (it comes; nobody connects to it)
 *     <─ wake, collect ─ answer <─answer─────┘
 *
 * Only who took a request may answer it, for the host that it is of. No HTTP and no law in here:
 * that a request may be is settled (warrant/) before it is asked.
 *
 * Who waits has a struct ax_relay_wait of its own; its wake is called once, on any thread, maybe
 * before the call that began the wait returns. It is over then. All ends with ax_relay_end: those
 * who wait are woken, and those who come later do not wait.
 *
 * Threads: any. Times are monotonic, in ns, and handed in. */
#ifndef AX_RELAY_RELAY_H
#define AX_RELAY_RELAY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/uuid.h"
#include "model/scope.h"

struct ax_relay;
struct ax_relay_options { /* 0: what stands behind */
    int max_requests;     /* under way; 256 */
    int tenant_requests;  /* of a tenant; 32 */
    int max_waiting;      /* collectors; 512 */
};
struct ax_relay *ax_relay_new(const struct ax_relay_options *o);
void ax_relay_end(struct ax_relay *r);  /* NULL is fine, as below */
void ax_relay_free(struct ax_relay *r); /* ended before, and everybody woken has left */

/* Wakes those whose time is over. To be called ten times a second. */
void ax_relay_tick(struct ax_relay *r, int64_t now_ns);
/* What collectors may read has changed: those who wait are woken to look. */
void ax_relay_stir(struct ax_relay *r);

struct ax_relay_wait {
    void (*wake)(void *ctx);
    void *ctx;
    int64_t until_ns;
    bool replaced; /* after wake: a newer collector of the same host has come */
    bool over;     /* the relay's, and the next ones */
    struct ax_relay_wait *next;
    struct ax_relay_place *place;
};

/* ---- a collector's side ---- */

/* A place is a tenant's host; strings are copied. */
struct ax_relay_at {
    struct ax_str tenant, host;
    struct ax_str who; /* the name of its credentials */
};
/* To be called first when a collector has come. The one that waits for this host is woken,
 * replaced: its connection may be dead, which nobody notices while it waits (it is suspended, and
 * even an answer to a dead one can be sent without an error), and it must not take what comes.
 *
 * So only a collector itself can say what it got: `got` is the last work (ax_relay_take) that did
 * reach it, empty when it has just begun, NULL when it is one that does not say. What was handed to
 * others, or in answers that were lost, is handed out again, to whoever takes next. It may then be
 * done twice, but it is answered once, and it is one request still, recorded when it was made. */
void ax_relay_come(struct ax_relay *r, const struct ax_relay_at *at, struct ax_str got,
                   int64_t now_ns);
/* Waits until there is a request for the host, a stir, or the end of the time. Who waited for it
 * before is replaced. -EAGAIN too many wait; wake is not called then. */
int ax_relay_listen(struct ax_relay *r, const struct ax_relay_at *at, struct ax_relay_wait *w,
                    int64_t now_ns, struct ax_err *err);

struct ax_relay_request {
    char id[AX_UUID_TEXT + 1]; /* filled in by ask; by chance: nobody guesses it */
    struct ax_str handle;
    enum ax_scope scope;
    unsigned parts; /* bits, with a meaning for those at both ends only */
    struct ax_relay_extract {
        char id[AX_UUID_TEXT + 1]; /* empty: it is of parts */
        uint64_t from, bytes;      /* of memory; bytes 0: where there is memory */
        bool ends;                 /* no more of it will be asked for */
    } extract;
};
struct ax_relay_work {
    char id[17]; /* what a collector that got it says to ax_relay_come */
    struct ax_relay_request *v;
    size_t n;
};
/* The requests for the host that nobody has taken yet, in the arena. Also says that the host's
 * collector is there. */
void ax_relay_take(struct ax_relay *r, const struct ax_relay_at *at, int64_t now_ns,
                   struct ax_arena *a, struct ax_relay_work *out);

/* code: 0, or a negative errno with the reason as the text. Takes the buffer, unless it fails:
 * -ENOENT there is no such request of this host, taken by this one, for which somebody waits. */
int ax_relay_answer(struct ax_relay *r, const struct ax_relay_at *at, struct ax_str id, int code,
                    struct ax_buf *text, struct ax_err *err);

/* What a request is about, to check an answer by: -ENOENT as above. */
int ax_relay_find(struct ax_relay *r, const struct ax_relay_at *at, struct ax_str id,
                  struct ax_relay_request *out, struct ax_arena *a, struct ax_err *err);

/* ---- an asker's side ---- */

/* Has a collector of this host been here within `ns`? */
bool ax_relay_heard(struct ax_relay *r, struct ax_str tenant, struct ax_str host, int64_t now_ns,
                    int64_t ns);
/* Reads all of q but the id, fills in the id. -EAGAIN there are too many; wake is not
 * called then. */
int ax_relay_ask(struct ax_relay *r, struct ax_str tenant, struct ax_str host,
                 struct ax_relay_request *q, struct ax_relay_wait *w, struct ax_err *err);
/* After wake, once: the answer's code, its text in *out, the caller's. -ETIMEDOUT: none came;
 * *taken says whether a collector had taken the request. */
int ax_relay_collect(struct ax_relay *r, struct ax_str id, struct ax_buf *out, bool *taken);

struct ax_relay_stats {
    uint64_t collectors; /* that wait */
    uint64_t requests;   /* under way */
    uint64_t answered, late;
};
void ax_relay_stats(struct ax_relay *r, struct ax_relay_stats *out);

#endif
