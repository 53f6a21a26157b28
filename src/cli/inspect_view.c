// SPDX-License-Identifier: Apache-2.0
#include "cli/inspect_view.h"

#include "cli/inner.h"
#include "cli/inspect_tables.h"
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
    } parts[] = {{"memory", "Memory", ax_inspect_memory},
                 {"processes", "Processes", ax_inspect_processes},
                 {"modules", "Modules", ax_inspect_modules},
                 {"network", "Network", ax_inspect_network},
                 {"disks", "Disks", ax_inspect_disks},
                 {"filesystems", "File systems", ax_inspect_filesystems},
                 {"stacks", "Stuck tasks", show_stacks},
                 {"messages", "Kernel log", show_messages}};
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
