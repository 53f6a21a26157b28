// SPDX-License-Identifier: Apache-2.0
/* What happens to alarms, as it is written. */
#include "dispatch/inner.h"

/* ---- what is known of an alarm ---- */

void ax_subject_column(struct ax_stmt *q, struct ax_arena *a, struct ax_subject *out)
{
    struct ax_notice *x = &out->x;
    struct ax_str *const texts[] = {
        &x->alarm,    &x->tenant,          &x->definition, &x->name,     &x->description,
        &x->severity, &x->state,           &x->old_state,  &x->reason,   &x->metrics,
        &x->link,     &x->lifecycle_state, &out->handle,   &out->labels, &out->changes};
    *out = (struct ax_subject){0};
    for (size_t i = 0; i < AX_ARRAY_LEN(texts); i++)
        *texts[i] = ax_arena_str(a, ax_stmt_col(q, (int)i));
    x->time = ax_stmt_col_int(q, 15);
    x->since = ax_stmt_col_int(q, 16);
    out->flapping = ax_stmt_col_int(q, 17);
    x->annotations = ax_arena_str(a, ax_stmt_col(q, 18));
    x->labels = out->labels;
    out->tags = ax_tags_read(out->labels, a);
}

int ax_subject_read(struct ax_dispatch *d, struct ax_str alarm, struct ax_arena *a,
                    struct ax_subject *out, struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, d->o.sql,
                  "SELECT " AX_SUBJECT_COLUMNS " FROM dispatch_alarm WHERE alarm = ?");
    ax_stmt_str(&q, alarm);
    bool there = ax_stmt_row(&q);
    if (there)
        ax_subject_column(&q, a, out);
    int rc = ax_stmt_end(&q, "reading an alarm in", err);
    return rc < 0 ? rc : there;
}

static int write_subject(struct ax_dispatch *d, const struct ax_subject *s, struct ax_err *err)
{
    struct ax_stmt q;
    const struct ax_notice *x = &s->x;
    const struct ax_str texts[] = {x->alarm,       x->tenant,   x->definition, x->name,
                                   x->description, x->severity, x->state,      x->old_state,
                                   x->reason,      x->metrics,  x->link,       x->lifecycle_state,
                                   s->handle,      s->labels,   s->changes};
    ax_stmt_begin(&q, d->o.sql,
                  "INSERT OR REPLACE INTO dispatch_alarm(" AX_SUBJECT_COLUMNS
                  ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    for (size_t i = 0; i < AX_ARRAY_LEN(texts); i++)
        ax_stmt_str(&q, texts[i]);
    ax_stmt_int(&q, x->time);
    ax_stmt_int(&q, x->since);
    ax_stmt_int(&q, s->flapping);
    ax_stmt_str(&q, x->annotations);
    return ax_stmt_run(&q, "writing an alarm to", err);
}

static struct ax_subject subject_of(const struct ax_notice *x, struct ax_str handle,
                                    struct ax_arena *a)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf labels = AX_BUF_INIT;
    ax_notify_labels(x, &labels);
    struct ax_subject s = {.x = *x, .labels = ax_arena_str(a, ax_buf_view(&labels))};
    if (!ax_str_eq(handle, AX_STR("-")))
        s.handle = handle;
    s.tags = ax_tags_read(s.labels, a);
    return s;
}

/* ---- a transition ---- */

static bool is_one_of(struct ax_str one, const struct ax_str *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ax_str_eq(v[i], one))
            return true;
    return false;
}

/* Those who know of the alarm and do not want this state: what was held for them is over. */
static int pass_over(struct ax_dispatch *d, const struct ax_subject *s, struct ax_word *words,
                     size_t nwords, const struct ax_str *methods, size_t count, struct ax_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < nwords; i++) {
        struct ax_word *w = &words[i];
        if (is_one_of(w->method, methods, count) || (w->past && !w->held))
            continue;
        w->past = true;
        w->held = 0;
        rc = ax_word_write(d, s, w, err);
    }
    return rc;
}

static struct ax_word word_of(struct ax_str method, const struct ax_word *words, size_t nwords)
{
    for (size_t i = 0; i < nwords; i++)
        if (ax_str_eq(words[i].method, method))
            return words[i];
    return (struct ax_word){.method = method};
}

static int say(struct ax_dispatch *d, const struct ax_subject *s, const struct ax_str *methods,
               size_t count, struct ax_arena *a, struct ax_err *err)
{
    struct ax_verdict verdict;
    struct ax_word *words;
    size_t nwords;
    int rc = ax_words_read(d, s->x.alarm, a, &words, &nwords, err);
    if (rc == 0)
        rc = pass_over(d, s, words, nwords, methods, count, err);
    if (rc == 0)
        rc = ax_judge(d, s, a, &verdict, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct ax_word w = word_of(methods[i], words, nwords);
        if (!is_one_of(methods[i], methods, i))
            rc = ax_word_say(d, s, &w, &verdict, err);
    }
    return rc;
}

int ax_dispatch_transition(struct ax_dispatch *d, const struct ax_notice *x,
                           const struct ax_str *methods, size_t count, struct ax_str handle,
                           struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_subject s = subject_of(x, handle, &a);
    struct ax_book *b;
    d->resolved = true;
    int rc = ax_flap_note(d, &s, &a, err);
    if (rc == 0)
        rc = write_subject(d, &s, err);
    if (rc == 0)
        rc = ax_book_of(d, x->tenant, &b, err);
    if (rc == 0)
        rc = ax_inhibit_note(d, b, &s, &a, err);
    if (rc == 0)
        rc = ax_notify_queue(d->notify, NULL, 0, x, err); /* repeats of the older state end */
    if (rc == 0)
        rc = say(d, &s, methods, count, &a, err);
    ax_arena_free(&a);
    return rc;
}

int ax_dispatch_reword(struct ax_dispatch *d, struct ax_str alarm, struct ax_str annotations,
                       struct ax_err *err)
{
    struct ax_stmt q;
    ax_stmt_begin(&q, d->o.sql, "UPDATE dispatch_alarm SET annotations = ? WHERE alarm = ?");
    ax_stmt_str(&q, annotations);
    ax_stmt_str(&q, alarm);
    return ax_stmt_run(&q, "writing an alarm to", err);
}

int ax_dispatch_ended(struct ax_dispatch *d, struct ax_str tenant, struct ax_str alarm,
                      struct ax_err *err)
{
    static const char *const statements[] = {
        "DELETE FROM dispatch_alarm WHERE alarm = ? AND tenant = ?",
        "DELETE FROM dispatch_word WHERE alarm = ? AND tenant = ?",
        "DELETE FROM inhibition_source WHERE alarm = ?1 AND ?2 != ''",
    };
    int rc = 0;
    d->resolved = true;
    for (size_t i = 0; rc == 0 && i < AX_ARRAY_LEN(statements); i++) {
        struct ax_stmt q;
        ax_stmt_begin(&q, d->o.sql, statements[i]);
        ax_stmt_str(&q, alarm);
        ax_stmt_str(&q, tenant);
        rc = ax_stmt_run(&q, "writing", err);
    }
    return rc < 0 ? rc : ax_notify_ended(d->notify, tenant, alarm, err);
}
