// SPDX-License-Identifier: Apache-2.0
/* Bodies of any length to and from the server: what import, export and streams share. */
#ifndef AX_CLI_TRANSFER_H
#define AX_CLI_TRANSFER_H

#include "cli/inner.h"

#include <curl/curl.h>
#include <stdint.h>

struct ax_transfer {
    CURL *curl;
    struct curl_slist *headers;
    const char *server;
};

/* A connection to the server with the tenant's header and one more, which may be NULL. */
void ax_transfer_open(struct ax_transfer *t, const struct ax_cli *c, const char *header);
void ax_transfer_close(struct ax_transfer *t);
/* One request to a path with its query, a GET unless there is a body. 0 and the status, or an error
 * when nobody answers. Whether the body of the answer is whole, curl has checked. */
int ax_transfer_run(struct ax_transfer *t, const char *path, const struct ax_buf *body,
                    long *status, struct ax_err *err);
/* A header of the last answer as a number; 0 when there is none. */
uint64_t ax_transfer_number(const struct ax_transfer *t, const char *header);
/* The reason that an answer of failure gives; the answer itself where it has none. */
int ax_transfer_refused(long status, const struct ax_buf *answer, struct ax_err *err);

/* "12.3 MiB, ..." on standard error where that is a terminal, at most ten times a second. */
struct ax_progress {
    bool on;
    int64_t next_ns;
};
void ax_progress_begin(struct ax_progress *p);
void ax_progress_tell(struct ax_progress *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void ax_progress_end(struct ax_progress *p); /* leaves an empty line */

#endif
