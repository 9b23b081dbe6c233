#include "auth/tickets.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "auth/token.h"
#include "util/mem.h"

// A secret as somebody who asks.
struct ticket {
        uint8_t hash[TOKEN_HASH_BYTES];
        int64_t expires;
        char *name;
        const struct principal *lender;  // held; NULL: it is static, and never over
        struct principal principal;
        struct principal_life life;
        LIST_ENTRY(ticket) link;
};

struct tickets {
        LIST_HEAD(, ticket) list;  // each is held once
};

static void ticket_life_free(const struct principal_life *life) {
        struct ticket *ticket =
                (struct ticket *)((uintptr_t)life - offsetof(struct ticket, life));

        principal_release(ticket->lender);
        free(ticket->name);
        free(ticket);
}

static void ticket_drop(struct ticket *ticket) {
        LIST_REMOVE(ticket, link);
        principal_release(&ticket->principal);
}

// Nobody comes in with it any more, and no session is its.
static bool is_spent(const struct ticket *ticket, int64_t now) {
        return ticket->life.n_holders == 1 &&
               (now >= ticket->expires || ticket->life.is_revoked);
}

static bool is_lender_over(const struct ticket *ticket, int64_t now) {
        return ticket->lender && principal_is_over(ticket->lender, now);
}

static void tickets_sweep(struct tickets *tickets, int64_t now) {
        struct ticket *next;

        for (struct ticket *ticket = LIST_FIRST(&tickets->list); ticket; ticket = next) {
                next = LIST_NEXT(ticket, link);
                if (is_spent(ticket, now))
                        ticket_drop(ticket);
        }
}

static void ticket_add(struct tickets *tickets, const struct principal *lender,
                       const struct ticket_terms *terms, const char *secret) {
        struct ticket *ticket = xnew(struct ticket);

        token_hash(secret, ticket->hash);
        ticket->expires = terms->expires;
        ticket->name = xstrdup(lender->name);
        ticket->lender = lender->life ? principal_hold(lender) : NULL;
        ticket->life = (struct principal_life){
                .n_holders = 1, .free = ticket_life_free, .lender = lender->life};
        ticket->principal = (struct principal){
                .name = ticket->name,
                .scopes = SCOPE_LISTEN,
                .dialects = terms->dialect,
                .life = &ticket->life,
        };
        LIST_INSERT_HEAD(&tickets->list, ticket, link);
}

// Whether one more is too many. Those that have expired count no more, though a session may
// have them still.
static int crowd_check(const struct tickets *tickets, const struct principal *lender,
                       int64_t now, struct error *error) {
        size_t n = 0, n_own = 0;
        const struct ticket *ticket;

        LIST_FOREACH(ticket, &tickets->list, link)
        if (now < ticket->expires) {
                n++;
                n_own += ticket->life.lender == lender->life;
        }
        if (n_own >= TICKETS_OF_ONE)
                return error_set(error, -EBUSY,
                                 "'%s' has lent %d secrets already: wait until some expire",
                                 lender->name, TICKETS_OF_ONE);
        if (n >= TICKETS_MAX)
                return error_set(error, -EBUSY,
                                 "%d secrets are lent already: wait until some expire",
                                 TICKETS_MAX);
        return 0;
}

// Whether that one may lend, and has not lent too many.
static int lender_check(struct tickets *tickets, const struct principal *lender, int64_t now,
                        struct error *error) {
        if (lender->life && lender->life->free == ticket_life_free)
                return error_set(error, -EPERM,
                                 "a secret that was lent lends none: ask with a token");
        // It would let in from anywhere who is let in by where he is.
        if (lender->stranger)
                return error_set(error, -EPERM,
                                 "who is let in by his address lends no secret: ask with a "
                                 "token");
        tickets_sweep(tickets, now);
        return crowd_check(tickets, lender, now, error);
}

int tickets_lend(struct tickets *tickets, const struct principal *lender,
                 const struct ticket_terms *terms, char **ret, struct error *error) {
        bool is_open =
                lender == principal_anonymous(true) || lender == principal_anonymous(false);
        int r = is_open ? 0 : lender_check(tickets, lender, terms->now, error);
        CLEANUP(mem_freep) char *secret = NULL;

        if (r < 0)
                return r;
        secret = token_secret_new();
        if (!secret)
                return error_set(error, -EIO, "the system gives no random numbers");
        *ret = xasprintf(TICKET_PREFIX "%s", secret + strlen(TOKEN_PREFIX));
        explicit_bzero(secret, strlen(secret));
        if (!is_open)
                ticket_add(tickets, lender, terms, *ret);
        return 0;
}

// All are compared, each to its end, so that how long it takes tells nothing of any.
const struct principal *tickets_find(const struct tickets *tickets, const char *secret,
                                     int64_t now) {
        const struct principal *found = NULL;
        uint8_t hash[TOKEN_HASH_BYTES];
        const struct ticket *ticket;

        if (strncmp(secret, TICKET_PREFIX, strlen(TICKET_PREFIX)) != 0 ||
            token_secret_check(secret, NULL) < 0)
                return NULL;
        token_hash(secret, hash);
        LIST_FOREACH(ticket, &tickets->list, link)
        if (CRYPTO_memcmp(ticket->hash, hash, sizeof(hash)) == 0 && now < ticket->expires &&
            !is_lender_over(ticket, now))
                found = &ticket->principal;
        return found;
}

void tickets_patrol(struct tickets *tickets, int64_t now) {
        struct ticket *ticket;

        LIST_FOREACH(ticket, &tickets->list, link)
        if (is_lender_over(ticket, now))
                ticket->life.is_revoked = true;
        tickets_sweep(tickets, now);
}

struct tickets *tickets_new(void) {
        struct tickets *tickets = xnew(struct tickets);

        LIST_INIT(&tickets->list);
        return tickets;
}

struct tickets *tickets_free(struct tickets *tickets) {
        if (!tickets)
                return NULL;
        while (!LIST_EMPTY(&tickets->list)) {
                LIST_FIRST(&tickets->list)->life.is_revoked = true;
                ticket_drop(LIST_FIRST(&tickets->list));
        }
        return mem_free(tickets);
}
