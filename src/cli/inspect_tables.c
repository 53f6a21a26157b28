// SPDX-License-Identifier: Apache-2.0
/* The parts of a reading that are tables. */
#include "cli/inspect_tables.h"

#include "cli/inner.h"

#include <math.h>

static bool is_true(const json_t *o, const char *key)
{
    return json_is_true(json_object_get(o, key));
}

/* ---- cells ---- */

static void bytes_cell(struct ax_table *t, const json_t *o, const char *key)
{
    char text[AX_TEXT];
    ax_table_cell(t, ax_text_bytes(ax_j_num(o, key), text));
}

static void count_cell(struct ax_table *t, const json_t *o, const char *key)
{
    char text[AX_TEXT] = "";
    double v = ax_j_num(o, key);
    if (isfinite(v))
        snprintf(text, sizeof text, "%.0f", v);
    ax_table_cell(t, text);
}

static void seconds_cell(struct ax_table *t, const json_t *o, const char *key)
{
    char text[AX_TEXT];
    ax_table_cell(t, ax_text_seconds(ax_j_num(o, key), text));
}

static void text_cell(struct ax_table *t, const json_t *o, const char *key)
{
    ax_table_cell(t, ax_j_str(o, key));
}

/* ---- memory ---- */

void ax_inspect_memory(FILE *out, const json_t *m)
{
    static const struct {
        const char *name, *key;
    } lines[] = {{"total", "total_bytes"},
                 {"available", "available_bytes"},
                 {"free", "free_bytes"},
                 {"buffers", "buffers_bytes"},
                 {"cached", "cached_bytes"},
                 {"of programs", "anonymous_bytes"},
                 {"shared", "shmem_bytes"},
                 {"kernel's slabs", "slab_bytes"},
                 {"reclaimable slabs", "slab_reclaimable_bytes"},
                 {"kernel stacks", "kernel_stack_bytes"},
                 {"page tables", "page_tables_bytes"},
                 {"to be written", "dirty_bytes"},
                 {"being written", "writeback_bytes"},
                 {"committed", "committed_bytes"},
                 {"commit limit", "commit_limit_bytes"},
                 {"swap", "swap_total_bytes"},
                 {"swap free", "swap_free_bytes"}};
    const struct ax_column columns[] = {{"MEMORY", AX_LEFT}, {"SIZE", AX_RIGHT}, {"", AX_RIGHT}};
    struct ax_table *t = ax_table_new(out, columns, AX_ARRAY_LEN(columns));
    double total = ax_j_num(m, "total_bytes");
    for (size_t i = 0; i < AX_ARRAY_LEN(lines); i++) {
        char share[AX_TEXT] = " ";
        double v = ax_j_num(m, lines[i].key);
        if (!isfinite(v))
            continue;
        if (i > 0 && i < 13 && total > 0)
            snprintf(share, sizeof share, "%.0f %%", v / total * 100);
        ax_table_cell(t, lines[i].name);
        bytes_cell(t, m, lines[i].key);
        ax_table_cell(t, share);
    }
    ax_table_free(t);
}

/* ---- lists ---- */

static void process_row(struct ax_table *t, const json_t *p)
{
    char state[AX_TEXT], span[AX_TEXT], name[AX_TEXT];
    double blocked = ax_j_num(p, "blocked_seconds");
    bool kernel = is_true(p, "kernel_thread");
    snprintf(state, sizeof state, "%s", ax_j_str(p, "state"));
    if (isfinite(blocked))
        snprintf(state, sizeof state, "%.8s %.40s", ax_j_str(p, "state"),
                 ax_text_seconds(blocked, span));
    snprintf(name, sizeof name, kernel ? "[%s]" : "%s", ax_j_str(p, "name"));
    count_cell(t, p, "pid");
    count_cell(t, p, "ppid");
    count_cell(t, p, "uid");
    ax_table_cell(t, state);
    count_cell(t, p, "threads");
    if (kernel)
        ax_table_cell(t, "");
    else
        bytes_cell(t, p, "rss_bytes");
    seconds_cell(t, p, "cpu_seconds");
    seconds_cell(t, p, "age_seconds");
    ax_table_cell(t, name);
}

void ax_inspect_processes(FILE *out, const json_t *list)
{
    const struct ax_column columns[] = {
        {"PID", AX_RIGHT},  {"PPID", AX_RIGHT},    {"UID", AX_RIGHT},
        {"STATE", AX_LEFT}, {"THREADS", AX_RIGHT}, {"RESIDENT", AX_RIGHT},
        {"CPU", AX_RIGHT},  {"AGE", AX_RIGHT},     {"NAME", AX_LEFT}};
    struct ax_table *t = ax_table_new(out, columns, AX_ARRAY_LEN(columns));
    size_t i;
    const json_t *p;
    json_array_foreach (list, i, p)
        process_row(t, p);
    ax_table_free(t);
}

