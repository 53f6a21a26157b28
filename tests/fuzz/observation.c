// SPDX-License-Identifier: Apache-2.0
/* The JSON document of collectors: what is read can be written again, and is then the same. */
#include "kit.h"

#include "ingest/ingest.h"
#include "push/observation.h"

FUZZ_TARGET(p, n)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_buf text = AX_BUF_INIT, again = AX_BUF_INIT;
    struct ax_observation o, o2;
    struct ax_err err = {0};
    if (ax_observation_decode(fuzz_str(p, n), &a, &o, &err) < 0) {
        AX_ASSERT(err.text[0]);
    } else {
        ax_observation_json(&o, &text);
        AX_ASSERT(ax_observation_decode(ax_buf_view(&text), &a, &o2, &err) == 0);
        ax_observation_json(&o2, &again);
        AX_ASSERT(ax_str_eq(ax_buf_view(&text), ax_buf_view(&again)));
    }
    ax_buf_free(&text);
    ax_buf_free(&again);
    ax_arena_free(&a);
    return 0;
}
