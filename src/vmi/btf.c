// SPDX-License-Identifier: Apache-2.0
#include "vmi/btf.h"

#include "base/map.h"
#include "vmi/guest.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/auxv.h>

#define MAGIC       0xeb9fu
#define HEADER      24u
#define MAX_BYTES   (64u << 20)
#define MAX_DEPTH   16
#define MAX_MEMBERS 4096u
#define MAX_NAME    128u

enum kind {
    KIND_VOID,
    KIND_INT,
    KIND_PTR,
    KIND_ARRAY,
    KIND_STRUCT,
    KIND_UNION,
    KIND_ENUM,
    KIND_FWD,
    KIND_TYPEDEF,
    KIND_VOLATILE,
    KIND_CONST,
    KIND_RESTRICT,
    KIND_FUNC,
    KIND_FUNC_PROTO,
    KIND_VAR,
    KIND_DATASEC,
    KIND_FLOAT,
    KIND_DECL_TAG,
    KIND_TYPE_TAG,
    KIND_ENUM64,
    KINDS
};

/* Bytes behind the 12 of each type: fixed, and per element. */
static const struct {
    uint8_t fixed, each;
} extra[KINDS] = {
    [KIND_INT] = {4, 0},     [KIND_ARRAY] = {12, 0},   [KIND_STRUCT] = {0, 12},
    [KIND_UNION] = {0, 12},  [KIND_ENUM] = {0, 8},     [KIND_FUNC_PROTO] = {0, 8},
    [KIND_VAR] = {4, 0},     [KIND_DATASEC] = {0, 12}, [KIND_DECL_TAG] = {4, 0},
    [KIND_ENUM64] = {0, 12},
};

struct ax_btf {
    struct ax_btf *base; /* of a module's, else NULL */
    const uint8_t *types, *strings;
    uint32_t types_size, strings_size;
    uint32_t first_id, n; /* ids of this part: first_id .. first_id + n - 1 */
    uint32_t first_string;
    uint32_t *offsets;   /* where each type begins in `types` */
    struct ax_map named; /* structs, unions and enums */
};

struct type {
    uint32_t name, info, size; /* size or id of another type */
    enum kind kind;
    uint32_t vlen;
    bool flag;
    const uint8_t *rest;
};

static struct ax_str string_at(const struct ax_btf *b, uint32_t offset)
{
    while (b->base && offset < b->first_string)
        b = b->base;
    offset -= b->first_string;
    if (offset >= b->strings_size)
        return AX_STR_NULL;
    const char *p = (const char *)b->strings + offset;
    uint32_t left = b->strings_size - offset; /* a name's end is not looked for any further */
    const char *end = memchr(p, '\0', left < MAX_NAME ? left : MAX_NAME);
    return end ? (struct ax_str){p, (size_t)(end - p)} : AX_STR_NULL;
}

/* Loads the type that begins at `offset`; false when it does not fit. */
static bool load(const struct ax_btf *b, uint32_t offset, struct type *out, uint32_t *len)
{
    if (offset > b->types_size || b->types_size - offset < 12)
        return false;
    const uint8_t *p = b->types + offset;
    uint32_t info = ax_load_u32(p + 4), kind = info >> 24 & 0x1f;
    if (kind == KIND_VOID || kind >= KINDS)
        return false;
    uint32_t vlen = info & 0xffff;
    uint32_t need = 12 + extra[kind].fixed + vlen * extra[kind].each;
    if (b->types_size - offset < need)
        return false;
    *out = (struct type){.name = ax_load_u32(p),
                         .info = info,
                         .size = ax_load_u32(p + 8),
                         .kind = (enum kind)kind,
                         .vlen = vlen,
                         .flag = info >> 31,
                         .rest = p + 12};
    *len = need;
    return true;
}

static bool type_of(const struct ax_btf *b, uint32_t id, struct type *out)
{
    uint32_t len;
    while (b->base && id < b->first_id)
        b = b->base;
    return id >= b->first_id && id - b->first_id < b->n &&
           load(b, b->offsets[id - b->first_id], out, &len);
}

