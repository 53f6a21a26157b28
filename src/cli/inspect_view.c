// SPDX-License-Identifier: Apache-2.0
#include "cli/inspect_view.h"

#include "cli/inner.h"
#include "vmi/vmi.h"

#include <math.h>
#include <string.h>

unsigned ax_inspect_parts(const char *word)
{
    static const struct {
        const char *word;
        unsigned parts;
    } words[] = {
        {"ps", AX_PART_PROCESSES},
        {"dmesg", AX_PART_LOG},
        {"mem", AX_PART_MEMORY | AX_PART_SYSTEM},
        {"modules", AX_PART_MODULES},
        {"net", AX_PART_NETWORK},
        {"integrity", AX_PART_INTEGRITY},
        {"storage", AX_PART_STORAGE},
        {"stacks", AX_PART_STACKS},
        {"all", AX_PART_ALL},
    };
    for (size_t i = 0; i < AX_ARRAY_LEN(words); i++)
        if (strcmp(words[i].word, word) == 0)
            return words[i].parts;
    return 0;
}

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

/* A line of its own between two parts. */
static void heading(FILE *out, const char *text)
{
    fprintf(out, "\n%s\n", text);
}

/* ---- the guest as a whole ---- */

static void took(FILE *out, const json_t *r)
{
    char attach[AX_TEXT];
    double poll = ax_j_num(r, "poll_seconds") * 1e6;
    if (isfinite(poll))
        fprintf(out, "  (kernel found in %s, read in %.0f us)",
                ax_text_seconds(ax_j_num(r, "attach_seconds"), attach), poll);
}

static void show_load(FILE *out, const json_t *s)
{
    char text[AX_TEXT];
    double up = ax_j_num(s, "uptime_seconds"), load = ax_j_num(s, "load1");
    if (isfinite(up))
        fprintf(out, ", up %s", ax_text_seconds(up, text));
    if (isfinite(load))
        fprintf(out, ", load %.2f %.2f %.2f", load, ax_j_num(s, "load5"), ax_j_num(s, "load15"));
    if (isfinite(ax_j_num(s, "threads")))
        fprintf(out, ", %.0f tasks (%.0f run, %.0f blocked)", ax_j_num(s, "threads"),
                ax_j_num(s, "runnable"), ax_j_num(s, "uninterruptible"));
}

static void show_pressure(FILE *out, const json_t *s)
{
    static const char *const kinds[] = {"io", "memory", "cpu"};
    const json_t *all = json_object_get(s, "pressure");
    for (size_t i = 0; i < AX_ARRAY_LEN(kinds) && all; i++) {
        const json_t *p = json_object_get(all, kinds[i]);
        fprintf(out, "%s%s %.1f %%", i ? ", " : "Stalled in the last 10 s: ", kinds[i],
                ax_j_num(p, "some_avg10"));
    }
    if (all)
        fputc('\n', out);
}

static bool show_system(FILE *out, const json_t *r)
{
    const json_t *s = json_object_get(r, "system"), *flag;
    const char *state = ax_j_str(s, "state"), *name = ax_j_str(s, "hostname");
    const json_t *flags = ax_j_array(s, "taint_flags");
    size_t i;
    ax_put(out, name);
    fputs(*name ? ": Linux " : "Linux ", out);
    ax_put(out, ax_j_str(r, "kernel"));
    fputs(*state ? ", " : "", out);
    ax_put(out, state);
    if (isfinite(ax_j_num(s, "panic_cpu")))
        fprintf(out, " on CPU %.0f", ax_j_num(s, "panic_cpu"));
    show_load(out, s);
    took(out, r);
    fputc('\n', out);
    show_pressure(out, s);
    if (ax_j_num(s, "oom_kills_total") > 0)
        fprintf(out, "Killed for lack of memory since boot: %.0f\n",
                ax_j_num(s, "oom_kills_total"));
    if (json_array_size(flags))
        fputs("The kernel calls itself tainted:", out);
    json_array_foreach (flags, i, flag) {
        fputc(' ', out);
        ax_put(out, json_string_value(flag));
    }
    if (json_array_size(flags))
        fputc('\n', out);
    return strcmp(state, "panicked") != 0 && strcmp(state, "oopsed") != 0;
}

