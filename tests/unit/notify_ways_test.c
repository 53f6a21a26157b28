// SPDX-License-Identifier: Apache-2.0
/* Each way out, at its other end: Slack, PagerDuty, both of Alertmanager's, scripts, the log. */
#include "notify_kit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/un.h>

#define T0 1795314600250

static const char *text_at(json_t *o, const char *a, const char *b)
{
    o = json_object_get(o, a);
    return json_string_value(b ? json_object_get(o, b) : o);
}

static struct ax_str way(struct receiver *r, const char *type)
{
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/%s", r->port, type);
    return kit_method(type, url, 0);
}

static void slack_gets_its_attachment_without_markup_of_others(void **state)
{
    struct receiver *r = receiver_new(200);
    kit_open(&(struct ax_notify_options){0});
    struct ax_str m = way(r, "SLACK");
    struct ax_notice x = kit_notice("a1", "ALARM", T0);
    x.name = AX_STR("<!channel> & co");
    assert_int_equal(kit_queue_rc(&m, 1, &x, NULL), 0);
    assert_true(receiver_waits(r, 1, 5000));
    json_t *o = receiver_json(r, 0);
    json_t *part = json_array_get(json_object_get(o, "attachments"), 0);
    assert_string_equal(text_at(o, "text", NULL),
                        "ALARM HIGH \"&lt;!channel&gt; &amp; co\" for Host: web1");
    assert_string_equal(text_at(part, "color", NULL), "danger");
    assert_null(strstr(r->got[0].body, "<!"));
    assert_non_null(strstr(text_at(part, "text", NULL), "hostname=web1"));
    json_decref(o);
    receiver_free(r);
}

static void people_get_many_in_one_message_and_programs_each_alone(void **state)
{
    struct receiver *slack = receiver_new(200), *hook = receiver_new(200);
    struct ax_notify_options o = kit_clock();
    size_t total = 0;
    o.burst = 5;
    kit_open(&o);
    struct ax_str m[2] = {way(slack, "SLACK"), way(hook, "WEBHOOK")};
    assert_int_equal(ax_sql_begin(sql, NULL), 0);
    for (int i = 0; i < 50; i++) {
        char alarm[8];
        snprintf(alarm, sizeof alarm, "a%d", i);
        struct ax_notice x = kit_notice(alarm, "ALARM", T0);
        assert_int_equal(ax_notify_queue(notify, m, 2, &x, NULL), 0);
    }
    assert_int_equal(ax_sql_end(sql, 0, NULL), 0);
    ax_notify_wake(notify);
    assert_true(receiver_waits(hook, 5, 5000)); /* and the others as the rate lets them */
    assert_true(receiver_waits(slack, 3, 5000));
    assert_int_equal(receiver_count(slack), 3);
    for (int i = 0; i < 3; i++) {
        json_t *got = receiver_json(slack, i);
        size_t n = json_array_size(json_object_get(got, "attachments"));
        assert_true(n <= 20);
        total += n;
        if (i == 0) {
            assert_non_null(strstr(text_at(got, "text", NULL), "20 notifications: ALARM HIGH"));
            assert_int_equal(strncmp(slack->got[i].key, "group-", 6), 0);
        }
        json_decref(got);
    }
    assert_int_equal(total, 50);
    assert_int_equal(receiver_count(hook), 5);
    receiver_free(slack);
    receiver_free(hook);
}

