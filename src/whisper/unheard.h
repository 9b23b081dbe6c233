#pragma once
// Unheard: speech in a window that none of its words covers. Of a quiet and a loud voice in one
// window Whisper sometimes tells the loud one only; heard by itself the quiet one is told too.
// Where words are is known by where the decoder looked when it chose the text's tokens.
//
// Threads: any; plain data.

#include <stddef.h>
#include <stdint.h>

#include "audio/activity.h"
#include "decode/job.h"
#include "whisper/fallback.h"
#include "whisper/splitter.h"
#include "whisper/tokenizer.h"
#include "whisper/word_timestamps.h"

// So much speech without a word is not let go: no pause between words is that long.
#define UNHEARD_LEAST (3 * (int64_t)AUDIO_RATE)

// A window has no more such stretches.
#define UNHEARD_MAX 10

// Where a word was looked for in the sound: samples from the job's begin.
struct heard_word {
        int64_t position;
        size_t token;  // where it begins in the window's text
};

// A stretch of unheard speech: samples from the job's begin, and the place in the window's text
// where what is heard in it belongs.
struct unheard {
        int64_t begin, end;
        size_t token;
};

struct unheard_list {
        struct unheard items[UNHEARD_MAX];
        size_t n;
};

// A text and the window that it is of; all borrowed.
struct unheard_text {
        const struct job *job;
        const struct tokenizer *tokenizer;
        const struct attempt_window *window;
        const struct attempt *attempt;
};

// Find them in [begin, end), by the n words of a text of n_tokens. Their bounds lie where it is
// quietest between the words beside them and their speech.
void unheard_find(struct unheard_list *ret, const struct activity *speech, const float *samples,
                  const struct heard_word *words, size_t n, const struct unheard *whole);

// Find them in what the split covers of the text's window. None in a text without words: what
// stays without any word in its own window would in another like it.
void unheard_in_text(struct unheard_list *ret, const struct unheard_text *text,
                     const struct split *split);

// Take the stretch out of the text's segments, and of its words unless they are NULL.
void unheard_make_room(const struct unheard *unheard, const struct unheard_text *text,
                       struct split *split, struct timed_words *words);
