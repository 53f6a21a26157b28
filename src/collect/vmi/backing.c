// SPDX-License-Identifier: Apache-2.0
#include "collect/vmi/backing.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#define MIB         (UINT64_C(1) << 20)
#define GIB         (UINT64_C(1) << 30)
#define OBJECTS_MAX 256u
#define ADDRESSES   (UINT64_C(1) << 46) /* more than any machine has */

struct object { /* -object memory-backend-... */
    enum ax_backend backend;
    struct ax_str id, path;
    uint64_t size;
};

struct node { /* -numa node */
    uint64_t id;
    struct ax_str memdev;
};

struct dimm { /* -device pc-dimm; an nvdimm takes its place, too, but is no RAM */
    struct ax_str memdev;
    uint64_t address; /* 0: QEMU chooses */
    bool is_ram;
};

struct reading {
    struct ax_arena *a;
    struct object objects[OBJECTS_MAX];
    struct node nodes[AX_RAM_BLOCKS];
    struct dimm dimms[AX_RAM_BLOCKS];
    size_t n_objects, n_nodes, n_dimms, all_nodes;
    struct ax_str ram;     /* -machine memory-backend= */
    struct ax_str unknown; /* a device whose memory lies where we do not know */
    bool too_many, moved, slots;
};

/* ---- options: "word,key=value,..." or a JSON object ---- */

static struct ax_str json_text(struct ax_arena *a, const json_t *v)
{
    if (json_is_integer(v))
        return ax_arena_printf(a, "%lld", (long long)json_integer_value(v));
    if (json_is_string(v))
        return ax_arena_str(a, (struct ax_str){json_string_value(v), json_string_length(v)});
    return AX_STR_NULL;
}

/* The values of n keys. The first word without a key is that of keys[0]. */
static void options(struct ax_str value, const char *const *keys, struct ax_str *out, size_t n,
                    struct ax_arena *a)
{
    struct ax_str part;
    memset(out, 0, n * sizeof *out);
    if (ax_str_starts(value, AX_STR("{"))) {
        json_t *o = json_loadb(value.p, value.n, 0, NULL);
        for (size_t i = 0; i < n; i++)
            out[i] = json_text(a, json_object_get(o, keys[i]));
        json_decref(o);
        return;
    }
    for (bool first = true; ax_str_cut(&value, ',', &part); first = false) {
        const char *equals = memchr(part.p, '=', part.n);
        size_t len = equals ? (size_t)(equals - part.p) : 0;
        if (!equals && first)
            out[0] = part;
        for (size_t i = 0; equals && i < n; i++)
            if (ax_str_eq((struct ax_str){part.p, len}, ax_str(keys[i])))
                out[i] = (struct ax_str){equals + 1, part.n - len - 1};
    }
}

static uint64_t number(struct ax_str s)
{
    uint64_t v = 0;
    if (!ax_str_starts(s, AX_STR("0x")))
        return ax_str_u64(s, &v) ? v : 0;
    for (size_t i = 2; i < s.n && i < 18; i++) {
        const char *digits = "0123456789abcdef", *at = memchr(digits, s.p[i] | 0x20, 16);
        if (!at)
            return 0;
        v = v << 4 | (uint64_t)(at - digits);
    }
    return v;
}

static void read_object(struct reading *r, struct ax_str value)
{
    static const char *const keys[] = {"qom-type", "id", "size", "mem-path"};
    static const char prefix[] = "memory-backend-";
    struct ax_str v[4];
    options(value, keys, v, 4, r->a);
    if (!ax_str_starts(v[0], AX_STR(prefix)))
        return;
    struct ax_str kind = {v[0].p + sizeof prefix - 1, v[0].n - (sizeof prefix - 1)};
    r->too_many |= r->n_objects == OBJECTS_MAX;
    if (r->too_many)
        return;
    struct object *o = &r->objects[r->n_objects++];
    *o = (struct object){.id = v[1], .path = v[3], .size = ax_qemu_size(v[2], 1)};
    o->backend = ax_str_eq(kind, AX_STR("ram"))     ? AX_BACKEND_RAM
                 : ax_str_eq(kind, AX_STR("memfd")) ? AX_BACKEND_MEMFD
                 : ax_str_eq(kind, AX_STR("file"))  ? AX_BACKEND_FILE
                                                    : AX_BACKEND_ANY;
}

static void read_numa(struct reading *r, struct ax_str value)
{
    static const char *const keys[] = {"type", "nodeid", "memdev"};
    struct ax_str v[3];
    options(value, keys, v, 3, r->a);
    if (!ax_str_eq(v[0], AX_STR("node")))
        return;
    uint64_t id = v[1].n ? number(v[1]) : r->all_nodes;
    r->all_nodes++;
    r->too_many |= r->n_nodes == AX_RAM_BLOCKS;
    if (v[2].n && !r->too_many)
        r->nodes[r->n_nodes++] = (struct node){id, v[2]};
}

