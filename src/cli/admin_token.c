// SPDX-License-Identifier: Apache-2.0
/* auspex admin token, auspex admin cert: who may speak to the server, by a token or by a TLS client
 * certificate. Both stand in one list. */
#include "base/clock.h"
#include "base/num.h"
#include "cli/admin_auth.h"

#include <string.h>

static const char HELP[] =
    "auspex admin token add [--data DIR] --tenant NAME --role ROLE [--name TEXT] [--expires TIME]\n"
    "auspex admin token list [--data DIR]\n"
    "auspex admin token revoke ID [--data DIR]\n"
    "\n"
    "Tokens for a server that asks for one (auspex serve --auth token). add prints the new token,\n"
    "alone, on standard output: it cannot be had again, only its SHA-256 is kept. A running "
    "server\n"
    "knows within a second.\n"
    "\n"
    "  auspex admin token add --tenant acme --role member >acme.token\n"
    "  auspex admin token add --tenant acme --role agent --name 'web servers' --expires 90d\n"
    "  auspex admin token add --role provider --expires 2027-01-01T00:00:00Z\n"
    "  auspex admin token revoke 3 --data /var/lib/auspex\n"
    "\n"
    "Roles: provider  everything, of every tenant (--tenant: whose things it sees when it does "
    "not\n"
    "                 say, default \"default\")\n"
    "       member    all of its tenant's things\n"
    "       reader    sees them\n"
    "       agent     sends samples and observations, sees nothing\n"
    "       delegate  sends and sees, for other tenants too\n"
    "\n"
    "  -d, --data DIR      what `auspex serve --data` is given (default ./var)\n"
    "      --role ROLE     see above\n"
    "      --name TEXT     what it is for, to know it again in the list\n"
    "      --expires TIME  for so long (90d, 12h) or until then (RFC 3339); without it, for ever\n"
    "      --user NAME     as in `auspex serve --user`, when root makes the data directory\n";

static const char CERT_HELP[] =
    "auspex admin cert add [--data DIR] --fingerprint SHA256 --tenant NAME --role ROLE\n"
    "                      [--name TEXT] [--expires TIME]\n"
    "auspex admin cert list [--data DIR]\n"
    "auspex admin cert revoke ID [--data DIR]\n"
    "\n"
    "TLS client certificates that stand for a token, for a server with --tls-client-ca: whoever\n"
    "shows one that the CA has signed, and that was added here, needs no token. A running server\n"
    "knows within a second.\n"
    "\n"
    "  openssl x509 -noout -fingerprint -sha256 -in web1.pem\n"
    "  auspex admin cert add --fingerprint AB:CD:... --tenant acme --role agent --name web1\n"
    "  auspex admin cert revoke 3 --data /var/lib/auspex\n"
    "\n"
    "  -d, --data DIR           what `auspex serve --data` is given (default ./var)\n"
    "      --fingerprint SHA256 of the certificate, 64 hexadecimal digits, colons or not\n"
    "      --role ROLE          as of a token (see auspex admin token --help)\n"
    "      --name TEXT          whose it is, to know it again in the list\n"
    "      --expires TIME       for so long (90d) or until then (RFC 3339); without it, as long "
    "as\n"
    "                           the certificate itself\n"
    "      --user NAME          as in `auspex serve --user`, when root makes the data directory\n";

struct flags {
    const char *data, *role, *name, *expires, *user, *fingerprint;
    bool certificates; /* auspex admin cert */
};

/* ---- add ---- */

static int read_expires(const struct ax_cli *c, const char *text, int64_t now, int64_t *out)
{
    struct ax_err err;
    int64_t ms;
    if (!text)
        return AX_CLI_GO;
    if (ax_duration_parse(ax_str(text), &ms, NULL) == 0) {
        *out = now + ms;
        return AX_CLI_GO;
    }
    if (ax_time_parse(ax_str(text), out, &err) == 0)
        return AX_CLI_GO;
    return ax_cli_usage(c, "--expires: expected 90d or 2027-01-01T00:00:00Z, not \"%s\"", text);
}

