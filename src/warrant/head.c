// SPDX-License-Identifier: Apache-2.0
/* ledger.head: where the chain ends, outside of the database, so that an end that was cut off is
 * missed. Lines "SEQUENCE HASH": the first is committed, a second one is about to be.
 *
 *     write  5 h5      commit of   write
 *            6 h6  --> entry 6 --> 6 h6
 *
 * After a crash the table ends where one of the lines says; anything else is no crash. */
#include "warrant/inner.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#define HEAD_MAX 512

bool ax_link_eq(const struct ax_link *a, const struct ax_link *b)
{
    return a->sequence == b->sequence && strcmp(a->hash, b->hash) == 0;
}

static bool read_link(struct ax_str line, struct ax_link *out)
{
    struct ax_str number;
    struct ax_link l = {0};
    if (!ax_str_cut(&line, ' ', &number) || !ax_str_i64(number, &l.sequence) || l.sequence < 0 ||
        line.n != AX_LEDGER_HASH - 1)
        return false;
    memcpy(l.hash, line.p, line.n);
    *out = l;
    return strspn(l.hash, "0123456789abcdef") == line.n;
}

int ax_head_read(const char *path, struct ax_head *out, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    struct ax_head h = {0};
    struct ax_str rest, line;
    int rc = ax_file_read(AT_FDCWD, path, HEAD_MAX, &b, err);
    if (rc < 0)
        return rc;
    rest = ax_buf_view(&b);
    bool ok = ax_str_cut(&rest, '\n', &line) && read_link(line, &h.is);
    if (ok && rest.n && ax_str_cut(&rest, '\n', &line))
        ok = read_link(line, &h.next) && rest.n == 0;
    if (!ok)
        return ax_fail(err, -EUCLEAN, "%s is no head of a ledger", path);
    *out = h;
    return 0;
}

int ax_head_write(const char *path, const struct ax_head *h, struct ax_err *err)
{
    char text[HEAD_MAX];
    int n = snprintf(text, sizeof text, "%lld %s\n", (long long)h->is.sequence, h->is.hash);
    if (h->next.sequence)
        n += snprintf(text + n, sizeof text - (size_t)n, "%lld %s\n", (long long)h->next.sequence,
                      h->next.hash);
    return ax_file_replace(AT_FDCWD, path, text, (size_t)n, err);
}

int ax_ledger_lock(const char *path, bool shared, struct ax_err *err)
{
    int fd = open(path, shared ? O_RDONLY | O_CLOEXEC : O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return ax_fail_errno(err, "cannot lock the ledger by %s", path);
    while (flock(fd, shared ? LOCK_SH : LOCK_EX) < 0)
        if (errno != EINTR) {
            int rc = ax_fail_errno(err, "cannot lock the ledger by %s", path);
            close(fd);
            return rc;
        }
    return fd;
}
