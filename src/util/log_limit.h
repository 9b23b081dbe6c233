#pragma once
// Log limit: how many lines of one event may be written. Whoever can make an event happen (a
// peer that connects and is refused, say) can make it happen ten thousand times a second, and
// must not fill the disk with it.
//
// Threads: none of its own; the caller holds whatever lock it needs.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/loop.h"

// Of each event so many lines may come at once: the states of a thousand cameras at the start.
#define LOG_EVENT_BURST 1000

// And so many a second from then on: some 2 kB a second.
#define LOG_EVENT_RATE 10

// What was left out is told after this time.
#define LOG_LEFT_OUT_INTERVAL (10 * NSEC_PER_SEC)

// More events than the program has; what comes beyond them is not limited.
#define LOG_EVENTS_MAX 64

struct log_limit_event {
        const char *name;  // lent; a literal
        nsec_t credit;     // what may still be written, each line worth NSEC_PER_SEC / RATE
        nsec_t updated;
        nsec_t first_left_out;  // since the last report
        uint64_t n_left_out;
};

struct log_limit {
        struct log_limit_event events[LOG_EVENTS_MAX];
        size_t n;
};

// May a line of that event be written now? If not, it is counted.
bool log_limit_admit(struct log_limit *limit, const char *event, nsec_t now);

// An event of which lines were left out long enough ago to be told; its count is taken. NULL
// when there is none. `all`: however short ago.
const char *log_limit_report(struct log_limit *limit, nsec_t now, bool all,
                             uint64_t *ret_left_out);