static void show_memory(FILE *out, const json_t *m)
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

static void show_processes(FILE *out, const json_t *list)
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

static void show_modules(FILE *out, const json_t *list)
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

static void show_network(FILE *out, const json_t *list)
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

static void show_disks(FILE *out, const json_t *list)
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

static void show_filesystems(FILE *out, const json_t *list)
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

/* ---- text ---- */

/* A record of several lines is one of several lines here, too, each with its time. */
static void show_message(FILE *out, const json_t *m)
{
    const char *text = ax_j_str(m, "text");
    do {
        size_t n = strcspn(text, "\n");
        fprintf(out, "[%12.6f] ", ax_j_num(m, "time_seconds"));
        ax_put_str(out, (struct ax_str){text, n});
        fputc('\n', out);
        text += n;
    } while (*text++ && *text);
}

static void show_messages(FILE *out, const json_t *list)
{
    size_t i;
    const json_t *m;
    json_array_foreach (list, i, m)
        show_message(out, m);
    if (json_array_size(list) == 0)
        fputs("the kernel's log is empty\n", out);
}

static void show_stacks(FILE *out, const json_t *list)
{
    size_t i, k;
    const json_t *s, *frame;
    if (json_array_size(list) == 0)
        fputs("no task is stuck\n", out);
    json_array_foreach (list, i, s) {
        char span[AX_TEXT];
        fprintf(out, "%.0f ", ax_j_num(s, "pid"));
        ax_put(out, ax_j_str(s, "name"));
        fprintf(out, ", blocked for %s at least\n",
                ax_text_seconds(ax_j_num(s, "blocked_seconds"), span));
        json_array_foreach (ax_j_array(s, "frames"), k, frame) {
            fputs("    ", out);
            ax_put(out, json_string_value(frame));
            fputc('\n', out);
        }
    }
}

static bool show_integrity(FILE *out, const json_t *o)
{
    const json_t *list = ax_j_array(o, "findings"), *f;
    size_t i;
    json_array_foreach (list, i, f) {
        ax_put(out, ax_j_str(f, "kind"));
        fputc(' ', out);
        ax_put(out, ax_j_str(f, "what"));
        fputs(": ", out);
        ax_put(out, ax_j_str(f, "text"));
        fputc('\n', out);
    }
    if (json_array_size(list) == 0)
        fputs("no hidden module or process, no system call or interrupt that leads elsewhere\n",
              out);
    return json_array_size(list) == 0;
}

static void show_missing(FILE *out, const json_t *list)
{
    size_t i;
    const json_t *m;
    json_array_foreach (list, i, m) {
        fputs("not read: ", out);
        ax_put(out, ax_j_str(m, "part"));
        fputs(": ", out);
        ax_put(out, ax_j_str(m, "reason"));
        fputc('\n', out);
    }
}

bool ax_inspect_well(const json_t *r)
{
    const char *state = ax_j_str(json_object_get(r, "system"), "state");
    const json_t *findings = ax_j_array(json_object_get(r, "integrity"), "findings");
    return strcmp(state, "panicked") != 0 && strcmp(state, "oopsed") != 0 &&
           json_array_size(findings) == 0;
}

bool ax_inspect_show(FILE *out, const json_t *r)
{
    static const struct {
        const char *key, *title;
        void (*show)(FILE *out, const json_t *part);
    } parts[] = {
        {"memory", "Memory", show_memory},      {"processes", "Processes", show_processes},
        {"modules", "Modules", show_modules},   {"network", "Network", show_network},
        {"disks", "Disks", show_disks},         {"filesystems", "File systems", show_filesystems},
        {"stacks", "Stuck tasks", show_stacks}, {"messages", "Kernel log", show_messages}};
    bool well = show_system(out, r);
    const json_t *integrity = json_object_get(r, "integrity");
    for (size_t i = 0; i < AX_ARRAY_LEN(parts); i++) {
        const json_t *part = json_object_get(r, parts[i].key);
        if (!part)
            continue;
        heading(out, parts[i].title);
        parts[i].show(out, part);
    }
    if (integrity) {
        heading(out, "Integrity");
        well = show_integrity(out, integrity) && well;
    }
    show_missing(out, ax_j_array(r, "missing"));
    return well;
}
