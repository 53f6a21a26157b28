// SPDX-License-Identifier: Apache-2.0
#include "cli/host_sight_parts.h"

#include "base/clock.h"
#include "base/json.h"

#include <stdlib.h>

#define COUNT_NS 30000000000ll

static void add(struct ax_host_reports *h, const struct ax_sight_count *c)
{
    struct ax_host_report **at = &h->first;
    while (*at && !ax_str_eq(ax_str((*at)->standing), c->standing))
        at = &(*at)->next;
    if (!*at) {
        *at = ax_calloc(1, sizeof **at);
        (*at)->standing = ax_strdup(c->standing.p);
    }
    (*at)->polls += c->polls;
    if (c->ended.n && !(*at)->ended)
        (*at)->ended = ax_strdup(c->ended.p);
}

static void free_report(struct ax_host_report *r)
{
    free(r->standing);
    free(r->ended);
    free(r);
}

/* False: the server could not be reached; the report waits. */
static bool tell(struct ax_errand *by, const char *host, const struct ax_host_report *r, bool *over)
{
    AX_CLEANUP(ax_buf_free)
    struct ax_buf path = AX_BUF_INIT, body = AX_BUF_INIT, answer = {.max = 65536};
    struct ax_json j = {.out = &body};
    struct ax_err err;
    ax_json_obj(&j);
    ax_json_key(&j, "polls");
    ax_json_int(&j, (int64_t)r->polls);
    if (r->ended) {
        ax_json_key(&j, "ended");
        ax_json_cstr(&j, r->ended);
    }
    ax_json_end(&j);
    ax_buf_printf(&path, "/auspex/v1/inspection/standing/%s/count?host=%s%c", r->standing, host,
                  '\0');
    int status = ax_errand_ask(by, path.p, ax_buf_view(&body), 5000, &answer, &err);
    if (status == 403)
        *over = true;
    return status > 0 && status < 500 && status != 401 && status != 429;
}

bool ax_host_report_send(struct ax_host_reports *h, struct ax_sight *sight, struct ax_errand *by,
                         const char *host, bool all)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_sight_count *v;
    size_t n;
    int64_t now = ax_mono_ns();
    bool due = all || now - h->sent_ns >= COUNT_NS;
    ax_sight_counts(sight, &a, &v, &n);
    for (size_t i = 0; i < n; i++)
        add(h, &v[i]);
    ax_arena_free(&a);
    bool reached = true, over = false;
    for (struct ax_host_report **at = &h->first; *at && reached;) {
        struct ax_host_report *r = *at;
        reached = !(due || r->ended) || tell(by, host, r, &over);
        if (reached && (due || r->ended)) {
            *at = r->next;
            free_report(r);
        } else {
            at = &r->next;
        }
    }
    if (due)
        h->sent_ns = now;
    return over;
}

void ax_host_reports_free(struct ax_host_reports *h)
{
    while (h->first) {
        struct ax_host_report *r = h->first;
        h->first = r->next;
        free_report(r);
    }
}
