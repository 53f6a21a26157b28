// SPDX-License-Identifier: Apache-2.0
/* Alertmanager's API v2 but for silences: alerts, status, and what errors look like. */
#include "api/alertmanager.h"

#include "base/map.h"

#include <errno.h>
#include <stdio.h>

#define FILTERS_MAX 64

/* ---- errors ---- */

void ax_alertmanager_error(struct ax_reply *r, int status, const char *text)
{
    struct ax_json j = {.out = &r->body};
    r->status = status;
    r->type = "application/json";
    ax_buf_clear(&r->body);
    if (status == 400 || status == 404 || status == 500) {
        ax_json_cstr(&j, text);
        return;
    }
    ax_json_obj(&j);
    ax_json_key(&j, "code");
    ax_json_int(&j, status);
    ax_json_key(&j, "message");
    ax_json_cstr(&j, text);
    ax_json_end(&j);
}

void ax_alertmanager_errno(struct ax_reply *r, const struct ax_err *err)
{
    int status;
    switch (err->code) {
    case -EINVAL:
    case -EDQUOT: status = 400; break;
    case -EBADMSG: status = 422; break;
    case -ENOENT: status = 404; break;
    case -EFBIG: status = 413; break;
    case -ENOSPC: status = 507; break;
    case -EROFS:
    case -EBUSY: status = 503; break;
    default: status = 500; break;
    }
    ax_alertmanager_error(r, status, err->text);
}

int ax_alertmanager_filters(struct ax_request *q, struct ax_matcher **out, size_t *n,
                            struct ax_err *err)
{
    struct ax_matcher *v = AX_NEWS(&q->arena, struct ax_matcher, FILTERS_MAX);
    struct ax_str text;
    size_t pos = 0, have = 0;
    while (ax_param_next(q, "filter", &pos, &text)) {
        if (have == FILTERS_MAX)
            return ax_fail(err, -EINVAL, "more than %d filters", FILTERS_MAX);
        int rc = ax_matcher_parse(text, &q->arena, &v[have++], err);
        if (rc < 0)
            return rc;
    }
    *out = v;
    *n = have;
    return 0;
}

/* ---- status ---- */

void ax_alertmanager_status(struct ax_request *q, struct ax_reply *r)
{
    static const char *const versions[][2] = {{"branch", ""},    {"buildDate", ""},
                                              {"buildUser", ""}, {"goVersion", ""},
                                              {"revision", ""},  {"version", AX_VERSION}};
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "cluster");
    ax_json_obj(&j);
    ax_json_key(&j, "name");
    ax_json_cstr(&j, "auspex");
    ax_json_key(&j, "peers");
    ax_json_arr(&j);
    ax_json_end(&j);
    ax_json_key(&j, "status");
    ax_json_cstr(&j, "disabled"); /* one server has no peers */
    ax_json_end(&j);
    ax_json_key(&j, "config");
    ax_json_obj(&j);
    ax_json_key(&j, "original");
    ax_json_cstr(&j, "");
    ax_json_end(&j);
    ax_json_key(&j, "uptime");
    ax_json_time(&j, ax_api_started(q->api));
    ax_json_key(&j, "versionInfo");
    ax_json_obj(&j);
    for (size_t i = 0; i < AX_ARRAY_LEN(versions); i++) {
        ax_json_key(&j, versions[i][0]);
        ax_json_cstr(&j, versions[i][1]);
    }
    ax_json_end(&j);
    ax_json_end(&j);
}

/* Alertmanager's receivers are ways of its own configuration; here each alarm names its methods. */
static void put_receiver(struct ax_json *j)
{
    ax_json_obj(j);
    ax_json_key(j, "name");
    ax_json_cstr(j, "auspex");
    ax_json_end(j);
}

static void put_receivers(struct ax_json *j)
{
    ax_json_arr(j);
    put_receiver(j);
    ax_json_end(j);
}

void ax_alertmanager_receivers(struct ax_request *q, struct ax_reply *r)
{
    struct ax_json j = {.out = &r->body};
    put_receivers(&j);
}

/* ---- alerts ---- */

struct wanted {
    bool active, silenced, inhibited;
    struct ax_matcher *filters;
    size_t nfilters;
};

static int read_bool(struct ax_request *q, const char *name, bool *out, struct ax_err *err)
{
    struct ax_str v = ax_param(q, name);
    *out = !v.n || ax_str_eq(v, AX_STR("true")) || ax_str_eq(v, AX_STR("1"));
    return *out || ax_str_eq(v, AX_STR("false")) || ax_str_eq(v, AX_STR("0"))
               ? 0
               : ax_fail(err, -EBADMSG, "%s in query must be of type boolean", name);
}

