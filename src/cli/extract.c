// SPDX-License-Identifier: Apache-2.0
#include "cli/extract.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what is asked for ---- */

/* Decimal or 0x..., with K, M, G or T of 1024. */
static bool parse_amount(const char *text, uint64_t *out)
{
    static const char units[] = "KMGT";
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    uint64_t v = strtoull(text, &end, text[0] == '0' && (text[1] | 32) == 'x' ? 16 : 10);
    const char *unit = *end ? strchr(units, *end & ~32) : NULL;
    unsigned bits = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (errno || (*end && (!unit || end[1])) || v > UINT64_MAX >> bits)
        return false;
    *out = v << bits;
    return *out <= UINT64_C(1) << 52;
}

int ax_extract_usage(const struct ax_cli *c, const struct ax_extract_flags *f,
                     struct ax_extract_wish *out)
{
    *out = (struct ax_extract_wish){.file = f->out};
    if (!f->out || !f->out[0])
        return ax_cli_usage(c, "--out FILE is missing: where the extract is written to");
    if (f->from && !parse_amount(f->from, &out->from))
        return ax_cli_usage(c, "--from \"%s\": expected a guest-physical address, as 0x100000",
                            f->from);
    if (f->bytes && (!parse_amount(f->bytes, &out->bytes) || out->bytes == 0))
        return ax_cli_usage(c, "--bytes \"%s\": expected a number, as 65536 or 64K", f->bytes);
    return AX_CLI_GO;
}

char *ax_extract_what(const struct ax_extract_wish *w, char out[AX_TEXT])
{
    if (w->bytes)
        snprintf(out, AX_TEXT, "its memory from 0x%" PRIx64 ", %" PRIu64 " bytes", w->from,
                 w->bytes);
    else if (w->from)
        snprintf(out, AX_TEXT, "its memory from 0x%" PRIx64 " on", w->from);
    else
        snprintf(out, AX_TEXT, "all of its memory");
    return out;
}

/* ---- the file ---- */

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
    (void)sig;
    stopped = 1;
}

bool ax_extract_stopped(void)
{
    return stopped;
}

static void listen_for_stop(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction a = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};
    for (size_t i = 0; i < AX_ARRAY_LEN(signals); i++)
        sigaction(signals[i], &a, NULL);
}

int ax_extract_file_open(struct ax_extract_file *f, const char *path, struct ax_err *err)
{
    size_t n = strlen(path);
    *f = (struct ax_extract_file){.path = path, .fd = -1, .began = ax_now_ms()};
    if (access(path, F_OK) == 0)
        return ax_fail(err, -EEXIST, "%s is there already, and is not overwritten", path);
    f->part = ax_malloc(n + sizeof ".part");
    memcpy(f->part, path, n);
    memcpy(f->part + n, ".part", sizeof ".part");
    f->fd = open(f->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f->fd < 0) {
        int rc = errno == EEXIST
                     ? ax_fail(err, -EEXIST,
                               "%s is there already (of an extract that goes on or was broken "
                               "off), and is not overwritten",
                               f->part)
                     : ax_fail_errno(err, "cannot make %s", f->part);
        free(f->part);
        return rc;
    }
    f->digest = ax_digest_new();
    ax_progress_begin(&f->progress);
    listen_for_stop();
    return 0;
}

