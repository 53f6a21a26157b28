// SPDX-License-Identifier: Apache-2.0
#include "cli/top.h"

#include "base/clock.h"
#include "base/map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A figure: what is asked, and where in the row its value goes. */
struct figure {
    const char *query;
    size_t offset;
};

#define RATE(metric) "sum by (handle) (rate(" metric "[1m]))"
#define BOTH(a, b)   RATE(a) " + " RATE(b)

static const struct figure vm_figures[] = {
    {RATE("vm_cpu_seconds_total"), offsetof(struct ax_top_vm, cpu)},
    {"max by (handle) (vm_memory_guest_used_bytes)", offsetof(struct ax_top_vm, used)},
    {"max by (handle) (vm_memory_assigned_bytes)", offsetof(struct ax_top_vm, assigned)},
    {"max by (handle) (vm_memory_resident_bytes)", offsetof(struct ax_top_vm, resident)},
    {BOTH("vm_disk_read_bytes_total", "vm_disk_written_bytes_total"),
     offsetof(struct ax_top_vm, disk)},
    {BOTH("vm_network_receive_bytes_total", "vm_network_transmit_bytes_total"),
     offsetof(struct ax_top_vm, net)},
};

static const struct figure host_figures[] = {
    {"1 - avg by (handle) (rate(node_cpu_seconds_total{mode=\"idle\"}[1m]))",
     offsetof(struct ax_top_host, cpu)},
    {"max by (handle) (node_memory_MemTotal_bytes)", offsetof(struct ax_top_host, memory)},
    {"max by (handle) (node_memory_MemAvailable_bytes)", offsetof(struct ax_top_host, available)},
    {"max by (handle) (node_load1)", offsetof(struct ax_top_host, load)},
};

/* handle -> row of either table */
static void index_rows(const json_t *list, struct ax_map *map)
{
    size_t i;
    const json_t *r;
    json_array_foreach (list, i, r)
        ax_map_put(map, ax_str(ax_j_str(r, "handle")), i);
}

static void count_guests(struct ax_top *t, const struct ax_map *hosts)
{
    for (size_t i = 0; i < t->nvms; i++) {
        uint64_t row;
        if (ax_map_get(hosts, ax_str(ax_j_str(t->vms[i].resource, "host")), &row))
            t->hosts[row].vms++;
    }
}

/* Predictions come most urgent first: the first of a handle is the one to show. */
static void add_predictions(struct ax_top *t, const struct ax_map *vms)
{
    size_t i;
    const json_t *p;
    json_array_foreach (ax_j_array(t->predictions_answer.json, "predictions"), i, p) {
        uint64_t row;
        int64_t at = ax_j_time(json_object_get(p, "at"), "0.5");
        if (!at || !ax_map_get(vms, ax_str(ax_j_str(p, "handle")), &row) || t->vms[row].prediction)
            continue;
        t->vms[row].prediction = p;
        t->vms[row].risk = (double)(at - t->at) / 1000;
    }
}

struct ax_top *ax_top_of(struct ax_answer hosts, struct ax_answer vms, struct ax_answer predictions,
                         int64_t now)
{
    struct ax_top *t = ax_calloc(1, sizeof *t);
    t->at = now;
    t->hosts_answer = hosts;
    t->vms_answer = vms;
    t->predictions_answer = predictions;
    const json_t *host_list = ax_j_array(hosts.json, "resources");
    const json_t *vm_list = ax_j_array(vms.json, "resources");
    t->nhosts = json_array_size(host_list);
    t->nvms = json_array_size(vm_list);
    t->hosts = AX_NEWS(&t->arena, struct ax_top_host, t->nhosts + 1);
    t->vms = AX_NEWS(&t->arena, struct ax_top_vm, t->nvms + 1);
    for (size_t i = 0; i < t->nhosts; i++)
        t->hosts[i] = (struct ax_top_host){json_array_get(host_list, i), NAN, NAN, NAN, NAN, 0};
    for (size_t i = 0; i < t->nvms; i++)
        t->vms[i] = (struct ax_top_vm){
            json_array_get(vm_list, i), NULL, NAN, NAN, NAN, NAN, NAN, NAN, INFINITY};
    struct ax_map host_rows = AX_MAP_INIT, vm_rows = AX_MAP_INIT;
    index_rows(host_list, &host_rows);
    index_rows(vm_list, &vm_rows);
    count_guests(t, &host_rows);
    add_predictions(t, &vm_rows);
    ax_map_free(&host_rows);
    ax_map_free(&vm_rows);
    return t;
}

