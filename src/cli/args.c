// SPDX-License-Identifier: Apache-2.0
#include "cli/inner.h"
#include "cli/password.h"

#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define FLAGS_MAX 20
#define COMMON    8 /* --server ... --help, the last of the options */

static const char COMMON_HELP[] = "\n"
                                  "Common:\n"
                                  "  --server URL    the server (default: $AUSPEX_SERVER, else "
                                  "http://127.0.0.1:8070)\n"
                                  "  --tenant NAME   whose things to see\n"
                                  "  --token-file F  what to show a server that asks who you are "
                                  "(default: $AUSPEX_TOKEN)\n"
                                  "  --ca-file FILE  whom to trust in for https:// (default: "
                                  "$AUSPEX_CA_FILE, else the system's)\n"
                                  "  --cert FILE     a certificate to show the server, instead of "
                                  "a token\n"
                                  "  --key FILE      its private key\n"
                                  "  --json          the answer as JSON\n"
                                  "  --help          this text\n";

__attribute__((format(printf, 2, 0))) static void usage_line(const char *command, const char *fmt,
                                                             va_list ap)
{
    fputs("auspex: ", stderr);
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "; see auspex %s --help\n", command);
}

int ax_cli_usage(const struct ax_cli *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    usage_line(c->command, fmt, ap);
    va_end(ap);
    return AX_EXIT_USAGE;
}

int ax_cli_error(const struct ax_err *err)
{
    fputs("auspex: ", stderr);
    ax_put_line(stderr, err->text);
    return AX_EXIT_ERROR;
}

int ax_cli_expect(const struct ax_cli *c, int min, int max, const char *what)
{
    if (c->nargs < min)
        return ax_cli_usage(c, "%s is missing", what);
    if (c->nargs > max)
        return ax_cli_usage(c, "\"%s\" is one argument too many", c->args[max]);
    return AX_CLI_GO;
}

/* A terminal without any locale set is nearly always a UTF-8 one in a bare container. */
static void choose_locale(void)
{
    const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    bool chosen = false;
    for (size_t i = 0; i < AX_ARRAY_LEN(names); i++) {
        const char *v = getenv(names[i]);
        chosen = chosen || (v && *v);
    }
    setlocale(LC_CTYPE, chosen ? "" : "C.UTF-8");
}

static char *without_slash(const char *url)
{
    static char kept[512];
    snprintf(kept, sizeof kept, "%s", url);
    for (size_t n = strlen(kept); n && kept[n - 1] == '/'; n--)
        kept[n - 1] = '\0';
    return kept;
}

static void defaults(struct ax_cli *c, const char *command)
{
    const char *server = getenv("AUSPEX_SERVER"), *tenant = getenv("AUSPEX_TENANT");
    const char *token = getenv("AUSPEX_TOKEN"), *ca_file = getenv("AUSPEX_CA_FILE");
    *c = (struct ax_cli){.command = command,
                         .server = server && *server ? server : "http://127.0.0.1:8070",
                         .tenant = tenant && *tenant ? tenant : NULL,
                         .token = token && *token ? token : NULL,
                         .ca_file = ca_file && *ca_file ? ca_file : NULL};
}

/* What getopt_long stumbled over, in words. */
static int bad_flag(const struct ax_cli *c, char **argv, int result, const struct option *all,
                    size_t n)
{
    const char *word = argv[optind - 1];
    if (result == ':')
        return ax_cli_usage(c, "%s needs a value", word);
    if (optopt && strncmp(word, "--", 2) == 0)
        return ax_cli_usage(c, "%.*s takes no value", (int)strcspn(word, "="), word);
    if (optopt)
        return ax_cli_usage(c, "there is no flag -%c", optopt);
    const char *names[FLAGS_MAX + COMMON];
    for (size_t i = 0; i < n; i++)
        names[i] = all[i].name;
    const char *near = strncmp(word, "--", 2) == 0 ? ax_suggest(word + 2, names, n) : NULL;
    if (near)
        return ax_cli_usage(c, "there is no flag %s (did you mean --%s?)", word, near);
    return ax_cli_usage(c, "there is no flag %s", word);
}

static int read_token(struct ax_cli *c, const char *file)
{
    static char kept[AX_SECRET_MAX];
    struct ax_err err;
    if (ax_secret_read(file, kept, &err) < 0)
        return ax_cli_error(&err);
    c->token = kept;
    return AX_CLI_GO;
}

int ax_cli_parse(struct ax_cli *c, int argc, char **argv, const struct ax_flag *flags, size_t n,
                 const char *help)
{
    static const struct option common[COMMON] = {{"server", required_argument, NULL, 'S'},
                                                 {"tenant", required_argument, NULL, 'T'},
                                                 {"token-file", required_argument, NULL, 'F'},
                                                 {"ca-file", required_argument, NULL, 'A'},
                                                 {"cert", required_argument, NULL, 'C'},
                                                 {"key", required_argument, NULL, 'K'},
                                                 {"json", no_argument, NULL, 'J'},
                                                 {"help", no_argument, NULL, 'h'}};
    struct option all[FLAGS_MAX + COMMON + 1] = {0};
    char letters[3 * FLAGS_MAX] = ":h";
    const char *token_file = NULL;
    size_t at = 2;
    AX_ASSERT(n <= FLAGS_MAX - 2);
    for (size_t i = 0; i < n; i++) {
        all[i] = (struct option){flags[i].name, flags[i].text ? required_argument : no_argument,
                                 NULL, 256 + (int)i};
        if (flags[i].letter)
            at += (size_t)snprintf(letters + at, sizeof letters - at, "%c%s", flags[i].letter,
                                   flags[i].text ? ":" : "");
    }
    memcpy(all + n, common, sizeof common);
    choose_locale();
    defaults(c, argv[0]);
    optind = 0;
    opterr = 0;
    for (int o; (o = getopt_long(argc, argv, letters, all, NULL)) != -1;) {
        size_t i = o >= 256 ? (size_t)o - 256 : 0;
        while (o < 256 && i < n && flags[i].letter != o)
            i++;
        if (i < n && flags[i].text) {
            *flags[i].text = optarg;
        } else if (i < n) {
            *flags[i].on = true;
        } else if (o == 'S') {
            c->server = optarg;
        } else if (o == 'T') {
            c->tenant = optarg;
        } else if (o == 'F') {
            token_file = optarg;
        } else if (o == 'A') {
            c->ca_file = optarg;
        } else if (o == 'C') {
            c->cert = optarg;
        } else if (o == 'K') {
            c->key = optarg;
        } else if (o == 'J') {
            c->json = true;
        } else if (o == 'h') {
            fputs(help, stdout);
            fputs(COMMON_HELP, stdout);
            return AX_EXIT_OK;
        } else {
            return bad_flag(c, argv, o, all, n + COMMON);
        }
    }
    c->server = without_slash(c->server);
    c->args = argv + optind;
    c->nargs = argc - optind;
    if (!c->cert != !c->key)
        return ax_cli_usage(c, "--cert and --key go together");
    return token_file ? read_token(c, token_file) : AX_CLI_GO;
}
