// SPDX-License-Identifier: Apache-2.0
/* auspex admin compact: a stopped server's samples in their final, smallest form. */
#include "base/json.h"
#include "cli/admin.h"
#include "store/store.h"

#include <errno.h>

static const char HELP[] =
    "auspex admin compact [--data DIR]\n"
    "\n"
    "Writes the samples of a server that does not run into their final, smallest form: the log "
    "into\n"
    "blocks, and the blocks of each stretch of 32 days into one. A running server does the same in "
    "its\n"
    "own time, when a stretch is over. Until then needs as much free space as the largest stretch "
    "takes.\n"
    "May be stopped at any time: what is done is done, nothing is lost.\n"
    "\n"
    "  auspex admin compact --data /var/lib/auspex\n"
    "  auspex admin compact --data ./var --json | jq .bytes_per_sample\n"
    "\n"
    "  -d, --data DIR   what `auspex serve --data` is given (default ./var)\n";

#define FOREVER_MS (1ll << 60) /* nothing is too old to be kept */

struct outcome {
    uint64_t before, after;
    struct ax_store_stats stats;
};

static void warn(const char *text)
{
    ax_admin_tell(NULL, text);
}

static int compact(struct outcome *o, struct ax_err *err)
{
    struct ax_intake_options in = {.max_age_ms = FOREVER_MS};
    struct ax_store_options st = {.dir = "tsdb", .retention_ms = FOREVER_MS, .warn = warn};
    struct ax_store_teller teller = {ax_admin_tell, NULL};
    struct ax_store *s;
    struct ax_intake *intake = ax_intake_new(&in);
    o->before = ax_admin_tree_bytes("tsdb");
    int rc = ax_store_open(&s, &st, intake, err);
    if (rc == 0) {
        rc = ax_store_compact(s, &teller, err);
        ax_store_stats(s, &o->stats);
        ax_store_close(s);
    } else if (rc == -EBUSY) {
        rc = ax_fail(err, rc,
                     "a server is using the data: stop it, and start it again afterwards (while it "
                     "runs it merges by itself)");
    }
    ax_intake_free(intake);
    o->after = ax_admin_tree_bytes("tsdb");
    return rc;
}

static void report_json(const struct outcome *o)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    struct ax_json j = {.out = &text};
    const struct {
        const char *key;
        double v;
    } members[] = {{"bytes_before", (double)o->before},
                   {"bytes_after", (double)o->after},
                   {"samples", (double)o->stats.block_samples},
                   {"series", (double)o->stats.series},
                   {"blocks", (double)o->stats.blocks},
                   {"damaged", (double)o->stats.damaged},
                   {"bytes_per_sample", (double)o->after / (double)o->stats.block_samples}};
    ax_json_obj(&j);
    for (size_t i = 0; i < AX_ARRAY_LEN(members); i++) {
        ax_json_key(&j, members[i].key);
        ax_json_num(&j, members[i].v);
    }
    ax_json_end(&j);
    ax_put_json_line(stdout, ax_buf_view(&text));
}

static void report_people(const struct outcome *o)
{
    char before[AX_TEXT], after[AX_TEXT];
    printf("%s before, %s after: %llu samples in %llu blocks",
           ax_text_bytes((double)o->before, before), ax_text_bytes((double)o->after, after),
           (unsigned long long)o->stats.block_samples, (unsigned long long)o->stats.blocks);
    if (o->stats.block_samples)
        printf(", %.3f bytes per sample", (double)o->after / (double)o->stats.block_samples);
    putchar('\n');
}

int ax_admin_compact(int argc, char **argv)
{
    struct ax_cli c;
    struct ax_err err;
    struct outcome o = {0};
    const char *data = AX_ADMIN_DATA;
    const struct ax_flag flags[] = {{"data", 'd', &data, NULL}};
    int status = ax_cli_parse(&c, argc, argv, flags, AX_ARRAY_LEN(flags), HELP);
    if (status == AX_CLI_GO)
        status = ax_cli_expect(&c, 0, 0, "");
    if (status != AX_CLI_GO)
        return status;
    int rc = ax_admin_enter(data, &err);
    if (rc == 0 && (rc = compact(&o, &err)) < 0)
        ax_err_wrap(&err, "%s", data);
    if (rc < 0)
        return ax_cli_error(&err);
    if (c.json)
        report_json(&o);
    else
        report_people(&o);
    return AX_EXIT_OK;
}
