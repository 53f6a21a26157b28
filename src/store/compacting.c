// SPDX-License-Identifier: Apache-2.0
/* The final, smallest form: no log, and one block for each stretch of 32 days. */
#include "store/inner.h"

#include <stdarg.h>
#include <stdio.h>

void ax_store_tell(const struct ax_store_teller *teller, const char *fmt, ...)
{
    char text[AX_ERR_TEXT];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (teller && teller->tell)
        teller->tell(teller->ctx, text);
}

static int merge_all(struct ax_store *s, const struct ax_store_teller *teller, struct ax_err *err)
{
    int rc = 0;
    for (bool did = true; rc == 0 && did;) {
        size_t before = s->nblocks;
        rc = ax_store_merge(s, &did, err);
        if (rc == 0 && did && s->nblocks < before)
            ax_store_tell(teller, "merged %zu blocks into one; %zu blocks now",
                          before - s->nblocks + 1, s->nblocks);
    }
    return rc;
}

int ax_store_compact(struct ax_store *s, const struct ax_store_teller *teller, struct ax_err *err)
{
    struct ax_store_stats st;
    ax_store_stats(s, &st);
    pthread_mutex_lock(&s->keeping);
    s->final = true;
    ax_store_tell(teller, "writing %llu samples of the log into blocks",
                  (unsigned long long)st.head_samples);
    int rc = ax_store_flush_all(s, err);
    if (rc == 0) {
        ax_store_tell(teller, "merging %zu blocks", s->nblocks);
        rc = merge_all(s, teller, err);
    }
    s->final = false;
    pthread_mutex_unlock(&s->keeping);
    return rc;
}
