// SPDX-License-Identifier: Apache-2.0
/* auspex import: samples from files. Read and sent in pieces of whole lines, so that a file of any
 * length takes little memory; each piece is on stable storage before the next is sent. */
#include "cli/transfer.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES (4u << 20)
#define LINE_BYTES  (16u << 20) /* what the server takes at once */
#define TRIES       10

static const char HELP[] =
    "auspex import [FILE] [--format FORMAT]\n"
    "\n"
    "Brings in samples of any time within the retention, from a file or from standard input (-).\n"
    "Lines that are no good are left out and counted; the first of them is told.\n"
    "\n"
    "  auspex import samples.jsonl\n"
    "  auspex import metrics.om --format openmetrics\n"
    "  auspex import t.csv --format csv --columns 1:time:rfc3339,2:label:host,3:metric:temp\n"
    "  auspex export '{job=\"old\"}' --server http://a:8070 | auspex import -\n"
    "\n"
    "  -f, --format FORMAT   jsonl (as `auspex export` and VictoriaMetrics write them), "
    "prometheus\n"
    "                        (text with times in ms, or none: now), openmetrics (in seconds), "
    "csv;\n"
    "                        default: jsonl when the first line begins with {, else prometheus, "
    "or\n"
    "                        openmetrics when the file ends with # EOF\n"
    "      --columns LIST    of csv: COLUMN:label:NAME, COLUMN:metric:NAME,\n"
    "                        COLUMN:time:unix_s|unix_ms|unix_ns|rfc3339, joined by commas\n"
    "      --url URL         the same as --server\n";

struct import {
    struct ax_transfer t;
    const char *format, *columns;
    int fd;
    uint64_t size; /* of the file; 0 = not known */
    struct ax_buf piece, answer;
    uint64_t lines, bytes, stored, bad_lines, refused;
    struct ax_progress progress;
};

static size_t on_answer(char *p, size_t size, size_t n, void *self)
{
    struct import *x = self;
    ax_buf_add(&x->answer, p, size * n);
    return size * n;
}

static void path_of(const struct import *x, struct ax_buf *path)
{
    char line[24];
    bool csv = strcmp(x->format, "csv") == 0, jsonl = strcmp(x->format, "jsonl") == 0;
    ax_buf_cstr(path, csv     ? "/api/v1/import/csv"
                      : jsonl ? "/api/v1/import"
                              : "/api/v1/import/prometheus");
    snprintf(line, sizeof line, "%llu", (unsigned long long)x->lines + 1);
    ax_path_add(path, "first_line", line);
    ax_path_add(path, "format", csv ? x->columns : NULL);
}

/* A server that has too much to do, or is on its way back, is asked again. */
static int send_piece(struct import *x, long *status, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf path = AX_BUF_INIT;
    path_of(x, &path);
    for (int tries = 1;; tries++) {
        ax_buf_clear(&x->answer);
        int rc = ax_transfer_run(&x->t, ax_path_end(&path), &x->piece, status, err);
        bool again = rc < 0 ? x->bytes > 0 : *status == 429 || *status == 503;
        if (!again || tries == TRIES)
            return rc;
        uint64_t wait_s = rc < 0 ? 1 : ax_transfer_number(&x->t, "Retry-After");
        ax_sleep_ms(wait_s && wait_s < 60 ? (int64_t)wait_s * 1000 : 1000 * tries);
    }
}

static uint64_t count_lines(const struct ax_buf *b)
{
    uint64_t n = 0;
    for (const char *p = b->p, *end = b->p + b->n; (p = memchr(p, '\n', (size_t)(end - p))); p++)
        n++;
    return n;
}

static int take_answer(struct import *x, long status, struct ax_err *err)
{
    uint64_t bad = ax_transfer_number(&x->t, "X-Auspex-Lines-Refused");
    uint64_t refused = ax_transfer_number(&x->t, "X-Auspex-Samples-Refused");
    if (status != 204 && !(status == 400 && bad + refused))
        return ax_transfer_refused(status, &x->answer, err);
    if (status == 400 && !(x->bad_lines + x->refused)) {
        ax_progress_end(&x->progress);
        ax_transfer_refused(status, &x->answer, err);
        ax_cli_error(err);
    }
    x->stored += ax_transfer_number(&x->t, "X-Auspex-Samples-Stored");
    x->bad_lines += bad;
    x->refused += refused;
    x->lines += count_lines(&x->piece);
    x->bytes += x->piece.n;
    return 0;
}

static void tell(struct import *x)
{
    char done[AX_TEXT], all[AX_TEXT];
    ax_text_bytes((double)x->bytes, done);
    if (x->size)
        ax_progress_tell(&x->progress, "%s of %s, %llu samples", done,
                         ax_text_bytes((double)x->size, all), (unsigned long long)x->stored);
    else
        ax_progress_tell(&x->progress, "%s, %llu samples", done, (unsigned long long)x->stored);
}

/* Reads until there are whole lines of a piece's length, or the end: *rest is what of the buffer
 * belongs to the next piece. */
