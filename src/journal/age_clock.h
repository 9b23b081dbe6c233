#pragma once
// Age clock: what time it is, for whoever removes what is too old. The wall clock may be set to
// any time, by hand or by a network that is wrong; all that is kept would be too old then. So a
// time that it jumped to is not believed before it has stood for a day: till then this clock
// goes on from where it was.
//
// Threads: one at a time; age_clock_time(): loop thread.
// Memory:  plain data of its owner.

#include <stdint.h>

#include "util/loop.h"

struct age_time {
        int64_t wall_ms;  // Unix ms
        nsec_t steady;    // since whenever, and never set: what the machine slept is in it
};

struct age_clock {
        const char *who;    // in the log; lent
        int64_t base_ms;    // what it said when it last believed the wall clock,
        nsec_t base_at;     // and when that was, on the steady clock like what follows
        int64_t offset_ms;  // from the steady clock to the wall clock
        nsec_t doubted_until;
};

// What time it is for that loop.
struct age_time age_clock_time(const struct loop *loop);

// Begin. The newest of what is kept was made then (Unix ms; 0: nothing is): the wall clock is
// believed if it is less than a day ahead of that.
void age_clock_begin(struct age_clock *clock, const char *who, int64_t newest_ms,
                     struct age_time time);

// The time to go by, Unix ms: never later than the wall clock has it. Asked often, it follows
// a clock that is put right little by little.
int64_t age_clock_read(struct age_clock *clock, struct age_time time);