static void pagerduty_triggers_and_resolves_one_incident(void **state)
{
    struct receiver *r = receiver_new(202);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/v2/enqueue", r->port);
    kit_open(&(struct ax_notify_options){.pagerduty_url = url, .url = "http://auspex:8070/"});
    struct ax_str m = kit_method("PAGERDUTY", "routing-key-1", 0);
    kit_queue(m, "a1", "ALARM", T0);
    kit_queue(m, "a1", "OK", T0 + 1);
    kit_queue(m, "a1", "UNDETERMINED", T0 + 2);
    assert_true(receiver_waits(r, 3, 5000));
    json_t *on = receiver_json(r, 0), *off = receiver_json(r, 1), *unknown = receiver_json(r, 2);
    assert_string_equal(text_at(on, "event_action", NULL), "trigger");
    assert_string_equal(text_at(on, "routing_key", NULL), "routing-key-1");
    assert_string_equal(text_at(on, "dedup_key", NULL), "a1");
    assert_string_equal(text_at(on, "payload", "severity"), "error");
    assert_string_equal(text_at(on, "payload", "timestamp"), "2026-11-22T02:30:00.250Z");
    assert_string_equal(text_at(on, "client_url", NULL), "http://auspex:8070/v2.0/alarms/a1");
    assert_string_equal(text_at(off, "event_action", NULL), "resolve");
    assert_string_equal(text_at(off, "dedup_key", NULL), "a1");
    assert_string_equal(text_at(unknown, "event_action", NULL), "trigger");
    assert_string_equal(text_at(unknown, "payload", "severity"), "warning");
    json_decref(on);
    json_decref(off);
    json_decref(unknown);
    receiver_free(r);
}

static void alertmanagers_webhook_has_version_4(void **state)
{
    struct receiver *r = receiver_new(200);
    kit_open(&(struct ax_notify_options){.url = "http://auspex:8070"});
    struct ax_str m = way(r, "ALERTMANAGER_WEBHOOK");
    struct ax_notice x = kit_notice("a1", "OK", T0);
    x.since = T0 - 60000;
    x.labels = AX_STR("{\"alertname\":\"Busy\",\"0bad.name\":\"v\"}");
    x.annotations = AX_STR("{\"summary\":\"as the rule says\"}");
    kit_queue(m, "a1", "ALARM", T0 - 60000);
    assert_true(receiver_waits(r, 1, 5000));
    assert_int_equal(kit_queue_rc(&m, 1, &x, NULL), 0);
    assert_true(receiver_waits(r, 2, 5000));
    json_t *on = receiver_json(r, 0), *off = receiver_json(r, 1);
    json_t *a = json_array_get(json_object_get(on, "alerts"), 0);
    json_t *b = json_array_get(json_object_get(off, "alerts"), 0);
    assert_string_equal(text_at(on, "version", NULL), "4");
    assert_string_equal(text_at(on, "status", NULL), "firing");
    assert_string_equal(text_at(on, "groupLabels", "alertname"), "cpu high");
    assert_string_equal(text_at(on, "externalURL", NULL), "http://auspex:8070");
    assert_string_equal(text_at(a, "labels", "severity"), "high");
    assert_string_equal(text_at(a, "labels", "service_name"), "shop");
    assert_string_equal(text_at(a, "annotations", "description"), "The CPU is busy");
    assert_string_equal(text_at(a, "endsAt", NULL), "0001-01-01T00:00:00Z");
    assert_int_equal(strlen(text_at(a, "fingerprint", NULL)), 16);
    assert_string_equal(text_at(off, "status", NULL), "resolved");
    assert_string_equal(text_at(b, "startsAt", NULL), "2026-11-22T02:29:00.250Z");
    assert_string_equal(text_at(b, "endsAt", NULL), "2026-11-22T02:30:00.250Z");
    assert_string_equal(text_at(b, "labels", "_0bad_name"), "v");
    assert_null(json_object_get(json_object_get(b, "labels"), "severity"));
    assert_string_equal(text_at(b, "annotations", "summary"), "as the rule says");
    json_decref(on);
    json_decref(off);
    receiver_free(r);
}

