// SPDX-License-Identifier: Apache-2.0
#include "api/monasca.h"

#include "base/num.h"

#include <errno.h>
#include <math.h>

static const char *title_of(int status)
{
    switch (status) {
    case 400: return "Bad Request";
    case 401: return "Forbidden"; /* as Monasca has it */
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 409: return "Conflict";
    case 413: return "Request Entity Too Large";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Entity";
    case 429: return "Too Many Requests";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 507: return "Insufficient Storage";
    default: return "Internal Server Error";
    }
}

void ax_monasca_error(struct ax_reply *r, int status, const char *text)
{
    struct ax_json j = {.out = &r->body};
    ax_buf_clear(&r->body);
    r->status = status;
    r->type = "application/json";
    ax_json_obj(&j);
    ax_json_key(&j, "title");
    ax_json_cstr(&j, title_of(status));
    ax_json_key(&j, "description");
    ax_json_cstr(&j, text);
    ax_json_end(&j);
}

static int status_of(int code)
{
    switch (code) {
    case -EINVAL:
    case -E2BIG: return 422;
    case -EBADMSG:
    case -EDOM: return 400;
    case -EPERM: return 401;
    case -ENOENT: return 404;
    case -EEXIST: return 409;
    case -EFBIG: return 413;
    case -ENOTSUP: return 415;
    case -EAGAIN:
    case -EDQUOT:
    case -ENOBUFS: return 429;
    case -ENOSPC: return 507;
    default: return 503;
    }
}

void ax_monasca_failed(struct ax_reply *r, const struct ax_err *err)
{
    ax_monasca_error(r, status_of(err->code), err->text);
    if (err->code == -EAGAIN)
        r->retry_after = 1;
    if (err->code == -ENOBUFS) /* the limit of series: it passes only when some are forgotten */
        r->retry_after = 60;
}

/* ---- links ---- */

static void put_encoded(struct ax_buf *out, struct ax_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            memchr("-._~", c, 4))
            ax_buf_byte(out, c);
        else
            ax_buf_printf(out, "%%%02X", c);
    }
}

static void put_server(struct ax_buf *out, const struct ax_request *q)
{
    ax_buf_cstr(out, q->tls ? "https://" : "http://");
    ax_buf_str(out, q->host.n ? q->host : AX_STR("localhost"));
}

static void put_link(struct ax_json *j, const char *rel, const struct ax_buf *href)
{
    ax_json_obj(j);
    ax_json_key(j, "rel");
    ax_json_cstr(j, rel);
    ax_json_key(j, "href");
    ax_json_str(j, ax_buf_view(href));
    ax_json_end(j);
}

void ax_monasca_href(struct ax_json *j, const struct ax_request *q, const char *path)
{
    struct ax_buf href = AX_BUF_INIT;
    put_server(&href, q);
    ax_buf_cstr(&href, path);
    put_link(j, "self", &href);
    ax_buf_free(&href);
}

/* All parameters as they came, decoded once and encoded once, but for the offset. */
static void put_next(struct ax_json *j, const struct ax_request *q, struct ax_str offset)
{
    struct ax_buf href = AX_BUF_INIT;
    struct ax_str rest = q->uri, path;
    ax_str_cut(&rest, '?', &path);
    put_server(&href, q);
    ax_buf_str(&href, path);
    ax_buf_byte(&href, '?');
    for (size_t i = 0; i < q->nparams; i++) {
        if (ax_str_eq(q->params[i].name, AX_STR("offset")))
            continue;
        put_encoded(&href, q->params[i].name);
        ax_buf_byte(&href, '=');
        put_encoded(&href, q->params[i].value);
        ax_buf_byte(&href, '&');
    }
    ax_buf_cstr(&href, "offset=");
    put_encoded(&href, offset);
    put_link(j, "next", &href);
    ax_buf_free(&href);
}

/* The elements come first: whether there are more is known when they are written. */
void ax_monasca_list_begin(struct ax_json *j, struct ax_reply *r)
{
    *j = (struct ax_json){.out = &r->body};
    ax_json_obj(j);
    ax_json_key(j, "elements");
    ax_json_arr(j);
}

void ax_monasca_list_end(struct ax_json *j, const struct ax_request *q, struct ax_str offset)
{
    struct ax_buf self = AX_BUF_INIT;
    put_server(&self, q);
    ax_buf_str(&self, q->uri);
    ax_json_end(j);
    ax_json_key(j, "links");
    ax_json_arr(j);
    put_link(j, "self", &self);
    if (offset.n)
        put_next(j, q, offset);
    ax_json_end(j);
    ax_json_end(j);
    ax_buf_free(&self);
}

void ax_monasca_page_end(struct ax_json *j, struct ax_request *q, const struct ax_monasca_page *p,
                         size_t n)
{
    bool more = p->limit && n > p->limit;
    uint64_t next = p->offset + p->limit;
    ax_monasca_list_end(
        j, q, more ? ax_arena_printf(&q->arena, "%llu", (unsigned long long)next) : AX_STR_NULL);
}

void ax_monasca_put_links(struct ax_json *j, struct ax_request *q, const char *folder,
                          struct ax_str id)
{
    struct ax_str path = ax_arena_printf(&q->arena, "/v2.0/%s/%.*s", folder, AX_STR_ARG(id));
    ax_json_key(j, "links");
    ax_json_arr(j);
    ax_monasca_href(j, q, path.p);
    ax_json_end(j);
}

void ax_monasca_put_float(struct ax_json *j, double v)
{
    char text[AX_NUM_TEXT + 2];
    if (!isfinite(v)) {
        ax_json_null(j);
        return;
    }
    size_t n = ax_num_print(v, text);
    bool whole = true;
    for (size_t i = 0; i < n; i++)
        whole = whole && text[i] != '.' && text[i] != 'e';
    if (whole) {
        text[n++] = '.';
        text[n++] = '0';
    }
    ax_json_raw(j, (struct ax_str){text, n});
}
