// SPDX-License-Identifier: Apache-2.0
/* auspex admin user: people with passwords. */
#include "base/clock.h"
#include "cli/admin_auth.h"
#include "cli/password.h"

#include <string.h>

static const char HELP[] =
    "auspex admin user add NAME [--data DIR] --tenant TENANT --role ROLE [--password-file FILE]\n"
    "auspex admin user list [--data DIR]\n"
    "auspex admin user password NAME [--data DIR] [--password-file FILE]\n"
    "auspex admin user disable NAME [--data DIR]\n"
    "auspex admin user enable NAME [--data DIR]\n"
    "auspex admin user remove NAME [--data DIR]\n"
    "\n"
    "Users of a server that asks for credentials (auspex serve --auth token); they come with "
    "Basic\n"
    "authentication. The password is asked for on the terminal, or is the first line of a file.\n"
    "A new password, disabling and removing end the user's logins, on a running server within a\n"
    "second.\n"
    "\n"
    "  auspex admin user add eve --tenant acme --role member\n"
    "  auspex admin user add grafana --tenant acme --role reader --password-file secret.txt\n"
    "  auspex admin user disable eve --data /var/lib/auspex\n"
    "\n"
    "  -d, --data DIR            what `auspex serve --data` is given (default ./var)\n"
    "      --role ROLE           provider, member, reader, agent or delegate; see auspex admin "
    "token --help\n"
    "      --password-file FILE  instead of asking; - is standard input\n"
    "      --user NAME           as in `auspex serve --user`, when root makes the data directory\n";

struct flags {
    const char *data, *role, *password_file, *user;
};

static int get_password(const struct flags *f, char out[AX_SECRET_MAX], struct ax_err *err)
{
    return f->password_file ? ax_secret_read(f->password_file, out, err)
                            : ax_secret_ask("Password", out, err);
}

static int add(struct ax_cli *c, const struct flags *f)
{
    struct ax_admin_auth a;
    struct ax_err err;
    char password[AX_SECRET_MAX];
    struct ax_user u = {.name = ax_str(c->args[1])};
    int status = ax_admin_role(c, f->role, &u.role);
    if (status == AX_CLI_GO)
        status = ax_admin_tenant(c, u.role, &u.tenant);
    if (status != AX_CLI_GO)
        return status;
    if (get_password(f, password, &err) < 0 || ax_admin_auth_open(&a, f->data, f->user, &err) < 0)
        return ax_cli_error(&err);
    int rc = ax_auth_user_add(a.auth, &u, ax_str(password), ax_now_ms(), &err);
    ax_admin_auth_close(&a);
    explicit_bzero(password, sizeof password);
    return rc < 0 ? ax_cli_error(&err) : AX_EXIT_OK;
}

static int set_password(struct ax_cli *c, const struct flags *f)
{
    struct ax_admin_auth a;
    struct ax_err err;
    char password[AX_SECRET_MAX];
    if (get_password(f, password, &err) < 0 || ax_admin_auth_open(&a, f->data, f->user, &err) < 0)
        return ax_cli_error(&err);
    int rc = ax_auth_user_password(a.auth, ax_str(c->args[1]), ax_str(password), &err);
    ax_admin_auth_close(&a);
    explicit_bzero(password, sizeof password);
    return rc < 0 ? ax_cli_error(&err) : AX_EXIT_OK;
}

/* disable, enable, remove */
static int change(struct ax_cli *c, const struct flags *f)
{
    struct ax_admin_auth a;
    struct ax_err err;
    struct ax_str name = ax_str(c->args[1]);
    if (ax_admin_auth_open(&a, f->data, f->user, &err) < 0)
        return ax_cli_error(&err);
    int rc = strcmp(c->args[0], "remove") == 0
                 ? ax_auth_user_remove(a.auth, name, &err)
                 : ax_auth_user_disable(a.auth, name, strcmp(c->args[0], "disable") == 0, &err);
    ax_admin_auth_close(&a);
    return rc < 0 ? ax_cli_error(&err) : AX_EXIT_OK;
}

