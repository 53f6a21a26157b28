// SPDX-License-Identifier: Apache-2.0
#include "cli/doctor.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

void ax_findings_free(struct ax_findings *f)
{
    ax_arena_free(&f->arena);
    free(f->v);
    *f = (struct ax_findings){0};
}

void ax_findings_add(struct ax_findings *f, const struct ax_finding *finding)
{
    for (size_t i = 0; i < f->n; i++)
        if (ax_str_eq(f->v[i].code, finding->code) && ax_str_eq(f->v[i].text, finding->text))
            return;
    if (f->n == f->cap) {
        f->cap = f->cap ? 2 * f->cap : 32;
        f->v = ax_realloc(f->v, f->cap * sizeof *f->v);
    }
    f->v[f->n++] = (struct ax_finding){.level = finding->level,
                                       .code = ax_arena_str(&f->arena, finding->code),
                                       .handle = ax_arena_str(&f->arena, finding->handle),
                                       .text = ax_arena_str(&f->arena, finding->text),
                                       .remedy = ax_arena_str(&f->arena, finding->remedy)};
}

enum ax_finding_level ax_findings_worst(const struct ax_findings *f)
{
    enum ax_finding_level worst = AX_FINDING_OK;
    for (size_t i = 0; i < f->n; i++)
        worst = f->v[i].level > worst ? f->v[i].level : worst;
    return worst;
}

