// SPDX-License-Identifier: Apache-2.0
/* Functions of templates over texts, and links. */
#include "alarm/template_calls.h"

#include "alarm/links.h"

#include <arpa/inet.h>
#include <ctype.h>

static int mapped(struct ax_tcall *c, const struct ax_tv *v, int (*as)(int), struct ax_tv *out)
{
    struct ax_buf b = AX_BUF_INIT;
    int rc = ax_tf_wants(c, v, AX_TV_STRING);
    for (size_t i = 0; rc == 0 && i < v->s.n; i++) {
        unsigned char ch = (unsigned char)v->s.p[i];
        ax_buf_byte(&b, ch < 0x80 ? (uint8_t)as(ch) : ch);
    }
    return rc < 0 ? rc : ax_tf_keep(c, &b, out);
}

AX_TFUNCTION(ax_tf_to_upper)
{
    return mapped(c, &args[0], toupper, out);
}

AX_TFUNCTION(ax_tf_to_lower)
{
    return mapped(c, &args[0], tolower, out);
}

/* The first letter of each word. */
AX_TFUNCTION(ax_tf_title)
{
    struct ax_buf b = AX_BUF_INIT;
    int rc = ax_tf_wants(c, &args[0], AX_TV_STRING);
    bool begins = true;
    for (size_t i = 0; rc == 0 && i < args[0].s.n; i++) {
        unsigned char ch = (unsigned char)args[0].s.p[i];
        ax_buf_byte(&b, begins && ch < 0x80 ? (uint8_t)toupper(ch) : ch);
        begins = ch < 0x80 && !isalnum(ch) && ch != '_' && ch != '\'';
    }
    return rc < 0 ? rc : ax_tf_keep(c, &b, out);
}

static int regex(struct ax_tcall *c, const struct ax_tv *args, size_t n, struct ax_regex **out)
{
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = ax_tf_wants(c, &args[i], AX_TV_STRING);
    return rc < 0 ? rc : ax_regex_new_search(args[0].s, out, c->err);
}

AX_TFUNCTION(ax_tf_match)
{
    struct ax_regex *re;
    int rc = regex(c, args, n, &re);
    if (rc < 0)
        return rc;
    *out = (struct ax_tv){.kind = AX_TV_BOOL, .b = ax_regex_match(re, args[1].s)};
    ax_regex_free(re);
    return 0;
}

AX_TFUNCTION(ax_tf_replace_all)
{
    struct ax_regex *re;
    struct ax_buf b = {.max = AX_LABEL_VALUE_MAX};
    int rc = regex(c, args, n, &re);
    if (rc < 0)
        return rc;
    ax_regex_replace(re, args[2].s, args[1].s, &b);
    ax_regex_free(re);
    return ax_tf_keep(c, &b, out);
}

/* HOST and :PORT of a text; false when it is none with a port. */
static bool split_port(struct ax_str s, struct ax_str *host, struct ax_str *port)
{
    size_t colon = s.n;
    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return false;
    *host = (struct ax_str){s.p, colon - 1};
    *port = (struct ax_str){s.p + colon - 1, s.n - colon + 1};
    if (host->n >= 2 && host->p[0] == '[' && host->p[host->n - 1] == ']') {
        *host = (struct ax_str){host->p + 1, host->n - 2};
        return true;
    }
    return !memchr(host->p, ':', host->n);
}

AX_TFUNCTION(ax_tf_strip_port)
{
    struct ax_str host, port;
    int rc = ax_tf_wants(c, &args[0], AX_TV_STRING);
    *out = args[0];
    if (rc == 0 && split_port(args[0].s, &host, &port))
        *out = ax_tv_string(host);
    return rc;
}

static bool is_address(struct ax_str host, struct ax_arena *a)
{
    unsigned char bytes[16];
    const char *text = ax_arena_cstr(a, host);
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

AX_TFUNCTION(ax_tf_strip_domain)
{
    struct ax_str host, port = AX_STR_NULL;
    int rc = ax_tf_wants(c, &args[0], AX_TV_STRING);
    if (rc < 0)
        return rc;
    if (!split_port(args[0].s, &host, &port)) {
        host = args[0].s;
        port = AX_STR_NULL;
    }
    *out = args[0];
    const char *dot = host.n ? memchr(host.p, '.', host.n) : NULL;
    if (dot && !is_address(host, c->a))
        *out = ax_tv_string(
            ax_arena_printf(c->a, "%.*s%.*s", (int)(dot - host.p), host.p, AX_STR_ARG(port)));
    return 0;
}

AX_TFUNCTION(ax_tf_same)
{
    *out = args[0];
    return 0;
}

/* ---- links ---- */

AX_TFUNCTION(ax_tf_external_url)
{
    *out = ax_tv_string(c->world->url);
    return 0;
}

AX_TFUNCTION(ax_tf_path_prefix)
{
    *out = ax_tv_string(ax_link_path(c->world->url));
    return 0;
}

static int linked(struct ax_tcall *c, const struct ax_tv *v, bool table, struct ax_tv *out)
{
    struct ax_buf b = {.max = AX_LABEL_VALUE_MAX};
    int rc = ax_tf_wants(c, v, AX_TV_STRING);
    if (rc < 0)
        return rc;
    ax_link_expression(AX_STR_NULL, v->s, table, &b);
    return ax_tf_keep(c, &b, out);
}

AX_TFUNCTION(ax_tf_graph_link)
{
    return linked(c, &args[0], false, out);
}

AX_TFUNCTION(ax_tf_table_link)
{
    return linked(c, &args[0], true, out);
}
