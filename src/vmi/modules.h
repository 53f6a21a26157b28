// SPDX-License-Identifier: Apache-2.0
/* The modules that the kernel has loaded, by its own list. Inner header of the readers. */
#ifndef AX_VMI_MODULES_H
#define AX_VMI_MODULES_H

#include "vmi/kernel.h"

#define AX_MODULE_NAME   56u
#define AX_MODULE_RANGES 8u
#define AX_MODULE_LIVE   0u

struct ax_loaded {
    uint64_t va; /* struct module */
    char name[AX_MODULE_NAME + 1];
    uint32_t state;
    int32_t references;
    uint64_t taints;
    struct {
        uint64_t from, size;
    } ranges[AX_MODULE_RANGES]; /* its code and data */
    size_t n_ranges;
};

struct ax_loaded_list {
    struct ax_loaded *items;
    size_t n;
};

/* In the order of the list: the newest first. */
int ax_modules_loaded(struct ax_vmi *v, struct ax_arena *a, struct ax_loaded_list *out,
                      struct ax_err *err);

/* One struct module; false: no memory there, or it is none. */
bool ax_module_load(struct ax_vmi *v, uint64_t va, struct ax_loaded *out);

/* The module that the address lies in, or NULL. */
const struct ax_loaded *ax_modules_at(const struct ax_loaded_list *list, uint64_t va);
const struct ax_loaded *ax_modules_named(const struct ax_loaded_list *list, const char *name);

#endif
