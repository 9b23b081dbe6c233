#pragma once
// TLS identity, the side of it that connections see.

#include <openssl/ssl.h>

#include "net/tls_identity.h"

// What a connection begins from; lent.
SSL_CTX *tls_identity_context(const struct tls_identity *identity);
