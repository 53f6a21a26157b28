// SPDX-License-Identifier: Apache-2.0
#include "vmi/kallsyms.h"

#include <errno.h>

#define MAX_SYMBOLS 2000000u

static uint64_t align8(uint64_t v)
{
    return (v + 7) & ~UINT64_C(7);
}

static uint64_t markers_size(const struct ax_kallsyms *k)
{
    return align8(4 * ((uint64_t)(k->count + 255) / 256));
}

/* --- Names ------------------------------------------------------------------------------- */

/* A stretch of the stream of names, held while it is walked. */
struct names {
    struct ax_kallsyms *k;
    const uint8_t *p;
    uint64_t from, n; /* the stretch: offsets in the stream */
    uint64_t at;
};

static bool names_hold(struct names *s, uint64_t need)
{
    if (s->p && s->at >= s->from && s->at + need <= s->from + s->n)
        return true;
    if (s->at + need > s->k->names_size)
        return false;
    uint64_t n = s->k->names_size - s->at;
    s->n = n < 65536 ? n : 65536;
    s->from = s->at;
    s->p = ax_guest_at(s->k->guest, s->k->names + s->at, s->n);
    return s->p != NULL;
}

/* The tokens of the next name; moves on behind them. */
static const uint8_t *names_next(struct names *s, unsigned *len)
{
    if (!names_hold(s, 1))
        return NULL;
    unsigned n = s->p[s->at - s->from];
    s->at++;
    if (s->k->long_lengths && n & 0x80) {
        if (!names_hold(s, 1))
            return NULL;
        n = (n & 0x7f) | (unsigned)s->p[s->at - s->from] << 7;
        s->at++;
    }
    if (n == 0 || n > AX_SYMBOL_NAME || !names_hold(s, n))
        return NULL;
    const uint8_t *tokens = s->p + (s->at - s->from);
    s->at += n;
    *len = n;
    return tokens;
}

/* Type letter and name as text; longer ones are cut. */
static size_t expand(const struct ax_kallsyms *k, const uint8_t *tokens, unsigned len,
                     char out[AX_SYMBOL_NAME])
{
    size_t n = 0;
    for (unsigned i = 0; i < len; i++)
        for (const char *t = k->tokens[tokens[i]]; *t && n < AX_SYMBOL_NAME - 1; t++)
            out[n++] = *t;
    out[n] = '\0';
    return n;
}

static bool name_of(struct ax_kallsyms *k, uint32_t symbol, char out[AX_SYMBOL_NAME])
{
    uint32_t at;
    unsigned len = 0;
    const uint8_t *tokens = NULL;
    if (!ax_guest_u32(k->guest, k->markers + 4 * (uint64_t)(symbol / 256), &at))
        return false;
    struct names s = {.k = k, .at = at};
    for (uint32_t i = 0; i <= symbol % 256; i++)
        if (!(tokens = names_next(&s, &len)))
            return false;
    return expand(k, tokens, len, out) > 1;
}

