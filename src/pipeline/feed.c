#include "pipeline/feed.h"

#include "audio/resampler.h"

#define FEED_SAMPLES 4096  // converted at a time

static void feed_on_samples(void *context, const float *samples, size_t n) {
        stream_on_audio(context, samples, n);
}

bool feed_push(struct feed *feed, struct stream *stream, const uint8_t *bytes, size_t n) {
        float samples[FEED_SAMPLES];
        size_t size = pcm_sample_size(feed->format);
        bool is_implausible = feed->format == PCM_F32 &&
                              plausibility_add(&feed->plausibility, bytes, n / size);

        for (size_t left = n / size; left > 0;) {
                size_t piece = left < FEED_SAMPLES ? left : FEED_SAMPLES;

                pcm_to_float(feed->format, bytes, piece, samples);
                if (feed->resampler)
                        resampler_push(feed->resampler, samples, piece, feed_on_samples,
                                       stream);
                else
                        stream_on_audio(stream, samples, piece);
                bytes += piece * size;
                left -= piece;
        }
        return is_implausible;
}
