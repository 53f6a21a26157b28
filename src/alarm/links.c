// SPDX-License-Identifier: Apache-2.0
#include "alarm/links.h"

#include <ctype.h>

void ax_link_escape(struct ax_str text, struct ax_buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c < 0x80 && (isalnum(c) || c == '-' || c == '_' || c == '.' || c == '~'))
            ax_buf_byte(out, c);
        else if (c == ' ')
            ax_buf_byte(out, '+');
        else
            ax_buf_printf(out, "%%%02X", c);
    }
}

void ax_link_expression(struct ax_str url, struct ax_str expression, bool table, struct ax_buf *out)
{
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    ax_buf_str(out, url);
    ax_buf_cstr(out, "/graph?g0.expr=");
    ax_link_escape(expression, out);
    ax_buf_cstr(out, table ? "&g0.tab=1" : "&g0.tab=0");
}

struct ax_str ax_link_path(struct ax_str url)
{
    for (size_t i = 0; i + 2 < url.n; i++)
        if (url.p[i] == ':' && url.p[i + 1] == '/' && url.p[i + 2] == '/') {
            const char *slash = memchr(url.p + i + 3, '/', url.n - i - 3);
            return slash ? (struct ax_str){slash, (size_t)(url.p + url.n - slash)} : AX_STR_NULL;
        }
    return url;
}
