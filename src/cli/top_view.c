// SPDX-License-Identifier: Apache-2.0
#include "cli/top.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <wchar.h>

#define HOST_LINES  3 /* so that a fleet of hosts leaves room for its machines */
#define DETAILS     9
#define NAME_LEAST  12
#define NAME_MOST   32
#define OTHER_WIDTH 68 /* of all columns but the name, with the risk at its least */

/* ---- cells: text cut or filled to a width in screen columns ---- */

/* The columns that the first character of s takes, and its bytes; what cannot be shown, here or in
 * the reader's locale, is shown as '?'. */
static int character(struct ax_str s, size_t *bytes, bool *shown)
{
    wchar_t w;
    mbstate_t state = {0};
    *bytes = ax_str_shown(s, shown);
    int width = *shown && mbrtowc(&w, s.p, *bytes, &state) == *bytes ? wcwidth(w) : -1;
    *shown = width >= 0;
    return *shown ? width : 1;
}

static void put_cell(struct ax_buf *out, const char *text, int width, bool right)
{
    struct ax_buf cut = AX_BUF_INIT;
    int used = 0;
    while (*text) {
        size_t bytes;
        bool shown;
        int w = character(ax_str(text), &bytes, &shown);
        if (used + w > width)
            break;
        ax_buf_add(&cut, shown ? text : "?", shown ? bytes : 1);
        text += bytes;
        used += w;
    }
    for (int i = used; right && i < width; i++)
        ax_buf_byte(out, ' ');
    ax_buf_str(out, ax_buf_view(&cut));
    for (int i = used; !right && i < width; i++)
        ax_buf_byte(out, ' ');
    ax_buf_free(&cut);
}

/* Three or four digits and a letter: 69.6M. */
static const char *short_bytes(double v, char out[AX_TEXT])
{
    const char *unit = " KMGTPE";
    if (!isfinite(v))
        return "-";
    while (v >= 999.5 && unit[1]) {
        v /= 1024;
        unit++;
    }
    snprintf(out, AX_TEXT, *unit == ' ' || v >= 99.95 ? "%.0f%.*s" : "%.1f%.*s", v, *unit != ' ',
             unit);
    return out;
}

static const char *percent(double share, char out[AX_TEXT])
{
    if (!isfinite(share))
        return "-";
    snprintf(out, AX_TEXT, "%.1f", share * 100);
    return out;
}

/* ---- lines ---- */

struct pen {
    const struct ax_top *t;
    const struct ax_top_view *view;
    struct ax_arena *a;
    struct ax_top_frame *frame;
};

static void put_line(struct pen *p, enum ax_top_style style, const char *text)
{
    struct ax_top_frame *f = p->frame;
    AX_CLEANUP(ax_buf_free) struct ax_buf line = AX_BUF_INIT;
    if (f->n == f->cap) {
        size_t cap = f->cap ? 2 * f->cap : 64;
        f->v = ax_arena_grow(p->a, f->v, f->cap * sizeof *f->v, cap * sizeof *f->v);
        f->cap = cap;
    }
    put_cell(&line, text, p->view->width, false);
    struct ax_str s = ax_buf_view(&line);
    bool bar = p->view->height && (style == AX_TOP_SELECTED || style == AX_TOP_TITLE);
    while (s.n && s.p[s.n - 1] == ' ' && !bar)
        s.n--;
    f->v[f->n++] = (struct ax_top_line){ax_arena_cstr(p->a, s), style};
}

