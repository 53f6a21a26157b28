// SPDX-License-Identifier: Apache-2.0
/* Templates of labels and annotations: text with {{ $labels.NAME }}, {{ $value }} and
 * {{ $value | FUNCTION }}, where FUNCTION is humanize, humanize1024, humanizeDuration or
 * humanizePercentage (Prometheus's results). Whatever else is between braces is refused when the
 * file is read, not when the alarm fires. */
#ifndef AX_ALARM_TEMPLATE_H
#define AX_ALARM_TEMPLATE_H

#include "model/labels.h"

struct ax_template; /* in the arena it was parsed into, as is a copy of its text */

/* On failure *at is the offset of the fault in the text and err says what was found there. */
int ax_template_parse(struct ax_str text, struct ax_arena *a, struct ax_template **out, size_t *at,
                      struct ax_err *err);
struct ax_str ax_template_text(const struct ax_template *t); /* as it was written */
struct ax_str ax_template_render(const struct ax_template *t, struct ax_labels labels, double value,
                                 struct ax_arena *a);

#endif
