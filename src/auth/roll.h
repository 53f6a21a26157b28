// SPDX-License-Identifier: Apache-2.0
/* Inside the room: all tokens and users that are in force, as they were in the database at one
 * moment. Made anew when something changes; only `used` changes meanwhile. */
#ifndef AX_AUTH_ROLL_H
#define AX_AUTH_ROLL_H

#include "auth/secret.h"
#include "sql/sql.h"

#include <stdatomic.h>

struct ax_roll_token {
    uint8_t digest[AX_DIGEST];
    int64_t id, expires;
    _Atomic int64_t used; /* last */
    int64_t noted;        /* as the database has it */
    enum ax_role role;
    bool certificate; /* the digest is a certificate's, which is no secret */
    struct ax_str tenant, name;
};

struct ax_roll_user {
    struct ax_str name, tenant;
    enum ax_role role;
    const char *password; /* encoded */
};

struct ax_roll {
    struct ax_arena arena;
    struct ax_roll_token *tokens;
    struct ax_roll_user *users; /* by name */
    size_t ntokens, nusers;
    uint32_t *slots; /* place of a token + 1 at its digest's first bytes, or after; 0: free */
    size_t mask;
};

int ax_roll_read(struct ax_roll **out, struct ax_sql *sql, struct ax_err *err);
void ax_roll_free(struct ax_roll *r); /* NULL is fine */
struct ax_roll_token *ax_roll_token(const struct ax_roll *r, const uint8_t digest[AX_DIGEST]);
const struct ax_roll_user *ax_roll_user(const struct ax_roll *r, struct ax_str name);

#endif
