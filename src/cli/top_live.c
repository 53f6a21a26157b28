// SPDX-License-Identifier: Apache-2.0
/* The live view: draws what the feed has, and takes the keys. */
#include "cli/top.h"

#include <errno.h>
#include <ncurses.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define KEY_ESCAPE 27
#define TICK_MS    100

static volatile sig_atomic_t ended;

static void on_signal(int sig)
{
    ended = sig;
}

struct screen {
    struct ax_top_feed feed;
    struct ax_top *t; /* what is shown; NULL until the first answer */
    struct ax_top_view view;
    struct ax_err err;
    uint64_t looks;
};

static chtype attribute(enum ax_top_style s)
{
    switch (s) {
    case AX_TOP_TITLE: return A_REVERSE;
    case AX_TOP_SELECTED: return A_REVERSE | A_BOLD;
    case AX_TOP_BAD: return A_BOLD | (has_colors() ? (chtype)COLOR_PAIR(1) : 0);
    case AX_TOP_DIM: return A_DIM;
    case AX_TOP_PLAIN: break;
    }
    return A_NORMAL;
}

static void draw_lines(const struct ax_top_frame *frame)
{
    for (size_t i = 0; i < frame->n && (int)i < LINES; i++) {
        chtype attr = attribute(frame->v[i].style);
        attrset((attr_t)attr);
        mvaddstr((int)i, 0, frame->v[i].text);
    }
    attrset(A_NORMAL);
}

static void draw(struct screen *s)
{
    erase();
    getmaxyx(stdscr, s->view.height, s->view.width);
    if (s->t) {
        struct ax_arena a = AX_ARENA_INIT;
        struct ax_top_frame frame = {0};
        s->view.trouble = s->err.code ? s->err.text : NULL;
        ax_top_draw(s->t, &s->view, &a, &frame);
        draw_lines(&frame);
        ax_arena_free(&a);
    } else {
        struct ax_err err = s->err;
        err.text[ax_str_clean(err.text, strlen(err.text))] = '\0';
        mvaddnstr(0, 0, err.code ? err.text : "asking the server ...", s->view.width);
    }
    refresh();
}

/* The cursor stays on its machine, wherever the new order puts it. */
static void reorder(struct screen *s, const char *handle)
{
    ax_top_sort(s->t, s->view.sort);
    for (size_t i = 0; handle && i < s->t->nvms; i++)
        if (strcmp(ax_j_str(s->t->vms[i].resource, "handle"), handle) == 0)
            s->view.selected = i;
}

static const char *selected_handle(const struct screen *s)
{
    return s->t && s->view.selected < s->t->nvms
               ? ax_j_str(s->t->vms[s->view.selected].resource, "handle")
               : NULL;
}

/* Takes over what the feed has; true when there is something new to draw. */
static bool take(struct screen *s)
{
    uint64_t before = s->looks;
    struct ax_top *fresh = ax_top_feed_take(&s->feed, &s->err, &s->looks);
    if (fresh) {
        struct ax_top *old = s->t;
        const char *handle = selected_handle(s);
        s->t = fresh;
        reorder(s, s->view.selected ? handle : NULL); /* at the top one stays at the top */
        ax_top_free(old);
    }
    return s->looks != before;
}

static void move_cursor(struct screen *s, long by)
{
    long n = s->t ? (long)s->t->nvms : 0, to = (long)s->view.selected + by;
    s->view.selected = to < 0 || n == 0 ? 0 : (size_t)(to < n ? to : n - 1);
}

/* False ends the view. */
static bool key(struct screen *s, int k)
{
    if (ax_top_sort_by_key(k, &s->view.sort)) {
        s->view.selected = 0;
        if (s->t)
            reorder(s, NULL);
    }
    switch (k) {
    case 'q': return false;
    case KEY_UP:
    case 'k': move_cursor(s, -1); break;
    case KEY_DOWN:
    case 'j': move_cursor(s, 1); break;
    case KEY_PPAGE: move_cursor(s, -(LINES / 2)); break;
    case KEY_NPAGE: move_cursor(s, LINES / 2); break;
    case KEY_HOME: s->view.selected = 0; break;
    case KEY_END: move_cursor(s, INT32_MAX); break;
    case '\n':
    case '\r':
    case KEY_ENTER: s->view.details = !s->view.details; break;
    case KEY_ESCAPE: s->view.details = false; break;
    case ' ': ax_top_feed_now(&s->feed); break;
    default: break;
    }
    return true;
}

static SCREEN *open_screen(void)
{
    struct sigaction act = {.sa_handler = on_signal}; /* no SA_RESTART: getch is to end */
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGHUP, &act, NULL);
    SCREEN *screen = newterm(NULL, stdout, stdin);
    if (!screen)
        return NULL;
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    set_escdelay(50);
    curs_set(0);
    timeout(TICK_MS);
    const char *plain = getenv("NO_COLOR");
    if (!(plain && *plain) && has_colors()) {
        start_color();
        use_default_colors();
        init_pair(1, COLOR_RED, -1);
    }
    return screen;
}

int ax_top_live(const struct ax_cli *c, enum ax_top_sort sort, int64_t interval_ms)
{
    struct screen s = {.view = {.sort = sort, .keys = true}};
    SCREEN *screen = open_screen();
    if (!screen)
        return ax_cli_usage(c, "the terminal \"%s\" is not known; use --once",
                            getenv("TERM") ? getenv("TERM") : "");
    struct ax_err err;
    if (ax_top_feed_start(&s.feed, c, interval_ms) < 0) {
        endwin();
        ax_fail(&err, -EAGAIN, "cannot start a thread");
        return ax_cli_error(&err);
    }
    draw(&s);
    while (!ended) {
        int k = getch();
        bool news = take(&s);
        if (k != ERR && !key(&s, k))
            break;
        if (news || k != ERR)
            draw(&s);
    }
    endwin();
    ax_top_feed_stop(&s.feed);
    delscreen(screen);
    ax_top_free(s.t);
    return AX_EXIT_OK;
}
