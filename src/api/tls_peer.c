// SPDX-License-Identifier: Apache-2.0
/* The client's certificate of a connection. */
#include "api/tls.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>

#define DIGEST 32

struct ax_tls_peer {
    enum { NOT_LOOKED, NONE, FAULTY, VERIFIED } state;
    unsigned char digest[DIGEST];
    int64_t expires;
    char fault[256];
};

struct ax_tls_peer *ax_tls_peer_new(void)
{
    return ax_calloc(1, sizeof(struct ax_tls_peer));
}

void ax_tls_peer_free(struct ax_tls_peer *p)
{
    free(p);
}

static bool verify(struct ax_tls_peer *p, const gnutls_datum_t *chain, unsigned n)
{
    unsigned status = 0;
    gnutls_datum_t words = {NULL, 0};
    int code = ax_tls_verify(chain, n, &status);
    if (code == 0 && status == 0)
        return true;
    if (code == 0)
        code = gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &words, 0);
    struct ax_str why =
        ax_str_trim(ax_str(words.data ? (const char *)words.data : gnutls_strerror(code)));
    snprintf(p->fault, sizeof p->fault, "%.*s", AX_STR_ARG(why));
    gnutls_free(words.data);
    return false;
}

static bool take(struct ax_tls_peer *p, const gnutls_datum_t *der)
{
    gnutls_x509_crt_t crt;
    size_t n = sizeof p->digest;
    if (gnutls_x509_crt_init(&crt) < 0)
        return false;
    bool ok = gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER) == 0 &&
              gnutls_fingerprint(GNUTLS_DIG_SHA256, der, p->digest, &n) == 0 && n == DIGEST;
    p->expires = (int64_t)gnutls_x509_crt_get_expiration_time(crt) * 1000;
    gnutls_x509_crt_deinit(crt);
    if (!ok)
        snprintf(p->fault, sizeof p->fault, "it cannot be read");
    return ok;
}

static void look(struct ax_tls_peer *p, struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    unsigned n = 0;
    const gnutls_datum_t *chain = info ? gnutls_certificate_get_peers(info->tls_session, &n) : NULL;
    p->state = NONE;
    if (chain && n > 0)
        p->state = verify(p, chain, n) && take(p, &chain[0]) ? VERIFIED : FAULTY;
}

void ax_tls_peer_look(struct ax_tls_peer *p, struct MHD_Connection *c, int64_t now,
                      struct ax_str *certificate, struct ax_str *fault)
{
    if (p->state == NOT_LOOKED)
        look(p, c);
    if (p->state == VERIFIED && now > p->expires) {
        p->state = FAULTY;
        snprintf(p->fault, sizeof p->fault, "it has expired");
    }
    *certificate =
        p->state == VERIFIED ? (struct ax_str){(const char *)p->digest, DIGEST} : AX_STR_NULL;
    *fault = p->state == FAULTY ? ax_str(p->fault) : AX_STR_NULL;
}
