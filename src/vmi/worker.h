// SPDX-License-Identifier: Apache-2.0
/* The worker of an inspector, and what the two say to each other over a stream socket:
 *
 *   inspector                          worker
 *   hello (scope, place) ---------->   opens the memory, enters the sandbox, finds the kernel
 *                        <----------   wants the plan of a kernel: its key
 *   plan, or none        ---------->
 *                        <----------   has made a plan: key and plan
 *                        <----------   answer: 0, or why not
 *   request (parts)      ---------->   reads
 *                        <----------   answer: 0 and JSON, or an error and its text
 *
 * One that is for extracts needs no kernel, and answers these instead (0 and a struct
 * ax_memory_map, 0 and a piece); any other refuses them. Its scope must be forensic. Memory that is
 * extracted is opened apart from the kernel's: below forensic there is none to read from.
 *
 * The descriptors are where the worker finds them: the socket at 3, the memory from 4 on. Both
 * ends are the same program, so structs travel as they are; but the worker may have been taken
 * over, and the inspector believes nothing it says. */
#ifndef AX_VMI_WORKER_H
#define AX_VMI_WORKER_H

#include "vmi/inspector.h"
#include "vmi/vmi.h"

#define AX_WORKER_SOCKET 3
#define AX_WORKER_MEMORY 4
#define AX_WORKER_MAGIC  0x31566d41u
#define AX_WORKER_JSON   (32u << 20)
#define AX_WORKER_KEY    32u          /* bytes of a plan's key */
#define AX_WORKER_PLAN   (128u << 10) /* of a plan, at most */

enum { AX_WORKER_WANTS_PLAN = 1, AX_WORKER_HAS_PLAN = 2 }; /* codes of answers before the last */

struct ax_worker_hello {
    uint32_t magic;
    uint32_t scope;
    uint32_t extracts, blind; /* blind: no kernel is looked for */
    uint64_t budget_ms;       /* of finding the kernel */
    uint64_t secret;          /* of the keys of plans */
    struct ax_ram_place place;
};

enum { AX_WORKER_LOOK, AX_WORKER_MAP, AX_WORKER_EXTRACT };

struct ax_worker_request {
    uint32_t magic;
    uint32_t what;  /* one of these */
    uint32_t parts; /* of a look */
    uint64_t budget_ms;
    uint64_t gpa, bytes; /* of an extract */
};

struct ax_worker_answer {
    uint32_t magic;
    int32_t code; /* 0, a negative errno, or one of the above */
    uint32_t len; /* of the JSON, text, key or plan that follows */
};

struct ax_worker_plan {
    uint32_t len; /* of the plan that follows; 0: there is none */
};

/* What the worker does with memory: ax_vmi_* in life, mischief in tests. */
struct ax_worker_reader {
    int (*attach)(void **out, struct ax_ram *ram, const struct ax_vmi_options *o,
                  struct ax_err *err);
    int (*read)(void *v, unsigned parts, struct ax_buf *json, struct ax_err *err);
    void (*detach)(void *v);
    struct ax_str (*vmcoreinfo)(void *v);
};

/* Serves until the inspector hangs up. Exit status. */
int ax_worker_serve(const struct ax_worker_reader *reader);

#endif
