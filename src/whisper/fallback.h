#pragma once
// Fallback: the attempts at one window's text, of which the best stands, and whether another
// one is made. A text that is improbable or repeats itself is tried again: with the window's
// full context first, then at one higher temperature after the other, as far as a budget goes.
// Decisions only: nothing is decoded here.
//
// Threads: a budget's pot belongs to one engine; all else is plain data.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/job.h"
#include "whisper/context.h"
#include "whisper/prompt.h"
#include "whisper/search.h"
#include "whisper/tokenizer.h"

// The stretch of a job that the model hears at once.
struct attempt_window {
        size_t begin, end;  // frames of the job
        bool is_second;     // speech that no word covered, heard by itself
        bool knows_no_speech;
        float no_speech_prob;  // as soon as it is known
};

static inline size_t attempt_window_frames(const struct attempt_window *window) {
        return window->end - window->begin;
}

// What came out of a window at one temperature.
struct attempt {
        int32_t tokens[PROMPT_CONTEXT];
        uint16_t peaks[PROMPT_CONTEXT];  // of the tokens: the window's frames where they are
        size_t n;
        float avg_logprob, compression_ratio, temperature;
        bool is_cut;  // its room ended before the text did
};

// The best text of a search that is over. Where its room ended within a character, the tokens
// of that character are left out.
void attempt_init(struct attempt *ret, const struct search_text *text,
                  const struct tokenizer *tokenizer, const struct audio_context *context,
                  float temperature);

// True when the text is less probable than the options allow.
bool attempt_is_unlikely(const struct attempt *attempt, const struct decode_options *options);

// True when the text repeats itself too much to stand while there is another.
bool attempt_repeats(const struct attempt *attempt, const struct decode_options *options);

// True when nobody spoke in the window.
bool attempt_is_silence(const struct attempt *attempt, const struct decode_options *options,
                        float no_speech_prob);

// True when it is silence, or a filter refuses the text: improbable, repeating, in circles.
bool attempt_is_refused(const struct attempt *attempt, const struct decode_options *options,
                        float no_speech_prob);

// The attempts at one window. Zeroed has none.
struct fallback {
        size_t temperature_index;              // of the options' temperatures: the one at work
        struct attempt best, best_unrepeated;  // of all, and of those that do not repeat
        bool has_best, has_unrepeated;
};

enum fallback_next {
        FALLBACK_END,           // nothing is left to try
        FALLBACK_FULL_CONTEXT,  // at the same temperature, with all of the window's padding
        FALLBACK_TEMPERATURE,   // at the next temperature
};

// The temperature at work.
float fallback_temperature(const struct fallback *fallback,
                           const struct decode_options *options);

// Take in an attempt. True when it stands, and then it is the best: it is good enough, or the
// window is silence, of which nothing better is to be had.
bool fallback_accept(struct fallback *fallback, const struct attempt *attempt,
                     const struct decode_options *options, float no_speech_prob);

// What is tried after an attempt that does not stand.
enum fallback_next fallback_next(const struct fallback *fallback,
                                 const struct decode_options *options, bool has_full_context);

// No other attempt is made: the best that does not repeat itself stands, else the best.
void fallback_settle(struct fallback *fallback);

// --- What other attempts may cost ---------------------------------------------------------

// Decoder steps that one job's retries may take. The full context takes thirty, and a sentence
// another thirty per attempt: that context, and one or two temperatures. Of 250
// windows of all speech folders one is tried again at all (docs/decisions/0014).
#define FALLBACK_ALLOWANCE 100

struct fallback_pot {
        size_t n_steps;  // that may be handed out
        size_t n_work;   // of the engine, not yet turned into steps here
};

// Fill the pot to the brim: two windows may be tried again at a time.
void fallback_pot_fill(struct fallback_pot *pot);

// The engine has worked so many decoder steps: a part of them goes into the pot.
void fallback_pot_earn(struct fallback_pot *pot, size_t n_steps);

// The budget of one job, which whoever has it may declare overdue. Zeroed but for the pot has
// taken nothing.
struct fallback_budget {
        struct fallback_pot *pot;  // lent
        size_t n_left;             // of what was taken out of the pot
        bool has_taken;
        bool is_retrying;  // what is at work is not the window's first attempt
        bool is_overdue;   // the job was in the engine for long enough
};

// May the window be tried again? Takes the job's allowance when this is its first retry.
bool fallback_budget_begin(struct fallback_budget *budget, const struct job *job);

// So many steps of the decoder, or what takes as long, were spent on what is at work.
void fallback_budget_charge(struct fallback_budget *budget, const struct job *job,
                            size_t n_steps);

// A retry is at work that has to end: its allowance is spent, or its job overdue.
bool fallback_budget_is_over(const struct fallback_budget *budget, const struct job *job);

// The job leaves: what it did not use goes back.
void fallback_budget_end(struct fallback_budget *budget);
