#pragma once
// Retries: what further attempts at a doubtful text may cost. One hard window must not slow
// everybody, so how often it is tried again depends on who waits for it (job.h, rank):
//
//     partial    never: its text is replaced in a moment
//     final        as long as its allowance lasts; and not when the job is overdue
//     later        as often as the options say, in the share that such jobs have
//
// Allowances come out of a pot that all windows of an engine share and that their work fills
// again: of ten hard windows that come together a few are tried again, and the others are
// answered with what they have.
//
// Threads: as the engine whose pot it is.

#include <stdbool.h>
#include <stddef.h>

#include "decode/job.h"

// Decoder steps that one job's retries may take. The full context takes thirty, and a sentence
// another thirty per attempt: that context, and one or two temperatures. Of 250
// windows of all speech folders one is tried again at all (docs/decisions/0014).
#define RETRY_ALLOWANCE 100

struct retry_pot {
        size_t n_steps;  // that may be handed out
        size_t n_work;   // of the engine, not yet turned into steps here
};

// Fill it to the brim: two windows may be tried again at a time.
void retry_pot_fill(struct retry_pot *pot);

// The engine has worked so many decoder steps: a part of them goes into the pot.
void retry_pot_earn(struct retry_pot *pot, size_t n_steps);

// Of one job. Zeroed has none taken.
struct retries {
        struct retry_pot *pot;  // lent
        size_t n_left;          // of what was taken out of the pot
        bool has_taken;
        bool is_one;  // what is at work is not the window's first attempt
};

// May the window be tried again? Takes the job's allowance when this is its first retry.
bool retries_begin(struct retries *retries, const struct job *job);

// So many steps of the decoder, or what takes as long, were spent on what is at work.
void retries_charge(struct retries *retries, const struct job *job, size_t n_steps);

// A retry is at work that has to end: its allowance is spent, or its job overdue.
bool retries_are_over(const struct retries *retries, const struct job *job);

// The job leaves: what it did not use goes back.
void retries_end(struct retries *retries);
