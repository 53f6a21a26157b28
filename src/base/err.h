// SPDX-License-Identifier: Apache-2.0
/* Errors as values. A function that can fail returns 0 or a negative errno and, where the caller
 * passes one, fills a struct ax_err with a sentence that a person can act on: what was wrong,
 * where, and what was expected. Out-parameters are untouched on failure. Rooms never log and fail
 * at once: they return, and the caller decides. */
#ifndef AX_BASE_ERR_H
#define AX_BASE_ERR_H

#define AX_ERR_TEXT 512

struct ax_err {
    int code; /* negative errno, 0 = none */
    char text[AX_ERR_TEXT];
};

/* Fills *err (may be NULL) and returns `code`, so that callers write: return ax_fail(err, ...); */
int ax_fail(struct ax_err *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ": strerror(errno)" appended; returns -errno. */
int ax_fail_errno(struct ax_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "prefix: " before the text that is there; returns err->code. */
int ax_err_wrap(struct ax_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Invariants, on in release builds too. Input is checked, never asserted. */
#define AX_ASSERT(cond) ((cond) ? (void)0 : ax_assert_failed(#cond, __FILE__, __LINE__))
_Noreturn void ax_assert_failed(const char *cond, const char *file, int line);

/* Cleanup on scope exit: AX_CLEANUP(free_thing) struct thing *t = ...; the function gets &t. */
#define AX_CLEANUP(fn) __attribute__((cleanup(fn)))

void ax_free_ptr(void *pp); /* for AX_CLEANUP on any malloc'ed pointer: frees *(void **)pp */
void ax_close_fd(int *fd);  /* for AX_CLEANUP on a descriptor; ignores -1 */

/* malloc and friends that end the process when there is no memory: sizes that come from outside
 * are bounded before they get here, so running out is never the sender's doing. */
void *ax_malloc(unsigned long n);
void *ax_calloc(unsigned long n, unsigned long size);
void *ax_realloc(void *p, unsigned long n);
char *ax_strdup(const char *s);

#endif
