#include "whisper/result.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "util/mem.h"
#include "util/number.h"
#include "whisper/log_mel.h"
#include "whisper/seam.h"
#include "whisper/splitter.h"

// Frames behind the place where a word is looked for that it may still last.
#define WORD_FRAMES 50

#define LEAST_FRAMES ((int64_t)(SEAM_LEAST * AUDIO_RATE / LOG_MEL_HOP))

void result_init(struct result *ret, const struct job *job, const struct tokenizer *tokenizer,
                 const struct prompt_texts *texts) {
        const struct job_hints *hints = &job->hints;

        *ret = (struct result){
                .job = job,
                .tokenizer = tokenizer,
                .hypothesis = {.n_consumed = (int64_t)job->n_samples},
        };
        if (!hints->is_prompt_over)
                prompt_extend(&ret->previous, &ret->n_previous, texts->prompt.items,
                              texts->prompt.n);
        prompt_extend(&ret->previous, &ret->n_previous, hints->previous_tokens,
                      hints->n_previous_tokens);
        ret->n_told = ret->n_previous;
}

void result_deinit(struct result *result) {
        free(result->previous);
        *result = (struct result){0};
}

void result_jump(struct result *result, int64_t position) {
        result->last_speech = (double)position / AUDIO_RATE;
        if (result->n_previous > result->n_told)
                result->n_previous = result->n_told;
}

// --- How far a text reaches ---------------------------------------------------------------

static int32_t timestamp_begin(const struct result *result) {
        return tokenizer_specials(result->tokenizer)->timestamp_begin;
}

static int32_t end_of_text(const struct result *result) {
        return tokenizer_specials(result->tokenizer)->end_of_text;
}

static bool is_refused(const struct result *result, const struct attempt_window *window,
                       const struct attempt *attempt) {
        return attempt_is_refused(attempt, &result->job->settings->options,
                                  window->no_speech_prob);
}

bool result_goes_on(const struct result *result, const struct attempt_window *window,
                    const struct attempt *attempt) {
        int64_t n_frames = (int64_t)attempt_window_frames(window);
        struct split split;

        if (!attempt->is_cut || is_refused(result, window, attempt))
                return false;
        // Behind a pair of timestamps what is unfinished is heard again as it is.
        splitter_split(attempt->tokens, attempt->n, timestamp_begin(result), n_frames, &split);
        return split.n_consumed == n_frames || split.n_consumed < LEAST_FRAMES;
}

size_t result_reach(const struct result *result, const struct attempt_window *window,
                    const struct attempt *attempt) {
        size_t n_frames = attempt_window_frames(window), last = 0;

        if (!result_goes_on(result, window, attempt))
                return n_frames;
        for (size_t i = 0; i < attempt->n; i++)
                if (attempt->peaks[i] > last && attempt->peaks[i] < n_frames)
                        last = attempt->peaks[i];
        return last + WORD_FRAMES < n_frames ? last + WORD_FRAMES : n_frames;
}

// Leave a text that ran out of room off behind its last whole word. Returns the frames of the
// window that it is about then: all of them, unless it goes on.
static size_t leave_off(const struct result *result, const struct attempt_window *window,
                        struct attempt *attempt, const struct timed_words *words) {
        size_t n_frames = attempt_window_frames(window);
        double begin = (double)window->begin * LOG_MEL_HOP / AUDIO_RATE, end;
        struct seam seam;

        if (!words || !result_goes_on(result, window, attempt))
                return n_frames;
        seam = seam_find(words, attempt->tokens, attempt->n, end_of_text(result),
                         begin + SEAM_LEAST);
        end = (seam.position - begin) * AUDIO_RATE / LOG_MEL_HOP;
        attempt->n = seam.n_tokens;
        return end < (double)n_frames ? (size_t)end : n_frames;
}

// The text cut into segments, for the window's first n_frames.
static void split_text(const struct result *result, const struct attempt *attempt,
                       size_t n_frames, struct split *ret) {
        splitter_split(attempt->tokens, attempt->n, timestamp_begin(result), (int64_t)n_frames,
                       ret);
        if (attempt->is_cut && ret->n_consumed < LEAST_FRAMES)
                splitter_take_rest(attempt->tokens, attempt->n, timestamp_begin(result),
                                   (int64_t)n_frames, ret);
}

// --- Segments -----------------------------------------------------------------------------

static bool is_blank(const char *text) {
        return text[strspn(text, " \t\r\n\f\v")] == '\0';
}

