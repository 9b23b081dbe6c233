#include "decode/filter.h"

#include <stdbool.h>
#include <stddef.h>

#include "audio/pcm.h"
#include "util/utf8.h"

// The longest stretch of tokens whose repetition is looked for; a loop of longer ones
// compresses well enough for the other filter.
#define STRETCH_MAX 32

// People do say much again: somebody who counts stitches compresses to a third. What a model
// makes up says the same three times in a row, or more tokens each second than are spoken (two
// to five, in English).
#define CIRCLE_TIMES      3
#define TOKENS_PER_SECOND 6

const char *filter_name(enum filter filter) {
        static const char *const names[] = {
                [FILTER_NO_SPEECH] = "no_speech",
                [FILTER_LOG_PROB] = "log_prob",
                [FILTER_COMPRESSION_RATIO] = "compression_ratio",
                [FILTER_REPETITION] = "repetition",
                [FILTER_WORDS_PER_SECOND] = "words_per_second",
        };

        return names[filter];
}

struct filter_limits filter_limits_default(void) {
        return (struct filter_limits){.words_per_second_max = 8};
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

bool filter_goes_in_circles(const struct decode_options *options, const int32_t *tokens,
                            size_t n) {
        return (float)repetitions_most(tokens, n) > options->repetition_max;
}

static size_t words_count(const char *text) {
        size_t n = 0;

        for (bool was_blank = true; *text; was_blank = utf8_is_blank(*text++))
                n += was_blank && !utf8_is_blank(*text);
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

// Which filter refuses the segment; FILTER_COUNT for none.
static enum filter segment_judge(const struct filter_limits *limits,
                                 const struct decode_options *options,
                                 const struct hypothesis_segment *segment,
                                 const struct speed *speed) {
        size_t n_times = repetitions_most(segment->tokens, segment->n_tokens);

        if (segment->compression_ratio > options->compression_ratio_threshold &&
            (n_times >= CIRCLE_TIMES || speed->tokens > TOKENS_PER_SECOND))
                return FILTER_COMPRESSION_RATIO;
        if (filter_goes_in_circles(options, segment->tokens, segment->n_tokens))
                return FILTER_REPETITION;
        if (speed->words > (double)limits->words_per_second_max)
                return FILTER_WORDS_PER_SECOND;
        return FILTER_COUNT;
}

void filters_apply(const struct filter_limits *limits, const struct job *job,
                   struct hypothesis *hypothesis, struct filter_counts *counts) {
        const struct speed speed = speed_of(job, hypothesis);
        size_t n_kept = 0;

        counts->n_refused[FILTER_NO_SPEECH] += hypothesis->n_no_speech;
        counts->n_retried[FILTER_LOG_PROB] += hypothesis->n_unlikely;
        counts->n_retried[FILTER_COMPRESSION_RATIO] += hypothesis->n_repeating;
        for (size_t i = 0; i < hypothesis->n_segments; i++) {
                struct hypothesis_segment *segment = &hypothesis->segments[i];
                enum filter filter =
                        segment_judge(limits, &job->settings->options, segment, &speed);

                if (filter == FILTER_COUNT) {
                        hypothesis->segments[n_kept++] = *segment;
                        continue;
                }
                counts->n_refused[filter]++;
                hypothesis->n_refused++;
                hypothesis_segment_deinit(segment);
        }
        hypothesis->n_segments = n_kept;
}
