// SPDX-License-Identifier: Apache-2.0
/* A YAML document as libyaml loads it, with questions that answer a wrong document by its place:
 * "FILE:LINE:COLUMN: found ..., expected ...". */
#ifndef AX_ALARM_DOCUMENT_H
#define AX_ALARM_DOCUMENT_H

#include <yaml.h>

#include "base/err.h"
#include "base/str.h"

struct ax_yaml {
    const char *file;
    yaml_document_t doc;
    bool loaded;
};

/* One document; an empty file gives a NULL root. Close in any case. */
int ax_yaml_open(struct ax_yaml *y, struct ax_str text, const char *file, struct ax_err *err);
void ax_yaml_close(struct ax_yaml *y);
yaml_node_t *ax_yaml_root(struct ax_yaml *y);

int ax_yaml_fail(const struct ax_yaml *y, yaml_mark_t at, struct ax_err *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* "found a list, expected WANTED" */
int ax_yaml_unexpected(const struct ax_yaml *y, const yaml_node_t *n, const char *wanted,
                       struct ax_err *err);

bool ax_yaml_scalar(const yaml_node_t *n, struct ax_str *out); /* false: no scalar, or null */
/* Where byte `offset` of a scalar's text stands in the file: exact while it is on one line and has
 * no escapes, else where the scalar begins. */
yaml_mark_t ax_yaml_inside(const yaml_node_t *n, size_t offset);

size_t ax_yaml_count(const yaml_node_t *n); /* items of a list or pairs of a mapping */
yaml_node_t *ax_yaml_item(struct ax_yaml *y, const yaml_node_t *list, size_t i);
void ax_yaml_pair(struct ax_yaml *y, const yaml_node_t *map, size_t i, yaml_node_t **key,
                  yaml_node_t **value);

/* The values of a mapping by key, NULL where absent. Unknown keys, keys given twice, keys that are
 * no strings and a node that is no mapping are refused. */
int ax_yaml_fields(struct ax_yaml *y, yaml_node_t *map, const char *what, const char *const *keys,
                   size_t nkeys, yaml_node_t **out, struct ax_err *err);

#endif
