#pragma once
// Plausibility: are these bytes float32 sound at all? Clients send int16 samples where float32
// is expected, either converted without being divided by 32768 (their values go to thousands)
// or byte by byte (each two make a float that is tiny, huge or not a number). Speech cannot be
// heard in either.
//
// Sound as it should be is nearly always within -1..1, and what is not silence in it is louder
// than the last bit of 32. Judged a second of sound at a time; silence (zeros) does not count.
//
// Threads: any; a struct plausibility belongs to its caller.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audio/pcm.h"

#define PLAUSIBILITY_PIECE  AUDIO_RATE  // samples judged together
#define PLAUSIBILITY_PIECES 10          // so many from the beginning on; then no more

// Of a piece, more than this share has to be out of the ordinary, and of that at least so much
// beyond -1..1 or not finite: very faint sound alone is no mistake. Of int16 taken byte by byte
// about a half is.
#define PLAUSIBILITY_ODD    0.9
#define PLAUSIBILITY_BEYOND 0.1

struct plausibility {
        size_t n;         // of the present piece; without zeros and without -1 and 1
        size_t n_beyond;  // beyond -1..1, infinite or NaN
        size_t n_tiny;    // below 2^-31
        unsigned n_pieces;
};

// Look at `n` little-endian float32 samples at `bytes`. True once at most: when a piece shows
// that they are something else.
bool plausibility_add(struct plausibility *plausibility, const uint8_t *bytes, size_t n);
