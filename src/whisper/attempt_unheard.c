// What of a window's speech its text does not cover (unheard.h), by where the decoder looked
// when it chose the text's tokens.
#include <ctype.h>
#include <string.h>

#include "util/mem.h"
#include "whisper/attempt.h"
#include "whisper/log_mel.h"

// Whether the token is said, and not just a sign; *ret_begins: whether a word begins with it:
// behind a space, or, roughly, in a script without (its characters have three bytes).
static bool is_spoken(const struct whisper_model *model, int32_t token, bool *ret_begins) {
        CLEANUP(mem_freep) char *text = tokenizer_decode(model->tokenizer, &token, 1);
        bool is_spoken = false;

        for (const char *at = text; *at; at++)
                is_spoken = is_spoken || isalnum((unsigned char)*at) || (*at & 0x80);
        *ret_begins = text[0] == ' ' || (unsigned char)text[0] >= 0xe0;
        return is_spoken;
}

// Where the token was looked for, in frames of the job. The first one of a text is often looked
// for where the sound begins, wherever it is: it is where the next one is. `end` without one.
static size_t frame_of(const struct transcription *transcription, const struct attempt *attempt,
                       int32_t end_of_text, size_t i, bool is_first) {
        for (size_t n = is_first ? 1 : 0; n > 0 && ++i < attempt->n;)
                n -= attempt->tokens[i] < end_of_text;
        return i < attempt->n ? transcription->seek + attempt->peaks[i] : transcription->end;
}

// The text's tokens as far as they are in segments, each with the beginning of its word.
static size_t words_find(const struct transcription *transcription,
                         const struct attempt *attempt, const struct whisper_model *model,
                         size_t n_tokens, struct heard_word *ret) {
        int32_t end_of_text = tokenizer_specials(model->tokenizer)->end_of_text;
        size_t n = 0, word = 0;
        bool is_first = true;

        for (size_t i = 0; i < n_tokens; i++) {
                size_t frame;
                bool begins;

                if (attempt->tokens[i] >= end_of_text ||
                    !is_spoken(model, attempt->tokens[i], &begins))
                        continue;
                if (begins || is_first)
                        word = i;
                frame = frame_of(transcription, attempt, end_of_text, i, is_first);
                is_first = false;
                if (frame < transcription->end)
                        ret[n++] = (struct heard_word){(int64_t)frame * LOG_MEL_HOP, word};
        }
        return n;
}

size_t attempt_unheard(const struct transcription *transcription, const struct attempt *attempt,
                       const struct whisper_model *model, const struct split *split,
                       struct unheard ret[static UNHEARD_MAX]) {
        const struct split_segment *last = &split->segments[split->n - 1];
        const struct job *job = transcription->job;
        struct heard_word words[PROMPT_CONTEXT];
        struct unheard whole = {.begin = (int64_t)transcription->seek * LOG_MEL_HOP};
        size_t n;

        if (transcription->is_second || job->options.is_single_pass || split->n == 0 ||
            attempt_is_refused(transcription, attempt))
                return 0;
        whole.end = whole.begin + split->n_consumed * LOG_MEL_HOP;
        whole.token = last->first + last->n;
        n = words_find(transcription, attempt, model, whole.token, words);
        // What stays without any word in its own window would in another like it.
        if (n == 0)
                return 0;
        return unheard_find(ret, &job->speech, job->samples, words, n, &whole);
}

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

void attempt_make_room(const struct transcription *transcription, const struct attempt *attempt,
                       const struct whisper_model *model, const struct unheard *unheard,
                       struct split *split, struct timed_words *words) {
        int64_t seek = (int64_t)transcription->seek;

        split_at(split, unheard->begin / LOG_MEL_HOP - seek, unheard->end / LOG_MEL_HOP - seek,
                 unheard->token);
        if (words)
                words_clip(words, attempt, unheard,
                           tokenizer_specials(model->tokenizer)->end_of_text);
}
