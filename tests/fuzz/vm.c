// SPDX-License-Identifier: Apache-2.0
/* Two rounds about one VM as libvirt tells of it: lines NAME=VALUE of its statistics up to an empty
 * line, then its XML. */
#include "kit.h"

#include "collect/libvirt/virt.h"

#include <math.h>

#define PARAMS 300

static size_t read_params(struct ax_str *rest, struct ax_virt_param *out)
{
    struct ax_str line, name;
    size_t n = 0;
    while (n < PARAMS && ax_str_cut(rest, '\n', &line) && line.n) {
        double v = NAN;
        ax_str_cut(&line, '=', &name);
        bool number = line.n && ax_str_double(line, &v);
        out[n++] = (struct ax_virt_param){name, v, number ? AX_STR_NULL : line};
    }
    return n;
}

FUZZ_TARGET(p, n)
{
    struct ax_virt_param params[PARAMS];
    struct ax_str rest = fuzz_str(p, n);
    struct ax_virt_record vm = {.uuid = AX_STR("4dea22b3-1d52-d8f3-2516-782e98ab3fa0"),
                                .name = AX_STR("web1"),
                                .id = 1,
                                .params = params,
                                .nparams = read_params(&rest, params),
                                .xml = rest,
                                .pid = -1,
                                .process_resident = NAN};
    struct ax_virt_snapshot snap = {.vms = &vm, .nvms = 1};
    struct ax_vms_options o = {AX_STR("h1"), AX_STR("host1"), 5000};
    struct ax_emitter e = {0};
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_vms *vms = ax_vms_new(&o);
    for (int64_t now = 1790000000000; now < 1790000012000; now += 5000) {
        struct ax_batch batch = {.arena = &a};
        struct ax_seen seen = {.arena = &a};
        ax_emit_begin(&e, &batch, now);
        ax_vms_round(vms, &snap, false, &e, now, &seen);
        ax_emit_end(&e);
        for (size_t i = 0; i < batch.n; i++)
            AX_ASSERT(ax_labels_valid(batch.v[i].labels.bytes));
        ax_virt_question_free(ax_vms_question(vms, now));
    }
    ax_vms_free(vms);
    ax_emitter_free(&e);
    ax_arena_free(&a);
    return 0;
}
