#pragma once
// WhisperLive: the messages of the WhisperLive server's protocol, for its stock clients.
//
// Audio goes as binary frames in the hello's format; a frame "END_OF_AUDIO" ends it.
// No message has a type field: clients look at the keys, and drop what has not their uid.
//
// Threads: any; no state.
// Memory:  encoders return a zero-terminated text that the caller frees, its length in *ret_n
//          (may be NULL). They never fail: invalid UTF-8 becomes U+FFFD.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audio/pcm.h"
#include "pipeline/request.h"
#include "transcript/segment.h"
#include "util/error.h"

#define WHISPERLIVE_END_OF_AUDIO "END_OF_AUDIO"  // bytes of a frame, no zero

// The client's first text frame.
struct whisperlive_hello {
        char *uid;
        char *language;  // a code of Whisper's; NULL detects; "en" when the model is
                         // English-only by its name
        enum decode_task task;
        char *model;  // what the client would like
        bool use_vad;
        size_t send_last_n_segments;  // at least 1
        float no_speech_thresh;       // 0..1
        char *hotwords;               // one string, a list is joined with spaces; NULL none
        char *initial_prompt;         // NULL none
        bool word_timestamps;
        enum pcm_format audio_format;
        // Of vad_parameters, in faster-whisper's words: min_silence_duration_ms and
        // max_speech_duration_s, as seconds; 0: the server's.
        float pause;
        float window_max;
};

// Whether a client's first text frame is a hello, good or bad: a JSON object with "uid". (What
// has a string "type" as well is eavesdrop's.)
bool whisperlive_is_hello(const char *text, size_t n);

// Read a hello. Required: uid, language (may be null), task, model; the rest has the protocol's
// defaults, null means the default, unknown fields are ignored. Returns 0 or DIALECT_E_* with
// words in *error; *ret is then untouched.
int whisperlive_hello_parse(struct whisperlive_hello *ret, const char *text, size_t n,
                            struct error *error);
void whisperlive_hello_deinit(struct whisperlive_hello *hello);

// The end of the client's audio: exactly these bytes in a frame, binary or text.
bool whisperlive_is_end_of_audio(const void *bytes, size_t n);

// {"uid","message":"SERVER_READY","backend"}: the client may send sound. The backend is called
// "faster_whisper": on any other word stock clients keep no transcript.
char *whisperlive_encode_ready(const char *uid, size_t *ret_n);

// {"uid","language","language_prob"}
char *whisperlive_encode_language(const char *uid, const char *language, float probability,
                                  size_t *ret_n);

// {"uid","segments":[{"start","end","text","completed","words"?}]}: `finals` in order, then
// `tail` (NULL for none; an empty text clears what the client shows). Times are counted from
// `origin`, the session's first sample, as strings with 3 decimals. Completed segments never
// overlap and are at least 1 ms long, since stock clients drop those that overlap and repeat
// empty ones. With neither finals nor tail an empty tail is sent: stock clients fail on an
// empty list.
char *whisperlive_encode_segments(const char *uid, const struct segment *const *finals,
                                  size_t n_finals, const struct segment *tail, int64_t origin,
                                  size_t *ret_n);

// {"uid","status":"WAIT","message":minutes}: full; come back later. Close afterwards.
char *whisperlive_encode_wait(const char *uid, double minutes, size_t *ret_n);

// {"uid","status":"WARNING" or "ERROR","message"}
char *whisperlive_encode_warning(const char *uid, const char *text, size_t *ret_n);
char *whisperlive_encode_error(const char *uid, const char *text, size_t *ret_n);

// {"uid","message":"DISCONNECT"}: the server says goodbye. Close afterwards.
char *whisperlive_encode_disconnect(const char *uid, size_t *ret_n);
