// SPDX-License-Identifier: Apache-2.0
/* Payloads: Monasca's webhook, Slack, PagerDuty. */
#include "notify/inner.h"

#include "base/num.h"

#include <strings.h>

static void text(struct ax_json *j, const char *key, struct ax_str value)
{
    ax_json_key(j, key);
    ax_json_str(j, value);
}

static void raw(struct ax_json *j, const char *key, struct ax_str json, const char *none)
{
    ax_json_key(j, key);
    ax_json_raw(j, json.n ? json : ax_str(none));
}

/* Monasca's ten keys, then ours. */
void ax_form_webhook(const struct ax_letter *l, struct ax_buf *out)
{
    char seconds[AX_NUM_TEXT];
    struct ax_json j = {.out = out};
    ax_json_obj(&j);
    text(&j, "alarm_id", l->x.alarm);
    text(&j, "alarm_definition_id", l->x.definition);
    text(&j, "alarm_name", l->x.name);
    text(&j, "alarm_description", l->x.description);
    ax_json_key(&j, "alarm_timestamp");
    ax_json_raw(&j, (struct ax_str){seconds, ax_seconds_print(l->x.time, seconds)});
    text(&j, "state", l->x.state);
    text(&j, "old_state", l->x.old_state);
    text(&j, "message", l->x.reason);
    text(&j, "tenant_id", l->x.tenant);
    raw(&j, "metrics", l->x.metrics, "[]");
    text(&j, "severity", l->x.severity);
    text(&j, "link", l->x.link);
    text(&j, "lifecycle_state", l->x.lifecycle_state);
    text(&j, "idempotency_key", l->key);
    ax_json_key(&j, "repeat");
    ax_json_int(&j, l->repeat);
    if (l->test) {
        ax_json_key(&j, "test");
        ax_json_bool(&j, true);
    }
    ax_json_end(&j);
}

static bool is_ok(struct ax_str state)
{
    return ax_str_eq(state, AX_STR("OK"));
}

static const char *colour(const struct ax_notice *x)
{
    if (is_ok(x->state))
        return "good";
    return ax_str_eq(x->state, AX_STR("ALARM")) ? "danger" : "warning";
}

/* Slack reads <, > and & as markup. */
static void slack_text(struct ax_str s, struct ax_buf *out)
{
    for (size_t i = 0; i < s.n; i++)
        switch (s.p[i]) {
        case '<': ax_buf_cstr(out, "&lt;"); break;
        case '>': ax_buf_cstr(out, "&gt;"); break;
        case '&': ax_buf_cstr(out, "&amp;"); break;
        default: ax_buf_byte(out, (uint8_t)s.p[i]);
        }
}

static void slack_attachment(const struct ax_notify *n, const struct ax_letter *l,
                             struct ax_json *j)
{
    struct ax_buf words = AX_BUF_INIT, safe = AX_BUF_INIT;
    ax_words_text(n, l, &words);
    slack_text(ax_words_cut(ax_buf_view(&words), 3000), &safe);
    ax_json_obj(j);
    ax_json_key(j, "color");
    ax_json_cstr(j, colour(&l->x));
    text(j, "text", ax_buf_view(&safe));
    text(j, "footer", l->key);
    ax_json_key(j, "ts");
    ax_json_int(j, l->x.time / 1000);
    ax_json_end(j);
    ax_buf_free(&words);
    ax_buf_free(&safe);
}

void ax_form_slack(const struct ax_notify *n, const struct ax_letter *l, size_t count,
                   struct ax_buf *out)
{
    struct ax_buf words = AX_BUF_INIT, safe = AX_BUF_INIT;
    struct ax_json j = {.out = out};
    ax_words_subjects(l, count, &words);
    slack_text(ax_buf_view(&words), &safe);
    ax_json_obj(&j);
    text(&j, "text", ax_buf_view(&safe));
    ax_json_key(&j, "attachments");
    ax_json_arr(&j);
    for (size_t i = 0; i < count; i++)
        slack_attachment(n, &l[i], &j);
    ax_json_end(&j);
    ax_json_end(&j);
    ax_buf_free(&words);
    ax_buf_free(&safe);
}

/* PagerDuty knows critical, error, warning, info. What is undetermined is a warning. */
static const char *pagerduty_severity(const struct ax_notice *x)
{
    static const char *const words[][2] = {
        {"CRITICAL", "critical"}, {"HIGH", "error"}, {"MEDIUM", "warning"}, {"LOW", "info"}};
    for (size_t i = 0; i < AX_ARRAY_LEN(words); i++)
        if (ax_str_eq(x->state, AX_STR("ALARM")) && x->severity.n == strlen(words[i][0]) &&
            strncasecmp(x->severity.p, words[i][0], x->severity.n) == 0)
            return words[i][1];
    return "warning";
}

static void pagerduty_details(struct ax_json *j, const struct ax_letter *l)
{
    ax_json_key(j, "custom_details");
    ax_json_obj(j);
    text(j, "alarm_id", l->x.alarm);
    text(j, "alarm_definition_id", l->x.definition);
    text(j, "description", l->x.description);
    text(j, "state", l->x.state);
    text(j, "old_state", l->x.old_state);
    text(j, "reason", l->x.reason);
    text(j, "lifecycle_state", l->x.lifecycle_state);
    text(j, "idempotency_key", l->key);
    raw(j, "metrics", l->x.metrics, "[]");
    ax_json_end(j);
}

static void pagerduty_payload(const struct ax_letter *l, struct ax_json *j)
{
    struct ax_buf words = AX_BUF_INIT;
    ax_words_subject(l, &words);
    ax_json_key(j, "payload");
    ax_json_obj(j);
    text(j, "summary", ax_words_cut(ax_buf_view(&words), 1024));
    text(j, "source", l->x.tenant.n ? l->x.tenant : AX_STR("auspex"));
    ax_json_key(j, "severity");
    ax_json_cstr(j, pagerduty_severity(&l->x));
    ax_json_key(j, "timestamp");
    ax_json_time(j, l->x.time);
    pagerduty_details(j, l);
    ax_json_end(j);
    ax_buf_free(&words);
}

/* Events v2. An alarm is one incident there: the key for folding is the alarm, not the
 * transition. */
void ax_form_pagerduty(const struct ax_notify *n, const struct ax_letter *l, struct ax_str routing,
                       struct ax_buf *out)
{
    struct ax_json j = {.out = out};
    struct ax_buf link = AX_BUF_INIT;
    bool resolve = is_ok(l->x.state);
    ax_words_link(n, l, &link);
    ax_json_obj(&j);
    text(&j, "routing_key", routing);
    ax_json_key(&j, "event_action");
    ax_json_cstr(&j, resolve ? "resolve" : "trigger");
    text(&j, "dedup_key", ax_words_cut(l->x.alarm, 255));
    if (!resolve)
        pagerduty_payload(l, &j);
    ax_json_key(&j, "client");
    ax_json_cstr(&j, "Auspex");
    if (link.n)
        text(&j, "client_url", ax_buf_view(&link));
    ax_json_end(&j);
    ax_buf_free(&link);
}
