// SPDX-License-Identifier: Apache-2.0
#include "cli/stream.h"

#include "cli/transfer.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>

#define EVENT_MAX (1u << 20)
#define PAUSE_MS  1000
#define REFUSAL   4096 /* bytes of an answer that says why */

/* ---- the lines ---- */

/* An event ends with an empty line. Its id counts from then on, also when it has nothing else. */
static void end_event(struct ax_stream_lines *s)
{
    snprintf(s->last, sizeof s->last, "%s", s->id);
    if (s->data.n && !s->overlong)
        s->event(s->ctx, ax_buf_view(&s->data));
    ax_buf_clear(&s->data);
    s->overlong = false;
}

static void take_line(struct ax_stream_lines *s, struct ax_str line)
{
    struct ax_str value = line, name = line;
    if (line.n == 0) {
        end_event(s);
        return;
    }
    ax_str_cut(&value, ':', &name);
    if (value.n && value.p[0] == ' ')
        value = (struct ax_str){value.p + 1, value.n - 1};
    if (ax_str_eq(name, AX_STR("id")) && value.n < sizeof s->id)
        snprintf(s->id, sizeof s->id, "%.*s", AX_STR_ARG(value));
    if (ax_str_eq(name, AX_STR("data"))) {
        if (s->data.n)
            ax_buf_byte(&s->data, '\n');
        ax_buf_str(&s->data, value);
    }
}

void ax_stream_lines_feed(struct ax_stream_lines *s, struct ax_str bytes)
{
    for (size_t i = 0; i < bytes.n; i++) {
        if (bytes.p[i] == '\n') {
            take_line(s, ax_buf_view(&s->line));
            ax_buf_clear(&s->line);
        } else if (s->line.n + s->data.n >= EVENT_MAX) {
            s->overlong = true;
        } else if (bytes.p[i] != '\r') {
            ax_buf_byte(&s->line, (uint8_t)bytes.p[i]);
        }
    }
}

void ax_stream_lines_break(struct ax_stream_lines *s)
{
    ax_buf_clear(&s->line);
    ax_buf_clear(&s->data);
    s->overlong = false;
    snprintf(s->id, sizeof s->id, "%s", s->last);
}

void ax_stream_lines_free(struct ax_stream_lines *s)
{
    ax_buf_free(&s->line);
    ax_buf_free(&s->data);
}

/* ---- the way there ---- */

struct following {
    struct ax_transfer transfer;
    struct ax_stream_lines *lines;
    struct ax_buf refusal;
    bool away; /* and that was told */
};

static size_t on_bytes(char *p, size_t size, size_t n, void *self)
{
    struct following *f = self;
    long status = 0;
    curl_easy_getinfo(f->transfer.curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        if (f->refusal.n + size * n < REFUSAL)
            ax_buf_add(&f->refusal, p, size * n);
        return size * n;
    }
    if (f->away)
        fputs("auspex: the server is back\n", stderr);
    f->away = false;
    ax_stream_lines_feed(f->lines, (struct ax_str){p, size * n});
    fflush(stdout);
    return size * n;
}

static void ask_onwards(struct following *f, const struct ax_cli *c)
{
    char header[64];
    ax_stream_lines_break(f->lines);
    ax_buf_clear(&f->refusal);
    snprintf(header, sizeof header, "Last-Event-ID: %s", f->lines->last);
    ax_transfer_close(&f->transfer);
    ax_transfer_open(&f->transfer, c, f->lines->last[0] ? header : NULL);
    curl_easy_setopt(f->transfer.curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(f->transfer.curl, CURLOPT_WRITEDATA, f);
}

/* Whether it is worth coming again: not when the question is wrong, or who asks it. */
static bool passes(long status)
{
    return status == 200 || status == 429 || status >= 500;
}

static int follow(struct following *f, const struct ax_cli *c, const char *path, struct ax_err *err)
{
    for (bool first = true;; first = false) {
        long status = 0;
        ask_onwards(f, c);
        int rc = ax_transfer_run(&f->transfer, path, NULL, &status, err);
        if (rc == 0 && status != 200)
            rc = ax_transfer_refused(status, &f->refusal, err);
        if (rc < 0 && (status ? !passes(status) : first && !f->lines->last[0]))
            return rc;
        if (rc < 0 && !f->away)
            ax_cli_error(err);
        f->away |= rc < 0;
        ax_sleep_ms(PAUSE_MS);
    }
}

int ax_follow(const struct ax_cli *c, const char *path, struct ax_stream_lines *lines,
              struct ax_err *err)
{
    struct following f = {.lines = lines};
    ax_transfer_open(&f.transfer, c, NULL);
    int rc = follow(&f, c, path, err);
    ax_transfer_close(&f.transfer);
    ax_buf_free(&f.refusal);
    return rc;
}
