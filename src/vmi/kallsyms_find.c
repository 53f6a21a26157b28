// SPDX-License-Identifier: Apache-2.0
/* Where the table of symbols is, and in which form: what VMCOREINFO says, what stands next to it,
 * what can be searched; and the proof, that _stext gets its address. */
#include "vmi/kallsyms_inner.h"

#include <errno.h>

#define MAX_SYMBOLS 2000000u

static uint64_t align8(uint64_t v)
{
    return (v + 7) & ~UINT64_C(7);
}

static uint64_t markers_size(const struct ax_kallsyms *k)
{
    return 4 * ((uint64_t)(k->count + 255) / 256);
}

/* --- Does it fit? -------------------------------------------------------------------------- */

/* Do 256 names lie between a marker and the next? Says whether lengths are understood. */
static bool stretch_fits(struct ax_kallsyms *k, uint32_t marker)
{
    uint32_t from, to;
    unsigned len;
    if (!ax_guest_u32(k->guest, k->markers + 4 * (uint64_t)marker, &from) ||
        !ax_guest_u32(k->guest, k->markers + 4 * (uint64_t)(marker + 1), &to) || to <= from)
        return false;
    struct ax_names s = {.k = k, .at = from};
    for (unsigned i = 0; i < 256; i++)
        if (!ax_names_next(&s, &len))
            return false;
    return s.at == to;
}

static bool markers_fit(struct ax_kallsyms *k)
{
    uint32_t n = (k->count - 1) / 256, first; /* stretches that have an end */
    if (!ax_guest_u32(k->guest, k->markers, &first) || first != 0)
        return false;
    uint32_t stride = n / 64 + 1;
    for (uint32_t i = 0; i < n; i += stride)
        if (!stretch_fits(k, i))
            return false;
    return true;
}

static bool lengths_fit(struct ax_kallsyms *k)
{
    k->long_lengths = true;
    if (markers_fit(k))
        return true;
    k->long_lengths = false;
    return markers_fit(k);
}

static bool addresses_fit(struct ax_kallsyms *k, uint32_t stext, uint64_t wanted)
{
    for (int kind = AX_ADDRESSES - 1; kind >= 0; kind--) {
        uint64_t found;
        k->addresses = (enum ax_kallsyms_addresses)kind;
        if (ax_kallsyms_address(k, stext, &found) && found == wanted)
            return true;
    }
    return false;
}

/* --- Finding the table ------------------------------------------------------------------- */

static bool copy_tokens(struct ax_kallsyms *k)
{
    for (unsigned i = 0; i < 256; i++) {
        uint8_t raw[2];
        if (!ax_guest_read(k->guest, k->token_index + 2 * i, raw, 2) ||
            !ax_guest_text(k->guest, k->token_table + ax_load_u16(raw), k->tokens[i],
                           sizeof k->tokens[i] - 1))
            return false;
    }
    return strcmp(k->tokens['0'], "0") == 0 && strcmp(k->tokens['9'], "9") == 0;
}

static bool markers_at(struct ax_kallsyms *k, uint64_t at)
{
    k->markers = at;
    return lengths_fit(k);
}

/* What stands before the token table: markers, and in some kernels the order by name. Kernels of
 * 2026 leave no gaps between the tables. */
static bool place_markers(struct ax_kallsyms *k, uint64_t behind_offsets)
{
    uint64_t by_name = align8(3 * (uint64_t)k->count), size = markers_size(k);
    k->seqs = k->token_table - by_name;
    if (markers_at(k, k->seqs - align8(size)) && ax_kallsyms_ordered(k))
        return true;
    k->seqs = 0;
    if (!markers_at(k, k->token_table - align8(size)) && !markers_at(k, k->token_table - size))
        return false;
    /* Behind the offsets, and perhaps relative_base. */
    const uint64_t places[] = {align8(behind_offsets) + 8, align8(behind_offsets), behind_offsets};
    for (size_t i = 0; i < AX_ARRAY_LEN(places); i++) {
        k->seqs = places[i];
        if (ax_kallsyms_ordered(k))
            return true;
    }
    k->seqs = 0;
    return true;
}

/* Everything but markers and order is placed: does it hold together? */
static bool settle(struct ax_kallsyms *k, uint64_t stext)
{
    char name[AX_SYMBOL_NAME];
    struct ax_names s = {.k = k};
    unsigned len;
    if (k->count < 256 || k->count > MAX_SYMBOLS)
        return false;
    k->names_size = (uint64_t)k->count * 64; /* they have 12 bytes on average */
    if (!copy_tokens(k) || !place_markers(k, k->offsets + 4 * (uint64_t)k->count))
        return false;
    for (uint32_t symbol = 0; symbol < k->count; symbol++) {
        const uint8_t *tokens = ax_names_next(&s, &len);
        if (!tokens)
            return false;
        ax_names_expand(k, tokens, len, name);
        if (strcmp(name + 1, "_stext") == 0)
            return addresses_fit(k, symbol, stext);
    }
    return false;
}

