#include "whisper/attempt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "audio/pcm.h"
#include "decode/filter.h"
#include "util/mem.h"
#include "whisper/prompt.h"
#include "whisper/seam.h"
#include "whisper/splitter.h"

// Frames behind the place where a word is looked for that it may still last.
#define WORD_FRAMES 50

#define LEAST_FRAMES ((int64_t)(SEAM_LEAST * AUDIO_RATE / LOG_MEL_HOP))

// How much zlib makes of the text: repetition compresses well.
static float text_compression_ratio(const char *text) {
        static const char blanks[] = " \t\r\n\f\v";
        CLEANUP(mem_freep) char *compressed = NULL;
        size_t n;
        uLongf size;

        text += strspn(text, blanks);
        n = strlen(text);
        while (n > 0 && strchr(blanks, text[n - 1]))
                n--;
        size = compressBound(n);
        compressed = xcalloc(size, 1);
        if (compress((Bytef *)compressed, &size, (const Bytef *)text, n) != Z_OK)
                return 0;
        return (float)n / (float)size;
}

// Of a character that takes several tokens not all are there.
static bool ends_broken(const char *text) {
        static const char replacement[] = "\xef\xbf\xbd";
        size_t n = strlen(text), n_sign = sizeof(replacement) - 1;

        return n >= n_sign && strcmp(text + n - n_sign, replacement) == 0;
}

struct attempt attempt_judge(const struct transcription *transcription,
                             const struct whisper_model *model) {
        const struct search_text *best = &transcription->search.best;
        struct attempt attempt = {
                .n = best->n,
                .is_cut = best->is_cut,
                .avg_logprob = best->sum_logprob / (float)(best->n + 1),
                .temperature = transcription_temperature(transcription),
        };
        CLEANUP(mem_freep) char *text = NULL;

        memcpy(attempt.tokens, best->tokens, best->n * sizeof(best->tokens[0]));
        for (size_t i = 0; i < best->n; i++)
                attempt.peaks[i] =
                        (uint16_t)(2 * transcription->context.positions[best->peaks[i]]);
        text = tokenizer_decode(model->tokenizer, attempt.tokens, attempt.n);
        while (attempt.is_cut && attempt.n > 0 && ends_broken(text)) {
                free(text);
                text = tokenizer_decode(model->tokenizer, attempt.tokens, --attempt.n);
        }
        attempt.compression_ratio = text_compression_ratio(text);
        return attempt;
}

// A text without timestamps is one segment: where it goes in circles, all of it is refused.
static bool attempt_repeats(const struct decode_options *options,
                            const struct attempt *attempt) {
        return attempt->compression_ratio > options->compression_ratio_threshold ||
               (options->without_timestamps == DECODE_YES &&
                filter_goes_in_circles(options, attempt->tokens, attempt->n));
}

bool attempt_accept(struct transcription *transcription, const struct attempt *attempt) {
        const struct decode_options *options = &transcription->job->options;
        bool repeats = attempt_repeats(options, attempt);
        bool is_unlikely = attempt->avg_logprob < options->log_prob_threshold;

        if (!transcription->has_best || attempt->avg_logprob > transcription->best.avg_logprob)
                transcription->best = *attempt;
        transcription->has_best = true;
        if (!repeats && (!transcription->has_best_short ||
                         attempt->avg_logprob > transcription->best_short.avg_logprob)) {
                transcription->best_short = *attempt;
                transcription->has_best_short = true;
        }
        if (is_unlikely && transcription->no_speech_prob > options->no_speech_threshold)
                return true;  // silence: nothing better to be had
        return !repeats && !is_unlikely;
}

void attempt_count_retry(struct transcription *transcription, const struct attempt *attempt) {
        const struct decode_options *options = &transcription->job->options;

        transcription->hypothesis.n_unlikely +=
                attempt->avg_logprob < options->log_prob_threshold;
        transcription->hypothesis.n_repeating += attempt_repeats(options, attempt);
}

bool attempt_is_silence(const struct transcription *transcription,
                        const struct attempt *attempt) {
        const struct decode_options *options = &transcription->job->options;

        return transcription->no_speech_prob > options->no_speech_threshold &&
               attempt->avg_logprob <= options->log_prob_threshold;
}

bool attempt_is_refused(const struct transcription *transcription,
                        const struct attempt *attempt) {
        const struct decode_options *options = &transcription->job->options;

        return attempt_is_silence(transcription, attempt) ||
               attempt->avg_logprob < options->log_prob_threshold ||
               attempt->compression_ratio > options->compression_ratio_threshold ||
               filter_goes_in_circles(options, attempt->tokens, attempt->n);
}

