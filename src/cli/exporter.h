// SPDX-License-Identifier: Apache-2.0
/* Inside the command line: /metrics of a collector, for those who scrape. */
#ifndef AX_CLI_EXPORTER_H
#define AX_CLI_EXPORTER_H

#include "collect/collect.h"

struct ax_exporter;
int ax_exporter_start(struct ax_exporter **out, const char *listen, struct ax_err *err);
void ax_exporter_stop(struct ax_exporter *e); /* NULL is fine */
/* From now on this round is what a scrape gets. */
void ax_exporter_show(struct ax_exporter *e, const struct ax_round *r);

#endif
