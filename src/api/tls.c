// SPDX-License-Identifier: Apache-2.0
#include "api/tls.h"

#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_MAX  (1u << 20)
#define CHAIN_MAX 16

const char ax_tls_priorities[] = "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE";

struct pair {
    gnutls_pcert_st chain[CHAIN_MAX]; /* the server's certificate first */
    unsigned n;
    gnutls_privkey_t key;
    gnutls_x509_trust_list_t clients; /* who may sign clients' certificates; NULL: nobody */
    int64_t expires;
    struct pair *before;
};

struct ax_tls {
    char *cert, *key, *client_ca; /* absolute paths; client_ca may be NULL */
    struct ax_buf asked_for;      /* what client_ca held at the start */
};

static struct pair *_Atomic in_use; /* of the one listener */

/* ---- reading ---- */

static int refused(struct ax_err *err, const char *path, const char *what, int code)
{
    return ax_fail(err, -EINVAL, "%s: %s (%s)", path, what, gnutls_strerror(code));
}

static int read_pem(const char *path, struct ax_buf *out, struct ax_err *err)
{
    *out = (struct ax_buf){.max = 2 * FILE_MAX};
    int rc = ax_file_read(AT_FDCWD, path, FILE_MAX, out, err);
    if (rc == 0)
        ax_buf_byte(out, 0);
    return rc;
}

static gnutls_datum_t datum(const struct ax_buf *b)
{
    return (gnutls_datum_t){(unsigned char *)b->p, (unsigned)b->n - 1};
}

static void forget_text(struct ax_buf *b)
{
    if (b->p)
        explicit_bzero(b->p, b->n);
    ax_buf_free(b);
}

/* What watches over others stands up all the same: clients refuse the certificate, the local socket
 * and those who do not look are served. */
static void tell_times(const char *path, gnutls_x509_crt_t crt, int64_t now)
{
    int64_t from = (int64_t)gnutls_x509_crt_get_activation_time(crt) * 1000;
    int64_t to = (int64_t)gnutls_x509_crt_get_expiration_time(crt) * 1000;
    if (now > to)
        ax_log(AX_LOG_ERROR, "%s: the certificate expired %lld days ago: renew it", path,
               (long long)((now - to) / 86400000));
    else if (now < from)
        ax_log(AX_LOG_ERROR, "%s: the certificate is not valid yet: is this machine's clock right?",
               path);
}

static int read_chain(const char *path, int64_t now, struct pair *p, gnutls_x509_crt_t *own,
                      struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    gnutls_x509_crt_t *v = NULL;
    unsigned n = 0;
    int rc = read_pem(path, &text, err);
    if (rc < 0)
        return rc;
    gnutls_datum_t data = datum(&text);
    int code = gnutls_x509_crt_list_import2(&v, &n, &data, GNUTLS_X509_FMT_PEM, 0);
    if (code < 0)
        return refused(err, path, "no certificate in PEM form", code);
    rc =
        n > CHAIN_MAX ? ax_fail(err, -EINVAL, "%s: more than %d certificates", path, CHAIN_MAX) : 0;
    tell_times(path, v[0], now);
    p->expires = (int64_t)gnutls_x509_crt_get_expiration_time(v[0]) * 1000;
    for (unsigned i = 0; rc == 0 && i < n; i++) {
        code = gnutls_pcert_import_x509(&p->chain[i], v[i], 0);
        p->n += code == 0;
        if (code < 0)
            rc = refused(err, path, "its certificates cannot be used", code);
    }
    for (unsigned i = 1; i < n; i++)
        gnutls_x509_crt_deinit(v[i]);
    *own = v[0];
    gnutls_free(v);
    return rc;
}

static int read_key(const char *path, gnutls_privkey_t *out, struct ax_err *err)
{
    AX_CLEANUP(forget_text) struct ax_buf text = AX_BUF_INIT;
    int rc = read_pem(path, &text, err);
    if (rc < 0)
        return rc;
    gnutls_datum_t data = datum(&text);
    AX_ASSERT(gnutls_privkey_init(out) == 0);
    int code = gnutls_privkey_import_x509_raw(*out, &data, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (code == GNUTLS_E_DECRYPTION_FAILED)
        return ax_fail(err, -EINVAL, "%s: the key has a passphrase: remove it (openssl pkey)",
                       path);
    return code < 0 ? refused(err, path, "no private key in PEM form", code) : 0;
}

/* The key id is a hash of the public key. */
static bool belong_together(gnutls_x509_crt_t crt, gnutls_privkey_t key)
{
    unsigned char a[64], b[64];
    size_t na = sizeof a, nb = sizeof b;
    gnutls_pubkey_t public;
    AX_ASSERT(gnutls_pubkey_init(&public) == 0);
    bool same = gnutls_pubkey_import_privkey(public, key, 0, 0) == 0 &&
                gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256, b, &nb) == 0 &&
                gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, a, &na) == 0 && na == nb &&
                memcmp(a, b, na) == 0;
    gnutls_pubkey_deinit(public);
    return same;
}

static void pair_free(struct pair *p)
{
    for (unsigned i = 0; i < p->n; i++)
        gnutls_pcert_deinit(&p->chain[i]);
    if (p->key)
        gnutls_privkey_deinit(p->key);
    if (p->clients)
        gnutls_x509_trust_list_deinit(p->clients, 1);
    free(p);
}

