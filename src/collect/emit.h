// SPDX-License-Identifier: Apache-2.0
/* The emitter: turns "this name, these labels, this value" into series of a round.
 *
 * It keeps the canonical label bytes of each series from round to round under a short key (scope,
 * name, label values), so that a round hashes and copies but never sorts or checks; and because it
 * knows what the round before had, it is also what notices that a series is gone and ends it with
 * a staleness marker. One thread. */
#ifndef AX_COLLECT_EMIT_H
#define AX_COLLECT_EMIT_H

#include "base/map.h"
#include "model/sample.h"

#define AX_SCOPE_LABELS 12
#define AX_EMIT_MAX     50000 /* series in one round; more are refused and counted */

/* Labels that a group of series has in common (a host, a domain). The views must live as long as
 * the scope is used. A changed label needs a new scope: call ax_scope_new again. */
struct ax_emit_scope {
    uint32_t id;
    size_t n;
    struct ax_label v[AX_SCOPE_LABELS];
};

struct ax_emit_series {
    struct ax_str key, labels; /* in the emitter's arena */
    uint64_t round;            /* the last one that had it; 0 = labels are unusable */
};

struct ax_emitter {
    struct ax_arena arena;
    struct ax_map map; /* key -> index of series */
    struct ax_emit_series *series;
    size_t n, cap;
    uint32_t scopes;
    struct ax_batch *batch;
    int64_t now;
    uint64_t round;
    size_t live;      /* series in this round */
    uint64_t refused; /* in this process's life: bad labels, or past AX_EMIT_MAX */
};

void ax_emitter_free(struct ax_emitter *e);
void ax_scope_new(struct ax_emitter *e, struct ax_emit_scope *s, const struct ax_label *v,
                  size_t n);

void ax_emit_begin(struct ax_emitter *e, struct ax_batch *batch, int64_t now);
/* NaN means "unknown": nothing is emitted. A series given twice in a round counts once, the first.
 * For one name the extra labels must always have the same names in the same order. */
void ax_emit(struct ax_emitter *e, const struct ax_emit_scope *s, const char *name, double v);
void ax_emit1(struct ax_emitter *e, const struct ax_emit_scope *s, const char *name,
              const char *label, struct ax_str value, double v);
void ax_emit_with(struct ax_emitter *e, const struct ax_emit_scope *s, const char *name,
                  const struct ax_label *extra, size_t nextra, double v);
/* The scope's series of the round before go on without a sample in this one: what tells them is
 * late, not gone. */
void ax_emit_hold(struct ax_emitter *e, const struct ax_emit_scope *s);
/* Ends the round: staleness markers for what was there in the round before and is no more. */
void ax_emit_end(struct ax_emitter *e);

#endif
