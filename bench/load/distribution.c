#include "load/distribution.h"

#include <math.h>
#include <stdlib.h>

#include "util/array.h"
#include "util/mem.h"

void distribution_add(struct distribution *distribution, double value) {
        distribution->values = array_grow(distribution->values, distribution->n,
                                          &distribution->capacity, sizeof(double));
        distribution->values[distribution->n++] = value;
        distribution->is_sorted = false;
}

static int values_compare(const void *a, const void *b) {
        double left = *(const double *)a, right = *(const double *)b;

        return (left > right) - (left < right);
}

double distribution_quantile(struct distribution *distribution, double share) {
        double at, below;
        size_t i;

        if (distribution->n == 0)
                return NAN;
        if (!distribution->is_sorted)
                qsort(distribution->values, distribution->n, sizeof(double), values_compare);
        distribution->is_sorted = true;
        at = share * (double)(distribution->n - 1);
        below = floor(at);
        i = (size_t)below;
        if (i + 1 >= distribution->n)
                return distribution->values[distribution->n - 1];
        return distribution->values[i] +
               (at - below) * (distribution->values[i + 1] - distribution->values[i]);
}

double distribution_mean(const struct distribution *distribution) {
        double sum = 0;

        for (size_t i = 0; i < distribution->n; i++)
                sum += distribution->values[i];
        return distribution->n > 0 ? sum / (double)distribution->n : NAN;
}

void distribution_deinit(struct distribution *distribution) {
        free(distribution->values);
        *distribution = (struct distribution){0};
}
