#include "audio/activity.h"

#include <stdbool.h>

static int64_t clamp(int64_t step) {
        if (step < 0)
                return 0;
        return step < ACTIVITY_STEPS ? step : ACTIVITY_STEPS;
}

// The step that the sample lies in, or the next one when less than half of it is left.
static int64_t step_of(int64_t sample) {
        return clamp((sample + ACTIVITY_STEP / 2) / ACTIVITY_STEP);
}

void activity_add(struct activity *activity, int64_t begin, int64_t end) {
        for (int64_t i = step_of(begin); i < step_of(end); i++)
                activity->bits[i / 64] |= (uint64_t)1 << (i % 64);
}

static bool is_speech(const struct activity *activity, int64_t step) {
        return activity->bits[step / 64] >> (step % 64) & 1;
}

int64_t activity_within(const struct activity *activity, int64_t begin, int64_t end) {
        int64_t n = 0;

        for (int64_t i = step_of(begin); i < step_of(end); i++)
                n += is_speech(activity, i);
        return n * ACTIVITY_STEP;
}

struct activity activity_from(const struct activity *activity, int64_t begin) {
        struct activity rest = {0};
        int64_t first = step_of(begin);

        for (int64_t i = first; i < ACTIVITY_STEPS; i++)
                if (is_speech(activity, i))
                        rest.bits[(i - first) / 64] |= (uint64_t)1 << ((i - first) % 64);
        return rest;
}
