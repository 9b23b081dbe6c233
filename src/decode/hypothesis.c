#include "decode/hypothesis.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

struct hypothesis_segment *hypothesis_append(struct hypothesis *hypothesis) {
        return hypothesis_insert(hypothesis, hypothesis->n_segments);
}

struct hypothesis_segment *hypothesis_insert(struct hypothesis *hypothesis, size_t at) {
        size_t n = hypothesis->n_segments;
        struct hypothesis_segment *grown = xcalloc(n + 1, sizeof(*grown));

        if (at > 0)
                memcpy(grown, hypothesis->segments, at * sizeof(*grown));
        if (n > at)
                memcpy(grown + at + 1, hypothesis->segments + at, (n - at) * sizeof(*grown));
        free(hypothesis->segments);
        hypothesis->segments = grown;
        hypothesis->n_segments = n + 1;
        return &grown[at];
}

void hypothesis_add(struct hypothesis *hypothesis, const struct hypothesis *other,
                    int64_t shift) {
        for (size_t i = 0; i < other->n_segments; i++) {
                const struct hypothesis_segment *from = &other->segments[i];
                struct hypothesis_segment *to = hypothesis_append(hypothesis);

                *to = *from;
                to->begin += shift;
                to->end += shift;
                to->text = from->text ? xstrdup(from->text) : NULL;
                to->tokens = NULL;
                if (from->n_tokens > 0) {
                        to->tokens = xcalloc(from->n_tokens, sizeof(*to->tokens));
                        memcpy(to->tokens, from->tokens, from->n_tokens * sizeof(*to->tokens));
                }
                to->words = NULL;
                to->n_words = 0;
        }
}

void hypothesis_truncate(struct hypothesis *hypothesis, size_t n) {
        while (hypothesis->n_segments > n)
                hypothesis_segment_deinit(&hypothesis->segments[--hypothesis->n_segments]);
}

struct hypothesis_word *hypothesis_words_copy(const struct hypothesis_word *words, size_t n) {
        struct hypothesis_word *copy = n > 0 ? xcalloc(n, sizeof(*copy)) : NULL;

        for (size_t i = 0; i < n; i++)
                copy[i] = (struct hypothesis_word){
                        .begin = words[i].begin,
                        .end = words[i].end,
                        .text = xstrdup(words[i].text),
                        .probability = words[i].probability,
                };
        return copy;
}

void hypothesis_words_free(struct hypothesis_word *words, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(words[i].text);
        free(words);
}

void hypothesis_segment_deinit(struct hypothesis_segment *segment) {
        free(segment->text);
        free(segment->tokens);
        hypothesis_words_free(segment->words, segment->n_words);
        *segment = (struct hypothesis_segment){0};
}

void hypothesis_deinit(struct hypothesis *hypothesis) {
        for (size_t i = 0; i < hypothesis->n_segments; i++)
                hypothesis_segment_deinit(&hypothesis->segments[i]);
        free(hypothesis->segments);
        *hypothesis = (struct hypothesis){0};
}
