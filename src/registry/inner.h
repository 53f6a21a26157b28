// SPDX-License-Identifier: Apache-2.0
/* Inside the registry: the object, and the parts that several of its files use. */
#ifndef AX_REGISTRY_INNER_H
#define AX_REGISTRY_INNER_H

#include "registry/registry.h"

struct ax_registry {
    struct ax_sql *sql;
};

int ax_registry_open_value_meta(struct ax_registry *r, struct ax_err *err);

/* Inside a transaction that the caller holds. */
int ax_registry_store_event(struct ax_registry *r, struct ax_str tenant, const struct ax_event *e,
                            struct ax_err *err);

#endif
