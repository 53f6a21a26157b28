// SPDX-License-Identifier: Apache-2.0
/* TLS of the TCP listener, by GnuTLS behind libmicrohttpd. Inside the API; its door has what opens
 * and closes it.
 *
 * The pair of certificate and key that new connections get, and the CAs that clients' certificates
 * have to be signed by, may be replaced while others go on; what
 * was in use before is kept until the end, as handshakes may be under way with it. */
#ifndef AX_API_TLS_H
#define AX_API_TLS_H

#include "api/api.h"

#include <gnutls/gnutls.h>

struct MHD_Connection;

/* What makes libmicrohttpd ask for clients' certificates, PEM with a NUL; NULL: it does not. Who is
 * trusted in is ax_tls_verify's to say. */
const char *ax_tls_client_ca(const struct ax_tls *tls);
/* Whether a client's certificate (the first) is signed by a CA that is trusted in now, valid today,
 * and made for clients, if it says for what: as gnutls_certificate_verify_peers3. */
int ax_tls_verify(const gnutls_datum_t *der, unsigned n, unsigned *status);
int64_t ax_tls_expires(const struct ax_tls *tls); /* the server's certificate; ms; any thread */

/* For libmicrohttpd, as MHD_OPTION_HTTPS_CERT_CALLBACK2 and MHD_OPTION_HTTPS_PRIORITIES have it. It
 * tells no closure, so there is one TLS listener in a process. */
void *ax_tls_chooser(void);
extern const char ax_tls_priorities[];

/* What is known of a connection's client; made when it comes, freed when it goes. */
struct ax_tls_peer;
struct ax_tls_peer *ax_tls_peer_new(void);
void ax_tls_peer_free(struct ax_tls_peer *p);
/* The client's certificate: its SHA-256, if it is verified and still valid at `now`; else, if there
 * is one, why not. Both views live as long as the peer; both are empty without one. Looked at once
 * in a connection. */
void ax_tls_peer_look(struct ax_tls_peer *p, struct MHD_Connection *c, int64_t now,
                      struct ax_str *certificate, struct ax_str *fault);

#endif
