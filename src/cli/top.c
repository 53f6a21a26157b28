// SPDX-License-Identifier: Apache-2.0
/* auspex top: the live view. One thread asks, one draws: a server that hangs never stops the keys.
 */
#include "cli/top.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/num.h"

#include <errno.h>
#include <ncurses.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define KEY_ESCAPE 27
#define TICK_MS    100

static const char HELP[] =
    "auspex top [--interval SECONDS] [--sort KEY] [--once]\n"
    "\n"
    "Hosts and virtual machines, live: CPU, memory as the guest uses it, as it was given, and as "
    "it\n"
    "lies on the host; disk and network traffic; and what is foretold to run out.\n"
    "\n"
    "  auspex top\n"
    "  auspex top --once               one frame as plain text\n"
    "  auspex top --json               the same as JSON\n"
    "\n"
    "  -i, --interval SECONDS  between looks (default 2)\n"
    "  -s, --sort KEY          risk (default), name, state, cpu, memory, disk or net\n"
    "  -1, --once              print one frame and end\n"
    "\n"
    "Keys: arrows, Page Up/Down, Home, End: choose; Enter: details; r n s c m d w: sort by risk,\n"
    "name, state, CPU, memory, disk, network; Space: look now; q: quit.\n";

static const struct sort_key {
    const char *name;
    int key;
    enum ax_top_sort sort;
} sort_keys[] = {{"risk", 'r', AX_TOP_RISK},     {"name", 'n', AX_TOP_NAME},
                 {"state", 's', AX_TOP_STATE},   {"cpu", 'c', AX_TOP_CPU},
                 {"memory", 'm', AX_TOP_MEMORY}, {"disk", 'd', AX_TOP_DISK},
                 {"net", 'w', AX_TOP_NET}};

/* ---- once ---- */

static void json_number(struct ax_json *j, const char *key, double v)
{
    ax_json_key(j, key);
    ax_json_num(j, v);
}

static void json_text(struct ax_json *j, const json_t *o, const char *key)
{
    ax_json_key(j, key);
    ax_json_cstr(j, ax_j_str(o, key));
}

static void print_json(const struct ax_top *t)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf out = AX_BUF_INIT;
    struct ax_json j = {.out = &out};
    ax_json_obj(&j);
    ax_json_key(&j, "time");
    ax_json_time(&j, t->at);
    ax_json_key(&j, "hosts");
    ax_json_arr(&j);
    for (size_t i = 0; i < t->nhosts; i++) {
        const struct ax_top_host *h = &t->hosts[i];
        ax_json_obj(&j);
        json_text(&j, h->resource, "handle");
        json_text(&j, h->resource, "name");
        json_text(&j, h->resource, "state");
        json_number(&j, "cpu_ratio", h->cpu);
        json_number(&j, "memory_bytes", h->memory);
        json_number(&j, "memory_available_bytes", h->available);
        json_number(&j, "load1", h->load);
        ax_json_end(&j);
    }
    ax_json_end(&j);
    ax_json_key(&j, "vms");
    ax_json_arr(&j);
    for (size_t i = 0; i < t->nvms; i++) {
        const struct ax_top_vm *vm = &t->vms[i];
        ax_json_obj(&j);
        json_text(&j, vm->resource, "handle");
        json_text(&j, vm->resource, "name");
        json_text(&j, vm->resource, "state");
        json_number(&j, "cpu_cores", vm->cpu);
        json_number(&j, "memory_used_bytes", vm->used);
        json_number(&j, "memory_assigned_bytes", vm->assigned);
        json_number(&j, "memory_resident_bytes", vm->resident);
        json_number(&j, "disk_bytes_per_second", vm->disk);
        json_number(&j, "net_bytes_per_second", vm->net);
        json_number(&j, "seconds_to_exhaustion", vm->risk);
        ax_json_end(&j);
    }
    ax_json_end(&j);
    ax_json_end(&j);
    printf("%.*s\n", AX_STR_ARG(ax_buf_view(&out)));
}

static int terminal_width(void)
{
    struct winsize w;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 40 ? w.ws_col : 100;
}

static void print_frame(const struct ax_top *t, enum ax_top_sort sort)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_top_frame frame = {0};
    struct ax_top_view view = {.width = terminal_width(), .sort = sort};
    ax_top_draw(t, &view, &a, &frame);
    for (size_t i = 0; i < frame.n; i++)
        puts(frame.v[i].text);
    ax_arena_free(&a);
}

static int once(const struct ax_cli *c, enum ax_top_sort sort)
{
    struct ax_client *client = ax_client_new(c);
    struct ax_top *t = NULL;
    struct ax_err err;
    int rc = ax_top_fetch(client, &t, &err);
    ax_client_free(client);
    if (rc < 0)
        return ax_cli_error(&err);
    ax_top_sort(t, sort);
    if (c->json)
        print_json(t);
    else
        print_frame(t, sort);
    ax_top_free(t);
    return AX_EXIT_OK;
}

/* ---- live: the thread that asks ---- */

struct feed {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct ax_client *client;
    int64_t interval_ms;
    bool now, stop;
    struct ax_top *fresh; /* not yet taken by the view */
    struct ax_err err;    /* of the last look; code 0 = it went well */
    uint64_t looks;
};