static int read_wanted(struct ax_request *q, struct wanted *w, struct ax_err *err)
{
    int rc = read_bool(q, "active", &w->active, err);
    if (rc == 0)
        rc = read_bool(q, "silenced", &w->silenced, err);
    if (rc == 0)
        rc = read_bool(q, "inhibited", &w->inhibited, err);
    if (rc == 0)
        rc = ax_alertmanager_filters(q, &w->filters, &w->nfilters, err);
    for (size_t i = 0; rc == 0 && i < w->nfilters; i++) {
        struct ax_matcher *m = &w->filters[i];
        if (m->op == AX_MATCH_RE || m->op == AX_MATCH_NRE)
            rc = ax_regex_new(m->value, &m->re, err);
    }
    return rc;
}

static bool is_wanted(const struct wanted *w, const struct ax_alert *x)
{
    if ((!w->active && !x->nsilenced && !x->ninhibited) || (!w->silenced && x->nsilenced) ||
        (!w->inhibited && x->ninhibited))
        return false;
    for (size_t i = 0; i < w->nfilters; i++)
        if (!ax_matcher_value(&w->filters[i], ax_alert_label(x, w->filters[i].name)))
            return false;
    return true;
}

static void put_strings(struct ax_json *j, const char *key, const struct ax_str *v, size_t n)
{
    ax_json_key(j, key);
    ax_json_arr(j);
    for (size_t i = 0; i < n; i++)
        ax_json_str(j, v[i]);
    ax_json_end(j);
}

static void put_alert(struct ax_json *j, const struct ax_alert *x)
{
    char print[24];
    snprintf(print, sizeof print, "%016llx",
             (unsigned long long)ax_hash(x->x.alarm.p, x->x.alarm.n));
    ax_json_obj(j);
    ax_json_key(j, "annotations");
    ax_json_raw(j, x->annotations);
    ax_json_key(j,
                "endsAt"); /* nobody knows; Alertmanager has a time here, and no client uses it */
    ax_json_cstr(j, "0001-01-01T00:00:00.000Z");
    ax_json_key(j, "fingerprint");
    ax_json_cstr(j, print);
    ax_json_key(j, "receivers");
    put_receivers(j);
    ax_json_key(j, "startsAt");
    ax_json_time(j, x->x.time);
    ax_json_key(j, "status");
    ax_json_obj(j);
    put_strings(j, "inhibitedBy", x->inhibited_by, x->ninhibited);
    put_strings(j, "silencedBy", x->silenced_by, x->nsilenced);
    ax_json_key(j, "state");
    ax_json_cstr(j, x->nsilenced || x->ninhibited ? "suppressed" : "active");
    ax_json_end(j);
    ax_json_key(j, "updatedAt");
    ax_json_time(j, x->x.time);
    ax_json_key(j, "generatorURL");
    ax_json_str(j, x->x.link);
    ax_json_key(j, "labels");
    ax_json_raw(j, x->labels);
    ax_json_end(j);
}

/* Those that the parameters ask for, as a JSON array; not 0: the reply says why not. */
static int put_alerts(struct ax_request *q, struct ax_reply *r, struct ax_json *j)
{
    struct wanted w = {0};
    struct ax_alert *v = NULL;
    struct ax_err err;
    size_t n = 0;
    int rc = read_wanted(q, &w, &err);
    if (rc == 0)
        rc = ax_dispatch_alerts(ax_api_rooms(q->api)->dispatch, q->tenant, &q->arena, &v, &n, &err);
    if (rc < 0) {
        ax_alertmanager_errno(r, &err);
    } else {
        ax_json_arr(j);
        for (size_t i = 0; i < n; i++)
            if (is_wanted(&w, &v[i]))
                put_alert(j, &v[i]);
        ax_json_end(j);
    }
    for (size_t i = 0; i < w.nfilters; i++)
        ax_regex_free(w.filters[i].re);
    return rc;
}

void ax_alertmanager_alerts(struct ax_request *q, struct ax_reply *r)
{
    struct ax_json j = {.out = &r->body};
    put_alerts(q, r, &j);
}

/* Groups are of Alertmanager's configuration, too: all are in one. */
void ax_alertmanager_groups(struct ax_request *q, struct ax_reply *r)
{
    struct ax_json j = {.out = &r->body};
    ax_json_arr(&j);
    ax_json_obj(&j);
    ax_json_key(&j, "labels");
    ax_json_obj(&j);
    ax_json_end(&j);
    ax_json_key(&j, "receiver");
    put_receiver(&j);
    ax_json_key(&j, "alerts");
    if (put_alerts(q, r, &j) < 0)
        return;
    ax_json_end(&j);
    ax_json_end(&j);
}
