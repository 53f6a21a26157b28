// SPDX-License-Identifier: Apache-2.0
/* Inside the command line: what the commands of `auspex admin` have in common. */
#ifndef AX_CLI_ADMIN_H
#define AX_CLI_ADMIN_H

#include "cli/inner.h"

#include <stdint.h>

/* Each gets "admin NAME" as argv[0]. */
int ax_admin_compact(int argc, char **argv);
int ax_admin_verify(int argc, char **argv);
int ax_admin_backup(int argc, char **argv);
int ax_admin_restore(int argc, char **argv);
int ax_admin_snapshots(int argc, char **argv);
int ax_admin_token(int argc, char **argv);
int ax_admin_cert(int argc, char **argv);
int ax_admin_user(int argc, char **argv);
int ax_admin_ledger(int argc, char **argv);

#define AX_ADMIN_DATA "./var" /* where `auspex serve` has its data when it is not told */

/* Enters the data directory of a server, as its owner: what is written there must be the server's,
 * too, and root may give up being root for that. Paths are relative to it from then on. -ENOENT
 * when it is none. */
int ax_admin_enter(const char *data, struct ax_err *err);

#define AX_ADMIN_SNAPSHOTS "snapshots" /* in the data directory */

/* For ax_store_teller: a line on stderr. */
void ax_admin_tell(void *ctx, const char *text);
/* Is it the name of a snapshot, and no way to elsewhere? */
bool ax_admin_snapshot_name(const char *name);

/* The second file of the ledger, from one directory to another; nothing when there is none. */
int ax_admin_copy_head(const char *from, const char *to, struct ax_err *err);

/* Of all files below, as far as they can be read. */
uint64_t ax_admin_tree_bytes(const char *path);

#endif
