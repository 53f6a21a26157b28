// SPDX-License-Identifier: Apache-2.0
/* libvirt's numbers for states and reasons, in its own words. */
#include "collect/libvirt/virt.h"

#include <libvirt/libvirt.h>

static const char *const states[] = {"unknown",  "running", "blocked", "paused",
                                     "shutdown", "shutoff", "crashed", "suspended"};

static const char *const running[] = {
    "unknown",       "booted",   "migrated",           "restored",
    "from snapshot", "unpaused", "migration canceled", "save canceled",
    "wakeup",        "crashed",  "post-copy",          "post-copy failed"};
static const char *const paused[] = {
    "unknown",   "user",        "migrating",     "saving",           "dumping",
    "I/O error", "watchdog",    "from snapshot", "shutting down",    "creating snapshot",
    "crashed",   "starting up", "post-copy",     "post-copy failed", "api error"};
static const char *const shutoff[] = {"unknown", "shutdown", "destroyed",     "crashed", "migrated",
                                      "saved",   "failed",   "from snapshot", "daemon"};
static const char *const crashed[] = {"unknown", "panicked"};
static const char *const shutting[] = {"unknown", "user"};

static struct ax_str word(const char *const *words, size_t n, int i)
{
    return ax_str(i >= 0 && (size_t)i < n ? words[i] : "unknown");
}

struct ax_str ax_virt_state(int state)
{
    return word(states, AX_ARRAY_LEN(states), state);
}

struct ax_str ax_virt_reason(int state, int reason)
{
    switch (state) {
    case VIR_DOMAIN_RUNNING: return word(running, AX_ARRAY_LEN(running), reason);
    case VIR_DOMAIN_PAUSED: return word(paused, AX_ARRAY_LEN(paused), reason);
    case VIR_DOMAIN_SHUTOFF: return word(shutoff, AX_ARRAY_LEN(shutoff), reason);
    case VIR_DOMAIN_CRASHED: return word(crashed, AX_ARRAY_LEN(crashed), reason);
    case VIR_DOMAIN_SHUTDOWN: return word(shutting, AX_ARRAY_LEN(shutting), reason);
    default: return AX_STR("unknown");
    }
}
