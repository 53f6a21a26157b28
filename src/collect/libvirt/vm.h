// SPDX-License-Identifier: Apache-2.0
/* One VM as it is remembered between rounds. Strings live in `arena`, which is made anew with each
 * new definition, or when the VM is renamed. */
#ifndef AX_COLLECT_LIBVIRT_VM_H
#define AX_COLLECT_LIBVIRT_VM_H

#include "collect/libvirt/virt.h"

/* What the guest says about its memory, in bytes; NaN = it says nothing that is fresh. */
struct ax_vm_memory {
    double visible, available, free;
    double age;  /* s since the balloon driver last spoke; NaN = it never did */
    bool silent; /* it did not speak for three of its periods (or never) */
};

struct ax_vm {
    char uuid[AX_UUID_TEXT];
    struct ax_arena arena;
    struct ax_str name, handle;
    struct ax_domain_def *def; /* NULL until its XML was read */
    int64_t def_at;            /* when; 0 = ask again */
    struct ax_emit_scope libvirt, neutral;
    int id, pid;
    int64_t process_start;
    int state, reason;
    int64_t since;
    bool booting; /* since less than a minute: its drivers may not be there yet */
    double vcpus, maximum_bytes;
    uint64_t round;     /* the last one that had it */
    bool timed_out;     /* its monitor did not answer in the last round */
    double last_update; /* of the balloon, s since the epoch, NaN = never */
    struct ax_vm_memory memory;
    struct ax_virt_volume *volumes; /* in `volumes_arena` */
    size_t nvolumes;
    bool volumes_known;
    struct ax_arena volumes_arena;
    /* the moment before, for what can be told from a jump only */
    struct {
        int id;
        double available, visible, current;
        int64_t time;
    } before;
};

/* vm_series.c */
void ax_vm_emit(const struct ax_vm *vm, const struct ax_vm_stats *s, const struct ax_virt_record *r,
                struct ax_emitter *e);
/* vm_memory.c */
struct ax_vm_memory ax_vm_memory_read(const struct ax_vm_stats *s, double last_update,
                                      int64_t period_s, int64_t interval_ms, int64_t now);
bool ax_vm_oom_suspected(struct ax_vm *vm, const struct ax_vm_stats *s, int64_t now,
                         int64_t interval_ms, struct ax_seen *seen);
/* vm_resources.c */
void ax_vm_resource(const struct ax_vm *vm, struct ax_str host, struct ax_seen *seen);
void ax_volume_resources(const struct ax_vm *vm, struct ax_str host_id, struct ax_str host,
                         const struct ax_vm_stats *s, struct ax_seen *seen);
void ax_network_resource(const struct ax_virt_network *n, struct ax_str host, struct ax_seen *seen);

#endif
