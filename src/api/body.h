// SPDX-License-Identifier: Apache-2.0
/* Small bodies that are one JSON object. Inside the API only. */
#ifndef AX_API_BODY_H
#define AX_API_BODY_H

#include "api/inner.h"

#include <jansson.h>

/* -EFBIG over 256 KiB, -EBADMSG no object. *out is the caller's, for ax_body_free. */
int ax_body_object(const struct ax_request *q, json_t **out, struct ax_err *err);
void ax_body_free(json_t **o); /* for AX_CLEANUP */

/* Members, copied into the arena. -EBADMSG absent or of another type, -EINVAL too long or no time;
 * the text names the member. */
int ax_body_text(const json_t *o, const char *key, struct ax_arena *a, struct ax_str *out,
                 struct ax_err *err);
int ax_body_time(const json_t *o, const char *key, struct ax_arena *a, int64_t *out,
                 struct ax_err *err);
/* Present, and not null. */
bool ax_body_has(const json_t *o, const char *key);

#endif
