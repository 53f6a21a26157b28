// SPDX-License-Identifier: Apache-2.0
/* auspex doctor, cut in two: doctor_checks.c looks, doctor.c is the command and prints. */
#ifndef AX_CLI_DOCTOR_H
#define AX_CLI_DOCTOR_H

#include "cli/inner.h"
#include "collect/collect.h"

struct ax_findings {
    struct ax_arena arena; /* of the texts */
    struct ax_finding *v;
    size_t n, cap;
};
void ax_findings_free(struct ax_findings *f);

/* Copies the texts. The same code and text twice count once. */
void ax_findings_add(struct ax_findings *f, const struct ax_finding *finding);
enum ax_finding_level ax_findings_worst(const struct ax_findings *f);

/* The checks. `now` in ms, this machine's clock. */
void ax_check_server(struct ax_findings *f, const struct ax_answer *status, const char *server,
                     int64_t now);
void ax_check_hosts(struct ax_findings *f, const json_t *resources, int64_t now);
void ax_check_attributes(struct ax_findings *f, const json_t *resources);
void ax_check_data(struct ax_findings *f, const char *dir);

/* Of one code at most `each` are shown, the rest counted; 0 = all. */
void ax_show_findings(FILE *out, const struct ax_findings *f, size_t each, bool colour);

#endif
