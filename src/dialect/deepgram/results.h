#pragma once
// Deepgram results: what a live client is told.
//
// Threads: any; no state.
// Memory:  encoders return a zero-terminated text that the caller frees, its length in *ret_n.
//          They never fail: invalid UTF-8 becomes U+FFFD.

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transcript/segment.h"
#include "util/loop.h"

struct json_text;

// What stands for the model, as the service names its own.
#define DEEPGRAM_MODEL_ID "00000000-0000-4000-8000-000000000001"

#define DEEPGRAM_ID_MAX 37  // a request's id, with its zero

#define DEEPGRAM_ID_BYTES 16

#define DEEPGRAM_DIGITS_MAX (2 * EVP_MAX_MD_SIZE + 1)

// A new one, or one of these bytes, as a UUID of version 4.
void deepgram_id_make(char ret[DEEPGRAM_ID_MAX]);
void deepgram_id_write(const uint8_t bytes[DEEPGRAM_ID_BYTES], char ret[DEEPGRAM_ID_MAX]);

// Finish a sum: its hexadecimal digits, in `ret`.
const char *deepgram_digits_write(EVP_MD_CTX *sum, char ret[DEEPGRAM_DIGITS_MAX]);

// One channel's text in [begin, end) of its sound, as positions in samples. Results of a
// channel follow each other without a gap: those that are not final have the begin of the one
// to come.
struct deepgram_result {
        const char *request_id;
        unsigned channel, n_channels;
        int64_t begin, end;
        bool is_final, is_speech_final, is_from_finalize;
        const struct segment *segments;  // in order
        size_t n_segments;
        const char *language;  // to be told; NULL: it is not
};

char *deepgram_encode_result(const struct deepgram_result *result, size_t *ret_n);

// Of a client's session, or a file.
struct deepgram_metadata {
        const char *request_id;
        const char *sha256;  // of what came, in hexadecimal digits
        nsec_t created;      // wall clock
        int64_t duration;    // samples at AUDIO_RATE
        unsigned n_channels;
};

char *deepgram_encode_metadata(const struct deepgram_metadata *metadata, size_t *ret_n);

// Somebody begins to speak, or has not for long; at a position in samples.
char *deepgram_encode_speech_started(unsigned channel, int64_t at, size_t *ret_n);
char *deepgram_encode_utterance_end(unsigned channel, unsigned n_channels,
                                    int64_t last_word_end, size_t *ret_n);

// Something that the client said was not understood; `message`: what it was, or NULL.
char *deepgram_encode_error(const char *variant, const char *description, const char *message,
                            size_t *ret_n);

// Answers to Configure: it was done, or `code` says why not.
char *deepgram_encode_configured(const char *request_id, size_t *ret_n);
char *deepgram_encode_configure_failure(const char *request_id, const char *code,
                                        const char *description, size_t *ret_n);

// A refusal by HTTP.
char *deepgram_encode_refusal(const char *code, const char *words, const char *request_id,
                              size_t *ret_n);

// The members of both kinds of metadata.
void deepgram_write_metadata(struct json_text *text, const struct deepgram_metadata *metadata);
