// SPDX-License-Identifier: Apache-2.0
/* A house for alarms of rule files: two series that can be set, an intake that writes down what
 * comes, a registry in a file. */
#ifndef AX_TEST_ALARM_KIT_H
#define AX_TEST_ALARM_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "alarm/alarm.h"
#include "intake/intake.h"

#define START 1795314600000ll
#define S     1000ll

/* A source with one sample, at any time asked for, of each of two series. */
static struct {
    double value[2];
    bool there[2];
    bool broken;
} world;

static int last(void *self, const struct ax_store_select *sel, struct ax_arena *a,
                struct ax_series_set *out, struct ax_err *err)
{
    if (world.broken)
        return ax_fail(err, -5, "the disk is on fire");
    out->v = AX_NEWS(a, struct ax_series, 2);
    out->n = 0;
    for (int i = 0; i < 2; i++) {
        struct ax_labels_builder b = {0};
        ax_labels_add(&b, AX_STR("__name__"), AX_STR("used"));
        ax_labels_add(&b, AX_STR("handle"), i ? AX_STR("vm:b") : AX_STR("vm:a"));
        struct ax_labels labels;
        assert_int_equal(ax_labels_finish(&b, a, &labels, NULL), 0);
        if (!world.there[i] || !ax_matcher_labels(sel->matchers, sel->nmatchers, labels))
            continue;
        int64_t *t = AX_NEW(a, int64_t);
        double *v = AX_NEW(a, double);
        *t = sel->maxt;
        *v = world.value[i];
        out->v[out->n++] = (struct ax_series){labels, t, v, 1};
    }
    out->warning = AX_STR_NULL;
    return 0;
}

/* What came out of the intake, one line per sample. */
static struct ax_buf written;

static int append(void *self, const struct ax_batch *b, uint64_t *ticket, struct ax_err *err)
{
    for (size_t i = 0; i < b->n; i++) {
        ax_labels_print(b->v[i].labels, &written);
        for (size_t k = 0; k < b->v[i].n; k++) {
            double v = b->v[i].samples[k].v;
            ax_buf_cstr(&written, ax_is_stale(v) ? " end" : " ");
            if (!ax_is_stale(v))
                ax_buf_double(&written, v);
        }
        ax_buf_byte(&written, '\n');
    }
    return 0;
}

static const char *__attribute__((unused)) out(void)
{
    ax_buf_byte(&written, 0);
    return written.p;
}

struct house {
    char path[64];
    struct ax_intake *intake;
    struct ax_sql *sql;
    struct ax_registry *registry;
    struct ax_alarms *alarms;
    bool notifies;
    struct ax_notify *notify;
};

static int64_t notify_now(void *ctx)
{
    return START;
}

/* One file of the tenant "t", as it is now; returns its faults. */
static size_t load(struct house *h, const char *rules, int64_t now)
{
    struct ax_err err = {0};
    struct ax_rules *r = ax_rules_read(ax_str(rules), AX_STR("t"), "r.yml");
    size_t faults = ax_rules_faults(r);
    if (ax_alarms_load(h->alarms, &r, 1, now, &err) < 0)
        fail_msg("%s", err.text);
    return faults;
}

static void open_house_at(struct house *h, const char *rules, int64_t now)
{
    struct ax_err err = {0};
    struct ax_source source = {.tenant = AX_STR("?"), .select = last, .last = last};
    if (ax_sql_open(&h->sql, h->path, &err) < 0 || ax_registry_open(&h->registry, h->sql, &err) < 0)
        fail_msg("%s", err.text);
    struct ax_notify_options quiet = {.timeout_ms = 1000, .now = notify_now};
    if (h->notifies && (ax_notify_open(&h->notify, h->sql, &quiet, &err) < 0))
        fail_msg("%s", err.text);
    struct ax_alarms_options o = {.source = source,
                                  .sql = h->sql,
                                  .registry = h->registry,
                                  .notify = h->notify,
                                  .url = "http://auspex.example:8070/",
                                  .intake = h->intake};
    h->alarms = ax_alarms_new(&o);
    load(h, rules, now);
}

static void open_house(struct house *h, const char *rules)
{
    open_house_at(h, rules, START - 1);
}

static void close_house(struct house *h)
{
    ax_notify_close(h->notify);
    h->notify = NULL;
    ax_alarms_free(h->alarms);
    ax_registry_close(h->registry);
    ax_sql_close(h->sql);
}

static int set_up(void **state)
{
    static struct house h;
    h = (struct house){.path = "/tmp/alarm-test-XXXXXX"};
    close(mkstemp(h.path));
    h.intake = ax_intake_new(&(struct ax_intake_options){0});
    ax_intake_subscribe(h.intake, &(struct ax_subscriber){.name = "test", .append = append});
    memset(&world, 0, sizeof world);
    *state = &h;
    return 0;
}

static int tear_down(void **state)
{
    struct house *h = *state;
    ax_intake_free(h->intake);
    ax_buf_free(&written);
    written = (struct ax_buf)AX_BUF_INIT;
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < AX_ARRAY_LEN(ends); i++) {
        char path[80];
        snprintf(path, sizeof path, "%s%s", h->path, ends[i]);
        unlink(path);
    }
    return 0;
}

static void __attribute__((unused)) shows(struct house *h, const char *want, bool there)
{
    struct ax_buf b = AX_BUF_INIT;
    ax_alarms_alerts_json(h->alarms, AX_STR("t"), &b);
    ax_alarms_rules_json(h->alarms, AX_STR("t"), AX_STR_NULL, &b);
    ax_buf_byte(&b, 0);
    if ((strstr(b.p, want) != NULL) != there)
        fail_msg("%s is %s in %s", want, there ? "not" : "", b.p);
    ax_buf_free(&b);
}

static size_t __attribute__((unused))
events(struct house *h, const char *handle, struct ax_event *newest)
{
    static struct ax_arena a;
    struct ax_event *e;
    size_t n;
    ax_arena_reset(&a);
    assert_int_equal(
        ax_registry_events(h->registry, AX_STR("t"), ax_str(handle), 0, 0, 50, &a, &e, &n, NULL),
        0);
    if (n > 0 && newest)
        *newest = e[0];
    return n;
}

#define HEAD "groups:\n- name: g\n  interval: 5s\n  rules:\n"

#endif
