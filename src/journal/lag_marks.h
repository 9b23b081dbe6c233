#pragma once
// Lag marks: when was a row written? One mark for many rows, so that the answer is at hand and
// about right.
//
// Threads: any one at a time.
// Memory:  plain data of its owner.

#include <stddef.h>
#include <stdint.h>

#define LAG_MARKS_MAX 512

struct lag_mark {
        int64_t row, ms;  // written at that Unix time, in milliseconds
};

// Zeroed is empty.
struct lag_marks {
        struct lag_mark items[LAG_MARKS_MAX];
        size_t n;
};

// The row, which is behind all others, was written then. Marks of less than a second are one;
// when there is no room, every other mark goes.
void lag_marks_add(struct lag_marks *marks, int64_t row, int64_t ms);

// When that row was written, or one before it that has a mark; 0 when nothing is known.
int64_t lag_marks_get(const struct lag_marks *marks, int64_t row);
