// SPDX-License-Identifier: Apache-2.0
#include "collect/host/host.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX (1u << 20)

const struct ax_host_source ax_host_sources[] = {
    {"cpu", ax_host_cpu},        {"meminfo", ax_host_memory},
    {"vmstat", ax_host_vmstat},  {"pressure", ax_host_pressure},
    {"diskstats", ax_host_disk}, {"filesystem", ax_host_filesystem},
    {"netdev", ax_host_network}, {"sockets", ax_host_sockets},
    {"system", ax_host_system},  {"time", ax_host_time},
};
const size_t ax_host_source_count = AX_ARRAY_LEN(ax_host_sources);

int ax_host_read(struct ax_host *h, const char *root, const char *path, struct ax_str *out,
                 struct ax_err *err)
{
    char full[1024];
    if ((size_t)snprintf(full, sizeof full, "%s/%s", root, path) >= sizeof full)
        return ax_fail(err, -ENAMETOOLONG, "the path %s/%s is too long", root, path);
    ax_buf_clear(&h->buf);
    int rc = ax_file_read(AT_FDCWD, full, FILE_MAX, &h->buf, err);
    if (rc == 0)
        *out = ax_buf_view(&h->buf);
    return rc;
}

double ax_host_number(struct ax_host *h, const char *root, const char *path)
{
    struct ax_str text;
    double v = NAN;
    if (ax_host_read(h, root, path, &text, NULL) == 0)
        ax_str_double(ax_str_trim(text), &v);
    return v;
}

struct ax_str ax_host_line(struct ax_host *h, const char *root, const char *path, char *out,
                           size_t size)
{
    struct ax_str text;
    if (ax_host_read(h, root, path, &text, NULL) < 0)
        return AX_STR_NULL;
    text = ax_str_trim(text);
    if (text.n > size)
        text.n = size;
    if (text.n)
        memcpy(out, text.p, text.n);
    return (struct ax_str){out, text.n};
}

void ax_host_emit(struct ax_host *h, const char *name, double v)
{
    ax_emit(h->emit, &h->scope, name, v);
}

void ax_host_emit1(struct ax_host *h, const char *name, const char *label, struct ax_str value,
                   double v)
{
    ax_emit1(h->emit, &h->scope, name, label, value, v);
}
