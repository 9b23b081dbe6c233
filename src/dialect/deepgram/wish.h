#pragma once
// Deepgram wish: what a client's query asks for (`/v1/listen?model=...&encoding=...`), live or
// of a file.
//
// What the service takes and we cannot do (diarize, redact, ...) is ignored, as is what it does
// not know; a value that makes no sense is refused, and so is `callback`, for we fetch no
// stranger's address.
//
// Threads: any; plain data.

#include <stdbool.h>
#include <stddef.h>

#include "audio/pcm.h"
#include "dialect/client_options.h"
#include "util/error.h"

// How the bytes that come hold the sound.
enum deepgram_sound {
        DEEPGRAM_CONTAINER,  // they tell themselves what they are
        DEEPGRAM_RAW,        // samples
        DEEPGRAM_OPUS,       // a packet in each message, or Ogg
        DEEPGRAM_SPEEX,
        DEEPGRAM_AMR_NB,  // frames, with or without the head of a file
        DEEPGRAM_AMR_WB,
        DEEPGRAM_G729,
};

// Seconds that a window may be long: finals come every few seconds, as the service's do.
#define DEEPGRAM_WINDOW_MAX 10

// Milliseconds of silence that `endpointing` can ask for at least: the service's 10 make no
// windows that Whisper could hear well.
#define DEEPGRAM_PAUSE_MIN 300

#define DEEPGRAM_UTTERANCE_END_MIN 1000  // ms
#define DEEPGRAM_UTTERANCE_END_MAX 60000

#define DEEPGRAM_CHANNELS_MAX 8

struct deepgram_wish {
        enum deepgram_sound sound;
        enum pcm_format format;   // of raw sound
        unsigned rate, channels;  // Hz; 0: not said
        bool is_multichannel;     // each channel by itself

        struct client_options options;  // language, keyterms, pause, interim results
        bool is_multi;                  // several languages: each result tells its own
        bool has_endpoints;             // speech_final is told
        unsigned utterance_end;         // ms; 0: not told
        bool has_vad_events;

        // Of files:
        bool has_utterances, has_paragraphs, detects_language;
        float utterance_split;  // seconds
};

// `query` as it came. 0, or -EINVAL with words that name the parameter. deepgram_wish_deinit()
// it in any case.
int deepgram_wish_read(struct deepgram_wish *ret, const char *query, struct error *error);
void deepgram_wish_deinit(struct deepgram_wish *wish);
