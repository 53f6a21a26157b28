// SPDX-License-Identifier: Apache-2.0
/* The notification room on its own, for the e2e tests:
 *
 *     notify-probe DATABASE [OPTION=VALUE...]
 *
 * reads commands from standard input, words separated by tabs, and answers each with one line:
 *
 *     method NAME TYPE ADDRESS PERIOD               the id
 *     queue METHOD ALARM STATE NAME TIME [SINCE]    queued
 *     test METHOD                                   what became of it
 *     stats TYPE                                    queued=N sent=N retried=N failed=N rows=N */
#include "base/clock.h"
#include "base/err.h"
#include "notify/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 8

static struct ax_sql *sql;
static struct ax_notify *notify;

static void say_method(char **w, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_notify_method m;
    struct ax_notify_fields f = {ax_str(w[1]), ax_str(w[2]), ax_str(w[3]), strtol(w[4], NULL, 10)};
    if (ax_notify_create(notify, AX_STR("t1"), &f, &a, &m, err) == 0)
        puts(m.id.p);
    ax_arena_free(&a);
}

static void say_queue(char **w, struct ax_err *err)
{
    struct ax_str method = ax_str(w[1]);
    struct ax_notice x = {
        .tenant = AX_STR("t1"),
        .alarm = ax_str(w[2]),
        .definition = AX_STR("d1"),
        .name = ax_str(w[4]),
        .description = AX_STR("The CPU is busy"),
        .severity = AX_STR("HIGH"),
        .state = ax_str(w[3]),
        .old_state = AX_STR("UNDETERMINED"),
        .reason = AX_STR("Thresholds were exceeded"),
        .time = strtoll(w[5], NULL, 10),
        .since = w[6] ? strtoll(w[6], NULL, 10) : 0,
        .metrics = AX_STR("[{\"name\":\"cpu\",\"dimensions\":{\"hostname\":\"web1\"}}]"),
    };
    int rc = ax_sql_begin(sql, err);
    if (rc == 0 && ax_sql_end(sql, ax_notify_queue(notify, &method, 1, &x, err), err) == 0) {
        ax_notify_wake(notify);
        puts("queued");
    }
}

static void say_test(char **w, struct ax_err *err)
{
    struct ax_notify_said said;
    if (ax_notify_test(notify, AX_STR("t1"), ax_str(w[1]), &said, err) == 0)
        puts(said.text);
}

static void say_stats(char **w, struct ax_err *err)
{
    struct ax_notify_stats s;
    ax_notify_stats(notify, &s);
    for (int i = 0; i < AX_NOTIFY_TYPES; i++) {
        const struct ax_notify_count *c = &s.by_type[i];
        if (strcmp(w[1], ax_notify_type_name((enum ax_notify_type)i)) == 0)
            printf("queued=%llu sent=%llu retried=%llu failed=%llu waiting=%llu\n",
                   (unsigned long long)c->queued, (unsigned long long)c->sent,
                   (unsigned long long)c->retried, (unsigned long long)c->failed,
                   (unsigned long long)s.waiting);
    }
}

static void command(char *line)
{
    static const struct {
        const char *name;
        int words;
        void (*say)(char **w, struct ax_err *err);
    } commands[] = {{"method", 5, say_method},
                    {"queue", 6, say_queue},
                    {"test", 2, say_test},
                    {"stats", 2, say_stats}};
    char *w[WORDS_MAX + 1] = {0};
    int n = 0;
    struct ax_err err = {0};
    line[strcspn(line, "\n")] = 0;
    while (n < WORDS_MAX && line)
        w[n++] = strsep(&line, "\t");
    for (size_t i = 0; i < AX_ARRAY_LEN(commands); i++)
        if (strcmp(w[0], commands[i].name) == 0 && n >= commands[i].words)
            commands[i].say(w, &err);
    if (err.code)
        printf("error: %s\n", err.text);
    fflush(stdout);
}

static void option(struct ax_notify_options *o, const char *word)
{
    const struct {
        const char *name, **text;
        int64_t *number;
    } known[] = {
        {"smtp_url=", &o->smtp_url, NULL},           {"smtp_user=", &o->smtp_user, NULL},
        {"smtp_password=", &o->smtp_password, NULL}, {"ca_file=", &o->ca_file, NULL},
        {"mail_from=", &o->mail_from, NULL},         {"url=", &o->url, NULL},
        {"retry_max_ms=", NULL, &o->retry_max_ms},   {"retry_min_ms=", NULL, &o->retry_min_ms}};
    if (strcmp(word, "starttls") == 0)
        o->smtp_starttls = true;
    for (size_t i = 0; i < AX_ARRAY_LEN(known); i++) {
        size_t n = strlen(known[i].name);
        if (strncmp(word, known[i].name, n) == 0 && known[i].text)
            *known[i].text = word + n;
        else if (strncmp(word, known[i].name, n) == 0)
            *known[i].number = strtoll(word + n, NULL, 10);
    }
}

int main(int argc, char **argv)
{
    char line[4096];
    struct ax_notify_options o = {0};
    struct ax_err err = {0};
    for (int i = 2; i < argc; i++)
        option(&o, argv[i]);
    if (argc < 2 || ax_sql_open(&sql, argv[1], &err) < 0 ||
        ax_notify_open(&notify, sql, &o, &err) < 0) {
        fprintf(stderr, "notify-probe: %s\n", argc < 2 ? "which database?" : err.text);
        return 1;
    }
    while (fgets(line, sizeof line, stdin))
        command(line);
    ax_notify_close(notify);
    ax_sql_close(sql);
    return 0;
}
