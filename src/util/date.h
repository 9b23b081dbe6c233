#pragma once
// Date: points in time as people write them.
//
// Threads: any; no state.

#include <stdbool.h>
#include <stdint.h>

// The Unix time in milliseconds of "2026-11-30", "2026-11-30T12:00", "2026-11-30 12:00:30.5"
// and so on, in the machine's time zone, or with "Z" or an offset ("+01:00") behind a time in
// that one. False, with *ret as it was, when the text is none.
bool date_read(const char *text, int64_t *ret);
