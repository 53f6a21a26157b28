// SPDX-License-Identifier: Apache-2.0
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int ax_fail(struct ax_err *err, int code, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        err->code = code;
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
    }
    return code;
}

int ax_fail_errno(struct ax_err *err, const char *fmt, ...)
{
    int code = errno ? -errno : -EIO;
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        err->code = code;
        int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
        if (n >= 0 && (size_t)n < sizeof err->text)
            snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", strerror(-code));
    }
    return code;
}

int ax_err_wrap(struct ax_err *err, const char *fmt, ...)
{
    if (!err)
        return -EINVAL;
    char old[AX_ERR_TEXT];
    memcpy(old, err->text, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->text)
        snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", old);
    return err->code;
}

void ax_assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "<2>auspex: broken invariant at %s:%d: %s\n", file, line, cond);
    abort();
}

void ax_free_ptr(void *pp)
{
    free(*(void **)pp);
}

void ax_close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static void *or_die(void *p, unsigned long n)
{
    if (!p && n) {
        fprintf(stderr, "<2>auspex: out of memory (%lu bytes wanted)\n", n);
        abort();
    }
    return p;
}

void *ax_malloc(unsigned long n)
{
    return or_die(malloc(n), n);
}

void *ax_calloc(unsigned long n, unsigned long size)
{
    return or_die(calloc(n, size), n * size);
}

void *ax_realloc(void *p, unsigned long n)
{
    return or_die(realloc(p, n), n);
}

char *ax_strdup(const char *s)
{
    unsigned long n = strlen(s) + 1;
    return memcpy(ax_malloc(n), s, n);
}