/* Do 256 names lie between a marker and the next? Says whether lengths are understood. */
static bool stretch_fits(struct ax_kallsyms *k, uint32_t marker)
{
    uint32_t from, to;
    unsigned len;
    if (!ax_guest_u32(k->guest, k->markers + 4 * (uint64_t)marker, &from) ||
        !ax_guest_u32(k->guest, k->markers + 4 * (uint64_t)(marker + 1), &to) || to <= from)
        return false;
    struct names s = {.k = k, .at = from};
    for (unsigned i = 0; i < 256; i++)
        if (!names_next(&s, &len))
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

/* --- Addresses --------------------------------------------------------------------------- */

static bool address_of(struct ax_kallsyms *k, uint32_t symbol, uint64_t *out)
{
    uint32_t offset;
    if (k->addresses == AX_ADDRESSES_ABSOLUTE)
        return ax_guest_u64(k->guest, k->offsets + 8 * (uint64_t)symbol, out);
    uint64_t place = k->offsets + 4 * (uint64_t)symbol;
    if (!ax_guest_u32(k->guest, place, &offset))
        return false;
    int64_t sign = (int32_t)offset;
    if (k->addresses == AX_ADDRESSES_RELATIVE)
        *out = k->relative_base + offset;
    else if (k->addresses == AX_ADDRESSES_PERCPU)
        *out = sign >= 0 ? offset : k->relative_base - 1 - (uint64_t)sign;
    else
        *out = place + (uint64_t)sign;
    return true;
}

static bool addresses_fit(struct ax_kallsyms *k, uint32_t stext, uint64_t wanted)
{
    for (int kind = AX_ADDRESSES - 1; kind >= 0; kind--) {
        uint64_t found;
        k->addresses = (enum ax_kallsyms_addresses)kind;
        if (address_of(k, stext, &found) && found == wanted)
            return true;
    }
    return false;
}

/* --- Looking up ---------------------------------------------------------------------------- */

static bool is_text(char type)
{
    return type == 't' || type == 'T' || type == 'w' || type == 'W';
}

static bool kind_fits(enum ax_symbol_kind kind, char type)
{
    return kind == AX_SYMBOL_ANY || (kind == AX_SYMBOL_TEXT) == is_text(type);
}

static bool nth_by_name(struct ax_kallsyms *k, uint32_t nth, uint32_t *symbol,
                        char name[AX_SYMBOL_NAME])
{
    uint8_t raw[3];
    if (!ax_guest_read(k->guest, k->seqs + 3 * (uint64_t)nth, raw, 3))
        return false;
    *symbol = (uint32_t)raw[0] << 16 | (uint32_t)raw[1] << 8 | raw[2];
    return *symbol < k->count && name_of(k, *symbol, name);
}

/* Are these really numbers of symbols in order of their names? (Zeros name one symbol over and
 * over.) */
static bool seqs_fit(struct ax_kallsyms *k)
{
    char before[AX_SYMBOL_NAME] = " ", name[AX_SYMBOL_NAME];
    uint32_t symbol, last = UINT32_MAX;
    for (uint32_t i = 0; i < 24; i++) {
        if (!nth_by_name(k, (uint32_t)((uint64_t)i * (k->count - 1) / 23), &symbol, name) ||
            symbol == last || strcmp(before + 1, name + 1) > 0)
            return false;
        last = symbol;
        memcpy(before, name, sizeof before);
    }
    return true;
}

static void by_order(struct ax_kallsyms *k, struct ax_symbol_wanted *w)
{
    char name[AX_SYMBOL_NAME];
    uint32_t low = 0, high = k->count, symbol;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (!nth_by_name(k, middle, &symbol, name))
            return;
        if (strcmp(name + 1, w->name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (bool sure = false; !sure && low < k->count && nth_by_name(k, low, &symbol, name); low++) {
        if (strcmp(name + 1, w->name) != 0)
            return;
        sure = kind_fits(w->kind, name[0]);
        if (sure || !w->address)
            (void)address_of(k, symbol, &w->address);
    }
}

static void in_one_pass(struct ax_kallsyms *k, struct ax_symbol_wanted *wanted, size_t n)
{
    char name[AX_SYMBOL_NAME];
    struct names s = {.k = k};
    unsigned len;
    for (uint32_t symbol = 0; symbol < k->count; symbol++) {
        const uint8_t *tokens = names_next(&s, &len);
        if (!tokens)
            return;
        expand(k, tokens, len, name);
        for (size_t i = 0; i < n; i++)
            if (name[1] == wanted[i].name[0] && strcmp(name + 1, wanted[i].name) == 0 &&
                (!wanted[i].address || kind_fits(wanted[i].kind, name[0])))
                (void)address_of(k, symbol, &wanted[i].address);
    }
}

size_t ax_kallsyms_look_up(struct ax_kallsyms *k, struct ax_symbol_wanted *wanted, size_t n)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        wanted[i].address = 0;
    if (!k->seqs)
        in_one_pass(k, wanted, n);
    for (size_t i = 0; i < n; i++) {
        if (k->seqs)
            by_order(k, &wanted[i]);
        found += wanted[i].address != 0;
    }
    return found;
}

bool ax_kallsyms_name(struct ax_kallsyms *k, uint64_t address, char out[AX_SYMBOL_NAME],
                      uint64_t *offset)
{
    uint32_t low = 0, high = k->count; /* the first symbol above `address` */
    uint64_t found, same;
    char name[AX_SYMBOL_NAME];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (!address_of(k, middle, &found))
            return false;
        if (found <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || !address_of(k, low - 1, &found))
        return false;
    while (low > 1 && address_of(k, low - 2, &same) && same == found)
        low--; /* of several names the first, as the kernel does */
    if (!name_of(k, low - 1, name))
        return false;
    memcpy(out, name + 1, AX_SYMBOL_NAME - 1);
    *offset = address - found;
    return true;
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

/* What stands before the token table: markers, and in some kernels the order by name. */
static bool place_markers(struct ax_kallsyms *k, uint64_t behind_offsets)
{
    uint64_t by_name = align8(3 * (uint64_t)k->count), size = markers_size(k);
    k->markers = k->token_table - by_name - size;
    k->seqs = k->token_table - by_name;
    if (lengths_fit(k) && seqs_fit(k))
        return true;
    k->markers = k->token_table - size;
    k->seqs = 0;
    if (!lengths_fit(k))
        return false;
    /* Behind the offsets, and perhaps relative_base; kernels of 2026 leave no gaps. */
    const uint64_t places[] = {align8(behind_offsets) + 8, align8(behind_offsets), behind_offsets};
    for (size_t i = 0; i < AX_ARRAY_LEN(places); i++) {
        k->seqs = places[i];
        if (seqs_fit(k))
            return true;
    }
    k->seqs = 0;
    return true;
}

/* Everything but markers and order is placed: does it hold together? */
static bool settle(struct ax_kallsyms *k, uint64_t stext)
{
    char name[AX_SYMBOL_NAME];
    struct names s = {.k = k};
    unsigned len;
    if (k->count < 256 || k->count > MAX_SYMBOLS)
        return false;
    k->names_size = (uint64_t)k->count * 64; /* they have 12 bytes on average */
    if (!copy_tokens(k) || !place_markers(k, k->offsets + 4 * (uint64_t)k->count))
        return false;
    for (uint32_t symbol = 0; symbol < k->count; symbol++) {
        const uint8_t *tokens = names_next(&s, &len);
        if (!tokens)
            return false;
        expand(k, tokens, len, name);
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
