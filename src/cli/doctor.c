// SPDX-License-Identifier: Apache-2.0
/* auspex doctor: what stands between this machine and full sight, and what to do about it. */
#include "cli/doctor.h"

#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char HELP[] =
    "auspex doctor [--data DIR] [--libvirt URI] [--all]\n"
    "\n"
    "What is missing for full sight, each with its remedy: libvirt and rights to it, what the\n"
    "kernel shows, the server, clocks, silent hosts, the store, and for each virtual machine what\n"
    "keeps its memory from being seen. Changes nothing. Works without a server too.\n"
    "\n"
    "  auspex doctor\n"
    "  auspex doctor --data ./var          the data directory too: space, and a test write\n"
    "  auspex doctor --json | jq -r '.findings[] | select(.level != \"ok\") | .remedy'\n"
    "\n"
    "  -d, --data DIR      the server's data directory\n"
    "      --libvirt URI   default qemu:///system; none = no libvirt here\n"
    "  -a, --all           every finding, where otherwise those of one kind are counted\n"
    "\n"
    "Exit status: 0 nothing worse than notes; 1 error; 2 bad usage; 3 warnings or failures.\n";

#define EACH 3 /* findings of one kind that are shown in full */

/* By level: for people, and for programs as the API has them. */
static const char *const words[] = {"ok", "note", "warning", "failure"};
static const char *const codes[] = {"ok", "info", "warn", "fail"};

/* On one line, however many it has. */
static void put(FILE *out, struct ax_str s)
{
    struct ax_str line;
    while (ax_str_cut(&s, '\n', &line)) {
        ax_put_str(out, line);
        fputs(s.p ? " " : "", out);
    }
}

static void show(FILE *out, const struct ax_finding *f, bool colour)
{
    static const char *const colours[] = {"\033[32m", "\033[36m", "\033[33m", "\033[31m"};
    fprintf(out, "%s%-8s%s ", colour ? colours[f->level] : "", words[f->level],
            colour ? "\033[0m" : "");
    put(out, f->text);
    if (f->remedy.n) {
        fputs("\n         -> ", out);
        put(out, f->remedy);
    }
    fputc('\n', out);
}

/* How many before (and with) this one have its code. */
static size_t rank(const struct ax_findings *f, size_t at)
{
    size_t n = 0;
    for (size_t i = 0; i <= at; i++)
        n += ax_str_eq(f->v[i].code, f->v[at].code);
    return n;
}

static bool is_last_of_code(const struct ax_findings *f, size_t at)
{
    for (size_t i = at + 1; i < f->n; i++)
        if (ax_str_eq(f->v[i].code, f->v[at].code))
            return false;
    return true;
}

void ax_show_findings(FILE *out, const struct ax_findings *f, size_t each, bool colour)
{
    size_t count[AX_ARRAY_LEN(words)] = {0};
    for (size_t i = 0; i < f->n; i++) {
        size_t nth = rank(f, i);
        count[f->v[i].level]++;
        if (!each || nth <= each)
            show(out, &f->v[i], colour);
        else if (is_last_of_code(f, i))
            fprintf(out, "         and %zu more like it (%.*s); see --all\n", nth - each,
                    AX_STR_ARG(f->v[i].code));
    }
    fprintf(out, "\nwell: %zu, notes: %zu, warnings: %zu, failures: %zu\n", count[AX_FINDING_OK],
            count[AX_FINDING_INFO], count[AX_FINDING_WARN], count[AX_FINDING_FAIL]);
}

static void print_json(const struct ax_findings *f)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf out = AX_BUF_INIT;
    struct ax_json j = {.out = &out};
    ax_json_obj(&j);
    ax_json_key(&j, "worst");
    ax_json_cstr(&j, codes[ax_findings_worst(f)]);
    ax_json_key(&j, "findings");
    ax_json_arr(&j);
    for (size_t i = 0; i < f->n; i++) {
        const struct ax_finding *x = &f->v[i];
        ax_json_obj(&j);
        ax_json_key(&j, "level");
        ax_json_cstr(&j, codes[x->level]);
        ax_json_key(&j, "code");
        ax_json_str(&j, x->code);
        ax_json_key(&j, "handle");
        ax_json_cstr(&j, x->handle.n ? x->handle.p : NULL);
        ax_json_key(&j, "text");
        ax_json_str(&j, x->text);
        ax_json_key(&j, "remedy");
        ax_json_cstr(&j, x->remedy.n ? x->remedy.p : NULL);
        ax_json_end(&j);
    }
    ax_json_end(&j);
    ax_json_end(&j);
    ax_put_json_line(stdout, ax_buf_view(&out));
}