static void tell_added(const struct ax_cli *c, int64_t id, const struct ax_token *t,
                       const char *text)
{
    const char *what = t->fingerprint.n ? "certificate" : "token";
    if (c->json && t->fingerprint.n) {
        printf("{\"id\":%lld,\"tenant\":\"%.*s\",\"role\":\"%s\"}\n", (long long)id,
               AX_STR_ARG(t->tenant), ax_role_name(t->role));
        return;
    }
    if (c->json) {
        printf("{\"id\":%lld,\"token\":\"%s\",\"tenant\":\"%.*s\",\"role\":\"%s\"}\n",
               (long long)id, text, AX_STR_ARG(t->tenant), ax_role_name(t->role));
        return;
    }
    if (!t->fingerprint.n)
        puts(text);
    fprintf(stderr, "auspex: %s %lld of tenant %.*s, role %s\n", what, (long long)id,
            AX_STR_ARG(t->tenant), ax_role_name(t->role));
}

static int add(const struct ax_cli *c, const struct flags *f)
{
    struct ax_admin_auth a;
    struct ax_err err;
    int64_t id, now = ax_now_ms();
    char text[AX_TOKEN_TEXT];
    struct ax_token t = {.name = ax_str(f->name), .fingerprint = ax_str(f->fingerprint)};
    int status = ax_cli_expect(c, 1, 1, "");
    if (status == AX_CLI_GO && f->certificates && !t.fingerprint.n)
        status = ax_cli_usage(c, "--fingerprint SHA256 is missing");
    if (status == AX_CLI_GO)
        status = ax_admin_role(c, f->role, &t.role);
    if (status == AX_CLI_GO)
        status = ax_admin_tenant(c, t.role, &t.tenant);
    if (status == AX_CLI_GO)
        status = read_expires(c, f->expires, now, &t.expires);
    if (status != AX_CLI_GO)
        return status;
    if (ax_admin_auth_open(&a, f->data, f->user, &err) < 0)
        return ax_cli_error(&err);
    int rc = f->certificates ? ax_auth_certificate_add(a.auth, &t, t.fingerprint, now, &id, &err)
                             : ax_auth_token_add(a.auth, &t, now, text, &id, &err);
    ax_admin_auth_close(&a);
    if (rc < 0)
        return ax_cli_error(&err);
    tell_added(c, id, &t, text);
    return AX_EXIT_OK;
}

/* ---- list ---- */

/* The list's tokens, or its certificates. */
static size_t only(struct ax_token *v, size_t n, bool certificates)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (certificates == (v[i].fingerprint.n > 0))
            v[kept++] = v[i];
    return kept;
}

static void list_json(const struct ax_token *v, size_t n)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    struct ax_json j = {.out = &text};
    ax_json_obj(&j);
    ax_json_key(&j, "tokens");
    ax_json_arr(&j);
    for (size_t i = 0; i < n; i++) {
        const struct {
            const char *key;
            struct ax_str v;
        } words[] = {{"tenant", v[i].tenant},
                     {"role", ax_str(ax_role_name(v[i].role))},
                     {"name", v[i].name},
                     {"user", v[i].user},
                     {"fingerprint", v[i].fingerprint}};
        const struct {
            const char *key;
            int64_t ms;
        } times[] = {{"created", v[i].created},
                     {"expires", v[i].expires},
                     {"used", v[i].used},
                     {"revoked", v[i].revoked}};
        ax_json_obj(&j);
        ax_json_key(&j, "id");
        ax_json_int(&j, v[i].id);
        for (size_t k = 0; k < AX_ARRAY_LEN(words); k++) {
            ax_json_key(&j, words[k].key);
            ax_json_str(&j, words[k].v);
        }
        for (size_t k = 0; k < AX_ARRAY_LEN(times); k++) {
            ax_json_key(&j, times[k].key);
            ax_json_time(&j, times[k].ms);
        }
        ax_json_end(&j);
    }
    ax_json_end(&j);
    ax_json_end(&j);
    ax_put_json_line(stdout, ax_buf_view(&text));
}

static const char *state(const struct ax_token *t, int64_t now)
{
    return t->revoked ? "revoked" : t->expires && t->expires <= now ? "expired" : "valid";
}

