// SPDX-License-Identifier: Apache-2.0
#include "alarm/document.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int ax_yaml_fail(const struct ax_yaml *y, yaml_mark_t at, struct ax_err *err, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return ax_fail(err, -EINVAL, "%s:%zu:%zu: %s", y->file, at.line + 1, at.column + 1, text);
}

static int load(struct ax_yaml *y, yaml_parser_t *p, struct ax_err *err)
{
    if (!yaml_parser_load(p, &y->doc))
        return ax_yaml_fail(y, p->problem_mark, err, "found broken YAML (%s), expected groups",
                            p->problem ? p->problem : "not UTF-8");
    y->loaded = true;
    if (!yaml_document_get_root_node(&y->doc))
        return 0;
    yaml_document_t more;
    if (!yaml_parser_load(p, &more))
        return ax_yaml_fail(y, p->problem_mark, err, "found broken YAML (%s), expected the end",
                            p->problem ? p->problem : "not UTF-8");
    yaml_node_t *second = yaml_document_get_root_node(&more);
    yaml_mark_t at = second ? second->start_mark : (yaml_mark_t){0};
    yaml_document_delete(&more);
    if (second)
        return ax_yaml_fail(y, at, err, "found a second document, expected one");
    return 0;
}

int ax_yaml_open(struct ax_yaml *y, struct ax_str text, const char *file, struct ax_err *err)
{
    *y = (struct ax_yaml){.file = file};
    yaml_parser_t p;
    if (!yaml_parser_initialize(&p))
        return ax_fail(err, -ENOMEM, "%s: no memory to read it", file);
    yaml_parser_set_input_string(&p, (const unsigned char *)(text.p ? text.p : ""), text.n);
    int rc = load(y, &p, err);
    yaml_parser_delete(&p);
    return rc;
}

void ax_yaml_close(struct ax_yaml *y)
{
    if (y->loaded)
        yaml_document_delete(&y->doc);
    y->loaded = false;
}

yaml_node_t *ax_yaml_root(struct ax_yaml *y)
{
    return yaml_document_get_root_node(&y->doc);
}

bool ax_yaml_scalar(const yaml_node_t *n, struct ax_str *out)
{
    if (n->type != YAML_SCALAR_NODE)
        return false;
    struct ax_str s = {(const char *)n->data.scalar.value, n->data.scalar.length};
    bool plain = n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (plain && (s.n == 0 || ax_str_eq(s, AX_STR("~")) || ax_str_eq(s, AX_STR("null"))))
        return false;
    *out = s;
    return true;
}

int ax_yaml_unexpected(const struct ax_yaml *y, const yaml_node_t *n, const char *wanted,
                       struct ax_err *err)
{
    struct ax_str s;
    if (ax_yaml_scalar(n, &s))
        return ax_yaml_fail(y, n->start_mark, err, "found \"%.*s\", expected %s",
                            s.n < 60 ? (int)s.n : 60, s.p, wanted);
    const char *found = n->type == YAML_SEQUENCE_NODE  ? "a list"
                        : n->type == YAML_MAPPING_NODE ? "a mapping"
                                                       : "nothing";
    return ax_yaml_fail(y, n->start_mark, err, "found %s, expected %s", found, wanted);
}

yaml_mark_t ax_yaml_inside(const yaml_node_t *n, size_t offset)
{
    yaml_mark_t at = n->start_mark;
    size_t quotes = n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? 0 : 2;
    bool verbatim = n->end_mark.line == at.line &&
                    n->end_mark.column - at.column == n->data.scalar.length + quotes;
    if (verbatim)
        at.column += offset + quotes / 2;
    return at;
}

size_t ax_yaml_count(const yaml_node_t *n)
{
    if (n->type == YAML_SEQUENCE_NODE)
        return (size_t)(n->data.sequence.items.top - n->data.sequence.items.start);
    return (size_t)(n->data.mapping.pairs.top - n->data.mapping.pairs.start);
}

yaml_node_t *ax_yaml_item(struct ax_yaml *y, const yaml_node_t *list, size_t i)
{
    return yaml_document_get_node(&y->doc, list->data.sequence.items.start[i]);
}

void ax_yaml_pair(struct ax_yaml *y, const yaml_node_t *map, size_t i, yaml_node_t **key,
                  yaml_node_t **value)
{
    const yaml_node_pair_t *p = &map->data.mapping.pairs.start[i];
    *key = yaml_document_get_node(&y->doc, p->key);
    *value = yaml_document_get_node(&y->doc, p->value);
}

static size_t index_of(struct ax_str key, const char *const *keys, size_t nkeys)
{
    size_t i = 0;
    while (i < nkeys && !ax_str_eq(key, ax_str(keys[i])))
        i++;
    return i;
}

/* "name, interval, rules" */
static const char *list(const char *const *keys, size_t nkeys, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < nkeys && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s", i ? ", " : "", keys[i]);
    return out;
}

int ax_yaml_fields(struct ax_yaml *y, yaml_node_t *map, const char *what, const char *const *keys,
                   size_t nkeys, yaml_node_t **out, struct ax_err *err)
{
    char known[200];
    if (map->type != YAML_MAPPING_NODE)
        return ax_yaml_unexpected(y, map, what, err);
    memset(out, 0, nkeys * sizeof *out);
    for (size_t i = 0; i < ax_yaml_count(map); i++) {
        yaml_node_t *key, *value;
        struct ax_str name;
        ax_yaml_pair(y, map, i, &key, &value);
        size_t k = ax_yaml_scalar(key, &name) ? index_of(name, keys, nkeys) : nkeys;
        if (k == nkeys)
            return ax_yaml_unexpected(y, key, list(keys, nkeys, known, sizeof known), err);
        if (out[k])
            return ax_yaml_fail(y, key->start_mark, err, "found \"%s\" twice, expected it once",
                                keys[k]);
        out[k] = value;
    }
    return 0;
}