static void read_device(struct reading *r, struct ax_str value)
{
    static const char *const keys[] = {"driver", "memdev", "addr"};
    static const char *const others[] = {"virtio-mem", "virtio-pmem", "cxl-type3"};
    struct ax_str v[3];
    options(value, keys, v, 3, r->a);
    for (size_t i = 0; i < AX_ARRAY_LEN(others); i++)
        if (ax_str_starts(v[0], ax_str(others[i])))
            r->unknown = v[0];
    bool is_ram = ax_str_eq(v[0], AX_STR("pc-dimm"));
    if (!is_ram && !ax_str_eq(v[0], AX_STR("nvdimm")))
        return;
    r->too_many |= r->n_dimms == AX_RAM_BLOCKS;
    if (!r->too_many)
        r->dimms[r->n_dimms++] = (struct dimm){v[1], number(v[2]), is_ram};
}

static void read_machine(struct reading *r, struct ax_str value)
{
    static const char *const keys[] = {"type", "memory-backend", "max-ram-below-4g",
                                       "sgx-epc.0.memdev"};
    struct ax_str v[4];
    options(value, keys, v, 4, r->a);
    if (v[1].n)
        r->ram = v[1];
    r->moved |= v[2].n > 0;
    if (v[3].n)
        r->unknown = AX_STR("sgx-epc");
}

static void read_size(struct reading *r, struct ax_str value)
{
    static const char *const keys[] = {"size", "slots"};
    struct ax_str v[2];
    options(value, keys, v, 2, r->a);
    r->slots = number(v[1]) > 0;
}

static void read_all(struct reading *r, struct ax_str cmdline)
{
    static const struct {
        const char *flag;
        void (*read)(struct reading *, struct ax_str);
    } flags[] = {{"-object", read_object},   {"-numa", read_numa}, {"-device", read_device},
                 {"-machine", read_machine}, {"-M", read_machine}, {"-m", read_size}};
    struct ax_str flag = AX_STR_NULL, arg;
    while (ax_str_cut(&cmdline, '\0', &arg)) {
        if (ax_str_starts(arg, AX_STR("--"))) /* QEMU takes both */
            arg = (struct ax_str){arg.p + 1, arg.n - 1};
        for (size_t i = 0; i < AX_ARRAY_LEN(flags); i++)
            if (ax_str_eq(flag, ax_str(flags[i].flag)))
                flags[i].read(r, arg);
        flag = arg;
    }
}

/* ---- where they lie ---- */

struct laying {
    struct reading *r;
    struct ax_qemu_pieces *out;
    uint64_t ram, hole; /* hole: where it begins, if there is RAM beyond it */
};

static struct ax_ram_slot slot_at(const struct laying *l, uint64_t offset, uint64_t size)
{
    const uint64_t high = UINT64_C(1) << 32;
    if (offset >= l->hole)
        return (struct ax_ram_slot){.gpa = high + (offset - l->hole), .size = size, .low = size};
    if (size <= l->hole - offset)
        return (struct ax_ram_slot){.gpa = offset, .size = size, .low = size};
    return (struct ax_ram_slot){.gpa = offset, .size = size, .low = l->hole - offset, .high = high};
}

static const struct object *find_object(const struct reading *r, struct ax_str id)
{
    for (size_t i = 0; i < r->n_objects; i++)
        if (ax_str_eq(r->objects[i].id, id))
            return &r->objects[i];
    return NULL;
}

static int add(struct laying *l, struct ax_str id, struct ax_ram_slot slot, struct ax_err *err)
{
    const struct object *o = find_object(l->r, id);
    if ((id.n && !o) || slot.size == 0 || slot.size % AX_PAGE)
        return ax_fail(err, -ENOTSUP,
                       "the VM's RAM is in pieces, and the size of \"%.*s\" is not known",
                       AX_STR_ARG(id));
    if (l->out->n == AX_RAM_BLOCKS)
        return ax_fail(err, -ENOTSUP, "the VM's RAM is in more than %d pieces", AX_RAM_BLOCKS);
    l->out->v[l->out->n++] =
        (struct ax_qemu_piece){o ? o->backend : AX_BACKEND_ANY, o ? o->path : AX_STR_NULL, slot};
    return 0;
}

static int lay_nodes(struct laying *l, struct ax_err *err)
{
    struct reading *r = l->r;
    uint64_t offset = 0;
    int rc = 0;
    for (size_t i = 1; i < r->n_nodes; i++) /* in the order of their numbers */
        for (size_t k = i; k > 0 && r->nodes[k].id < r->nodes[k - 1].id; k--) {
            struct node n = r->nodes[k];
            r->nodes[k] = r->nodes[k - 1];
            r->nodes[k - 1] = n;
        }
    for (size_t i = 0; i < r->n_nodes && rc == 0; i++) {
        const struct object *o = find_object(r, r->nodes[i].memdev);
        uint64_t size = o && o->size <= l->ram - offset ? o->size : 0;
        rc = add(l, r->nodes[i].memdev, slot_at(l, offset, size), err);
        offset += size;
    }
    if (rc == 0 && offset != l->ram)
        return ax_fail(err, -ENOTSUP, "the VM's NUMA nodes have another size than its RAM");
    return rc;
}

