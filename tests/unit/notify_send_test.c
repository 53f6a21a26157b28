// SPDX-License-Identifier: Apache-2.0
/* From the outbox to a receiver: what arrives, what is tried again, in which order, how fast. */
#include "notify_kit.h"

#define T0 1795314600250

static void a_webhook_gets_monascas_ten_keys_and_ours(void **state)
{
    static const char *const monascas[] = {
        "alarm_id", "alarm_definition_id", "alarm_name", "alarm_description", "alarm_timestamp",
        "state",    "old_state",           "message",    "tenant_id",         "metrics"};
    struct receiver *r = receiver_new(204);
    kit_open(&(struct ax_notify_options){0});
    kit_queue(kit_webhook(r, 0), "a1", "ALARM", T0);
    assert_true(receiver_waits(r, 1, 5000));
    json_t *o = receiver_json(r, 0);
    for (size_t i = 0; i < AX_ARRAY_LEN(monascas); i++)
        if (!json_object_get(o, monascas[i]))
            fail_msg("no %s", monascas[i]);
    assert_string_equal(json_string_value(json_object_get(o, "alarm_id")), "a1");
    assert_true(json_number_value(json_object_get(o, "alarm_timestamp")) == 1795314600.25);
    assert_string_equal(json_string_value(json_object_get(o, "old_state")), "OK");
    assert_string_equal(json_string_value(json_object_get(o, "severity")), "HIGH");
    assert_string_equal(json_string_value(json_object_get(o, "link")), "http://runbook/1");
    assert_string_equal(json_string_value(json_object_get(o, "lifecycle_state")), "OPEN");
    assert_string_equal(json_string_value(json_object_get(o, "idempotency_key")), r->got[0].key);
    assert_int_equal(strlen(r->got[0].key), 32);
    assert_non_null(strstr(r->got[0].head, "POST /hook HTTP/1.1"));
    assert_non_null(strstr(r->got[0].head, "Content-Type: application/json"));
    json_decref(o);
    assert_true(kit_rows_become(0, 2000));
    receiver_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_webhook_gets_monascas_ten_keys_and_ours, kit_begin,
                                        kit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
