#include "audio/resampler.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "util/mem.h"

// Zero crossings of the sinc on each side, places of it between two of them that are computed,
// and what is left of the lower of both rates' bandwidth: the rest is the filter's slope.
#define CROSSINGS 24
#define PLACES    256
#define BANDWIDTH 0.93

// Of the Kaiser window: stop band against slope.
#define KAISER_BETA 8.0

#define PIECE 1024  // samples that leave at a time

struct resampler {
        unsigned rate;
        double places;  // of the kernel for one sample's distance
        size_t reach;   // samples on each side that a place depends on
        float *kernel;  // of CROSSINGS * PLACES + 2 places, from its middle on
        float *kept;    // samples that are still needed
        size_t n_kept, capacity;
        int64_t first;  // which sample of all the first of them is; those before 0 are silence
        int64_t n_out;  // samples that left
};

// The modified Bessel function of the first kind, of order 0.
static double bessel(double x) {
        double sum = 1, term = 1;

        for (int i = 1; term > sum * 1e-12; i++) {
                term *= (x / 2 / i) * (x / 2 / i);
                sum += term;
        }
        return sum;
}

static float *kernel_make(double bandwidth) {
        const size_t n = CROSSINGS * PLACES;
        float *kernel = xcalloc(n + 2, sizeof(*kernel));

        for (size_t i = 0; i <= n; i++) {
                double x = M_PI * (double)i / PLACES, at = (double)i / (double)n;
                double window = bessel(KAISER_BETA * sqrt(1 - at * at)) / bessel(KAISER_BETA);

                kernel[i] = (float)(bandwidth * window * (i ? sin(x) / x : 1));
        }
        return kernel;
}

struct resampler *resampler_new(unsigned rate) {
        struct resampler *resampler = xnew(struct resampler);
        double bandwidth = BANDWIDTH * (rate > AUDIO_RATE ? (double)AUDIO_RATE / rate : 1);

        assert(rate >= RESAMPLER_RATE_MIN && rate <= RESAMPLER_RATE_MAX);
        resampler->rate = rate;
        resampler->places = bandwidth * PLACES;
        resampler->reach = (size_t)(CROSSINGS / bandwidth);
        resampler->kernel = kernel_make(bandwidth);
        // The first sample that leaves has silence before it.
        resampler->first = -(int64_t)resampler->reach;
        resampler->n_kept = resampler->reach;
        resampler->capacity = resampler->reach;
        resampler->kept = xcalloc(resampler->capacity, sizeof(*resampler->kept));
        return resampler;
}

struct resampler *resampler_free(struct resampler *resampler) {
        if (!resampler)
                return NULL;
        free(resampler->kernel);
        free(resampler->kept);
        return mem_free(resampler);
}

// The kernel at so many places from its middle.
static float kernel_at(const struct resampler *resampler, double place) {
        size_t i = (size_t)place;
        float part = (float)(place - (double)i);

        if (i >= CROSSINGS * PLACES)
                return 0;
        return resampler->kernel[i] + part * (resampler->kernel[i + 1] - resampler->kernel[i]);
}

// The sound at `at` + `part` samples, all of which are kept.
static float sound_at(const struct resampler *resampler, int64_t at, double part) {
        const float *middle = resampler->kept + (at - resampler->first);
        float sum = 0;

        for (size_t i = 0; i < resampler->reach; i++) {
                double left = ((double)i + part) * resampler->places;
                double right = ((double)i + 1 - part) * resampler->places;

                sum += *(middle - i) * kernel_at(resampler, left);
                sum += *(middle + 1 + i) * kernel_at(resampler, right);
        }
        return sum;
}

static void keep(struct resampler *resampler, const float *samples, size_t n) {
        if (resampler->n_kept + n > resampler->capacity) {
                resampler->capacity = resampler->n_kept + n;
                resampler->kept = xrealloc_array(resampler->kept, resampler->capacity,
                                                 sizeof(*resampler->kept));
        }
        memcpy(resampler->kept + resampler->n_kept, samples, n * sizeof(*samples));
        resampler->n_kept += n;
}

// What no sample that is to leave depends on.
static void drop(struct resampler *resampler, int64_t next) {
        int64_t n = next - (int64_t)resampler->reach - resampler->first;

        if (n <= 0)
                return;
        resampler->n_kept -= (size_t)n;
        memmove(resampler->kept, resampler->kept + n,
                resampler->n_kept * sizeof(*resampler->kept));
        resampler->first += n;
}

static void piece_push(struct resampler *resampler, const float *samples, size_t n,
                       void (*on_samples)(void *context, const float *samples, size_t n),
                       void *context) {
        float out[PIECE];
        size_t n_out = 0;
        int64_t at;

        keep(resampler, samples, n);
        for (;; resampler->n_out++) {
                int64_t time = resampler->n_out * resampler->rate;
                double part = (double)(time % AUDIO_RATE) / AUDIO_RATE;

                at = time / AUDIO_RATE;
                if (at + (int64_t)resampler->reach + 1 >
                    resampler->first + (int64_t)resampler->n_kept - 1)
                        break;
                out[n_out++] = sound_at(resampler, at, part);
                if (n_out < PIECE)
                        continue;
                on_samples(context, out, n_out);
                n_out = 0;
        }
        if (n_out)
                on_samples(context, out, n_out);
        drop(resampler, at);
}

void resampler_push(struct resampler *resampler, const float *samples, size_t n,
                    void (*on_samples)(void *context, const float *samples, size_t n),
                    void *context) {
        while (n > 0) {
                size_t piece = n < PIECE ? n : PIECE;

                piece_push(resampler, samples, piece, on_samples, context);
                samples += piece;
                n -= piece;
        }
}