void ax_inspect_modules(FILE *out, const json_t *list)
{
    const struct ax_column columns[] = {{"MODULE", AX_LEFT},
                                        {"SIZE", AX_RIGHT},
                                        {"USES", AX_RIGHT},
                                        {"STATE", AX_LEFT},
                                        {"TAINTS", AX_LEFT}};
    size_t i;
    const json_t *m;
    if (json_array_size(list) == 0) {
        fputs("no modules are loaded\n", out);
        return;
    }
    struct ax_table *t = ax_table_new(out, columns, AX_ARRAY_LEN(columns));
    json_array_foreach (list, i, m) {
        text_cell(t, m, "name");
        bytes_cell(t, m, "size_bytes");
        count_cell(t, m, "references");
        text_cell(t, m, "state");
        text_cell(t, m, "taints");
    }
    ax_table_free(t);
}

void ax_inspect_network(FILE *out, const json_t *list)
{
    const struct ax_column columns[] = {
        {"DEVICE", AX_LEFT},   {"STATE", AX_LEFT},   {"MTU", AX_RIGHT},     {"RECEIVED", AX_RIGHT},
        {"PACKETS", AX_RIGHT}, {"ERRORS", AX_RIGHT}, {"DROPPED", AX_RIGHT}, {"SENT", AX_RIGHT},
        {"PACKETS", AX_RIGHT}, {"ERRORS", AX_RIGHT}, {"DROPPED", AX_RIGHT}};
    static const char *const ways[] = {"receive", "transmit"};
    struct ax_table *t = ax_table_new(out, columns, AX_ARRAY_LEN(columns));
    size_t i;
    const json_t *d;
    json_array_foreach (list, i, d) {
        text_cell(t, d, "name");
        ax_table_cell(t, !is_true(d, "up")        ? "down"
                         : !is_true(d, "carrier") ? "up, no carrier"
                                                  : "up");
        count_cell(t, d, "mtu");
        for (size_t k = 0; k < 2; k++) {
            static const char *const what[] = {"bytes", "packets", "errors", "dropped"};
            for (size_t m = 0; m < 4; m++) {
                char key[AX_TEXT];
                snprintf(key, sizeof key, "%s_%s_total", ways[k], what[m]);
                if (m == 0)
                    bytes_cell(t, d, key);
                else
                    count_cell(t, d, key);
            }
        }
    }
    ax_table_free(t);
}

void ax_inspect_disks(FILE *out, const json_t *list)
{
    const struct ax_column columns[] = {
        {"DISK", AX_LEFT},    {"SIZE", AX_RIGHT},    {"READS", AX_RIGHT}, {"READ", AX_RIGHT},
        {"WRITES", AX_RIGHT}, {"WRITTEN", AX_RIGHT}, {"BUSY", AX_RIGHT},  {"IN FLIGHT", AX_RIGHT}};
    size_t i;
    const json_t *d;
    if (json_array_size(list) == 0) {
        fputs("no disks\n", out);
        return;
    }
    struct ax_table *t = ax_table_new(out, columns, AX_ARRAY_LEN(columns));
    json_array_foreach (list, i, d) {
        text_cell(t, d, "name");
        bytes_cell(t, d, "size_bytes");
        count_cell(t, d, "reads_total");
        bytes_cell(t, d, "read_bytes_total");
        count_cell(t, d, "writes_total");
        bytes_cell(t, d, "written_bytes_total");
        seconds_cell(t, d, "io_seconds_total");
        count_cell(t, d, "in_flight");
    }
    ax_table_free(t);
}

void ax_inspect_filesystems(FILE *out, const json_t *list)
{
    const struct ax_column columns[] = {{"FILE SYSTEM", AX_LEFT}, {"TYPE", AX_LEFT},
                                        {"SIZE", AX_RIGHT},       {"AVAILABLE", AX_RIGHT},
                                        {"USED", AX_RIGHT},       {"INODES FREE", AX_RIGHT},
                                        {"ERRORS", AX_RIGHT},     {"MOUNTED ON", AX_SHRINK}};
    struct ax_table *t = ax_table_new(out, columns, AX_ARRAY_LEN(columns));
    size_t i;
    const json_t *f;
    json_array_foreach (list, i, f) {
        char used[AX_TEXT] = "", where[512];
        double size = ax_j_num(f, "size_bytes"), free_bytes = ax_j_num(f, "free_bytes");
        if (size > 0 && isfinite(free_bytes))
            snprintf(used, sizeof used, "%.0f %%", (size - free_bytes) / size * 100);
        snprintf(where, sizeof where, "%s%s", ax_j_str(f, "mountpoint"),
                 is_true(f, "read_only") ? " (read-only)" : "");
        text_cell(t, f, "device");
        text_cell(t, f, "type");
        bytes_cell(t, f, "size_bytes");
        bytes_cell(t, f, "available_bytes");
        ax_table_cell(t, used);
        count_cell(t, f, "inodes_free");
        count_cell(t, f, "errors_total");
        ax_table_cell(t, where);
    }
    ax_table_free(t);
}
