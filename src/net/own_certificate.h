#pragma once
// Own certificate: for servers that only their own house knows, whom no public authority gives
// a certificate. It is signed by an authority of the house's own, which phones and browsers are
// told once to trust.
//
// A folder holds both, in PEM: authority.pem and authority.key, server.pem (the certificate,
// and the authority's behind it) and server.key. Keys are for their owner only (0600), and in
// a folder that others may write to nothing is made.
//
// Threads: any; no state.

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define OWN_CERTIFICATE_DAYS 397  // what phones and browsers take at most is 398
#define OWN_AUTHORITY_DAYS   3650
#define OWN_NAMES_MAX        64

// Which certificate is made. All lent.
struct own_certificate_terms {
        const char *folder;
        const char *const *names;  // of hosts, and addresses; the first is the certificate's
        size_t n_names;            // at least one
        int64_t from, until;       // that it is valid, in seconds of Unix time
};

// Make the authority where the folder has none, and a certificate, which takes the place of the
// one before. Each file is put in place whole. Negative errno, with words.
int own_certificate_make(const struct own_certificate_terms *terms, struct error *error);

// Whether that can be a name of a certificate: an address, or a name of letters, digits, "-",
// "_" and dots, of which the first part may be "*".
int own_certificate_name_check(const char *name, struct error *error);