// Seconds from the job's begin, as they lie in the sound and after `least`.
static int64_t position_of(const struct result *result, double seconds, int64_t least) {
        return number_clamp(llround(seconds * AUDIO_RATE), least,
                            (int64_t)result->job->n_samples);
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

static void copy_words(const struct result *result, struct hypothesis_segment *segment,
                       const struct timed_word *words, size_t n) {
        int64_t earliest = segment->begin;

        segment->words = xcalloc(n, sizeof(*segment->words));
        segment->n_words = n;
        for (size_t i = 0; i < n; i++) {
                struct hypothesis_word *word = &segment->words[i];

                word->begin = position_of(result, words[i].begin, earliest);
                word->end = position_of(result, words[i].end, word->begin);
                word->probability = words[i].probability;
                word->text = xstrdup(words[i].text);
                earliest = word->end;
        }
        if (n > 0 && segment->end < earliest)
                segment->end = earliest;
}

// Where among the segments one belongs that begins then: at the end, unless what was missed is
// heard a second time.
static size_t place_of(const struct result *result, bool is_second, double begin) {
        const struct hypothesis *hypothesis = &result->hypothesis;
        size_t at = hypothesis->n_segments;

        while (is_second && at > 0 &&
               hypothesis->segments[at - 1].begin > llround(begin * AUDIO_RATE))
                at--;
        return at;
}

// An empty segment for these seconds, within the sound and between those beside it.
static struct hypothesis_segment *place_segment(struct result *result, bool is_second,
                                                double begin, double end) {
        struct hypothesis *hypothesis = &result->hypothesis;
        size_t at = place_of(result, is_second, begin);
        int64_t earliest = at > 0 ? hypothesis->segments[at - 1].end : 0;
        struct hypothesis_segment *segment = hypothesis_insert(hypothesis, at);

        segment->begin = position_of(result, begin, earliest);
        segment->end = position_of(result, end, segment->begin);
        if (at + 1 < hypothesis->n_segments && segment->end > segment[1].begin)
                segment->end = segment[1].begin;
        return segment;
}

// Add one segment of the window to the hypothesis.
static void add_segment(struct result *result, const struct attempt_window *window,
                        const struct attempt *attempt, const struct split_segment *split,
                        struct word_range *range) {
        const double frame = (double)LOG_MEL_HOP / AUDIO_RATE;
        const int32_t *tokens = attempt->tokens + split->first;
        double begin = (double)((int64_t)window->begin + split->begin) * frame;
        double end = (double)((int64_t)window->begin + split->end) * frame;
        size_t n_words = range->all ? gather_words(range) : 0;
        CLEANUP(mem_freep) char *text = NULL;
        struct hypothesis_segment *segment;

        if (n_words > 0) {
                word_timestamps_fit(range->all, range->all->items + range->first, n_words,
                                    result->last_speech, &begin, &end);
                result->last_speech = end;
        }
        text = tokenizer_decode(result->tokenizer, tokens, split->n);
        if (begin == end || is_blank(text))
                return;
        segment = place_segment(result, window->is_second, begin, end);
        segment->text = TAKE(text);
        if (n_words > 0)
                copy_words(result, segment, range->all->items + range->first, n_words);
        segment->tokens = xcalloc(split->n, sizeof(*tokens));
        memcpy(segment->tokens, tokens, split->n * sizeof(*tokens));
        segment->n_tokens = split->n;
        segment->avg_logprob = attempt->avg_logprob;
        segment->no_speech_prob = window->no_speech_prob;
        segment->compression_ratio = attempt->compression_ratio;
        segment->temperature = attempt->temperature;
        prompt_extend(&result->previous, &result->n_previous, segment->tokens,
                      segment->n_tokens);
}

// Take speech that no word covers out of the segments and the words (NULL: none are wanted), to
// hear it by itself. Not of a text that is refused, nor of what is heard a second time.
static void leave_missed(const struct result *result, const struct attempt_window *window,
                         const struct attempt *attempt, struct split *split,
                         struct timed_words *words, struct unheard_list *missed) {
        const struct unheard_text text = {result->job, result->tokenizer, window, attempt};
        struct unheard_list found = {.n = 0};

        if (window->is_second || result->job->hints.is_single_pass ||
            is_refused(result, window, attempt))
                return;
        unheard_in_text(&found, &text, split);
        for (size_t i = 0; i < found.n; i++) {
                unheard_make_room(&found.items[i], &text, split, words);
                if (missed->n < UNHEARD_MAX)
                        missed->items[missed->n++] = found.items[i];
        }
}

size_t result_add(struct result *result, const struct attempt_window *window,
                  struct attempt *attempt, struct timed_words *words,
                  struct unheard_list *missed) {
        const struct decode_options *options = &result->job->settings->options;
        size_t n_frames = leave_off(result, window, attempt, words);
        struct word_range range = {NULL, 0, 0};
        struct split split;

        if (attempt_is_silence(attempt, options, window->no_speech_prob)) {
                result->hypothesis.n_no_speech++;
                return n_frames;
        }
        if (result->job->hints.has_word_times)
                range.all = words;
        split_text(result, attempt, n_frames, &split);
        leave_missed(result, window, attempt, &split, range.all, missed);
        for (size_t i = 0; i < split.n; i++) {
                const struct split_segment *segment = &split.segments[i];

                if (range.all)
                        take_words(&range, attempt->tokens + segment->first, segment->n,
                                   end_of_text(result));
                add_segment(result, window, attempt, segment, &range);
        }
        if (!options->condition_on_previous_text ||
            attempt->temperature > options->prompt_reset_on_temperature)
                result->n_previous = result->n_told = 0;
        return (size_t)split.n_consumed;
}