static bool is_named(const struct type *t)
{
    return t->name != 0 && (t->kind == KIND_STRUCT || t->kind == KIND_UNION ||
                            t->kind == KIND_ENUM || t->kind == KIND_ENUM64);
}

static int index_types(struct ax_btf *b, struct ax_err *err)
{
    struct type t;
    uint32_t len, cap = b->types_size / 24 + 64;
    b->offsets = ax_malloc(cap * sizeof *b->offsets);
    for (uint32_t at = 0; at < b->types_size; at += len) {
        if (!load(b, at, &t, &len))
            return ax_fail(err, -EINVAL, "BTF: type %u is of a kind or size that is not known",
                           b->first_id + b->n);
        if (b->n == cap) {
            cap *= 2;
            b->offsets = ax_realloc(b->offsets, cap * sizeof *b->offsets);
        }
        b->offsets[b->n++] = at;
        struct ax_str name = is_named(&t) ? string_at(b, t.name) : AX_STR_NULL;
        if (name.n > 0 && !ax_map_get(&b->named, name, NULL))
            ax_map_put(&b->named, name, b->first_id + b->n - 1);
    }
    return 0;
}

/* Names are the guest's, and are not to be chosen such that all of them meet in the map. What the
 * kernel gave this process at random takes no system call, which the sandbox would forbid. */
static uint64_t secret(void)
{
    const void *random = (const void *)(uintptr_t)getauxval(AT_RANDOM);
    return random ? ax_hash(random, 16) : 0;
}

static int open_part(struct ax_btf **out, struct ax_btf *base, const uint8_t *data, size_t n,
                     struct ax_err *err)
{
    if (n < HEADER || n > MAX_BYTES || ax_load_u16(data) != MAGIC)
        return ax_fail(err, -EINVAL, "BTF: no header in %zu bytes", n);
    uint64_t header = ax_load_u32(data + 4);
    uint64_t type_off = ax_load_u32(data + 8), type_len = ax_load_u32(data + 12);
    uint64_t str_off = ax_load_u32(data + 16), str_len = ax_load_u32(data + 20);
    if (header < HEADER || header + type_off + type_len > n || header + str_off + str_len > n)
        return ax_fail(err, -EINVAL, "BTF: its parts do not fit in its %zu bytes", n);
    struct ax_btf *b = ax_calloc(1, sizeof *b);
    *b = (struct ax_btf){.base = base,
                         .types = data + header + type_off,
                         .strings = data + header + str_off,
                         .types_size = (uint32_t)type_len,
                         .strings_size = (uint32_t)str_len,
                         .first_id = base ? base->first_id + base->n : 1,
                         .first_string = base ? base->first_string + base->strings_size : 0,
                         .named = {.secret = secret()}};
    int rc = index_types(b, err);
    if (rc < 0) {
        ax_btf_close(b);
        return rc;
    }
    *out = b;
    return 0;
}

int ax_btf_open(struct ax_btf **out, const uint8_t *data, size_t n, struct ax_err *err)
{
    return open_part(out, NULL, data, n, err);
}

int ax_btf_open_split(struct ax_btf **out, struct ax_btf *base, const uint8_t *data, size_t n,
                      struct ax_err *err)
{
    return open_part(out, base, data, n, err);
}

void ax_btf_close(struct ax_btf *b)
{
    if (!b)
        return;
    ax_map_free(&b->named);
    free(b->offsets);
    free(b);
}

static bool named_type(const struct ax_btf *b, const char *name, struct type *out)
{
    uint64_t id;
    for (; b; b = b->base)
        if (ax_map_get(&b->named, ax_str(name), &id))
            return type_of(b, (uint32_t)id, out);
    return false;
}

