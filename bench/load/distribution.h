#pragma once
// Distribution: many measured values, and their percentiles.
//
// Threads: any one at a time.
// Memory:  zeroed is empty; values are kept, eight bytes each.

#include <stdbool.h>
#include <stddef.h>

struct distribution {
        double *values;
        size_t n;
        size_t capacity;
        bool is_sorted;
};

void distribution_add(struct distribution *distribution, double value);

// The value below which this share (0..1) of the values lies, between two values in proportion
// (as numpy's percentile does). NAN when there are none.
double distribution_quantile(struct distribution *distribution, double share);

// NAN when there are none.
double distribution_mean(const struct distribution *distribution);

void distribution_deinit(struct distribution *distribution);