static bool by_vmcoreinfo(struct ax_kallsyms *k, const struct ax_vmcoreinfo *info)
{
    uint64_t count, base;
    if (!ax_vmcoreinfo_hex(info, AX_STR("SYMBOL(kallsyms_names)"), &k->names) ||
        !ax_vmcoreinfo_hex(info, AX_STR("SYMBOL(kallsyms_num_syms)"), &count) ||
        !ax_vmcoreinfo_hex(info, AX_STR("SYMBOL(kallsyms_token_table)"), &k->token_table) ||
        !ax_vmcoreinfo_hex(info, AX_STR("SYMBOL(kallsyms_token_index)"), &k->token_index) ||
        !ax_vmcoreinfo_hex(info, AX_STR("SYMBOL(kallsyms_offsets)"), &k->offsets))
        return false;
    if (ax_vmcoreinfo_hex(info, AX_STR("SYMBOL(kallsyms_relative_base)"), &base))
        (void)ax_guest_u64(k->guest, base, &k->relative_base);
    return ax_guest_u32(k->guest, count, &k->count);
}

/* --- Searching, for kernels that don't say where it is ------------------------------------- */

/* `hit` is token '0'. The strings up to the 256th, and behind them an index that gives each. */
static bool is_token_table(struct ax_kallsyms *k, uint64_t hit)
{
    uint64_t at = hit, strings[256];
    char text[64];
    uint8_t raw[2];
    for (unsigned i = '0'; i < 256; i++) {
        strings[i] = at;
        if (!ax_guest_text(k->guest, at, text, sizeof text - 1))
            return false;
        at += strlen(text) + 1;
    }
    k->token_index = align8(at);
    if (!ax_guest_read(k->guest, k->token_index + 2 * '0', raw, 2))
        return false;
    k->token_table = hit - ax_load_u16(raw);
    for (unsigned i = '0'; i < 256; i++)
        if (!ax_guest_read(k->guest, k->token_index + 2 * i, raw, 2) ||
            k->token_table + ax_load_u16(raw) != strings[i])
            return false;
    return true;
}

/* From the token table back over the markers, which fall to 0; before them the names, and before
 * those their count. */
static bool step_back(struct ax_kallsyms *k)
{
    uint64_t at = k->token_table - 4, end;
    uint32_t value, above = UINT32_MAX, last = 0, n = 0;
    if (ax_guest_u32(k->guest, at, &value) && value == 0)
        at -= 4; /* padding */
    end = at;
    for (; ax_guest_u32(k->guest, at, &value) && value < above; at -= 4) {
        if (at == end)
            last = value;
        n++;
        if (value == 0)
            break;
        above = value;
    }
    if (value != 0 || n < 2)
        return false;
    k->markers = at;
    for (uint64_t names = (at - last) & ~UINT64_C(7); names > at - last - 65536; names -= 8) {
        if (!ax_guest_u32(k->guest, names - 8, &k->count) || k->count > n * 256 ||
            k->count <= (n - 1) * 256)
            continue;
        k->names = names;
        k->names_size = (uint64_t)k->count * 64;
        if (lengths_fit(k))
            return true;
    }
    return false;
}

static bool place_offsets(struct ax_kallsyms *k, uint64_t stext)
{
    uint64_t num_syms = k->names - 8;
    k->offsets = num_syms - 8 - align8(4 * (uint64_t)k->count);
    if (ax_guest_u64(k->guest, num_syms - 8, &k->relative_base) && settle(k, stext))
        return true;
    k->offsets = num_syms - 8 * (uint64_t)k->count;
    return settle(k, stext);
}

#define CHUNK  8192u
#define DIGITS "0\0001\0002\0003\0004\0005\0006\0007\0008\0009" /* and a NUL */

/* Pages that the guest has given back may lie anywhere: one of them hides no more than a chunk. */
static bool by_search(struct ax_kallsyms *k, uint64_t from, uint64_t to, uint64_t stext)
{
    for (uint64_t at = from; at < to;) {
        size_t n = to - at < CHUNK ? (size_t)(to - at) : CHUNK;
        const uint8_t *p = ax_guest_at(k->guest, at, n), *hit = p;
        while (hit && (hit = memmem(hit, (size_t)(p + n - hit), DIGITS, sizeof DIGITS))) {
            if (is_token_table(k, at + (uint64_t)(hit - p)) && step_back(k) &&
                place_offsets(k, stext))
                return true;
            hit++;
        }
        at = p ? at + CHUNK - sizeof DIGITS : (at | (AX_PAGE - 1)) + 1;
    }
    return false;
}

int ax_kallsyms_find(struct ax_kallsyms *k, struct ax_guest *g, const struct ax_vmcoreinfo *info,
                     struct ax_err *err)
{
    uint64_t stext;
    memset(k, 0, sizeof *k);
    k->guest = g;
    if (!ax_vmcoreinfo_hex(info, AX_STR("SYMBOL(_stext)"), &stext))
        return ax_fail(err, -ENOENT, "kallsyms: VMCOREINFO does not say where _stext is");
    if (by_vmcoreinfo(k, info) && settle(k, stext))
        return 0;
    if (by_search(k, g->image_from, g->image_to, stext))
        return 0;
    return ax_fail(err, -ENOENT,
                   "the kernel's table of symbols (kallsyms) was not found in its image, or is in "
                   "a form that is not known");
}
