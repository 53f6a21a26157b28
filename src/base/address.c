// SPDX-License-Identifier: Apache-2.0
#include "base/address.h"

void ax_address_split(struct ax_str s, struct ax_str *host, struct ax_str *port)
{
    *port = AX_STR_NULL;
    *host = s;
    if (s.n && s.p[0] == '[') {
        struct ax_str rest = {s.p + 1, s.n - 1};
        ax_str_cut(&rest, ']', host);
        if (rest.n && rest.p[0] == ':')
            *port = (struct ax_str){rest.p + 1, rest.n - 1};
        return;
    }
    struct ax_str rest = s;
    ax_str_cut(&rest, ':', host);
    *port = rest;
}
