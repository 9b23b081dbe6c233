#pragma once
// Attempt: what the search in one window gave at one temperature: how good it is, whether to
// try another temperature, whether it is silence, and which segments come of it. Private to
// transcription.c and its tests.
//
// Threads: as the transcription.

#include <stdbool.h>
#include <stddef.h>

#include "whisper/model.h"
#include "whisper/splitter.h"
#include "whisper/transcription.h"
#include "whisper/unheard.h"
#include "whisper/word_timestamps.h"

// The best text of a search that is over, as an attempt.
struct attempt attempt_judge(const struct transcription *transcription,
                             const struct whisper_model *model);

// Keep the attempt where it is the best so far; true when it is good enough.
bool attempt_accept(struct transcription *transcription, const struct attempt *attempt);

// Another attempt is made since this one was improbable or repeated itself: count it.
void attempt_count_retry(struct transcription *transcription, const struct attempt *attempt);

// True when nobody spoke in the window.
bool attempt_is_silence(const struct transcription *transcription,
                        const struct attempt *attempt);

// True when it is silence, or a filter refuses the text: improbable, repeating, in circles.
bool attempt_is_refused(const struct transcription *transcription,
                        const struct attempt *attempt);

// True when the text's room ended before what is said did, and it is good enough to be told:
// what follows has to be heard as another window.
bool attempt_goes_on(const struct transcription *transcription, const struct attempt *attempt,
                     const struct whisper_model *model);

// Frames of the window up to where the text ends, roughly: all of them, unless its room ended.
size_t attempt_reach(const struct transcription *transcription, const struct attempt *attempt,
                     const struct whisper_model *model);

// Frames of the window that the text is about, by its words' times (NULL: not known): all of
// them, unless it goes on in another window; then it loses the word that it may have left half
// said (seam.h).
size_t attempt_heard(const struct transcription *transcription, struct attempt *attempt,
                     const struct whisper_model *model, const struct timed_words *words);

// Speech in what the split covers of the window that none of its words does; returns how many
// stretches. None of a text that is refused, nor in a stretch that is heard a second time.
size_t attempt_unheard(const struct transcription *transcription, const struct attempt *attempt,
                       const struct whisper_model *model, const struct split *split,
                       struct unheard ret[static UNHEARD_MAX]);

// Take the stretch out of the segments, and of the words unless they are NULL.
void attempt_make_room(const struct transcription *transcription, const struct attempt *attempt,
                       const struct whisper_model *model, const struct unheard *unheard,
                       struct split *split, struct timed_words *words);

// The attempt's tokens into segments of the hypothesis, with their words where they are wanted
// (else NULL; times from the job's begin), for the window's first n_frames; returns the frames
// of the window that are done with.
size_t attempt_finish(struct transcription *transcription, const struct whisper_model *model,
                      const struct attempt *attempt, struct timed_words *words,
                      size_t n_frames);
