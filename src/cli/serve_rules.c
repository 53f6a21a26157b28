// SPDX-License-Identifier: Apache-2.0
/* Rule files of the server. Directories are opened once, with the privileges of the start, and
 * found again by their paths where those still lead there: the way to them may be closed
 * afterwards. */
#include "cli/serve.h"

#include "api/api.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS   100
#define FILES_MAX 1000
#define BYTES_MAX (1u << 20)

/* What one flag names: DIR/NAME, where NAME may have * and ? in it. */
struct pattern {
    struct ax_str tenant;
    char *shown;    /* the directory as it was written, with its slash, or "" */
    char *absolute; /* where it lies */
    const char *name;
    bool many;
    int dir;
};

struct ax_ruling {
    struct pattern *patterns;
    size_t n;
    struct ax_alarms *alarms;
    struct ax_rules **first; /* read by prepare, for open */
    size_t nfirst;
    pthread_mutex_t lock; /* one reload at a time */
    pthread_t thread;
    bool running;
    _Atomic bool stop, wanted;
    _Atomic bool well;
    _Atomic int64_t well_at;
};

/* ---- finding ---- */

static int open_pattern(struct pattern *p, struct ax_str tenant, const char *text,
                        struct ax_err *err)
{
    const char *slash = strrchr(text, '/');
    size_t n = slash ? (size_t)(slash - text) + 1 : 0;
    p->tenant = tenant;
    p->name = text + n;
    p->many = strpbrk(p->name, "*?[") != NULL;
    p->shown = strndup(text, n);
    AX_ASSERT(p->shown);
    const char *dir = n ? p->shown : ".";
    p->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    p->absolute = realpath(dir, NULL);
    if (p->dir < 0 || !p->absolute)
        return ax_fail_errno(err, "cannot find the rules %s", text);
    return 0;
}

static void close_pattern(struct pattern *p)
{
    if (p->dir >= 0)
        close(p->dir);
    free(p->shown);
    free(p->absolute);
}

/* Somebody may have put another directory in its place. */
static void look_again(struct pattern *p)
{
    int fd = open(p->absolute, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    close(p->dir);
    p->dir = fd;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names that match, sorted. */
static int list_names(const struct pattern *p, struct ax_arena *a, char ***out, size_t *n,
                      struct ax_err *err)
{
    int fd = openat(p->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        int rc = ax_fail_errno(err, "cannot list %s", p->absolute);
        if (fd >= 0)
            close(fd);
        return rc;
    }
    *out = AX_NEWS(a, char *, FILES_MAX);
    *n = 0;
    for (struct dirent *e; *n < FILES_MAX && (e = readdir(d));)
        if (fnmatch(p->name, e->d_name, FNM_PERIOD) == 0)
            (*out)[(*n)++] = ax_arena_cstr(a, ax_str(e->d_name));
    closedir(d);
    qsort(*out, *n, sizeof(char *), by_name);
    return 0;
}

/* ---- reading ---- */

struct reading {
    struct ax_ruling *x;
    struct ax_arena arena;
    struct ax_rules **files;
    const char **paths; /* absolute: one file is read once for a tenant */
    size_t n;
};

static void add_file(struct reading *r, const struct pattern *p, const char *name)
{
    const char *path =
        ax_arena_printf(&r->arena, "%.*s:%s/%s", AX_STR_ARG(p->tenant), p->absolute, name).p;
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->paths[i], path) == 0)
            return;
    if (r->n == FILES_MAX)
        return;
    const char *shown = ax_arena_printf(&r->arena, "%s%s", p->shown, name).p;
    struct ax_buf text = {.max = BYTES_MAX * 2};
    struct ax_err err;
    r->paths[r->n] = path;
    if (ax_file_read(p->dir, name, BYTES_MAX, &text, &err) < 0) {
        ax_err_wrap(&err, "%s", shown);
        r->files[r->n++] = ax_rules_broken(p->tenant, shown, &err);
    } else {
        r->files[r->n++] = ax_rules_read(ax_buf_view(&text), p->tenant, shown);
    }
    ax_buf_free(&text);
}

static int add_pattern(struct reading *r, const struct pattern *p, struct ax_err *err)
{
    char **names;
    size_t n;
    if (!p->many) {
        add_file(r, p, p->name);
        return 0;
    }
    int rc = list_names(p, &r->arena, &names, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        add_file(r, p, names[i]);
    return rc;
}

static void add_built_in(struct reading *r)
{
    const struct ax_asset *own = ax_asset_find(AX_STR("/default-rules.yml"));
    AX_ASSERT(own != NULL);
    r->files[r->n++] = ax_rules_read((struct ax_str){(const char *)own->data, own->size},
                                     AX_STR("default"), "built-in rules");
}

static void free_files(struct ax_rules **files, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ax_rules_free(files[i]);
    free(files);
}

static int read_all(struct ax_ruling *x, struct ax_rules ***files, size_t *n, struct ax_err *err)
{
    struct reading r = {.x = x};
    bool own = false;
    int rc = 0;
    r.files = ax_calloc(FILES_MAX, sizeof(struct ax_rules *));
    r.paths = AX_NEWS(&r.arena, const char *, FILES_MAX);
    for (size_t i = 0; rc == 0 && i < x->n; i++) {
        own |= ax_str_eq(x->patterns[i].tenant, AX_STR("default"));
        rc = add_pattern(&r, &x->patterns[i], err);
    }
    if (rc == 0 && !own && r.n < FILES_MAX)
        add_built_in(&r);
    ax_arena_free(&r.arena);
    if (rc < 0) {
        free_files(r.files, r.n);
        return rc;
    }
    *files = r.files;
    *n = r.n;
    return 0;
}

/* Logs every fault, and tells them a line each. */
static size_t tell_faults(struct ax_rules **files, size_t n, struct ax_buf *said)
{
    size_t told = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < ax_rules_faults(files[i]); k++, told++) {
            const char *text = ax_rules_fault(files[i], k);
            ax_log(AX_LOG_ERROR, "rules not in force: %s", text);
            if (said)
                ax_buf_printf(said, "%s\n", text);
        }
    return told;
}

