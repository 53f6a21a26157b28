// SPDX-License-Identifier: Apache-2.0
#include "cli/rule_files.h"

#include "api/api.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX 1000
#define BYTES_MAX (1u << 20)

/* What one flag names: DIR/NAME, where NAME may have * and ? in it. */
struct ax_rule_pattern {
    struct ax_str tenant;
    char *shown;    /* the directory as it was written, with its slash, or "" */
    char *absolute; /* where it lies */
    const char *name;
    bool many;
    int dir;
};

static int open_pattern(struct ax_rule_pattern *p, struct ax_str tenant, const char *text,
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

static void close_pattern(struct ax_rule_pattern *p)
{
    if (p->dir >= 0)
        close(p->dir);
    free(p->shown);
    free(p->absolute);
}

static void look_again(struct ax_rule_pattern *p)
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
static int list_names(const struct ax_rule_pattern *p, struct ax_arena *a, char ***out, size_t *n,
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
    struct ax_arena arena;
    struct ax_rules **files;
    const char **paths; /* absolute: one file is read once for a tenant */
    size_t n;
};

static void add_file(struct reading *r, const struct ax_rule_pattern *p, const char *name)
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

static int add_pattern(struct reading *r, const struct ax_rule_pattern *p, struct ax_err *err)
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

int ax_rule_files_read(const struct ax_rule_files *f, struct ax_rules ***files, size_t *n,
                       struct ax_err *err)
{
    struct reading r = {0};
    bool own = false;
    int rc = 0;
    r.files = ax_calloc(FILES_MAX, sizeof(struct ax_rules *));
    r.paths = AX_NEWS(&r.arena, const char *, FILES_MAX);
    for (size_t i = 0; rc == 0 && i < f->n; i++) {
        own |= ax_str_eq(f->v[i].tenant, AX_STR("default"));
        rc = add_pattern(&r, &f->v[i], err);
    }
    if (rc == 0 && r.n == FILES_MAX)
        rc = ax_fail(err, -E2BIG, "found %d rule files, expected less", FILES_MAX);
    if (rc == 0 && !own)
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

int ax_rule_files_open(struct ax_rule_files *f, const struct ax_daemon_options *o,
                       struct ax_err *err)
{
    int rc = 0;
    f->v = ax_calloc(o->rules.n + o->tenant_rules.n + 1, sizeof *f->v);
    for (size_t i = 0; rc == 0 && i < o->rules.n; i++)
        rc = open_pattern(&f->v[f->n++], AX_STR("default"), o->rules.v[i], err);
    for (size_t i = 0; rc == 0 && i < o->tenant_rules.n; i++) {
        struct ax_str path = ax_str(o->tenant_rules.v[i]), tenant;
        ax_str_cut(&path, '=', &tenant);
        if (!path.p || !ax_tenant_ok(tenant))
            return ax_fail(err, -EINVAL,
                           "--tenant-rules: expected NAME=FILE, such as team-a=team-a.yml, not %s",
                           o->tenant_rules.v[i]);
        rc = open_pattern(&f->v[f->n++], tenant, path.p, err);
    }
    return rc;
}

void ax_rule_files_close(struct ax_rule_files *f)
{
    for (size_t i = 0; i < f->n; i++)
        close_pattern(&f->v[i]);
    free(f->v);
}

void ax_rule_files_look_again(struct ax_rule_files *f)
{
    for (size_t i = 0; i < f->n; i++)
        look_again(&f->v[i]);
}
