#include "audio/level.h"

#include <math.h>

static void step_feed(struct level_step *step, const float *samples, size_t n) {
        float squares = 0, peak = step->peak;

        // A step is short enough for float; its sums are kept as double.
        for (size_t i = 0; i < n; i++) {
                float sample = samples[i], size = fabsf(sample);

                squares += sample * sample;
                peak = size > peak ? size : peak;
        }
        step->squares += (double)squares;
        step->peak = peak;
        step->n += n;
}

void level_feed(struct level *level, const float *samples, size_t n) {
        while (n > 0) {
                struct level_step *step = &level->steps[level->at];
                size_t n_here = LEVEL_STEP - step->n < n ? LEVEL_STEP - step->n : n;

                step_feed(step, samples, n_here);
                samples += n_here;
                n -= n_here;
                if (step->n < LEVEL_STEP)
                        continue;
                level->at = (level->at + 1) % (LEVEL_STEPS + 1);
                level->steps[level->at] = (struct level_step){0};
        }
}

static double decibels(double amplitude) {
        double value = amplitude > 0 ? 20 * log10(amplitude) : LEVEL_FLOOR;

        return value > LEVEL_FLOOR ? value : LEVEL_FLOOR;
}

struct level_reading level_read(const struct level *level) {
        double squares = 0, peak = 0;
        size_t n = 0;

        for (size_t i = 0; i <= LEVEL_STEPS; i++) {
                squares += level->steps[i].squares;
                peak = fmax(peak, (double)level->steps[i].peak);
                n += level->steps[i].n;
        }
        if (n == 0)
                return (struct level_reading){(double)NAN, (double)NAN};
        return (struct level_reading){decibels(sqrt(squares / (double)n)), decibels(peak)};
}
