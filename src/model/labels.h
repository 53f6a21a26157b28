// SPDX-License-Identifier: Apache-2.0
/* Label sets. A set has one canonical form, a string of bytes that can be hashed, compared and
 * stored as it is:
 *
 *     { varint length of name, name, varint length of value, value } ...   sorted by name
 *
 * No name twice, no empty value (an empty value means "label absent"). The tenant is part of a
 * series' identity: it is kept as the reserved label __tenant__, which only the intake adds and
 * only the query source removes. */
#ifndef AX_MODEL_LABELS_H
#define AX_MODEL_LABELS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

#define AX_LABEL_NAME_MAX  1024
#define AX_LABEL_VALUE_MAX 65536
#define AX_LABELS_MAX      128
#define AX_TENANT_LABEL    "__tenant__"

struct ax_label {
    struct ax_str name, value;
};

/* A view of canonical bytes; does not own them. {NULL, 0} is the empty set. */
struct ax_labels {
    struct ax_str bytes;
};

/* Walks the set in order of names: AX_LABELS_EACH (set, l) { ... } with struct ax_label l. */
bool ax_labels_next_any(struct ax_str *rest, struct ax_label *out);
static inline bool ax_labels_next(struct ax_str *rest, struct ax_label *out)
{
    const char *p = rest->p;
    size_t left = rest->n, name = left ? (uint8_t)p[0] : 0x80; /* lengths mostly take one byte */
    size_t value = name < 0x80 && name + 1 < left ? (uint8_t)p[name + 1] : 0x80;
    if (value >= 0x80 || name + value + 2 > left)
        return ax_labels_next_any(rest, out);
    *out = (struct ax_label){{p + 1, name}, {p + name + 2, value}};
    *rest = (struct ax_str){p + name + value + 2, left - name - value - 2};
    return true;
}
#define AX_LABELS_EACH(set, l)                                                                     \
    for (struct ax_str l##_rest = (set).bytes; ax_labels_next(&l##_rest, &(l));)

struct ax_str ax_labels_get(struct ax_labels set, struct ax_str name); /* empty when absent */
/* Order by label names and values, as Prometheus sorts its answers. */
int ax_labels_cmp(struct ax_labels a, struct ax_labels b);
/* True when bytes from disk or another process are a canonical set. */
bool ax_labels_valid(struct ax_str bytes);
/* name{a="b",c="d"} as people write it; quotes escaped. Names that are not plain come as
 * {"a name",c="d","an e"="f"}, as in PromQL. */
void ax_labels_print(struct ax_labels set, struct ax_buf *out);
/* {"a":"b","c":"d"}, as Prometheus's answers have them. */
void ax_labels_json(struct ax_json *j, struct ax_labels set);

/* Why name=value cannot be a label of a series, or 0. The error names the label. Names are any
 * UTF-8, as Monasca and OpenTelemetry have them. */
int ax_label_check(const struct ax_label *l, struct ax_err *err);
/* The same with names as Prometheus's formats have them. */
int ax_label_check_plain(const struct ax_label *l, struct ax_err *err);
bool ax_label_name_ok(struct ax_str name);  /* [a-zA-Z_][a-zA-Z0-9_]* */
bool ax_metric_name_ok(struct ax_str name); /* [a-zA-Z_:][a-zA-Z0-9_:]* */

/* Builds a set from labels in any order. Views given must live until finish. */
struct ax_labels_builder {
    struct ax_label v[AX_LABELS_MAX];
    size_t n;
    bool too_many;
};
void ax_labels_add(struct ax_labels_builder *b, struct ax_str name, struct ax_str value);
/* Starts from a set that is there. */
void ax_labels_add_all(struct ax_labels_builder *b, struct ax_labels set);
/* Sorts, drops empty values, checks names, lengths, UTF-8 and duplicates, and writes the canonical
 * bytes into the arena. The error names the label. */
int ax_labels_finish(struct ax_labels_builder *b, struct ax_arena *a, struct ax_labels *out,
                     struct ax_err *err);

#endif