static void an_alertmanager_hears_again_of_what_lasts_and_in_one_post(void **state)
{
    struct receiver *r = receiver_new(200);
    struct ax_notify_options o = kit_clock();
    size_t total = 0;
    kit_open(&o);
    struct ax_str m = way(r, "ALERTMANAGER");
    assert_int_equal(ax_sql_begin(sql, NULL), 0);
    for (int i = 0; i < 100; i++) {
        char alarm[8];
        snprintf(alarm, sizeof alarm, "a%d", i);
        struct ax_notice x = kit_notice(alarm, "ALARM", T0);
        assert_int_equal(ax_notify_queue(notify, &m, 1, &x, NULL), 0);
    }
    assert_int_equal(ax_sql_end(sql, 0, NULL), 0);
    ax_notify_wake(notify);
    assert_true(receiver_waits(r, 2, 5000));
    struct ax_notify_stats s = {0};
    while (s.repeating < 100) {
        ax_sleep_ms(5);
        ax_notify_stats(notify, &s);
    }
    assert_int_equal(receiver_count(r), 2);
    for (int i = 0; i < 2; i++) {
        json_t *all = receiver_json(r, i), *one = json_array_get(all, 0);
        total += json_array_size(all);
        assert_string_equal(text_at(one, "labels", "alertname"), "cpu high");
        assert_string_equal(text_at(one, "startsAt", NULL), "2026-11-22T02:30:00.250Z");
        assert_string_equal(text_at(one, "endsAt", NULL), "2026-11-22T02:35:00.000Z");
        json_decref(all);
    }
    assert_int_equal(total, 100);
    assert_non_null(strstr(r->got[0].head, "/api/v2/alerts "));
    kit_pass(60000);
    assert_true(receiver_waits(r, 4, 5000));
    json_t *told = receiver_json(r, 2), *again = json_array_get(told, 0);
    assert_string_equal(text_at(again, "startsAt", NULL), "2026-11-22T02:30:00.250Z");
    assert_string_equal(text_at(again, "endsAt", NULL), "2026-11-22T02:36:00.000Z");
    json_decref(told);
    kit_queue(m, "a0", "OK", T0 + 70000);
    kit_pass(1);
    assert_true(receiver_waits(r, 5, 5000));
    assert_true(kit_rows_become(99, 5000)); /* what is over is not told again */
    receiver_free(r);
}

static void of_alerts_that_are_refused_together_each_is_tried_alone(void **state)
{
    struct receiver *r = receiver_new(400);
    struct ax_notify_stats s = {0};
    kit_open(&(struct ax_notify_options){0});
    struct ax_str m = way(r, "ALERTMANAGER");
    assert_int_equal(ax_sql_begin(sql, NULL), 0);
    for (int i = 0; i < 3; i++) {
        char alarm[8];
        snprintf(alarm, sizeof alarm, "a%d", i);
        struct ax_notice x = kit_notice(alarm, "OK", T0);
        assert_int_equal(ax_notify_queue(notify, &m, 1, &x, NULL), 0);
    }
    assert_int_equal(ax_sql_end(sql, 0, NULL), 0);
    ax_notify_wake(notify);
    assert_true(kit_rows_become(0, 5000));
    ax_notify_stats(notify, &s);
    assert_int_equal(r->asked, 4);
    assert_int_equal(s.by_type[AX_NOTIFY_ALERTMANAGER].failed, 3);
    receiver_free(r);
}

/* ---- scripts ---- */

static void write_script(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", kit_dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    chmod(path, 0755);
}

static bool file_comes(const char *name, int64_t ms, struct ax_buf *out)
{
    char path[128];
    int64_t until = ax_mono_ns() + ms * 1000000;
    snprintf(path, sizeof path, "%s/%s", kit_dir, name);
    while (ax_mono_ns() < until) {
        ax_buf_clear(out);
        if (ax_file_read(AT_FDCWD, path, 1 << 20, out, NULL) == 0 && out->n)
            return true;
        ax_sleep_ms(10);
    }
    return false;
}

