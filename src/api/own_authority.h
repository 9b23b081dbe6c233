#pragma once
// Own authority: the certificate of the authority that signed the server's, where that is one
// of its own (net/own_certificate.h): phones fetch it to trust the server.
//
// Threads: loop thread only.

#include "net/exchange.h"
#include "net/tls_identity.h"

#define AUTHORITY_PATH "/authority.crt"

// Where it is to be had: AUTHORITY_PATH; NULL: there is none. `identity` is the port's, NULL
// where it is not encrypted.
const char *own_authority_path(const struct tls_identity *identity);

void own_authority_answer(struct exchange *exchange, const struct tls_identity *identity);
