// SPDX-License-Identifier: Apache-2.0
#include "base/uuid.h"

#include "base/err.h"

#include <sys/random.h>

static struct ax_uuid of_version(struct ax_uuid u, uint8_t version)
{
    u.b[6] = (uint8_t)((u.b[6] & 0x0f) | version << 4);
    u.b[8] = (uint8_t)((u.b[8] & 0x3f) | 0x80);
    return u;
}

static struct ax_uuid chance(void)
{
    struct ax_uuid u;
    AX_ASSERT(getrandom(u.b, sizeof u.b, 0) == sizeof u.b);
    return u;
}

struct ax_uuid ax_uuid_random(void)
{
    return of_version(chance(), 4);
}

struct ax_uuid ax_uuid_at(int64_t now)
{
    struct ax_uuid u = chance();
    for (int i = 0; i < 6; i++)
        u.b[i] = (uint8_t)(now >> (40 - 8 * i));
    return of_version(u, 7);
}

void ax_uuid_print(const struct ax_uuid *u, char out[AX_UUID_TEXT + 1])
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof u->b; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = hex[u->b[i] >> 4];
        *out++ = hex[u->b[i] & 15];
    }
    *out = 0;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool ax_uuid_parse(struct ax_str s, struct ax_uuid *out)
{
    struct ax_uuid u;
    char again[AX_UUID_TEXT + 1];
    size_t n = 0;
    if (s.n != AX_UUID_TEXT)
        return false;
    for (size_t i = 0; i + 1 < s.n && n < sizeof u.b; i += 2) {
        if (s.p[i] == '-')
            i++;
        if (digit(s.p[i]) < 0 || digit(s.p[i + 1]) < 0)
            return false;
        u.b[n++] = (uint8_t)(digit(s.p[i]) << 4 | digit(s.p[i + 1]));
    }
    ax_uuid_print(&u, again);
    if (n != sizeof u.b || !ax_str_eq(s, (struct ax_str){again, AX_UUID_TEXT}))
        return false;
    *out = u;
    return true;
}