static void a_script_gets_the_payload_and_its_status_counts(void **state)
{
    char text[256];
    struct ax_buf got = AX_BUF_INIT;
    struct ax_notify_stats s = {0};
    kit_open(&(struct ax_notify_options){.script_dir = kit_dir});
    snprintf(text, sizeof text,
             "#!/bin/sh\ncat >%s/got.part; echo \"$#\" >>%s/got.part\n"
             "mv %s/got.part %s/got\n",
             kit_dir, kit_dir, kit_dir, kit_dir);
    write_script("tell", text);
    write_script("never", "#!/bin/sh\nexit 64\n");
    write_script("later", "#!/bin/sh\nexit 75\n");
    kit_queue(kit_method("SCRIPT", "tell", 0), "a1", "ALARM", T0);
    assert_true(file_comes("got", 5000, &got));
    assert_non_null(strstr(got.p, "\"alarm_id\":\"a1\""));
    assert_memory_equal(got.p + got.n - 2, "0\n", 2);
    kit_queue(kit_method("SCRIPT", "never", 0), "a1", "ALARM", T0);
    while (s.by_type[AX_NOTIFY_SCRIPT].failed == 0)
        ax_notify_stats(notify, &s);
    kit_queue(kit_method("SCRIPT", "later", 0), "a1", "ALARM", T0);
    while (s.by_type[AX_NOTIFY_SCRIPT].retried == 0)
        ax_notify_stats(notify, &s);
    kit_queue(kit_method("SCRIPT", "missing", 0), "a1", "ALARM", T0);
    while (s.by_type[AX_NOTIFY_SCRIPT].retried < 2)
        ax_notify_stats(notify, &s);
    assert_int_equal(s.by_type[AX_NOTIFY_SCRIPT].sent, 1);
    ax_buf_free(&got);
}

static void a_script_that_hangs_is_killed_with_its_children(void **state)
{
    char text[256];
    struct ax_buf got = AX_BUF_INIT;
    struct ax_notify_said said;
    struct ax_err err = {0};
    int64_t child;
    kit_open(&(struct ax_notify_options){.script_dir = kit_dir, .script_ms = 300});
    snprintf(text, sizeof text, "#!/bin/sh\nsleep 1000 &\necho $! >%s/child\nwait\n", kit_dir);
    write_script("hang", text);
    struct ax_str m = kit_method("SCRIPT", "hang", 0);
    assert_int_equal(ax_notify_test(notify, TENANT, m, &said, &err), -EIO);
    assert_non_null(strstr(err.text, "longer than 300 ms"));
    assert_true(said.took_ms < 20000);
    assert_true(file_comes("child", 1000, &got));
    assert_true(ax_str_i64(ax_str_trim(ax_buf_view(&got)), &child));
    snprintf(text, sizeof text, "/proc/%lld/stat", (long long)child);
    bool there = true;
    for (int i = 0; there && i < 200; i++) { /* init may take its time to bury it */
        ax_buf_clear(&got);
        there = ax_file_read(AT_FDCWD, text, 4096, &got, NULL) == 0;
        ax_buf_byte(&got, 0);
        there = there && !strstr(got.p, ") Z");
        ax_sleep_ms(10);
    }
    assert_false(there);
    ax_buf_free(&got);
}

static void of_many_scripts_a_few_run_at_once(void **state)
{
    char text[256];
    struct ax_buf got = AX_BUF_INIT;
    kit_open(&(struct ax_notify_options){.script_dir = kit_dir, .scripts = 2});
    snprintf(text, sizeof text, "#!/bin/sh\necho x >>%s/log\nsleep 0.2\n", kit_dir);
    write_script("slow", text);
    int64_t start = ax_mono_ns();
    for (int i = 0; i < 6; i++) {
        char alarm[8];
        snprintf(alarm, sizeof alarm, "a%d", i);
        kit_queue(kit_method("SCRIPT", "slow", 0), alarm, "ALARM", T0);
    }
    assert_true(kit_rows_become(0, 10000));
    assert_true(ax_mono_ns() - start >= 600000000); /* 6 of 0.2 s by twos */
    assert_true(file_comes("log", 1000, &got));
    assert_int_equal(got.n, 12);
    ax_buf_free(&got);
}

/* ---- the log ---- */

