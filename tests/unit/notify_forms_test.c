// SPDX-License-Identifier: Apache-2.0
/* Whatever bytes a notice is made of, each form stays what it is: JSON that parses, a mail of
 * known headers, a log line of one line. */
#include "notify_kit.h"

#define ROUNDS 600

static unsigned chance = 20261122;

/* Bytes that make trouble, often. */
static struct ax_str trouble(struct ax_arena *a)
{
    static const char *const parts[] = {
        "\r\n",  "\"",    "\\",   "\xff", "\xc3", "\xc3\xa4", "\xe2\x80", "]",  "<!x>",
        "&",     "\x01",  "\x7f", "{{}}", "%s%n", "'",        ".\r\n",    "=?", "\xf0\x9f\x98\x80",
        "word ", "other", "\t",   "OK",   "ALARM"};
    struct ax_buf b = AX_BUF_INIT;
    unsigned n = (unsigned)rand_r(&chance) % 12;
    if (rand_r(&chance) % 20 == 0)
        n = 2000;
    for (unsigned i = 0; i < n; i++) {
        if (rand_r(&chance) % 10 == 0)
            ax_buf_byte(&b, (uint8_t)(1 + rand_r(&chance) % 255)); /* no sender gets a NUL in */
        ax_buf_cstr(&b, parts[(unsigned)rand_r(&chance) % AX_ARRAY_LEN(parts)]);
    }
    struct ax_str s = ax_arena_str(a, ax_buf_view(&b));
    ax_buf_free(&b);
    return s;
}

static struct ax_str object(struct ax_arena *a, bool list)
{
    struct ax_buf b = AX_BUF_INIT;
    struct ax_json j = {.out = &b};
    if (list) {
        ax_json_arr(&j);
        ax_json_obj(&j);
        ax_json_key(&j, "name");
        ax_json_str(&j, trouble(a));
        ax_json_key(&j, "dimensions");
    }
    ax_json_obj(&j);
    for (int i = rand_r(&chance) % 4; i > 0; i--) {
        ax_json_key_str(&j, i == 1 ? AX_STR("hostname") : trouble(a));
        ax_json_str(&j, trouble(a));
    }
    while (j.depth)
        ax_json_end(&j);
    struct ax_str s = ax_arena_str(a, ax_buf_view(&b));
    ax_buf_free(&b);
    return s;
}

static struct ax_letter letter(struct ax_arena *a)
{
    struct ax_letter l = {.key = AX_STR("0123456789abcdef"), .method = AX_STR("m"), .now = 1e12};
    struct ax_str *const texts[] = {
        &l.x.tenant, &l.x.alarm,     &l.x.definition, &l.x.name, &l.x.description,    &l.x.severity,
        &l.x.state,  &l.x.old_state, &l.x.reason,     &l.x.link, &l.x.lifecycle_state};
    for (size_t i = 0; i < AX_ARRAY_LEN(texts); i++)
        *texts[i] = trouble(a);
    l.x.metrics = object(a, true);
    l.x.time = 999999999999;
    l.x.since = rand_r(&chance) % 2;
    if (rand_r(&chance) % 2)
        l.x.labels = object(a, false);
    if (rand_r(&chance) % 2)
        l.x.annotations = object(a, false);
    l.test = rand_r(&chance) % 2;
    l.repeat = rand_r(&chance) % 2;
    return l;
}

static json_t *parsed(struct ax_buf *b)
{
    json_error_t why;
    json_t *o = json_loadb(b->p, b->n, 0, &why);
    if (!o)
        fail_msg("%s: %.*s", why.text, (int)b->n, b->p);
    ax_buf_clear(b);
    return o;
}

static void labels_are_valid(json_t *alert)
{
    const char *name;
    json_t *value, *labels = json_object_get(alert, "labels");
    assert_true(json_is_object(labels));
    json_object_foreach (labels, name, value) {
        assert_true(name[0] == '_' || (name[0] | 32) >= 'a');
        for (const char *p = name; *p; p++)
            assert_true(*p == '_' || (*p >= '0' && *p <= '9') ||
                        ((*p | 32) >= 'a' && (*p | 32) <= 'z'));
        assert_true(json_string_length(value) > 0);
    }
}

