#include "whisper/unheard.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "util/mem.h"
#include "whisper/log_mel.h"

// A word may begin and end so far from where it was looked for.
#define WORD_REACH (AUDIO_RATE * 6 / 10)
// A word lasts about so long on both sides of that.
#define WORD_HALF (AUDIO_RATE * 3 / 10)

// Sound is quiet or loud over so many samples.
#define PIECE (AUDIO_RATE / 50)

// The middle of the quietest piece within [begin, end).
static int64_t quietest(const float *samples, int64_t begin, int64_t end) {
        int64_t best = begin;
        float least = INFINITY;

        for (int64_t at = begin; at + PIECE <= end; at += PIECE / 2) {
                float sum = 0;

                for (int64_t i = at; i < at + PIECE; i++)
                        sum += samples[i] * samples[i];
                if (sum < least) {
                        least = sum;
                        best = at + PIECE / 2;
                }
        }
        return best;
}

// Whether the word's neighbours agree that the text is there: one that was looked for before
// the last or behind the next one says nothing.
static bool is_in_place(const struct heard_word *words, size_t n, size_t i) {
        return (i == 0 || words[i - 1].position <= words[i].position) &&
               (i + 1 == n || words[i].position <= words[i + 1].position);
}

// What lies between two words, or between one and the window's bound: `has_*` tells which.
struct between {
        int64_t begin, end;
        bool has_before, has_behind;
};

static bool between_is_unheard(const struct between *between, const struct activity *speech,
                               const float *samples, struct unheard *ret) {
        int64_t begin = between->begin + (between->has_before ? WORD_HALF : 0);
        int64_t end = between->end - (between->has_behind ? WORD_HALF : 0);

        if (end - begin < UNHEARD_LEAST || activity_within(speech, begin, end) < UNHEARD_LEAST)
                return false;
        *ret = (struct unheard){.begin = begin, .end = end};
        if (between->has_before)
                ret->begin = quietest(samples, between->begin, between->begin + WORD_REACH);
        if (between->has_behind)
                ret->end = quietest(samples, between->end - WORD_REACH, between->end);
        return true;
}

void unheard_find(struct unheard_list *ret, const struct activity *speech, const float *samples,
                  const struct heard_word *words, size_t n, const struct unheard *whole) {
        struct between between = {.begin = whole->begin};

        ret->n = 0;
        for (size_t i = 0; i <= n && ret->n < UNHEARD_MAX; i++) {
                if (i < n && !is_in_place(words, n, i))
                        continue;
                between.has_behind = i < n;
                between.end = i < n ? words[i].position : whole->end;
                if (between_is_unheard(&between, speech, samples, &ret->items[ret->n]))
                        ret->items[ret->n++].token = i < n ? words[i].token : whole->token;
                between.begin = between.end;
                between.has_before = true;
        }
}

// --- The words of a text ------------------------------------------------------------------

// Whether the token is said, and not just a sign; *ret_begins: whether a word begins with it:
// behind a space, or, roughly, in a script without (its characters have three bytes).
static bool is_spoken(const struct tokenizer *tokenizer, int32_t token, bool *ret_begins) {
        CLEANUP(mem_freep) char *text = tokenizer_decode(tokenizer, &token, 1);
        bool is_spoken = false;

        for (const char *at = text; *at; at++)
                is_spoken = is_spoken || isalnum((unsigned char)*at) || (*at & 0x80);
        *ret_begins = text[0] == ' ' || (unsigned char)text[0] >= 0xe0;
        return is_spoken;
}

// Where the token was looked for, in frames of the job. The first one of a text is often looked
// for where the sound begins, wherever it is: it is where the next one is. The window's end
// without one.
static size_t frame_of(const struct unheard_text *text, int32_t end_of_text, size_t i,
                       bool is_first) {
        const struct attempt *attempt = text->attempt;

        for (size_t n = is_first ? 1 : 0; n > 0 && ++i < attempt->n;)
                n -= attempt->tokens[i] < end_of_text;
        return i < attempt->n ? text->window->begin + attempt->peaks[i] : text->window->end;
}

