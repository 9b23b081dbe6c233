#pragma once
// Score: how good and how fast what readers saw was, over any number of talkers.
//
// Delays are in seconds, from the moment the sound was sent as a microphone would have: a
// word's delay from its end until it is on screen for good; an utterance's, from the end of its
// last word, until that word is on screen for good, and until it is final. When that word is
// missing in the live text, the last one before it that is not stands for it.
//
// Other services tell how long they take from their decision that an utterance has ended until
// its text is final. That decision is taken for made when nobody has spoken for as long as the
// server waits for; a server that takes the end for certain earlier has a delay below 0.
//
// Threads: any one at a time.

#include <stdio.h>

#include "load/distribution.h"
#include "load/schedule.h"
#include "load/screen.h"

struct score {
        double end_pause;  // seconds of silence that end an utterance; set before score_add()
        size_t n_words;    // of the transcripts
        size_t n_errors;   // substituted, deleted and inserted, over them
        size_t n_wanted;   // words of our own offline decode; of the transcripts without one
        size_t n_lost;     // of these, those without a counterpart in the live text
        size_t n_utterances;
        size_t n_missing;      // utterances of which no word came
        size_t n_never_final;  // utterances whose last word was still partial at the end
        struct distribution word_delay;
        struct distribution last_word_delay;
        struct distribution final_delay;
        struct distribution decision_delay;  // from the end decision until it is final
};

// What one talker said, and what its reader saw.
struct score_session {
        const struct corpus *corpus;
        const struct schedule *schedule;
        nsec_t started;  // sample 0 of the schedule
        const struct screen *screen;
        uint32_t talker;
};

// Add a session. With `transcripts` (may be NULL) each of its utterances is written there as a
// line of JSON: talker, file, begin (seconds of the talker's clock), spoken (when its last word
// ended, seconds of the machine's monotonic clock), last_word_delay and final_delay (seconds
// from then; null: it never was), reference, live.
void score_add(struct score *score, const struct score_session *session, FILE *transcripts);

// Shares in percent; NAN of nothing.
double score_wer_percent(const struct score *score);
double score_lost_percent(const struct score *score);

void score_deinit(struct score *score);