/* Until the interval is over, or somebody wants it now. Called with the lock held. */
static void rest(struct feed *f)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += f->interval_ms / 1000;
    until.tv_nsec += f->interval_ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (!f->stop && !f->now && pthread_cond_timedwait(&f->wake, &f->lock, &until) == 0)
        ;
    f->now = false;
}

static void *ask(void *self)
{
    struct feed *f = self;
    pthread_mutex_lock(&f->lock);
    while (!f->stop) {
        pthread_mutex_unlock(&f->lock);
        struct ax_top *t = NULL;
        struct ax_err err = {0};
        ax_top_fetch(f->client, &t, &err);
        pthread_mutex_lock(&f->lock);
        if (t) {
            ax_top_free(f->fresh);
            f->fresh = t;
        }
        f->err = err;
        f->looks++;
        rest(f);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static int feed_start(struct feed *f, const struct ax_cli *c, int64_t interval_ms,
                      pthread_t *thread)
{
    pthread_condattr_t attr;
    sigset_t all, before;
    *f = (struct feed){.lock = PTHREAD_MUTEX_INITIALIZER, .interval_ms = interval_ms};
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&f->wake, &attr);
    pthread_condattr_destroy(&attr);
    f->client = ax_client_new(c);
    sigfillset(&all); /* signals are for the thread that draws */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int rc = pthread_create(thread, NULL, ask, f);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}

static void feed_poke(struct feed *f, bool stop)
{
    pthread_mutex_lock(&f->lock);
    f->now = true;
    f->stop = stop;
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
}

static void feed_stop(struct feed *f, pthread_t thread)
{
    ax_client_abort(f->client);
    feed_poke(f, true);
    pthread_join(thread, NULL);
    ax_client_free(f->client);
    ax_top_free(f->fresh);
    pthread_cond_destroy(&f->wake);
}

/* ---- live: the screen ---- */

static volatile sig_atomic_t ended;

static void on_signal(int sig)
{
    ended = sig;
}

struct screen {
    struct feed feed;
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
        mvaddnstr(0, 0, s->err.code ? s->err.text : "asking the server ...", s->view.width);
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
    pthread_mutex_lock(&s->feed.lock);
    struct ax_top *fresh = s->feed.fresh;
    bool news = s->feed.looks != s->looks;
    s->feed.fresh = NULL;
    s->looks = s->feed.looks;
    s->err = s->feed.err;
    pthread_mutex_unlock(&s->feed.lock);
    if (fresh) {
        struct ax_top *old = s->t;
        const char *handle = selected_handle(s);
        s->t = fresh;
        reorder(s, s->view.selected ? handle : NULL); /* at the top one stays at the top */
        ax_top_free(old);
    }
    return news;
}

static void move_cursor(struct screen *s, long by)
{
    long n = s->t ? (long)s->t->nvms : 0, to = (long)s->view.selected + by;
    s->view.selected = to < 0 || n == 0 ? 0 : (size_t)(to < n ? to : n - 1);
}

/* False ends the view. */
static bool key(struct screen *s, int k)
{
    for (size_t i = 0; i < AX_ARRAY_LEN(sort_keys); i++)
        if (k == sort_keys[i].key) {
            s->view.sort = sort_keys[i].sort;
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
    case ' ': feed_poke(&s->feed, false); break;
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

static int live(const struct ax_cli *c, enum ax_top_sort sort, int64_t interval_ms)
{
    struct screen s = {.view = {.sort = sort, .keys = true}};
    pthread_t thread;
    SCREEN *screen = open_screen();
    if (!screen)
        return ax_cli_usage(c, "the terminal \"%s\" is not known; use --once",
                            getenv("TERM") ? getenv("TERM") : "");
    struct ax_err err;
    if (feed_start(&s.feed, c, interval_ms, &thread) < 0) {
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
    feed_stop(&s.feed, thread);
    delscreen(screen);
    ax_top_free(s.t);
    return AX_EXIT_OK;
}

int ax_cmd_top(int argc, char **argv)
{
    const char *interval = "2", *sort = "risk";
    bool just_once = false;
    const struct ax_flag flags[] = {{"interval", 'i', &interval, NULL},
                                    {"sort", 's', &sort, NULL},
                                    {"once", '1', NULL, &just_once}};
    struct ax_cli c;
    double seconds;
    int rc = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (rc != AX_CLI_GO || (rc = ax_cli_expect(&c, 0, 0, "")) != AX_CLI_GO)
        return rc;
    size_t by = 0;
    while (by < AX_ARRAY_LEN(sort_keys) && strcmp(sort_keys[by].name, sort) != 0)
        by++;
    if (by == AX_ARRAY_LEN(sort_keys))
        return ax_cli_usage(&c, "nothing is sorted by \"%s\"", sort);
    if (!ax_str_double(ax_str(interval), &seconds) || !(seconds >= 0.2 && seconds <= 3600))
        return ax_cli_usage(&c, "--interval is %s, not 0.2 to 3600 seconds", interval);
    if (just_once || c.json)
        return once(&c, sort_keys[by].sort);
    if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
        return ax_cli_usage(&c, "the live view needs a terminal; use --once for plain text");
    return live(&c, sort_keys[by].sort, (int64_t)(seconds * 1000));
}
