// SPDX-License-Identifier: Apache-2.0
/* Inside the command line: flags, the way to the server, tables and words for people. */
#ifndef AX_CLI_INNER_H
#define AX_CLI_INNER_H

#include "base/buf.h"
#include "base/err.h"
#include "cli/cli.h"

#include <jansson.h>
#include <time.h>

/* ---- flags (args.c) ---- */

/* A flag of one command: with `text` it takes a value, with `on` it is a switch. */
struct ax_flag {
    const char *name;
    char letter; /* 0 = long form only */
    const char **text;
    bool *on;
};

struct ax_cli {
    const char *command;
    const char *server;               /* URL without a slash at its end */
    const char *tenant;               /* NULL = the server's default */
    const char *token;                /* from --token-file or $AUSPEX_TOKEN, NULL = none */
    const char *ca_file, *cert, *key; /* PEM, for https; NULL: the system's, none */
    bool json;
    char **args; /* what is no flag */
    int nargs;
};

#define AX_CLI_GO (-1)
/* Fills c and the flags. Returns AX_CLI_GO, or an exit status when all is said already (--help,
 * bad usage). `help` is the command's text, usage line and examples first. */
int ax_cli_parse(struct ax_cli *c, int argc, char **argv, const struct ax_flag *flags, size_t n,
                 const char *help);
