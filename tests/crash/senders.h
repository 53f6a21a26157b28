// SPDX-License-Identifier: Apache-2.0
/* Threads that send remote write to a server which is killed again and again. Each has a connection
 * and series of its own, and goes on by itself when the server is back. */
#ifndef AX_TESTS_SENDERS_H
#define AX_TESTS_SENDERS_H

#include "ledger.h"

struct senders;
struct senders_stats {
    uint64_t answered; /* requests with 204 */
    uint64_t cut;      /* requests without an answer */
    uint64_t odd;      /* other answers: there should be none */
};

struct senders *senders_start(struct ledger *l, const char *url, int64_t clock_began, unsigned n,
                              uint64_t seed);
/* Nobody sends, and the ledger may be read, until go. */
void senders_pause(struct senders *s);
void senders_go(struct senders *s);
struct senders_stats senders_stats(struct senders *s);
void senders_stop(struct senders *s);

#endif
