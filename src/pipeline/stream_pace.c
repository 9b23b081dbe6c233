#include "pipeline/stream_pace.h"

#include "audio/pcm.h"

// A client may run ahead of the clock by so much before its silence counts: sound sent in
// bursts of seconds is not a pause.
#define AHEAD_MAX (2 * NSEC_PER_SEC)

// So far ahead of the clock is a flood.
#define FLOOD (10 * NSEC_PER_SEC)

// A client's clock may be faster than ours by so much, for days: one part in a hundred. (Sound
// cards are within one in a thousand.)
#define DRIFT 100

static nsec_t later(nsec_t a, nsec_t b) {
        return a > b ? a : b;
}

nsec_t stream_pace_hear(struct stream_pace *pace, size_t n, nsec_t now) {
        nsec_t length = (nsec_t)n * (NSEC_PER_SEC / AUDIO_RATE);

        pace->poured_until -= (now - pace->heard_at) / DRIFT;
        pace->heard_at = now;
        pace->poured_until = later(pace->poured_until, now) + length;
        pace->played_until = later(pace->played_until, now) + length;
        if (pace->played_until > now + AHEAD_MAX)
                pace->played_until = now + AHEAD_MAX;
        return pace->played_until - now;
}

bool stream_pace_is_flood(const struct stream_pace *pace, nsec_t now) {
        return pace->poured_until - now > FLOOD;
}
