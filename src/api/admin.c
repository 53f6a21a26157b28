// SPDX-License-Identifier: Apache-2.0
/* The keeper's commands: deletion of series, and snapshots of all data. */
#include "api/monasca.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void failed(struct ax_reply *r, const struct ax_err *err)
{
    if (err->code == -EINVAL)
        ax_reply_prometheus_error(r, 400, "bad_data", err->text);
    else if (err->code == -ENOSPC)
        ax_reply_prometheus_error(r, 507, "execution", err->text);
    else
        ax_reply_prometheus_error(r, 500, "internal", err->text);
}

struct deletion {
    struct ax_expr **owners;
    struct ax_store_select *selects;
    size_t n;
};

static int read_deletion(struct ax_request *q, struct deletion *d, struct ax_err *err)
{
    int64_t start = 0, end = 0;
    size_t pos = 0;
    struct ax_str text;
    d->owners = AX_NEWS(&q->arena, struct ax_expr *, q->nparams + 1);
    d->selects = AX_NEWS(&q->arena, struct ax_store_select, q->nparams + 1);
    int rc = ax_param_time(q, "start", INT64_MIN / 2, &start, err);
    if (rc == 0)
        rc = ax_param_time(q, "end", INT64_MAX / 2, &end, err);
    if (rc == 0 && end < start)
        rc = ax_fail(err, -EINVAL, "\"end\" is before \"start\"");
    while (rc == 0 && ax_param_next(q, "match[]", &pos, &text)) {
        struct ax_store_select *s = &d->selects[d->n];
        rc = ax_selector_parse(text, &q->arena, &d->owners[d->n], &s->matchers, &s->nmatchers, err);
        if (rc < 0)
            return ax_err_wrap(err, "invalid parameter \"match[]\"");
        s->tenant = q->tenant;
        s->mint = start;
        s->maxt = end;
        d->n++;
    }
    return rc == 0 && d->n == 0 ? ax_fail(err, -EINVAL, "no match[] parameter provided") : rc;
}

/* What was said beside the samples of the series that are to go: their ids, as long as the series
 * are there to tell them. */
static int find_notes(struct ax_request *q, const struct deletion *d, struct ax_str **ids,
                      size_t *n, struct ax_err *err)
{
    const struct ax_api_options *rooms = ax_api_rooms(q->api);
    bool any;
    int rc = ax_registry_has_value_meta(rooms->registry, q->tenant, &any, err);
    for (size_t i = 0; rc == 0 && any && i < d->n; i++) {
        struct ax_series_set set;
        rc = ax_store_last(rooms->store, &d->selects[i], &q->arena, &set, err);
        if (rc < 0)
            break;
        *ids = ax_arena_grow(&q->arena, *ids, *n * sizeof **ids, (*n + set.n) * sizeof **ids);
        for (size_t k = 0; k < set.n; k++)
            (*ids)[(*n)++] =
                ax_monasca_id_print(&q->arena, ax_monasca_id(q->tenant, set.v[k].labels));
    }
    return rc;
}

static int delete_series(struct ax_request *q, const struct deletion *d, struct ax_err *err)
{
    const struct ax_api_options *rooms = ax_api_rooms(q->api);
    struct ax_str *ids = NULL;
    size_t n = 0;
    uint64_t deleted;
    int rc = find_notes(q, d, &ids, &n, err);
    if (rc == 0)
        rc = ax_store_delete(rooms->store, d->selects, d->n, &deleted, err);
    return rc == 0 ? ax_registry_drop_value_meta(rooms->registry, q->tenant, ids, n,
                                                 d->selects[0].mint, d->selects[0].maxt, err)
                   : rc;
}

void ax_delete_series(struct ax_request *q, struct ax_reply *r)
{
    struct deletion d = {0};
    struct ax_err err;
    int rc = read_deletion(q, &d, &err);
    if (rc == 0)
        rc = delete_series(q, &d, &err);
    if (rc < 0)
        failed(r, &err);
    else
        r->status = 204;
    for (size_t i = 0; d.owners && i < q->nparams; i++)
        ax_expr_free(d.owners[i]);
}

/* What is deleted is gone at once: there is nothing to clean. */
void ax_clean_tombstones(struct ax_request *q, struct ax_reply *r)
{
    r->status = 204;
}

static int sync_folder(const char *path, struct ax_err *err)
{
    AX_CLEANUP(ax_close_fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? ax_fail_errno(err, "cannot write %s", path) : 0;
}

#define SNAPSHOTS "snapshots"
#define UNDER_WAY SNAPSHOTS "/.under-way" /* becomes one when all is in it */

static int fill_snapshot(const struct ax_api_options *rooms, const char *path, struct ax_err *err)
{
    if (mkdir(UNDER_WAY, 0755) < 0)
        return ax_fail_errno(err, "cannot make " UNDER_WAY);
    int rc = ax_store_snapshot(rooms->store, UNDER_WAY "/tsdb", err);
    if (rc == 0)
        rc = ax_ledger_copy(ax_warrants_ledger(rooms->warrants), UNDER_WAY "/registry.db",
                            UNDER_WAY "/ledger.head", err);
    if (rc == 0)
        rc = sync_folder(UNDER_WAY, err);
    if (rc == 0 && rename(UNDER_WAY, path) < 0)
        rc = ax_fail_errno(err, "cannot make %s", path);
    return rc == 0 ? sync_folder(SNAPSHOTS, err) : rc;
}

/* Names sort by time, and no two are the same. */
static void make_name(char out[64])
{
    static unsigned count;
    int64_t now = ax_now_ms();
    time_t seconds = (time_t)(now / 1000);
    struct tm tm;
    char day[32];
    gmtime_r(&seconds, &tm);
    strftime(day, sizeof day, "%Y%m%dT%H%M%SZ", &tm);
    snprintf(out, 64, "%s-%03d%04x", day, (int)(now % 1000), count++ & 0xffff);
}

static int take_snapshot(struct ax_request *q, char name[64], struct ax_err *err)
{
    static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
    char path[96];
    pthread_mutex_lock(&one);
    make_name(name);
    snprintf(path, sizeof path, SNAPSHOTS "/%s", name);
    int rc = ax_mkdirs(SNAPSHOTS, err);
    ax_remove_tree(UNDER_WAY, NULL); /* of one that a crash has ended */
    if (rc == 0 && (rc = fill_snapshot(ax_api_rooms(q->api), path, err)) < 0)
        ax_remove_tree(UNDER_WAY, NULL);
    pthread_mutex_unlock(&one);
    return rc;
}

void ax_tsdb_snapshot(struct ax_request *q, struct ax_reply *r)
{
    char name[64];
    struct ax_err err;
    if (take_snapshot(q, name, &err) < 0) {
        failed(r, &err);
        return;
    }
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "status");
    ax_json_cstr(&j, "success");
    ax_json_key(&j, "data");
    ax_json_obj(&j);
    ax_json_key(&j, "name");
    ax_json_cstr(&j, name);
    ax_json_end(&j);
    ax_json_end(&j);
}

void ax_admin_snapshot(struct ax_request *q, struct ax_reply *r)
{
    char name[64], path[96];
    struct ax_err err;
    if (take_snapshot(q, name, &err) < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    snprintf(path, sizeof path, SNAPSHOTS "/%s", name);
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "name");
    ax_json_cstr(&j, name);
    ax_json_key(&j, "path");
    ax_json_cstr(&j, path);
    ax_json_end(&j);
}