bool attempt_goes_on(const struct transcription *transcription, const struct attempt *attempt,
                     const struct whisper_model *model) {
        int64_t n_frames = (int64_t)transcription_window_frames(transcription);
        struct split split;

        if (!attempt->is_cut || attempt_is_refused(transcription, attempt))
                return false;
        // Behind a pair of timestamps what is unfinished is heard again as it is.
        splitter_split(attempt->tokens, attempt->n,
                       tokenizer_specials(model->tokenizer)->timestamp_begin, n_frames, &split);
        return split.n_consumed == n_frames || split.n_consumed < LEAST_FRAMES;
}

size_t attempt_reach(const struct transcription *transcription, const struct attempt *attempt,
                     const struct whisper_model *model) {
        size_t n_frames = transcription_window_frames(transcription), last = 0;

        if (!attempt_goes_on(transcription, attempt, model))
                return n_frames;
        for (size_t i = 0; i < attempt->n; i++)
                if (attempt->peaks[i] > last && attempt->peaks[i] < n_frames)
                        last = attempt->peaks[i];
        return last + WORD_FRAMES < n_frames ? last + WORD_FRAMES : n_frames;
}

static bool is_blank(const char *text) {
        return text[strspn(text, " \t\r\n\f\v")] == '\0';
}

static int64_t clamp(int64_t position, int64_t least, int64_t most) {
        position = position > most ? most : position;
        return position < least ? least : position;
}

// Seconds from the job's begin, as they lie in the sound and after `least`.
static int64_t position_of(const struct transcription *transcription, double seconds,
                           int64_t least) {
        return clamp(llround(seconds * AUDIO_RATE), least,
                     (int64_t)transcription->job->n_samples);
}

// Words that begin in one segment of the window, taken from those that are left.
struct word_range {
        struct timed_words *all;
        size_t first, n;
};

static void take_words(struct word_range *range, const int32_t *tokens, size_t n_tokens,
                       int32_t end_of_text) {
        size_t n_text = 0;

        for (size_t i = 0; i < n_tokens; i++)
                n_text += tokens[i] < end_of_text;
        range->first += range->n;
        range->n = 0;
        for (size_t n = 0; n < n_text && range->first + range->n < range->all->n; range->n++)
                n += range->all->items[range->first + range->n].n_tokens;
}

// Leave out those that became part of others; returns how many are left of `range`, in front.
static size_t gather_words(const struct word_range *range) {
        struct timed_word *words = range->all->items + range->first;
        size_t n = 0;

        for (size_t i = 0; i < range->n; i++) {
                struct timed_word word = words[i];

                if (word.text[0] == '\0')
                        continue;
                words[i] = words[n];
                words[n++] = word;
        }
        return n;
}

static void copy_words(const struct transcription *transcription,
                       struct hypothesis_segment *segment, const struct timed_word *words,
                       size_t n) {
        int64_t earliest = segment->begin;

        segment->words = xcalloc(n, sizeof(*segment->words));
        segment->n_words = n;
        for (size_t i = 0; i < n; i++) {
                struct hypothesis_word *word = &segment->words[i];

                word->begin = position_of(transcription, words[i].begin, earliest);
                word->end = position_of(transcription, words[i].end, word->begin);
                word->probability = words[i].probability;
                word->text = xstrdup(words[i].text);
                earliest = word->end;
        }
        if (n > 0 && segment->end < earliest)
                segment->end = earliest;
}

// Where among the segments one belongs that begins then: at the end, unless what was missed is
// heard a second time.
static size_t place_of(const struct transcription *transcription, double begin) {
        const struct hypothesis *hypothesis = &transcription->hypothesis;
        size_t at = hypothesis->n_segments;

        while (transcription->is_second && at > 0 &&
               hypothesis->segments[at - 1].begin > llround(begin * AUDIO_RATE))
                at--;
        return at;
}

