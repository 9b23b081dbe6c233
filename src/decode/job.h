#pragma once
// Job: a window at the decoder. Immutable once submitted.
//
// Threads: made on the loop, read by one decode thread, freed by whoever got it back.

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audio/activity.h"
#include "audio/pcm.h"
#include "decode/hypothesis.h"
#include "util/cleanup.h"
#include "util/loop.h"

struct context_shape;

// Whisper's windows are this long, and no job is longer.
#define JOB_SAMPLES_MAX ((int64_t)30 * AUDIO_RATE)

enum decode_task { DECODE_TRANSCRIBE, DECODE_TRANSLATE };

// A switch whose default depends on what is decoded; whoever makes jobs decides it.
enum decode_choice { DECODE_UNSET = -1, DECODE_NO, DECODE_YES };

// Longest prompt, prefix or hotwords, in bytes, wherever they come from: far more than the 224
// tokens that have room before the text.
#define DECODE_TEXT_MAX 16384

#define DECODE_TEMPERATURES_MAX 8
#define DECODE_WIDTH_MAX        32  // beams or samples side by side
#define DECODE_BEAM_AUTO        0   // greedy, or beams for what may be final: load.h
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
        enum decode_task task;
        char *prompt;    // initial prompt; NULL none
        char *prefix;    // that the first window's text begins with, not part of it; NULL none
        char *hotwords;  // NULL none
        // What an engine that prepares options made of the three texts, which are NULL then.
        struct decode_tokens prompt_tokens, prefix_tokens, hotword_tokens;
        int32_t *
                previous_tokens;  // text tokens said before this window (condition on previous)
        size_t n_previous_tokens;
        // What is probably said, tokens and timestamps as in hypothesis_segment.tokens (those
        // of all segments in a row): the stream's last hypothesis for a window that begins at
        // the same position. They are checked in one step instead of one each, and the answer
        // is the same without them. Only used at temperature 0 without beams.
        int32_t *draft_tokens;
        size_t n_draft_tokens;
        bool condition_on_previous_text;    // a window is told the text before it
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
        float repetition_max;               // 8: so often may words be said in a row (filter.h)
        float words_per_second_max;         // 8: and so many of them
        float max_initial_timestamp;        // seconds: 1.0
        // How much of the silence behind the sound is encoded; outlives the job. NULL: the
        // shape that was measured to cost no words (whisper/context.h).
        const struct context_shape *context;
        bool only_detects_language;  // no text: of several windows one language is to be found
        bool is_single_pass;  // one 30 s decode, no seeking on inside the window (bench, tests)
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

// Forget the initial prompt, text or tokens.
void decode_options_drop_prompt(struct decode_options *options);

// Which of the prepared texts were cut, and what of them is used, for people; the caller frees
// it. NULL: none was.
char *decode_options_tell_cuts(const struct decode_options *options);

// What goes first when not all can be decoded at once.
enum job_rank {
        JOB_RANK_FINAL,       // a reader waits for the end of what was just said, or will soon
        JOB_RANK_PARTIAL,     // a reader would like to see what is being said
        JOB_RANK_BACKGROUND,  // files, floods, and the backlog of streams that have fallen
                              // silent
};

struct job {
        uint64_t id;          // counts its stream's jobs; seeds sampling
        uint32_t generation;  // of the stream, when it was made
        bool is_final;
        // Partial, but with all of the sound that the window will have if it closes now: the
        // answer may become the final one (flow_promote).
        bool is_speculative;
        enum job_rank rank;      // the scheduler's; whoever submits a job leaves it alone
        nsec_t deadline;         // loop_now() by which the answer is wanted; engines take the
                                 // earliest first, within a rank
        int64_t begin;           // position of samples[0] on the stream's clock
        float *samples;          // owned; mono, AUDIO_RATE
        size_t n_samples;        // at most 30 s
        struct activity speech;  // which of them are; speech that no word covers is heard again
        struct decode_options options;
        atomic_bool is_cancelled;  // set by the loop, polled by the engine
        // The job was long enough in the engine (set by the loop, polled by the engine): what
        // it says so far stands where that is a whole text; no further attempt is made.
        atomic_bool is_overdue;
};

// What a job is about, without its sound.
struct job_window {
        uint32_t generation;
        int64_t begin;
        size_t n_samples;
        struct activity speech;
        const char *language;  // as its options want it
};

// A job with room for `n_samples` (zeroed), default options. NULL when out of memory.
struct job *job_new(size_t n_samples);
struct job *job_free(struct job *job);

DEFINE_CLEANUP(struct job *, job_free);
