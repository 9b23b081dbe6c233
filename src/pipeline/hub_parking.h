#pragma once
// Hub parking: streams whose client went without a word, and may come back and go on.
//
// Threads: loop thread only.

#include "pipeline/hub.h"

// The session goes, and its stream stays: whoever comes back within `patience` claims it, else
// it is closed. Its observers have been removed.
void hub_park(struct hub_session *session, nsec_t patience);

// Whether a session of that principal could have a stream of that name: no other one has it,
// but for one that was parked by the same principal.
bool hub_is_free(const struct hub *hub, const char *name, const struct principal *principal);

// The stream of that name that the session's principal had parked: the session's from now on.
// NULL: there is none.
struct hub_stream *hub_claim(const struct hub *hub, const char *name,
                             struct hub_session *session,
                             const struct stream_listener *listener);