static void list_people(const struct ax_token *v, size_t n, int64_t now)
{
    static const struct ax_column columns[] = {
        {"ID", AX_RIGHT},    {"TENANT", AX_LEFT},  {"ROLE", AX_LEFT}, {"STATE", AX_LEFT},
        {"NAME", AX_SHRINK}, {"EXPIRES", AX_LEFT}, {"USED", AX_LEFT}};
    struct ax_table *t = ax_table_new(stdout, columns, AX_ARRAY_LEN(columns));
    for (size_t i = 0; i < n; i++) {
        char id[24], when[AX_TEXT];
        snprintf(id, sizeof id, "%lld", (long long)v[i].id);
        ax_table_cell(t, id);
        ax_admin_cell(t, v[i].tenant);
        ax_table_cell(t, ax_role_name(v[i].role));
        ax_table_cell(t, state(&v[i], now));
        ax_admin_cell(t, v[i].user.n ? v[i].user : v[i].name);
        ax_table_cell(t, ax_text_time(v[i].expires, when));
        ax_table_cell(t, ax_text_ago(now, v[i].used, when));
    }
    ax_table_free(t);
}

static int list(const struct ax_cli *c, const struct flags *f)
{
    AX_CLEANUP(ax_arena_free) struct ax_arena arena = AX_ARENA_INIT;
    struct ax_admin_auth a;
    struct ax_err err;
    struct ax_token *v;
    size_t n;
    int status = ax_cli_expect(c, 1, 1, "");
    if (status != AX_CLI_GO)
        return status;
    if (ax_admin_auth_open(&a, f->data, f->user, &err) < 0)
        return ax_cli_error(&err);
    int rc = ax_auth_tokens(a.auth, &arena, &v, &n, &err);
    ax_admin_auth_close(&a);
    if (rc < 0)
        return ax_cli_error(&err);
    n = only(v, n, f->certificates);
    if (c->json)
        list_json(v, n);
    else
        list_people(v, n, ax_now_ms());
    return AX_EXIT_OK;
}

/* ---- revoke ---- */

static int revoke(const struct ax_cli *c, const struct flags *f)
{
    struct ax_admin_auth a;
    struct ax_err err;
    int64_t id;
    int status = ax_cli_expect(c, 2, 2, "the ID (it is in the list)");
    if (status == AX_CLI_GO && !ax_str_i64(ax_str(c->args[1]), &id))
        status = ax_cli_usage(c, "\"%s\" is no ID (it is in the list)", c->args[1]);
    if (status != AX_CLI_GO)
        return status;
    if (ax_admin_auth_open(&a, f->data, f->user, &err) < 0)
        return ax_cli_error(&err);
    int rc = ax_auth_token_revoke(a.auth, id, ax_now_ms(), &err);
    ax_admin_auth_close(&a);
    return rc < 0 ? ax_cli_error(&err) : AX_EXIT_OK;
}

static int manage(int argc, char **argv, bool certificates)
{
    struct ax_cli c;
    struct flags f = {.data = AX_ADMIN_DATA, .certificates = certificates};
    const struct ax_flag flags[] = {
        {"data", 'd', &f.data, NULL}, {"role", 0, &f.role, NULL},
        {"name", 0, &f.name, NULL},   {"expires", 0, &f.expires, NULL},
        {"user", 0, &f.user, NULL},   {"fingerprint", 0, &f.fingerprint, NULL}};
    size_t n = AX_ARRAY_LEN(flags) - !certificates;
    int status = ax_cli_parse(&c, argc, argv, flags, n, certificates ? CERT_HELP : HELP);
    if (status == AX_CLI_GO)
        status = ax_cli_expect(&c, 1, INT32_MAX, "what to do (add, list, revoke)");
    if (status != AX_CLI_GO)
        return status;
    if (strcmp(c.args[0], "add") == 0)
        return add(&c, &f);
    if (strcmp(c.args[0], "list") == 0)
        return list(&c, &f);
    if (strcmp(c.args[0], "revoke") == 0)
        return revoke(&c, &f);
    return ax_cli_usage(&c, "cannot \"%s\" a %s (add, list, revoke)", c.args[0],
                        certificates ? "certificate" : "token");
}

int ax_admin_token(int argc, char **argv)
{
    return manage(argc, argv, false);
}

int ax_admin_cert(int argc, char **argv)
{
    return manage(argc, argv, true);
}
