// SPDX-License-Identifier: Apache-2.0
#include "api/monasca.h"

#include <xxhash.h>

struct ax_monasca_id ax_monasca_id(struct ax_str tenant, struct ax_labels visible)
{
    XXH128_hash_t h =
        XXH3_128bits_withSeed(visible.bytes.p, visible.bytes.n, XXH3_64bits(tenant.p, tenant.n));
    return (struct ax_monasca_id){h.high64, h.low64};
}

int ax_monasca_id_cmp(struct ax_monasca_id a, struct ax_monasca_id b)
{
    if (a.high != b.high)
        return a.high < b.high ? -1 : 1;
    return (a.low > b.low) - (a.low < b.low);
}

struct ax_str ax_monasca_id_print(struct ax_arena *a, struct ax_monasca_id id)
{
    char *text = ax_arena_room(a, AX_MONASCA_ID_TEXT);
    unsigned __int128 v = (unsigned __int128)id.high << 64 | id.low;
    for (size_t i = AX_MONASCA_ID_TEXT; i-- > 0; v /= 10)
        text[i] = (char)('0' + (int)(v % 10));
    return (struct ax_str){text, AX_MONASCA_ID_TEXT};
}

bool ax_monasca_id_parse(struct ax_str s, struct ax_monasca_id *out)
{
    const unsigned __int128 max = ~(unsigned __int128)0;
    unsigned __int128 v = 0;
    if (s.n == 0 || s.n > AX_MONASCA_ID_TEXT)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
        if (digit > 9 || v > (max - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *out = (struct ax_monasca_id){(uint64_t)(v >> 64), (uint64_t)v};
    return true;
}

void ax_monasca_put_metric(struct ax_json *j, struct ax_arena *a, struct ax_monasca_id id,
                           struct ax_labels labels)
{
    struct ax_label l;
    ax_json_key(j, "id");
    ax_json_str(j, ax_monasca_id_print(a, id));
    ax_json_key(j, "name");
    ax_json_str(j, ax_labels_get(labels, AX_STR("__name__")));
    ax_json_key(j, "dimensions");
    ax_json_obj(j);
    AX_LABELS_EACH (labels, l) {
        if (ax_str_eq(l.name, AX_STR("__name__")))
            continue;
        ax_json_key_str(j, l.name);
        ax_json_str(j, l.value);
    }
    ax_json_end(j);
}