static void put_linef(struct pen *p, enum ax_top_style style, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void put_linef(struct pen *p, enum ax_top_style style, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    put_line(p, style, text);
}

static void put_heading(struct pen *p)
{
    size_t risks = 0, running = 0;
    char when[AX_TEXT];
    for (size_t i = 0; i < p->t->nvms; i++) {
        risks += p->t->vms[i].prediction != NULL;
        running += strcmp(ax_j_str(p->t->vms[i].resource, "state"), "running") == 0;
    }
    put_linef(p, AX_TOP_PLAIN, "auspex  %s  %zu virtual machine%s, %zu running, %zu at risk",
              ax_text_time(p->t->at, when), p->t->nvms, p->t->nvms == 1 ? "" : "s", running, risks);
    if (p->view->trouble)
        put_linef(p, AX_TOP_BAD, "old figures: %s", p->view->trouble);
}

static void put_host(struct pen *p, const struct ax_top_host *h)
{
    char cpu[AX_TEXT], used[AX_TEXT], all[AX_TEXT], load[AX_TEXT];
    const char *state = ax_j_str(h->resource, "state");
    put_linef(p, strcmp(state, "up") == 0 ? AX_TOP_PLAIN : AX_TOP_BAD,
              "host %-12.40s %-4s CPU %4s %%  memory %s of %s  load %s  %zu VM%s",
              ax_j_str(h->resource, "name"), state, percent(h->cpu, cpu),
              short_bytes(h->memory - h->available, used), short_bytes(h->memory, all),
              ax_text_number(h->load, load), h->vms, h->vms == 1 ? "" : "s");
}

static void put_hosts(struct pen *p)
{
    size_t n = p->t->nhosts;
    size_t shown = p->view->height && n > HOST_LINES ? HOST_LINES - 1 : n;
    for (size_t i = 0; i < shown; i++)
        put_host(p, &p->t->hosts[i]);
    if (shown < n)
        put_linef(p, AX_TOP_DIM, "and %zu more hosts", n - shown);
}

static int name_width(const struct pen *p)
{
    int w = p->view->width - OTHER_WIDTH;
    return w < NAME_LEAST ? NAME_LEAST : w > NAME_MOST ? NAME_MOST : w;
}

static const struct column {
    const char *title;
    int width; /* 0 = the name's, -1 = the rest */
    bool right;
    enum ax_top_sort sort;
} columns[] = {{"NAME", 0, false, AX_TOP_NAME},  {"STATE", 8, false, AX_TOP_STATE},
               {"CPU %", 6, true, AX_TOP_CPU},   {"USED", 6, true, AX_TOP_MEMORY},
               {"GIVEN", 6, true, AX_TOP_RISK},  {"ON HOST", 7, true, AX_TOP_RISK},
               {"DISK/s", 6, true, AX_TOP_DISK}, {"NET/s", 6, true, AX_TOP_NET},
               {"RISK", -1, false, AX_TOP_RISK}};

/* One row from its cells, titles and figures alike. */
static void put_row(struct pen *p, enum ax_top_style style, const char *const *cells)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf line = AX_BUF_INIT;
    for (size_t i = 0; i < AX_ARRAY_LEN(columns); i++) {
        const struct column *c = &columns[i];
        int width = c->width == 0 ? name_width(p) : c->width < 0 ? NAME_MOST : c->width;
        put_cell(&line, cells[i], width, c->right);
        ax_buf_byte(&line, ' ');
        if (i + 2 == AX_ARRAY_LEN(columns))
            ax_buf_byte(&line, ' '); /* between a number and the words after it */
    }
    ax_buf_byte(&line, 0);
    put_line(p, style, line.p);
}

static void put_titles(struct pen *p)
{
    const char *cells[AX_ARRAY_LEN(columns)];
    for (size_t i = 0; i < AX_ARRAY_LEN(columns); i++) {
        bool last = i + 1 == AX_ARRAY_LEN(columns);
        bool sorted = columns[i].sort == p->view->sort && (columns[i].sort != AX_TOP_RISK || last);
        cells[i] = sorted ? ax_arena_printf(p->a, "%s*", columns[i].title).p : columns[i].title;
    }
    put_row(p, AX_TOP_TITLE, cells);
}

static enum ax_top_style style_of(const struct ax_top_vm *vm)
{
    const char *state = ax_j_str(vm->resource, "state");
    if (vm->prediction || strcmp(state, "crashed") == 0)
        return AX_TOP_BAD;
    return strcmp(state, "running") == 0 || strcmp(state, "blocked") == 0 ? AX_TOP_PLAIN
                                                                          : AX_TOP_DIM;
}

