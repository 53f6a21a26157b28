// SPDX-License-Identifier: Apache-2.0
/* --seed N, --rounds N and --server FILE, for both programs. */
#ifndef AX_TESTS_CRASH_OPTIONS_H
#define AX_TESTS_CRASH_OPTIONS_H

#include "base/num.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct crash_options {
    uint64_t seed;
    unsigned rounds;
    const char *server, *clock; /* the program, and what to preload into it */
};

static inline bool crash_options(int argc, char **argv, struct crash_options *o)
{
    for (int i = 1; i < argc; i += 2) {
        struct ax_str name = ax_str(argv[i]), value = ax_str(i + 1 < argc ? argv[i + 1] : NULL);
        uint64_t n = 0;
        bool number = ax_str_u64(value, &n);
        if (ax_str_eq(name, AX_STR("--seed")) && number)
            o->seed = n;
        else if (ax_str_eq(name, AX_STR("--rounds")) && number && n < 1000000)
            o->rounds = (unsigned)n;
        else if (ax_str_eq(name, AX_STR("--server")) && value.n)
            o->server = argv[i + 1];
        else if (ax_str_eq(name, AX_STR("--clock")) && value.n)
            o->clock = argv[i + 1];
        else {
            fprintf(stderr, "%s: --seed N --rounds N --server FILE --clock FILE\n", argv[0]);
            return false;
        }
    }
    return true;
}

#endif
