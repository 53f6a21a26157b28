// SPDX-License-Identifier: Apache-2.0
/* An observation as POST /auspex/v1/observations takes it (docs/api.md). */
#ifndef AX_PUSH_OBSERVATION_H
#define AX_PUSH_OBSERVATION_H

#include "base/buf.h"
#include "model/resource.h"

void ax_observation_json(const struct ax_observation *o, struct ax_buf *out);

#endif
