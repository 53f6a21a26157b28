// SPDX-License-Identifier: Apache-2.0
/* Rule files, read and checked: groups of rules with their expressions parsed. */
#ifndef AX_ALARM_RULES_H
#define AX_ALARM_RULES_H

#include "alarm/alarm.h"
#include "alarm/document.h"
#include "alarm/template.h"

#define AX_RULES_BYTES  (1 << 20)
#define AX_RULES_MAX    10000
#define AX_RULES_FAULTS 100 /* told of one file; what follows is not looked at */

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
    struct ax_local
        *local;        /* the same, for windows in memory; NULL: it is looked up in the store, */
    struct ax_str why; /* because of this */
    int64_t for_ms, keep_firing_ms;
    struct ax_pairs labels, annotations; /* labels of the group included */
    /* What makes it the same rule as one of another version of its group, whose alarms it goes on
     * with: name, labels, and its place among those that have the same. As part of a key. */
    struct ax_str same;
};

struct ax_rule_group {
    struct ax_arena arena; /* owns everything here */
    struct ax_str tenant, file, name;
    int64_t interval_ms; /* 0 = the default */
    int64_t offset_ms;   /* so much before the time of the evaluation queries look */
    uint64_t limit;      /* of alarms or series per rule; 0 = none */
    struct ax_rule *rules;
    size_t n;
    struct ax_str digest; /* equal when all of the above are */
};
/* Why a rule of the group is evaluated every interval; empty: as samples arrive. */
struct ax_str ax_rule_why(const struct ax_rule_group *g, const struct ax_rule *r);
void ax_rule_group_free(struct ax_rule_group *g); /* NULL is fine */

struct ax_rules_fault {
    struct ax_str group; /* empty: of no known name */
    struct ax_str text;  /* FILE:LINE:COLUMN: ... */
};

struct ax_rules {
    struct ax_arena arena; /* owns all but the groups */
    struct ax_str tenant, file;
    struct ax_rule_group **groups; /* owned; NULL: taken by somebody */
    size_t ngroups;
    struct ax_rules_fault *faults;
    size_t nfaults;
    bool broken;        /* as a whole: nothing is known of its groups */
    struct ax_str text; /* all of it, when nothing is wrong with it */
};

/* ---- while a file is read ---- */

struct ax_rules_reader {
    struct ax_yaml y;
    struct ax_rules *rules;
    struct ax_rule_group *group; /* that is being read */
    size_t nrules; /* so far, of all groups: an alias can repeat a list at no cost to the writer */
};

/* One rule or what a group gives all of its rules, into the group's arena (rule.c). */
int ax_rule_read(struct ax_rules_reader *r, yaml_node_t *n, const struct ax_pairs *inherited,
                 struct ax_rule *out, struct ax_err *err);
int ax_rule_pairs(struct ax_rules_reader *r, yaml_node_t *n, bool label, struct ax_pairs *out,
                  struct ax_err *err);
int ax_rule_duration(struct ax_rules_reader *r, yaml_node_t *n, int64_t *out, struct ax_err *err);
int ax_rule_text(struct ax_rules_reader *r, yaml_node_t *n, const char *wanted, struct ax_str *out,
                 struct ax_err *err);
void ax_rule_digest(const struct ax_rule *r, struct ax_buf *out);
/* Fills in `same` of all. */
void ax_rules_number(struct ax_rule_group *g);

#endif
