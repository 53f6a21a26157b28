// SPDX-License-Identifier: Apache-2.0
/* auspex admin ledger: what was looked into, and whether the record of it is whole. Reads only. */
#include "base/json.h"
#include "cli/admin.h"
#include "warrant/warrant.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char HELP[] =
    "auspex admin ledger verify [--data DIR] [--head HASH]\n"
    "auspex admin ledger show [--data DIR]\n"
    "auspex admin ledger export [--data DIR]\n"
    "\n"
    "The ledger of looks into VMs' memory: consents, warrants, uses, notices. Each entry has the\n"
    "hash of the one before it, and ledger.head has that of the last. verify goes through all of "
    "it\n"
    "(status 1, and the first entry that is wrong and how, unless it is whole), whether a server\n"
    "has it open or not. It changes nothing.\n"
    "\n"
    "  auspex admin ledger verify --data /var/lib/auspex\n"
    "  auspex admin ledger verify --head 3f0c...   and the entry with that hash is in it\n"
    "  auspex admin ledger show | tail\n"
    "  auspex admin ledger export >ledger.jsonl    a JSON object a line\n"
    "\n"
    "In an exported line the hash is SHA-256 of the line without its last member, \"hash\".\n"
    "\n"
    "  -d, --data DIR   what `auspex serve --data` is given (default ./var)\n"
    "      --head HASH  that an owner got with a notice\n"
    "  -j, --json       show and verify: one JSON object\n";

#define PAGE 1000

struct flags {
    const char *data, *head;
};

static int look(const struct flags *f, struct ax_ledger **out, struct ax_err *err)
{
    char database[4200], head[4200];
    snprintf(database, sizeof database, "%s/registry.db", f->data);
    snprintf(head, sizeof head, "%s/ledger.head", f->data);
    int rc = ax_ledger_look(out, database, head, err);
    return rc < 0 ? ax_err_wrap(err, "%s", f->data) : 0;
}

/* ---- verify ---- */

static void verify_json(const struct ax_ledger_report *r)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    struct ax_json j = {.out = &b};
    ax_json_obj(&j);
    ax_json_key(&j, "intact");
    ax_json_bool(&j, r->intact);
    ax_json_key(&j, "entries");
    ax_json_int(&j, r->entries);
    ax_json_key(&j, "head");
    ax_json_cstr(&j, r->head);
    ax_json_key(&j, "found");
    ax_json_int(&j, r->found);
    ax_json_key(&j, "bad");
    ax_json_int(&j, r->bad);
    ax_json_key(&j, "fault");
    ax_json_cstr(&j, r->intact ? NULL : r->fault);
    ax_json_end(&j);
    ax_put_json_line(stdout, ax_buf_view(&b));
}

static int verify(struct ax_ledger *l, const struct ax_cli *c, const struct flags *f)
{
    struct ax_ledger_report r;
    struct ax_err err;
    if (ax_ledger_verify(l, ax_str(f->head), &r, &err) < 0)
        return ax_cli_error(&err);
    if (c->json)
        verify_json(&r);
    else if (r.intact)
        printf("intact: %lld entries, the last has the hash %s\n", (long long)r.entries, r.head);
    else if (r.bad || !f->head)
        printf("NOT INTACT: entry %lld: ", (long long)r.bad);
    else
        fputs("NOT INTACT: ", stdout);
    if (!c->json && !r.intact)
        ax_put_line(stdout, r.fault);
    if (!c->json && r.intact && f->head)
        printf("entry %lld has the hash asked for\n", (long long)r.found);
    return r.intact ? AX_EXIT_OK : AX_EXIT_ERROR;
}

/* ---- show, export ---- */

static void cell(struct ax_table *t, struct ax_str s)
{
    char text[400];
    snprintf(text, sizeof text, "%.*s", AX_STR_ARG(s));
    ax_table_cell(t, text);
}

