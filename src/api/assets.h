// SPDX-License-Identifier: Apache-2.0
/* The dashboard's files, embedded in the program at build time (web/meson.build, tools/embed.c).
 * All memory is static and read-only; any thread may call. */
#ifndef AX_API_ASSETS_H
#define AX_API_ASSETS_H

#include "base/str.h"

struct ax_asset {
    const char *path; /* as requested: "/app.js"; the page itself is "/index.html" */
    const char *type; /* value for Content-Type */
    const unsigned char *data;
    size_t size;
    const unsigned char *gzip; /* the same compressed, or NULL where that would not be smaller */
    size_t gzip_size;
    const char *etag; /* with its quotes; changes with the content */
};

/* NULL when there is no such file. "/" finds the page. */
const struct ax_asset *ax_asset_find(struct ax_str path);

#endif
