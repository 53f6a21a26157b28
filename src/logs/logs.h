// SPDX-License-Identifier: Apache-2.0
/* Logs on their way to whoever keeps and searches them: lines, appended to a file of each tenant,
 * DIR/TENANT.jsonl. What reads the files (Vector, Fluent Bit, Logstash) is not ours.
 *
 * A file that has grown to its share is renamed to TENANT.jsonl.1, the one before to .2 and so on;
 * AX_LOGS_FILES of them are kept, and their shares add up to keep_bytes.
 *
 * A thread of its own writes all that waits and syncs each file once, so that one sync serves all
 * who wait. What was reported as written is on stable storage; a file ends in a whole line, also
 * after a crash, as soon as the directory is opened again. Threads: any. */
#ifndef AX_LOGS_LOGS_H
#define AX_LOGS_LOGS_H

#include "base/err.h"
#include "base/str.h"

#define AX_LOGS_FILES      8           /* of a tenant, the one that is written among them */
#define AX_LOGS_APPEND_MAX (16u << 20) /* bytes of one append */
#define AX_LOGS_KEEP_MIN   ((uint64_t)AX_LOGS_FILES * AX_LOGS_APPEND_MAX)

struct ax_logs;
struct ax_logs_options {
    int dirfd;                      /* the directory; closed with the rest, also after a failure */
    uint64_t keep_bytes;            /* of each tenant; below AX_LOGS_KEEP_MIN it may be exceeded */
    int (*sync)(int fd);            /* NULL: fdatasync; for tests, a disk that fails */
    void (*warn)(const char *text); /* from its thread; NULL is fine */
};
/* Cuts off what a crash left of an unfinished line. -EBUSY: another server writes there. */
int ax_logs_open(struct ax_logs **out, const struct ax_logs_options *o, struct ax_err *err);
/* When nothing is appended any more; writes what waits. NULL is fine, as in the next. */
void ax_logs_close(struct ax_logs *l);
/* Returns when all that was appended before is written, and its done has returned. */
void ax_logs_flush(struct ax_logs *l);

/* May the tenant's name be a file's? 1 to 150 of [A-Za-z0-9._@-], and no dot first: such a file
 * would be a hidden one. */
bool ax_logs_tenant_ok(struct ax_str tenant);

/* Whole lines, each with its end. All that it shows must live until done, which is called once, on
 * the thread that writes, maybe before ax_logs_append returns; *a may be gone when it returns. */
struct ax_logs_append {
    struct ax_str tenant, lines;
    uint64_t n; /* how many lines */
    void (*done)(void *ctx);
    void *ctx;
    struct ax_err err; /* in done: code 0, or why nothing of it is written: -ENOSPC, -EIO */
    bool written;      /* its own */
    struct ax_logs_append *next; /* its own */
};
/* -EINVAL no such tenant may be, -EFBIG too many bytes: done is not called. */
int ax_logs_append(struct ax_logs *l, struct ax_logs_append *a, struct ax_err *err);

/* Requests that were refused, by reason. */
enum ax_logs_refusal {
    AX_LOGS_INVALID,
    AX_LOGS_TOO_LARGE,
    AX_LOGS_BUSY,
    AX_LOGS_DISK,
    AX_LOGS_REASONS
};
void ax_logs_refused(struct ax_logs *l, enum ax_logs_refusal why);

/* Since opened. */
struct ax_logs_stats {
    uint64_t received, bytes; /* lines that are written, and what they take */
    uint64_t syncs;
    uint64_t refused[AX_LOGS_REASONS];
};
void ax_logs_stats(struct ax_logs *l, struct ax_logs_stats *out);

#endif