static void the_log_gets_one_line_with_fields(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char line[9000];
    snprintf(at.sun_path, sizeof at.sun_path, "%s/log", kit_dir);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    kit_open(&(struct ax_notify_options){.syslog_path = at.sun_path});
    struct ax_str m = kit_method("SYSLOG", "local1", 0);
    struct ax_notice x = kit_notice("a1", "ALARM", T0);
    x.reason = AX_STR("two\nlines");
    x.lifecycle_state = AX_STR("a]\"b\\");
    assert_int_equal(kit_queue_rc(&m, 1, &x, NULL), 0);
    ssize_t n = recv(fd, line, sizeof line - 1, 0);
    assert_true(n > 0);
    line[n] = 0;
    assert_int_equal(strncmp(line, "<139>", 5), 0); /* local1.err */
    assert_non_null(strstr(line, " auspex: ALARM HIGH \"cpu high\" for Host: web1: two lines ["));
    assert_non_null(strstr(line, " state=\"ALARM\""));
    assert_non_null(strstr(line, " lifecycle_state=\"a\\]\\\"b\\\\\""));
    assert_null(strchr(line, '\n'));
    close(fd);
    unlink(at.sun_path);
    assert_true(kit_rows_become(0, 5000));
    kit_queue(m, "a2", "ALARM", T0); /* the log is away: tried again */
    struct ax_notify_stats s = {0};
    while (s.by_type[AX_NOTIFY_SYSLOG].retried == 0)
        ax_notify_stats(notify, &s);
}

static void a_log_that_is_full_is_written_to_a_little_later(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct ax_notify_stats s = {0};
    char line[9000];
    int got = 0;
    snprintf(at.sun_path, sizeof at.sun_path, "%s/log", kit_dir);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    kit_open(&(struct ax_notify_options){.syslog_path = at.sun_path, .burst = 1000});
    struct ax_str m = kit_method("SYSLOG", "local1", 0);
    for (int i = 0; i < 100; i++) { /* nobody reads: net.unix.max_dgram_qlen is 10 to 512 */
        char alarm[8];
        snprintf(alarm, sizeof alarm, "a%d", i);
        kit_queue(m, alarm, "ALARM", T0);
    }
    ax_sleep_ms(200);
    struct timeval brief = {5, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof brief);
    while (got < 100 && recv(fd, line, sizeof line, 0) > 0)
        got++;
    assert_int_equal(got, 100);
    ax_notify_stats(notify, &s);
    assert_int_equal(s.by_type[AX_NOTIFY_SYSLOG].retried, 0);
    close(fd);
}

/* ---- mail ---- */

static void no_text_can_begin_a_header(void **state)
{
    static const char evil[] = "x\r\nBcc: victim@example.org\r\n\r\nbody\n.\r\nRSET\r\n"
                               "\xc3\xa4\xc3\xb6 a long name that goes on and on and on";
    struct ax_buf out = AX_BUF_INIT;
    kit_open(&(struct ax_notify_options){.mail_from = "auspex@example.org"});
    struct ax_notice x = kit_notice("a1\r\nX: y", "ALARM\r\nX: y", T0);
    x.name = x.severity = x.reason = x.description = ax_str(evil);
    x.metrics = AX_STR("[{\"name\":\"m\",\"dimensions\":{\"hostname\":\"h\\r\\nCc: a@b\"}}]");
    struct ax_letter l = {.x = x, .key = AX_STR("0123"), .now = T0};
    ax_form_mail(notify, &l, 1, AX_STR("to@example.org"), &out);
    ax_buf_byte(&out, 0);
    char *body = strstr(out.p, "\r\n\r\n");
    assert_non_null(body);
    body[2] = 0;
    static const char *const known[] = {"From: <auspex@example.org>",
                                        "To: <to@example.org>",
                                        "Date: ",
                                        "Message-ID: <0123@",
                                        "Idempotency-Key: 0123",
                                        "Subject: =?UTF-8?B?",
                                        " =?UTF-8?B?",
                                        "Auto-Submitted: ",
                                        "MIME-Version: ",
                                        "Content-Type: ",
                                        "Content-Transfer-Encoding: base64"};
    int lines = 0;
    for (char *line = out.p, *next; *line; line = next + 2, lines++) {
        bool ok = false;
        next = strstr(line, "\r\n");
        assert_non_null(next);
        assert_true(next - line <= 76);
        for (size_t i = 0; i < AX_ARRAY_LEN(known); i++)
            ok |= strncmp(line, known[i], strlen(known[i])) == 0;
        if (!ok)
            fail_msg("a header of its own: %.*s", (int)(next - line), line);
    }
    assert_true(lines > 10);
    for (char *p = body + 4; *p; p++)
        assert_true(strchr("\r\n=+/", *p) || (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'z'));
    ax_buf_free(&out);
}

