#pragma once
// Screen: what one reader has seen, update by update: the final words so far and the tail.
//
// Threads: any one at a time.
// Memory:  everything is kept until screen_free(): an hour of updates is some MiB.

#include <stddef.h>

#include "load/vocabulary.h"
#include "util/loop.h"

#define SCREEN_NEVER ((nsec_t)-1)

struct screen_update {
        nsec_t at;
        size_t n_finals;    // words that were final then, from the first on
        size_t tail_begin;  // the tail's words, in `tails`
        size_t n_tail;
};

struct screen {
        struct vocabulary *vocabulary;  // lent
        char *text;                     // all final text, as it came
        size_t n_text;
        struct words finals;  // its words; their tokens are places in `text`
        nsec_t *final_at;     // when each became final; SCREEN_NEVER: not before the end
        size_t n_final_at;
        struct words tails;  // of all updates
        struct screen_update *updates;
        size_t n_updates;
        size_t capacity;
        char *tail;      // the last one's text
        nsec_t changed;  // when the text was last another one
};

struct screen *screen_new(struct vocabulary *vocabulary);
struct screen *screen_free(struct screen *screen);

// At time `at` (never before the last): this text became final ("": none), and this is the tail
// now.
void screen_show(struct screen *screen, nsec_t at, const char *final_text, const char *tail);

// No more comes: a tail that is left counts as text that never became final.
void screen_finish(struct screen *screen);

// Since when has each final word been there for good: from the first update on in which it
// stands, aligned with the final text, and in all later ones until it was final. `ret` has
// finals.n elements.
void screen_since(const struct screen *screen, nsec_t *ret);

DEFINE_CLEANUP(struct screen *, screen_free);