static int write_at(struct ax_extract_file *f, struct ax_str s, struct ax_err *err)
{
    for (uint64_t at = f->at; s.n;) {
        ssize_t n = pwrite(f->fd, s.p, s.n, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return errno == ENOSPC
                       ? ax_fail(err, -ENOSPC, "the disk is full: %s has what there was room for",
                                 f->part)
                       : ax_fail_errno(err, "cannot write %s", f->part);
        at += (uint64_t)n;
        s = (struct ax_str){s.p + n, s.n - (size_t)n};
    }
    return 0;
}

static void tell_progress(struct ax_extract_file *f)
{
    char done[AX_TEXT], all[AX_TEXT], speed[AX_TEXT];
    double s = (double)(ax_now_ms() - f->began) / 1000;
    ax_progress_tell(&f->progress, "%s of %s, %s/s", ax_text_bytes((double)f->at, done),
                     ax_text_bytes((double)f->size, all),
                     ax_text_bytes(s > 0 ? (double)f->at / s : NAN, speed));
}

/* Runs of zeros are left out: they are the file's holes. */
int ax_extract_file_add(struct ax_extract_file *f, struct ax_str piece, struct ax_err *err)
{
    struct ax_run run;
    int rc;
    while ((rc = ax_piece_next(&piece, &run, err)) > 0) {
        f->at += run.zeros;
        ax_digest_zeros(f->digest, run.zeros);
        rc = write_at(f, run.data, err);
        if (rc < 0)
            return rc;
        f->at += run.data.n;
        f->data += run.data.n;
        ax_digest_add(f->digest, run.data);
    }
    tell_progress(f);
    return rc;
}

void ax_extract_file_sum(struct ax_extract_file *f, struct ax_str why, struct ax_extract_end *out)
{
    *out = (struct ax_extract_end){
        .why = why, .size = f->at, .data = f->data, .left_out = f->left_out};
    ax_digest_copy(f->digest, out->sha256);
    ax_progress_end(&f->progress);
}

static void close_file(struct ax_extract_file *f)
{
    ax_close_fd(&f->fd);
    ax_digest_free(f->digest);
    free(f->part);
    f->part = NULL;
}

/* link: a file that has come meanwhile is not overwritten either. */
int ax_extract_file_keep(struct ax_extract_file *f, struct ax_err *err)
{
    int rc = 0;
    if (ftruncate(f->fd, (off_t)f->at) < 0 || fsync(f->fd) < 0)
        rc = ax_fail_errno(err, "cannot write %s", f->part);
    else if (link(f->part, f->path) < 0)
        rc = ax_fail_errno(err, "cannot name %s as %s", f->part, f->path);
    else
        unlink(f->part);
    close_file(f);
    return rc;
}

void ax_extract_file_leave(struct ax_extract_file *f)
{
    ax_progress_end(&f->progress);
    if (f->at == 0)
        unlink(f->part);
    else if (ftruncate(f->fd, (off_t)f->at) == 0)
        fprintf(stderr, "auspex: what was read so far is in %s\n", f->part);
    close_file(f);
}

/* ---- what is said of it ---- */

static void tell_json(const struct ax_extract_told *t)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    struct ax_json j = {.out = &b};
    ax_json_obj(&j);
    ax_json_key(&j, "file");
    ax_json_cstr(&j, t->file->path);
    ax_json_key(&j, "bytes");
    ax_json_int(&j, (int64_t)t->file->at);
    ax_json_key(&j, "holes_bytes");
    ax_json_int(&j, (int64_t)(t->file->at - t->file->data));
    ax_json_key(&j, "left_out_bytes");
    ax_json_int(&j, (int64_t)t->file->left_out);
    ax_json_key(&j, "sha256");
    ax_json_cstr(&j, t->sha256);
    ax_json_key(&j, "begin");
    ax_json_time(&j, t->began);
    ax_json_key(&j, "end");
    ax_json_time(&j, t->ended);
    ax_json_key(&j, "sequence");
    ax_json_int(&j, t->sequence);
    ax_json_end(&j);
    ax_put_json_line(stdout, ax_buf_view(&b));
}

void ax_extract_tell(const struct ax_extract_told *t, bool json)
{
    char all[AX_TEXT], holes[AX_TEXT], from[AX_TEXT], to[AX_TEXT], left_out[AX_TEXT];
    if (json) {
        tell_json(t);
        return;
    }
    ax_put(stdout, t->file->path);
    printf(": %s, of which %s are holes (zeros, or never touched)\n",
           ax_text_bytes((double)t->file->at, all),
           ax_text_bytes((double)(t->file->at - t->file->data), holes));
    if (t->file->left_out)
        printf(
            "%s of memory that seem to have been plugged in are not in it: the guest's kernel does "
            "not tell where they lie\n",
            ax_text_bytes((double)t->file->left_out, left_out));
    printf("read from %s to %s: what ran meanwhile went on, so it is not of one instant\n",
           ax_text_time(t->began, from), ax_text_time(t->ended, to));
    printf("SHA-256 %s, entry %" PRId64 " of the ledger\n", t->sha256, t->sequence);
}