static int read_piece(struct import *x, struct ax_buf *rest, bool *end, struct ax_err *err)
{
    struct ax_buf *b = &x->piece;
    const char *last = NULL;
    while (!*end && (b->n < PIECE_BYTES || !(last = memrchr(b->p, '\n', b->n)))) {
        char *at = ax_buf_reserve(b, 256 * 1024);
        if (!at)
            return ax_fail(err, -EFBIG, "line %llu is longer than %u MiB",
                           (unsigned long long)x->lines + 1, LINE_BYTES >> 20);
        ssize_t n = read(x->fd, at, 256 * 1024);
        if (n < 0 && errno != EINTR)
            return ax_fail_errno(err, "cannot read on");
        b->n += n > 0 ? (size_t)n : 0;
        *end = n == 0;
    }
    if (last) {
        size_t whole = (size_t)(last + 1 - b->p);
        ax_buf_add(rest, b->p + whole, b->n - whole);
        b->n = whole;
    }
    return 0;
}

/* The format by how the text begins, and a file also by how it ends. */
static const char *guess_format(struct import *x)
{
    char tail[16];
    struct ax_str text = ax_str_trim(ax_buf_view(&x->piece));
    if (text.n && text.p[0] == '{')
        return "jsonl";
    ssize_t n =
        x->size > sizeof tail ? pread(x->fd, tail, sizeof tail, (off_t)(x->size - sizeof tail)) : 0;
    struct ax_str end = ax_str_trim(n > 0 ? (struct ax_str){tail, (size_t)n} : text);
    return ax_str_ends(end, AX_STR("# EOF")) ? "openmetrics" : "prometheus";
}

static void open_transfer(struct import *x, const struct ax_cli *c)
{
    bool openmetrics = strcmp(x->format, "openmetrics") == 0;
    ax_transfer_open(&x->t, c,
                     openmetrics ? "Content-Type: application/openmetrics-text"
                                 : "Content-Type: text/plain");
    curl_easy_setopt(x->t.curl, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(x->t.curl, CURLOPT_WRITEDATA, x);
}

static int send_all(struct import *x, const struct ax_cli *c, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf rest = AX_BUF_INIT;
    bool end = false;
    long status;
    int rc = 0;
    while (rc == 0 && !end) {
        rc = read_piece(x, &rest, &end, err);
        if (rc < 0 || x->piece.n == 0)
            break;
        if (!x->format)
            x->format = guess_format(x);
        if (!x->t.curl)
            open_transfer(x, c);
        rc = send_piece(x, &status, err);
        if (rc == 0)
            rc = take_answer(x, status, err);
        tell(x);
        ax_buf_clear(&x->piece);
        ax_buf_str(&x->piece, ax_buf_view(&rest));
        ax_buf_clear(&rest);
    }
    return rc;
}

static int open_input(struct import *x, const char *name, struct ax_err *err)
{
    struct stat st;
    if (strcmp(name, "-") != 0 && (x->fd = open(name, O_RDONLY | O_CLOEXEC)) < 0)
        return ax_fail_errno(err, "cannot open %s", name);
    if (fstat(x->fd, &st) == 0 && S_ISREG(st.st_mode))
        x->size = (uint64_t)st.st_size;
    return 0;
}

static int import(struct import *x, const struct ax_cli *c)
{
    struct ax_err err;
    ax_progress_begin(&x->progress);
    int rc = open_input(x, c->nargs ? c->args[0] : "-", &err);
    if (rc == 0)
        rc = send_all(x, c, &err);
    ax_progress_end(&x->progress);
    fprintf(stderr, "%llu samples stored, %llu lines and %llu samples refused\n",
            (unsigned long long)x->stored, (unsigned long long)x->bad_lines,
            (unsigned long long)x->refused);
    if (rc < 0 && x->bytes)
        ax_err_wrap(&err, "stopped behind line %llu", (unsigned long long)x->lines);
    if (rc < 0)
        return ax_cli_error(&err);
    return x->bad_lines + x->refused ? AX_EXIT_ERROR : AX_EXIT_OK;
}

static int check(const struct ax_cli *c, const struct import *x)
{
    static const char *const formats[] = {"jsonl", "prometheus", "openmetrics", "csv"};
    bool known = !x->format;
    for (size_t i = 0; !known && i < AX_ARRAY_LEN(formats); i++)
        known = strcmp(x->format, formats[i]) == 0;
    if (!known)
        return ax_cli_usage(c, "there is no format \"%s\" (jsonl, prometheus, openmetrics, csv)",
                            x->format);
    bool csv = x->format && strcmp(x->format, "csv") == 0;
    if (csv != (x->columns != NULL))
        return ax_cli_usage(c, csv ? "csv needs --columns" : "--columns is for --format csv");
    return ax_cli_expect(c, 0, 1, "");
}

int ax_cmd_import(int argc, char **argv)
{
    struct import x = {.fd = STDIN_FILENO, .piece = {.max = LINE_BYTES}};
    const char *url = NULL;
    const struct ax_flag flags[] = {
        {"format", 'f', &x.format, NULL}, {"columns", 0, &x.columns, NULL}, {"url", 0, &url, NULL}};
    struct ax_cli c;
    int rc = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (rc != AX_CLI_GO)
        return rc;
    if (url)
        c.server = url;
    if ((rc = check(&c, &x)) != AX_CLI_GO)
        return rc;
    rc = import(&x, &c);
    if (x.t.curl)
        ax_transfer_close(&x.t);
    if (x.fd > STDIN_FILENO)
        close(x.fd);
    ax_buf_free(&x.piece);
    ax_buf_free(&x.answer);
    return rc;
}
