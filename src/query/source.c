// SPDX-License-Identifier: Apache-2.0
/* The embedded store as a source. */
#include "query/query.h"

static int store_select(void *self, const struct ax_store_select *sel, struct ax_arena *a,
                        struct ax_series_set *out, struct ax_err *err)
{
    return ax_store_select(self, sel, a, out, err);
}

static int store_last(void *self, const struct ax_store_select *sel, struct ax_arena *a,
                      struct ax_series_set *out, struct ax_err *err)
{
    return ax_store_last(self, sel, a, out, err);
}

struct ax_source ax_source_of_store(struct ax_store *s, struct ax_str tenant)
{
    return (struct ax_source){s, tenant, store_select, store_last};
}
