// SPDX-License-Identifier: Apache-2.0
/* What the files of the fake guest share. */
#ifndef AX_TESTS_FAKE_GUEST_INNER_H
#define AX_TESTS_FAKE_GUEST_INNER_H

#include "fake.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"

#define FAKE_IMAGE_MAP UINT64_C(0xffffffff80000000)
#define FAKE_TEXT      (UINT64_C(1) << 20) /* bytes of kernel text: never touched */
#define FAKE_MIB       (UINT64_C(1) << 20)

#define FAKE_PERCPU (16u * AX_PAGE) /* bytes of a CPU's area */

enum fake_kind {
    FAKE_INT,
    FAKE_POINTER,
    FAKE_ARRAY,
    FAKE_STRUCT,
    FAKE_UNION,
    FAKE_TYPEDEF,
    FAKE_CONST,
    FAKE_VOLATILE,
    FAKE_ENUM,
    FAKE_FORWARD
};

struct fake_type;
struct fake_member {
    struct ax_str name; /* empty: an unnamed struct or union */
    struct fake_type *type;
    uint32_t bit, bits; /* bits: 0 = no bit field */
};

struct fake_named {
    struct ax_str name;
    uint64_t value;
};

struct fake_type {
    enum fake_kind kind;
    struct ax_str name;
    uint32_t size, align, n; /* n: of an array */
    bool is_signed;
    struct fake_type *of;
    struct fake_member *members;
    struct fake_named *constants;
    size_t n_members, n_constants;
    uint32_t id; /* in the BTF */
};

struct fake_sym {
    struct ax_str name;
    uint64_t value;
    char letter;
};

struct fake_region {
    enum fake_area area;
    uint64_t va, size;
};

struct fake_extents { /* per page: is there data, and where that changes */
    uint8_t *has_data;
    uint32_t *edge;
};

struct fake_undo {
    uint8_t *at, bytes[8];
    size_t n;
};

struct fake {
    struct fake_options o;
    struct fake *host; /* whose memory it is; NULL = ours */
    int fd;
    uint8_t *mem;
    uint64_t rng;
    struct ax_arena arena;

    uint64_t text;           /* virtual address of the image */
    uint64_t image_next;     /* free from here on, virtual */
    uint64_t heap_next, top; /* guest-physical */
    uint64_t direct, vmalloc_next;
    uint64_t root; /* page tables, guest-physical */
    uint64_t vmcoreinfo;

    struct ax_map types, constants, symbols;
    struct fake_type **all;
    size_t n_all;
    struct fake_sym *syms;
    size_t n_syms;

    uint64_t percpu_size, percpu_base;
    uint64_t *percpu_chunk;
    struct fake_process *processes;
    size_t n_processes;
    uint64_t log_id;  /* of the next record */
    uint64_t log_pos; /* of its text */
    int32_t next_pid;

    struct fake_region *regions; /* what there is to damage */
    struct fake_undo *undo;
    size_t n_regions, n_undo;
    struct fake_extents extents; /* found when first asked for */
    enum fake_area area;         /* of what is made now */
};

uint64_t fake_random(struct fake *g);
uint64_t fake_below(struct fake *g, uint64_t n);

/* Memory: zeroed, virtual addresses. */
uint64_t fake_image_alloc(struct fake *g, uint64_t size, uint64_t align);
uint64_t fake_heap_alloc(struct fake *g, uint64_t size);
uint64_t fake_vmalloc(struct fake *g, uint64_t size); /* of pages that are no neighbours */
uint64_t fake_page(struct fake *g);                   /* guest-physical */
void fake_map_pages(struct fake *g);                  /* builds the tables */
void fake_write(struct fake *g, uint64_t va, const void *p, uint64_t n);
void fake_u64(struct fake *g, uint64_t va, uint64_t value);
void fake_u32(struct fake *g, uint64_t va, uint32_t value);

void fake_region(struct fake *g, enum fake_area area, uint64_t va, uint64_t size);

void fake_extents_free(struct fake_extents *x);

/* Types */
void fake_declare(struct fake *g, const char *text);
void fake_btf(struct fake *g);

/* Symbols */
void fake_add_symbol(struct fake *g, const char *name, char letter, uint64_t value);
/* Room in the image with a name: returns its address. */
uint64_t fake_data(struct fake *g, const char *name, uint64_t size);
uint64_t fake_data_of(struct fake *g, const char *name, const char *type);
/* The same in each CPU's area. */
void fake_percpu_data(struct fake *g, const char *name, uint64_t size);
void fake_kallsyms(struct fake *g);
void fake_vmcoreinfo_write(struct fake *g);

/* What the kernel knows */
void fake_declare_kernel(struct fake *g);
void fake_system(struct fake *g);
void fake_tasks(struct fake *g);
void fake_log_new(struct fake *g);
void fake_modules(struct fake *g);
void fake_tables(struct fake *g); /* system calls, interrupts */
void fake_list_init(struct fake *g, uint64_t head);
void fake_list_add_tail(struct fake *g, uint64_t head, uint64_t node);

#endif