static void list_json(const struct ax_user *v, size_t n)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    struct ax_json j = {.out = &text};
    ax_json_obj(&j);
    ax_json_key(&j, "users");
    ax_json_arr(&j);
    for (size_t i = 0; i < n; i++) {
        ax_json_obj(&j);
        ax_json_key(&j, "name");
        ax_json_str(&j, v[i].name);
        ax_json_key(&j, "tenant");
        ax_json_str(&j, v[i].tenant);
        ax_json_key(&j, "role");
        ax_json_cstr(&j, ax_role_name(v[i].role));
        ax_json_key(&j, "disabled");
        ax_json_bool(&j, v[i].disabled);
        ax_json_key(&j, "created");
        ax_json_time(&j, v[i].created);
        ax_json_end(&j);
    }
    ax_json_end(&j);
    ax_json_end(&j);
    ax_put_json_line(stdout, ax_buf_view(&text));
}

static void list_people(const struct ax_user *v, size_t n)
{
    static const struct ax_column columns[] = {{"NAME", AX_SHRINK},
                                               {"TENANT", AX_LEFT},
                                               {"ROLE", AX_LEFT},
                                               {"STATE", AX_LEFT},
                                               {"CREATED", AX_LEFT}};
    struct ax_table *t = ax_table_new(stdout, columns, AX_ARRAY_LEN(columns));
    for (size_t i = 0; i < n; i++) {
        char when[AX_TEXT];
        ax_admin_cell(t, v[i].name);
        ax_admin_cell(t, v[i].tenant);
        ax_table_cell(t, ax_role_name(v[i].role));
        ax_table_cell(t, v[i].disabled ? "disabled" : "enabled");
        ax_table_cell(t, ax_text_time(v[i].created, when));
    }
    ax_table_free(t);
}

static int list(struct ax_cli *c, const struct flags *f)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena arena = AX_ARENA_INIT;
    struct ax_admin_auth a;
    struct ax_err err;
    struct ax_user *v;
    size_t n;
    if (ax_admin_auth_open(&a, f->data, f->user, &err) < 0)
        return ax_cli_error(&err);
    int rc = ax_auth_users(a.auth, &arena, &v, &n, &err);
    ax_admin_auth_close(&a);
    if (rc < 0)
        return ax_cli_error(&err);
    if (c->json)
        list_json(v, n);
    else
        list_people(v, n);
    return AX_EXIT_OK;
}

static const struct deed {
    const char *name;
    int (*run)(struct ax_cli *c, const struct flags *f);
    int args; /* with its own name */
} deeds[] = {{"add", add, 2},        {"list", list, 1},     {"password", set_password, 2},
             {"disable", change, 2}, {"enable", change, 2}, {"remove", change, 2}};

int ax_admin_user(int argc, char **argv)
{
    struct ax_cli c;
    struct flags f = {.data = AX_ADMIN_DATA};
    const struct ax_flag flags[] = {{"data", 'd', &f.data, NULL},
                                    {"role", 0, &f.role, NULL},
                                    {"password-file", 0, &f.password_file, NULL},
                                    {"user", 0, &f.user, NULL}};
    int status = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (status == AX_CLI_GO)
        status = ax_cli_expect(&c, 1, INT32_MAX,
                               "what to do (add, list, password, disable, enable, remove)");
    if (status != AX_CLI_GO)
        return status;
    for (size_t i = 0; i < AX_ARRAY_LEN(deeds); i++)
        if (strcmp(c.args[0], deeds[i].name) == 0) {
            status = ax_cli_expect(&c, deeds[i].args, deeds[i].args, "the user's name");
            return status == AX_CLI_GO ? deeds[i].run(&c, &f) : status;
        }
    return ax_cli_usage(&c, "cannot \"%s\" a user (add, list, password, disable, enable, remove)",
                        c.args[0]);
}