static void json_stays_json(void **state)
{
    struct ax_buf b = AX_BUF_INIT;
    kit_open(&(struct ax_notify_options){.url = "http://auspex.example"});
    for (int i = 0; i < ROUNDS; i++) {
        struct ax_arena a = AX_ARENA_INIT;
        struct ax_letter l[2] = {letter(&a), letter(&a)};
        ax_form_webhook(&l[0], &b);
        json_decref(parsed(&b));
        ax_form_slack(notify, l, 1 + (size_t)i % 2, &b);
        json_t *slack = parsed(&b);
        const char *text = json_string_value(json_object_get(slack, "text"));
        assert_null(strpbrk(text, "<>\r\n"));
        json_decref(slack);
        ax_form_pagerduty(notify, &l[0], AX_STR("key"), &b);
        json_decref(parsed(&b));
        ax_form_alerts(notify, l, 2, &b);
        json_t *alerts = parsed(&b);
        assert_int_equal(json_array_size(alerts), 2);
        labels_are_valid(json_array_get(alerts, 0));
        json_decref(alerts);
        ax_form_alert_webhook(notify, &l[0], &b);
        json_t *hook = parsed(&b);
        assert_int_equal(json_object_size(hook), 10);
        assert_int_equal(json_object_size(json_array_get(json_object_get(hook, "alerts"), 0)), 7);
        json_decref(hook);
        ax_arena_free(&a);
    }
    ax_buf_free(&b);
}

static void a_mail_has_the_headers_that_we_wrote(void **state)
{
    static const char *const known[] = {"From: ",
                                        "To: ",
                                        "Date: ",
                                        "Message-ID: ",
                                        "Subject: =?UTF-8?B?",
                                        " =?UTF-8?B?",
                                        "Idempotency-Key: ",
                                        "Auto-Submitted: ",
                                        "MIME-Version: ",
                                        "Content-Type: ",
                                        "Content-Transfer-Encoding: "};
    struct ax_buf b = AX_BUF_INIT;
    kit_open(&(struct ax_notify_options){0});
    for (int i = 0; i < ROUNDS; i++) {
        struct ax_arena a = AX_ARENA_INIT;
        struct ax_letter l[2] = {letter(&a), letter(&a)};
        ax_form_mail(notify, l, 1 + (size_t)i % 2, AX_STR("to@example.org"), &b);
        struct ax_str rest = ax_buf_view(&b), line;
        bool body = false;
        while (ax_str_cut(&rest, '\n', &line) && rest.p) {
            bool ok = body;
            assert_true(line.n >= 1 && line.p[line.n - 1] == '\r' && line.n <= 100);
            for (size_t k = 0; !body && k < AX_ARRAY_LEN(known); k++)
                ok |= ax_str_starts(line, ax_str(known[k]));
            for (size_t k = 0; k + 1 < line.n; k++)
                assert_true(line.p[k] >= ' ' && line.p[k] < 0x7f);
            if (line.n == 1)
                ok = body = true;
            assert_true(ok);
        }
        assert_true(body);
        ax_buf_clear(&b);
        ax_arena_free(&a);
    }
    ax_buf_free(&b);
}

static void a_log_line_is_one_line_of_text(void **state)
{
    struct ax_buf b = AX_BUF_INIT;
    for (int i = 0; i < ROUNDS; i++) {
        struct ax_arena a = AX_ARENA_INIT;
        struct ax_letter l = letter(&a);
        ax_form_syslog(&l, AX_STR("daemon"), &b);
        assert_true(b.n <= 8000);
        for (size_t k = 0; k < b.n; k++)
            assert_true((unsigned char)b.p[k] >= ' ' && b.p[k] != 0x7f);
        ax_buf_clear(&b);
        ax_arena_free(&a);
    }
    ax_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(json_stays_json, kit_begin, kit_end),
        cmocka_unit_test_setup_teardown(a_mail_has_the_headers_that_we_wrote, kit_begin, kit_end),
        cmocka_unit_test(a_log_line_is_one_line_of_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