// The text's first n_tokens, each with the beginning of its word.
static size_t words_find(const struct unheard_text *text, size_t n_tokens,
                         struct heard_word *ret) {
        int32_t end_of_text = tokenizer_specials(text->tokenizer)->end_of_text;
        const int32_t *tokens = text->attempt->tokens;
        size_t n = 0, word = 0;
        bool is_first = true;

        for (size_t i = 0; i < n_tokens; i++) {
                size_t frame;
                bool begins;

                if (tokens[i] >= end_of_text || !is_spoken(text->tokenizer, tokens[i], &begins))
                        continue;
                if (begins || is_first)
                        word = i;
                frame = frame_of(text, end_of_text, i, is_first);
                is_first = false;
                if (frame < text->window->end)
                        ret[n++] = (struct heard_word){(int64_t)frame * LOG_MEL_HOP, word};
        }
        return n;
}

void unheard_in_text(struct unheard_list *ret, const struct unheard_text *text,
                     const struct split *split) {
        struct unheard whole = {.begin = (int64_t)text->window->begin * LOG_MEL_HOP};
        struct heard_word words[PROMPT_CONTEXT];
        const struct split_segment *last;
        size_t n;

        ret->n = 0;
        if (split->n == 0)
                return;
        last = &split->segments[split->n - 1];
        whole.end = whole.begin + split->n_consumed * LOG_MEL_HOP;
        whole.token = last->first + last->n;
        n = words_find(text, whole.token, words);
        if (n > 0)
                unheard_find(ret, &text->job->speech, text->job->samples, words, n, &whole);
}

// --- Room for a stretch -------------------------------------------------------------------

static void segment_clip(struct split_segment *segment, int64_t begin, int64_t end) {
        if (segment->begin < begin)
                segment->begin = begin;
        if (segment->end > end)
                segment->end = end;
        if (segment->end < segment->begin)
                segment->end = segment->begin;
}

// Segments before and behind an unheard stretch, which is in frames of the window, end and
// begin with it; one on both sides becomes two.
static void split_at(struct split *split, int64_t begin, int64_t end, size_t token) {
        for (size_t i = 0; i < split->n; i++) {
                struct split_segment *segment = &split->segments[i], before = *segment;

                if (segment->first >= token) {
                        segment_clip(segment, end, INT64_MAX);
                        continue;
                }
                segment_clip(segment, 0, begin);
                if (before.first + before.n <= token || split->n == SPLITTER_SEGMENTS_MAX)
                        continue;
                memmove(segment + 1, segment, (split->n++ - i) * sizeof(*segment));
                segment->n = token - before.first;
                segment++;
                *segment = before;
                segment->first = token;
                segment->n -= token - before.first;
                segment_clip(segment, end, INT64_MAX);
                i++;
        }
}

// Words do not reach into the stretch, however long alignment made them.
static void words_clip(struct timed_words *words, const struct attempt *attempt,
                       const struct unheard *unheard, int32_t end_of_text) {
        double begin = (double)unheard->begin / AUDIO_RATE;
        double end = (double)unheard->end / AUDIO_RATE;
        size_t n_before = 0, n = 0;

        for (size_t i = 0; i < unheard->token; i++)
                n_before += attempt->tokens[i] < end_of_text;
        for (size_t i = 0; i < words->n; i++) {
                struct timed_word *word = &words->items[i];

                if (n < n_before) {
                        word->begin = word->begin < begin ? word->begin : begin;
                        word->end = word->end < begin ? word->end : begin;
                } else {
                        word->begin = word->begin > end ? word->begin : end;
                        word->end = word->end > end ? word->end : end;
                }
                n += word->n_tokens;
        }
}

void unheard_make_room(const struct unheard *unheard, const struct unheard_text *text,
                       struct split *split, struct timed_words *words) {
        int64_t begin = (int64_t)text->window->begin;

        split_at(split, unheard->begin / LOG_MEL_HOP - begin,
                 unheard->end / LOG_MEL_HOP - begin, unheard->token);
        if (words)
                words_clip(words, text->attempt, unheard,
                           tokenizer_specials(text->tokenizer)->end_of_text);
}
