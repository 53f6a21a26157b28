// SPDX-License-Identifier: Apache-2.0
#include "cli/exporter.h"

#include "api/api.h"
#include "base/buf.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct ax_exporter {
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock; /* text */
    struct ax_buf text;
};

static enum MHD_Result send_text(struct MHD_Connection *c, unsigned status, void *p, size_t n,
                                 enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(n, p, mode);
    if (!r)
        return MHD_NO;
    MHD_add_response_header(r, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    enum MHD_Result rc = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return rc;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **con)
{
    static char elsewhere[] = "the metrics are at /metrics\n";
    struct ax_exporter *e = cls;
    if (strcmp(method, "GET") != 0)
        return MHD_NO;
    if (strcmp(url, "/metrics") != 0)
        return send_text(c, 404, elsewhere, sizeof elsewhere - 1, MHD_RESPMEM_PERSISTENT);
    pthread_mutex_lock(&e->lock);
    enum MHD_Result rc =
        send_text(c, 200, e->text.p ? e->text.p : elsewhere, e->text.n, MHD_RESPMEM_MUST_COPY);
    pthread_mutex_unlock(&e->lock);
    return rc;
}

int ax_exporter_start(struct ax_exporter **out, const char *listen, struct ax_err *err)
{
    int fd = ax_listen_tcp(listen, false, err);
    if (fd < 0)
        return fd;
    struct ax_exporter *e = ax_calloc(1, sizeof *e);
    pthread_mutex_init(&e->lock, NULL);
    e->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, e,
                                 MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, 64u,
                                 MHD_OPTION_CONNECTION_TIMEOUT, 30u, MHD_OPTION_END);
    if (!e->daemon) {
        ax_exporter_stop(e);
        return ax_fail(err, -EIO, "the exporter could not be started");
    }
    *out = e;
    return 0;
}

void ax_exporter_stop(struct ax_exporter *e)
{
    if (!e)
        return;
    if (e->daemon)
        MHD_stop_daemon(e->daemon);
    ax_buf_free(&e->text);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

void ax_exporter_show(struct ax_exporter *e, const struct ax_round *r)
{
    struct ax_buf text = AX_BUF_INIT;
    ax_round_text(r, &text);
    pthread_mutex_lock(&e->lock);
    struct ax_buf old = e->text;
    e->text = text;
    pthread_mutex_unlock(&e->lock);
    ax_buf_free(&old);
}
