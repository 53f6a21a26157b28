// SPDX-License-Identifier: Apache-2.0
/* /proc/net/dev (counters of every interface in one file) and /sys/class/net (state, speed). */
#include "collect/host/host.h"

#include <math.h>
#include <stdio.h>

/* In the order of the columns of /proc/net/dev. */
static const char *const columns[] = {
    "node_network_receive_bytes_total",      "node_network_receive_packets_total",
    "node_network_receive_errs_total",       "node_network_receive_drop_total",
    "node_network_receive_fifo_total",       "node_network_receive_frame_total",
    "node_network_receive_compressed_total", "node_network_receive_multicast_total",
    "node_network_transmit_bytes_total",     "node_network_transmit_packets_total",
    "node_network_transmit_errs_total",      "node_network_transmit_drop_total",
    "node_network_transmit_fifo_total",      "node_network_transmit_colls_total",
    "node_network_transmit_carrier_total",   "node_network_transmit_compressed_total",
};

static const struct {
    const char *file, *metric;
} attributes[] = {
    {"carrier", "node_network_carrier"},
    {"carrier_changes", "node_network_carrier_changes_total"},
    {"carrier_up_count", "node_network_carrier_up_changes_total"},
    {"carrier_down_count", "node_network_carrier_down_changes_total"},
    {"mtu", "node_network_mtu_bytes"},
    {"tx_queue_len", "node_network_transmit_queue_length"},
};

static void emit_counters(struct ax_host *h, struct ax_str device, struct ax_str rest)
{
    struct ax_str word;
    double v;
    for (size_t i = 0; i < AX_ARRAY_LEN(columns) && ax_str_word(&rest, &word); i++)
        if (ax_str_double(word, &v))
            ax_host_emit1(h, columns[i], "device", device, v);
}

/* The device's name comes from the kernel, but a name with a slash would leave the directory. */
static bool attribute_path(struct ax_str device, const char *file, char *out, size_t size)
{
    for (size_t i = 0; i < device.n; i++)
        if (device.p[i] == '/')
            return false;
    int n = snprintf(out, size, "class/net/%.*s/%s", AX_STR_ARG(device), file);
    return n > 0 && (size_t)n < size;
}

static void emit_attributes(struct ax_host *h, struct ax_str device)
{
    char path[256], line[64];
    for (size_t i = 0; i < AX_ARRAY_LEN(attributes); i++)
        if (attribute_path(device, attributes[i].file, path, sizeof path))
            ax_host_emit1(h, attributes[i].metric, "device", device,
                          ax_host_number(h, h->sys, path));
    if (attribute_path(device, "speed", path, sizeof path)) {
        double mbit = ax_host_number(h, h->sys, path); /* -1 when the link's speed is unknown */
        ax_host_emit1(h, "node_network_speed_bytes", "device", device, mbit * 125000);
    }
    if (!attribute_path(device, "operstate", path, sizeof path))
        return;
    struct ax_str state = ax_host_line(h, h->sys, path, line, sizeof line);
    if (state.n)
        ax_host_emit1(h, "node_network_up", "device", device, ax_str_eq(state, AX_STR("up")));
}

int ax_host_network(struct ax_host *h, struct ax_err *err)
{
    struct ax_str rest, line, device;
    struct {
        char name[64];
        size_t n;
    } devices[AX_HOST_DEVICES];
    size_t n = 0;
    int rc = ax_host_read(h, h->proc, "net/dev", &rest, err);
    if (rc < 0)
        return rc;
    while (n < AX_HOST_DEVICES && ax_str_cut(&rest, '\n', &line)) {
        struct ax_str counters = line;
        if (!ax_str_cut(&counters, ':', &device) || !counters.p)
            continue; /* the two lines of headings */
        device = ax_str_trim(device);
        if (device.n == 0 || device.n > sizeof devices[n].name)
            continue;
        emit_counters(h, device, counters);
        for (size_t i = 0; i < device.n; i++)
            devices[n].name[i] = device.p[i];
        devices[n++].n = device.n;
    }
    for (size_t i = 0; i < n; i++) /* after the walk: reading attributes reuses the buffer */
        emit_attributes(h, (struct ax_str){devices[i].name, devices[i].n});
    return 0;
}
