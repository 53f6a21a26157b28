// SPDX-License-Identifier: Apache-2.0
/* Inside the room: OpenStack Keystone v3 as the judge of tokens.
 *
 * What it said of a token holds for cache_ms, or until the token expires; a refusal holds for ten
 * seconds. A revoked token is thus refused within cache_ms. Of many requests with the same new
 * token one asks and the others wait. When Keystone cannot be reached, what was cached goes on
 * until its time is over, all else gets -EHOSTUNREACH, and it is tried again every two seconds.
 *
 *   keystone.c        what is known, and who asks
 *   keystone_ask.c    the requests, and the service's own token
 *   keystone_said.c   an answer's JSON to a struct ax_who
 *
 * Any thread. */
#ifndef AX_AUTH_KEYSTONE_H
#define AX_AUTH_KEYSTONE_H

#include "auth/auth.h"
#include "base/buf.h"

struct ax_keystone;
/* -EINVAL when an option is missing. */
int ax_keystone_new(struct ax_keystone **out, const struct ax_keystone_options *o,
                    struct ax_err *err);
void ax_keystone_free(struct ax_keystone *k); /* NULL is fine */
/* Is it known without asking? Then *rc is 0 and *out filled, or *rc is an error of a check. */
bool ax_keystone_known(struct ax_keystone *k, struct ax_str token, int64_t now, int *rc,
                       struct ax_who *out, struct ax_err *err);
/* Errors of a check. Blocks for up to the timeout. */
int ax_keystone_check(struct ax_keystone *k, struct ax_str token, int64_t now, struct ax_who *out,
                      struct ax_err *err);
void ax_keystone_stats(struct ax_keystone *k, uint64_t *asked, uint64_t *away);

/* ---- keystone_ask.c ---- */

#define AX_KEYSTONE_TOKEN 4096 /* bytes of a token at most */

/* Printable, without blanks: it goes into a header as it is. */
bool ax_keystone_token_ok(struct ax_str token);

struct ax_asker;
struct ax_asker *ax_asker_new(const struct ax_keystone_options *o);
void ax_asker_free(struct ax_asker *a);
/* A connection for each who asks at the same time. */
struct ax_line;
struct ax_line *ax_line_new(const struct ax_keystone_options *o);
void ax_line_free(struct ax_line *l);
/* What Keystone says of a token, as JSON. -EKEYREJECTED, -EHOSTUNREACH. */
int ax_asker_ask(struct ax_asker *a, struct ax_line *l, struct ax_str token, struct ax_buf *json,
                 struct ax_err *err);

/* ---- keystone_said.c ---- */

/* -EKEYREJECTED a token without a project, -EHOSTUNREACH it is no answer of a Keystone. Roles that
 * mean nothing here give a who that may do nothing. */
int ax_keystone_said(struct ax_str json, const char *provider_role, struct ax_who *out,
                     struct ax_err *err);

#endif
