#pragma once
// Tickets: secrets that a token lends for minutes, to be given to a page or a phone, which then
// may speak one dialect, and no more than bring sound. They are kept in memory alone, as
// hashes, and end with the token that lent them.
//
// Threads: loop thread only.
// Memory:  at most TICKETS_MAX, of one lender TICKETS_OF_ONE, beside those that have expired
// and
//          whose sessions go on; what is over goes when another is lent.

#include <stdint.h>

#include "auth/principal.h"
#include "util/error.h"

#define TICKETS_MAX    1000
#define TICKETS_OF_ONE 100
#define TICKET_PREFIX  "ek_"

struct tickets;

struct tickets *tickets_new(void);
// All are revoked, and live on as long as somebody holds them. NULL is fine. Returns NULL.
struct tickets *tickets_free(struct tickets *tickets);

struct ticket_terms {
        const char *dialect;   // that it may speak; static
        int64_t now, expires;  // Unix ms
};

// Lend one of this principal's, which is held by it: *ret is the secret, which the caller
// frees. What it opens counts as its lender's (principal_counts()). On a server that asks for
// no token nothing is kept: whoever comes is let in with any key. -EPERM: that one may lend
// none, as who is let in by his address; -EBUSY: too many are lent; -EIO; each with words.
int tickets_lend(struct tickets *tickets, const struct principal *lender,
                 const struct ticket_terms *terms, char **ret, struct error *error);

// Whose secret that is at `now`, lent. NULL: nobody's.
const struct principal *tickets_find(const struct tickets *tickets, const char *secret,
                                     int64_t now);

// Revoke those whose token is over: their sessions end as its own do. A ticket that expires
// ends no session.
void tickets_patrol(struct tickets *tickets, int64_t now);
