// SPDX-License-Identifier: Apache-2.0
/* The dashboard's files, built into the program. */
#include "api/assets.h"
#include "api/inner.h"

void ax_file(struct ax_request *q, struct ax_reply *r)
{
    const struct ax_asset *f = ax_asset_find(q->path);
    if (!f) {
        ax_reply_auspex_error(r, 404, "not_found", "there is nothing at this path");
        return;
    }
    r->type = f->type;
    r->etag = f->etag;
    if (ax_str_eq(q->if_none_match, ax_str(f->etag))) {
        r->status = 304;
        return;
    }
    r->gzip = f->gzip && q->accepts_gzip;
    ax_buf_add(&r->body, r->gzip ? f->gzip : f->data, r->gzip ? f->gzip_size : f->size);
}
