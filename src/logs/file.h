// SPDX-License-Identifier: Apache-2.0
/* The file of a tenant: opened for one group of appends and closed after it. Inside logs only.
 * Errors are -errno of the call that failed. */
#ifndef AX_LOGS_FILE_H
#define AX_LOGS_FILE_H

#include "logs/logs.h"

#define AX_LOGS_SUFFIX ".jsonl"
#define AX_LOGS_NAME   192 /* of a file: the longest tenant's and all that follows it */

struct ax_logs_place {
    int dirfd;
    uint64_t share; /* a file that would grow beyond it makes room for a new one */
    int (*sync)(int fd);
};

struct ax_logs_file {
    const struct ax_logs_place *place;
    char name[AX_LOGS_NAME];
    int fd;          /* -1 after a failure */
    uint64_t size;   /* all of it whole lines */
    uint64_t synced; /* so much of it is on stable storage */
};

int ax_logs_file_open(struct ax_logs_file *f, const struct ax_logs_place *p, struct ax_str tenant);
/* On failure nothing of it is in the file. */
int ax_logs_file_add(struct ax_logs_file *f, struct ax_str lines);
/* On failure nothing is in the file that was not there at the last sync. */
int ax_logs_file_sync(struct ax_logs_file *f);
void ax_logs_file_close(struct ax_logs_file *f);

/* Cuts off what follows the last whole line of the file, if anything does. */
int ax_logs_file_mend(const struct ax_logs_place *p, const char *name);

#endif
