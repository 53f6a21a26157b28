// SPDX-License-Identifier: Apache-2.0
#include "vmi/vmcoreinfo.h"

#define BEGIN "OSRELEASE="

static bool parse_hex(struct ax_str s, uint64_t *out)
{
    uint64_t v = 0;
    if (ax_str_starts(s, AX_STR("0x")))
        s = (struct ax_str){s.p + 2, s.n - 2};
    if (s.n == 0 || s.n > 16)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        unsigned digit;
        if (c >= '0' && c <= '9')
            digit = (unsigned)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (unsigned)(c - 'a') + 10;
        else
            return false;
        v = v << 4 | digit;
    }
    *out = v;
    return true;
}

bool ax_vmcoreinfo_text(const struct ax_vmcoreinfo *v, struct ax_str key, struct ax_str *out)
{
    struct ax_str rest = {v->text, v->n}, line;
    while (ax_str_cut(&rest, '\n', &line)) {
        if (line.n <= key.n || line.p[key.n] != '=' || memcmp(line.p, key.p, key.n) != 0)
            continue;
        *out = (struct ax_str){line.p + key.n + 1, line.n - key.n - 1};
        return true;
    }
    return false;
}

bool ax_vmcoreinfo_hex(const struct ax_vmcoreinfo *v, struct ax_str key, uint64_t *out)
{
    struct ax_str s;
    return ax_vmcoreinfo_text(v, key, &s) && parse_hex(s, out);
}

bool ax_vmcoreinfo_number(const struct ax_vmcoreinfo *v, struct ax_str key, int64_t *out)
{
    struct ax_str s;
    uint64_t u;
    if (!ax_vmcoreinfo_text(v, key, &s))
        return false;
    if (ax_str_i64(s, out))
        return true;
    /* phys_base is printed as unsigned by some kernels, addresses as 0x... */
    if (!ax_str_u64(s, &u) && !(ax_str_starts(s, AX_STR("0x")) && parse_hex(s, &u)))
        return false;
    *out = (int64_t)u;
    return true;
}

static bool has_form(const struct ax_vmcoreinfo *v)
{
    uint64_t u;
    struct ax_str release;
    return ax_vmcoreinfo_text(v, AX_STR("OSRELEASE"), &release) && release.n > 0 &&
           release.n < 65 && ax_vmcoreinfo_hex(v, AX_STR("SYMBOL(init_uts_ns)"), &u) &&
           ax_vmcoreinfo_hex(v, AX_STR("KERNELOFFSET"), &u);
}

static bool take_page(struct ax_ram *r, uint64_t gpa, struct ax_vmcoreinfo *out)
{
    if (!ax_ram_read(r, gpa, out->text, AX_PAGE))
        return false;
    const char *end = memchr(out->text, '\0', AX_PAGE);
    out->n = end ? (size_t)(end - out->text) : AX_PAGE;
    out->gpa = gpa;
    return has_form(out);
}

/* Pages are looked at in stretches, so that a search of much memory keeps little of it mapped. */
#define STRETCH (UINT64_C(4) << 20)

static bool next_in(struct ax_ram *r, uint64_t *gpa, uint64_t end, struct ax_vmcoreinfo *out)
{
    for (uint64_t from = *gpa; *gpa < end; *gpa += AX_PAGE) {
        if (*gpa - from >= STRETCH) {
            ax_ram_drop(r, from, *gpa);
            from = *gpa;
        }
        const uint8_t *p = ax_ram_at(r, *gpa, sizeof BEGIN - 1);
        if (!p || memcmp(p, BEGIN, sizeof BEGIN - 1) != 0 || !take_page(r, *gpa, out))
            continue;
        *gpa += AX_PAGE;
        return true;
    }
    return false;
}

bool ax_vmcoreinfo_next(struct ax_ram *r, uint64_t *gpa, struct ax_vmcoreinfo *out)
{
    uint64_t end;
    while (ax_ram_data(r, gpa, &end))
        if (next_in(r, gpa, end, out))
            return true;
    return false;
}

bool ax_vmcoreinfo_same(struct ax_ram *r, const struct ax_vmcoreinfo *v)
{
    const uint8_t *p = ax_ram_at(r, v->gpa, v->n);
    return p && memcmp(p, v->text, v->n) == 0;
}
