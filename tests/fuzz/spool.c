// SPDX-License-Identifier: Apache-2.0
/* A spool directory as something else left it: one line is one file, NAME and what it holds. It is
 * opened, added to, and emptied in order. */
#include "kit.h"

#include "push/spool.h"

#include <string.h>

#define FILES 20

static bool is_name(struct ax_str s)
{
    return s.n && s.n < 64 && !memchr(s.p, '/', s.n) && !memchr(s.p, '\0', s.n) && s.p[0] != '.';
}

static void lay_out(struct ax_str rest)
{
    struct ax_str line, name;
    char path[80];
    for (int i = 0; i < FILES && ax_str_cut(&rest, '\n', &line); i++) {
        if (!ax_str_word(&line, &name) || !is_name(name))
            continue;
        memcpy(path, "spool/", 6);
        memcpy(path + 6, name.p, name.n);
        path[6 + name.n] = '\0';
        fuzz_write(path, line.p, line.n);
    }
}

FUZZ_TARGET(p, n)
{
    struct ax_spool s;
    struct ax_err err = {0};
    struct ax_buf b = AX_BUF_INIT;
    const struct ax_spool_entry *e;
    uint64_t last = 0;
    fuzz_empty();
    lay_out(fuzz_str(p, n));
    AX_ASSERT(ax_spool_open(&s, fuzz_path("spool"), 1000, &err) == 0);
    uint64_t next = ax_spool_next_number(&s);
    AX_ASSERT(ax_spool_put(&s, next, AX_SPOOL_SAMPLES, AX_STR("new"), &err) == 0);
    while ((e = ax_spool_oldest(&s))) {
        AX_ASSERT(e->number >= last && e->number <= next);
        last = e->number;
        ax_buf_clear(&b);
        if (ax_spool_read(&s, e, &b, &err) == 0 && last == next)
            AX_ASSERT(ax_str_eq(ax_buf_view(&b), AX_STR("new")));
        ax_spool_remove(&s, last);
    }
    AX_ASSERT(last == next && s.bytes == 0);
    ax_spool_close(&s);
    ax_buf_free(&b);
    return 0;
}
