#include "audio/resampler.h"

#include <assert.h>
#include <soxr.h>
#include <stdlib.h>

#include "audio/pcm.h"
#include "util/mem.h"

#define PIECE 1024  // samples that leave at a time

// The library waits for blocks of so many samples (2^8, its least) and transforms them. Its
// own choice, longer blocks, costs a third less and keeps everybody waiting twice as long.
#define BLOCK_LOG2 8

struct resampler {
        soxr_t soxr;
};

struct resampler *resampler_new(unsigned rate) {
        const soxr_io_spec_t samples = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
        const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
        soxr_runtime_spec_t work = soxr_runtime_spec(1);
        struct resampler *resampler = xnew(struct resampler);
        soxr_error_t failure;

        assert(rate >= RESAMPLER_RATE_MIN && rate <= RESAMPLER_RATE_MAX);
        work.log2_large_dft_size = work.log2_min_dft_size = BLOCK_LOG2;
        resampler->soxr = soxr_create(rate, AUDIO_RATE, 1, &failure, &samples, &quality, &work);
        if (!resampler->soxr)  // for want of memory alone
                abort();
        return resampler;
}

struct resampler *resampler_free(struct resampler *resampler) {
        if (!resampler)
                return NULL;
        soxr_delete(resampler->soxr);
        return mem_free(resampler);
}

// `samples` NULL: there are no more.
static void resampler_run(struct resampler *resampler, const float *samples, size_t n,
                          void (*on_samples)(void *context, const float *samples, size_t n),
                          void *context) {
        float out[PIECE];
        size_t taken, n_out;

        do {
                // It fails only when it is asked for what it never is here.
                soxr_process(resampler->soxr, samples, n, &taken, out, PIECE, &n_out);
                if (samples)
                        samples += taken;
                n -= taken;
                if (n_out > 0)
                        on_samples(context, out, n_out);
        } while (n > 0 || n_out == PIECE);
}

void resampler_push(struct resampler *resampler, const float *samples, size_t n,
                    void (*on_samples)(void *context, const float *samples, size_t n),
                    void *context) {
        if (n > 0)
                resampler_run(resampler, samples, n, on_samples, context);
}

void resampler_finish(struct resampler *resampler,
                      void (*on_samples)(void *context, const float *samples, size_t n),
                      void *context) {
        resampler_run(resampler, NULL, 0, on_samples, context);
}
