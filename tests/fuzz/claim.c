// SPDX-License-Identifier: Apache-2.0
/* What a request says of itself, and what Keystone says of a token: the first line is the value of
 * Authorization, all of it also X-Auth-Token, the digest of a certificate and Keystone's answer.
 * Nobody gets in who has no token; whoever Keystone tells of fits where it is put. */
#include "kit.h"

#include "auth/auth.h"
#include "auth/keystone.h"
#include "auth/secret.h"
#include "sql/sql.h"

#include <errno.h>

static struct ax_auth *auth;

static void open_auth(void)
{
    static struct ax_sql *sql;
    AX_ASSERT(ax_sql_open(&sql, ":memory:", NULL) == 0);
    AX_ASSERT(ax_auth_open(&auth, &(struct ax_auth_options){.sql = sql}, NULL) == 0);
}

static void knock(const struct ax_claim *c)
{
    struct ax_who who;
    struct ax_err err = {0};
    int rc = ax_auth_check_quick(auth, c, 1795314600000, &who, &err);
    AX_ASSERT(rc < 0 && err.text[0]);
    AX_ASSERT(rc == -ENOKEY || rc == -EKEYREJECTED || rc == -EINPROGRESS);
}

FUZZ_TARGET(p, n)
{
    struct ax_str all = fuzz_str(p, n), rest = all, line = AX_STR_NULL;
    struct ax_who who;
    struct ax_err err = {0};
    char decoded[64];
    size_t bytes;
    if (!auth)
        open_auth();
    ax_str_cut(&rest, '\n', &line);
    knock(&(struct ax_claim){.authorization = line});
    knock(&(struct ax_claim){.x_auth_token = all});
    if (n)
        knock(&(struct ax_claim){.certificate = all, .certificate_fault = line});
    if (n)
        knock(&(struct ax_claim){.certificate = all, .certificate_fault = line});
    if (ax_base64_decode(line, decoded, sizeof decoded, &bytes))
        AX_ASSERT(bytes <= sizeof decoded &&
                  bytes == line.n * 3 / 4 -
                               (line.n % 4 == 0 && line.n
                                    ? (line.p[line.n - 1] == '=') + (line.p[line.n - 2] == '=')
                                    : 0));
    if (ax_keystone_said(all, "provider", &who, &err) == 0) {
        AX_ASSERT(who.tenant[0] && strlen(who.tenant) <= AX_WHO_TENANT);
        AX_ASSERT(who.name[0] && strlen(who.name) <= AX_WHO_NAME);
    } else {
        AX_ASSERT(err.code == -EHOSTUNREACH || err.code == -EKEYREJECTED);
    }
    return 0;
}
