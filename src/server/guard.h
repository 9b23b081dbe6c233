#pragma once
// Guard: what the configuration says of who may come in, and the tokens; and what holds at an
// address that others reach.
//
// Threads: loop thread only.

#include <stdbool.h>

#include "auth/tickets.h"
#include "auth/tokens.h"
#include "auth/visitors.h"
#include "config/config.h"
#include "pipeline/hub.h"
#include "util/error.h"
#include "util/loop.h"

struct guard;

// Read the tokens. `config` is lent. Fails with words for a token file that is not as it should
// be, and for a dialect in auth.anonymous.dialects that there is not.
int guard_open(struct guard **ret, struct loop *loop, const struct config *config,
               struct error *error);

// An address that the configuration names.
struct guard_address {
        const char *setting;  // "listen"
        const char *address;
        bool has_tokens;      // its clients can send one
        const char *dialect;  // that alone comes there; NULL: any
};

// Whether the server may listen at that address, which is loopback's alone or not: others' only
// with tokens, or with networks of anonymous clients where no token can be sent, or where
// `auth: none` says that none are wanted (which the log repeats). -EACCES with words that say
// what to set.
int guard_check_address(const struct guard *guard, const struct guard_address *place,
                        bool is_loopback, struct error *error);

// The tokens are those of this configuration from now on, which is lent until the next call;
// its token file is read. Fails with words, and all stay as they were.
int guard_take_tokens(struct guard *guard, const struct config *config, struct error *error);

struct visitors *guard_visitors(const struct guard *guard);
struct tokens *guard_tokens(const struct guard *guard);
struct tickets *guard_tickets(const struct guard *guard);

// Send away the sessions whose token was revoked or has expired. Often: within a second of it
// they are told.
void guard_patrol(const struct guard *guard, const struct hub *hub);

// NULL is fine. Returns NULL.
struct guard *guard_close(struct guard *guard);