static void add(struct ax_findings *f, enum ax_finding_level level, const char *code,
                const char *remedy, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
static void add(struct ax_findings *f, enum ax_finding_level level, const char *code,
                const char *remedy, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    ax_findings_add(f, &(struct ax_finding){.level = level,
                                            .code = ax_str(code),
                                            .text = ax_str(text),
                                            .remedy = ax_str(remedy)});
}

/* ---- the server ---- */

static void check_clock(struct ax_findings *f, int64_t date, int64_t now)
{
    char text[AX_TEXT];
    double apart = (double)llabs(now - date - 500) / 1000; /* Date is cut to the second */
    if (!date)
        return;
    if (apart > 2.5)
        add(f, AX_FINDING_WARN, "clock",
            "set both by NTP (apt install chrony); samples from the future are refused",
            "the server's clock and this machine's are %s apart", ax_text_seconds(apart, text));
    else
        add(f, AX_FINDING_OK, "clock", NULL, "the server's clock agrees with this machine's");
}

static void check_store(struct ax_findings *f, const json_t *status)
{
    double damaged = ax_j_num(json_object_get(status, "store"), "damaged");
    double rejected = ax_j_num(status, "rejected_total");
    if (damaged > 0)
        add(f, AX_FINDING_FAIL, "store-damaged",
            "check the disk (smartctl -a) and the memory; the log names the files; what is whole "
            "is still served",
            "%.0f stored pieces do not match their checksums", damaged);
    else
        add(f, AX_FINDING_OK, "store", NULL, "the store is whole, with %.0f series",
            ax_j_num(status, "series"));
    if (rejected > 0)
        add(f, AX_FINDING_INFO, "samples-rejected",
            "the senders were told why; the usual reasons are clocks ahead and samples older than "
            "the retention",
            "%.0f samples were refused since the server started", rejected);
}

void ax_check_server(struct ax_findings *f, const struct ax_answer *status, const char *server,
                     int64_t now)
{
    char text[AX_TEXT];
    const char *version = ax_j_str(status->json, "version");
    add(f, AX_FINDING_OK, "server", NULL, "the server at %s answers (%s, up for %s)", server,
        version, ax_text_seconds(ax_j_num(status->json, "uptime_seconds"), text));
    if (strcmp(version, AX_VERSION) != 0)
        add(f, AX_FINDING_INFO, "version", "install the same version on both",
            "the server is version %s, this command %s", version, AX_VERSION);
    check_clock(f, status->date, now);
    check_store(f, status->json);
}

/* ---- what it knows ---- */

/* This machine's own findings tell the same with a better remedy. */
static bool told_already(const struct ax_findings *f, const char *error)
{
    for (size_t i = 0; i < f->n; i++)
        if (*error && strstr(f->v[i].text.p, error))
            return true;
    return false;
}

static void check_collectors(struct ax_findings *f, const json_t *host)
{
    size_t i;
    const json_t *c;
    json_array_foreach (ax_j_array(json_object_get(host, "attributes"), "collectors"), i, c) {
        if (json_is_false(json_object_get(c, "up")) && !told_already(f, ax_j_str(c, "error")))
            add(f, AX_FINDING_WARN, "collector",
                "mend what it names; the collector tries again by itself",
                "%.100s: the %.60s collector fails: %.300s", ax_j_str(host, "name"),
                ax_j_str(c, "name"), ax_j_str(c, "error"));
    }
}

void ax_check_hosts(struct ax_findings *f, const json_t *resources, int64_t now)
{
    size_t i;
    const json_t *host;
    char text[AX_TEXT];
    json_array_foreach (resources, i, host) {
        double interval = ax_j_num(json_object_get(host, "attributes"), "interval_seconds");
        double silent = (double)(now - ax_j_time(host, "last_seen")) / 1000;
        const char *name = ax_j_str(host, "name");
        if (silent > 3 * (interval > 0 ? interval : 5) + 2)
            add(f, AX_FINDING_WARN, "host-silent",
                "start its collectors there: auspex host (or auspex run)",
                "%.100s has not reported for %s", name, ax_text_seconds(silent, text));
        else
            add(f, AX_FINDING_OK, "host", NULL, "%.100s reported %s", name,
                ax_text_ago(now, ax_j_time(host, "last_seen"), text));
        check_collectors(f, host);
    }
    if (json_array_size(resources) == 0)
        add(f, AX_FINDING_WARN, "no-host", "start collectors: auspex run, or auspex host",
            "no host reports to the server");
}

static enum ax_finding_level level_of(const char *word)
{
    const char *const words[] = {"ok", "info", "warn", "fail"}; /* by enum ax_finding_level */
    for (size_t i = 0; i < AX_ARRAY_LEN(words); i++)
        if (strcmp(word, words[i]) == 0)
            return (enum ax_finding_level)i;
    return AX_FINDING_INFO;
}

static bool told_of(const struct ax_findings *f, const char *handle, const char *code)
{
    for (size_t i = 0; i < f->n; i++)
        if (ax_str_eq(f->v[i].handle, ax_str(handle)) && ax_str_eq(f->v[i].code, ax_str(code)))
            return true;
    return false;
}

/* "web1: its balloon ...": the texts are written for the page of the resource. */
static void take_over(struct ax_findings *f, const json_t *resource, const json_t *finding)
{
    enum ax_finding_level level = level_of(ax_j_str(finding, "level"));
    const char *text = ax_j_str(finding, "text");
    bool host = strcmp(ax_j_str(resource, "kind"), "host") == 0;
    if (level == AX_FINDING_OK || (host && told_already(f, text)) ||
        told_of(f, ax_j_str(resource, "handle"), ax_j_str(finding, "code")))
        return;
    AX_CLEANUP(ax_buf_free) struct ax_buf named = AX_BUF_INIT;
    ax_buf_printf(&named, "%s: %s", ax_j_str(resource, "name"), text);
    ax_findings_add(f, &(struct ax_finding){.level = level,
                                            .code = ax_str(ax_j_str(finding, "code")),
                                            .handle = ax_str(ax_j_str(resource, "handle")),
                                            .text = ax_buf_view(&named),
                                            .remedy = ax_str(ax_j_str(finding, "remedy"))});
}

void ax_check_attributes(struct ax_findings *f, const json_t *resources)
{
    size_t i, k;
    const json_t *r, *x;
    json_array_foreach (resources, i, r)
        json_array_foreach (ax_j_array(json_object_get(r, "attributes"), "findings"), k, x)
            take_over(f, r, x);
}

/* ---- the data directory ---- */

#define SYNCS 5

static int by_value(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The median time of an fdatasync after 4 KiB, in ns; -errno when the disk refuses. */
static int64_t sync_time(int dir)
{
    char name[64], page[4096];
    int64_t took[SYNCS];
    memset(page, 'a', sizeof page);
    snprintf(name, sizeof name, ".doctor-%ld", (long)getpid());
    AX_CLEANUP(ax_close_fd)
    int fd = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    unlinkat(dir, name, 0);
    for (int i = 0; i < SYNCS; i++) {
        int64_t from = ax_mono_ns();
        int rc = ax_write_all(fd, page, sizeof page);
        if (rc < 0)
            return rc;
        if (fdatasync(fd) < 0)
            return -errno;
        took[i] = ax_mono_ns() - from;
    }
    qsort(took, SYNCS, sizeof *took, by_value);
    return took[SYNCS / 2];
}

static void check_space(struct ax_findings *f, const char *dir, int fd)
{
    struct statvfs v;
    char free_text[AX_TEXT], all_text[AX_TEXT];
    if (fstatvfs(fd, &v) < 0)
        return;
    double left = (double)v.f_bavail * (double)v.f_frsize;
    double all = (double)v.f_blocks * (double)v.f_frsize;
    enum ax_finding_level level = left < 100e6                      ? AX_FINDING_FAIL
                                  : left < 1e9 || left < all * 0.05 ? AX_FINDING_WARN
                                                                    : AX_FINDING_OK;
    add(f, level, "data-space",
        level == AX_FINDING_OK ? NULL
                               : "free some, or shorten --retention; a full disk refuses samples "
                                 "(nothing stored is lost)",
        "%.300s has %s of %s free", dir, ax_text_bytes(left, free_text),
        ax_text_bytes(all, all_text));
}

void ax_check_data(struct ax_findings *f, const char *dir)
{
    AX_CLEANUP(ax_close_fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        add(f, AX_FINDING_FAIL, "data-open", "make it, and give it to the user that runs auspex",
            "%.300s cannot be opened: %s", dir, strerror(errno));
        return;
    }
    check_space(f, dir, fd);
    int64_t ns = sync_time(fd);
    if (ns < 0)
        add(f, AX_FINDING_FAIL, "data-write", "give it to the user that runs auspex (chown)",
            "nothing can be written to %.300s: %s", dir, strerror((int)-ns));
    else if (ns > 50000000)
        add(f, AX_FINDING_WARN, "data-slow", "put the data on a disk of its own, or on flash",
            "a write to %.300s takes %.0f ms to be safe, and every sender waits for it", dir,
            (double)ns / 1e6);
    else
        add(f, AX_FINDING_OK, "data-write", NULL, "a write to %.300s is safe after %.1f ms", dir,
            (double)ns / 1e6);
}
