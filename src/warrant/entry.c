// SPDX-License-Identifier: Apache-2.0
/* One entry of the ledger: its form, and the hash of that. */
#include "warrant/inner.h"

#include "base/json.h"

#include <openssl/sha.h>
#include <stdio.h>

/* ---- kinds ---- */

static const char *const kinds[AX_LEDGER_KINDS] = {
    "consent-set",      "consent-revoked", "warrant-opened", "warrant-closed", "use",
    "use-refused",      "standing-begun",  "standing-sum",   "standing-ended", "notice-sent",
    "notice-delivered", "notice-failed",   "extract-ended"};

const char *ax_ledger_kind_name(enum ax_ledger_kind k)
{
    AX_ASSERT((unsigned)k < AX_LEDGER_KINDS);
    return kinds[k];
}

static bool kind_parse(struct ax_str name, enum ax_ledger_kind *out)
{
    for (int k = 0; k < AX_LEDGER_KINDS; k++)
        if (ax_str_eq(name, ax_str(kinds[k]))) {
            *out = (enum ax_ledger_kind)k;
            return true;
        }
    return false;
}

/* ---- an entry ---- */

static void text(struct ax_json *j, const char *key, struct ax_str v)
{
    ax_json_key(j, key);
    ax_json_str(j, v);
}

/* The order of the members is part of the form. */
void ax_ledger_json(const struct ax_ledger_entry *e, bool hash, struct ax_buf *out)
{
    struct ax_json j = {.out = out};
    ax_json_obj(&j);
    ax_json_key(&j, "sequence");
    ax_json_int(&j, e->sequence);
    ax_json_key(&j, "time");
    ax_json_time(&j, e->time);
    text(&j, "kind", ax_str(ax_ledger_kind_name(e->kind)));
    text(&j, "scope", ax_str(ax_scope_name(e->scope)));
    text(&j, "who", e->who);
    text(&j, "tenant", e->tenant);
    text(&j, "handle", e->handle);
    text(&j, "reason", e->reason);
    text(&j, "grant", e->grant);
    text(&j, "detail", e->detail);
    ax_json_key(&j, "hidden_until");
    ax_json_time(&j, e->hidden_until);
    text(&j, "previous", e->previous);
    if (hash)
        text(&j, "hash", e->hash);
    ax_json_end(&j);
}

void ax_ledger_hash(const struct ax_ledger_entry *e, char out[AX_LEDGER_HASH])
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    unsigned char digest[SHA256_DIGEST_LENGTH];
    ax_ledger_json(e, false, &b);
    SHA256((const unsigned char *)b.p, b.n, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

void ax_ledger_first(struct ax_link *out)
{
    out->sequence = 0;
    memset(out->hash, '0', AX_LEDGER_HASH - 1);
    out->hash[AX_LEDGER_HASH - 1] = '\0';
}

static bool scope_parse(struct ax_str name, enum ax_scope *out)
{
    *out = AX_SCOPE_NONE;
    return ax_str_eq(name, ax_str(ax_scope_name(AX_SCOPE_NONE))) || ax_scope_parse(name, out);
}

bool ax_ledger_row(struct ax_stmt *q, struct ax_arena *a, void *entry)
{
    struct ax_ledger_entry *out = entry;
    *out = (struct ax_ledger_entry){.sequence = ax_stmt_col_int(q, 0),
                                    .time = ax_stmt_col_int(q, 1),
                                    .hidden_until = ax_stmt_col_int(q, 10)};
    struct ax_str *const texts[] = {&out->who,    &out->tenant, &out->handle,
                                    &out->reason, &out->grant,  &out->detail};
    for (size_t i = 0; i < AX_ARRAY_LEN(texts); i++)
        *texts[i] = ax_arena_str(a, ax_stmt_col(q, 4 + (int)i));
    out->previous = ax_arena_str(a, ax_stmt_col(q, 11));
    out->hash = ax_arena_str(a, ax_stmt_col(q, 12));
    return kind_parse(ax_stmt_col(q, 2), &out->kind) && scope_parse(ax_stmt_col(q, 3), &out->scope);
}
