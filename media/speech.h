#pragma once
// Speech: does a sound track hold any? A guess from its level and how that rises and falls,
// good enough to tell a microphone from silence, hum and hiss; what is said is the server's to
// hear.
//
// Threads: any one at a time.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEDIA_SPEECH_FRAME  320  // samples at 16 kHz: 20 ms
#define MEDIA_SPEECH_FRAMES 75   // that are looked at: 1.5 s

struct media_speech {
        int16_t frame[MEDIA_SPEECH_FRAME];
        size_t n_held;
        float levels[MEDIA_SPEECH_FRAMES];  // dBFS; a ring
        unsigned long n_frames;
        unsigned n_alike;  // looks in a row at which it was like speech
        bool is_heard;
        double energy;  // of all frames
};

void media_speech_init(struct media_speech *speech);

// Listen to `n` samples at 16 kHz.
void media_speech_feed(struct media_speech *speech, const int16_t *samples, size_t n);

// Was there anything like speech so far?
bool media_speech_is_heard(const struct media_speech *speech);

// The level of all that was heard, dBFS (RMS; a sine of full scale has -3); NAN: nothing was.
double media_speech_level(const struct media_speech *speech);
