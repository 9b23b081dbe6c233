#pragma once
// Hub admission: who is let in? Nobody while text comes too late, and nobody who has enough
// under way already.
//
// Threads: loop thread only.

#include <stdbool.h>

#include "pipeline/hub.h"

// What is said to whoever has too many sessions.
#define HUB_TOO_MANY                                                                           \
        "Server busy: your address has too many sessions, or your token; close some, or have " \
        "per_address.sessions or per_token.sessions raised"

// Why not: "REASON; REMEDY" is a sentence for people.
struct hub_refusal {
        char reason[96];  // "decoding is 8 s behind"
        char remedy[96];  // "try again in 30 s"
        bool is_own;      // it has used up what it may have; else the server is busy
        nsec_t retry;     // when it may be worth while to ask again
};

// Whether anybody new may have sound decoded: not while decoding is too far behind, or the
// memory for clients is nearly used up.
bool hub_has_room(const struct hub *hub, struct hub_refusal *ret);

// Whether this session may: neither while its own address or token has too large a backlog.
bool hub_admits(const struct hub *hub, const struct hub_session *session,
                struct hub_refusal *ret);

// Whether that backlog, of the session's address or of its token, is as large as it may be.
bool hub_is_full_for(const struct hub *hub, const struct hub_session *session);

// Whether the token's is: sound that it has in sessions and elsewhere, and that is not text.
// False of a principal without a token.
bool hub_token_is_full(const struct hub *hub, const struct principal *principal);
