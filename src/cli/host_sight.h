// SPDX-License-Identifier: Apache-2.0
/* What the server grants of looking into VMs, and what it asks for, brought to the collector: it
 * comes and asks, and waits there while there is nothing (long poll). */
#ifndef AX_CLI_HOST_SIGHT_H
#define AX_CLI_HOST_SIGHT_H

#include "collect/collect.h"
#include "push/push.h"

struct ax_host_sight;
/* What it is given must live until stop; the options may go. */
int ax_host_sight_new(struct ax_host_sight **out, struct ax_sight *sight,
                      const struct ax_push_options *o, struct ax_str host, struct ax_err *err);
/* Two threads: one asks the server, one looks when it was asked to. To be called when it is known
 * which VMs are here: what is asked of others is refused. */
int ax_host_sight_start(struct ax_host_sight *h, struct ax_err *err);
/* Ends the looking, too, and tells the server so. NULL is fine. */
void ax_host_sight_stop(struct ax_host_sight *h);

#endif
