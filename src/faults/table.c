// SPDX-License-Identifier: Apache-2.0
/* What a fault is: the one place that says so (docs/faults.md has it in words). The first row that
 * matches counts. Changes of state that somebody wanted (a shutdown, a migration) have none. */
#include "faults/faults.h"

#include "base/json.h"

#define CRITICAL AX_FAULT_CRITICAL
#define WARNING  AX_FAULT_WARNING
#define INFO     AX_FAULT_INFO
#define BEGINS   AX_FAULT_BEGINS
#define ENDS     AX_FAULT_ENDS
#define ONCE     AX_FAULT_ONCE

static const struct ax_fault_kind kinds[] = {
    {"state", "down", NULL, CRITICAL, BEGINS, "state", "host"},
    {"state", "up", NULL, CRITICAL, ENDS, "state", NULL},
    {"state", "crashed", NULL, CRITICAL, BEGINS, "state", "guest"},
    {"state", "unknown", "host-silent", CRITICAL, BEGINS, "state", "host"},
    {"state", "paused", "I/O error", CRITICAL, BEGINS, "state", "storage"},
    {"state", "paused", "watchdog", CRITICAL, BEGINS, "state", "guest"},
    {"state", "paused", "crashed", CRITICAL, BEGINS, "state", "guest"},
    {"state", "paused", "post-copy failed", CRITICAL, BEGINS, "state", "migration"},
    {"state", "paused", "api error", CRITICAL, BEGINS, "state", "hypervisor"},
    {"state", "paused", "user", WARNING, BEGINS, "state", "operator"},
    {"state", "paused", "unknown", WARNING, BEGINS, "state", NULL},
    {"state", "shutoff", "destroyed", CRITICAL, BEGINS, "state", "operator"},
    {"state", "shutoff", "crashed", CRITICAL, BEGINS, "state", "hypervisor"},
    {"state", "shutoff", "failed", CRITICAL, BEGINS, "state", "hypervisor"},
    {"state", "shutoff", "daemon", CRITICAL, BEGINS, "state", "hypervisor"},
    {"state", "running", NULL, CRITICAL, ENDS, "state", NULL},
    {"state", "blocked", NULL, CRITICAL, ENDS, "state", NULL},
    {"state", "deleted", NULL, CRITICAL, ENDS, AX_FAULT_ALL, NULL},
    {"state", "returned", "running", CRITICAL, ENDS, "state", NULL},
    {"state", "returned", "up", CRITICAL, ENDS, "state", NULL},
    {"state", "inactive", NULL, WARNING, BEGINS, "state", "operator"},
    {"state", "active", NULL, WARNING, ENDS, "state", NULL},
    {"lifecycle", "crashed", NULL, CRITICAL, BEGINS, "state", "guest"},
    {"lifecycle", "suspended", "I/O error", CRITICAL, BEGINS, "state", "storage"},
    {"lifecycle", "suspended", "watchdog", CRITICAL, BEGINS, "state", "guest"},
    {"lifecycle", "suspended", "api error", CRITICAL, BEGINS, "state", "hypervisor"},
    {"lifecycle", "suspended", "post-copy failed", CRITICAL, BEGINS, "state", "migration"},
    {"lifecycle", "suspended", "paused", WARNING, BEGINS, "state", "operator"},
    {"lifecycle", "stopped", "destroyed", CRITICAL, BEGINS, "state", "operator"},
    {"lifecycle", "stopped", "crashed", CRITICAL, BEGINS, "state", "hypervisor"},
    {"lifecycle", "stopped", "failed", CRITICAL, BEGINS, "state", "hypervisor"},
    {"lifecycle", "started", NULL, CRITICAL, ENDS, "state", NULL},
    {"lifecycle", "resumed", NULL, CRITICAL, ENDS, "state", NULL},
    {"lifecycle", "watchdog", NULL, CRITICAL, ONCE, "state", "guest"},
    {"lifecycle", "io-error", NULL, CRITICAL, ONCE, "state", "storage"},
    {"lifecycle", "memory-failure", NULL, CRITICAL, ONCE, "state", "host"},
    {"lifecycle", "agent-disconnected", NULL, WARNING, BEGINS, "agent", "guest"},
    {"lifecycle", "agent-connected", NULL, WARNING, ENDS, "agent", NULL},
    {"lifecycle", "rebooted", NULL, INFO, ONCE, "state", "guest"},
    {"memory", "oom-suspected", NULL, WARNING, ONCE, "memory", "guest"},
    {"guest", "panicked", NULL, CRITICAL, BEGINS, "guest", "guest"},
    {"guest", "hung", NULL, CRITICAL, BEGINS, "guest", "guest"},
    {"guest", "starved", NULL, CRITICAL, BEGINS, "guest", "guest"},
    {"guest", "stuck", "storage", CRITICAL, BEGINS, "guest", "storage"},
    {"guest", "stuck", NULL, CRITICAL, BEGINS, "guest", "guest"},
    {"guest", "recovered", NULL, CRITICAL, ENDS, "guest", NULL},
    {"guest", "rebooted", NULL, CRITICAL, ENDS, "guest", NULL},
    {"guest", "filesystem-error", NULL, CRITICAL, ONCE, "guest", "storage"},
    {"guest", "oom-kill", NULL, WARNING, ONCE, "guest", "guest"},
    {"guest", "tainted", NULL, WARNING, ONCE, "guest", "guest"},
    {"alarm", "firing", NULL, WARNING, BEGINS, NULL, "alarm"},
    {"alarm", "resolved", NULL, WARNING, ENDS, NULL, NULL},
    {"forecast", "expected", NULL, WARNING, BEGINS, NULL, "forecast"},
    {"forecast", "averted", NULL, WARNING, ENDS, NULL, NULL},
    {"maintenance", "planned", NULL, INFO, BEGINS, NULL, "maintenance"},
    {"maintenance", "began", NULL, INFO, BEGINS, NULL, "maintenance"},
    {"maintenance", "ended", NULL, INFO, ENDS, NULL, NULL},
    {"maintenance", "cancelled", NULL, INFO, ENDS, NULL, NULL},
    {"alarm", "undetermined", NULL, INFO, ONCE, NULL, "alarm"},
};