static uint64_t aligned(uint64_t v, uint64_t to)
{
    return (v + to - 1) / to * to;
}

/* As QEMU does: the first gap that is large enough. */
static uint64_t first_gap(const struct ax_ram_slot *taken, size_t n, uint64_t from, uint64_t size,
                          uint64_t grain)
{
    uint64_t at = from;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < n; i++)
            if (at < taken[i].gpa + taken[i].size && taken[i].gpa < at + size) {
                at = aligned(taken[i].gpa + taken[i].size, grain);
                moved = true;
            }
    }
    return at;
}

static int lay_dimms(struct laying *l, struct ax_err *err)
{
    struct ax_ram_slot taken[AX_RAM_BLOCKS];
    int rc = 0;
    for (size_t i = 0; i < l->r->n_dimms && rc == 0; i++) {
        const struct dimm *d = &l->r->dimms[i];
        const struct object *o = find_object(l->r, d->memdev);
        uint64_t size = o ? o->size : 0,
                 grain = o && o->backend == AX_BACKEND_RAM ? 2 * MIB : AX_PAGE;
        if (size > ADDRESSES || d->address > ADDRESSES)
            return ax_fail(err, -ENOTSUP, "a DIMM of the VM lies beyond what x86 can address");
        uint64_t at = d->address ? d->address : first_gap(taken, i, l->out->from, size, grain);
        taken[i] = (struct ax_ram_slot){.gpa = at, .size = size, .low = size, .plugged = true};
        if (d->is_ram || size == 0)
            rc = add(l, d->memdev, taken[i], err);
    }
    return rc;
}

bool ax_qemu_machine(struct ax_str machine, bool *pc)
{
    if (ax_str_starts(machine, AX_STR("type=")))
        machine = (struct ax_str){machine.p + 5, machine.n - 5};
    *pc = machine.n == 0 || ax_str_eq(machine, AX_STR("pc")) ||
          ax_str_starts(machine, AX_STR("pc-i440fx"));
    return *pc || ax_str_starts(machine, AX_STR("q35")) || ax_str_starts(machine, AX_STR("pc-q35"));
}

static int lay(struct laying *l, const struct ax_qemu_args *args, struct ax_err *err)
{
    struct reading *r = l->r;
    struct ax_ram_block blocks[2];
    bool pc = false;
    (void)ax_qemu_machine(args->machine, &pc);
    size_t n = ax_ram_layout(l->ram, pc, blocks);
    if (n == 0)
        n = ax_ram_layout(l->ram, 0, blocks); /* too small for it to matter */
    l->hole = n == 2 ? blocks[0].size : l->ram;
    l->out->from = 4 * GIB + aligned(l->ram - l->hole, GIB);
    int rc = r->n_nodes ? lay_nodes(l, err) : add(l, r->ram, slot_at(l, 0, l->ram), err);
    return rc == 0 ? lay_dimms(l, err) : rc;
}

int ax_qemu_pieces(struct ax_str cmdline, const struct ax_qemu_args *args, struct ax_arena *a,
                   struct ax_qemu_pieces *out, struct ax_err *err)
{
    struct reading *r = AX_NEW(a, struct reading);
    *r = (struct reading){.a = a};
    *out = (struct ax_qemu_pieces){0};
    read_all(r, cmdline);
    out->several = r->n_nodes > 0 || r->n_dimms > 0;
    out->hotplug = r->slots;
    bool placed = ax_qemu_machine(args->machine, &(bool){false}) && !r->moved && !r->unknown.n;
    if (ax_str_starts(r->unknown, AX_STR("virtio-mem")) ||
        (out->several && !placed && r->unknown.n))
        return ax_fail(err, -ENOTSUP,
                       "the VM has memory whose place is not known from outside (%.*s); a dump can "
                       "be read (virsh dump --memory-only)",
                       AX_STR_ARG(r->unknown));
    if (out->several && !placed)
        return ax_fail(err, -ENOTSUP,
                       "the VM's RAM is in pieces, and where its machine type puts them is not "
                       "known; a dump can be read (virsh dump --memory-only)");
    if (r->too_many)
        return ax_fail(err, -ENOTSUP, "the VM's RAM is in more than %d pieces", AX_RAM_BLOCKS);
    if (!placed || (!out->several && !out->hotplug))
        return 0;
    return lay(&(struct laying){.r = r, .out = out, .ram = args->ram}, args, err);
}
