// SPDX-License-Identifier: Apache-2.0
#include "model/labels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool take_field(struct ax_str *rest, struct ax_str *out)
{
    uint32_t len = 0;
    size_t i = 0;
    for (unsigned shift = 0; shift < 28; shift += 7) {
        if (i >= rest->n)
            return false;
        uint8_t c = (uint8_t)rest->p[i++];
        len |= (uint32_t)(c & 0x7f) << shift;
        if (!(c & 0x80))
            break;
    }
    if (len > rest->n - i)
        return false;
    *out = (struct ax_str){rest->p + i, len};
    *rest = (struct ax_str){rest->p + i + len, rest->n - i - len};
    return true;
}

bool ax_labels_next_any(struct ax_str *rest, struct ax_label *out)
{
    return rest->n && take_field(rest, &out->name) && take_field(rest, &out->value);
}

struct ax_str ax_labels_get(struct ax_labels set, struct ax_str name)
{
    struct ax_label l;
    AX_LABELS_EACH (set, l) {
        if (ax_str_eq(l.name, name))
            return l.value;
    }
    return AX_STR_NULL;
}

static size_t common_prefix(struct ax_str a, struct ax_str b)
{
    size_t n = a.n < b.n ? a.n : b.n, i = 0;
    for (uint64_t x, y; i + 8 <= n; i += 8) {
        memcpy(&x, a.p + i, 8);
        memcpy(&y, b.p + i, 8);
        if (x != y)
            break;
    }
    while (i < n && a.p[i] == b.p[i])
        i++;
    return i;
}

/* Labels that are sorted mostly begin alike: only the first that differs is looked at. */
int ax_labels_cmp(struct ax_labels a, struct ax_labels b)
{
    size_t same = common_prefix(a.bytes, b.bytes), at = 0;
    struct ax_str ra = a.bytes, rb;
    struct ax_label la, lb;
    bool ha, hb;
    while ((ha = ax_labels_next(&ra, &la)) && a.bytes.n - ra.n <= same)
        at = a.bytes.n - ra.n;
    rb = (struct ax_str){b.bytes.p + at, b.bytes.n - at};
    hb = ax_labels_next(&rb, &lb);
    if (!ha || !hb)
        return (int)ha - (int)hb;
    int c = ax_str_cmp(la.name, lb.name);
    return c ? c : ax_str_cmp(la.value, lb.value);
}

static void print_quoted(struct ax_str s, struct ax_buf *out)
{
    ax_buf_byte(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            ax_buf_byte(out, '\\');
        if (s.p[i] == '\n')
            ax_buf_cstr(out, "\\n");
        else
            ax_buf_byte(out, (uint8_t)s.p[i]);
    }
    ax_buf_byte(out, '"');
}

void ax_labels_print(struct ax_labels set, struct ax_buf *out)
{
    struct ax_str name = ax_labels_get(set, AX_STR("__name__"));
    bool plain = !name.n || ax_metric_name_ok(name), first = plain;
    struct ax_label l;
    if (!plain)
        ax_buf_byte(out, '{');
    if (plain)
        ax_buf_str(out, name);
    else
        print_quoted(name, out);
    AX_LABELS_EACH (set, l) {
        if (ax_str_eq(l.name, AX_STR("__name__")) || ax_str_eq(l.name, AX_STR(AX_TENANT_LABEL)))
            continue;
        ax_buf_byte(out, first ? '{' : ',');
        first = false;
        if (ax_label_name_ok(l.name))
            ax_buf_str(out, l.name);
        else
            print_quoted(l.name, out);
        ax_buf_byte(out, '=');
        print_quoted(l.value, out);
    }
    if (!first)
        ax_buf_byte(out, '}');
}

void ax_labels_json(struct ax_json *j, struct ax_labels set)
{
    struct ax_label l;
    ax_json_obj(j);
    AX_LABELS_EACH (set, l) {
        ax_json_key_str(j, l.name);
        ax_json_str(j, l.value);
    }
    ax_json_end(j);
}

static bool name_ok(struct ax_str s, bool colon)
{
    if (s.n == 0 || (s.p[0] >= '0' && s.p[0] <= '9'))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                  (c >= '0' && c <= '9') || (colon && c == ':');
        if (!ok)
            return false;
    }
    return true;
}

bool ax_label_name_ok(struct ax_str name)
{
    return name_ok(name, false);
}

bool ax_metric_name_ok(struct ax_str name)
{
    return name_ok(name, true);
}

void ax_labels_add(struct ax_labels_builder *b, struct ax_str name, struct ax_str value)
{
    if (b->n == AX_LABELS_MAX) {
        b->too_many = true;
        return;
    }
    b->v[b->n++] = (struct ax_label){name, value};
}

