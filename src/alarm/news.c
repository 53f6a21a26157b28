// SPDX-License-Identifier: Apache-2.0
/* A change of an alarm, as those are told whom its rule names, and the operator's Alertmanagers. */
#include "alarm/inner.h"
#include "alarm/links.h"

#include <jansson.h>

#include "base/json.h"

#define METHODS_MAX 32

static struct ax_str annotation(const struct ax_change *c, const char *name, struct ax_arena *a)
{
    json_t *notes = json_loadb(c->annotations.p, c->annotations.n, 0, NULL);
    json_t *v = json_object_get(notes, name);
    struct ax_str s = ax_arena_str(a, (struct ax_str){json_string_value(v), json_string_length(v)});
    json_decref(notes);
    return s;
}

/* The names in the annotation auspex_notify: "ops, on-call". */
static size_t methods_of(const struct ax_change *c, struct ax_arena *a, struct ax_str *out)
{
    struct ax_str rest = annotation(c, "auspex_notify", a), one;
    size_t n = 0;
    while (n < METHODS_MAX && ax_str_cut(&rest, ',', &one))
        if ((one = ax_str_trim(one)).n)
            out[n++] = one;
    return n;
}

/* Tenants other than the first are told apart by a label, unless the rule has one of that name. */
static struct ax_str labels_json(const struct ax_news *n, bool abroad)
{
    struct ax_buf b = AX_BUF_INIT;
    struct ax_json j = {.out = &b};
    struct ax_label l;
    ax_json_obj(&j);
    AX_LABELS_EACH (n->c->labels, l) {
        ax_json_key_str(&j, l.name);
        ax_json_str(&j, l.value);
    }
    if (abroad && !ax_str_eq(n->tenant, AX_STR("default")) &&
        ax_labels_get(n->c->labels, AX_STR("tenant")).n == 0) {
        ax_json_key(&j, "tenant");
        ax_json_str(&j, n->tenant);
    }
    ax_json_end(&j);
    struct ax_str s = ax_arena_str(n->a, ax_buf_view(&b));
    ax_buf_free(&b);
    return s;
}

static struct ax_str metrics_json(const struct ax_news *n)
{
    struct ax_buf b = AX_BUF_INIT;
    struct ax_json j = {.out = &b};
    ax_json_arr(&j);
    ax_json_obj(&j);
    ax_json_key(&j, "name");
    ax_json_str(&j, n->rule);
    ax_json_key(&j, "dimensions");
    ax_labels_json(&j, n->c->labels);
    ax_json_end(&j);
    ax_json_end(&j);
    struct ax_str s = ax_arena_str(n->a, ax_buf_view(&b));
    ax_buf_free(&b);
    return s;
}

struct ax_str ax_news_severity(struct ax_labels labels)
{
    struct ax_str s = ax_labels_get(labels, AX_STR("severity"));
    return ax_str_eq(s, AX_STR("critical")) || ax_str_eq(s, AX_STR("page")) ? AX_STR("CRITICAL")
           : ax_str_eq(s, AX_STR("error")) || ax_str_eq(s, AX_STR("high"))  ? AX_STR("HIGH")
           : ax_str_eq(s, AX_STR("info")) || ax_str_eq(s, AX_STR("none"))   ? AX_STR("LOW")
                                                                            : AX_STR("MEDIUM");
}

struct ax_str ax_news_handle(struct ax_labels labels, struct ax_arena *a)
{
    static const struct ax_str names[] = {AX_STR("handle"), AX_STR("host")};
    enum ax_kind kind;
    struct ax_str id, value;
    for (size_t i = 0; i < AX_ARRAY_LEN(names); i++) {
        value = ax_labels_get(labels, names[i]);
        if (value.n && ax_handle_parse(value, &kind, &id, NULL) == 0)
            return value;
    }
    value = ax_labels_get(labels, AX_STR("vm_uuid"));
    return value.n ? ax_arena_printf(a, "vm:%.*s", AX_STR_ARG(value)) : AX_STR_NULL;
}

static struct ax_str alarm_id(const struct ax_news *n)
{
    struct ax_str tail = {n->key.p + n->key.n - 16, 16};
    return ax_arena_printf(n->a, "rule-%016llx-%.*s",
                           (unsigned long long)ax_hash(n->key.p, n->key.n), AX_STR_ARG(tail));
}

struct ax_notice ax_news_notice(const struct ax_news *n, bool abroad)
{
    const struct ax_change *c = n->c;
    bool fires = c->kind != AX_CHANGE_RESOLVED;
    struct ax_str description = annotation(c, "description", n->a);
    struct ax_notice x = {
        .tenant = n->tenant,
        .alarm = alarm_id(n),
        .name = n->rule,
        .description = description.n ? description : c->summary,
        .severity = ax_news_severity(c->labels),
        .state = fires ? AX_STR("ALARM") : AX_STR("OK"),
        .old_state = fires ? AX_STR("OK") : AX_STR("ALARM"),
        .reason =
            fires ? c->summary : ax_arena_printf(n->a, "resolved: %.*s", AX_STR_ARG(c->summary)),
        .time = fires ? c->fired_at : c->time,
        .since = fires ? 0 : c->fired_at,
        .metrics = metrics_json(n),
        .labels = labels_json(n, abroad),
        .annotations = c->annotations,
    };
    if (n->query.n && n->al->url[0]) {
        struct ax_buf link = AX_BUF_INIT;
        ax_link_expression(ax_str(n->al->url), n->query, true, &link);
        x.link = ax_arena_str(n->a, ax_buf_view(&link));
        ax_buf_free(&link);
    }
    return x;
}

static int word(const struct ax_news *n, struct ax_err *err)
{
    const struct ax_alarms_options *o = &n->al->o;
    struct ax_str id = alarm_id(n);
    int rc = o->worded ? o->worded(o->ctx, id, n->c->annotations, err) : 0;
    if (rc < 0 || !ax_notify_has_alertmanagers(o->notify))
        return rc;
    return ax_notify_reword(o->notify, n->tenant, id, n->c->annotations, err);
}

/* The Alertmanagers have silences of their own: they get all, as from Prometheus. */
int ax_news_notify(const struct ax_news *n, struct ax_err *err)
{
    const struct ax_alarms_options *o = &n->al->o;
    struct ax_str names[METHODS_MAX], ids[METHODS_MAX];
    size_t found;
    if (!o->notify)
        return 0;
    if (n->c->kind == AX_CHANGE_WORDED)
        return word(n, err);
    struct ax_notice x = ax_news_notice(n, false);
    int rc = ax_notify_named(o->notify, n->tenant, names, methods_of(n->c, n->a, names), n->a, ids,
                             &found, err);
    if (rc == 0)
        rc = o->told ? o->told(o->ctx, &x, ids, found, ax_news_handle(n->c->labels, n->a), err)
                     : ax_notify_queue(o->notify, ids, found, &x, err);
    if (rc < 0 || !ax_notify_has_alertmanagers(o->notify))
        return rc;
    x = ax_news_notice(n, true);
    return ax_notify_queue_own(o->notify, &x, err);
}