/* "auspex: TEXT; see auspex CMD --help" on stderr; AX_EXIT_USAGE. */
int ax_cli_usage(const struct ax_cli *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* "auspex: TEXT" on stderr; AX_EXIT_ERROR. */
int ax_cli_error(const struct ax_err *err);
/* Usage errors unless there are min to max arguments; AX_CLI_GO otherwise. */
int ax_cli_expect(const struct ax_cli *c, int min, int max, const char *what);

/* A flag that is a length from now on (2h) or a time (RFC 3339) (consent.c). */
int ax_cli_when(const char *text, int64_t *out, struct ax_err *err);

/* ---- the server (client.c) ---- */

struct ax_client; /* keeps its connection; one thread at a time */

struct ax_answer {
    json_t *json;      /* owned */
    struct ax_buf raw; /* as it came */
    int64_t date;      /* the server's clock by its Date header, ms, 0 = not told */
};

struct ax_client *ax_client_new(const struct ax_cli *c);
/* The headers that say whose things are asked for, and who asks. */
struct curl_slist *ax_client_headers(const struct ax_cli *c, struct curl_slist *headers);
/* --ca-file, --cert and --key for a CURL handle. */
void ax_client_trust(void *curl, const struct ax_cli *c);
void ax_client_free(struct ax_client *c);
void ax_client_patience(struct ax_client *c, long seconds); /* for an answer; else 10 */
/* From any thread: ends the request under way within a second, and fails those that follow. */
void ax_client_abort(struct ax_client *c);
/* GET of a path with its query ("/api/v1/query?query=up"). Errors: -ECONNREFUSED nobody answers,
 * -ENOENT 404, -EINVAL another 4xx, -EIO the rest; the text is the server's own where it gave one.
 */
int ax_client_get(struct ax_client *c, const char *path, struct ax_answer *out, struct ax_err *err);
/* POST, DELETE... with a JSON body, or none; the answer may be empty, with json NULL. */
int ax_client_send(struct ax_client *c, const char *method, const char *path, struct ax_str body,
                   struct ax_answer *out, struct ax_err *err);
/* A request without a body whose answer is no JSON: the bytes, appended. */
int ax_client_bytes(struct ax_client *c, const char *method, const char *path, struct ax_buf *out,
                    struct ax_err *err);
/* `auspex COMMAND ... ID`: DELETE of path and ID. Exit status. */
int ax_client_delete(struct ax_client *client, const char *path, const struct ax_cli *c);
void ax_answer_free(struct ax_answer *a);
void ax_answer_print(const struct ax_answer *a, FILE *out); /* --json: as it came */

/* Appends "?key=value" or "&key=value", escaped; nothing when value is NULL. */
void ax_path_add(struct ax_buf *path, const char *key, const char *value);
void ax_path_escape(struct ax_buf *path, const char *text); /* keeps : and / */
const char *ax_path_end(struct ax_buf *path);               /* NUL-terminated, for ax_client_get */

/* A handle as it is, or the handle of the one resource that has this name; malloc'ed. */
int ax_resolve(struct ax_client *c, const char *word, char **handle, struct ax_err *err);

/* ---- verbs (verb.c) ---- */

/* What a command can be told to do, `auspex COMMAND VERB ...`; `flags` are the command's own. */
struct ax_verb {
    const char *name;
    int nargs;         /* the verb counted, too */
    const char *wants; /* what the others are, for the message */
    int (*run)(struct ax_client *client, const struct ax_cli *c, const void *flags);
};
/* Runs the one that the first argument names. Exit status; of bad usage, when there is none. */
int ax_cli_verb(const struct ax_cli *c, const struct ax_verb *verbs, size_t n, const void *flags);

/* ---- JSON (text.c); absent members and other types give the neutral value ---- */

const char *ax_j_str(const json_t *o, const char *key);     /* "" */
double ax_j_num(const json_t *o, const char *key);          /* NaN */
int64_t ax_j_time(const json_t *o, const char *key);        /* ms, 0 */
const json_t *ax_j_array(const json_t *o, const char *key); /* NULL, fine for json_array_* */

/* ---- words (text.c) ---- */

#define AX_TEXT 96 /* bytes that each of these fits in; all return out */
char *ax_text_bytes(double v, char out[AX_TEXT]);             /* 1.5 GiB; "-" for NaN */
char *ax_text_seconds(double s, char out[AX_TEXT]);           /* 40 s, 12 min, 3 h, 5 d */
char *ax_text_ago(int64_t now, int64_t t, char out[AX_TEXT]); /* 3 h ago; "-" for 0 */
char *ax_text_time(int64_t ms, char out[AX_TEXT]);            /* local zone; "-" for 0 */
char *ax_text_number(double v, char out[AX_TEXT]);            /* 4 significant digits */
/* in 8-14 min, likely 10; lo or hi NaN: that end is not within sight */
char *ax_text_within(double lo, double mid, double hi, char out[AX_TEXT]);
/* A picture of n values, eight steps between the least and the greatest; 3 bytes each and a NUL. */
void ax_text_spark(const double *v, size_t n, struct ax_buf *out);
bool ax_text_utf8(void); /* the reader's locale shows more than ASCII */

/* ---- what others wrote, to a terminal (put.c); all of it goes this way, or into a table ---- */

void ax_put(FILE *out, const char *s); /* what is not to be shown (ax_str_shown) becomes '?' */
void ax_put_str(FILE *out, struct ax_str s);
void ax_put_line(FILE *out, const char *s);    /* and a new line */
void ax_put_lines(FILE *out, struct ax_str s); /* the new lines in it stay */
/* JSON: what is not to be shown becomes \uXXXX, which is the same text. */
void ax_put_json(FILE *out, struct ax_str s);
void ax_put_json_line(FILE *out, struct ax_str s);
void ax_put_json_of(FILE *out, const json_t *v); /* and a new line */

/* ---- tables (table.c) ---- */

struct ax_table;
enum ax_cell { AX_LEFT, AX_RIGHT, AX_SHRINK }; /* shrink: cut to fit the terminal */
struct ax_column {
    const char *title;
    enum ax_cell how;
};
struct ax_table *ax_table_new(FILE *out, const struct ax_column *columns, size_t n);
/* One cell after the other, row by row; NULL and "" give "-". */
void ax_table_cell(struct ax_table *t, const char *text);
size_t ax_table_rows(const struct ax_table *t);
void ax_table_free(struct ax_table *t); /* prints it, then frees */

/* ---- what the commands print, for their tests: JSON in, text out ---- */

void ax_show_resources(FILE *out, const json_t *answer, int64_t now);
/* figures: the instant answer with its vm_memory_*_bytes, or NULL. False: it is not well. */
bool ax_show_status(FILE *out, const json_t *resource, const json_t *figures, int64_t now);
int ax_show_query(FILE *out, const json_t *answer, struct ax_err *err);
/* The line of `query` that the error's LINE:COL speaks of, with a caret below; nothing when the
 * error names no place. */
void ax_show_caret(FILE *out, const char *query, const char *error);
void ax_show_predictions(FILE *out, const json_t *answer, int64_t now);
void ax_show_alarms(FILE *out, const json_t *list, int64_t now); /* of cli/alarms.h */
void ax_show_event(FILE *out, const json_t *event);
void ax_show_maintenance(FILE *out, const json_t *answer);
void ax_show_consents(FILE *out, const json_t *answer);
void ax_show_warrants(FILE *out, const json_t *answer);
void ax_show_notices(FILE *out, const json_t *answer);
void ax_show_methods(FILE *out, const json_t *answer);

#endif
