#pragma once
// Wave head: what makes a WAV file of samples without a head, for whoever reads media.
//
// Threads: any; no state.

#include <stdint.h>

#include "dialect/deepgram/wish.h"

#define WAVE_HEAD_BYTES 44

// For samples of that wish's format, rate and channels, of unknown number.
void wave_head_write(const struct deepgram_wish *wish, uint8_t ret[WAVE_HEAD_BYTES]);
