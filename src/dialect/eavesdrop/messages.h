#pragma once
// Eavesdrop: the messages of the original eavesdrop server's protocol.
//
// The HTTP upgrade names the role. Text frames are JSON objects told apart by `type`; binary
// frames are sound (float32, little-endian) or file bytes; either kind may be "END_OF_AUDIO".
//
// Threads: any; no state.
// Memory:  encoders return a zero-terminated text that the caller frees, its length in *ret_n
//          (may be NULL). They never fail: invalid UTF-8 becomes U+FFFD. `wall` is the
//          message's timestamp (loop_wall()). Optional fields that are NULL are left out.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/request.h"
#include "transcript/segment.h"
#include "util/error.h"
#include "util/loop.h"

#define EAVESDROP_END_OF_AUDIO "END_OF_AUDIO"  // bytes of a frame, no zero
#define EAVESDROP_STREAMS_MAX  1024            // names in one subscription

// --- Roles ---------------------------------------------------------------------

enum eavesdrop_role {
        EAVESDROP_TRANSCRIBER,   // sends sound, gets text
        EAVESDROP_SUBSCRIBER,    // gets the text of named streams
        EAVESDROP_HEALTH_CHECK,  // probe
};

// The role named by the header X-Client-Type or the query's `type`; NULL or "" is a
// transcriber. False for an unknown name.
bool eavesdrop_role_from_name(const char *name, enum eavesdrop_role *ret);

struct eavesdrop_names {
        char **items;
        size_t n;
};

// The names in "a, b,c": trimmed, empty ones and repetitions left out; from the header
// X-Stream-Names or the query's `streams`. Returns 0, or DIALECT_E_VALUE when there are more
// than EAVESDROP_STREAMS_MAX or one is longer than DIALECT_NAME_MAX.
int eavesdrop_names_parse(struct eavesdrop_names *ret, const char *list);
void eavesdrop_names_deinit(struct eavesdrop_names *names);

// --- What clients say ------------------------------------------------------------

enum eavesdrop_type {
        EAVESDROP_SETUP,
        EAVESDROP_RECORDING_STARTED,
        EAVESDROP_FLUSH,
        EAVESDROP_UTTERANCE_CANCELLED,
        EAVESDROP_HEALTH,
        EAVESDROP_OTHER,  // a known type that only servers send; only type_name is filled
};

// setup.options. Absent or null: the server's own value.
struct eavesdrop_options {
        bool is_file;                 // source_mode "file"; else "live"
        size_t send_last_n_segments;  // 0: the server's
        char *initial_prompt;         // NULL none
        char *hotwords;               // joined with spaces; NULL none
        bool word_timestamps;
        int beam_size;  // 0: the server's
        char *model;    // NULL: the server's
        bool has_task;
        enum decode_task task;
        char *language;  // a code of Whisper's; "" detects; NULL: the server's
        float pause;     // silence_completion_threshold, or of vad_parameters; seconds; 0: the
        float window_max;  // server's
};

struct eavesdrop_message {
        enum eavesdrop_type type;
        const char *type_name;             // as on the wire: "control_flush"; static
        double timestamp;                  // Unix seconds; 0 when absent
        char *stream;                      // NULL for health_check
        char *recording_id;                // NULL when absent; RECORDING_STARTED always has one
        bool force_complete;               // FLUSH
        struct eavesdrop_options options;  // SETUP
};

// Whether a client's first text frame is a message of this dialect, good or bad: a JSON object
// with a string "type".
bool eavesdrop_is_message(const char *text, size_t n);

// Read a text frame. Unknown fields are ignored. Returns 0 or DIALECT_E_* with words in *error;
// *ret is then untouched. A sample_rate_hz other than 16000 is DIALECT_E_VALUE.
int eavesdrop_message_parse(struct eavesdrop_message *ret, const char *text, size_t n,
                            struct error *error);
void eavesdrop_message_deinit(struct eavesdrop_message *message);

// The end of the client's audio: exactly these bytes in a frame, binary or text.
bool eavesdrop_is_end_of_audio(const void *bytes, size_t n);

// --- What the server says ----------------------------------------------------------

// {"type":"server_ready"}: setup is done. The backend is called "faster_whisper".
char *eavesdrop_encode_ready(nsec_t wall, const char *stream, size_t *ret_n);