static void row(struct ax_table *t, const struct ax_ledger_entry *e)
{
    char text[AX_TEXT];
    snprintf(text, sizeof text, "%lld", (long long)e->sequence);
    ax_table_cell(t, text);
    ax_table_cell(t, ax_text_time(e->time, text));
    ax_table_cell(t, ax_ledger_kind_name(e->kind));
    ax_table_cell(t, ax_scope_name(e->scope));
    cell(t, e->tenant);
    cell(t, e->handle.n ? e->handle : AX_STR("all VMs"));
    cell(t, e->who);
    cell(t, e->reason);
    cell(t, e->detail);
}

/* Its hash is of these bytes: only a terminal gets others. */
static void line(const struct ax_ledger_entry *e)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    ax_ledger_json(e, true, &b);
    if (isatty(STDOUT_FILENO))
        ax_put_json(stdout, ax_buf_view(&b));
    else
        fwrite(b.p, 1, b.n, stdout);
}

static struct ax_table *new_table(void)
{
    static const struct ax_column columns[] = {
        {"NO", AX_RIGHT},   {"TIME", AX_LEFT},     {"WHAT", AX_LEFT},
        {"SCOPE", AX_LEFT}, {"TENANT", AX_SHRINK}, {"RESOURCE", AX_SHRINK},
        {"WHO", AX_SHRINK}, {"REASON", AX_SHRINK}, {"DETAIL", AX_SHRINK}};
    return ax_table_new(stdout, columns, AX_ARRAY_LEN(columns));
}

/* Page by page, since a ledger only grows. With a table, or as lines. */
static int write_all(struct ax_ledger *l, struct ax_table *t, const char *between,
                     struct ax_err *err)
{
    struct ax_ledger_filter f = {.limit = PAGE};
    size_t n = PAGE;
    while (n == PAGE) {
        AX_CLEANUP(ax_arena_free) struct ax_arena a = AX_ARENA_INIT;
        struct ax_ledger_entry *v;
        int rc = ax_ledger_read(l, &f, &a, &v, &n, err);
        if (rc < 0)
            return rc;
        for (size_t i = 0; i < n; i++) {
            if (t) {
                row(t, &v[i]);
            } else {
                fputs(f.after ? between : "", stdout);
                line(&v[i]);
            }
            f.after = v[i].sequence;
        }
    }
    return 0;
}

static int show(struct ax_ledger *l, const struct ax_cli *c, const struct flags *f)
{
    struct ax_err err;
    struct ax_table *t = c->json ? NULL : new_table();
    fputs(c->json ? "{\"entries\":[" : "", stdout);
    int rc = write_all(l, t, ",", &err);
    fputs(c->json ? "]}\n" : "", stdout);
    ax_table_free(t);
    return rc < 0 ? ax_cli_error(&err) : AX_EXIT_OK;
}

static int export(struct ax_ledger *l, const struct ax_cli *c, const struct flags *f)
{
    struct ax_err err;
    if (write_all(l, NULL, "\n", &err) < 0)
        return ax_cli_error(&err);
    putchar('\n');
    return AX_EXIT_OK;
}

int ax_admin_ledger(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(struct ax_ledger *, const struct ax_cli *, const struct flags *);
    } verbs[] = {{"verify", verify}, {"show", show}, {"export", export}};
    struct flags f = {.data = AX_ADMIN_DATA};
    const struct ax_flag flags[] = {{"data", 'd', &f.data, NULL}, {"head", 0, &f.head, NULL}};
    struct ax_cli c;
    struct ax_err err;
    struct ax_ledger *l;
    size_t i = 0;
    int rc = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (rc == AX_CLI_GO)
        rc = ax_cli_expect(&c, 1, 1, "what to do (verify, show, export)");
    if (rc != AX_CLI_GO)
        return rc;
    while (i < AX_ARRAY_LEN(verbs) && strcmp(c.args[0], verbs[i].name) != 0)
        i++;
    if (i == AX_ARRAY_LEN(verbs))
        return ax_cli_usage(&c, "cannot \"%s\" a ledger (verify, show, export)", c.args[0]);
    if (look(&f, &l, &err) < 0)
        return ax_cli_error(&err);
    rc = verbs[i].run(l, &c, &f);
    ax_ledger_close(l);
    return rc;
}
