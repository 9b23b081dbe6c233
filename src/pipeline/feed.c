#include "pipeline/feed.h"

#include <errno.h>
#include <string.h>

#include "audio/resampler.h"

#define FEED_SAMPLES 4096  // converted at a time, of all channels together

static size_t feed_channels(const struct feed *feed) {
        return feed->channels ? feed->channels : 1;
}

int feed_init(struct feed *feed, const struct request *request, struct error *error) {
        unsigned rate = request->rate ? request->rate : AUDIO_RATE;

        *feed = (struct feed){0};
        if (rate < RESAMPLER_RATE_MIN || rate > RESAMPLER_RATE_MAX)
                return error_set(error, -EINVAL,
                                 "the sound's rate is %u Hz: %d to %d are understood", rate,
                                 RESAMPLER_RATE_MIN, RESAMPLER_RATE_MAX);
        if (request->channels > FEED_CHANNELS_MAX)
                return error_set(error, -EINVAL,
                                 "the sound has %u channels: at most %d are understood",
                                 request->channels, FEED_CHANNELS_MAX);
        feed->format = request->format;
        feed->channels = request->channels;
        feed->channel = request->channel;
        if (feed->channel > feed_channels(feed)) {
                *feed = (struct feed){0};
                return error_set(error, -EINVAL, "channel %u is asked for, of %u",
                                 request->channel, request->channels);
        }
        feed->rate = rate;
        if (rate != AUDIO_RATE)
                feed->resampler = resampler_new(rate);
        return 0;
}

void feed_deinit(struct feed *feed) {
        resampler_free(feed->resampler);
        *feed = (struct feed){0};
}

// One channel out of `n` frames, in place: the one that is asked for, or the mean of all.
static void feed_mix(const struct feed *feed, float *samples, size_t n) {
        size_t channels = feed_channels(feed);

        if (feed->channel) {
                for (size_t i = 0; i < n; i++)
                        samples[i] = samples[i * channels + feed->channel - 1];
                return;
        }
        for (size_t i = 0; i < n; i++) {
                float sum = 0;

                for (size_t j = 0; j < channels; j++)
                        sum += samples[i * channels + j];
                samples[i] = sum / (float)channels;
        }
}

// Whole frames.
static bool feed_frames(struct feed *feed, const uint8_t *bytes, size_t n,
                        void (*on_samples)(void *context, const float *samples, size_t n),
                        void *context) {
        float samples[FEED_SAMPLES];
        size_t channels = feed_channels(feed), most = FEED_SAMPLES / channels;
        size_t size = channels * pcm_sample_size(feed->format);
        bool is_implausible = feed->format == PCM_F32 &&
                              plausibility_add(&feed->plausibility, bytes, n * channels);

        while (n > 0) {
                size_t piece = n < most ? n : most;

                pcm_to_float(feed->format, bytes, piece * channels, samples);
                if (channels > 1)
                        feed_mix(feed, samples, piece);
                if (feed->resampler)
                        resampler_push(feed->resampler, samples, piece, on_samples, context);
                else
                        on_samples(context, samples, piece);
                bytes += piece * size;
                n -= piece;
        }
        return is_implausible;
}

bool feed_push(struct feed *feed, const uint8_t *bytes, size_t n,
               void (*on_samples)(void *context, const float *samples, size_t n),
               void *context) {
        size_t size = feed_channels(feed) * pcm_sample_size(feed->format);
        bool is_implausible = false;

        if (feed->n_cut > 0) {
                size_t lacking = size - feed->n_cut, taken = n < lacking ? n : lacking;

                memcpy(feed->cut + feed->n_cut, bytes, taken);
                feed->n_cut += taken;
                bytes += taken;
                n -= taken;
                if (feed->n_cut < size)
                        return false;
                feed->n_cut = 0;
                is_implausible = feed_frames(feed, feed->cut, 1, on_samples, context);
        }
        is_implausible |= feed_frames(feed, bytes, n / size, on_samples, context);
        feed->n_cut = n % size;
        memcpy(feed->cut, bytes + n - feed->n_cut, feed->n_cut);
        return is_implausible;
}

void feed_finish(struct feed *feed,
                 void (*on_samples)(void *context, const float *samples, size_t n),
                 void *context) {
        if (!feed->resampler)
                return;
        resampler_finish(feed->resampler, on_samples, context);
        resampler_free(feed->resampler);
        feed->resampler = resampler_new(feed->rate);
}
