#pragma once
// Aligner: a window's text fed to the decoder once more, all of it known, to see where in the
// sound the alignment heads look for each token and how probable it is. Decisions only, as a
// search: it names rows for the decoder and is told that they have been taken in.
//
// Threads: belongs to one engine.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/job.h"
#include "util/team.h"
#include "whisper/cpu/decoder.h"
#include "whisper/cpu/kv_cache.h"
#include "whisper/model.h"
#include "whisper/word_timestamps.h"

struct aligner;

struct aligner_text {
        int32_t language;  // token; -1 for an English-only model
        enum decode_task task;
        const int32_t *lead;  // tokens of the text before it, whose words are not told
        size_t n_lead;
        const int32_t *tokens;  // as decoded; timestamps and other specials are left out
        size_t n_tokens;
        size_t n_keys;    // of the window's cross-attention
        size_t n_frames;  // log-mel frames of its sound that the text is about
};

// -ENOMEM; -ENODATA when there is nothing to align.
int aligner_new(struct aligner **ret, const struct whisper_model *model,
                const struct aligner_text *text);
struct aligner *aligner_free(struct aligner *aligner, struct kv_pool *pool);

// Fill rows (all but `audio`) as far as `room` allows; returns how many.
size_t aligner_rows(struct aligner *aligner, struct decoder_row *rows, size_t room);

// The decoder has taken in one row; `logits` as far as it wanted them.
void aligner_on_row(struct aligner *aligner, const struct decoder_row *row,
                    const float *logits);

bool aligner_is_done(const struct aligner *aligner);

// The words, with times in seconds from `offset` before the window's first frame. The caller
// deinitialises them. Once, when it is done; the team (NULL: the caller alone) finds the times.
void aligner_words(struct aligner *aligner, const struct decode_options *options, double offset,
                   struct team *team, struct timed_words *ret);