void ax_labels_add_all(struct ax_labels_builder *b, struct ax_labels set)
{
    struct ax_label l;
    AX_LABELS_EACH (set, l)
        ax_labels_add(b, l.name, l.value);
}

static int by_name(const void *a, const void *b)
{
    return ax_str_cmp(((const struct ax_label *)a)->name, ((const struct ax_label *)b)->name);
}

static int clip(size_t n)
{
    return n < 60 ? (int)n : 60;
}

int ax_label_check(const struct ax_label *l, struct ax_err *err)
{
    if (l->name.n > AX_LABEL_NAME_MAX)
        return ax_fail(err, -EINVAL, "label name \"%.60s...\" is %zu bytes long (limit %d)",
                       l->name.p, l->name.n, AX_LABEL_NAME_MAX);
    if (!l->name.n || !ax_str_utf8(l->name))
        return ax_fail(err, -EINVAL, "a label's name is %s", l->name.n ? "not UTF-8" : "empty");
    if (l->value.n > AX_LABEL_VALUE_MAX)
        return ax_fail(err, -EINVAL, "the value of label %.*s is %zu bytes long (limit %d)",
                       clip(l->name.n), l->name.p, l->value.n, AX_LABEL_VALUE_MAX);
    if (!ax_str_utf8(l->value))
        return ax_fail(err, -EINVAL, "the value of label %.*s is not UTF-8", clip(l->name.n),
                       l->name.p);
    return 0;
}

int ax_label_check_plain(const struct ax_label *l, struct ax_err *err)
{
    if (!ax_label_name_ok(l->name))
        return ax_fail(err, -EINVAL,
                       "label name \"%.*s\" is invalid (expected letters, digits and _, not "
                       "beginning with a digit)",
                       clip(l->name.n), l->name.p);
    if (ax_str_eq(l->name, AX_STR("__name__")) && !ax_metric_name_ok(l->value))
        return ax_fail(err, -EINVAL,
                       "metric name \"%.*s\" is invalid (expected letters, digits, _ and :, not "
                       "beginning with a digit)",
                       clip(l->value.n), l->value.p);
    return ax_label_check(l, err);
}

static size_t varint_len(size_t v)
{
    size_t n = 1;
    for (; v > 0x7f; v >>= 7)
        n++;
    return n;
}

static size_t label_size(const struct ax_label *l)
{
    return varint_len(l->name.n) + l->name.n + varint_len(l->value.n) + l->value.n;
}

bool ax_labels_valid(struct ax_str bytes)
{
    struct ax_str rest = bytes;
    struct ax_label l, last = {0};
    size_t size = 0;
    for (size_t n = 0; rest.n; n++) {
        if (n == AX_LABELS_MAX || !ax_labels_next(&rest, &l) || l.value.n == 0)
            return false;
        if (ax_label_check(&l, NULL) < 0 || (n && ax_str_cmp(last.name, l.name) >= 0))
            return false;
        size += label_size(&l);
        last = l;
    }
    return size == bytes.n; /* else a length was written with more bytes than it needs */
}

static char *put_field(char *at, struct ax_str s)
{
    size_t v = s.n;
    for (; v > 0x7f; v >>= 7)
        *at++ = (char)((v & 0x7f) | 0x80);
    *at++ = (char)v;
    memcpy(at, s.p, s.n);
    return at + s.n;
}

int ax_labels_finish(struct ax_labels_builder *b, struct ax_arena *a, struct ax_labels *out,
                     struct ax_err *err)
{
    if (b->too_many)
        return ax_fail(err, -EINVAL, "a series has more than %d labels", AX_LABELS_MAX);
    size_t n = 0, size = 0;
    for (size_t i = 0; i < b->n; i++)
        if (b->v[i].value.n)
            b->v[n++] = b->v[i];
    b->n = n;
    qsort(b->v, n, sizeof b->v[0], by_name);
    for (size_t i = 0; i < n; i++) {
        const struct ax_label *l = &b->v[i];
        int rc = ax_label_check(l, err);
        if (rc == 0 && i && ax_str_eq(l[-1].name, l->name))
            rc = ax_fail(err, -EINVAL, "label %.*s is given twice", clip(l->name.n), l->name.p);
        if (rc < 0)
            return rc;
        size += label_size(&b->v[i]);
    }
    char *bytes = ax_arena_alloc(a, size), *at = bytes;
    for (size_t i = 0; i < n; i++)
        at = put_field(put_field(at, b->v[i].name), b->v[i].value);
    out->bytes = (struct ax_str){bytes, size};
    return 0;
}
