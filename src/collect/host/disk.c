// SPDX-License-Identifier: Apache-2.0
/* /proc/diskstats: whole disks that the node exporter shows too (no loop, ram, floppy, partitions).
 * The number of columns grew with the kernels (14, 18, 20): each column is taken if it is there. */
#include "collect/host/host.h"

#include <ctype.h>

/* Column (after the device's name) -> metric and what one unit of it is worth. */
static const struct {
    const char *metric;
    double unit;
} columns[] = {
    {"node_disk_reads_completed_total", 1},
    {"node_disk_reads_merged_total", 1},
    {"node_disk_read_bytes_total", 512},
    {"node_disk_read_time_seconds_total", 1e-3},
    {"node_disk_writes_completed_total", 1},
    {"node_disk_writes_merged_total", 1},
    {"node_disk_written_bytes_total", 512},
    {"node_disk_write_time_seconds_total", 1e-3},
    {"node_disk_io_now", 1},
    {"node_disk_io_time_seconds_total", 1e-3},
    {"node_disk_io_time_weighted_seconds_total", 1e-3},
    {"node_disk_discards_completed_total", 1},
    {"node_disk_discards_merged_total", 1},
    {"node_disk_discarded_sectors_total", 1},
    {"node_disk_discard_time_seconds_total", 1e-3},
    {"node_disk_flush_requests_total", 1},
    {"node_disk_flush_requests_time_seconds_total", 1e-3},
};

static bool ends_in_digit(struct ax_str s)
{
    return s.n && isdigit((unsigned char)s.p[s.n - 1]);
}

/* Prefix, one letter or more, then digits: sda1, vdb2. */
static bool lettered_partition(struct ax_str name)
{
    static const char *const families[] = {"hd", "sd", "vd", "xvd"};
    for (size_t i = 0; i < AX_ARRAY_LEN(families); i++)
        if (ax_str_starts(name, ax_str(families[i])))
            return ends_in_digit(name);
    return false;
}

/* nvme0n1p2, mmcblk0p1: a p between digits. */
static bool numbered_partition(struct ax_str name)
{
    if (!ax_str_starts(name, AX_STR("nvme")) && !ax_str_starts(name, AX_STR("mmcblk")))
        return false;
    size_t i = name.n;
    while (i && isdigit((unsigned char)name.p[i - 1]))
        i--;
    return i > 1 && i < name.n && name.p[i - 1] == 'p' && isdigit((unsigned char)name.p[i - 2]);
}

static bool ignored(struct ax_str name)
{
    static const char *const families[] = {"ram", "loop", "fd"};
    for (size_t i = 0; i < AX_ARRAY_LEN(families); i++)
        if (ax_str_starts(name, ax_str(families[i])) && ends_in_digit(name))
            return true;
    return lettered_partition(name) || numbered_partition(name);
}

static void emit_disk(struct ax_host *h, struct ax_str device, struct ax_str rest)
{
    struct ax_str word;
    double v;
    for (size_t i = 0; i < AX_ARRAY_LEN(columns) && ax_str_word(&rest, &word); i++)
        if (ax_str_double(word, &v))
            ax_host_emit1(h, columns[i].metric, "device", device, v * columns[i].unit);
}

int ax_host_disk(struct ax_host *h, struct ax_err *err)
{
    struct ax_str rest, line, major, minor, device;
    int rc = ax_host_read(h, h->proc, "diskstats", &rest, err);
    if (rc < 0)
        return rc;
    for (size_t n = 0; n < AX_HOST_DEVICES && ax_str_cut(&rest, '\n', &line);) {
        if (!ax_str_word(&line, &major) || !ax_str_word(&line, &minor) ||
            !ax_str_word(&line, &device) || ignored(device))
            continue;
        emit_disk(h, device, line);
        n++;
    }
    return 0;
}
