// SPDX-License-Identifier: Apache-2.0
#include "cli/password.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

static int first_line(FILE *f, char out[AX_SECRET_MAX])
{
    char line[AX_SECRET_MAX];
    if (!fgets(line, sizeof line, f))
        return -1;
    bool whole = strchr(line, '\n') || feof(f);
    struct ax_str s = ax_str_trim(ax_str(line));
    if (whole && s.n) {
        memcpy(out, s.p, s.n);
        out[s.n] = '\0';
    }
    explicit_bzero(line, sizeof line);
    return whole && s.n ? 0 : -1;
}

int ax_secret_read(const char *file, char out[AX_SECRET_MAX], struct ax_err *err)
{
    bool in = strcmp(file, "-") == 0;
    FILE *f = in ? stdin : fopen(file, "re");
    if (!f)
        return ax_fail_errno(err, "cannot read %s", file);
    int rc = first_line(f, out);
    if (!in)
        fclose(f);
    return rc < 0 ? ax_fail(err, -EINVAL, "%s: expected one line with at most %d bytes", file,
                            AX_SECRET_MAX - 2)
                  : 0;
}

static int ask_once(FILE *tty, const char *what, char out[AX_SECRET_MAX])
{
    fprintf(tty, "%s: ", what);
    fflush(tty);
    int rc = first_line(tty, out);
    fputc('\n', tty);
    return rc;
}

static int ask_twice(FILE *tty, const char *what, char out[AX_SECRET_MAX], struct ax_err *err)
{
    char again[AX_SECRET_MAX] = "";
    if (ask_once(tty, what, out) < 0 || ask_once(tty, "The same again", again) < 0)
        return ax_fail(err, -EINVAL, "no password was given");
    int rc = strcmp(out, again) == 0 ? 0 : ax_fail(err, -EINVAL, "the two are not the same");
    explicit_bzero(again, sizeof again);
    return rc;
}

int ax_secret_ask(const char *what, char out[AX_SECRET_MAX], struct ax_err *err)
{
    struct termios was, silent;
    FILE *tty = fopen("/dev/tty", "r+e");
    if (!tty || tcgetattr(fileno(tty), &was) < 0) {
        if (tty)
            fclose(tty);
        return ax_fail(err, -ENOTTY, "there is no terminal to ask on: use --password-file FILE");
    }
    silent = was;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fileno(tty), TCSAFLUSH, &silent);
    int rc = ask_twice(tty, what, out, err);
    tcsetattr(fileno(tty), TCSAFLUSH, &was);
    fclose(tty);
    return rc;
}
