#pragma once
// Stream pace: how far the sound that was pushed runs ahead of the clock. A client sends it as
// it is spoken, in bursts of seconds, or pours in a whole file; silence is when all that it
// sent would have been played, a flood when that lies far ahead.
//
// Threads: loop thread. Plain data; zeroed is nothing sent yet.

#include <stdbool.h>
#include <stddef.h>

#include "util/loop.h"

struct stream_pace {
        nsec_t played_until;  // when what has arrived would have been played, at most
                              // two seconds from now
        nsec_t poured_until;  // the same without a limit, but for clocks that are fast
        nsec_t heard_at;      // when sound last arrived
};

// `n` samples arrived `now`. Returns how long from now on they and those before take to play:
// not until then is it silence that no more comes.
nsec_t stream_pace_hear(struct stream_pace *pace, size_t n, nsec_t now);

// So far ahead that nobody can have spoken it in that time.
bool stream_pace_is_flood(const struct stream_pace *pace, nsec_t now);