// Add one segment of the window to the hypothesis, within the sound and after what is there.
static void add_segment(struct transcription *transcription, const struct whisper_model *model,
                        const struct attempt *attempt, const struct split_segment *split,
                        struct word_range *range) {
        struct hypothesis *hypothesis = &transcription->hypothesis;
        CLEANUP(mem_freep) char *text = NULL;
        struct hypothesis_segment *segment;
        int64_t earliest = 0;
        double frame = (double)LOG_MEL_HOP / AUDIO_RATE;
        double begin = (double)((int64_t)transcription->seek + split->begin) * frame;
        double end = (double)((int64_t)transcription->seek + split->end) * frame;
        size_t n_words = range->all ? gather_words(range) : 0, at;

        if (n_words > 0) {
                word_timestamps_fit(range->all, range->all->items + range->first, n_words,
                                    transcription->last_speech, &begin, &end);
                transcription->last_speech = end;
        }
        text = tokenizer_decode(model->tokenizer, attempt->tokens + split->first, split->n);
        if (begin == end || is_blank(text))
                return;
        at = place_of(transcription, begin);
        if (at > 0)
                earliest = hypothesis->segments[at - 1].end;

        segment = hypothesis_insert(hypothesis, at);
        segment->begin = position_of(transcription, begin, earliest);
        segment->end = position_of(transcription, end, segment->begin);
        if (at + 1 < hypothesis->n_segments && segment->end > segment[1].begin)
                segment->end = segment[1].begin;
        segment->text = TAKE(text);
        if (n_words > 0)
                copy_words(transcription, segment, range->all->items + range->first, n_words);
        segment->tokens = xcalloc(split->n, sizeof(int32_t));
        memcpy(segment->tokens, attempt->tokens + split->first, split->n * sizeof(int32_t));
        segment->n_tokens = split->n;
        segment->avg_logprob = attempt->avg_logprob;
        segment->no_speech_prob = transcription->no_speech_prob;
        segment->compression_ratio = attempt->compression_ratio;
        segment->temperature = attempt->temperature;
        prompt_extend(&transcription->previous, &transcription->n_previous, segment->tokens,
                      segment->n_tokens);
}

// Leave a text that ran out of room off behind its last whole word.
static size_t attempt_leave_off(struct attempt *attempt, const struct timed_words *words,
                                double begin, size_t n_frames, int32_t end_of_text) {
        struct seam seam =
                seam_find(words, attempt->tokens, attempt->n, end_of_text, begin + SEAM_LEAST);
        double end = (seam.position - begin) * AUDIO_RATE / LOG_MEL_HOP;

        attempt->n = seam.n_tokens;
        return end < (double)n_frames ? (size_t)end : n_frames;
}

size_t attempt_heard(const struct transcription *transcription, struct attempt *attempt,
                     const struct whisper_model *model, const struct timed_words *words) {
        size_t n_frames = transcription_window_frames(transcription);
        double begin = (double)transcription->seek * LOG_MEL_HOP / AUDIO_RATE;

        if (!words || !attempt_goes_on(transcription, attempt, model))
                return n_frames;
        return attempt_leave_off(attempt, words, begin, n_frames,
                                 tokenizer_specials(model->tokenizer)->end_of_text);
}

size_t attempt_finish(struct transcription *transcription, const struct whisper_model *model,
                      const struct attempt *attempt, struct timed_words *words,
                      size_t n_frames) {
        const struct decode_options *options = &transcription->job->options;
        struct word_range range = {.all = words};
        struct unheard unheard[UNHEARD_MAX];
        struct split split;
        size_t n_unheard;

        if (attempt_is_silence(transcription, attempt)) {
                transcription->hypothesis.n_no_speech++;
                return n_frames;
        }
        splitter_split(attempt->tokens, attempt->n,
                       tokenizer_specials(model->tokenizer)->timestamp_begin, (int64_t)n_frames,
                       &split);
        if (attempt->is_cut && split.n_consumed < LEAST_FRAMES)
                splitter_take_rest(attempt->tokens, attempt->n,
                                   tokenizer_specials(model->tokenizer)->timestamp_begin,
                                   (int64_t)n_frames, &split);
        n_unheard = attempt_unheard(transcription, attempt, model, &split, unheard);
        for (size_t i = 0; i < n_unheard; i++) {
                attempt_make_room(transcription, attempt, model, &unheard[i], &split, words);
                transcription_hear_again(transcription, &unheard[i]);
        }
        for (size_t i = 0; i < split.n; i++) {
                const struct split_segment *segment = &split.segments[i];

                if (words)
                        take_words(&range, attempt->tokens + segment->first, segment->n,
                                   tokenizer_specials(model->tokenizer)->end_of_text);
                add_segment(transcription, model, attempt, segment, &range);
        }
        if (!options->condition_on_previous_text ||
            attempt->temperature > options->prompt_reset_on_temperature)
                transcription->n_previous = transcription->n_told = 0;
        return (size_t)split.n_consumed;
}