static int read_clients(const char *path, gnutls_x509_trust_list_t *out, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf text = AX_BUF_INIT;
    int rc = path ? read_pem(path, &text, err) : 0;
    if (rc < 0 || !path)
        return rc;
    gnutls_datum_t data = datum(&text);
    AX_ASSERT(gnutls_x509_trust_list_init(out, 0) == 0);
    int n = gnutls_x509_trust_list_add_trust_mem(*out, &data, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
    return n > 0 ? 0
                 : refused(err, path, "no certificate in PEM form",
                           n < 0 ? n : GNUTLS_E_NO_CERTIFICATE_FOUND);
}

int ax_tls_reload(struct ax_tls *tls, int64_t now, struct ax_err *err)
{
    struct pair *p = ax_calloc(1, sizeof *p);
    gnutls_x509_crt_t own = NULL;
    int rc = read_chain(tls->cert, now, p, &own, err);
    if (rc == 0)
        rc = read_key(tls->key, &p->key, err);
    if (rc == 0 && !belong_together(own, p->key))
        rc = ax_fail(err, -EINVAL, "%s is not the key of the certificate in %s", tls->key,
                     tls->cert);
    if (own)
        gnutls_x509_crt_deinit(own);
    if (rc == 0)
        rc = read_clients(tls->client_ca, &p->clients, err);
    if (rc < 0) {
        pair_free(p);
        return rc;
    }
    p->before = in_use;
    in_use = p;
    return 0;
}

/* ---- opening ---- */

/* The server will have moved when it reads the file again. Links are left for then. */
static char *absolute(const char *path)
{
    struct ax_buf b = AX_BUF_INIT;
    char here[4096];
    if (path[0] != '/' && getcwd(here, sizeof here))
        ax_buf_printf(&b, "%s/", here);
    ax_buf_printf(&b, "%s", path);
    ax_buf_byte(&b, 0);
    return b.p;
}

int ax_tls_open(struct ax_tls **out, const struct ax_tls_files *f, int64_t now, struct ax_err *err)
{
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES ||
        MHD_is_feature_supported(MHD_FEATURE_HTTPS_CERT_CALLBACK2) != MHD_YES)
        return ax_fail(err, -ENOTSUP,
                       "this machine's libmicrohttpd was built without TLS (Debian's has it): "
                       "leave out --tls-cert, or put a TLS proxy before the server");
    AX_ASSERT(!in_use);
    struct ax_tls *tls = ax_calloc(1, sizeof *tls);
    tls->cert = absolute(f->cert);
    tls->key = absolute(f->key);
    tls->client_ca = f->client_ca ? absolute(f->client_ca) : NULL;
    int rc = ax_tls_reload(tls, now, err);
    if (rc == 0 && tls->client_ca)
        rc = read_pem(tls->client_ca, &tls->asked_for, err);
    if (rc < 0) {
        ax_tls_close(tls);
        return rc;
    }
    *out = tls;
    return 0;
}

void ax_tls_close(struct ax_tls *tls)
{
    if (!tls)
        return;
    struct pair *p = atomic_exchange(&in_use, NULL);
    while (p) {
        struct pair *before = p->before;
        pair_free(p);
        p = before;
    }
    ax_buf_free(&tls->asked_for);
    free(tls->cert);
    free(tls->key);
    free(tls->client_ca);
    free(tls);
}

const char *ax_tls_client_ca(const struct ax_tls *tls)
{
    return tls->client_ca ? tls->asked_for.p : NULL;
}

int64_t ax_tls_expires(const struct ax_tls *tls)
{
    const struct pair *p = in_use;
    return p->expires;
}

static int choose(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                  gnutls_pcert_st **chain, unsigned *n, gnutls_ocsp_data_st **ocsp,
                  unsigned *ocsp_n, gnutls_privkey_t *key, unsigned *flags)
{
    struct pair *p = in_use;
    /* The names of the CAs would be those of the start, and some clients go by them. */
    gnutls_certificate_send_x509_rdn_sequence(session, 1);
    *chain = p->chain;
    *n = p->n;
    *key = p->key;
    *ocsp = NULL;
    *ocsp_n = 0;
    *flags = 0;
    return 0;
}

/* The bounds of ax_tls_priorities for keys and hashes. */
#define PROFILE GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_LOW)

static int import(const gnutls_datum_t *der, unsigned n, gnutls_x509_crt_t *out, unsigned *done)
{
    int code = 0;
    for (*done = 0; code == 0 && *done < n; *done += code == 0) {
        AX_ASSERT(gnutls_x509_crt_init(&out[*done]) == 0);
        code = gnutls_x509_crt_import(out[*done], &der[*done], GNUTLS_X509_FMT_DER);
        if (code < 0)
            gnutls_x509_crt_deinit(out[*done]);
    }
    return code;
}

int ax_tls_verify(const gnutls_datum_t *der, unsigned n, unsigned *status)
{
    gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                     .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT};
    gnutls_x509_crt_t chain[CHAIN_MAX];
    const struct pair *p = in_use;
    unsigned done;
    if (n > CHAIN_MAX)
        return GNUTLS_E_CERTIFICATE_LIST_UNSORTED;
    int code = import(der, n, chain, &done);
    if (code == 0)
        code = gnutls_x509_trust_list_verify_crt2(p->clients, chain, n, &purpose, 1, PROFILE,
                                                  status, NULL);
    for (unsigned i = 0; i < done; i++)
        gnutls_x509_crt_deinit(chain[i]);
    return code;
}

void *ax_tls_chooser(void)
{
    return (void *)(uintptr_t)choose;
}
