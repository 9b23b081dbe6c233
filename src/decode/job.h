#pragma once
// Job: a window at the decoder. Plain data, which could be sent to another machine: the sound,
// what is asked of the engine (settings, which a stream's jobs share), and what differs from
// job to job. The engine does not change it, and nobody else does while an engine has it.
//
// Threads: made on the loop, read by one decode thread, freed by whoever got it back.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audio/activity.h"
#include "audio/pcm.h"
#include "decode/hypothesis.h"
#include "decode/settings.h"
#include "util/cleanup.h"
#include "util/loop.h"

// Whisper's windows are this long, and no job is longer.
#define JOB_SAMPLES_MAX ((int64_t)30 * AUDIO_RATE)

// What goes first when not all can be decoded at once.
enum job_rank {
        JOB_RANK_FINAL,        // a reader waits for the end of what was just said
        JOB_RANK_SPECULATIVE,  // and of this, if the pause at its end goes on
        JOB_RANK_PARTIAL,      // a reader would like to see what is being said
        JOB_RANK_BACKGROUND,   // files, floods, and the backlog of streams that have fallen
                               // silent
};

// The text of a lead has no more tokens: so many leave room for that of the window.
#define JOB_LEAD_TOKENS_MAX 112

// The sound right before a job's, and what was heard in it. The engine hears both sounds at
// once and is told the lead's text, so that only the job's own is decoded, by somebody who has
// been listening. An engine may leave it out; it does where the job's text is doubtful with it,
// where timestamps or a single pass are asked for or the language is to be detected, where both
// are longer than JOB_SAMPLES_MAX, and where it has no tokens, more than JOB_LEAD_TOKENS_MAX,
// one that the model does not know, or a sample that is not finite.
struct job_lead {
        float *samples;  // owned; mono, AUDIO_RATE
        size_t n_samples;
        int32_t *tokens;  // owned; text tokens, no timestamps
        size_t n_tokens;
};

// How the silence behind the sound is thinned out before it is encoded (whisper/context.h).
struct context_shape {
        size_t margin;  // rows of padding kept one by one behind the sound
        size_t stride;  // then one row for so many
        size_t growth;  // so many rows with one stride, then it doubles; 0: it stays
};

// What the engine is told of one job, beside the settings of its stream. The first three are
// what the settings say unless somebody knows better.
struct job_hints {
        char language[LANGUAGE_CODE_MAX];  // "" detects
        // Where each window's language is detected: the one that the text before it is in, and
        // another one that the window before was taken for without being sure. A window alone
        // turns to another language only if it is sure of it. "": none.
        char language_before[LANGUAGE_CODE_MAX];
        char language_doubted[LANGUAGE_CODE_MAX];
        unsigned beam_size;
        bool has_word_times;
        bool only_detects_language;  // no text: of several windows one language is to be found
        bool is_single_pass;  // one 30 s decode, no seeking on inside the window: somebody else
                              // seeks
        bool is_prompt_over;  // the settings' initial prompt is not told any more
        int32_t *previous_tokens;  // owned: text tokens said before this window (condition on
                                   // previous)
        size_t n_previous_tokens;
        struct job_lead lead;  // zeroed: none
        // Owned: what is probably said, tokens and timestamps as in hypothesis_segment.tokens
        // (those of all segments in a row): the stream's last hypothesis for a window that
        // begins at the same position. They are checked in one step instead of one each, and
        // the answer is the same without them. Only used at temperature 0 without beams.
        int32_t *draft_tokens;
        size_t n_draft_tokens;
        // A stride of 0: the shape that was measured to cost no words. Others are for benches
        // and tests.
        struct context_shape context;
};

// What the options say of all jobs; nothing is allocated.
struct job_hints job_hints_of(const struct decode_options *options);

// Free what it holds and zero it.
void job_lead_deinit(struct job_lead *lead);

// A deep copy, and freeing what one holds.
struct job_hints job_hints_copy(const struct job_hints *hints);
void job_hints_deinit(struct job_hints *hints);

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
        const struct decode_settings *settings;  // a reference
        struct job_hints hints;
};

// What a job is about, without its sound.
struct job_window {
        uint32_t generation;
        int64_t begin;
        size_t n_samples;
        struct activity speech;
        const char *language;  // as its hints have it
};

// A job with room for `n_samples` (zeroed), which holds the settings and has what they say as
// its hints. NULL when out of memory.
struct job *job_new(const struct decode_settings *settings, size_t n_samples);
struct job *job_free(struct job *job);

// The job is heard without its lead, and without the text before that, if it has one.
void job_drop_lead(struct job *job);

DEFINE_CLEANUP(struct job *, job_free);
