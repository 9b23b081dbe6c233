#pragma once
// Messages: the events that Wyoming's clients send about speech, and those that they are sent.
//
// Threads: any one at a time.

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "dialect/client_options.h"
#include "util/error.h"

enum wyoming_type {
        WYOMING_DESCRIBE,
        WYOMING_TRANSCRIBE,
        WYOMING_AUDIO_START,
        WYOMING_AUDIO_CHUNK,
        WYOMING_AUDIO_STOP,
        WYOMING_PING,
        WYOMING_OTHER,  // dropped, as the protocol has it
};

enum wyoming_type wyoming_type_of(const char *name);

// What "transcribe" asks for: a language, and names and terms that are likely. Other members
// are left alone: there is one model, and its ears need no tuning. 0, or a negative or
// DIALECT_E_* (dialect/json_text.h) with words.
int wyoming_wish_read(struct client_options *wish, const json_t *data, struct error *error);

// What "audio-start" and each "audio-chunk" say of their sound.
struct wyoming_shape {
        unsigned rate;      // Hz
        unsigned width;     // bytes of a sample, 1 to 4: unsigned where 1, else signed
        unsigned channels;  // interleaved
};

#define WYOMING_RATE_MIN     8000
#define WYOMING_RATE_MAX     96000
#define WYOMING_CHANNELS_MAX 8

// Read it over what it was before. 0, or DIALECT_E_* with words.
int wyoming_shape_read(struct wyoming_shape *shape, const json_t *data, struct error *error);

// --- what is said; the caller frees each
// --------------------------------------------------------

// The program: one model, in those languages (codes, NULL at the end).
char *wyoming_encode_info(const char *const *languages);

// A whole utterance's text; of that language, if it is known (NULL, or "": it is not).
char *wyoming_encode_transcript(const char *text, const char *language);

// Its beginning, a further piece of it, and its end, for those who want it while it grows.
char *wyoming_encode_start(const char *language);
char *wyoming_encode_chunk(const char *text);
char *wyoming_encode_stop(void);

char *wyoming_encode_error(const char *words, const char *code);

// The answer to a ping, with its text (NULL: it had none).
char *wyoming_encode_pong(const char *text);