static void check_machine(struct ax_findings *f, const char *libvirt_uri)
{
    char name[256] = "";
    gethostname(name, sizeof name - 1);
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_collect_options o = {.proc = "/proc",
                                   .sys = "/sys",
                                   .rootfs = "/",
                                   .host_id = ax_str(name),
                                   .host_name = ax_str(name),
                                   .libvirt_uri =
                                       strcmp(libvirt_uri, "none") == 0 ? NULL : libvirt_uri,
                                   .interval_ms = 5000};
    struct ax_finding *v = NULL;
    size_t n = 0;
    ax_collect_findings(&o, &a, &v, &n);
    for (size_t i = 0; i < n; i++)
        ax_findings_add(f, &v[i]);
    ax_arena_free(&a);
}

static void no_answer(struct ax_findings *f, const struct ax_cli *c, const struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    if (err->code == -ECONNREFUSED)
        ax_buf_printf(&text, "no server answers at %s", c->server);
    else
        ax_buf_cstr(&text, err->text);
    ax_findings_add(f, &(struct ax_finding){.level = AX_FINDING_WARN,
                                            .code = AX_STR("server"),
                                            .text = ax_buf_view(&text),
                                            .remedy = AX_STR("start it with auspex run, or name "
                                                             "another with --server URL")});
}

static void check_from_server(struct ax_findings *f, const struct ax_cli *c)
{
    AX_CLEANUP(ax_answer_free) struct ax_answer status = {0};
    AX_CLEANUP(ax_answer_free) struct ax_answer hosts = {0};
    AX_CLEANUP(ax_answer_free) struct ax_answer vms = {0};
    struct ax_err err;
    struct ax_client *client = ax_client_new(c);
    int rc = ax_client_get(client, "/auspex/v1/status", &status, &err);
    if (rc == 0)
        rc = ax_client_get(client, "/auspex/v1/resources?kind=host&limit=10000", &hosts, &err);
    if (rc == 0)
        rc = ax_client_get(client, "/auspex/v1/resources?kind=vm&limit=10000", &vms, &err);
    ax_client_free(client);
    if (rc < 0) {
        no_answer(f, c, &err);
        return;
    }
    ax_check_server(f, &status, c->server, ax_now_ms());
    ax_check_hosts(f, ax_j_array(hosts.json, "resources"), ax_now_ms());
    ax_check_attributes(f, ax_j_array(hosts.json, "resources"));
    ax_check_attributes(f, ax_j_array(vms.json, "resources"));
}

int ax_cmd_doctor(int argc, char **argv)
{
    const char *data = NULL, *libvirt_uri = "qemu:///system";
    bool all = false;
    const struct ax_flag flags[] = {
        {"data", 'd', &data, NULL}, {"libvirt", 0, &libvirt_uri, NULL}, {"all", 'a', NULL, &all}};
    struct ax_cli c;
    int rc = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (rc != AX_CLI_GO || (rc = ax_cli_expect(&c, 0, 0, "")) != AX_CLI_GO)
        return rc;
    struct ax_findings f = {0};
    check_machine(&f, libvirt_uri);
    check_from_server(&f, &c);
    if (data)
        ax_check_data(&f, data);
    const char *plain = getenv("NO_COLOR");
    if (c.json)
        print_json(&f);
    else
        ax_show_findings(stdout, &f, all ? 0 : EACH, isatty(STDOUT_FILENO) && !(plain && *plain));
    bool well = ax_findings_worst(&f) <= AX_FINDING_INFO;
    ax_findings_free(&f);
    return well ? AX_EXIT_OK : AX_EXIT_UNWELL;
}
