// SPDX-License-Identifier: Apache-2.0
/* Why a notification is held, if it is. */
#include "dispatch/inner.h"

static bool is_silenced(struct ax_dispatch *d, const struct ax_book *b, const struct ax_subject *s,
                        struct ax_reason *out)
{
    int64_t now = ax_dispatch_now(d);
    for (size_t i = 0; i < b->nsilences; i++) {
        const struct ax_book_silence *x = &b->silences[i];
        if (x->starts <= now && now < x->ends && ax_matchers_match(&x->matchers, &s->tags)) {
            *out = (struct ax_reason){AX_HOLD_SILENCE, x->id};
            return true;
        }
    }
    return false;
}

static bool is_maintained(struct ax_dispatch *d, const struct ax_book *b,
                          const struct ax_subject *s, const struct ax_place *p,
                          struct ax_reason *out)
{
    int64_t now = ax_dispatch_now(d);
    for (size_t i = 0; s->handle.n && i < b->nworks; i++) {
        const struct ax_maintenance *m = &b->works[i];
        bool meant = ax_str_eq(m->resource, s->handle) || ax_str_eq(m->resource, p->handle) ||
                     ax_str_eq(m->resource, p->host);
        if (meant && m->starts <= now && now < m->ends) {
            *out = (struct ax_reason){AX_HOLD_MAINTENANCE, m->id};
            return true;
        }
    }
    return false;
}

/* What people have asked for. */
static int judge_wishes(struct ax_dispatch *d, const struct ax_subject *s,
                        const struct ax_place *place, struct ax_arena *a, struct ax_reason *out,
                        struct ax_err *err)
{
    struct ax_book *b;
    *out = (struct ax_reason){.why = AX_HOLD_NOT};
    int rc = ax_book_of(d, s->x.tenant, &b, err);
    if (rc < 0)
        return rc;
    if (!is_maintained(d, b, s, place, out) && !is_silenced(d, b, s, out))
        return ax_inhibit_judge(d, b, s, a, out, err);
    out->ref = ax_arena_str(a, out->ref);
    return 0;
}

static int find_place(struct ax_dispatch *d, const struct ax_subject *s, struct ax_arena *a,
                      struct ax_place *out, struct ax_err *err)
{
    *out = (struct ax_place){0};
    if (!s->handle.n)
        return 0;
    return ax_registry_place(d->o.registry, s->x.tenant, s->handle, a, out, err);
}

int ax_judge_maintenance(struct ax_dispatch *d, const struct ax_book *b, const struct ax_subject *s,
                         struct ax_arena *a, struct ax_reason *out, struct ax_err *err)
{
    struct ax_place place;
    *out = (struct ax_reason){.why = AX_HOLD_NOT};
    if (!s->handle.n || !b->nworks)
        return 0;
    int rc = find_place(d, s, a, &place, err);
    if (rc == 0)
        is_maintained(d, b, s, &place, out);
    return rc;
}

int ax_judge(struct ax_dispatch *d, const struct ax_subject *s, struct ax_arena *a,
             struct ax_verdict *out, struct ax_err *err)
{
    struct ax_place place;
    *out = (struct ax_verdict){.all = {.why = AX_HOLD_NOT}};
    int rc = find_place(d, s, a, &place, err);
    if (rc == 0)
        rc = judge_wishes(d, s, &place, a, &out->all, err);
    return rc < 0 ? rc : ax_incident_of(d, s, &place, a, &out->incident, err);
}

bool ax_dispatch_quiet(struct ax_dispatch *d, struct ax_str tenant, struct ax_str alarm)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_subject s;
    struct ax_place place;
    struct ax_reason reason = {.why = AX_HOLD_NOT};
    bool ok = ax_subject_read(d, alarm, &a, &s, NULL) > 0 && ax_str_eq(s.x.tenant, tenant) &&
              find_place(d, &s, &a, &place, NULL) == 0 &&
              judge_wishes(d, &s, &place, &a, &reason, NULL) == 0;
    ax_arena_free(&a);
    return ok && reason.why != AX_HOLD_NOT;
}

static bool is_of_dead_host(const struct ax_verdict *v)
{
    return v->incident.down && v->incident.id.n;
}

int ax_judge_method(struct ax_dispatch *d, const struct ax_subject *s, const struct ax_verdict *v,
                    const struct ax_word *w, struct ax_arena *a, struct ax_reason *out,
                    struct ax_str *lead, struct ax_err *err)
{
    *out = v->all;
    *lead = AX_STR_NULL;
    if (v->all.why != AX_HOLD_NOT)
        return 0;
    if (is_of_dead_host(v)) {
        int told = ax_incident_told(d, v->incident.id, w->method, err);
        if (told < 0)
            return told;
        if (told)
            *out = (struct ax_reason){AX_HOLD_INCIDENT, v->incident.id};
        else if (!ax_str_eq(s->x.state, AX_STR("OK")))
            *lead = ax_arena_printf(a,
                                    "Host %.*s is down; further alarms of things on it are held "
                                    "in incident %.*s. ",
                                    AX_STR_ARG(v->incident.name), AX_STR_ARG(v->incident.id));
    }
    if (out->why == AX_HOLD_NOT && ax_flap_is(d, s)) {
        if (w->flap == s->flapping)
            *out = (struct ax_reason){AX_HOLD_FLAPPING, s->x.alarm};
        else if (!lead->n)
            *lead = ax_flap_text(d, a);
    }
    return 0;
}

int ax_judge_done(struct ax_dispatch *d, const struct ax_subject *s, const struct ax_verdict *v,
                  struct ax_word *w, struct ax_err *err)
{
    bool first = is_of_dead_host(v) && !ax_str_eq(s->x.state, AX_STR("OK"));
    if (ax_flap_is(d, s) && !first)
        w->flap = s->flapping;
    if (first)
        return ax_incident_tell(d, v->incident.id, w->method, err);
    return 0;
}

/* A statement that has a row as long as the reason is one, with its id and the time. */
static int has_row(struct ax_dispatch *d, const char *text, struct ax_str id, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, d->o.sql, text);
    ax_stmt_str(&q, id);
    ax_stmt_int(&q, ax_dispatch_now(d));
    bool there = ax_stmt_row(&q);
    int rc = ax_stmt_end(&q, "reading", err);
    return rc < 0 ? rc : there;
}

int ax_reason_lasts(struct ax_dispatch *d, struct ax_str tenant, const struct ax_reason *r,
                    struct ax_err *err)
{
    switch (r->why) {
    case AX_HOLD_SILENCE:
        return has_row(d, "SELECT 1 FROM silence WHERE id = ?1 AND starts <= ?2 AND ends > ?2",
                       r->ref, err);
    case AX_HOLD_MAINTENANCE:
        return has_row(d, "SELECT 1 FROM maintenance WHERE id = ?1 AND starts <= ?2 AND ends > ?2",
                       r->ref, err);
    case AX_HOLD_INHIBITION: return ax_inhibit_lasts(d, r->ref, err);
    case AX_HOLD_FLAPPING: return ax_flap_lasts(d, r->ref, err);
    case AX_HOLD_INCIDENT:
        return has_row(d, "SELECT 1 FROM incident WHERE id = ?1 AND ended = 0 AND ?2 > 0", r->ref,
                       err);
    case AX_HOLDS:
    case AX_HOLD_NOT: break;
    }
    return 0;
}
