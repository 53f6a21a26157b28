// SPDX-License-Identifier: Apache-2.0
/* A stream of events (text/event-stream) that is followed over breaks, as browsers do it: who comes
 * again with the last id that it saw misses nothing. */
#ifndef AX_CLI_STREAM_H
#define AX_CLI_STREAM_H

#include "cli/inner.h"

/* ---- the lines of a stream ---- */

struct ax_stream_lines {
    struct ax_buf line, data; /* under way */
    bool overlong;            /* what is under way is left out */
    char last[24];            /* id of the last event that was whole; empty: none was */
    char id[24];
    void (*event)(void *ctx, struct ax_str data);
    void *ctx;
};
/* Takes what came; calls `event` for each event that has data and is whole. */
void ax_stream_lines_feed(struct ax_stream_lines *s, struct ax_str bytes);
/* After a break: what is not whole comes again. */
void ax_stream_lines_break(struct ax_stream_lines *s);
void ax_stream_lines_free(struct ax_stream_lines *s);

/* ---- the way there ---- */

/* Follows until the server says no; a server that is away is waited for, which is told once on
 * stderr, but not at the first try. Goes on behind lines->last, when that is set. */
int ax_follow(const struct ax_cli *c, const char *path, struct ax_stream_lines *lines,
              struct ax_err *err);

#endif
