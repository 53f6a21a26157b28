// SPDX-License-Identifier: Apache-2.0
#include "cli/inspect_vm.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/inspect_view.h"
#include "vmi/vmi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_S  20 /* the server waits so long for the collector */
#define WATCH_S   2
#define WATCH_MAX 3600

struct looking {
    const struct ax_cli *c;
    struct ax_client *client;
    const char *reason;
    struct ax_buf path;
    unsigned parts, left_out; /* left_out: of "all", what is not granted */
};

static void put_parts(struct ax_json *j, unsigned parts)
{
    ax_json_key(j, "parts");
    ax_json_arr(j);
    for (unsigned i = 0; i < AX_PARTS; i++)
        if (parts & 1u << i)
            ax_json_cstr(j, ax_part_names[i]);
    ax_json_end(j);
}

static int ask(struct looking *l, struct ax_answer *out, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf body = AX_BUF_INIT;
    struct ax_json j = {.out = &body};
    ax_json_obj(&j);
    put_parts(&j, l->parts);
    if (l->reason) {
        ax_json_key(&j, "reason");
        ax_json_cstr(&j, l->reason);
    }
    ax_json_key(&j, "wait");
    ax_json_int(&j, ANSWER_S);
    ax_json_end(&j);
    return ax_client_send(l->client, "POST", l->path.p, ax_buf_view(&body), out, err);
}

/* "all" is all that is granted; with nothing granted it is asked for all the same, so that the
 * refusal says what to do. */
static int find_parts(struct looking *l, const char *word, struct ax_err *err)
{
    AX_CLEANUP(ax_answer_free) struct ax_answer may = {0};
    enum ax_scope scope;
    l->parts = ax_inspect_parts(word);
    if (strcmp(word, "all") != 0)
        return 0;
    int rc = ax_client_get(l->client, l->path.p, &may, err);
    if (rc == 0 && ax_scope_parse(ax_str(ax_j_str(may.json, "scope")), &scope)) {
        l->left_out = l->parts & ~ax_vmi_parts_of(scope);
        l->parts &= ax_vmi_parts_of(scope);
    }
    return rc;
}

static void show_left_out(FILE *out, const struct looking *l)
{
    const char *between = "\nNot looked at, as it goes further than what is granted: ";
    for (unsigned i = 0; i < AX_PARTS; i++)
        if (l->left_out & 1u << i) {
            fprintf(out, "%s%s", between, ax_part_names[i]);
            between = ", ";
        }
    if (l->left_out)
        fputc('\n', out);
}

static void show_grant(FILE *out, const json_t *answer)
{
    const json_t *g = json_object_get(answer, "grant");
    int64_t expires = ax_j_time(g, "expires");
    char when[AX_TEXT];
    ax_put(out, ax_j_str(answer, "name"));
    fputs("  ", out);
    ax_put(out, ax_j_str(answer, "handle"));
    fputs("\nallowed by a ", out);
    ax_put(out, ax_j_str(g, "kind"));
    fputs(", up to ", out);
    ax_put(out, ax_j_str(g, "scope"));
    fprintf(out, "%s%s\n\n", expires ? ", until " : "", expires ? ax_text_time(expires, when) : "");
}

/* 0 well, 3 not well; -1 an error, which is told. */
static int look(struct looking *l, bool clear)
{
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    struct ax_err err;
    if (ask(l, &a, &err) < 0) {
        ax_cli_error(&err);
        return -1;
    }
    bool well = ax_inspect_well(a.json);
    if (l->c->json) {
        ax_answer_print(&a, stdout);
    } else {
        if (clear)
            fputs("\033[H\033[2J", stdout);
        show_grant(stdout, a.json);
        ax_inspect_show(stdout, a.json);
        show_left_out(stdout, l);
    }
    fflush(stdout);
    return well ? AX_EXIT_OK : AX_EXIT_UNWELL;
}

static int path_of(struct looking *l, struct ax_err *err)
{
    AX_CLEANUP(ax_free_ptr) char *handle = NULL;
    int rc = ax_resolve(l->client, l->c->args[0], &handle, err);
    if (rc < 0)
        return rc;
    if (strncmp(handle, "vm:", 3) != 0)
        return ax_fail(err, -EINVAL, "%s is no VM: only into VMs can be looked", handle);
    ax_buf_cstr(&l->path, "/auspex/v1/resources/");
    ax_path_escape(&l->path, handle);
    ax_buf_cstr(&l->path, "/inspect");
    ax_path_end(&l->path);
    return 0;
}

static int look_on(struct looking *l, bool watch, double seconds)
{
    bool clear = watch && !l->c->json && isatty(STDOUT_FILENO);
    int status = look(l, clear);
    while (watch && status >= 0) {
        ax_sleep_ms((int64_t)(seconds * 1000));
        status = look(l, clear);
    }
    return status < 0 ? AX_EXIT_ERROR : status;
}

int ax_inspect_vm(const struct ax_cli *c, const char *reason, bool watch)
{
    struct looking l = {.c = c, .reason = reason};
    struct ax_err err;
    double seconds = WATCH_S;
    if (!ax_inspect_parts(c->args[1]))
        return ax_cli_usage(c, "\"%s\" is nothing to look at; expected " AX_INSPECT_WORDS,
                            c->args[1]);
    if (c->nargs == 3 && (!watch || !ax_str_double(ax_str(c->args[2]), &seconds) ||
                          !(seconds >= 0.5 && seconds <= WATCH_MAX)))
        return ax_cli_usage(c, "\"%s\": expected --watch SECONDS, 0.5 to %d", c->args[2],
                            WATCH_MAX);
    l.client = ax_client_new(c);
    ax_client_patience(l.client, ANSWER_S + 5);
    int rc = path_of(&l, &err);
    if (rc == 0)
        rc = find_parts(&l, c->args[1], &err);
    int status = rc < 0 ? ax_cli_error(&err) : look_on(&l, watch, seconds);
    ax_client_free(l.client);
    ax_buf_free(&l.path);
    return status;
}
