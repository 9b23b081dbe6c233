#pragma once
// Renewal: a session's stream makes room for another one, which is what its client asked for
// meanwhile. For sessions with one stream and turns.
//
// Threads: loop thread only.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dialect/session.h"
#include "dialect/turns.h"

// What the next stream needs to know of the one before.
struct renewal {
        int64_t position;             // where it ended
        uint8_t cut[FEED_FRAME_MAX];  // the beginning of a frame whose rest is to come
        size_t n_cut;
};

// Close the session's stream. False: not now, for text is owed, and the stream goes on.
bool renewal_begin(struct renewal *ret, struct session *session, const struct turns *turns);

// Another stream was opened for sound of the same shape, which goes on there.
void renewal_end(const struct renewal *renewal, struct session *session);

// Whether the model can do what the request asks for, which is completed. -EINVAL with words.
int renewal_check(const struct session *session, struct request *request, struct error *error);
