// SPDX-License-Identifier: Apache-2.0
/* Words for people: subject, text, link. What others wrote (names, reasons, dimensions) comes in
 * here, so that each line is made of printable characters before it is used. */
#include "notify/inner.h"

#include "base/num.h"

#include <jansson.h>
#include <xxhash.h>

struct ax_str ax_words_cut(struct ax_str s, size_t max)
{
    if (s.n <= max)
        return s;
    while (max > 0 && ((unsigned char)s.p[max] & 0xc0) == 0x80)
        max--;
    return (struct ax_str){s.p, max};
}

void ax_words_line(struct ax_str text, size_t max, struct ax_buf *out)
{
    struct ax_str cut = ax_words_cut(text, max);
    bool clean = ax_str_utf8(cut);
    for (size_t i = 0; i < cut.n; i++) {
        unsigned char c = (unsigned char)cut.p[i];
        bool odd = c < ' ' || c == 0x7f || (c >= 0x80 && !clean);
        ax_buf_byte(out, odd ? ' ' : c);
    }
    if (cut.n < text.n)
        ax_buf_cstr(out, "...");
}

/* The first metric's dimension of that name; a view into the document. */
static struct ax_str dimension(json_t *metrics, const char *name)
{
    json_t *d = json_object_get(json_array_get(metrics, 0), "dimensions");
    json_t *v = json_object_get(d, name);
    return (struct ax_str){json_string_value(v), json_string_length(v)};
}

void ax_words_subject(const struct ax_letter *l, struct ax_buf *out)
{
    json_t *metrics = json_loadb(l->x.metrics.p ? l->x.metrics.p : "", l->x.metrics.n, 0, NULL);
    struct ax_str host = dimension(metrics, "hostname"), target = dimension(metrics, "target_host");
    if (l->test)
        ax_buf_cstr(out, "TEST ");
    ax_words_line(l->x.state, 40, out);
    ax_buf_byte(out, ' ');
    ax_words_line(l->x.severity, 40, out);
    ax_buf_cstr(out, " \"");
    ax_words_line(l->x.name, 255, out);
    ax_buf_byte(out, '"');
    if (host.n) {
        ax_buf_cstr(out, " for Host: ");
        ax_words_line(host, 255, out);
    }
    if (target.n) {
        ax_buf_cstr(out, " Target: ");
        ax_words_line(target, 255, out);
    }
    json_decref(metrics);
}

bool ax_words_is_rule(const struct ax_letter *l)
{
    return l->x.definition.n == 0 && l->x.labels.n > 0;
}

void ax_words_link(const struct ax_notify *n, const struct ax_letter *l, struct ax_buf *out)
{
    if (ax_words_is_rule(l)) {
        ax_buf_str(out, l->x.link);
        return;
    }
    if (!n->o.url)
        return;
    struct ax_str base = ax_str(n->o.url);
    while (base.n && base.p[base.n - 1] == '/')
        base.n--;
    ax_buf_str(out, base);
    ax_buf_cstr(out, "/v2.0/alarms/");
    for (size_t i = 0; i < l->x.alarm.n; i++) {
        unsigned char c = (unsigned char)l->x.alarm.p[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '-';
        ax_buf_printf(out, plain ? "%c" : "%%%02X", c);
    }
}

static void field(const char *name, struct ax_str value, struct ax_buf *out)
{
    if (!value.n)
        return;
    ax_buf_printf(out, "%s: ", name);
    ax_words_line(value, 4096, out);
    ax_buf_byte(out, '\n');
}

static void write_metrics(struct ax_str text, struct ax_buf *out)
{
    json_t *metrics = json_loadb(text.p ? text.p : "", text.n, 0, NULL), *m, *value;
    size_t i;
    const char *name;
    json_array_foreach (metrics, i, m) {
        if (i == 50) {
            ax_buf_printf(out, "  and %zu more\n", json_array_size(metrics) - i);
            break;
        }
        ax_buf_cstr(out, "  ");
        ax_words_line(ax_str(json_string_value(json_object_get(m, "name"))), 255, out);
        json_object_foreach (json_object_get(m, "dimensions"), name, value) {
            ax_buf_byte(out, ' ');
            ax_words_line(ax_str(name), 255, out);
            ax_buf_byte(out, '=');
            ax_words_line(ax_str(json_string_value(value)), 255, out);
        }
        ax_buf_byte(out, '\n');
    }
    json_decref(metrics);
}

void ax_words_text(const struct ax_notify *n, const struct ax_letter *l, struct ax_buf *out)
{
    char time[AX_NUM_TEXT];
    AX_CLEANUP(ax_buf_free) struct ax_buf link = AX_BUF_INIT;
    if (l->test)
        ax_buf_cstr(out, "This is a test: nothing has happened.\n\n");
    if (l->repeat)
        ax_buf_printf(out, "Told again (%lld), since it lasts.\n\n", (long long)l->repeat);
    field("Alarm", l->x.name, out);
    field("Description", l->x.description, out);
    ax_buf_cstr(out, "State: ");
    ax_words_line(l->x.old_state, 40, out);
    ax_buf_cstr(out, " -> ");
    ax_words_line(l->x.state, 40, out);
    ax_buf_byte(out, '\n');
    field("Severity", l->x.severity, out);
    field("At", (struct ax_str){time, ax_time_print(l->x.time, time)}, out);
    field("Reason", l->x.reason, out);
    field("Lifecycle state", l->x.lifecycle_state, out);
    field("Link", l->x.link, out);
    ax_words_link(n, l, &link);
    field("See", ax_buf_view(&link), out);
    field("Alarm id", l->x.alarm, out);
    field("Definition id", l->x.definition, out);
    field("Notification", l->key, out);
    if (l->x.metrics.n > 2)
        ax_buf_cstr(out, "Metrics:\n");
    write_metrics(l->x.metrics, out);
}

void ax_words_subjects(const struct ax_letter *l, size_t count, struct ax_buf *out)
{
    if (count > 1)
        ax_buf_printf(out, "%zu notifications: ", count);
    ax_words_subject(l, out);
    if (count > 1)
        ax_buf_printf(out, " and %zu more", count - 1);
}

void ax_words_texts(const struct ax_notify *n, const struct ax_letter *l, size_t count,
                    struct ax_buf *out)
{
    for (size_t i = 0; count > 1 && i < count; i++) {
        ax_words_subject(&l[i], out);
        ax_buf_byte(out, '\n');
    }
    for (size_t i = 0; i < count; i++) {
        if (count > 1)
            ax_buf_printf(out, "\n---- %zu of %zu\n\n", i + 1, count);
        ax_words_text(n, &l[i], out);
    }
}

void ax_words_key(const struct ax_letter *l, size_t count, struct ax_buf *out)
{
    struct ax_buf all = AX_BUF_INIT;
    for (size_t i = 0; i < count; i++)
        ax_buf_str(&all, l[i].key);
    XXH128_hash_t h = XXH3_128bits(all.p, all.n);
    if (count == 1)
        ax_buf_str(out, l->key);
    else
        ax_buf_printf(out, "group-%016llx%016llx", (unsigned long long)h.high64,
                      (unsigned long long)h.low64);
    ax_buf_free(&all);
}
