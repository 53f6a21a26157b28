// SPDX-License-Identifier: Apache-2.0
/* The page of lines in which a kernel describes itself for crash dumps. */
#include "inner.h"

#include <inttypes.h>

static void symbol(struct fake *g, struct ax_buf *b, const char *name, const char *as)
{
    ax_buf_printf(b, "SYMBOL(%s)=%" PRIx64 "\n", as ? as : name, fake_symbol(g, name));
}

static void offset(struct fake *g, struct ax_buf *b, const char *path)
{
    ax_buf_printf(b, "OFFSET(%s)=%zu\n", path, fake_offset(g, path));
}

static void size(struct fake *g, struct ax_buf *b, const char *type)
{
    ax_buf_printf(b, "SIZE(%s)=%zu\n", type, fake_size(g, type));
}

static void log_keys(struct fake *g, struct ax_buf *b)
{
    static const char *const sizes[] = {"printk_ringbuffer", "prb_desc_ring", "prb_desc",
                                        "prb_data_blk_lpos", "printk_info",   "prb_data_ring",
                                        "atomic_long_t"};
    static const char *const offsets[] = {"printk_ringbuffer.desc_ring",
                                          "printk_ringbuffer.text_data_ring",
                                          "printk_ringbuffer.fail",
                                          "prb_desc_ring.count_bits",
                                          "prb_desc_ring.descs",
                                          "prb_desc_ring.infos",
                                          "prb_desc_ring.head_id",
                                          "prb_desc_ring.tail_id",
                                          "prb_desc.state_var",
                                          "prb_desc.text_blk_lpos",
                                          "prb_data_blk_lpos.begin",
                                          "prb_data_blk_lpos.next",
                                          "printk_info.seq",
                                          "printk_info.ts_nsec",
                                          "printk_info.text_len",
                                          "printk_info.caller_id",
                                          "printk_info.dev_info",
                                          "prb_data_ring.size_bits",
                                          "prb_data_ring.data",
                                          "atomic_long_t.counter"};
    symbol(g, b, "prb", NULL);
    for (size_t i = 0; i < AX_ARRAY_LEN(sizes); i++)
        size(g, b, sizes[i]);
    for (size_t i = 0; i < AX_ARRAY_LEN(offsets); i++)
        offset(g, b, offsets[i]);
}

static void kallsyms_keys(struct fake *g, struct ax_buf *b)
{
    static const char *const names[] = {"kallsyms_names", "kallsyms_num_syms",
                                        "kallsyms_token_table", "kallsyms_token_index"};
    for (size_t i = 0; i < AX_ARRAY_LEN(names); i++)
        symbol(g, b, names[i], NULL);
    if (g->o.addresses == FAKE_ABSOLUTE) {
        symbol(g, b, "kallsyms_addresses", NULL);
        return;
    }
    symbol(g, b, "kallsyms_offsets", NULL);
    if (g->o.relative_key && g->o.addresses != FAKE_PLACE_RELATIVE)
        symbol(g, b, "kallsyms_relative_base", NULL);
}

static void page_keys(struct fake *g, struct ax_buf *b)
{
    uint64_t phys_base = g->o.load - (g->text - FAKE_IMAGE_MAP);
    ax_buf_printf(b, "NUMBER(phys_base)=%" PRId64 "\n", (int64_t)phys_base);
    ax_buf_printf(b, "SYMBOL(init_top_pgt)=%" PRIx64 "\n", fake_symbol(g, "init_top_pgt"));
    ax_buf_printf(b, "NUMBER(pgtable_l5_enabled)=%d\n", g->o.five_levels);
    ax_buf_printf(b, "KERNELOFFSET=%" PRIx64 "\nNUMBER(KERNEL_IMAGE_SIZE)=1073741824\n",
                  g->o.kaslr);
    ax_buf_printf(b, "NUMBER(sme_mask)=%" PRIu64 "\n",
                  g->o.sme_bit ? UINT64_C(1) << g->o.sme_bit : 0);
}

void fake_vmcoreinfo_write(struct fake *g)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    ax_buf_printf(&b,
                  "OSRELEASE=%s\nBUILD-ID=%016" PRIx64 "%016" PRIx64 "cafe0123\nPAGESIZE=4096\n",
                  g->o.release, g->o.seed, ~g->o.seed);
    symbol(g, &b, "init_uts_ns", NULL);
    offset(g, &b, "uts_namespace.name");
    symbol(g, &b, "init_top_pgt", "swapper_pg_dir");
    symbol(g, &b, "_stext", NULL);
    size(g, &b, "list_head");
    log_keys(g, &b);
    if (g->o.keys)
        kallsyms_keys(g, &b);
    page_keys(g, &b);
    g->vmcoreinfo = fake_page(g);
    fake_region(g, FAKE_INFO, g->direct + g->vmcoreinfo, b.n);
    AX_ASSERT(b.n < AX_PAGE);
    memcpy(fake_physical(g, g->vmcoreinfo), b.p, b.n);
}

uint64_t fake_vmcoreinfo(struct fake *g)
{
    return g->vmcoreinfo;
}
