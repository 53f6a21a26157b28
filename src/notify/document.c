// SPDX-License-Identifier: Apache-2.0
/* Documents of other rooms on their way to addresses of their own. An address is a method of type
 * WEBHOOK of a tenant whose name nobody can have, so no list shows it; a document is a row of the
 * outbox without a state, which every alarm's notice has. */
#include "notify/inner.h"

#include "base/uuid.h"

#define NOBODY "/documents"

int ax_notify_address_add(struct ax_notify *n, struct ax_str url, char id[AX_NOTIFY_ADDRESS_ID],
                          struct ax_err *err)
{
    struct ax_stmt q;
    enum ax_notify_type type;
    int64_t now = ax_notify_now(n);
    struct ax_notify_fields f = {
        .name = AX_STR(NOBODY), .type = AX_STR("WEBHOOK"), .address = url, .period = 0};
    int rc = ax_notify_check(&f, &type, err);
    if (rc < 0)
        return rc;
    struct ax_uuid u = ax_uuid_random();
    ax_uuid_print(&u, id);
    ax_stmt_begin(&q, n->sql,
                  "INSERT INTO method(id, tenant, name, type, address, period, created, updated)"
                  " VALUES(?1, '" NOBODY "', ?1, 'WEBHOOK', ?2, 0, ?3, ?3)");
    ax_stmt_str(&q, ax_str(id));
    ax_stmt_str(&q, url);
    ax_stmt_int(&q, now);
    return ax_stmt_run(&q, "writing", err);
}

int ax_notify_address_remove(struct ax_notify *n, struct ax_str id, struct ax_err *err)
{
    static const char *const statements[] = {"DELETE FROM outbox WHERE method = (SELECT id FROM "
                                             "method WHERE id = ? AND tenant = '" NOBODY "')",
                                             "DELETE FROM method WHERE id = ? AND tenant = '" NOBODY
                                             "'"};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < AX_ARRAY_LEN(statements); i++) {
        struct ax_stmt q;
        ax_stmt_begin(&q, n->sql, statements[i]);
        ax_stmt_str(&q, id);
        rc = ax_stmt_run(&q, "writing", err);
        if (rc == 0 && i == 0)
            n->voided += (uint64_t)ax_sql_changed(n->sql);
    }
    atomic_store(&n->methods_changed, true);
    return rc;
}

int ax_notify_queue_document(struct ax_notify *n, struct ax_str address,
                             const struct ax_document *d, struct ax_err *err)
{
    struct ax_notice x = {.tenant = d->tenant,
                          .alarm = d->about,
                          .reason = d->name,
                          .time = d->time,
                          .metrics = d->json};
    return ax_outbox_insert(n, address, &x, err);
}

bool ax_words_is_document(const struct ax_letter *l)
{
    return l->x.state.n == 0;
}
