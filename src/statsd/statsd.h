// SPDX-License-Identifier: Apache-2.0
/* statsd: counters, gauges, timers and sets that programs send by UDP, in lines; every interval
 * they become samples of one tenant, named and with dimensions as those of POST /v2.0/metrics.
 * One thread of its own reads and flushes. UDP knows no sender, so only this machine is heard.
 * Lines that are wrong, and all that is lost, are counted. */
#ifndef AX_STATSD_STATSD_H
#define AX_STATSD_STATSD_H

#include "intake/intake.h"

/* A bound socket. "HOST:PORT"; hosts off loopback are refused. */
int ax_statsd_listen(const char *where, struct ax_err *err);
int ax_statsd_port(int fd); /* the port bound, for HOST:0 */

struct ax_statsd;
struct ax_statsd_options {
    int fd; /* of ax_statsd_listen; closed with the rest, also when opening fails */
    struct ax_intake *intake;
    struct ax_str tenant, hostname; /* hostname: a dimension where a line has none; may be empty */
    int64_t interval_ms;
    bool deltas;                    /* a gauge of +N or -N is a change, as in plain statsd */
    void (*warn)(const char *text); /* from its thread: a line or an interval was lost */
};

/* Since opened. Lines: each is one of taken, bad, unsupported (events, other types) and full (there
 * were too many different ones in the interval). */
struct ax_statsd_stats {
    uint64_t datagrams, dropped; /* dropped: by the kernel, for want of room */
    uint64_t taken, bad, unsupported, full;
    uint64_t samples, lost; /* handed to the intake; refused by it */
};

int ax_statsd_open(struct ax_statsd **out, const struct ax_statsd_options *o, struct ax_err *err);
void ax_statsd_stats(struct ax_statsd *s, struct ax_statsd_stats *out); /* any thread */
/* Flushes what came. While the intake can still be pushed to; NULL is fine. */
void ax_statsd_close(struct ax_statsd *s);

#endif