static void note_outcome(struct ax_ruling *x, bool well)
{
    x->well = well;
    if (well)
        x->well_at = ax_now_ms();
}

int ax_ruling_reload(void *ruling, struct ax_buf *said)
{
    struct ax_ruling *x = ruling;
    struct ax_rules **files;
    size_t n = 0, faults = 0;
    struct ax_err err;
    pthread_mutex_lock(&x->lock);
    for (size_t i = 0; i < x->n; i++)
        look_again(&x->patterns[i]);
    int rc = read_all(x, &files, &n, &err);
    if (rc == 0) {
        faults = tell_faults(files, n, said);
        rc = ax_alarms_load(x->alarms, files, n, ax_now_ms(), &err);
        free(files);
    }
    if (rc < 0) {
        ax_log(AX_LOG_ERROR, "rules: %s", err.text);
        ax_buf_printf(said, "%s\n", err.text);
    }
    note_outcome(x, rc == 0 && faults == 0);
    if (rc == 0 && faults == 0)
        ax_log(AX_LOG_INFO, "rules are in force as they are in %zu file%s", n, n == 1 ? "" : "s");
    pthread_mutex_unlock(&x->lock);
    return rc < 0 ? rc : faults ? -EINVAL : 0;
}

void ax_ruling_last(void *ruling, bool *well, int64_t *at)
{
    struct ax_ruling *x = ruling;
    *well = x->well;
    *at = x->well_at;
}

void ax_ruling_want(struct ax_ruling *x)
{
    x->wanted = true;
}

struct ax_alarms *ax_ruling_alarms(struct ax_ruling *x)
{
    return x->alarms;
}

/* ---- beginning and end ---- */

static int open_patterns(struct ax_ruling *x, const struct ax_daemon_options *o, struct ax_err *err)
{
    int rc = 0;
    x->patterns = ax_calloc(o->rules.n + o->tenant_rules.n + 1, sizeof *x->patterns);
    for (size_t i = 0; rc == 0 && i < o->rules.n; i++)
        rc = open_pattern(&x->patterns[x->n++], AX_STR("default"), o->rules.v[i], err);
    for (size_t i = 0; rc == 0 && i < o->tenant_rules.n; i++) {
        struct ax_str path = ax_str(o->tenant_rules.v[i]), tenant;
        ax_str_cut(&path, '=', &tenant);
        if (!path.p || !ax_tenant_ok(tenant))
            return ax_fail(err, -EINVAL,
                           "--tenant-rules: expected NAME=FILE, such as team-a=team-a.yml, not %s",
                           o->tenant_rules.v[i]);
        rc = open_pattern(&x->patterns[x->n++], tenant, path.p, err);
    }
    return rc;
}

int ax_ruling_prepare(struct ax_ruling **out, const struct ax_daemon_options *o, struct ax_err *err)
{
    struct ax_ruling *x = *out = ax_calloc(1, sizeof *x);
    pthread_mutex_init(&x->lock, NULL);
    int rc = open_patterns(x, o, err);
    if (rc == 0)
        rc = read_all(x, &x->first, &x->nfirst, err);
    for (size_t i = 0; rc == 0 && i < x->nfirst; i++)
        if (ax_rules_faults(x->first[i]) && ax_rules_count(x->first[i]) == 0)
            rc = ax_fail(err, -EINVAL, "%s", ax_rules_fault(x->first[i], 0));
    return rc;
}

static void *keep_ruling(void *arg)
{
    struct ax_ruling *x = arg;
    while (!x->stop) {
        if (atomic_exchange(&x->wanted, false)) {
            struct ax_buf said = AX_BUF_INIT;
            ax_ruling_reload(x, &said);
            ax_buf_free(&said);
        }
        ax_alarms_tick(x->alarms, ax_now_ms());
        ax_sleep_ms(TICK_MS);
    }
    return NULL;
}

int ax_ruling_open(struct ax_ruling *x, const struct ax_alarms_options *o, struct ax_err *err)
{
    x->alarms = ax_alarms_new(o);
    size_t faults = tell_faults(x->first, x->nfirst, NULL);
    int rc = ax_alarms_load(x->alarms, x->first, x->nfirst, ax_now_ms(), err);
    x->nfirst = 0; /* they are the alarms' */
    if (rc < 0)
        return rc;
    note_outcome(x, faults == 0);
    x->running = pthread_create(&x->thread, NULL, keep_ruling, x) == 0;
    return x->running ? 0 : ax_fail(err, -EAGAIN, "no thread for the rules");
}

void ax_ruling_close(struct ax_ruling *x)
{
    if (!x)
        return;
    x->stop = true;
    if (x->running)
        pthread_join(x->thread, NULL);
    ax_alarms_free(x->alarms);
    free_files(x->first, x->nfirst);
    for (size_t i = 0; i < x->n; i++)
        close_pattern(&x->patterns[i]);
    free(x->patterns);
    pthread_mutex_destroy(&x->lock);
    free(x);
}
