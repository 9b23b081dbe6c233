#include "decode/hallucination.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "audio/pcm.h"
#include "decode/job.h"
#include "util/utf8.h"

// Words that are less probable, and shorter or longer than this (seconds), are strange.
#define PROBABILITY_LOW 0.15f
#define SHORT           0.133
#define LONG            2.0

// How much each second weighs by which a word is too short; a second too long weighs 1.
#define SHORT_WEIGHT 15

// So many words at a segment's beginning are looked at; this much strangeness is suspicious, or
// as much as there are words.
#define WORDS_MAX       8
#define SCORE_MAX       3
#define SCORE_TOLERANCE 0.01

// What is so near (seconds) to a window's edge is next to what nobody knows: to silence.
#define EDGE 2.0

// The next window begins so much later (samples) at least, where a segment is heard again.
#define STEP_MIN ((int64_t)AUDIO_RATE)

// Whether a word is made of punctuation marks alone.
static bool is_punctuation(const char *text) {
        size_t n_left = strlen(text);

        while (n_left > 0) {
                char sign[5] = {0};
                int length = utf8_step(text, n_left);

                if (length < 0)
                        return false;
                memcpy(sign, text, (size_t)length);
                if (sign[0] != ' ' && !strstr(decode_prepended, sign) &&
                    !strstr(decode_appended, sign))
                        return false;
                text += length;
                n_left -= (size_t)length;
        }
        return true;
}

static double strangeness(const struct hypothesis_word *word) {
        double duration = pcm_seconds(word->end - word->begin);
        double score = word->probability < PROBABILITY_LOW ? 1 : 0;

        if (duration < SHORT)
                score += (SHORT - duration) * SHORT_WEIGHT;
        if (duration > LONG)
                score += duration - LONG;
        return score;
}

static bool is_suspicious(const struct hypothesis_segment *segment) {
        double score = 0;
        size_t n = 0;

        for (size_t i = 0; i < segment->n_words && n < WORDS_MAX; i++) {
                if (is_punctuation(segment->words[i].text))
                        continue;
                score += strangeness(&segment->words[i]);
                n++;
        }
        return score >= SCORE_MAX || score + SCORE_TOLERANCE >= (double)n;
}

// The first segment from number `i` on that has words; NULL when there is none.
static const struct hypothesis_segment *worded_find(const struct hypothesis *hypothesis,
                                                    size_t i) {
        for (; i < hypothesis->n_segments; i++)
                if (hypothesis->segments[i].n_words > 0)
                        return &hypothesis->segments[i];
        return NULL;
}

// Nobody speaks right before the segment, when the last word ended at `last_end`.
static bool is_quiet_before(const struct hallucination_place *place,
                            const struct hypothesis_segment *segment, int64_t last_end) {
        int64_t begin = place->begin + segment->begin;

        return pcm_seconds(begin - last_end) > place->threshold ||
               pcm_seconds(begin) < place->threshold || pcm_seconds(segment->begin) < EDGE;
}

// Nor right behind it, or only what is made up as well.
static bool is_quiet_behind(const struct hallucination_place *place,
                            const struct hypothesis_segment *segment,
                            const struct hypothesis_segment *next) {
        int64_t next_begin = next ? next->words[0].begin : place->end - place->begin;

        return pcm_seconds(next_begin - segment->end) > place->threshold ||
               (next && is_suspicious(next)) ||
               pcm_seconds(JOB_SAMPLES_MAX - segment->end) < EDGE;
}

static void segments_drop(struct hypothesis *hypothesis, size_t first) {
        for (size_t i = first; i < hypothesis->n_segments; i++)
                hypothesis_segment_deinit(&hypothesis->segments[i]);
        hypothesis->n_segments = first;
}

// Where the window begins in which the segment is heard again, without what stands before it.
static int64_t again_begin(const struct hallucination_place *place,
                           const struct hypothesis_segment *segment) {
        int64_t shift = segment->begin > STEP_MIN ? segment->begin : STEP_MIN;

        // So near to the end of all sound there is nothing to be heard again.
        if (pcm_seconds(place->sound_end - place->begin - segment->end) < place->threshold)
                return place->sound_end;
        return place->begin + shift;
}

int64_t hallucination_skip(const struct hallucination_place *place,
                           struct hypothesis *hypothesis) {
        const struct hypothesis_segment *first = worded_find(hypothesis, 0);
        int64_t last_end = place->last_speech;

        // A window that begins with silence and goes on strangely: heard again without it.
        if (first && is_suspicious(first) && pcm_seconds(first->begin) > place->threshold) {
                int64_t next = place->begin + first->begin;

                segments_drop(hypothesis, 0);
                return next;
        }
        for (size_t i = 0; i < hypothesis->n_segments; i++) {
                const struct hypothesis_segment *segment = &hypothesis->segments[i];

                if (segment->n_words == 0)
                        continue;
                if (is_suspicious(segment) && is_quiet_before(place, segment, last_end) &&
                    is_quiet_behind(place, segment, worded_find(hypothesis, i + 1))) {
                        int64_t next = again_begin(place, segment);

                        segments_drop(hypothesis, i);
                        return next;
                }
                last_end = place->begin + segment->end;
        }
        return place->next;
}
