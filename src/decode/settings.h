#pragma once
// Settings: what is asked of the engine for a whole stream. The user's options are filled in by
// the configuration and by clients; frozen they are settings, which all jobs of the stream
// share instead of copying them.
//
// Threads: options belong to whoever has them. Settings are read, held and let go of on any
//          thread.
// Memory:  settings go with the last reference to them.

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/hypothesis.h"
#include "util/cleanup.h"

enum decode_task { DECODE_TRANSCRIBE, DECODE_TRANSLATE };

// A switch whose default depends on what is decoded; whoever makes settings decides it.
enum decode_choice { DECODE_UNSET = -1, DECODE_NO, DECODE_YES };

// What a live window brings along of what was heard before it: its text as a prompt; its sound,
// heard again with its text given (job.h, lead); or both: the sound, and as a prompt the text
// before that.
enum decode_context {
        DECODE_CONTEXT_NONE,
        DECODE_CONTEXT_TEXT,
        DECODE_CONTEXT_SOUND,
        DECODE_CONTEXT_BOTH,
};
extern const char *const decode_context_names[];  // NULL at the end

// Longest prompt, prefix or hotwords, in bytes, wherever they come from: far more than the 224
// tokens that have room before the text.
#define DECODE_TEXT_MAX 16384

#define DECODE_TEMPERATURES_MAX 8
#define DECODE_WIDTH_MAX        32  // beams or samples side by side
#define DECODE_BEAM_AUTO        0   // 5 for files; greedy or 5 for live text: load.h
#define DECODE_SUPPRESSED_MAX   64  // tokens that a user may suppress

// A text that all jobs of a session are told, as tokens of the engine's (engine.h, prepare).
struct decode_tokens {
        int32_t *items;  // owned
        size_t n;
        bool is_cut;  // the text is longer than the model has room for
};

// What the user can ask of the engine; names and defaults are faster-whisper's.
struct decode_options {
        char language[LANGUAGE_CODE_MAX];  // "" detects
        char *languages;  // codes that may be detected, blanks between; NULL: all
        enum decode_task task;
        char *prompt;    // initial prompt; NULL none
        char *prefix;    // that the first window's text begins with, not part of it; NULL none
        char *hotwords;  // NULL none
        // What an engine that prepares options made of the three texts, which are NULL then.
        struct decode_tokens prompt_tokens, prefix_tokens, hotword_tokens;
        bool condition_on_previous_text;    // a window is told the text before it
        enum decode_context context;        // what a live window brings along
        float prompt_reset_on_temperature;  // 0.5: but not what came out above this one
        enum decode_choice without_timestamps;
        enum decode_choice multilingual;       // the language is detected for each window anew
        unsigned language_detection_segments;  // of a file: windows to detect it by
        float language_detection_threshold;    // 0.5: above it a window alone decides
        enum decode_choice word_timestamps;
        // Seconds: longer silences around what is probably made up are skipped
        // (hallucination.h), by whoever seeks through a recording.
        float hallucination_silence_threshold;
        char *prepend_punctuations;  // that belong to the word after them; NULL: the usual
        char *append_punctuations;   // to the one before
        bool suppress_blank;
        int32_t suppress_tokens[DECODE_SUPPRESSED_MAX];  // -1: the model's own list
        size_t n_suppress_tokens;
        unsigned max_new_tokens;        // of one window; 0: as many as fit
        float repetition_penalty;       // 1: tokens said before lose; above 1
        unsigned no_repeat_ngram_size;  // so many tokens never stand twice; 0: off
        unsigned beam_size;             // at temperature 0; 1 is greedy; DECODE_BEAM_AUTO
        unsigned best_of;               // samples at temperatures above 0
        float patience;                 // 1: texts that must have ended, in beams
        float length_penalty;  // 1: a text's log probability is divided by length to this power
        float temperatures[DECODE_TEMPERATURES_MAX];  // tried in turn: 0, 0.2, ... 1
        size_t n_temperatures;
        float compression_ratio_threshold;  // 2.4: above it, fall back
        float log_prob_threshold;           // -1: below it, fall back
        float no_speech_threshold;          // 0.6: above it and below log_prob: no speech
        float repetition_max;         // 8: so often may words be said in a row, else fall back
        float max_initial_timestamp;  // seconds: 1.0
};

// Defaults, nothing allocated.
struct decode_options decode_options_default(void);

// Signs that belong to the word after them, and before them, where the user names no others.
extern const char decode_prepended[], decode_appended[];

// A deep copy, and freeing what one holds.
struct decode_options decode_options_copy(const struct decode_options *options);
void decode_options_deinit(struct decode_options *options);

// Another initial prompt and other hotwords; NULL leaves what is there.
void decode_options_tell(struct decode_options *options, const char *prompt,
                         const char *hotwords);

// Which of the prepared texts were cut, and what of them is used, for people; the caller frees
// it. NULL: none was.
char *decode_options_tell_cuts(const struct decode_options *options);

// Options that nobody changes any more, and how many hold them (this file's own).
struct decode_settings {
        struct decode_options options;
        atomic_size_t n_references;
};

// Settings of these options, whose texts they take: `options` hold none then. The caller has
// the one reference.
const struct decode_settings *decode_settings_new(struct decode_options *options);

// Hold settings once more; returns them. And let go of them: returns NULL, and NULL is fine.
const struct decode_settings *decode_settings_ref(const struct decode_settings *settings);
const struct decode_settings *decode_settings_unref(const struct decode_settings *settings);

DEFINE_CLEANUP(const struct decode_settings *, decode_settings_unref);
