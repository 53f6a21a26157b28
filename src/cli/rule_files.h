// SPDX-License-Identifier: Apache-2.0
/* Where the server's rule files are. Directories are opened once, with the privileges of the start,
 * and found again by their paths where those still lead there: the way to them may be closed
 * afterwards. */
#ifndef AX_CLI_RULE_FILES_H
#define AX_CLI_RULE_FILES_H

#include "alarm/alarm.h"
#include "cli/daemon.h"

struct ax_rule_pattern;
struct ax_rule_files {
    struct ax_rule_pattern *v; /* one for each flag */
    size_t n;
};

/* -EINVAL a flag that names no file, -ENOENT and the like a directory that cannot be opened. Close
 * in any case. */
int ax_rule_files_open(struct ax_rule_files *f, const struct ax_daemon_options *o,
                       struct ax_err *err);
void ax_rule_files_close(struct ax_rule_files *f);
/* Somebody may have put other directories in their places. */
void ax_rule_files_look_again(struct ax_rule_files *f);
/* Reads all, and the built-in rules where the tenant "default" has no others; free both. A file
 * that cannot be read is a broken one; an error is one of a directory. */
int ax_rule_files_read(const struct ax_rule_files *f, struct ax_rules ***files, size_t *n,
                       struct ax_err *err);

#endif
