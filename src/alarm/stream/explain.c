// SPDX-License-Identifier: Apache-2.0
/* Why a state changed, in words and as JSON, and what metrics and resources are called. */
#include "alarm/stream/inner.h"

#include "base/num.h"

#define VALUES_MAX 64 /* of a window that are told */

static void add_values(const struct ax_live *al, size_t sub, struct ax_json *j)
{
    double v[VALUES_MAX];
    size_t n = ax_window_values(ax_window_of(al, sub), v, VALUES_MAX);
    ax_json_arr(j);
    for (size_t i = 0; i < n; i++)
        ax_json_num(j, v[i]);
    ax_json_end(j);
}

static void add_expression(const struct ax_sub *s, struct ax_json *j)
{
    ax_json_obj(j);
    ax_json_key(j, "function");
    ax_json_cstr(j, ax_function_name(s->function));
    ax_json_key(j, "metric_name");
    ax_json_str(j, s->metric);
    ax_json_key(j, "dimensions");
    ax_json_obj(j);
    for (size_t i = 0; i < s->ndimensions; i++) {
        ax_json_key_str(j, s->dimensions[i].name);
        ax_json_str(j, s->dimensions[i].value);
    }
    ax_json_end(j);
    ax_json_key(j, "operator");
    ax_json_cstr(j, ax_operator_name(s->op));
    ax_json_key(j, "threshold");
    ax_json_num(j, s->threshold);
    ax_json_key(j, "period");
    ax_json_int(j, s->period);
    ax_json_key(j, "periods");
    ax_json_int(j, s->times);
    ax_json_key(j, "deterministic");
    ax_json_bool(j, s->deterministic);
    ax_json_end(j);
}

static void add_sub_alarms(const struct ax_live *al, struct ax_buf *out)
{
    struct ax_json j = {.out = out};
    ax_json_arr(&j);
    for (size_t i = 0; i < al->def->expr.nsubs; i++) {
        ax_json_obj(&j);
        ax_json_key(&j, "sub_alarm_expression");
        add_expression(&al->def->said.subs[i], &j);
        ax_json_key(&j, "sub_alarm_state");
        ax_json_cstr(&j, ax_state_name(ax_window_of(al, i)->state));
        ax_json_key(&j, "current_values");
        add_values(al, i, &j);
        ax_json_end(&j);
    }
    ax_json_end(&j);
}

/* The sub-expressions in a state, as a list. */
static void list(const struct ax_live *al, enum ax_state state, bool values, struct ax_buf *out)
{
    bool first = true;
    for (size_t i = 0; i < al->def->expr.nsubs; i++) {
        if (ax_window_of(al, i)->state != state)
            continue;
        ax_buf_cstr(out, first ? "" : ", ");
        first = false;
        ax_sub_print(&al->def->said.subs[i], out);
        if (values) {
            double v[VALUES_MAX];
            size_t n = ax_window_values(ax_window_of(al, i), v, VALUES_MAX);
            ax_buf_cstr(out, " with the values: [");
            for (size_t k = 0; k < n; k++) {
                ax_buf_cstr(out, k ? ", " : "");
                ax_buf_double(out, v[k]);
            }
            ax_buf_byte(out, ']');
        }
    }
}

void ax_explain(const struct ax_live *al, enum ax_state state, struct ax_buf *reason,
                struct ax_buf *sub_alarms)
{
    switch (state) {
    case AX_ALARM:
        ax_buf_cstr(reason, "Thresholds were exceeded for the sub-alarms: ");
        list(al, AX_ALARM, true, reason);
        break;
    case AX_UNDETERMINED:
        ax_buf_cstr(reason, "No data was present for the sub-alarms: ");
        list(al, AX_UNDETERMINED, false, reason);
        break;
    default:
        ax_buf_cstr(reason, "The alarm threshold(s) have not been exceeded for the sub-alarms: ");
        list(al, AX_OK, true, reason);
    }
    add_sub_alarms(al, sub_alarms);
}

void ax_metric_print(struct ax_stream *s, struct ax_labels labels, struct ax_buf *name,
                     struct ax_buf *dimensions)
{
    struct ax_json j = {.out = dimensions};
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    struct ax_label l;
    ax_json_obj(&j);
    AX_LABELS_EACH (labels, l) {
        bool metric = ax_str_eq(l.name, AX_STR("__name__"));
        ax_buf_clear(&text);
        if (!s->o.naming)
            ax_buf_str(&text, metric ? l.value : l.name);
        else if (!s->o.naming->name(metric ? l.value : l.name, metric, &text))
            continue;
        if (metric) {
            ax_buf_str(name, ax_buf_view(&text));
        } else {
            ax_json_key_str(&j, ax_buf_view(&text));
            ax_json_str(&j, l.value);
        }
    }
    ax_json_end(&j);
}

/* The resource that labels name, as far as they do. */
struct ax_str ax_handle_of(struct ax_labels labels, struct ax_arena *a)
{
    static const struct {
        struct ax_str label;
        const char *kind; /* before the value; NULL: it is a handle already */
    } names[] = {{AX_STR("handle"), NULL},
                 {AX_STR("vm_uuid"), "vm"},
                 {AX_STR("resource_id"), "vm"},
                 {AX_STR("hostname"), "host"},
                 {AX_STR("host"), "host"}};
    for (size_t i = 0; i < AX_ARRAY_LEN(names); i++) {
        enum ax_kind kind;
        struct ax_str id, value = ax_labels_get(labels, names[i].label);
        if (value.n && names[i].kind)
            value = ax_arena_printf(a, "%s:%.*s", names[i].kind, AX_STR_ARG(value));
        if (value.n && ax_handle_parse(value, &kind, &id, NULL) == 0)
            return value;
    }
    return AX_STR("");
}
