// SPDX-License-Identifier: Apache-2.0
/* Inside the registry: the object, and the parts that several of its files use. */
#ifndef AX_REGISTRY_INNER_H
#define AX_REGISTRY_INNER_H

#include "registry/registry.h"

#include <pthread.h>
#include <stdatomic.h>

struct ax_registry {
    struct ax_sql *sql;
    atomic_bool news; /* an event was written that nobody was called for */
    pthread_mutex_t lock;
    void (*on_events)(void *ctx);
    void *ctx;
};

int ax_registry_open_value_meta(struct ax_registry *r, struct ax_err *err);

/* Ends a transaction, and calls who waits for events when it brought some. */
int ax_registry_end(struct ax_registry *r, int rc, struct ax_err *err);
/* After a statement that writes events. */
void ax_registry_wrote(struct ax_registry *r);

/* Inside a transaction that the caller holds. */
int ax_registry_store_event(struct ax_registry *r, struct ax_str tenant, const struct ax_event *e,
                            struct ax_err *err);

#endif
