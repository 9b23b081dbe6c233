#include "whisper/unheard.h"

#include <math.h>
#include <stdbool.h>

// A word may begin and end so far from where it was looked for.
#define WORD_REACH (AUDIO_RATE * 6 / 10)
// And lasts about so long on both sides.
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

// What lies between two words, or one and the window's bound, `has_*` tells.
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

size_t unheard_find(struct unheard ret[static UNHEARD_MAX], const struct activity *speech,
                    const float *samples, const struct heard_word *words, size_t n,
                    const struct unheard *whole) {
        struct between between = {.begin = whole->begin};
        size_t n_found = 0;

        for (size_t i = 0; i <= n && n_found < UNHEARD_MAX; i++) {
                if (i < n && !is_in_place(words, n, i))
                        continue;
                between.has_behind = i < n;
                between.end = i < n ? words[i].position : whole->end;
                if (between_is_unheard(&between, speech, samples, &ret[n_found]))
                        ret[n_found++].token = i < n ? words[i].token : whole->token;
                between.begin = between.end;
                between.has_before = true;
        }
        return n_found;
}
