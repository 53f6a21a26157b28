// SPDX-License-Identifier: Apache-2.0
/* Inside the room.
 *
 *     outbox.c  rows in the database          try.c      one transfer: http.c, mail.c, script.c,
 *     items.c   the same rows in memory                  syslog.c
 *     sender.c  who is sent when              forms.c    what is sent: alertmanager.c, words.c
 */
#ifndef AX_NOTIFY_INNER_H
#define AX_NOTIFY_INNER_H

#include "base/buf.h"
#include "base/json.h"
#include "notify/notify.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

#define AX_NOTIFY_TEXT_MAX    (16u << 10)
#define AX_NOTIFY_METRICS_MAX (256u << 10)
#define AX_NOTIFY_REPEAT_MS   60000 /* an Alertmanager forgets what it does not hear again */
#define AX_NOTIFY_ID          37    /* a UUID and a NUL */

/* ---- what is sent ---- */

struct ax_letter {
    struct ax_notice x;
    struct ax_str method, key; /* the key as it is sent, with the repeat's number */
    int64_t repeat;            /* 0: the first time */
    int64_t now;               /* when it is sent */
    bool test;
};

void ax_form_webhook(const struct ax_letter *l, struct ax_buf *out);
void ax_form_slack(const struct ax_notify *n, const struct ax_letter *l, size_t count,
                   struct ax_buf *out);
void ax_form_pagerduty(const struct ax_notify *n, const struct ax_letter *l, struct ax_str routing,
                       struct ax_buf *out);
void ax_form_alerts(const struct ax_notify *n, const struct ax_letter *l, size_t count,
                    struct ax_buf *out);
void ax_form_alert_webhook(const struct ax_notify *n, const struct ax_letter *l,
                           struct ax_buf *out);
void ax_form_mail(const struct ax_notify *n, const struct ax_letter *l, size_t count,
                  struct ax_str to, struct ax_buf *out);
void ax_form_syslog(const struct ax_letter *l, struct ax_str facility, struct ax_buf *out);

/* "ALARM HIGH "name" for Host: a", one line without control characters. */
void ax_words_subject(const struct ax_letter *l, struct ax_buf *out);
/* Many lines for people. */
void ax_words_text(const struct ax_notify *n, const struct ax_letter *l, struct ax_buf *out);
/* The same of several that go in one message. */
void ax_words_subjects(const struct ax_letter *l, size_t count, struct ax_buf *out);
void ax_words_texts(const struct ax_notify *n, const struct ax_letter *l, size_t count,
                    struct ax_buf *out);
/* The key of one, or of the message that several are in. */
void ax_words_key(const struct ax_letter *l, size_t count, struct ax_buf *out);
void ax_words_line(struct ax_str text, size_t max, struct ax_buf *out);
/* Of a rule file's alarm: it has no definition, but labels. */
bool ax_words_is_rule(const struct ax_letter *l);
/* Where people see the alarm; nothing without a URL of this server. */
void ax_words_link(const struct ax_notify *n, const struct ax_letter *l, struct ax_buf *out);
/* The longest beginning of at most max bytes that ends with a whole character. */
struct ax_str ax_words_cut(struct ax_str s, size_t max);
bool ax_words_is_document(const struct ax_letter *l); /* of another room (document.c) */
bool ax_syslog_facility(struct ax_str name, int *out);

/* ---- one transfer ---- */

enum ax_outcome { AX_SENT, AX_AGAIN, AX_REFUSED };

struct ax_try {
    enum ax_notify_type type;
    bool done; /* what follows is filled in */
    bool full; /* AGAIN, and soon: the other side only has no room */
    enum ax_outcome outcome;
    char text[100];  /* why; for the log, so nothing that the other side made up */
    int64_t wait_ms; /* the other side asks for this pause; 0 = it does not */
    int64_t started_ns;
    /* while it runs */
    CURL *easy;
    struct curl_slist *headers, *to;
    struct ax_buf body;
    size_t at, answered; /* bytes of the body sent, of the answer seen */
    char answer[150];    /* its beginning, printable */
    int pid, pidfd;
};

