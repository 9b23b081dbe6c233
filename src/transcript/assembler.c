#include "transcript/assembler.h"

#include <stdlib.h>
#include <string.h>

#include "transcript/agreement.h"
#include "util/mem.h"
#include "util/number.h"

// A detected language is told above this probability; the original server's threshold.
#define LANGUAGE_SURE 0.5f

struct assembler {
        uint64_t id_last;      // of the last final segment
        int64_t position_end;  // where the last final segment ended
        char language[LANGUAGE_CODE_MAX];
        float language_probability;
        char language_told[LANGUAGE_CODE_MAX];  // "" before the first

        struct segment *finals;  // of the present update
        size_t n_finals;
        struct segment tail;
        struct agreement agreement;  // of the tail's window
        int64_t window_begin;
        struct update update;
};

static void finals_clear(struct assembler *assembler) {
        for (size_t i = 0; i < assembler->n_finals; i++)
                segment_deinit(&assembler->finals[i]);
        free(assembler->finals);
        assembler->finals = NULL;
        assembler->n_finals = 0;
}

static void tail_set(struct assembler *assembler, const char *text) {
        segment_deinit(&assembler->tail);
        assembler->tail.text = xstrdup(text);
        assembler->tail.id = assembler->id_last;
        assembler->tail.begin = assembler->position_end;
        assembler->tail.end = assembler->position_end;
}

static void tail_clear(struct assembler *assembler) {
        agreement_reset(&assembler->agreement);
        tail_set(assembler, "");
}

// Finals came before it.
static void tail_follow(struct assembler *assembler) {
        struct segment *tail = &assembler->tail;

        tail->id = assembler->id_last;
        if (tail->begin < assembler->position_end)
                tail->begin = assembler->position_end;
        if (tail->end < tail->begin)
                tail->end = tail->begin;
}

struct assembler *assembler_new(void) {
        struct assembler *assembler = xnew(struct assembler);

        assembler_restart(assembler, 0);
        return assembler;
}

struct assembler *assembler_free(struct assembler *assembler) {
        if (!assembler)
                return NULL;
        finals_clear(assembler);
        segment_deinit(&assembler->tail);
        agreement_reset(&assembler->agreement);
        free(assembler);
        return NULL;
}

void assembler_restart(struct assembler *assembler, int64_t position) {
        finals_clear(assembler);
        assembler->id_last = segment_id_first();
        assembler->position_end = position;
        assembler->language[0] = '\0';
        assembler->language_probability = 0;
        assembler->language_told[0] = '\0';
        tail_clear(assembler);
}

static bool text_is_blank(const char *text) {
        return text[strspn(text, " \t\r\n")] == '\0';
}

static const struct update *update_make(struct assembler *assembler, bool language_is_new) {
        assembler->update = (struct update){
                .finals = assembler->finals,
                .n_finals = assembler->n_finals,
                .tail = &assembler->tail,
                .stable_bytes = assembler->agreement.stable_bytes,
                .stable_words = assembler->agreement.stable_words,
                .language = assembler->language,
                .language_probability = assembler->language_probability,
                .language_is_new = language_is_new,
        };
        return &assembler->update;
}

// Half a second of speech is too little to tell a language by, so only final text counts. True
// when a detected language may be told: it is sure enough and not the one told last.
static bool language_take(struct assembler *assembler, const struct hypothesis *hypothesis) {
        if (hypothesis->language[0] == '\0' || hypothesis->n_segments == 0)
                return false;
        memcpy(assembler->language, hypothesis->language, sizeof(assembler->language));
        assembler->language_probability = hypothesis->language_probability;
        if (!hypothesis->was_detected || hypothesis->language_probability <= LANGUAGE_SURE ||
            strcmp(assembler->language_told, hypothesis->language) == 0)
                return false;
        memcpy(assembler->language_told, hypothesis->language,
               sizeof(assembler->language_told));
        return true;
}

