// SPDX-License-Identifier: Apache-2.0
/* auspex export: every sample of the matching series to standard output, as it comes. */
#include "cli/transfer.h"

#include "base/clock.h"
#include "base/num.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char HELP[] =
    "auspex export MATCHER... [--format FORMAT] [--start T] [--end T]\n"
    "\n"
    "Writes every sample of the series that match, to standard output.\n"
    "\n"
    "  auspex export '{__name__!=\"\"}' > all.jsonl\n"
    "  auspex export up 'node_load1{host=\"a\"}' --start -1d\n"
    "  auspex export up --format csv --columns __name__,host,__value__,__timestamp__:rfc3339\n"
    "\n"
    "  -f, --format FORMAT   jsonl (loses nothing; the default), openmetrics, csv\n"
    "      --columns LIST    of csv: names of labels, __name__, __value__,\n"
    "                        __timestamp__:unix_s|unix_ms|unix_ns|rfc3339, joined by commas\n"
    "  -s, --start T         not what is older\n"
    "  -e, --end T           not what is newer\n"
    "      --url URL         the same as --server\n"
    "\n"
    "T: now, -15m (ago), RFC 3339, or seconds since 1970.\n";

struct export
{
    struct ax_transfer t;
    struct ax_buf answer; /* when it is no success */
    uint64_t bytes;
    bool full;     /* standard output takes no more */
    bool terminal; /* standard output is one: not all bytes are for it */
    struct ax_progress progress;
};

static size_t on_body(char *p, size_t size, size_t n, void *self)
{
    struct export *x = self;
    char text[AX_TEXT];
    long status = 0;
    curl_easy_getinfo(x->t.curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        ax_buf_add(&x->answer, p, size * n);
        return size * n;
    }
    x->bytes += size * n;
    ax_progress_tell(&x->progress, "%s", ax_text_bytes((double)x->bytes, text));
    if (x->terminal) {
        ax_put_lines(stdout, (struct ax_str){p, size * n});
        return size * n;
    }
    x->full = fwrite(p, size, n, stdout) != n;
    return x->full ? 0 : size * n;
}

/* "-15m" and "now" are the caller's, the rest goes as it is. */
static int add_time(struct ax_buf *path, const char *key, const char *text, struct ax_err *err)
{
    char plain[32];
    int64_t ago = 0;
    if (!text)
        return 0;
    if (text[0] == '-' && ax_duration_parse(ax_str(text + 1), &ago, err) < 0)
        return err->code;
    if (text[0] == '-' || strcmp(text, "now") == 0) {
        snprintf(plain, sizeof plain, "%.3f", (double)(ax_now_ms() - ago) / 1000);
        text = plain;
    }
    ax_path_add(path, key, text);
    return 0;
}

static int run(struct export *x, const char *path, struct ax_err *err)
{
    long status = 0;
    int rc = ax_transfer_run(&x->t, path, NULL, &status, err);
    if (x->full || fflush(stdout) != 0)
        return ax_fail(err, -EIO, "cannot write to standard output");
    if (rc == 0 && status != 200)
        rc = ax_transfer_refused(status, &x->answer, err);
    if (rc < 0 && x->bytes)
        ax_err_wrap(err, "the export is not whole");
    return rc;
}

static int export(const struct ax_cli *c, const char *path)
{
    struct export x = {.terminal = isatty(STDOUT_FILENO)};
    struct ax_err err;
    ax_transfer_open(&x.t, c, NULL);
    curl_easy_setopt(x.t.curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(x.t.curl, CURLOPT_WRITEDATA, &x);
    ax_progress_begin(&x.progress);
    int rc = run(&x, path, &err);
    ax_progress_end(&x.progress);
    ax_transfer_close(&x.t);
    ax_buf_free(&x.answer);
    return rc < 0 ? ax_cli_error(&err) : AX_EXIT_OK;
}

static const char *endpoint(const char *format)
{
    return strcmp(format, "jsonl") == 0         ? "/api/v1/export"
           : strcmp(format, "csv") == 0         ? "/api/v1/export/csv"
           : strcmp(format, "openmetrics") == 0 ? "/api/v1/export/openmetrics"
                                                : NULL;
}

int ax_cmd_export(int argc, char **argv)
{
    const char *format = "jsonl", *columns = NULL, *start = NULL, *end = NULL, *url = NULL;
    const struct ax_flag flags[] = {{"format", 'f', &format, NULL},
                                    {"columns", 0, &columns, NULL},
                                    {"start", 's', &start, NULL},
                                    {"end", 'e', &end, NULL},
                                    {"url", 0, &url, NULL}};
    struct ax_cli c;
    struct ax_err err;
    int rc = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (rc != AX_CLI_GO ||
        (rc = ax_cli_expect(&c, 1, 1000, "a matcher, such as '{job=\"a\"}'")) != AX_CLI_GO)
        return rc;
    if (!endpoint(format))
        return ax_cli_usage(&c, "there is no format \"%s\" (jsonl, csv, openmetrics)", format);
    if ((strcmp(format, "csv") == 0) != (columns != NULL))
        return ax_cli_usage(&c, columns ? "--columns is for --format csv" : "csv needs --columns");
    if (url)
        c.server = url;
    AX_CLEANUP(ax_buf_free) struct ax_buf path = AX_BUF_INIT;
    ax_buf_cstr(&path, endpoint(format));
    for (int i = 0; i < c.nargs; i++)
        ax_path_add(&path, "match[]", c.args[i]);
    ax_path_add(&path, "format", columns);
    if (add_time(&path, "start", start, &err) < 0 || add_time(&path, "end", end, &err) < 0)
        return ax_cli_error(&err);
    return export(&c, ax_path_end(&path));
}
