// SPDX-License-Identifier: Apache-2.0
/* The collector about itself and about the machine it is on. */
#ifndef AX_COLLECT_SELF_H
#define AX_COLLECT_SELF_H

#include "base/json.h"
#include "collect/host/host.h"

/* process_* of this process, from the real /proc whatever the host's root is. */
void ax_self_process(struct ax_emitter *e, const struct ax_emit_scope *scope, struct ax_host *h);
/* hostname, kernel, os, cpus, memory_bytes, boot_time as keys of an open JSON object. */
void ax_self_machine(struct ax_host *h, struct ax_json *j, int64_t *boot_ms);
/* The key "findings": what keeps us from seeing this host whole. `libvirt_error` may be empty. */
void ax_self_findings(const char *libvirt_error, struct ax_host *h, struct ax_json *j);

#endif
