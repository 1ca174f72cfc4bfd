/* tls_store.h: keys, certificates and their names. Internal to io/. */
#ifndef ARUS_IO_TLS_STORE_H
#define ARUS_IO_TLS_STORE_H

#include "io/tls.h"

#include <openssl/ssl.h>

/* Our key and its certificates, the own first. Without any: ST_BAD_CONFIG if it must be. */
ST io_tls_store_key(io_t *io, const io_tls_options_t *o, bool must, SSL_CTX *ctx, err_t *err);
/* The authorities that the other end's certificate must come from. */
ST io_tls_store_trust(io_t *io, const io_tls_options_t *o, SSL_CTX *ctx, err_t *err);
/* As Java's X500Principal.getName(). */
str_t io_tls_store_name(const X509_NAME *name, arena_t *a);

#endif
