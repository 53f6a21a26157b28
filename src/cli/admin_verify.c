// SPDX-License-Identifier: Apache-2.0
/* auspex admin verify: is all that was written still there as it was? */
#include "base/clock.h"
#include "base/json.h"
#include "cli/admin.h"
#include "sql/sql.h"
#include "store/store.h"

#include <errno.h>
#include <unistd.h>

static const char HELP[] =
    "auspex admin verify [--data DIR]\n"
    "\n"
    "Reads all data of a server that does not run, or of a backup, and compares it with its\n"
    "checksums: every part of every block, every chunk of samples, every record of the log, the\n"
    "registry. Changes nothing. Each fault is a line: file, bytes, what is wrong.\n"
    "Exit status 0: there is none; 1: there are some, or it could not be looked at.\n"
    "\n"
    "  auspex admin verify --data /var/lib/auspex\n"
    "  auspex admin verify --data /backup/auspex --json | jq .faults\n"
    "\n"
    "After a power cut the log may end in a write that was never finished. That is told as a\n"
    "fault, since damage looks the same; the next start of the server cuts it off.\n"
    "\n"
    "  -d, --data DIR   what `auspex serve --data` is given, or a backup (default ./var)\n";

#define TELL_MS 10000 /* between lines of progress where there is no terminal */

struct run {
    bool json, terminal, shown;
    struct ax_json j; /* the list of faults */
    uint64_t faults;
    int64_t told; /* ns */
};

static void clear_progress(struct run *r)
{
    if (r->shown)
        fputs("\r\033[K", stderr);
    r->shown = false;
}

static void put_place(struct ax_json *j, const char *key, uint64_t at, bool known)
{
    ax_json_key(j, key);
    if (known)
        ax_json_int(j, (int64_t)at);
    else
        ax_json_null(j);
}

static void put_fault(struct run *r, const char *file, uint64_t from, uint64_t to, const char *text)
{
    r->faults++;
    if (r->json) {
        ax_json_obj(&r->j);
        ax_json_key(&r->j, "file");
        ax_json_cstr(&r->j, file);
        put_place(&r->j, "from", from, to);
        put_place(&r->j, "to", to, to);
        ax_json_key(&r->j, "text");
        ax_json_cstr(&r->j, text);
        ax_json_end(&r->j);
        return;
    }
    clear_progress(r);
    printf("%s: ", file);
    if (to)
        printf("bytes %llu to %llu: ", (unsigned long long)from, (unsigned long long)to - 1);
    ax_put(stdout, text);
    putchar('\n');
}

static void store_fault(void *ctx, const struct ax_store_fault *f)
{
    char file[300];
    snprintf(file, sizeof file, "tsdb/%s", f->file);
    put_fault(ctx, file, f->from, f->to, f->text);
}

static void registry_fault(void *ctx, const char *text)
{
    put_fault(ctx, "registry.db", 0, 0, text);
}

static void progress(void *ctx, uint64_t done, uint64_t total)
{
    struct run *r = ctx;
    char a[AX_TEXT], b[AX_TEXT];
    int64_t now = ax_mono_ns();
    if (now - r->told < (r->terminal ? 200 : TELL_MS) * 1000000ll)
        return;
    r->told = now;
    fprintf(stderr, "%sread %s of %s%s",
            r->terminal ? "\r\033[K" : "auspex: ", ax_text_bytes((double)done, a),
            ax_text_bytes((double)total, b), r->terminal ? "" : "\n");
    r->shown = r->terminal;
}

static int verify(struct run *r, struct ax_store_verified *sums, struct ax_err *err)
{
    struct ax_store_verifier to = {store_fault, progress, r};
    int rc = ax_store_verify("tsdb", &to, sums, err);
    clear_progress(r);
    if (rc == -EBUSY)
        return ax_fail(err, rc,
                       "a server is using the data: stop it, or verify a backup (auspex admin "
                       "backup)");
    return rc < 0 ? rc : ax_sql_verify("registry.db", registry_fault, r, err);
}

static void report_json(struct run *r, const struct ax_store_verified *sums)
{
    const struct {
        const char *key;
        uint64_t v;
    } members[] = {{"blocks", sums->blocks},     {"chunks", sums->chunks},
                   {"segments", sums->segments}, {"records", sums->records},
                   {"samples", sums->samples},   {"bytes", sums->bytes}};
    ax_json_end(&r->j);
    ax_json_key(&r->j, "ok");
    ax_json_bool(&r->j, r->faults == 0);
    for (size_t i = 0; i < AX_ARRAY_LEN(members); i++) {
        ax_json_key(&r->j, members[i].key);
        ax_json_int(&r->j, (int64_t)members[i].v);
    }
    ax_json_end(&r->j);
    ax_put_json_line(stdout, ax_buf_view(r->j.out));
}

static void report_people(const struct run *r, const struct ax_store_verified *sums)
{
    char size[AX_TEXT];
    printf("%llu blocks with %llu chunks, %llu segments of the log with %llu records: %llu samples "
           "in %s; ",
           (unsigned long long)sums->blocks, (unsigned long long)sums->chunks,
           (unsigned long long)sums->segments, (unsigned long long)sums->records,
           (unsigned long long)sums->samples, ax_text_bytes((double)sums->bytes, size));
    if (r->faults)
        printf("%llu faults\n", (unsigned long long)r->faults);
    else
        puts("all is as it was written");
}

int ax_admin_verify(int argc, char **argv)
{
    struct ax_cli c;
    struct ax_err err;
    struct ax_store_verified sums = {0};
    const char *data = AX_ADMIN_DATA;
    const struct ax_flag flags[] = {{"data", 'd', &data, NULL}};
    int status = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (status == AX_CLI_GO)
        status = ax_cli_expect(&c, 0, 0, "");
    if (status != AX_CLI_GO)
        return status;
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    struct run r = {.json = c.json, .terminal = isatty(2), .j = {.out = &text}};
    ax_json_obj(&r.j);
    ax_json_key(&r.j, "faults");
    ax_json_arr(&r.j);
    int rc = ax_admin_enter(data, &err);
    if (rc == 0 && (rc = verify(&r, &sums, &err)) < 0)
        ax_err_wrap(&err, "%s", data);
    if (rc < 0)
        return ax_cli_error(&err);
    if (c.json)
        report_json(&r, &sums);
    else
        report_people(&r, &sums);
    return r.faults ? AX_EXIT_ERROR : AX_EXIT_OK;
}