static const char *const severities[] = {"info", "warning", "critical"};
static const char *const phases[] = {"begins", "ends", "once"};

const char *ax_fault_severity_name(enum ax_fault_severity s)
{
    return severities[s];
}

bool ax_fault_severity_parse(struct ax_str name, enum ax_fault_severity *out)
{
    for (size_t i = 0; i < AX_ARRAY_LEN(severities); i++)
        if (ax_str_eq(name, ax_str(severities[i]))) {
            *out = (enum ax_fault_severity)i;
            return true;
        }
    return false;
}

const struct ax_fault_kind *ax_fault_of(const struct ax_event *e)
{
    for (size_t i = 0; i < AX_ARRAY_LEN(kinds); i++)
        if (ax_str_eq(e->type, ax_str(kinds[i].type)) &&
            ax_str_eq(e->what, ax_str(kinds[i].what)) &&
            (!kinds[i].detail || ax_str_eq(e->detail, ax_str(kinds[i].detail))))
            return &kinds[i];
    return NULL;
}

enum ax_fault_severity ax_fault_severity_of(const struct ax_event *e, const struct ax_fault_kind *k)
{
    enum ax_fault_severity own;
    if (ax_fault_severity_parse(e->severity, &own))
        return own;
    return k ? k->severity : AX_FAULT_INFO;
}

bool ax_fault_matches(const struct ax_fault_filter *f, const struct ax_told *t,
                      const struct ax_fault_kind *k)
{
    const struct ax_event *e = &t->event;
    return (k || f->all) && ax_fault_severity_of(e, k) >= f->severity &&
           (!f->tenant.n || ax_str_eq(f->tenant, t->tenant)) &&
           (!f->type.n || ax_str_eq(f->type, e->type)) &&
           (!f->resource.n || ax_str_eq(f->resource, e->handle)) &&
           (!f->host.n || ax_str_eq(f->host, e->handle) || ax_str_eq(f->host, t->host));
}

static void text(struct ax_json *j, const char *key, struct ax_str v)
{
    ax_json_key(j, key);
    if (v.n)
        ax_json_str(j, v);
    else
        ax_json_null(j);
}

static void put_resource(struct ax_json *j, const struct ax_told *t)
{
    struct ax_str handle = t->event.handle, rest = handle, kind = AX_STR_NULL;
    ax_str_cut(&rest, ':', &kind);
    ax_json_key(j, "resource");
    ax_json_obj(j);
    text(j, "handle", handle);
    text(j, "name", t->name);
    text(j, "kind", kind);
    text(j, "tenant", t->tenant);
    text(j, "host", t->host);
    ax_json_end(j);
}

void ax_fault_json(const struct ax_told *t, const struct ax_fault_kind *k, struct ax_buf *out)
{
    struct ax_json j = {.out = out};
    ax_json_obj(&j);
    ax_json_key(&j, "id");
    ax_json_int(&j, t->event.id);
    ax_json_key(&j, "time");
    ax_json_time(&j, t->event.time);
    put_resource(&j, t);
    text(&j, "type", t->event.type);
    text(&j, "what", t->event.what);
    text(&j, "detail", t->event.detail);
    text(&j, "severity", ax_str(severities[ax_fault_severity_of(&t->event, k)]));
    text(&j, "phase", k ? ax_str(phases[k->phase]) : AX_STR_NULL);
    text(&j, "cause", k ? ax_str(k->cause) : AX_STR_NULL);
    text(&j, "text", t->event.text);
    ax_json_end(&j);
}
