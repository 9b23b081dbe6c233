#pragma once
// PostgreSQL address: where a server is, as libpq wants it told, with all that would make libpq
// wait taken care of before: its hosts' names are looked up on the loop.
//
// Threads: loop thread only.
// Memory:  an address owns what it holds, the password included, and lends it.

#include <stddef.h>

#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

struct postgresql_address;

// Read a URL ("postgresql://user:password@host:5432/database?sslmode=require") or a list of
// settings ("host=... dbname=..."). `authority` (may be NULL) is a file of certificates that
// are trusted instead of the system's; with it the server's name has to be the certificate's.
// -EINVAL with words that hold nothing of the URL when it is none, when libpq would take the
// host from a service's file, or when it asks for less of the certificate.
int postgresql_address_new(struct postgresql_address **ret, const char *url,
                           const char *authority, struct error *error);

// NULL is fine. Returns NULL.
struct postgresql_address *postgresql_address_free(struct postgresql_address *address);

// Look up its hosts. on_done comes once, later or at once, with what PQconnectStartParams()
// takes, lent until the next look-up; or with `trouble`, words without secrets, and NULL. Each
// time it begins with another host: one that says nothing uses up the time of an attempt.
void postgresql_address_resolve(struct postgresql_address *address, struct loop *loop,
                                void (*on_done)(void *context, const char *const *keywords,
                                                const char *const *values, const char *trouble),
                                void *context);

// on_done does not come any more.
void postgresql_address_cancel(struct postgresql_address *address);

DEFINE_CLEANUP(struct postgresql_address *, postgresql_address_free);
