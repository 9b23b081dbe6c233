#pragma once
// Hub parking: streams whose client went without a word, and may come back and go on.
//
// Threads: loop thread only.

#include "pipeline/hub.h"

// Streams of one token, or of one address without a token, that may wait at a time.
#define HUB_PARKED_MAX 16

// The session goes, and its stream stays: whoever comes back within `patience` claims it, else
// it is closed once what it heard is text. Its observers have been removed. It is closed at
// once where nothing was ever heard, and where HUB_PARKED_MAX wait already.
void hub_park(struct hub_session *session, nsec_t patience);

// The session goes, and all its streams stay until what they heard is text, for nobody to come
// back to: so a call that was hung up is whole all the same. Their observers have been removed.
void hub_finish(struct hub_session *session);

// Whether a session of that principal could have a stream of that name: it is not reserved, and
// no other one has it, but for one that was parked by the same principal.
bool hub_is_free(const struct hub *hub, const char *name, const struct principal *principal,
                 const char *address);

// The stream of the requested name that the session's principal had parked: the session's from
// now on. NULL: there is none; or was none that is kept, or not, as is requested now, and it
// was closed.
struct hub_stream *hub_claim(struct hub *hub, const struct request *request,
                             struct hub_session *session,
                             const struct stream_listener *listener);

// The name is reserved from now on: the client that has a listed stream of it is sent away,
// with those words, and one that is parked is closed once what it heard is text.
void hub_evict(const struct hub *hub, const char *name, const char *words);
