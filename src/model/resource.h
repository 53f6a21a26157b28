// SPDX-License-Identifier: Apache-2.0
/* Resources (things with a life) and events (what happened to them), as collectors observe them and
 * the registry remembers them. All strings are views; all times are ms since the epoch, 0 = unknown
 * or never. */
#ifndef AX_MODEL_RESOURCE_H
#define AX_MODEL_RESOURCE_H

#include "base/arena.h"
#include "base/err.h"

#define AX_HANDLE_MAX 200

/* Kinds and the states each may be in; other words are refused at the door.
 *   host     up, down (no report for three intervals)
 *   vm       running, blocked, paused, shutdown (going down), shutoff, crashed, suspended, unknown
 *   volume   allocated      network, pool  active, inactive      image, service  up, down
 *   any      deleted (gone: its handle still answers, with when it went) */
enum ax_kind {
    AX_KIND_HOST,
    AX_KIND_VM,
    AX_KIND_VOLUME,
    AX_KIND_NETWORK,
    AX_KIND_POOL,
    AX_KIND_IMAGE,
    AX_KIND_SERVICE,
    AX_KIND_COUNT
};
const char *ax_kind_name(enum ax_kind k);
bool ax_kind_parse(struct ax_str s, enum ax_kind *out);

/* "vm:5c1e..." -> kind and id. Ids: 1 to 180 of [A-Za-z0-9._:/-]. */
int ax_handle_parse(struct ax_str handle, enum ax_kind *kind, struct ax_str *id,
                    struct ax_err *err);

struct ax_resource {
    struct ax_str handle; /* "kind:id", unique, never reused */
    enum ax_kind kind;
    struct ax_str name;   /* what people call it; may change */
    struct ax_str tenant; /* who owns it */
    struct ax_str host;   /* handle of the host it is on, empty for hosts themselves */
    struct ax_str state;  /* a word of the list above */
    struct ax_str reason; /* why, in the hypervisor's words: "booted", "panicked" */
    int64_t since;        /* when it entered this state */
    int64_t first_seen, last_seen;
    int64_t gone;             /* when it was first missed for good, 0 = there */
    struct ax_str attributes; /* one JSON object with what else is known; empty = {} */
};

struct ax_event {
    int64_t id; /* given by the registry, rising */
    int64_t time;
    struct ax_str handle;
    struct ax_str type;     /* lifecycle (told by the hypervisor), state (noticed by comparing two
                               rounds), memory, alarm */
    struct ax_str what;     /* started, stopped, crashed, ... */
    struct ax_str detail;   /* booted, panicked, ... */
    struct ax_str text;     /* one sentence for people */
    struct ax_str severity; /* of an alarm: info, warning, critical; empty: what is usual for it */
};

/* What a collector saw at one moment on one host. */
struct ax_observation {
    int64_t time;
    struct ax_str host;           /* handle of the observing host */
    bool complete[AX_KIND_COUNT]; /* the list has every resource of the kind on this host, so one
                                     that is known here and not listed is gone */
    const struct ax_resource *resources;
    size_t nresources;
    const struct ax_event *events;
    size_t nevents;
};

#endif
