#pragma once
// Number: plain decimal numbers in what people write.
//
// Threads: any; no state.

// The number that the text begins with, digits with at most a point and a minus sign; what
// strtod() takes beyond that (nan, 0x1p3, 1e3) is none. Returns where it ends, or NULL when
// there is none.
const char *number_read(const char *text, double *ret);
