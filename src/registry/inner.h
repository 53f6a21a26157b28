// SPDX-License-Identifier: Apache-2.0
/* Inside the registry: the object, and the parts that several of its files use. */
#ifndef AX_REGISTRY_INNER_H
#define AX_REGISTRY_INNER_H

#include "registry/registry.h"
#include "registry/sql.h"

#include <pthread.h>

struct ax_registry {
    struct ax_sql sql;
    pthread_mutex_t lock; /* one transaction at a time */
};

/* Inside a transaction that the caller holds. */
int ax_registry_store_event(struct ax_registry *r, struct ax_str tenant, const struct ax_event *e,
                            struct ax_err *err);

/* BEGIN IMMEDIATE with the lock taken; end commits when rc == 0, else rolls back; returns what the
 * caller is to return. */
int ax_registry_begin(struct ax_registry *r, struct ax_err *err);
int ax_registry_end(struct ax_registry *r, int rc, struct ax_err *err);

#endif
