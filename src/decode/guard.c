#include "decode/guard.h"

#include <stdbool.h>
#include <stddef.h>

#include "audio/pcm.h"

// The longest stretch of tokens whose repetition is looked for; a loop of longer ones
// compresses well enough for the other guard.
#define STRETCH_MAX 32

// People do say much again: somebody who counts stitches compresses to a third. What a model
// makes up says the same three times in a row, or more tokens each second than are spoken (two
// to five, in English).
#define CIRCLE_TIMES      3
#define TOKENS_PER_SECOND 6

const char *guard_name(enum guard guard) {
        static const char *const names[] = {
                [GUARD_NO_SPEECH] = "no_speech",
                [GUARD_LOG_PROB] = "log_prob",
                [GUARD_COMPRESSION_RATIO] = "compression_ratio",
                [GUARD_REPETITION] = "repetition",
                [GUARD_WORDS_PER_SECOND] = "words_per_second",
        };

        return names[guard];
}

// How often at most some stretch of tokens stands there in a row.
static size_t repetitions_most(const int32_t *tokens, size_t n) {
        size_t most = n > 0;

        for (size_t stretch = 1; stretch <= STRETCH_MAX && 2 * stretch <= n; stretch++) {
                size_t same = 0;  // tokens in a row that are what they were a stretch before

                for (size_t i = stretch; i < n; i++) {
                        same = tokens[i] == tokens[i - stretch] ? same + 1 : 0;
                        if (same / stretch + 1 > most)
                                most = same / stretch + 1;
                }
        }
        return most;
}

bool guard_goes_in_circles(const struct decode_options *options, const int32_t *tokens,
                           size_t n) {
        return (float)repetitions_most(tokens, n) > options->repetition_max;
}

static bool is_blank(char byte) {
        return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static size_t words_count(const char *text) {
        size_t n = 0;

        for (bool was_blank = true; *text; was_blank = is_blank(*text++))
                n += was_blank && !is_blank(*text);
        return n;
}

// How fast all of a window's text is spoken.
struct speed {
        double tokens, words;  // per second
};

// By the sound that there was: a segment's own times are the model's guess.
static struct speed speed_of(const struct job *job, const struct hypothesis *hypothesis) {
        double per_sample = (double)AUDIO_RATE / (double)job->n_samples;
        size_t n_tokens = 0, n_words = 0;

        for (size_t i = 0; i < hypothesis->n_segments; i++) {
                n_tokens += hypothesis->segments[i].n_tokens;
                n_words += words_count(hypothesis->segments[i].text);
        }
        return (struct speed){(double)n_tokens * per_sample, (double)n_words * per_sample};
}

// Which guard refuses the segment; GUARD_COUNT for none.
static enum guard segment_judge(const struct decode_options *options,
                                const struct hypothesis_segment *segment,
                                const struct speed *speed) {
        size_t n_times = repetitions_most(segment->tokens, segment->n_tokens);

        if (segment->compression_ratio > options->compression_ratio_threshold &&
            (n_times >= CIRCLE_TIMES || speed->tokens > TOKENS_PER_SECOND))
                return GUARD_COMPRESSION_RATIO;
        if (guard_goes_in_circles(options, segment->tokens, segment->n_tokens))
                return GUARD_REPETITION;
        if (speed->words > (double)options->words_per_second_max)
                return GUARD_WORDS_PER_SECOND;
        return GUARD_COUNT;
}

void guards_apply(const struct job *job, struct hypothesis *hypothesis,
                  struct guard_counts *counts) {
        const struct speed speed = speed_of(job, hypothesis);
        size_t n_kept = 0;

        counts->n_refused[GUARD_NO_SPEECH] += hypothesis->n_no_speech;
        counts->n_retried[GUARD_LOG_PROB] += hypothesis->n_unlikely;
        counts->n_retried[GUARD_COMPRESSION_RATIO] += hypothesis->n_repeating;
        for (size_t i = 0; i < hypothesis->n_segments; i++) {
                struct hypothesis_segment *segment = &hypothesis->segments[i];
                enum guard guard = segment_judge(&job->options, segment, &speed);

                if (guard == GUARD_COUNT) {
                        hypothesis->segments[n_kept++] = *segment;
                        continue;
                }
                counts->n_refused[guard]++;
                hypothesis_segment_deinit(segment);
        }
        hypothesis->n_segments = n_kept;
}
