#pragma once
// TLS identity: a certificate with its key, and how encryption is spoken with it: TLS 1.2 and
// 1.3, ciphers with forward secrecy and nothing older, HTTP/1.1 by ALPN.
//
// Threads: any one at a time.
// Memory:  connections that were begun with it hold what they need of it themselves.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/error.h"

struct tls_identity;

// Read the certificate (PEM; those of its authorities may follow it) and its key (PEM, without
// a passphrase). `now` is Unix time in seconds: what is not valid then is refused, as is a key
// that does not fit. Negative errno, with words that name the file.
int tls_identity_load(struct tls_identity **ret, const char *certificate, const char *key,
                      int64_t now, struct error *error);

// NULL is fine. Returns NULL.
struct tls_identity *tls_identity_free(struct tls_identity *identity);

// When the certificate ends, in seconds of Unix time.
int64_t tls_identity_expiry(const struct tls_identity *identity);

// Whether the certificate is for this name or address (in brackets: IPv6).
bool tls_identity_is_for(const struct tls_identity *identity, const char *host);

// Its authority's certificate (DER), of *ret_n bytes, which the caller frees, where that is an
// authority of one's own, which stands behind the certificate in its file. NULL: there is none.
char *tls_identity_authority(const struct tls_identity *identity, size_t *ret_n);

DEFINE_CLEANUP(struct tls_identity *, tls_identity_free);
