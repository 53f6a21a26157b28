// SPDX-License-Identifier: Apache-2.0
/* rules/TENANT/FILE -> the file's text when it last had no fault, so that a start finds the version
 * that a fault keeps in force while the server runs. */
#include "alarm/inner.h"

static void key_of(const struct ax_rules *f, struct ax_buf *out)
{
    ax_buf_printf(out, "rules/%.*s/%.*s", AX_STR_ARG(f->tenant), AX_STR_ARG(f->file));
}

static bool is_key(const struct ax_rules *f, struct ax_str key)
{
    struct ax_buf own = AX_BUF_INIT;
    key_of(f, &own);
    bool same = ax_str_eq(key, ax_buf_view(&own));
    ax_buf_free(&own);
    return same;
}

/* Its text, in the arena; p == NULL when there is none. */
static struct ax_str text_of(struct ax_alarms *al, const struct ax_rules *f, struct ax_arena *a)
{
    struct ax_buf key = AX_BUF_INIT;
    struct ax_kv *kept = NULL;
    struct ax_str text = AX_STR_NULL;
    size_t n = 0;
    key_of(f, &key);
    if (ax_registry_scan(al->o.registry, ax_buf_view(&key), a, &kept, &n, NULL) < 0)
        n = 0;
    for (size_t i = 0; i < n; i++)
        if (ax_str_eq(kept[i].key, ax_buf_view(&key)))
            text = kept[i].value;
    ax_buf_free(&key);
    return text;
}

bool ax_alarms_remember(struct ax_alarms *al, const struct ax_rules *file)
{
    struct ax_arena a = AX_ARENA_INIT;
    bool known = text_of(al, file, &a).p != NULL;
    ax_arena_free(&a);
    return known;
}

struct ax_rules *ax_recall(struct ax_alarms *al, const struct ax_rules *file)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_str text = text_of(al, file, &a);
    struct ax_rules *f =
        text.p ? ax_rules_read(text, file->tenant, file->file.p) : NULL; /* it copies */
    ax_arena_free(&a);
    return f;
}

static int forget_others(struct ax_alarms *al, struct ax_rules *const *files, size_t n,
                         struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_kv *kept = NULL;
    size_t count = 0;
    int rc = ax_registry_scan(al->o.registry, AX_STR("rules/"), &a, &kept, &count, err);
    for (size_t k = 0; k < count && rc == 0; k++) {
        bool there = false;
        for (size_t i = 0; i < n && !there; i++)
            there = is_key(files[i], kept[k].key);
        if (!there)
            rc = ax_registry_put(al->o.registry, kept[k].key, AX_STR_NULL, err);
    }
    ax_arena_free(&a);
    return rc;
}

static int keep_text(struct ax_alarms *al, const struct ax_rules *f, struct ax_err *err)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct ax_buf key = AX_BUF_INIT;
    int rc = 0;
    key_of(f, &key);
    if (!ax_str_eq(text_of(al, f, &a), f->text))
        rc = ax_registry_put(al->o.registry, ax_buf_view(&key), f->text, err);
    ax_buf_free(&key);
    ax_arena_free(&a);
    return rc;
}

int ax_remember(struct ax_alarms *al, struct ax_rules *const *files, size_t n, struct ax_err *err)
{
    int rc = forget_others(al, files, n, err);
    for (size_t i = 0; i < n && rc == 0; i++)
        if (files[i]->nfaults == 0)
            rc = keep_text(al, files[i], err);
    return rc;
}
