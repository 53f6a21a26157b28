// SPDX-License-Identifier: Apache-2.0
/* What the reading commands print of the server's answers. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/num.h"
#include "cli/alarms.h"

static int64_t now; /* 2026-11-22T03:00:00Z */

/* The text of a show function over an answer. */
#define SHOWN(call)                                                                                \
    ({                                                                                             \
        char *got_ = NULL;                                                                         \
        size_t n_;                                                                                 \
        FILE *out = open_memstream(&got_, &n_);                                                    \
        call;                                                                                      \
        fclose(out);                                                                               \
        got_;                                                                                      \
    })

static json_t *parsed(const char *text)
{
    json_error_t where;
    json_t *j = json_loads(text, 0, &where);
    if (!j)
        fail_msg("line %d: %s", where.line, where.text);
    return j;
}

static void has(const char *text, const char *part)
{
    assert_non_null(text);
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void has_not(const char *text, const char *part)
{
    assert_non_null(text);
    if (strstr(text, part))
        fail_msg("\"%s\" is in:\n%s", part, text);
}

static const char PREDICTIONS[] =
    "{\"predictions\":[{\"handle\":\"vm:1\",\"name\":\"web1\",\"resource\":\"memory\",\"part\":"
    "\"\","
    "\"verdict\":\"exhaust\",\"at\":{\"0.05\":\"2026-11-22T03:08:00.000Z\","
    "\"0.5\":\"2026-11-22T03:10:00.000Z\",\"0.95\":\"2026-11-22T03:14:00.000Z\"},"
    "\"evidence\":{\"window_seconds\":480,\"samples\":96,\"level\":73400320,"
    "\"capacity\":134217728,\"unit\":\"bytes\"},\"reason\":\"falls by 102.4 KiB/s\"},"
    "{\"handle\":\"host:9\",\"name\":\"node1\",\"resource\":\"filesystem\",\"part\":\"/var\","
    "\"verdict\":\"abstain\",\"at\":null,\"seconds\":null,\"evidence\":{\"samples\":3},"
    "\"reason\":\"only 3 samples\"}]}";

static void predictions_tell_when_how_sure_and_from_what(void **state)
{
    json_t *j = parsed(PREDICTIONS);
    char *text = SHOWN(ax_show_predictions(out, j, now));
    has(text, "in 8-14 min, likely 10");
    has(text, "90 %");
    has(text, "8 min, 96 samples");
    has(text, "70.0 MiB of 128 MiB");
    has(text, "web1, memory: falls by 102.4 KiB/s");
    has(text, "cannot tell");
    has(text, "node1, filesystem /var: only 3 samples");
    free(text);
    json_decref(j);
}

static void no_prediction_says_so(void **state)
{
    json_t *j = parsed("{\"predictions\":[]}");
    char *text = SHOWN(ax_show_predictions(out, j, now));
    has(text, "nothing is foretold");
    free(text);
    json_decref(j);
}

static const char VM[] =
    "{\"handle\":\"vm:5c1e\",\"kind\":\"vm\",\"name\":\"web1\",\"tenant\":\"default\","
    "\"host\":\"host:9f\",\"state\":\"%s\",\"reason\":\"booted\","
    "\"since\":\"2026-11-22T00:00:00.000Z\",\"last_seen\":\"2026-11-22T02:59:57.000Z\","
    "\"gone\":%s,\"attributes\":{\"memory_bytes\":536870912,\"balloon_period_seconds\":0,"
    "\"balloon_driver\":true,\"disks\":[{},{}],\"findings\":[{\"level\":\"warn\","
    "\"code\":\"balloon-period\",\"text\":\"web1 has no balloon period\","
    "\"remedy\":\"virsh dommemstat web1 --period 5 --live\"}]},"
    "\"events\":[{\"id\":1,\"time\":\"2026-11-22T00:00:00.000Z\",\"text\":\"web1 started\"}]}";

static json_t *vm_in(const char *vm_state, const char *gone)
{
    char text[sizeof VM + 100];
    snprintf(text, sizeof text, VM, vm_state, gone);
    return parsed(text);
}

static void status_shows_state_findings_and_events(void **state)
{
    json_t *j = vm_in("running", "null");
    json_t *figures = parsed("{\"data\":{\"result\":[{\"metric\":{\"__name__\":"
                             "\"vm_memory_guest_used_bytes\"},\"value\":[1,\"104857600\"]}]}}");
    bool well = false;
    char *text = SHOWN(well = ax_show_status(out, j, figures, now));
    json_decref(figures);
    has(text, "used by guest   100 MiB");
    has_not(text, "on the host");
    assert_true(well);
    has(text, "web1  vm:5c1e");
    has(text, "running (booted), since 2026-11-22 00:00:00 (3 h ago)");
    has(text, "3 s ago");
    has(text, "512 MiB");
    has(text, "balloon period  none");
    has(text, "disks           2");
    has(text, "warn: web1 has no balloon period");
    has(text, "virsh dommemstat web1 --period 5 --live");
    has(text, "web1 started");
    has_not(text, "gone");
    free(text);
    json_decref(j);
}

static void an_agents_words_do_not_steer_the_terminal(void **state)
{
    json_t *j = parsed(
        "{\"handle\":\"vm:1\",\"name\":\"a\\u009b\",\"state\":\"\\u001b\",\"attributes\":{"
        "\"k\\u009by\":\"\\u202e\",\"findings\":[{\"level\":\"\\u001bc\",\"text\":\"t\"}]}}");
    char *text = SHOWN(ax_show_status(out, j, NULL, now));
    has(text, "a?  vm:1");
    has(text, "k?y             ?");
    has(text, "  ?c: t");
    has_not(text, "\033");
    has_not(text, "\xc2\x9b");
    free(text);
    json_decref(j);
}

static void status_tells_the_well_from_the_unwell(void **state)
{
    const struct {
        const char *state, *gone;
        bool well;
    } cases[] = {{"running", "null", true},
                 {"crashed", "null", false},
                 {"shutoff", "null", false},
                 {"paused", "null", false},
                 {"deleted", "\"2026-11-22T02:00:00.000Z\"", false}};
    for (size_t i = 0; i < AX_ARRAY_LEN(cases); i++) {
        json_t *j = vm_in(cases[i].state, cases[i].gone);
        bool well = !cases[i].well;
        char *text = SHOWN(well = ax_show_status(out, j, NULL, now));
        assert_int_equal(well, cases[i].well);
        if (cases[i].gone[0] == '"')
            has(text, "2026-11-22 02:00:00 (60 min ago)");
        free(text);
        json_decref(j);
    }
}

static void resources_are_listed_and_a_rest_is_told(void **state)
{
    json_t *j = parsed("{\"resources\":[{\"handle\":\"vm:5c1e\",\"kind\":\"vm\",\"name\":\"web1\","
                       "\"state\":\"running\",\"since\":\"2026-11-22T00:00:00.000Z\","
                       "\"host\":\"host:9f\"}],\"total\":7}");
    char *text = SHOWN(ax_show_resources(out, j, now));
    has(text, "HANDLE");
    has(text, "vm:5c1e vm");
    has(text, "3 h ago");
    has(text, "1 of 7");
    free(text);
    json_decref(j);
}

static char *query_shown(const char *data)
{
    char json[2000];
    struct ax_err err;
    snprintf(json, sizeof json, "{\"status\":\"success\",\"data\":%s}", data);
    json_t *j = parsed(json);
    char *text = SHOWN(assert_int_equal(ax_show_query(out, j, &err), 0));
    json_decref(j);
    return text;
}

static void query_shows_each_type_of_answer(void **state)
{
    char *text = query_shown("{\"resultType\":\"scalar\",\"result\":[1,\"2.5\"]}");
    assert_string_equal(text, "2.5\n");
    free(text);
    text = query_shown("{\"resultType\":\"vector\",\"result\":["
                       "{\"metric\":{\"__name__\":\"up\",\"job\":\"a\\\"b\"},\"value\":[1,\"1\"]},"
                       "{\"metric\":{\"__name__\":\"up\"},\"value\":[1,\"0\"]}]}");
    has_not(text, "in all of them");
    has(text, "up{job=\"a\\\"b\"}     1\n");
    has(text, "up                 0\n");
    free(text);
    text = query_shown("{\"resultType\":\"matrix\",\"result\":[{\"metric\":{},"
                       "\"values\":[[1,\"0\"],[2,\"7\"],[3,\"3.5\"]]}]}");
    has(text, "{}          3     0    7  3.5 \u2581\u2588\u2584");
    free(text);
    text = query_shown("{\"resultType\":\"vector\",\"result\":[]}");
    assert_string_equal(text, "nothing matches\n");
    free(text);
}

static void labels_that_all_series_have_are_told_once(void **state)
{
    char *text = query_shown(
        "{\"resultType\":\"vector\",\"result\":["
        "{\"metric\":{\"__name__\":\"up\",\"job\":\"a\",\"vm\":\"1\"},\"value\":[1,\"1\"]},"
        "{\"metric\":{\"__name__\":\"up\",\"job\":\"a\",\"vm\":\"2\"},\"value\":[1,\"0\"]}]}");
    has(text, "up{vm=\"1\"}     1\n");
    has(text, "in all of them: {job=\"a\"}\n");
    free(text);
}

static void an_answer_of_another_form_is_an_error(void **state)
{
    struct ax_err err;
    json_t *j = parsed("{\"hello\":1}");
    char *text = SHOWN(assert_true(ax_show_query(out, j, &err) < 0));
    has(err.text, "not of Prometheus's form");
    free(text);
    json_decref(j);
}

static void alarms_tell_of_what_and_since_when(void **state)
{
    json_t *j = parsed("{\"status\":\"success\",\"data\":{\"alerts\":[{\"labels\":{"
                       "\"alertname\":\"GuestMemoryLow\",\"severity\":\"warning\","
                       "\"name\":\"web1\"},\"annotations\":{\"summary\":\"4 % left\"},"
                       "\"state\":\"firing\",\"activeAt\":\"2026-11-22T02:50:00.000Z\","
                       "\"value\":\"4.2e+00\"}]}}");
    json_t *alerts =
        parsed("[{\"labels\":{\"alertname\":\"GuestMemoryLow\",\"severity\":\"warning\","
               "\"name\":\"web1\"},"
               "\"status\":{\"silencedBy\":[],\"inhibitedBy\":[\"maintenance m1\"]}},"
               "{\"labels\":{\"alertname\":\"cpu\",\"alarm_id\":\"a1\"},\"annotations\":"
               "{\"reason\":\"91 > "
               "90\"},\"status\":{\"silencedBy\":[\"s1\"],\"inhibitedBy\":[]}}]");
    json_t *page = parsed(
        "{\"elements\":[{\"id\":\"a1\",\"state\":\"ALARM\",\"state_updated_timestamp\":"
        "\"2026-11-22T02:59:00.000Z\",\"alarm_definition\":{\"name\":\"cpu is busy\",\"severity\":"
        "\"HIGH\"},\"metrics\":[{\"name\":\"cpu\",\"dimensions\":{\"hostname\":\"h1\"}}]}]}");
    json_t *list = json_array(), *told = ax_alarms_told(alerts);
    ax_alarms_add_rules(list, j, told);
    assert_int_equal(ax_alarms_add_definitions(list, page, told), 1);
    char *text = SHOWN(ax_show_alarms(out, list, now));
    has(text, "GuestMemoryLow firing warning  web1 10 min ago   4.2 maintenance 4 % left");
    has(text, "cpu is busy    alarm  high     h1   60 s ago       - silence     91 > 90");
    free(text);
    json_decref(list);
    json_decref(page);
    json_decref(told);
    json_decref(alerts);
    json_decref(j);
}

static void maintenance_tells_of_what_and_from_when_to_when(void **state)
{
    json_t *j =
        parsed("{\"maintenance\":[{\"id\":\"m1\",\"resource\":\"host:h1\",\"state\":\"active\","
               "\"starts\":\"2026-11-22T02:00:00.000Z\",\"ends\":\"2026-11-22T04:00:00.000Z\","
               "\"comment\":\"new disk\"}]}");
    char *text = SHOWN(ax_show_maintenance(out, j));
    has(text, "m1 host:h1  active 2026-11-22 02:00:00 2026-11-22 04:00:00 new disk");
    free(text);
    json_decref(j);
    j = parsed("{\"maintenance\":[]}");
    text = SHOWN(ax_show_maintenance(out, j));
    has(text, "no maintenance");
    free(text);
    json_decref(j);
}

static void methods_are_listed(void **state)
{
    json_t *j = parsed("{\"elements\":[{\"id\":\"7b67\",\"name\":\"ops\",\"type\":\"EMAIL\","
                       "\"address\":\"a@b\",\"period\":60},{\"id\":\"8c\",\"name\":\"hook\","
                       "\"type\":\"WEBHOOK\",\"address\":\"http://h/\",\"period\":0}]}");
    char *text = SHOWN(ax_show_methods(out, j));
    has(text, "7b67 ops  EMAIL   a@b       1 min");
    has(text, "8c   hook WEBHOOK http://h/ no");
    free(text);
    json_decref(j);
    j = parsed("{\"elements\":[]}");
    text = SHOWN(ax_show_methods(out, j));
    has(text, "no notification methods");
    free(text);
    json_decref(j);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    setlocale(LC_CTYPE, "C.UTF-8");
    ax_time_parse(AX_STR("2026-11-22T03:00:00Z"), &now, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predictions_tell_when_how_sure_and_from_what),
        cmocka_unit_test(no_prediction_says_so),
        cmocka_unit_test(status_shows_state_findings_and_events),
        cmocka_unit_test(an_agents_words_do_not_steer_the_terminal),
        cmocka_unit_test(status_tells_the_well_from_the_unwell),
        cmocka_unit_test(resources_are_listed_and_a_rest_is_told),
        cmocka_unit_test(query_shows_each_type_of_answer),
        cmocka_unit_test(labels_that_all_series_have_are_told_once),
        cmocka_unit_test(an_answer_of_another_form_is_an_error),
        cmocka_unit_test(alarms_tell_of_what_and_since_when),
        cmocka_unit_test(methods_are_listed),
        cmocka_unit_test(maintenance_tells_of_what_and_from_when_to_when),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
