#pragma once
// Schedule: what one talker says and when, on a clock of samples that begins with its session:
// whole recordings in an order of its own, with silence between them.
//
// Threads: any; a schedule does not change.

#include <stdint.h>

#include "load/corpus.h"

struct schedule_config {
        double seconds;        // recordings begin before this time
        double pause_seconds;  // between recordings: 3/4 to 5/4 of this; unless
        double talking_share;  // > 0: of the whole time, by pauses in proportion to the
                               // recordings
        uint32_t talker;       // different talkers have different orders
};

struct utterance {
        const struct recording *recording;
        int64_t begin;  // sample of the clock
};

struct schedule {
        struct utterance *utterances;
        size_t n;
        int64_t end;  // of the last utterance
};

// At least one utterance; when all recordings were said they are shuffled and said again.
struct schedule *schedule_new(const struct corpus *corpus,
                              const struct schedule_config *config);
struct schedule *schedule_free(struct schedule *schedule);

// Write the sound from `position` on, `n` samples: zeros in pauses and after the end.
void schedule_read(const struct schedule *schedule, int64_t position, size_t n, float *ret);

DEFINE_CLEANUP(struct schedule *, schedule_free);