struct eavesdrop_transcription {
        const char *stream;
        const struct segment *const *finals;  // the most recent completed ones, in order
        size_t n_finals;
        const struct segment *tail;  // NULL or with empty text: the synthetic empty tail
        int64_t origin;              // position that is time 0 (the recording's first sample)
        const char *language;        // NULL or "": unknown
        const char *recording_id;    // NULL: not a live recording
        bool is_flush_complete;
};

// {"type":"transcription"}: completed segments and exactly one incomplete tail. Times are
// seconds from `origin`, rounded to milliseconds so that neighbours never overlap; ids are
// unsigned 64-bit integers.
char *eavesdrop_encode_transcription(nsec_t wall,
                                     const struct eavesdrop_transcription *transcription,
                                     size_t *ret_n);

// {"type":"language_detection"}
char *eavesdrop_encode_language(nsec_t wall, const char *stream, const char *language,
                                float probability, size_t *ret_n);

// {"type":"error"}; `stream` may be NULL.
char *eavesdrop_encode_error(nsec_t wall, const char *stream, const char *text, size_t *ret_n);

// {"type":"disconnect"}; `text` may be NULL. Close afterwards.
char *eavesdrop_encode_disconnect(nsec_t wall, const char *stream, const char *text,
                                  size_t *ret_n);

enum eavesdrop_status { EAVESDROP_ONLINE, EAVESDROP_OFFLINE, EAVESDROP_ERROR };

// {"type":"stream_status"}, for subscribers; `text` may be NULL.
char *eavesdrop_encode_status(nsec_t wall, const char *stream, enum eavesdrop_status status,
                              const char *text, size_t *ret_n);

// --- Refusals, in the original's words ------------------------------------------------

enum eavesdrop_refusal {
        // Controls where they do not belong; see eavesdrop_control_refusal().
        EAVESDROP_E_FLUSH_EARLY,
        EAVESDROP_E_RECORDING_EARLY,
        EAVESDROP_E_CANCEL_EARLY,
        EAVESDROP_E_FLUSH_IN_FILE,
        EAVESDROP_E_RECORDING_IN_FILE,
        EAVESDROP_E_CANCEL_IN_FILE,
        EAVESDROP_E_FLUSH_BY_SUBSCRIBER,
        EAVESDROP_E_RECORDING_BY_SUBSCRIBER,
        EAVESDROP_E_CANCEL_BY_SUBSCRIBER,
        // Transcriber.
        EAVESDROP_E_WORDS_IN_TRANSLATION,  // fatal
        EAVESDROP_E_MODEL,                 // fatal; detail: the model's name
        EAVESDROP_E_AUDIO_EARLY,
        EAVESDROP_E_CONTROL_EARLY,
        EAVESDROP_E_RECORDING_ID,
        EAVESDROP_E_FLUSH_PENDING,
        EAVESDROP_E_CONTROL_INVALID,
        EAVESDROP_E_CONTROL_UNSUPPORTED,  // detail: the type
        EAVESDROP_E_TEXT_IN_FILE,         // detail: the type, or NULL
        EAVESDROP_E_FILE_FAILED,          // fatal; detail: what happened
        // Subscriber; all fatal.
        EAVESDROP_E_NO_STREAMS,
        EAVESDROP_E_NAMES_REQUIRED,
        EAVESDROP_E_NAMES_INVALID,
};

// The words for it; the caller frees them. `detail` is used where the list above says so.
char *eavesdrop_refusal_text(enum eavesdrop_refusal refusal, const char *detail);

// Where a control came too early or to the wrong place.
enum eavesdrop_place { EAVESDROP_BEFORE_SETUP, EAVESDROP_IN_FILE, EAVESDROP_IN_SUBSCRIPTION };

// The refusal of a control (FLUSH, RECORDING_STARTED or UTTERANCE_CANCELLED) there.
enum eavesdrop_refusal eavesdrop_control_refusal(enum eavesdrop_type type,
                                                 enum eavesdrop_place place);

// "Unknown streams: X. Available streams: A, B", or only the former when none are available
// to who asked; the caller frees it.
char *eavesdrop_unknown_streams_text(const struct eavesdrop_names *unknown,
                                     const struct eavesdrop_names *available);
