// SPDX-License-Identifier: Apache-2.0
/* Inside host_sight: what was asked for and its answer (host_answer.c), and what the ledger is to
 * be told of readings that go on (host_report.c). */
#ifndef AX_CLI_HOST_SIGHT_PARTS_H
#define AX_CLI_HOST_SIGHT_PARTS_H

#include "collect/collect.h"
#include "push/push.h"
#include "vmi/vmi.h"

struct ax_host_request {
    char *id, *handle;
    enum ax_scope scope;
    unsigned parts;
    char *extract; /* its id; NULL: it is a look at parts */
    uint64_t from, bytes;
    bool ends;
    struct ax_host_request *next;
};
void ax_host_request_free(struct ax_host_request *q);
/* Looks, and tells the server what was seen, or why nothing was. `host` is escaped, for a path. */
void ax_host_answer(struct ax_sight *sight, struct ax_errand *by, const char *host,
                    const struct ax_host_request *q);

/* What the server is still to be told of. */
struct ax_host_report {
    char *standing, *ended;
    uint64_t polls;
    struct ax_host_report *next;
};
struct ax_host_reports {
    struct ax_host_report *first;
    int64_t sent_ns;
};
/* Tells what is due, or all of it; what the server could not be told waits. True: a grant has ended
 * there, and what is granted now should be asked for. */
bool ax_host_report_send(struct ax_host_reports *h, struct ax_sight *sight, struct ax_errand *by,
                         const char *host, bool all);
void ax_host_reports_free(struct ax_host_reports *h);

#endif
