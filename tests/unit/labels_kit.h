// SPDX-License-Identifier: Apache-2.0
#ifndef AX_TESTS_LABELS_KIT_H
#define AX_TESTS_LABELS_KIT_H

#include "model/labels.h"

static inline size_t count_labels(struct ax_labels set)
{
    size_t n = 0;
    struct ax_label l;
    AX_LABELS_EACH (set, l)
        n++;
    return n;
}

#endif
