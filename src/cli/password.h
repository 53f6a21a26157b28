// SPDX-License-Identifier: Apache-2.0
/* Inside the command line: secrets that come from a file or the keyboard, never from the command
 * line, which every user of the machine can read. */
#ifndef AX_CLI_PASSWORD_H
#define AX_CLI_PASSWORD_H

#include "base/err.h"

#include <stddef.h>

#define AX_SECRET_MAX 4096

/* The first line of a file ("-": standard input), without the blanks around it. */
int ax_secret_read(const char *file, char out[AX_SECRET_MAX], struct ax_err *err);
/* Asked for twice on the terminal, without echo. */
int ax_secret_ask(const char *what, char out[AX_SECRET_MAX], struct ax_err *err);

#endif
