#pragma once
// Transcription: one job on its way through the engine: which window comes next, which tokens
// its sequences feed to the decoder, whether to fall back to a higher temperature, and the
// hypothesis that grows from it. Decisions only; encoder and decoder are driven by the engine.
//
//     ENCODE -> [DETECT ->] DECODE (once for each temperature tried) -> [ALIGN ->] ENCODE ...
//     -> DONE
//
// A window is encoded with a short context at first; when what comes out is doubtful, with the
// full one before any higher temperature is tried, as far as the budget for retries goes.
// Behind the last window come those for what was missed (unheard.h).
//
// Threads: belongs to one engine.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/hypothesis.h"
#include "decode/job.h"
#include "whisper/cpu/decoder.h"
#include "whisper/model.h"
#include "whisper/prompt.h"
#include "whisper/retries.h"
#include "whisper/search.h"
#include "whisper/unheard.h"

enum transcription_phase {
        TRANSCRIPTION_FREE,    // no job
        TRANSCRIPTION_ENCODE,  // wants its window encoded
        TRANSCRIPTION_DETECT,  // wants the language
        TRANSCRIPTION_DECODE,  // has live sequences
        TRANSCRIPTION_ALIGN,   // the text is found, its words want times
        TRANSCRIPTION_DONE,    // `result` stands
};

// What came out at one temperature.
struct attempt {
        int32_t tokens[PROMPT_CONTEXT];
        size_t n;
        float avg_logprob, compression_ratio, temperature;
        bool is_cut;                     // its room ended before the text did
        uint16_t peaks[PROMPT_CONTEXT];  // of the tokens: the window's frames where they are
};

// Heads that tell where a token was looked for: a few do, and cost little.
#define CAPTURE_HEADS 5

// Where one row's heads look.
struct capture {
        struct decoder_alignment alignment;
        uint16_t peaks[CAPTURE_HEADS];
};

struct transcription {
        enum transcription_phase phase;
        const struct job *job;  // borrowed
        int result;
        struct hypothesis hypothesis;

        float *log_mel;    // [frames, n_mels] up to `end`; NULL at first
        size_t n_frames;   // of content
        size_t seek, end;  // frames where the window begins, and ends at the latest
        // Speech that no word covers, in order: heard again, each by itself, when the job is
        // through. `is_second`: that is so now.
        struct unheard unheard[UNHEARD_MAX];
        size_t n_unheard;
        bool is_second;
        size_t mel_begin;              // frame of the job that log_mel begins with
        struct audio_context context;  // the window's
        struct cross_kv *cross_kv;     // of the window; NULL while it is not encoded

        struct prompt_texts texts;
        int32_t *previous;          // tokens: the initial prompt and what was said
        size_t n_previous, n_told;  // of these, what the job was told
        int32_t *suppressed;
        size_t n_suppressed;
        int32_t language;  // token, -1 for none or not yet known
        bool knows_language;

        struct prompt prompt;
        const int32_t *draft;  // of the window's text, lent
        size_t n_draft;
        float no_speech_prob;
        bool knows_no_speech;
        size_t temperature_index;
        struct retries retries;
        struct attempt best, best_short;  // so far, of all and of those that repeat little
        bool has_best, has_best_short;
        struct search search;
        struct capture captures[DECODER_ROWS_MAX];  // of the rows in the decoder's step
        struct aligner *aligner;  // of the window's best attempt; NULL but in ALIGN
        double last_speech;       // seconds from the job's begin: the end of the last word
};

// Take in a job: -EINVAL when it cannot be decoded (empty, longer than 30 s, not finite, a
// language that the model does not know, options out of range).
int transcription_start(struct transcription *transcription, const struct whisper_model *model,
                        const struct job *job);

// Give memory back and be free again. The hypothesis must have been taken or deinitialised.
void transcription_clear(struct transcription *transcription, struct decoder *decoder);

// Frames of the window at `seek`.
static inline size_t transcription_window_frames(const struct transcription *transcription) {
        return transcription->end - transcription->seek;
}

// The temperature that is being tried.
static inline float transcription_temperature(const struct transcription *transcription) {
        return transcription->job->options.temperatures[transcription->temperature_index];
}

// Speech in the window that none of its words covers: it is to be heard by itself.
void transcription_hear_again(struct transcription *transcription,
                              const struct unheard *unheard);

// End with an error.
void transcription_fail(struct transcription *transcription, int result);

// The window to encode; its context is known as soon as the phase is ENCODE.
struct encoder_window transcription_window(struct transcription *transcription,
                                           const struct whisper_model *model);

// The window is encoded: takes `cross_kv`.
void transcription_on_audio(struct transcription *transcription,
                            const struct whisper_model *model, struct cross_kv *cross_kv,
                            struct decoder *decoder);

// Polled before each step. A retry that is over while it waits for the encoder (its window's
// sound is gone by then) wants no more than what its words are to be found in.
void transcription_poll(struct transcription *transcription);

// KV blocks that its searches can hold at most.
size_t transcription_blocks(const struct transcription *transcription);

// Sequences that it has at the decoder.
size_t transcription_width(const struct transcription *transcription);

// Rows of its search, as search_rows() gives them; the aligner's belong to no sequence.
size_t transcription_rows(struct transcription *transcription,
                          const struct whisper_model *model, struct decoder_row *rows,
                          struct sequence **ret_sequences, size_t room);

// The decoder has taken in one row; `logits` as far as the row wanted them.
void transcription_on_row(struct transcription *transcription,
                          const struct whisper_model *model, struct sequence *sequence,
                          const struct decoder_row *row, float *logits);

// After all rows of a step: when no sequence lives any more, decide what comes next.
void transcription_on_step(struct transcription *transcription,
                           const struct whisper_model *model, struct decoder *decoder);
