// SPDX-License-Identifier: Apache-2.0
/* auspex inspect ... extract: a guest's memory into a file, by pieces (vmi/extract.h).
 *
 *   extract.c          what is asked for, the file FILE.part that becomes FILE, what is said of it
 *   extract_local.c    of a process or a dump, without a server
 *   extract_vm.c       of a VM, through the server */
#ifndef AX_CLI_EXTRACT_H
#define AX_CLI_EXTRACT_H

#include "cli/inner.h"
#include "cli/inspect.h"
#include "cli/transfer.h"
#include "vmi/vmi.h"
#include "warrant/warrant.h"

struct ax_extract_flags {
    const char *out, *from, *bytes;
};
/* What the flags ask for. AX_CLI_GO, or the exit status of bad usage. */
struct ax_extract_wish {
    const char *file;
    uint64_t from, bytes; /* bytes 0: all from there on */
};
int ax_extract_usage(const struct ax_cli *c, const struct ax_extract_flags *f,
                     struct ax_extract_wish *out);
/* "all of its memory", "its memory from 0x1000, 8192 bytes". */
char *ax_extract_what(const struct ax_extract_wish *w, char out[AX_TEXT]);

/* ---- the file ---- */

struct ax_extract_file {
    const char *path;
    char *part; /* its name until it is whole */
    int fd;
    uint64_t size;     /* that it will have; 0: not known yet */
    uint64_t at, data; /* written so far, zeros included; of that, data */
    uint64_t left_out; /* memory that is not in it: nobody knows where it lies */
    int64_t began;     /* ms */
    struct ax_digest *digest;
    struct ax_progress progress;
};
/* Made anew, mode 0600: -EEXIST when there is one. Ctrl-C is told by ax_extract_stopped from here
 * on; a second one ends the process. */
int ax_extract_file_open(struct ax_extract_file *f, const char *path, struct ax_err *err);
int ax_extract_file_add(struct ax_extract_file *f, struct ax_str piece, struct ax_err *err);
bool ax_extract_stopped(void);
/* What was written so far, for the ledger. */
void ax_extract_file_sum(struct ax_extract_file *f, struct ax_str why, struct ax_extract_end *out);
/* It is on disk when this returns, under its name. */
int ax_extract_file_keep(struct ax_extract_file *f, struct ax_err *err);
/* As it is: FILE.part, as long as it was told in the sum; nothing when nothing was written. */
void ax_extract_file_leave(struct ax_extract_file *f);

struct ax_extract_told {
    const struct ax_extract_file *file;
    char sha256[AX_LEDGER_HASH];
    int64_t began, ended;
    int64_t sequence; /* of the ledger's entry of the end */
};
void ax_extract_tell(const struct ax_extract_told *t, bool json);

/* ---- the two ways ---- */

/* Memory that has been found, under a use that is on record; whatever comes of it is, too. Exit
 * status. */
int ax_extract_local(const struct ax_ram_place *p, const struct ax_inspect_record *r,
                     const struct ax_extract_wish *w, struct ax_extract_file *f, bool json);
/* Nothing came of it: puts that on record, and says it. */
int ax_extract_failed(const struct ax_inspect_record *r, struct ax_extract_file *f,
                      const struct ax_err *why);
/* c->args[0] is the VM. Exit status. */
int ax_extract_vm(const struct ax_cli *c, const char *reason, const struct ax_extract_wish *w);

#endif