void ax_top_free(struct ax_top *t)
{
    if (!t)
        return;
    ax_answer_free(&t->hosts_answer);
    ax_answer_free(&t->vms_answer);
    ax_answer_free(&t->predictions_answer);
    ax_arena_free(&t->arena);
    free(t);
}

/* Asks for one figure of every row. */
static int fetch_figure(struct ax_client *c, const struct figure *f, const struct ax_map *rows,
                        char *table, size_t row_size, struct ax_err *err)
{
    AX_CLEANUP(ax_answer_free) struct ax_answer a = {0};
    AX_CLEANUP(ax_buf_free) struct ax_buf path = AX_BUF_INIT;
    ax_buf_cstr(&path, "/api/v1/query");
    ax_path_add(&path, "query", f->query);
    int rc = ax_client_get(c, ax_path_end(&path), &a, err);
    if (rc < 0)
        return rc;
    size_t i;
    const json_t *s;
    json_array_foreach (ax_j_array(json_object_get(a.json, "data"), "result"), i, s) {
        uint64_t row;
        double v;
        const char *text = json_string_value(json_array_get(json_object_get(s, "value"), 1));
        struct ax_str handle = ax_str(ax_j_str(json_object_get(s, "metric"), "handle"));
        if (text && ax_str_double(ax_str(text), &v) && ax_map_get(rows, handle, &row))
            memcpy(table + row * row_size + f->offset, &v, sizeof v);
    }
    return 0;
}

static int fetch_figures(struct ax_client *c, struct ax_top *t, struct ax_err *err)
{
    struct ax_map rows = AX_MAP_INIT;
    int rc = 0;
    index_rows(ax_j_array(t->vms_answer.json, "resources"), &rows);
    for (size_t i = 0; i < AX_ARRAY_LEN(vm_figures) && rc == 0 && t->nvms; i++)
        rc = fetch_figure(c, &vm_figures[i], &rows, (char *)t->vms, sizeof *t->vms, err);
    ax_map_clear(&rows);
    index_rows(ax_j_array(t->hosts_answer.json, "resources"), &rows);
    for (size_t i = 0; i < AX_ARRAY_LEN(host_figures) && rc == 0 && t->nhosts; i++)
        rc = fetch_figure(c, &host_figures[i], &rows, (char *)t->hosts, sizeof *t->hosts, err);
    ax_map_free(&rows);
    return rc;
}

int ax_top_fetch(struct ax_client *c, struct ax_top **out, struct ax_err *err)
{
    struct ax_answer hosts = {0}, vms = {0}, predictions = {0};
    int rc = ax_client_get(c, "/auspex/v1/resources?kind=host&limit=10000", &hosts, err);
    if (rc == 0)
        rc = ax_client_get(c, "/auspex/v1/resources?kind=vm&limit=10000", &vms, err);
    if (rc == 0)
        rc = ax_client_get(c, "/auspex/v1/predictions", &predictions, err);
    struct ax_top *t = ax_top_of(hosts, vms, predictions, ax_now_ms());
    if (rc == 0)
        rc = fetch_figures(c, t, err);
    if (rc < 0) {
        ax_top_free(t);
        return rc;
    }
    *out = t;
    return 0;
}

/* ---- order ---- */

/* Greater first, unknown last; equal ones by name, so that rows don't dance. */
static int by_number(double a, double b)
{
    a = isnan(a) ? -INFINITY : a;
    b = isnan(b) ? -INFINITY : b;
    return (a < b) - (a > b);
}

static int by_text(const struct ax_top_vm *a, const struct ax_top_vm *b, const char *key)
{
    return strverscmp(ax_j_str(a->resource, key), ax_j_str(b->resource, key));
}

static int compare(const void *pa, const void *pb, void *self)
{
    const struct ax_top_vm *a = pa, *b = pb;
    int c = 0;
    switch (*(const enum ax_top_sort *)self) {
    case AX_TOP_RISK:
        c = by_number(-a->risk, -b->risk);
        c = c ? c : by_number(a->cpu, b->cpu);
        break;
    case AX_TOP_STATE: c = by_text(a, b, "state"); break;
    case AX_TOP_CPU: c = by_number(a->cpu, b->cpu); break;
    case AX_TOP_MEMORY: c = by_number(a->used, b->used); break;
    case AX_TOP_DISK: c = by_number(a->disk, b->disk); break;
    case AX_TOP_NET: c = by_number(a->net, b->net); break;
    case AX_TOP_NAME: break;
    }
    c = c ? c : by_text(a, b, "name");
    return c ? c : by_text(a, b, "handle");
}

void ax_top_sort(struct ax_top *t, enum ax_top_sort by)
{
    qsort_r(t->vms, t->nvms, sizeof *t->vms, compare, &by);
}
