// SPDX-License-Identifier: Apache-2.0
/* Rule files, read and checked: groups of rules with their expressions parsed. */
#ifndef AX_ALARM_RULES_H
#define AX_ALARM_RULES_H

#include "alarm/alarm.h"
#include "alarm/template.h"

#define AX_RULES_BYTES (1 << 20)
#define AX_RULES_MAX   10000

struct ax_pair {
    struct ax_str name;
    struct ax_template *value;
};
struct ax_pairs {
    struct ax_pair *v;
    size_t n;
};

struct ax_rule {
    bool records;       /* a recording rule; else it raises alarms */
    struct ax_str name; /* of the alarm, or of the series */
    struct ax_expr *expr;
    struct ax_str query; /* the expression in canonical form */
    int64_t for_ms, keep_firing_ms;
    struct ax_pairs labels, annotations; /* labels of the group included */
    unsigned ordinal;                    /* among rules of this name in this group */
};

struct ax_rule_group {
    struct ax_str name;
    int64_t interval_ms; /* 0 = the default */
    uint64_t limit;      /* of alarms or series per rule; 0 = none */
    struct ax_rule *rules;
    size_t n;
};

struct ax_rules {
    struct ax_arena arena; /* owns everything here */
    struct ax_str file;
    struct ax_rule_group *groups;
    size_t ngroups;
};

#endif
