#pragma once
// Deepgram words: the words of segments, each with when it was said; and what is made of them:
// sentences, paragraphs and utterances.
//
// Threads: any; no state.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transcript/segment.h"

struct json_text;

struct deepgram_word {
        char *text;      // as it is written, with its signs
        bool is_behind;  // a blank stands before it: not so in Chinese and the like
        int64_t begin, end;
        double confidence;
};

// Zeroed is empty.
struct deepgram_words {
        struct deepgram_word *all;
        size_t n;
};

// The words of segments, none earlier than `begin`. Where their times are not known, as of
// partial text, they are spread evenly over the segment.
void deepgram_words_collect(struct deepgram_words *ret, const struct segment *segments,
                            size_t n, int64_t begin);
void deepgram_words_deinit(struct deepgram_words *words);

// The mean over some of them; 0 of none.
double deepgram_words_confidence(const struct deepgram_words *words, size_t first, size_t end);

// Some of them as a text, with the blanks that belong between; the caller frees it.
char *deepgram_words_text(const struct deepgram_words *words, size_t first, size_t end);

// Where the stretch that begins with word `first` ends: before a silence of `gap` samples.
size_t deepgram_words_until_gap(const struct deepgram_words *words, size_t first, int64_t gap);

// Where the sentence ends that begins with word `first`, at `end` at the latest.
size_t deepgram_words_until_stop(const struct deepgram_words *words, size_t first, size_t end);

// The member "words" of some of them.
void deepgram_words_write(struct json_text *text, const struct deepgram_words *words,
                          size_t first, size_t end);

// A position in samples as milliseconds.
int64_t deepgram_milliseconds(int64_t position);
