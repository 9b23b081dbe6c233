#pragma once
// Random rig: the numbers that products are tested with, the same in every run. Only in tests.
//
// Threads: main thread.

#include <stddef.h>

// Between -1 and 1; and such that half precision keeps exactly.
float rig_random(void);
float rig_random_half(void);

// Begin again with the first of them.
void rig_random_restart(void);

// n of either kind, the former times `scale`; the caller frees them.
float *rig_random_floats(size_t n, float scale);
float *rig_random_halves(size_t n);
