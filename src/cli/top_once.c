// SPDX-License-Identifier: Apache-2.0
/* One frame of the view as plain text, or the model as JSON. */
#include "cli/top.h"

#include "base/json.h"

#include <sys/ioctl.h>
#include <unistd.h>

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
    ax_put_json_line(stdout, ax_buf_view(&out));
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

int ax_top_once(const struct ax_cli *c, enum ax_top_sort sort)
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
