#pragma once
// Number: numbers within limits, and plain decimal ones in what people write.
//
// Threads: any; no state.

#include <stdbool.h>
#include <stdint.h>

// The value, or the limit that it is beyond; at most `most`, and at least `least` in any case.
static inline int64_t number_clamp(int64_t value, int64_t least, int64_t most) {
        value = value > most ? most : value;
        return value < least ? least : value;
}

// The number that the text begins with, digits with at most a point and a minus sign; what
// strtod() takes beyond that (nan, 0x1p3, 1e3) is none, nor is a zero with a minus sign, which
// would pass for a number that is not negative. Returns where it ends, or NULL when there is
// none.
const char *number_read(const char *text, double *ret);

// A size in bytes, such as "256MB", "1.5GB" or "512MiB" (KB, MB, GB, TB: powers of 1000; KiB,
// MiB, GiB, TiB: of 1024). A number alone is MB. False, with *ret as it was, when the text is
// none, or beyond 2^63.
bool size_read(const char *text, uint64_t *ret);

// A time in seconds, such as "0.6", "90s", "500ms", "30m", "1.5h" or "30d". False, with *ret as
// it was, when the text is none, or beyond 2^63.
bool seconds_read(const char *text, double *ret);

// An amount as people write it, in the largest unit that leaves a whole number: "16MB",
// "1000h"; "512KiB" where no thousand bytes do. The caller frees it.
char *size_words(uint64_t size);
char *seconds_words(double seconds);
