// SPDX-License-Identifier: Apache-2.0
/* Inside the room: random bytes, hashes, comparison in constant time, the text of a token. Pure but
 * for the random bytes. */
#ifndef AX_AUTH_SECRET_H
#define AX_AUTH_SECRET_H

#include "auth/auth.h"

#define AX_DIGEST 32 /* bytes of a SHA-256 */

void ax_secret_random(void *p, size_t n); /* the kernel's; the process ends when it has none */
/* SHA-256 of all parts, one after the other. */
void ax_secret_digest(const struct ax_str *parts, size_t n, uint8_t out[AX_DIGEST]);
bool ax_secret_eq(const void *a, const void *b, size_t n); /* in a time that depends on n alone */

/* A new token's text, and what is kept of it. */
void ax_token_make(char text[AX_TOKEN_TEXT], uint8_t digest[AX_DIGEST]);
bool ax_token_is(struct ax_str s); /* has it the form of one of ours? */

#define AX_DIGEST_TEXT (2 * AX_DIGEST + 1)
char *ax_digest_print(const uint8_t digest[AX_DIGEST], char out[AX_DIGEST_TEXT]);
bool ax_digest_parse(struct ax_str hex, uint8_t out[AX_DIGEST]);

/* Standard alphabet, padded or not, nothing else in it; false when it is none or longer than
 * `room`. */
bool ax_base64_decode(struct ax_str s, char *out, size_t room, size_t *n);

#endif
