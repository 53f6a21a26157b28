// SPDX-License-Identifier: Apache-2.0
#include "model/resource.h"

#include <errno.h>

static const char *const kind_names[AX_KIND_COUNT] = {"host", "vm",    "volume", "network",
                                                      "pool", "image", "service"};

const char *ax_kind_name(enum ax_kind k)
{
    AX_ASSERT((unsigned)k < AX_KIND_COUNT);
    return kind_names[k];
}

bool ax_kind_parse(struct ax_str s, enum ax_kind *out)
{
    for (int k = 0; k < AX_KIND_COUNT; k++) {
        if (ax_str_eq(s, ax_str(kind_names[k]))) {
            *out = (enum ax_kind)k;
            return true;
        }
    }
    return false;
}

static bool id_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == ':' || c == '/' || c == '-';
}

int ax_handle_parse(struct ax_str handle, enum ax_kind *kind, struct ax_str *id, struct ax_err *err)
{
    struct ax_str rest = handle, word;
    enum ax_kind k;
    if (!ax_str_cut(&rest, ':', &word) || !rest.p || !ax_kind_parse(word, &k))
        return ax_fail(err, -EINVAL,
                       "\"%.*s\" is not a handle (expected KIND:ID with KIND one of host, vm, "
                       "volume, network, pool, image, service)",
                       (int)(handle.n < 60 ? handle.n : 60), handle.p ? handle.p : "");
    bool ok = rest.n >= 1 && rest.n <= 180;
    for (size_t i = 0; ok && i < rest.n; i++)
        ok = id_byte(rest.p[i]);
    if (!ok)
        return ax_fail(err, -EINVAL,
                       "the id in handle \"%.*s\" is invalid (expected 1 to 180 of letters, "
                       "digits and . _ : / -)",
                       (int)(handle.n < 60 ? handle.n : 60), handle.p);
    *kind = k;
    *id = rest;
    return 0;
}
