// SPDX-License-Identifier: Apache-2.0
/* A stream of events comes in pieces of any size, and goes on behind what was whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/stream.h"

static void keep(void *ctx, struct ax_str data)
{
    struct ax_buf *seen = ctx;
    ax_buf_str(seen, data);
    ax_buf_byte(seen, '|');
}

static const char STREAM[] = "retry: 1000\nid: 7\n\n"
                             "id: 8\nevent: fault\ndata: {\"a\":1}\n\n"
                             ": alive\nid: 9\n\n"
                             "id:10\r\ndata:one\r\ndata: two\r\n\r\n"
                             "id: 11\ndata: not whole";

static void events_come_in_pieces_of_any_size(void **state)
{
    for (size_t piece = 1; piece < sizeof STREAM; piece++) {
        struct ax_buf seen = AX_BUF_INIT;
        struct ax_stream_lines s = {.event = keep, .ctx = &seen};
        for (size_t at = 0; at < sizeof STREAM - 1; at += piece) {
            size_t left = sizeof STREAM - 1 - at;
            ax_stream_lines_feed(&s, (struct ax_str){STREAM + at, left < piece ? left : piece});
        }
        assert_true(ax_str_eq(ax_buf_view(&seen), AX_STR("{\"a\":1}|one\ntwo|")));
        assert_string_equal(s.last, "10");
        ax_stream_lines_free(&s);
        ax_buf_free(&seen);
    }
}

static void what_was_not_whole_comes_again(void **state)
{
    struct ax_buf seen = AX_BUF_INIT;
    struct ax_stream_lines s = {.event = keep, .ctx = &seen};
    ax_stream_lines_feed(&s, ax_str(STREAM));
    ax_buf_clear(&seen);
    ax_stream_lines_break(&s);
    ax_stream_lines_feed(&s, AX_STR("\n"));
    assert_string_equal(s.last, "10");
    ax_stream_lines_feed(&s, AX_STR("id: 11\ndata: whole\n\n"));
    assert_true(ax_str_eq(ax_buf_view(&seen), AX_STR("whole|")));
    assert_string_equal(s.last, "11");
    ax_stream_lines_free(&s);
    ax_buf_free(&seen);
}

static void what_is_too_long_is_left_out_and_its_neighbours_are_kept(void **state)
{
    static char much[1 << 18];
    struct ax_buf seen = AX_BUF_INIT;
    struct ax_stream_lines s = {.event = keep, .ctx = &seen};
    memset(much, 'x', sizeof much);
    ax_stream_lines_feed(&s, AX_STR("id: 1\ndata: a\n\nid: 2\ndata: "));
    for (int i = 0; i < 5; i++)
        ax_stream_lines_feed(&s, (struct ax_str){much, sizeof much});
    assert_true(s.line.n <= 1 << 20);
    ax_stream_lines_feed(&s, AX_STR("\n\nid: 3\ndata: b\n\n"));
    assert_true(ax_str_eq(ax_buf_view(&seen), AX_STR("a|b|")));
    ax_stream_lines_free(&s);
    ax_buf_free(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_in_pieces_of_any_size),
        cmocka_unit_test(what_was_not_whole_comes_again),
        cmocka_unit_test(what_is_too_long_is_left_out_and_its_neighbours_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