/* Begins it; a done one needs no more. Else it has an easy handle or a pid. */
void ax_try_begin(struct ax_try *t, const struct ax_notify *n, enum ax_notify_type type,
                  struct ax_str address, const struct ax_letter *l, size_t count);
void ax_try_curl(struct ax_try *t, CURLcode rc); /* its transfer came to an end */
void ax_try_end(struct ax_try *t);               /* frees what it holds, kills what runs */
void ax_try_finish(struct ax_try *t, enum ax_outcome outcome, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

void ax_http_begin(struct ax_try *t, const struct ax_notify *n, struct ax_str address,
                   const struct ax_letter *l, size_t count);
void ax_http_judge(struct ax_try *t, CURLcode rc);
void ax_mail_begin(struct ax_try *t, const struct ax_notify *n, struct ax_str address,
                   const struct ax_letter *l, size_t count);
void ax_mail_judge(struct ax_try *t, CURLcode rc);
void ax_script_begin(struct ax_try *t, const struct ax_notify *n, struct ax_str name,
                     const struct ax_letter *l);
void ax_script_look(struct ax_try *t, const struct ax_notify *n); /* done, if it ended or is late */
void ax_syslog_send(struct ax_try *t, const struct ax_notify *n, struct ax_str facility,
                    const struct ax_letter *l);
size_t ax_try_answer(char *data, size_t size, size_t count,
                     void *arg); /* libcurl's write callback */

/* ---- methods ---- */

int ax_notify_check(const struct ax_notify_fields *f, enum ax_notify_type *type,
                    struct ax_err *err);
bool ax_notify_type_parse(struct ax_str name, enum ax_notify_type *out);
bool ax_notify_http_ok(struct ax_str url);
bool ax_notify_mail_ok(struct ax_str address);
/* Whether the operator has named it, not a tenant (rules.c). */
bool ax_notify_is_own(struct ax_str id);
bool ax_notify_script_ok(struct ax_str name);

/* ---- rows ---- */

/* What the sender keeps of a row. */
struct ax_row {
    int64_t id, created, due, tries, repeat;
    struct ax_str method, alarm;
};
int ax_outbox_schema(struct ax_sql *sql, struct ax_err *err);
/* As ax_notify_queue, for methods that are known to be there. */
int ax_outbox_queue(struct ax_notify *n, const struct ax_str *ids, size_t count,
                    const struct ax_notice *x, struct ax_err *err);
/* One of them more, and what is there stays. */
int ax_outbox_insert(struct ax_notify *n, struct ax_str id, const struct ax_notice *x,
                     struct ax_err *err);
/* Rows with id > after in order, at most max, with the lock held. Views live in the arena. */
int ax_outbox_read(struct ax_sql *sql, int64_t after, size_t max, struct ax_arena *a,
                   struct ax_row **out, size_t *count, struct ax_err *err);
/* What a row says, with the lock held: 1, or 0 when it is gone. `now` and `test` are not set. */
int ax_outbox_letter(struct ax_sql *sql, int64_t id, struct ax_arena *a, struct ax_letter *out,
                     struct ax_err *err);
/* In a transaction. Each tells whether the row was there. */
int ax_outbox_delete(struct ax_sql *sql, int64_t id, struct ax_err *err);
int ax_outbox_later(struct ax_sql *sql, int64_t id, int64_t due, int64_t tries, struct ax_err *err);
/* Makes a row that was sent one that stands until its repeat: 1, or 0 when its alarm went on. */
int ax_outbox_stand(struct ax_sql *sql, int64_t id, int64_t due, struct ax_err *err);

/* ---- the whole ---- */

struct ax_sender;
struct ax_notify {
    struct ax_sql *sql;
    struct ax_notify_options o;
    struct ax_arena strings; /* of the options */
    atomic_bool methods_changed;
    atomic_size_t own; /* Alertmanagers of the operator */
    _Atomic uint64_t voided, unknown;
    struct ax_sender *sender;
};
int64_t ax_notify_now(const struct ax_notify *n);
int ax_sender_start(struct ax_notify *n, struct ax_err *err);
void ax_sender_stop(struct ax_sender *s);
void ax_sender_wake(struct ax_sender *s);
void ax_sender_stats(struct ax_sender *s, struct ax_notify_stats *out);

#endif
