// SPDX-License-Identifier: Apache-2.0
/* A Linux guest's RAM that no Linux ever wrote: page tables, VMCOREINFO, kallsyms, BTF and what
 * the kernel knows, made up in a memfd. For kernels that cannot be booted where the tests run, and
 * for damage that no kernel does.
 *
 * Every layout is our invention: members stand in an order and at offsets that follow from the
 * seed, so that a reader that takes any of them for granted reads nonsense. What is true of the
 * image is asked by name:
 *
 *   struct fake_options o = fake_kernel(FAKE_6_12, seed);
 *   struct fake *g = fake_new(&o);
 *   fake_put(g, fake_task(g, 7), "task_struct.comm", ...);
 *   struct ax_ram *ram = fake_ram(g);
 */
#ifndef AX_TESTS_FAKE_GUEST_H
#define AX_TESTS_FAKE_GUEST_H

#include "vmi/vmi.h"

enum fake_addresses { /* how kallsyms says where a symbol is */
                      FAKE_ABSOLUTE,
                      FAKE_BASE_RELATIVE,
                      FAKE_ABSOLUTE_PERCPU,
                      FAKE_PLACE_RELATIVE
};

struct fake_options {
    uint64_t seed;
    const char *release;
    uint64_t ram;     /* bytes; few of them are touched */
    uint64_t hole;    /* where RAM is interrupted up to 4 GiB; 0 = it is not */
    bool five_levels; /* of page tables */
    unsigned sme_bit; /* memory encryption's bit in page table entries; 0 = none */
    uint64_t kaslr;   /* what the image's virtual address is moved by, multiple of 2 MiB */
    uint64_t load;    /* guest-physical address of the image, multiple of 2 MiB */
    uint64_t heap;    /* where the rest is; 0 = behind the image */
    uint64_t direct;  /* begin of the direct map; 0 = as without KASLR */
    size_t fillers;   /* symbols that nobody asks for */
    enum fake_addresses addresses;
    bool new_sections; /* kallsyms in the order of 6.4 */
    bool long_lengths; /* lengths of two bytes (6.1) */
    bool sorted;       /* kallsyms_seqs_of_names (6.2) */
    bool packed;       /* no gaps between its tables: each begins at a multiple of 4 (7.0) */
    bool keys;         /* VMCOREINFO says where kallsyms is (6.0) */
    bool relative_key; /* and its relative base (until 6.19) */
    bool vmcoreinfo;
    bool btf, enum64;
    bool new_state;   /* task_struct.__state (5.14) */
    bool rss_percpu;  /* (6.2) */
    bool new_modules; /* module.mem[] (6.4) */
    bool flat_rq;
    unsigned cpus;
    size_t processes; /* besides init and the kernel threads */
    size_t log_records;
    uint64_t log_first; /* id of the first record that was ever written */
    const char *hidden_process, *hidden_module, *hooked_call, *hooked_vector; /* NULL = none */
    bool panicked;
};

enum fake_version { FAKE_5_10, FAKE_6_1, FAKE_6_6, FAKE_6_12, FAKE_6_15, FAKE_7_0, FAKE_VERSIONS };
extern const char *const fake_version_names[FAKE_VERSIONS];

/* What that kernel has, with paging, KASLR and places by the seed. */
struct fake_options fake_kernel(enum fake_version v, uint64_t seed);

struct fake;
struct fake *fake_new(const struct fake_options *o);
/* A second kernel in the same memory, which `load` and `heap` keep apart from the first. */
struct fake *fake_beside(struct fake *first, const struct fake_options *o);
/* The RAM of a real guest, to be damaged: nothing but patches is for it. The file itself stays as
 * it is. */
struct fake *fake_of_file(const char *path);
void fake_free(struct fake *g); /* takes NULL; those made beside it first */

/* A new view for the reader, which owns it. */
struct ax_ram *fake_ram(struct fake *g);
/* The same for sanitizers: each read gets a copy that is no longer than what was asked for. */
struct ax_ram *fake_exact_ram(struct fake *g);
/* Of a file that is mapped at `mem`. */
struct ax_ram *fake_exact_ram_of(int fd, const uint8_t *mem, const struct ax_ram_block *b,
                                 size_t n);
/* From now on patches hit what is read through `exact`, until the next call with NULL. */
void fake_record(struct ax_ram *exact, struct fake *g);
int fake_fd(const struct fake *g);
size_t fake_blocks(const struct fake *g, struct ax_ram_block out[2]);

/* Kernel address -> the byte in our mapping. Asserts that it is mapped. */
uint8_t *fake_at(struct fake *g, uint64_t va);
uint8_t *fake_physical(struct fake *g, uint64_t pa);
uint64_t fake_pa(struct fake *g, uint64_t va);
uint64_t fake_used(const struct fake *g); /* one past the highest guest-physical byte in use */

/* Paths: "TYPE.member.member[3].member"; values are written in the member's own size. */
size_t fake_offset(struct fake *g, const char *path);
size_t fake_size(struct fake *g, const char *path); /* of a type or a member */
void fake_put(struct fake *g, uint64_t va, const char *path, uint64_t value);
uint64_t fake_get(struct fake *g, uint64_t va, const char *path);
void fake_put_text(struct fake *g, uint64_t va, const char *path, const char *text);
uint64_t fake_constant(struct fake *g, const char *name); /* of an enum */

uint64_t fake_symbol(struct fake *g, const char *name);
void fake_put_symbol(struct fake *g, const char *name, uint64_t value); /* a u64 there */
uint64_t fake_percpu(struct fake *g, const char *name, unsigned cpu);
uint64_t fake_vmcoreinfo(struct fake *g); /* guest-physical */

/* Processes. What was put in is also what has to come out. */
struct fake_process {
    int32_t pid, ppid;
    uint32_t uid;
    char name[16];
    char state;
    bool kernel_thread;
    int32_t threads;
    int64_t rss_pages, swap_pages, user_ns, system_ns, switches, start_ns;
    uint64_t task;
    bool hidden;
};
size_t fake_processes(struct fake *g, const struct fake_process **out);
/* One more, while somebody reads or not; linked in as the kernel does it. */
uint64_t fake_fork(struct fake *g, const char *name, char state);
/* Takes the last one out of the list, as the kernel does it: its `prev` is poisoned. */
void fake_exit(struct fake *g, uint64_t task);

/* Log */
void fake_log(struct fake *g, uint64_t ts_ns, unsigned level, const char *text, size_t n);
/* A record that was reserved but not committed. */
void fake_log_reserved(struct fake *g);
/* The newest record's text ends before it begins, and is said to be as long as can be said. */
void fake_log_backwards(struct fake *g);

/* Damage: patches of FAKE_PATCH bytes each, what they hit limited to an area. Any bytes are
 * patches; at most 256 are applied; returns how many. Undone all at once. */
enum fake_area {
    FAKE_ANYWHERE,
    FAKE_PAGE_TABLES,
    FAKE_INFO,
    FAKE_SYMBOLS,
    FAKE_TYPES,
    FAKE_LOG,
    FAKE_OBJECTS
};
#define FAKE_PATCH 14u /* region 2, offset 3, what to write 1, value 8 */
size_t fake_patch(struct fake *g, enum fake_area area, const uint8_t *p, size_t n);
void fake_undo(struct fake *g);

#endif
