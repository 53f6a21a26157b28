// SPDX-License-Identifier: Apache-2.0
#include "vmi/kallsyms_inner.h"

/* --- Names ------------------------------------------------------------------------------- */

static bool names_hold(struct ax_names *s, uint64_t need)
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

/* One look at a byte that the guest may change meanwhile. */
static unsigned length_at(const struct ax_names *s)
{
    return *(const volatile uint8_t *)(s->p + (s->at - s->from));
}

/* The tokens of the next name; moves on behind them. */
const uint8_t *ax_names_next(struct ax_names *s, unsigned *len)
{
    if (!ax_guest_spend(s->k->guest) || !names_hold(s, 1))
        return NULL;
    unsigned n = length_at(s);
    s->at++;
    if (s->k->long_lengths && n & 0x80) {
        if (!names_hold(s, 1))
            return NULL;
        n = (n & 0x7f) | length_at(s) << 7;
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
void ax_names_expand(const struct ax_kallsyms *k, const uint8_t *tokens, unsigned len,
                     char out[AX_SYMBOL_NAME])
{
    size_t n = 0;
    for (unsigned i = 0; i < len; i++)
        for (const char *t = k->tokens[tokens[i]]; *t && n < AX_SYMBOL_NAME - 1; t++)
            out[n++] = *t;
    out[n] = '\0';
}

static bool name_of(struct ax_kallsyms *k, uint32_t symbol, char out[AX_SYMBOL_NAME])
{
    uint32_t at;
    unsigned len = 0;
    const uint8_t *tokens = NULL;
    if (!ax_guest_u32(k->guest, k->markers + 4 * (uint64_t)(symbol / 256), &at))
        return false;
    struct ax_names s = {.k = k, .at = at};
    for (uint32_t i = 0; i <= symbol % 256; i++)
        if (!(tokens = ax_names_next(&s, &len)))
            return false;
    ax_names_expand(k, tokens, len, out);
    return out[0] != '\0';
}

/* --- Addresses --------------------------------------------------------------------------- */

bool ax_kallsyms_address(struct ax_kallsyms *k, uint32_t symbol, uint64_t *out)
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
bool ax_kallsyms_ordered(struct ax_kallsyms *k)
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
            (void)ax_kallsyms_address(k, symbol, &w->address);
    }
}

static void in_one_pass(struct ax_kallsyms *k, struct ax_symbol_wanted *wanted, size_t n)
{
    char name[AX_SYMBOL_NAME];
    struct ax_names s = {.k = k};
    unsigned len;
    for (uint32_t symbol = 0; symbol < k->count; symbol++) {
        const uint8_t *tokens = ax_names_next(&s, &len);
        if (!tokens)
            return;
        ax_names_expand(k, tokens, len, name);
        for (size_t i = 0; i < n; i++)
            if (name[1] == wanted[i].name[0] && strcmp(name + 1, wanted[i].name) == 0 &&
                (!wanted[i].address || kind_fits(wanted[i].kind, name[0])))
                (void)ax_kallsyms_address(k, symbol, &wanted[i].address);
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
        if (!ax_kallsyms_address(k, middle, &found))
            return false;
        if (found <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || !ax_kallsyms_address(k, low - 1, &found))
        return false;
    while (low > 1 && ax_kallsyms_address(k, low - 2, &same) && same == found)
        low--; /* of several names the first, as the kernel does */
    if (!name_of(k, low - 1, name))
        return false;
    memcpy(out, name + 1, AX_SYMBOL_NAME - 1);
    *offset = address - found;
    return true;
}
