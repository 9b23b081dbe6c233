#pragma once
// Transcriptions, their parts: what they are, and what each of them is.
//
// Threads: loop thread only.

#include "transcription/chore.h"
#include "transcription/intake.h"
#include "transcription/transcriptions.h"

struct finishing;

struct transcription {
        struct transcriptions *all;
        struct transcription_record record;
        struct transcription_bringer bringer;  // of one that is coming
        struct intake *intake;                 // likewise
        struct transcription_run *run;         // of one that is running
        struct finishing *finishing;           // its result is being written
        nsec_t due, delay;                     // not begun before; what to add to that
        unsigned n_losses;                     // times that what reads media broke down at it
        LIST_HEAD(, transcription_waiter) waiters;
        TAILQ_ENTRY(transcription) link;
};

TAILQ_HEAD(transcription_list, transcription);

struct transcriptions {
        struct transcriptions_parts parts;
        struct loop *loop;
        char *folder;
        int lock;       // of the folder; -1: not ours
        char *trouble;  // why it is not, as the log was told
        struct chores *chores;
        struct transcription_list list, coming;  // the latest first
        uint64_t used;                           // bytes of all
        size_t n_unfinished, n_running;          // coming ones are unfinished
        size_t n_unwritten;                      // whose text the disk does not take yet
        uint64_t n_done, n_failed;               // since the start
        bool is_stopping;
        struct loop_timer *tick;
};

// Tell who waits for its end: as it is now, or that it was removed.
void transcription_tell(struct transcription *transcription, bool is_removed);
