#pragma once
// Slot: one job on its way through the engine: which window comes next, which tokens its
// sequences feed to the decoder, and when it is done. Decisions only; encoder and decoder are
// driven by the engine.
//
//     ENCODE -> [DETECT ->] DECODE (once for each temperature tried) -> [ALIGN ->] ENCODE ...
//     -> DONE
//
// A window is encoded with a short context at first; when what comes out is doubtful, with the
// full one before any higher temperature is tried (fallback.h). What comes out becomes segments
// (result.h). Behind the last window come those for what was missed (unheard.h).
//
// Threads: belongs to one engine.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/hypothesis.h"
#include "decode/job.h"
#include "whisper/aligner.h"
#include "whisper/cpu/decoder.h"
#include "whisper/fallback.h"
#include "whisper/model.h"
#include "whisper/prompt.h"
#include "whisper/result.h"
#include "whisper/search.h"
#include "whisper/unheard.h"

enum slot_phase {
        SLOT_FREE,    // no job
        SLOT_ENCODE,  // wants its window encoded
        SLOT_DETECT,  // wants the language
        SLOT_DECODE,  // has live sequences
        SLOT_ALIGN,   // the text is found, its words want times
        SLOT_DONE,    // slot_collect() has its answer
};

// Heads that tell where a token was looked for: a few do, and cost little.
#define SLOT_CAPTURE_HEADS 5

// Where one row's heads look.
struct slot_capture {
        struct decoder_alignment alignment;
        uint16_t peaks[SLOT_CAPTURE_HEADS];
};

struct slot {
        enum slot_phase phase;
        const struct whisper_model *model;
        struct kv_pool *pool;  // of its sequences' KV caches; lent
        struct team *team;     // the engine's; lent

        // The job.
        const struct job *job;          // borrowed
        enum job_rank rank;             // the job's, or JOB_RANK_FINAL since it was promoted
        int status;                     // 0, or the error that it ended with
        struct fallback_budget budget;  // its pot is the engine's
        struct prompt_texts texts;
        int32_t *suppressed;
        size_t n_suppressed;
        int32_t language;  // token, -1 for none or not yet known
        bool knows_language;
        struct result result;
        struct unheard_list missed;  // heard by itself when the job is through

        // The window.
        struct attempt_window window;
        float *log_mel;                // [frames, n_mels] up to its end; NULL at first
        size_t mel_begin;              // frame of the job that log_mel begins with
        struct audio_context context;  // known as soon as the phase is ENCODE
        struct cross_kv *cross_kv;     // NULL while it is not encoded
        struct prompt prompt;
        size_t n_lead;         // frames of the job's lead that are heard before it; 0: none
        const int32_t *draft;  // of its text, lent
        size_t n_draft;
        struct fallback fallback;

        // The attempt.
        struct search search;
        struct slot_capture captures[DECODER_ROWS_MAX];  // of the rows in the decoder's step
        struct aligner *aligner;  // of the window's best attempt; NULL but in ALIGN
};

// Take in a job: -EINVAL when it cannot be decoded (empty, longer than 30 s, not finite, a
// language that the model does not know, options out of range), -ENOMEM. The slot is free then.
// `pool` is the decoder's, `pot` and `team` the engine's; all are lent.
int slot_start(struct slot *slot, const struct whisper_model *model, struct kv_pool *pool,
               struct fallback_pot *pot, struct team *team, const struct job *job);

// Give up the job and its memory, and be free again. Nothing happens to a free slot.
void slot_clear(struct slot *slot);

// The answer of a slot that is done; it is free again. *ret is filled when the status, which is
// returned, is 0.
int slot_collect(struct slot *slot, const struct job **ret_job, struct hypothesis *ret);

// End with an error.
void slot_fail(struct slot *slot, int status);

// The window to encode.
struct encoder_window slot_window(struct slot *slot);

// The window is encoded: takes `cross_kv`.
void slot_on_encoded(struct slot *slot, struct cross_kv *cross_kv);

// Polled before each step. A retry that is over while it waits for the encoder (its window's
// sound is gone by then) wants no more than what its words are to be found in.
void slot_poll(struct slot *slot);

// True while it has rows for the decoder.
static inline bool slot_is_decoding(const struct slot *slot) {
        return slot->phase == SLOT_DETECT || slot->phase == SLOT_DECODE ||
               slot->phase == SLOT_ALIGN;
}

// KV blocks that its searches can hold at most.
size_t slot_blocks(const struct slot *slot);

// Sequences that it has at the decoder.
size_t slot_width(const struct slot *slot);

// Rows of its search, as search_rows() gives them; the aligner's belong to no sequence.
size_t slot_rows(struct slot *slot, struct decoder_row *rows, struct sequence **ret_sequences,
                 size_t room);

// The decoder has taken in one row; `logits` as far as the row wanted them.
void slot_on_row(struct slot *slot, struct sequence *sequence, const struct decoder_row *row,
                 float *logits);

// After all rows of a step: when no sequence lives any more, decide what comes next.
void slot_on_step(struct slot *slot);
