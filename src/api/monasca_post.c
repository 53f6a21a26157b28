// SPDX-License-Identifier: Apache-2.0
/* POST /v2.0/metrics: all of a request is taken or nothing, and what was taken is on stable storage
 * when it is answered. */
#include "api/monasca.h"

#include "base/clock.h"

/* value_meta on its way to the registry. */
struct notes {
    struct ax_str tenant;
    struct ax_value_meta *v;
    size_t n;
};

static int keep_notes(struct ax_request *q, void *arg, struct ax_err *err)
{
    struct notes *n = arg;
    return ax_registry_add_value_meta(ax_api_rooms(q->api)->registry, n->tenant, n->v, n->n, err);
}

/* The ids of their metrics can be told as long as the walk holds the series. */
static void take_notes(struct ax_request *q, struct ax_reply *r, struct ax_str tenant,
                       const struct ax_batch *b, const struct ax_monasca *m)
{
    struct ax_arena *a = &q->arena;
    struct ax_intake *in = ax_api_rooms(q->api)->intake;
    struct notes *n = AX_NEW(a, struct notes);
    *n = (struct notes){tenant, AX_NEWS(a, struct ax_value_meta, m->nmetas), m->nmetas};
    for (size_t i = 0; i < m->nmetas; i++) {
        const struct ax_monasca_meta *meta = &m->metas[i];
        struct ax_labels labels = ax_intake_visible(in, b->v[meta->series].id, a);
        n->v[i] = (struct ax_value_meta){ax_monasca_id_print(a, ax_monasca_id(tenant, labels)),
                                         meta->t, meta->json};
    }
    r->also = keep_notes;
    r->also_arg = n;
}

static int take(struct ax_request *q, struct ax_reply *r, struct ax_str tenant, struct ax_err *err)
{
    struct ax_intake *in = ax_api_rooms(q->api)->intake;
    struct ax_batch batch = {.arena = &q->arena, .now = q->commit_now, .whole = true};
    struct ax_intake_pending *pending = AX_NEW(&q->arena, struct ax_intake_pending);
    struct ax_intake_result result;
    struct ax_monasca monasca;
    struct ax_walk walk;
    struct ax_decoding d = {.tenant = tenant, .walk = &walk, .out = &batch};
    struct ax_str body;
    int rc = ax_quota_admit(ax_api_quotas(q->api), tenant, err);
    if (rc == 0)
        rc = ax_samples_body(q, AX_PACKED_NOT, &body, err);
    if (rc < 0)
        return rc;
    ax_walk_begin(&walk, in, tenant);
    rc = ax_monasca_decode(&d, body, &monasca, err);
    if (rc == 0)
        rc = ax_intake_offer(in, &batch, ax_now_ms(), &result, pending, err);
    if (rc == 0 && monasca.nmetas)
        take_notes(q, r, tenant, &batch, &monasca);
    ax_walk_end(&walk);
    if (rc < 0)
        return rc;
    ax_quota_charge(ax_api_quotas(q->api), tenant, result.accepted);
    r->pending = pending;
    return 0;
}

void ax_monasca_post(struct ax_request *q, struct ax_reply *r)
{
    struct ax_err err = {0};
    struct ax_str tenant;
    r->status = 204;
    r->unsettled = ax_monasca_failed;
    int rc = ax_monasca_tenant(q, &tenant, &err);
    if (rc == 0)
        rc = take(q, r, tenant, &err);
    if (rc < 0)
        ax_monasca_failed(r, &err);
}