static void put_vm(struct pen *p, const struct ax_top_vm *vm, bool selected)
{
    char text[7][AX_TEXT], risk[2 * AX_TEXT] = "";
    if (vm->prediction)
        snprintf(risk, sizeof risk, "%s %.60s", ax_text_seconds(fmax(vm->risk, 0), text[6]),
                 ax_j_str(vm->prediction, "resource"));
    const char *cells[] = {ax_j_str(vm->resource, "name"),
                           ax_j_str(vm->resource, "state"),
                           percent(vm->cpu, text[0]),
                           short_bytes(vm->used, text[1]),
                           short_bytes(vm->assigned, text[2]),
                           short_bytes(vm->resident, text[3]),
                           short_bytes(vm->disk, text[4]),
                           short_bytes(vm->net, text[5]),
                           risk};
    put_row(p, selected ? AX_TOP_SELECTED : style_of(vm), cells);
}

static void put_details(struct pen *p, const struct ax_top_vm *vm)
{
    const json_t *r = vm->resource, *f;
    const json_t *findings = ax_j_array(json_object_get(r, "attributes"), "findings");
    char a[AX_TEXT], b[AX_TEXT], c[AX_TEXT];
    size_t end = p->frame->n + DETAILS, i;
    put_linef(p, AX_TOP_TITLE, "%s  %s", ax_j_str(r, "name"), ax_j_str(r, "handle"));
    put_linef(p, AX_TOP_PLAIN, "%s (%s) since %s, %s; seen %s", ax_j_str(r, "state"),
              ax_j_str(r, "reason"), ax_text_time(ax_j_time(r, "since"), a),
              ax_text_ago(p->t->at, ax_j_time(r, "since"), b),
              ax_text_ago(p->t->at, ax_j_time(r, "last_seen"), c));
    put_linef(p, AX_TOP_PLAIN, "memory: the guest uses %s of %s given; %s lie on the host",
              ax_text_bytes(vm->used, a), ax_text_bytes(vm->assigned, b),
              ax_text_bytes(vm->resident, c));
    if (vm->prediction)
        put_linef(p, AX_TOP_BAD, "%s: %s", ax_j_str(vm->prediction, "resource"),
                  ax_j_str(vm->prediction, "reason"));
    json_array_foreach (findings, i, f) {
        if (p->frame->n + 2 > end)
            break;
        put_linef(p, AX_TOP_PLAIN, "%s: %s", ax_j_str(f, "level"), ax_j_str(f, "text"));
        put_linef(p, AX_TOP_DIM, "      %s", ax_j_str(f, "remedy"));
    }
    while (p->frame->n < end)
        put_line(p, AX_TOP_PLAIN, "");
}

/* Rows that fit; the rest of the screen is taken or kept for the pane and the keys. */
static size_t rows_that_fit(const struct pen *p, bool details)
{
    if (!p->view->height)
        return p->t->nvms;
    int left = p->view->height - (int)p->frame->n - (details ? DETAILS : 0) - p->view->keys;
    return left < 1 ? 1 : (size_t)left;
}

static void scroll(struct ax_top_view *v, size_t rows, size_t n)
{
    if (v->selected >= n)
        v->selected = n ? n - 1 : 0;
    if (v->selected < v->first)
        v->first = v->selected;
    if (v->selected >= v->first + rows)
        v->first = v->selected - rows + 1;
    if (v->first + rows > n)
        v->first = n > rows ? n - rows : 0;
}

void ax_top_draw(const struct ax_top *t, struct ax_top_view *view, struct ax_arena *a,
                 struct ax_top_frame *out)
{
    struct pen p = {t, view, a, out};
    put_heading(&p);
    put_hosts(&p);
    put_titles(&p);
    bool details = view->details && t->nvms && view->height >= (int)out->n + DETAILS + 3;
    size_t rows = rows_that_fit(&p, details);
    scroll(view, rows, t->nvms);
    for (size_t i = view->first; i < t->nvms && i < view->first + rows; i++)
        put_vm(&p, &t->vms[i], view->height && i == view->selected);
    if (t->nvms == 0)
        put_line(&p, AX_TOP_DIM, "no virtual machine was seen yet");
    if (!view->height)
        return;
    while (out->n + (details ? DETAILS : 0) + view->keys < (size_t)view->height)
        put_line(&p, AX_TOP_PLAIN, "");
    if (details)
        put_details(&p, &t->vms[view->selected]);
    if (view->keys)
        put_line(&p, AX_TOP_DIM,
                 "q quit  Enter details  sort: r risk n name s state c CPU m memory d disk w net");
}