static char *hypothesis_text(const struct hypothesis *hypothesis) {
        char *text = xstrdup("");

        for (size_t i = 0; i < hypothesis->n_segments; i++) {
                char *longer;

                if (text_is_blank(hypothesis->segments[i].text))
                        continue;
                longer = xasprintf("%s%s", text, hypothesis->segments[i].text);
                free(text);
                text = longer;
        }
        return text;
}

const struct update *assembler_on_partial(struct assembler *assembler, int64_t begin,
                                          const struct hypothesis *hypothesis) {
        CLEANUP(mem_freep) char *text = hypothesis_text(hypothesis);
        struct segment *tail = &assembler->tail;
        bool is_first = true;

        finals_clear(assembler);
        if (begin != assembler->window_begin)
                agreement_reset(&assembler->agreement);
        assembler->window_begin = begin;
        agreement_add(&assembler->agreement, text);
        tail_set(assembler, assembler->agreement.text);
        for (size_t i = 0; i < hypothesis->n_segments; i++) {
                const struct hypothesis_segment *heard = &hypothesis->segments[i];

                if (text_is_blank(heard->text))
                        continue;
                if (is_first && begin + heard->begin > tail->begin)
                        tail->begin = begin + heard->begin;
                is_first = false;
                tail->end = begin + heard->end > tail->begin ? begin + heard->end : tail->begin;
                tail->avg_logprob = heard->avg_logprob;
                tail->no_speech_prob = heard->no_speech_prob;
                tail->compression_ratio = heard->compression_ratio;
                tail->temperature = heard->temperature;
        }
        return update_make(assembler, false);
}

// The words, whose times count from `begin` on, get theirs on the clock, within their segment.
static void words_place(struct segment *segment, int64_t begin) {
        for (size_t i = 0; i < segment->n_words; i++) {
                struct hypothesis_word *word = &segment->words[i];

                word->begin = number_clamp(begin + word->begin, segment->begin, segment->end);
                word->end = number_clamp(begin + word->end, word->begin, segment->end);
        }
}

// What was heard in [begin, end) becomes the next final, with its place on the clock and in the
// chain of ids.
static void final_take(struct assembler *assembler, struct hypothesis_segment *heard,
                       int64_t begin, int64_t end) {
        struct segment *segment = &assembler->finals[assembler->n_finals++];

        *segment = (struct segment){
                .begin = number_clamp(begin + heard->begin, assembler->position_end, end),
                .text = heard->text,
                .is_final = true,
                .tokens = heard->tokens,
                .n_tokens = heard->n_tokens,
                .words = heard->words,
                .n_words = heard->n_words,
                .avg_logprob = heard->avg_logprob,
                .no_speech_prob = heard->no_speech_prob,
                .compression_ratio = heard->compression_ratio,
                .temperature = heard->temperature,
        };
        segment->end = number_clamp(begin + heard->end, segment->begin, end);
        *heard = (struct hypothesis_segment){0};
        words_place(segment, begin);
        segment->id = segment_id_next(assembler->id_last, segment->text);
        assembler->id_last = segment->id;
        assembler->position_end = segment->end;
}

const struct update *assembler_on_final(struct assembler *assembler, int64_t begin, int64_t end,
                                        struct hypothesis *hypothesis) {
        bool language_is_new = language_take(assembler, hypothesis);

        finals_clear(assembler);
        assembler->finals = xcalloc(hypothesis->n_segments, sizeof(*assembler->finals));
        for (size_t i = 0; i < hypothesis->n_segments; i++)
                if (!text_is_blank(hypothesis->segments[i].text))
                        final_take(assembler, &hypothesis->segments[i], begin, end);
        hypothesis_truncate(hypothesis, 0);
        // A tail of a later window stays: this one was in the backlog for long.
        if (assembler->window_begin < end)
                tail_clear(assembler);
        else
                tail_follow(assembler);
        return update_make(assembler, language_is_new);
}

const struct update *assembler_current(struct assembler *assembler) {
        finals_clear(assembler);
        return update_make(assembler, false);
}