/* Through typedefs and qualifiers to the type itself. */
static bool resolve(const struct ax_btf *b, uint32_t id, struct type *out)
{
    for (unsigned depth = 0; depth < MAX_DEPTH; depth++) {
        if (!type_of(b, id, out))
            return false;
        if (out->kind != KIND_TYPEDEF && out->kind != KIND_CONST && out->kind != KIND_VOLATILE &&
            out->kind != KIND_RESTRICT && out->kind != KIND_TYPE_TAG)
            return true;
        id = out->size;
    }
    return false;
}

static uint32_t size_of(const struct ax_btf *b, uint32_t id, unsigned depth)
{
    struct type t;
    if (depth > MAX_DEPTH || !resolve(b, id, &t))
        return 0;
    if (t.kind == KIND_PTR)
        return 8;
    if (t.kind == KIND_ARRAY)
        return ax_load_u32(t.rest + 8) * size_of(b, ax_load_u32(t.rest), depth + 1);
    return t.kind == KIND_FUNC_PROTO ? 0 : t.size;
}

struct member {
    uint32_t type;
    uint64_t bits; /* from the begin of the outermost struct */
};

/* Looks through unnamed members, too: at most `budget` members in all. */
static bool find_member(const struct ax_btf *b, const struct type *in, struct ax_str name,
                        unsigned depth, unsigned *budget, struct member *out)
{
    if (depth > MAX_DEPTH || (in->kind != KIND_STRUCT && in->kind != KIND_UNION))
        return false;
    for (uint32_t i = 0; i < in->vlen; i++) {
        if (*budget == 0)
            return false;
        --*budget;
        const uint8_t *m = in->rest + (size_t)i * 12;
        uint32_t label = ax_load_u32(m), id = ax_load_u32(m + 4), bits = ax_load_u32(m + 8);
        if (in->flag)
            bits &= 0xffffff;
        struct type inner;
        if (label && ax_str_eq(string_at(b, label), name)) {
            *out = (struct member){id, bits};
            return true;
        }
        if (label == 0 && resolve(b, id, &inner) &&
            find_member(b, &inner, name, depth + 1, budget, out)) {
            out->bits += bits;
            return true;
        }
    }
    return false;
}

/* The first of "a|b|c" that is a member. */
static bool find_any(const struct ax_btf *b, const struct type *in, struct ax_str names,
                     struct member *out)
{
    struct ax_str name;
    while (ax_str_cut(&names, '|', &name)) {
        unsigned budget = MAX_MEMBERS;
        if (find_member(b, in, name, 0, &budget, out))
            return true;
    }
    return false;
}

int64_t ax_btf_member(struct ax_btf *b, const char *type, const char *path, uint32_t *size)
{
    struct type t;
    struct ax_str rest = ax_str(path), names;
    struct member m = {0};
    uint64_t bits = 0;
    if (!named_type(b, type, &t))
        return -1;
    while (ax_str_cut(&rest, '.', &names)) {
        if ((m.type && !resolve(b, m.type, &t)) || !find_any(b, &t, names, &m))
            return -1;
        bits += m.bits;
    }
    if (size)
        *size = size_of(b, m.type, 0);
    return (int64_t)(bits / 8);
}

int64_t ax_btf_size(struct ax_btf *b, const char *type)
{
    struct type t;
    if (!named_type(b, type, &t) || (t.kind != KIND_STRUCT && t.kind != KIND_UNION))
        return -1;
    return t.size;
}

bool ax_btf_enum(struct ax_btf *b, const char *type, const char *constant, int64_t *out)
{
    struct type t;
    if (!named_type(b, type, &t) || (t.kind != KIND_ENUM && t.kind != KIND_ENUM64))
        return false;
    size_t each = extra[t.kind].each;
    for (uint32_t i = 0; i < t.vlen; i++) {
        const uint8_t *e = t.rest + i * each;
        if (!ax_str_eq(string_at(b, ax_load_u32(e)), ax_str(constant)))
            continue;
        uint64_t high = each == 12 ? ax_load_u32(e + 8) : 0;
        *out = each == 12 ? (int64_t)(high << 32 | ax_load_u32(e + 4))
                          : (int64_t)(int32_t)ax_load_u32(e + 4);
        return true;
    }
    return false;
}
