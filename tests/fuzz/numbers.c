// SPDX-License-Identifier: Apache-2.0
/* Numbers, durations and times: what is read and printed reads back as the same. */
#include "kit.h"

#include "base/json.h"
#include "base/num.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

static void check_double(struct ax_str s)
{
    char text[AX_NUM_TEXT];
    double v, back;
    if (!ax_str_double(s, &v))
        return;
    size_t n = ax_num_print(v, text);
    AX_ASSERT(n <= sizeof text && ax_str_double((struct ax_str){text, n}, &back));
    AX_ASSERT(isnan(v) ? isnan(back) : memcmp(&v, &back, sizeof v) == 0);
}

static void check_duration(struct ax_str s)
{
    char text[AX_NUM_TEXT];
    int64_t ms, back;
    if (ax_duration_parse(s, &ms, NULL) < 0)
        return;
    size_t n = ax_duration_print(ms, text);
    AX_ASSERT(n < sizeof text && ms >= 0);
    AX_ASSERT(ax_duration_parse((struct ax_str){text, n}, &back, NULL) == 0 && back == ms);
}

static void check_time(struct ax_str s)
{
    char text[AX_NUM_TEXT];
    int64_t ms, back;
    if (ax_time_parse(s, &ms, NULL) < 0)
        return;
    size_t n = ax_time_print(ms, text);
    AX_ASSERT(n < sizeof text);
    if (strcmp(text, "out of range"))
        AX_ASSERT(ax_time_parse((struct ax_str){text, n}, &back, NULL) == 0 && back == ms);
}

/* Any bytes become a JSON string. */
static void check_json(struct ax_str s)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    struct ax_json j = {.out = &b};
    ax_json_arr(&j);
    ax_json_str(&j, s);
    ax_json_end(&j);
    json_t *v = json_loadb(b.p, b.n, JSON_ALLOW_NUL, NULL);
    AX_ASSERT(v != NULL);
    const json_t *text = json_array_get(v, 0);
    if (ax_str_utf8(s))
        AX_ASSERT(ax_str_eq(s, (struct ax_str){json_string_value(text), json_string_length(text)}));
    json_decref(v);
}

FUZZ_TARGET(p, n)
{
    struct ax_str s = fuzz_str(p, n), rest = s, word;
    uint64_t u;
    int64_t i;
    if (n == sizeof(double)) {
        char text[AX_NUM_TEXT];
        double v;
        memcpy(&v, p, sizeof v);
        check_double((struct ax_str){text, ax_num_print(v, text)});
    }
    if (ax_str_u64(s, &u) && u <= INT64_MAX)
        AX_ASSERT(ax_str_i64(s, &i) && (uint64_t)i == u);
    check_double(s);
    check_duration(s);
    check_time(s);
    check_json(s);
    while (ax_str_word(&rest, &word))
        AX_ASSERT(word.n > 0);
    return 0;
}