static void without_a_mail_server_mails_wait(void **state)
{
    struct ax_notify_stats s = {0};
    kit_open(&(struct ax_notify_options){0});
    kit_queue(kit_method("EMAIL", "a@example.org", 0), "a1", "ALARM", T0);
    while (s.by_type[AX_NOTIFY_EMAIL].retried == 0)
        ax_notify_stats(notify, &s);
    assert_int_equal(kit_rows(), 1);
}

static void notices_are_bounded_and_say_so(void **state)
{
    struct receiver *r = receiver_new(200);
    struct ax_buf metrics = AX_BUF_INIT, reason = AX_BUF_INIT;
    kit_open(&(struct ax_notify_options){0});
    struct ax_str m = way(r, "WEBHOOK");
    struct ax_notice x = kit_notice("a1", "ALARM", T0);
    for (int i = 0; i < 10000; i++) {
        ax_buf_printf(&metrics, "%s{\"name\":\"metric.%d\",\"dimensions\":{\"hostname\":\"h%d\"}}",
                      i ? "," : "[", i, i);
        ax_buf_cstr(&reason, "\xc3\xa4\xc3\xb6\xc3\xbc");
    }
    ax_buf_byte(&metrics, ']');
    x.metrics = ax_buf_view(&metrics);
    x.reason = ax_buf_view(&reason);
    assert_int_equal(kit_queue_rc(&m, 1, &x, NULL), 0);
    assert_true(receiver_waits(r, 1, 5000));
    json_t *o = receiver_json(r, 0), *list = json_object_get(o, "metrics");
    size_t n = json_array_size(list);
    json_t *left = json_object_get(json_array_get(list, n - 1), "left_out");
    assert_int_equal(json_integer_value(left) + (json_int_t)n - 1, 10000);
    assert_true(json_string_length(json_object_get(o, "message")) <= 16384);
    json_decref(o);
    ax_buf_free(&metrics);
    ax_buf_free(&reason);
    receiver_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(slack_gets_its_attachment_without_markup_of_others,
                                        kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(people_get_many_in_one_message_and_programs_each_alone,
                                        kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(pagerduty_triggers_and_resolves_one_incident, kit_begin,
                                        kit_end),
        cmocka_unit_test_setup_teardown(alertmanagers_webhook_has_version_4, kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(an_alertmanager_hears_again_of_what_lasts_and_in_one_post,
                                        kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(of_alerts_that_are_refused_together_each_is_tried_alone,
                                        kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(a_script_gets_the_payload_and_its_status_counts, kit_begin,
                                        kit_end),
        cmocka_unit_test_setup_teardown(a_script_that_hangs_is_killed_with_its_children, kit_begin,
                                        kit_end),
        cmocka_unit_test_setup_teardown(of_many_scripts_a_few_run_at_once, kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(the_log_gets_one_line_with_fields, kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(a_log_that_is_full_is_written_to_a_little_later, kit_begin,
                                        kit_end),
        cmocka_unit_test_setup_teardown(no_text_can_begin_a_header, kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(without_a_mail_server_mails_wait, kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(notices_are_bounded_and_say_so, kit_begin, kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
